//! `requestState`: what a client of 2026-07-28 keeps for us between an `InputRequiredResult` and
//! its retry (MCP 2026-07-28, Multi Round-Trip Requests).
//!
//! It is encrypted and bound to caller, method, tool and arguments, so it opens nothing but a retry
//! of the very same call. It holds no secret: the name of a flow or of a
//! preview, a counter and a time.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::audit::{self, Hex};
use crate::broker::{Broker, BrokerError};
use crate::caller::Caller;
use crate::clock::Clock;

/// Longer than any state that this server makes.
const MAX_LENGTH: usize = 4096;

/// The first byte of the plaintext says what was asked.
const FLOW: u8 = 1;
const CONFIRM: u8 = 2;

/// The call that a state belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'a> {
    /// Who calls.
    pub caller: &'a Caller,
    /// The tool's name.
    pub tool: &'a str,
    /// Its arguments.
    pub arguments: &'a Map<String, Value>,
}

/// What a state says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// What the person was asked.
    pub asked: Asked,
    /// How many flows this call has seen completed.
    pub completed: u8,
    /// When the link stops working, and the state with it.
    pub expires_at: Timestamp,
}

/// What the person was asked when the state was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// To follow the link of this flow.
    Flow([u8; 32]),
    /// To agree to what has this name.
    Confirm(Hex<16>),
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
    /// The person was asked to agree, and does not.
    #[error("The user does not want this to be done.")]
    NotConfirmed,
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
            Self::NotConfirmed => "not_confirmed",
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

    /// The time from now on.
    pub(super) fn later(&self, time: Duration) -> Timestamp {
        self.clock.now() + time
    }

    /// The text to give to the client. Two of the same state differ.
    pub(super) async fn seal(
        &self,
        subject: Subject<'_>,
        state: State,
    ) -> Result<String, BrokerError> {
        let (kind, name) = match &state.asked {
            Asked::Flow(flow) => (FLOW, &flow[..]),
            Asked::Confirm(id) => (CONFIRM, &id.0[..]),
        };
        let mut plain = vec![kind, state.completed];
        plain.extend(state.expires_at.as_second().to_be_bytes());
        plain.extend(name);
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
    let (&[kind, completed], rest) = plain.split_first_chunk()?;
    let (expires_at, name) = rest.split_first_chunk()?;
    Some(State {
        asked: match kind {
            FLOW => Asked::Flow(name.try_into().ok()?),
            CONFIRM => Asked::Confirm(Hex(name.try_into().ok()?)),
            _ => return None,
        },
        completed,
        expires_at: Timestamp::from_second(i64::from_be_bytes(*expires_at)).ok()?,
    })
}

/// The associated data of the encryption: whose call of what.
fn context(subject: Subject<'_>) -> Vec<u8> {
    let mut context = b"requestState tools/call\0".to_vec();
    context.extend(subject.caller.digest());
    context.extend(Sha256::digest(subject.tool));
    context.extend(audit::digest(subject.arguments));
    context
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Settings;
    use crate::config::Config;
    use crate::http::Http;
    use serde_json::json;
    use std::ffi::OsString;
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Duration;
    use tempfile::TempDir;

    const NOW: i64 = 1_800_000_000;

    fn clock() -> Clock {
        Clock::standing_at(Timestamp::from_second(NOW).unwrap())
    }

    fn states_in(home: &Path, clock: &Clock) -> RequestStates {
        let home = home.to_owned();
        let variables = move |name: &str| -> Option<OsString> {
            (name == "HOME").then(|| home.clone().into_os_string())
        };
        let (broker, _) = Broker::new(Settings {
            config: Arc::new(Config::load_with(None, &variables).unwrap()),
            http: Http::new(),
            clock: clock.clone(),
        });
        RequestStates::new(broker, clock.clone())
    }

    fn state() -> State {
        State {
            asked: Asked::Flow(*b"the digest of a link, of 32 byte"),
            completed: 1,
            expires_at: Timestamp::from_second(NOW + 600).unwrap(),
        }
    }

    fn arguments(value: Value) -> Map<String, Value> {
        serde_json::from_value(value).unwrap()
    }

    async fn refused(states: &RequestStates, subject: Subject<'_>, text: &str) -> &'static str {
        states.open(subject, text).await.unwrap_err().reason()
    }

    #[tokio::test]
    async fn a_state_opens_for_its_own_call_also_after_the_client_rewrote_the_arguments() {
        let home = TempDir::new().unwrap();
        let states = states_in(home.path(), &clock());
        let caller = Caller::verified("https://id.example", "ada");
        let sent =
            arguments(json!({ "to": "a", "limit": 5.0, "in": { "x": [1, -0.0], "y": 0.5 } }));
        let back = arguments(json!({ "in": { "y": 0.5, "x": [1.0, 0] }, "limit": 5, "to": "a" }));
        let subject = |arguments| Subject {
            caller: &caller,
            tool: "gmail_send_message",
            arguments,
        };
        let text = states.seal(subject(&sent), state()).await.unwrap();
        assert!(text.len() < 300);
        assert_eq!(states.open(subject(&back), &text).await.unwrap(), state());
        let bytes = URL_SAFE_NO_PAD.decode(&text).unwrap();
        assert!(!bytes.windows(10).any(|part| part == b"the digest"));
        assert_ne!(states.seal(subject(&sent), state()).await.unwrap(), text);
    }

    #[tokio::test]
    async fn another_caller_tool_or_argument_is_refused() {
        let home = TempDir::new().unwrap();
        let states = states_in(home.path(), &clock());
        let ada = Caller::verified("https://id.example", "ada");
        let bob = Caller::verified("https://id.example", "bob");
        let plain = arguments(json!({ "to": "ada@example.org", "count": 1 }));
        let made_for = Subject {
            caller: &ada,
            tool: "gmail_send_message",
            arguments: &plain,
        };
        let text = states.seal(made_for, state()).await.unwrap();
        let others = [
            json!({ "to": "eve@example.org", "count": 1 }),
            json!({ "to": "ada@example.org", "count": "1" }),
            json!({ "to": "ada@example.org", "count": 1, "cc": null }),
            json!({ "to": "ada@example.org,\"count\":1" }),
            json!({}),
        ];
        for other in others {
            let other = arguments(other);
            let subject = Subject {
                arguments: &other,
                ..made_for
            };
            assert_eq!(
                refused(&states, subject, &text).await,
                "invalid",
                "{other:?}"
            );
        }
        let subject = Subject {
            caller: &bob,
            ..made_for
        };
        assert_eq!(refused(&states, subject, &text).await, "invalid");
        let subject = Subject {
            tool: "gmail_search_messages",
            ..made_for
        };
        assert_eq!(refused(&states, subject, &text).await, "invalid");

        let elsewhere = TempDir::new().unwrap();
        let foreign = states_in(elsewhere.path(), &clock());
        assert_eq!(refused(&foreign, made_for, &text).await, "invalid");
    }

    #[tokio::test]
    async fn no_altered_state_is_accepted() {
        let home = TempDir::new().unwrap();
        let states = states_in(home.path(), &clock());
        let caller = Caller::local();
        let none = Map::new();
        let subject = Subject {
            caller: &caller,
            tool: "slack_post_message",
            arguments: &none,
        };
        let text = states.seal(subject, state()).await.unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(&text).unwrap();
        let mut altered: Vec<String> = Vec::new();
        for at in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[at / 8] ^= 1 << (at % 8);
            altered.push(URL_SAFE_NO_PAD.encode(bytes));
        }
        for length in 0..text.len() {
            altered.push(text[..length].to_owned());
        }
        let (front, back) = text.split_at(text.len() / 2);
        altered.extend([
            format!("{text}A"),
            format!("{text}-TAMPERED"),
            format!("{back}{front}"),
            format!(" {text}"),
            "not base64 at all!".to_owned(),
            "A".repeat(MAX_LENGTH),
            "A".repeat(1 << 20),
        ]);
        for altered in altered {
            let start = &altered[..altered.len().min(40)];
            assert_eq!(
                refused(&states, subject, &altered).await,
                "invalid",
                "{start}"
            );
        }
        assert_eq!(states.open(subject, &text).await.unwrap(), state());
    }

    #[tokio::test]
    async fn a_state_ends_with_its_link_and_outlives_its_process() {
        let home = TempDir::new().unwrap();
        let clock = clock();
        let caller = Caller::local();
        let none = Map::new();
        let subject = Subject {
            caller: &caller,
            tool: "slack_post_message",
            arguments: &none,
        };
        let text = {
            let before = states_in(home.path(), &clock);
            before.seal(subject, state()).await.unwrap()
        };
        let after = states_in(home.path(), &clock);
        clock.advance(Duration::from_secs(599));
        assert_eq!(after.open(subject, &text).await.unwrap(), state());
        clock.advance(Duration::from_secs(1));
        assert_eq!(refused(&after, subject, &text).await, "expired");
    }

    #[tokio::test]
    async fn a_state_lets_a_write_go_ahead_once() {
        let home = TempDir::new().unwrap();
        let clock = clock();
        let states = states_in(home.path(), &clock);
        states.redeem("one", state()).unwrap();
        states.redeem("two", state()).unwrap();
        assert_eq!(states.redeem("one", state()).unwrap_err().reason(), "used");
        clock.advance(Duration::from_secs(601));
        states.redeem("three", state()).unwrap();
        assert_eq!(
            states.used.lock().unwrap().len(),
            1,
            "what has expired is forgotten"
        );
    }
}
