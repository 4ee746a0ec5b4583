//! The audit log: records of calls, written together where they come together, and reading it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::oneshot;

use crate::audit::{
    self, AuditKind, AuditOutcome, AuditPage, AuditQuery, Event, Hex, Point, Verdict,
};
use crate::broker::BrokerError;
use crate::broker::owner::Owner;
use crate::caller::Caller;
use crate::oauth::provider::Provider;
use crate::store::error::StoreError;
use crate::store::records::{Connection, Flow};
use crate::store::sled::{Change, Store};

/// One transaction takes no more records than this.
const TOGETHER: usize = 256;

/// A record, and who waits for it.
type Waiting = (Change, oneshot::Sender<Result<(), StoreError>>);

/// The records that wait for the disk. A record is durable before its call is answered, and the
/// disk takes a hundred in the time of one.
#[derive(Debug, Default)]
pub(super) struct Desk {
    waiting: Mutex<Vec<Waiting>>,
    writing: tokio::sync::Mutex<()>,
}

impl Desk {
    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        // A panic elsewhere does not make the list wrong: each change is a push or a drain.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what waits, of whomever it is.
    async fn write(&self, store: &Store) {
        let _turn = self.writing.lock().await;
        let (records, waiting): (Vec<_>, Vec<_>) = {
            let mut waiting = self.waiting();
            let count = waiting.len().min(TOGETHER);
            waiting.drain(..count).unzip()
        };
        if records.is_empty() {
            return;
        }
        let result = store.commit(records).await;
        for done in waiting {
            // Who does not wait any more does not want to know.
            done.send(result.clone()).ok();
        }
    }
}

impl Owner {
    /// See [`crate::broker::Broker::record`].
    pub(super) async fn record(&self, event: Event) -> Result<(), BrokerError> {
        let store = self.store();
        let (done, written) = oneshot::channel();
        let record = self.recorded(&store, event);
        self.0.desk.waiting().push((record, done));
        let owner = self.clone();
        // Detached: others' records are among those that it writes.
        tokio::spawn(async move { owner.0.desk.write(&store).await });
        let written = written.await;
        Ok(written.expect("there are as many writers as records, and each takes one at least")?)
    }

    /// Has `work` of the operator on the vault recorded: with `audit.required` also before it
    /// begins, and then not begun if that fails. When it is done and only that cannot be recorded,
    /// it is done all the same.
    pub(super) async fn on_record<T>(
        &self,
        kind: AuditKind,
        work: impl Future<Output = Result<T, BrokerError>>,
    ) -> Result<T, BrokerError> {
        let began = Instant::now();
        let started = Event::new(kind, AuditOutcome::Started, &Caller::local(), self.now());
        if self.0.settings.config.audit.required {
            self.record(started.clone()).await?;
        }
        let done = work.await;
        let outcome = match &done {
            Ok(_) => AuditOutcome::Finished,
            Err(_) => AuditOutcome::Failed,
        };
        let error = done.as_ref().err();
        let event = Event {
            at: self.now(),
            outcome,
            error: error.map(|error| error.kind().as_str().to_owned()),
            ..started.took(began.elapsed())
        };
        if let Err(error) = self.record(event).await {
            tracing::warn!(%error, audit.kind = kind.as_str(), "audit.not_recorded");
        }
        done
    }

    /// What happened to a connection now.
    pub(super) fn event(
        &self,
        kind: AuditKind,
        outcome: AuditOutcome,
        connection: &Connection,
    ) -> Event {
        Event {
            scopes: connection.grant.scopes.iter().cloned().collect(),
            ..Event::new(kind, outcome, &connection.caller, self.now())
                .provider(self.name_of(&connection.provider_id))
                .account(connection.id, &connection.account)
        }
    }

    /// How a sign-in ended without a connection, or a question to the client without a sign-in.
    pub(super) fn flow_event(&self, kind: AuditKind, outcome: AuditOutcome, flow: &Flow) -> Event {
        Event {
            client: flow.client_name.clone(),
            scopes: flow.scopes.iter().cloned().collect(),
            ..Event::new(kind, outcome, &flow.caller, self.now())
                .provider(self.name_of(&flow.provider_id))
        }
    }

    /// The provider's name: the same for all entries of one provider, as the tools know it.
    fn name_of<'a>(&'a self, provider_id: &'a str) -> &'a str {
        // An entry that was removed from the configuration has only its id left.
        self.provider(provider_id)
            .map_or(provider_id, Provider::name)
    }

    /// The change that records `event`, for the transaction of the rows it is about.
    pub(super) fn recorded(&self, store: &Store, event: Event) -> Change {
        event.recorded(store, self.0.settings.config.audit.keep)
    }

    /// See [`crate::broker::Broker::audit`].
    pub(super) async fn audit(&self, query: AuditQuery) -> Result<AuditPage, BrokerError> {
        Ok(self.store().audit(query).await?)
    }

    /// See [`crate::broker::Broker::verify_audit`].
    pub(super) async fn verify_audit(&self, noted: Option<Point>) -> Result<Verdict, BrokerError> {
        Ok(self.store().verify_audit(noted).await?)
    }

    /// See [`crate::broker::Broker::user`].
    pub(super) fn user(&self, caller: &Caller) -> Hex<16> {
        audit::user(&self.store(), caller)
    }
}
