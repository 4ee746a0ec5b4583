//! `requestState`: what a client of 2026-07-28 keeps for us between an `InputRequiredResult` and
//! its retry (MCP 2026-07-28, Multi Round-Trip Requests).
//!
//! It is encrypted and bound to caller, method, tool and arguments, so it opens nothing but a retry
//! of the very same call. It holds no secret: the flow's name, a counter and a time.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::broker::{Broker, BrokerError};
use crate::caller::Caller;
use crate::clock::Clock;

/// Longer than any state that this server makes.
const MAX_LENGTH: usize = 4096;

/// The first byte of the plaintext; another layout gets another one.
const LAYOUT: u8 = 1;

/// The call that a state belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'a> {
    /// Who calls.
    pub caller: &'a Caller,
    /// The tool's name.
    pub tool: &'static str,
    /// Its arguments.
    pub arguments: &'a Map<String, Value>,
}

/// What a state says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// The flow whose link was given.
    pub flow: [u8; 32],
    /// How many flows this call has seen completed.
    pub completed: u8,
    /// When the link stops working, and the state with it.
    pub expires_at: Timestamp,
}

/// Why a state is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum StateError {
    /// It was altered, or belongs to another caller, tool or arguments.
    #[error("requestState is not one that this call was given. Call the tool again without it.")]
    Invalid,
    /// Its link is too old.
    #[error("requestState has expired. Call the tool again without it.")]
    Expired,
    /// This state has let a write go ahead before.
    #[error(
        "requestState was used before. The tool may have run; look before you call it again without requestState."
    )]
    Used,
    /// The store that holds the key cannot be used.
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

impl StateError {
    /// For `error.data.reason`.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Expired => "expired",
            Self::Used => "used",
            Self::Broker(_) => "unavailable",
        }
    }
}

/// Makes and opens states.
#[derive(Debug)]
pub(super) struct RequestStates {
    broker: Broker,
    clock: Clock,
    /// Digests of the states that let a write go ahead, until they expire anyway.
    used: Mutex<HashMap<[u8; 32], Timestamp>>,
}

impl RequestStates {
    pub(super) fn new(broker: Broker, clock: Clock) -> Self {
        Self {
            broker,
            clock,
            used: Mutex::default(),
        }
    }

    /// The text to give to the client. Two of the same state differ.
    pub(super) async fn seal(
        &self,
        subject: Subject<'_>,
        state: State,
    ) -> Result<String, BrokerError> {
        let mut plain = vec![LAYOUT, state.completed];
        plain.extend(state.expires_at.as_second().to_be_bytes());
        plain.extend(state.flow);
        let sealed = self.broker.seal(&context(subject), &plain).await?;
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// What the client sent back.
    pub(super) async fn open(&self, subject: Subject<'_>, text: &str) -> Result<State, StateError> {
        if text.len() > MAX_LENGTH {
            return Err(StateError::Invalid);
        }
        let sealed = URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| StateError::Invalid)?;
        let plain = self.broker.unseal(&context(subject), &sealed).await?;
        let state = plain
            .and_then(|plain| read(&plain))
            .ok_or(StateError::Invalid)?;
        if state.expires_at <= self.clock.now() {
            return Err(StateError::Expired);
        }
        Ok(state)
    }

    /// Marks a state as used up. A retry of a write that the transport repeats must not write
    /// twice, so its state lets it go ahead once (MCP 2026-07-28, Multi Round-Trip Requests).
    pub(super) fn redeem(&self, text: &str, state: State) -> Result<(), StateError> {
        let now = self.clock.now();
        let digest = Sha256::digest(text).into();
        // A panic elsewhere cannot leave the table wrong: each change is one insert.
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.retain(|_, expires_at| *expires_at > now);
        match used.insert(digest, state.expires_at) {
            None => Ok(()),
            Some(_) => Err(StateError::Used),
        }
    }
}

fn read(plain: &[u8]) -> Option<State> {
    let (&[layout, completed], rest) = plain.split_first_chunk()?;
    let (expires_at, flow) = rest.split_first_chunk()?;
    (layout == LAYOUT).then_some(State {
        flow: flow.try_into().ok()?,
        completed,
        expires_at: Timestamp::from_second(i64::from_be_bytes(*expires_at)).ok()?,
    })
}

/// The associated data of the encryption: whose call of what.
fn context(subject: Subject<'_>) -> Vec<u8> {
    let mut canonical = Vec::new();
    write_object(subject.arguments, &mut canonical);
    let mut context = b"requestState tools/call\0".to_vec();
    context.extend(subject.caller.digest());
    context.extend(Sha256::digest(subject.tool));
    context.extend(Sha256::digest(canonical));
    context
}

/// JSON with sorted keys and whole numbers without a fraction: a client may parse the arguments and
/// write them again before it retries.
fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Object(members) => write_object(members, out),
        Value::Array(items) => {
            out.push(b'[');
            for item in items {
                write(item, out);
                out.push(b',');
            }
            out.push(b']');
        }
        Value::Number(number) => match number.as_f64() {
            // Beyond 2^53 the neighbours of a float are not told apart, so its text is kept.
            Some(float) if float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0 => {
                // Adding zero takes the sign off a negative zero.
                out.extend(format!("{:.0}", float + 0.0).bytes());
            }
            _ => out.extend(number.to_string().bytes()),
        },
        simple => out.extend(simple.to_string().bytes()),
    }
}

fn write_object(members: &Map<String, Value>, out: &mut Vec<u8>) {
    let mut members: Vec<_> = members.iter().collect();
    members.sort_unstable_by_key(|(name, _)| *name);
    out.push(b'{');
    for (name, value) in members {
        out.extend(Value::from(name.as_str()).to_string().bytes());
        out.push(b':');
        write(value, out);
        out.push(b',');
    }
    out.push(b'}');
}
