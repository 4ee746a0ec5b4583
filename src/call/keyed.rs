//! A write with an idempotency key: its repetition is answered as it was, and does nothing.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::time::Instant;
use valetkey_toolkits::arguments::IDEMPOTENCY_KEY;
use valetkey_toolkits::error::{ErrorCode, ToolError};
use valetkey_toolkits::output::Output;

use crate::broker::{
    Begun, Broker, BrokerError, ConnectionId, KeyedAttempt, KeyedCallKey, KeyedEnd, MOST_KEPT,
};
use crate::call::{Call, Stop, fingerprint};

/// How long a repetition waits for the first call to end, and how often it looks.
const WAIT: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(100);

/// A call with an idempotency key.
#[derive(Debug)]
pub(super) struct Keyed {
    broker: Broker,
    attempt: KeyedAttempt,
}

/// An answer as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// Without it, `structured` was all that could be kept.
    text: Option<String>,
    structured: Option<Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    cursors: Vec<String>,
}

impl Keyed {
    /// None: the call has no key.
    pub(super) fn of(call: Call<'_>, broker: &Broker, connection: ConnectionId) -> Option<Self> {
        if !call.tool.takes(IDEMPOTENCY_KEY) {
            return None;
        }
        let idempotency_key = call.arguments.get(IDEMPOTENCY_KEY)?.as_str()?;
        let mut attempt = [0; 16];
        getrandom::fill(&mut attempt).expect("the operating system's random numbers are available");
        Some(Self {
            broker: broker.clone(),
            attempt: KeyedAttempt {
                key: KeyedCallKey {
                    caller: call.caller.clone(),
                    tool: call.tool.name.to_string(),
                    idempotency_key: idempotency_key.to_owned(),
                },
                fingerprint: fingerprint::of_call(call, connection),
                attempt,
            },
        })
    }

    /// Runs the tool if this is the first call with its key.
    pub(super) async fn run(
        self,
        run: impl Future<Output = Result<Output, ToolError>>,
    ) -> Result<Output, Stop> {
        if let Some(answer) = self.earlier().await? {
            return Ok(answer);
        }
        let result = run.await;
        let end = match &result {
            Ok(output) => KeyedEnd::Done {
                answer: kept(output),
            },
            Err(error) if error.code == ErrorCode::OutcomeUnknown => KeyedEnd::Unknown,
            Err(_) => KeyedEnd::NotDone,
        };
        self.end(end).await;
        Ok(result?)
    }

    /// The answer of an earlier call with the key, for one that is to be held first. The key stays
    /// free: if nothing comes of this call, nothing has happened.
    pub(super) async fn look(&self) -> Result<Option<Output>, Stop> {
        let earlier = self.earlier().await?;
        if earlier.is_none() {
            self.end(KeyedEnd::NotDone).await;
        }
        Ok(earlier)
    }

    /// The answer of the first call with the key; none if it is this one, which has begun now.
    async fn earlier(&self) -> Result<Option<Output>, Stop> {
        match self.begin().await.map_err(Stop::Broken)? {
            Begun::First => Ok(None),
            Begun::Done { at, answer } => Ok(Some(repeated(answer.as_deref(), at)?)),
            Begun::Running => Err(running().into()),
            Begun::Unknown { at } => Err(unknown(at).into()),
            Begun::Other => Err(ToolError::invalid_arguments(
                "`idempotency_key`: it was used within the last 24 hours for a call with other \
                 arguments or another account.",
            )
            .into()),
        }
    }

    async fn end(&self, end: KeyedEnd) {
        // Left as it is, the key says later that the outcome is unknown.
        if let Err(error) = self.broker.end_keyed(&self.attempt, end).await {
            tracing::warn!(%error, "how a call with an idempotency key ended was not kept");
        }
    }

    /// Waits a while for a first call that is still running.
    async fn begin(&self) -> Result<Begun, BrokerError> {
        let until = Instant::now() + WAIT;
        loop {
            let begun = self.broker.begin_keyed(&self.attempt).await?;
            if begun != Begun::Running || until <= Instant::now() {
                return Ok(begun);
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// The answer, or as much of it as can be kept.
fn kept(output: &Output) -> Option<String> {
    let structured = output.structured.clone();
    [Some(output.text.clone()), None]
        .into_iter()
        .filter(|text| text.is_some() || structured.is_some())
        .filter_map(|text| {
            let structured = structured.clone();
            let cursors = output.cursors.clone();
            let kept = Kept {
                text,
                structured,
                cursors,
            };
            serde_json::to_string(&kept).ok()
        })
        .find(|kept| kept.len() <= MOST_KEPT)
}

/// The answer of the first call, with a word about it.
fn repeated(kept: Option<&str>, at: Timestamp) -> Result<Output, ToolError> {
    let kept = kept.and_then(|kept| serde_json::from_str::<Kept>(kept).ok());
    let Some(Kept {
        text,
        structured,
        cursors,
    }) = kept
    else {
        return Err(ToolError::new(
            ErrorCode::AlreadyDone,
            format!(
                "A call with this `idempotency_key` did the same at {at:.0}; nothing was done again. \
                 Its answer was too long to be kept."
            ),
            "Read the thing itself if you need more of it.",
        ));
    };
    let note = format!(
        "A call with this `idempotency_key` did this at {at:.0}; nothing was done again. This is its \
         answer."
    );
    let text = text.unwrap_or_else(|| {
        let shown = structured.clone().map(Value::Object).unwrap_or_default();
        serde_json::to_string_pretty(&shown).unwrap_or_default()
    });
    let mut output = Output::new(text, structured);
    output.cursors = cursors;
    output.warn(&note);
    Ok(output)
}

fn running() -> ToolError {
    ToolError::new(
        ErrorCode::InProgress,
        "An earlier call with this `idempotency_key` is still running.",
        "Call again with the same key to learn how it ended.",
    )
    .retry_after(Duration::from_secs(5))
}

fn unknown(at: Timestamp) -> ToolError {
    ToolError::new(
        ErrorCode::OutcomeUnknown,
        format!(
            "A call with this `idempotency_key` was made at {at:.0}, and its answer was lost: it may \
             have done what it should. Nothing was done again."
        ),
        "Check whether it did. If it did not, call again with another key.",
    )
}
