//! The record of a call, which is written whatever becomes of the call.

use std::io::{self, Write};

use tokio::runtime::Handle;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use valetkey_toolkits::error::ToolError;
use valetkey_toolkits::output::Output;

use crate::audit::{self, AuditKind, AuditOutcome, Event, Hex};
use crate::broker::{Broker, BrokerError, Granted};
use crate::call::{Calls, Heading, Outcome, Stop};
use crate::clock::Clock;

/// What is known of a call so far. When it is dropped before [`Recording::finish`], because the
/// client left, the record says so, or how the write ended that nobody waited for.
#[derive(Debug)]
pub(super) struct Recording {
    broker: Broker,
    leaving: TaskTracker,
    clock: Clock,
    began: Instant,
    /// None once it was written, and when nothing is configured: then nothing can be done, and no
    /// vault is made to say so.
    event: Option<Event>,
    /// The start of the write is recorded.
    started: bool,
}

impl Recording {
    /// The call has arrived.
    pub(super) fn begin(calls: &Calls, call: Heading<'_>) -> Self {
        let at = calls.clock.now();
        let event = Event::new(AuditKind::Call, AuditOutcome::Cancelled, call.caller, at);
        let event = Event {
            client: call.client_name.map(str::to_owned),
            tool: Some(call.tool.to_owned()),
            provider: call.provider.map(str::to_owned),
            scopes: call.scopes,
            arguments: Some(Hex(audit::digest(call.arguments))),
            ..event
        };
        Self {
            broker: calls.broker.clone(),
            leaving: calls.leaving.clone(),
            clock: calls.clock.clone(),
            began: Instant::now(),
            event: (!calls.broker.providers().is_empty()).then_some(event),
            started: false,
        }
    }

    /// This connection will act.
    pub(super) fn granted(&mut self, granted: &Granted) {
        self.change(|event| event.account(granted.connection, &granted.account));
    }

    /// The provider says that this is needed too.
    pub(super) fn needs(&mut self, scopes: &[String]) {
        self.change(|mut event| {
            event.scopes.extend_from_slice(scopes);
            event
        });
    }

    /// The tool has ended like this. More may follow, if somebody still waits.
    pub(super) fn ran(&mut self, result: &Result<Output, Stop>) {
        self.change(|event| match result {
            Ok(output) => finished(event, output),
            Err(Stop::Tool(error)) => failed(event, error),
            Err(Stop::Confirm(_)) => unconfirmed(event),
            Err(Stop::Hold(_)) => event,
            Err(Stop::Broken(error)) => broken(event, error),
        });
    }

    /// Records that a write begins, before it does, if records are required.
    pub(super) async fn start(&mut self) -> Result<(), BrokerError> {
        if self.started || !self.broker.must_record() {
            return Ok(());
        }
        if let Some(event) = self.event.clone() {
            let event = Event {
                outcome: AuditOutcome::Started,
                at: self.clock.now(),
                ..event
            };
            self.broker.record(event).await.map_err(|cause| {
                BrokerError::NotRecorded(format!(
                    "Nothing was done, because the call could not be recorded and the \
                     configuration says `audit.required`. {cause}"
                ))
            })?;
        }
        self.started = true;
        Ok(())
    }

    /// Writes the record. Returns the outcome to answer with: another one if the record could not
    /// be written and is required.
    pub(super) async fn finish(mut self, outcome: Outcome) -> Outcome {
        self.change(|event| match &outcome {
            Outcome::Finished(output) => finished(event, output),
            Outcome::Failed(error) => failed(event, error),
            Outcome::Consent(_) => ended(event, AuditOutcome::Consent, None),
            Outcome::Denied(denied) => ended(event, AuditOutcome::Denied, Some(denied.code())),
            Outcome::Confirm(_) => unconfirmed(event),
            Outcome::Broken(error) => broken(event, error),
        });
        let Err(error) = self.write().await else {
            return outcome;
        };
        if !self.broker.must_record() {
            tracing::warn!(%error, "a call could not be recorded");
            return outcome;
        }
        match outcome {
            Outcome::Broken(error) => Outcome::Broken(error),
            outcome => Outcome::Broken(BrokerError::NotRecorded(withheld(
                &outcome,
                self.started,
                &error,
            ))),
        }
    }

    /// Writes the record of a call that was not even tried.
    pub(super) async fn refuse(mut self, code: &str) {
        self.change(|event| ended(event, AuditOutcome::Denied, Some(code)));
        if let Err(error) = self.write().await {
            tracing::warn!(%error, "a call could not be recorded");
        }
    }

    async fn write(&mut self) -> Result<(), BrokerError> {
        let Some(event) = self.take() else {
            return Ok(());
        };
        let broker = self.broker.clone();
        // Detached: the record is written also when the client leaves now.
        let written = tokio::spawn(async move { broker.record(event).await });
        let ending = |_| Err(BrokerError::NotRecorded("Valetkey is ending.".to_owned()));
        written.await.unwrap_or_else(ending)
    }

    fn change(&mut self, change: impl FnOnce(Event) -> Event) {
        self.event = self.event.take().map(change);
    }

    fn take(&mut self) -> Option<Event> {
        let event = self.event.take()?.took(self.began.elapsed());
        Some(Event {
            at: self.clock.now(),
            ..event
        })
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let Some(mut event) = self.take() else { return };
        if std::thread::panicking() {
            event = ended(event, AuditOutcome::Broken, Some("panic"));
        }
        let broker = self.broker.clone();
        // Without a runtime the process is ending.
        if let Ok(runtime) = Handle::try_current() {
            let record = async move {
                if let Err(error) = broker.record(event).await {
                    tracing::warn!(%error, "a call could not be recorded");
                }
            };
            self.leaving.spawn_on(record, &runtime);
        }
    }
}

/// What the client is told instead of the result.
fn withheld(outcome: &Outcome, is_write: bool, cause: &BrokerError) -> String {
    let done = match (outcome, is_write) {
        (Outcome::Finished(_), true) => {
            "The tool has done what it was asked to. Do not call it again for the same thing; its \
             result is withheld"
        }
        (_, true) => {
            "The tool began and may have changed something: look before you call it again. How it \
             ended is withheld"
        }
        (_, false) => "Nothing was changed. The answer is withheld",
    };
    format!(
        "{done}, because the call could not be recorded and the configuration says \
         `audit.required`. {cause}"
    )
}

fn finished(event: Event, output: &Output) -> Event {
    Event {
        bytes: Some(size(output)),
        ..ended(event, AuditOutcome::Finished, None)
    }
}

fn failed(event: Event, error: &ToolError) -> Event {
    let code = serde_json::to_value(error.code).expect("a unit variant is a string");
    ended(event, AuditOutcome::Failed, code.as_str())
}

fn unconfirmed(event: Event) -> Event {
    ended(event, AuditOutcome::Denied, Some("confirmation_required"))
}

fn broken(event: Event, error: &BrokerError) -> Event {
    ended(event, AuditOutcome::Broken, Some(error.kind().as_str()))
}

fn ended(event: Event, outcome: AuditOutcome, code: Option<&str>) -> Event {
    Event {
        outcome,
        error: code.map(str::to_owned),
        ..event
    }
}

/// The bytes of both forms.
fn size(output: &Output) -> u64 {
    struct Count(u64);
    impl Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(output.text.len() as u64);
    if let Some(structured) = &output.structured {
        serde_json::to_writer(&mut count, structured).expect("a map of values is JSON");
    }
    count.0
}
