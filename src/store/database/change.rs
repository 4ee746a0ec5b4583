//! What one change of a transaction does to the trees.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sled::IVec;
use sled::transaction::TransactionalTree;

use crate::store::audit::trail::Pen;
use crate::store::database::{Database, Refused};
use crate::store::error::StoreError;
use crate::store::records::{Flow, FlowStatus};
use crate::store::rows::{self, RowError};
use crate::store::sled::Change;

/// The trees of a transaction.
pub(super) struct Trees<'a> {
    pub(super) connections: &'a TransactionalTree,
    pub(super) flows: &'a TransactionalTree,
    pub(super) states: &'a TransactionalTree,
    pub(super) keyed_calls: &'a TransactionalTree,
    pub(super) audit: &'a TransactionalTree,
}

/// As much of a record as a put has to know of the one it replaces.
#[derive(Deserialize)]
struct Version {
    version: u64,
}

impl Database {
    /// Applies one change of a transaction.
    pub(super) fn apply(
        &self,
        change: &Change,
        trees: &Trees<'_>,
        pen: &mut Pen,
    ) -> Result<(), Refused> {
        match change {
            Change::PutConnection(connection) => {
                let key = rows::connection_key(&connection.caller, connection.id);
                let stored = trees.connections.get(key)?;
                let stored: Option<Version> = self.stored(stored, rows::CONNECTIONS, &key)?;
                replaces(connection.version, stored.map(|stored| stored.version))?;
                let row = rows::seal(&self.keyring(), rows::CONNECTIONS, &key, connection);
                trees.connections.insert(&key, self.sealed(row)?)?;
            }
            Change::DeleteConnection(caller, id) => {
                trees
                    .connections
                    .remove(&rows::connection_key(caller, *id))?;
            }
            Change::PutFlow(flow) => {
                let key = &flow.id.0;
                let stored: Option<Flow> = self.stored(trees.flows.get(key)?, rows::FLOWS, key)?;
                replaces(flow.version, stored.as_ref().map(|stored| stored.version))?;
                if let Some(state) = stored.as_ref().and_then(awaited_state) {
                    trees.states.remove(state)?;
                }
                if let Some(state) = awaited_state(flow) {
                    let row = rows::seal(&self.keyring(), rows::STATES, state, &flow.id);
                    trees.states.insert(state, self.sealed(row)?)?;
                }
                let row = rows::seal(&self.keyring(), rows::FLOWS, key, flow);
                trees.flows.insert(key, self.sealed(row)?)?;
            }
            Change::DeleteFlow(id) => {
                let stored: Option<Flow> =
                    self.stored(trees.flows.get(id.0)?, rows::FLOWS, &id.0)?;
                if let Some(state) = stored.as_ref().and_then(awaited_state) {
                    trees.states.remove(state)?;
                }
                trees.flows.remove(&id.0)?;
            }
            Change::PutKeyedCall(call) => {
                let key = call.key.row();
                let stored = trees.keyed_calls.get(key)?;
                let stored: Option<Version> = self.stored(stored, rows::KEYED_CALLS, &key)?;
                replaces(call.version, stored.map(|stored| stored.version))?;
                let row = rows::seal(&self.keyring(), rows::KEYED_CALLS, &key, call);
                trees.keyed_calls.insert(&key, self.sealed(row)?)?;
            }
            Change::DeleteKeyedCall(key) => {
                trees.keyed_calls.remove(&key.row())?;
            }
            Change::AppendAudit { record, keep } => {
                self.audit
                    .append(&self.keyring(), trees.audit, pen, record, *keep)?;
            }
        }
        Ok(())
    }

    /// The record of a row that a transaction found.
    fn stored<R: DeserializeOwned>(
        &self,
        value: Option<IVec>,
        name: &str,
        key: &[u8],
    ) -> Result<Option<R>, Refused> {
        let Some(value) = value else { return Ok(None) };
        self.row(rows::open(&self.keyring(), name, key, &value))
            .map_err(Refused::Abort)
    }

    /// The value of a row that a transaction puts.
    fn sealed(&self, value: Result<Vec<u8>, RowError>) -> Result<Vec<u8>, Refused> {
        self.row(value).map_err(Refused::Abort)
    }
}

/// The digest of the `state` that the flow waits for, if it does.
pub(super) fn awaited_state(flow: &Flow) -> Option<&[u8; 32]> {
    match &flow.status {
        FlowStatus::AtProvider { state_digest, .. } => Some(state_digest),
        _ => None,
    }
}

/// A put must carry the stored version plus one; a row that is absent has version 0.
fn replaces(version: u64, stored: Option<u64>) -> Result<(), Refused> {
    if version.checked_sub(1) == Some(stored.unwrap_or(0)) {
        Ok(())
    } else {
        Err(Refused::Abort(StoreError::Conflict))
    }
}
