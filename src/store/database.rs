//! The trees of an open store: what is read, and how a change becomes durable.

mod change;
pub(super) mod rotation;
pub(super) mod vacuum;

#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use sled::transaction::{ConflictableTransactionError, TransactionError, Transactional};
use sled::{Db, Tree};
use zeroize::Zeroizing;

use crate::caller::Caller;
use crate::seal::keyring::Keyring;
use crate::store::audit::trail::Trail;
use crate::store::audit::{AuditPage, AuditQuery, Point, Verdict};
use crate::store::backup;
use crate::store::cure;
use crate::store::database::change::{Trees, awaited_state};
use crate::store::error::StoreError;
use crate::store::keyed_call::{KeyedCall, KeyedCallKey};
use crate::store::keys::Keys;
use crate::store::lock::OwnerLock;
use crate::store::records::{Connection, ConnectionId, Flow, FlowId};
use crate::store::rows::{self, RowError};
use crate::store::sled::Change;
use crate::store::space::{self, Reserve};
use crate::store::tally::Tally;

/// An open database. The fields are dropped in this order: sled, which flushes, before the lock.
pub(super) struct Database {
    dir: PathBuf,
    keys: Arc<Keys>,
    connections: Tree,
    flows: Tree,
    states: Tree,
    keyed_calls: Tree,
    audit: Trail,
    tally: Tally,
    meta: Tree,
    db: Db,
    /// sled's log, through a descriptor of ours.
    log: File,
    /// What writing leaves of the disk.
    reserve: Reserve,
    /// One write at a time.
    writing: Mutex<()>,
    /// Why nothing more is written, once a write has failed. What the disk has then is unknown: a
    /// later `fsync` that succeeds says nothing about the pages of one that failed.
    broken: OnceLock<StoreError>,
    lock: OwnerLock,
}

type Refused = ConflictableTransactionError<StoreError>;

impl Database {
    /// Opens the trees.
    pub(super) fn new(
        dir: PathBuf,
        keys: Arc<Keys>,
        db: Db,
        log: File,
        lock: OwnerLock,
    ) -> Result<Self, StoreError> {
        let tree = |name| {
            db.open_tree(name)
                .map_err(|error| StoreError::sled(&dir, &error))
        };
        let (connections, flows, states, keyed_calls, meta) = (
            tree(rows::CONNECTIONS)?,
            tree(rows::FLOWS)?,
            tree(rows::STATES)?,
            tree(rows::KEYED_CALLS)?,
            tree(rows::META)?,
        );
        let audit = Trail::open(dir.clone(), tree(rows::AUDIT)?, &keys.keyring())?;
        let tally = Tally::open(&dir, &db)?;
        let database = Self {
            dir,
            keys,
            connections,
            flows,
            states,
            keyed_calls,
            audit,
            tally,
            meta,
            db,
            log,
            reserve: Reserve::USUAL,
            writing: Mutex::new(()),
            broken: OnceLock::new(),
            lock,
        };
        database.make_durable()?;
        Ok(database)
    }

    /// The keys.
    pub(super) fn keys(&self) -> &Arc<Keys> {
        &self.keys
    }

    /// The data keys as they are now.
    fn keyring(&self) -> Arc<Keyring> {
        self.keys.keyring()
    }

    pub(super) fn connection(
        &self,
        caller: &Caller,
        id: ConnectionId,
    ) -> Result<Option<Connection>, StoreError> {
        let key = rows::connection_key(caller, id);
        self.read(&self.connections, rows::CONNECTIONS, &key)
    }

    pub(super) fn connections(&self, caller: &Caller) -> Result<Vec<Connection>, StoreError> {
        let found = self.connections.scan_prefix(rows::caller_prefix(caller));
        let mut connections: Vec<Connection> = self.read_all(found, rows::CONNECTIONS)?;
        connections.sort_by_key(|connection| (connection.connected_at, connection.id));
        Ok(connections)
    }

    /// The connections of all callers.
    pub(super) fn all_connections(&self) -> Result<Vec<Connection>, StoreError> {
        self.read_all(self.connections.iter(), rows::CONNECTIONS)
    }

    pub(super) fn flow(&self, id: FlowId) -> Result<Option<Flow>, StoreError> {
        self.check_writable()?;
        self.read(&self.flows, rows::FLOWS, &id.0)
    }

    pub(super) fn flow_by_state(&self, state: &[u8; 32]) -> Result<Option<Flow>, StoreError> {
        self.check_writable()?;
        let Some(id) = self.read::<FlowId>(&self.states, rows::STATES, state)? else {
            return Ok(None);
        };
        let flow = self.read(&self.flows, rows::FLOWS, &id.0)?;
        // The flow may have moved on between the two reads.
        Ok(flow.filter(|flow| awaited_state(flow) == Some(state)))
    }

    pub(super) fn flows(&self) -> Result<Vec<Flow>, StoreError> {
        self.check_writable()?;
        self.read_all(self.flows.iter(), rows::FLOWS)
    }

    pub(super) fn keyed_call(&self, key: &KeyedCallKey) -> Result<Option<KeyedCall>, StoreError> {
        self.check_writable()?;
        self.read(&self.keyed_calls, rows::KEYED_CALLS, &key.row())
    }

    /// The keyed calls of a caller, or of all.
    pub(super) fn keyed_calls(
        &self,
        caller: Option<&Caller>,
    ) -> Result<Vec<KeyedCall>, StoreError> {
        let found = match caller {
            Some(caller) => self.keyed_calls.scan_prefix(rows::caller_prefix(caller)),
            None => self.keyed_calls.iter(),
        };
        self.read_all(found, rows::KEYED_CALLS)
    }

    pub(super) fn audit(&self, query: &AuditQuery) -> Result<AuditPage, StoreError> {
        self.audit.page(&self.keyring(), query)
    }

    pub(super) fn verify_audit(&self, noted: Option<Point>) -> Result<Verdict, StoreError> {
        self.audit.verify(&self.keyring(), noted)
    }

    /// The key of [`crate::store::sled::Store::keyed_hash`].
    pub(super) fn hash_key(&self) -> Zeroizing<[u8; 32]> {
        self.audit.hash_key()
    }

    /// Applies all changes or none; returns once they are on the disk.
    pub(super) fn commit(&self, changes: &[Change]) -> Result<(), StoreError> {
        self.write(changes, self.reserve.begin)
    }

    /// Like [`Database::commit`], and may use more of the disk.
    pub(super) fn finish(&self, changes: &[Change]) -> Result<(), StoreError> {
        self.write(changes, self.reserve.finish)
    }

    fn write(&self, changes: &[Change], reserve: u64) -> Result<(), StoreError> {
        // The lock is poisoned only by a panic in here, which `check_writable` then reports.
        let _writing = self.writing.lock();
        self.check_writable()?;
        let puts = changes.iter().filter(|change| change.is_put()).count();
        space::check(&self.dir, &self.dir, reserve + space::of_rows(puts))?;
        // First: what is deleted must not come back from a copy.
        if changes
            .iter()
            .any(|change| matches!(change, Change::DeleteConnection(..)))
        {
            backup::forget(&self.dir)?;
        }
        let pen = self
            .audit
            .pen(&self.keyring())
            .inspect_err(|error| self.cure_if_wanted(error))?;
        let trees = (
            &self.connections,
            &self.flows,
            &self.states,
            &self.keyed_calls,
            self.audit.tree(),
        );
        let applied = trees.transaction(|(connections, flows, states, keyed_calls, audit)| {
            let mut pen = pen.clone();
            let trees = Trees {
                connections,
                flows,
                states,
                keyed_calls,
                audit,
            };
            for change in changes {
                self.apply(change, &trees, &mut pen)?;
            }
            Ok(pen)
        });
        let pen = self.written(applied)?;
        self.audit.written(pen);
        Ok(())
    }

    /// Makes a transaction durable that was applied. After a failure nothing more is written.
    fn written<T>(
        &self,
        applied: Result<T, TransactionError<StoreError>>,
    ) -> Result<T, StoreError> {
        let done = match applied {
            Ok(value) => self.count_and_make_durable().map(|()| value),
            Err(TransactionError::Abort(refused)) => return Err(refused),
            Err(TransactionError::Storage(error)) => Err(self.unreadable(&error)),
        };
        done.inspect_err(|error| {
            self.broken.get_or_init(|| error.clone());
        })
    }

    /// Copies the connections, if the last copy is a day old.
    pub(super) fn back_up(&self, now: Timestamp) -> Result<(), StoreError> {
        // Nobody deletes a connection meanwhile.
        let _writing = self.writing.lock();
        self.check_writable()?;
        if !backup::is_due(&self.dir, now) || self.connections.is_empty() {
            return Ok(());
        }
        let mut rows = Vec::new();
        for row in &self.connections {
            rows.push(row.map_err(|error| self.unreadable(&error))?);
        }
        let size: usize = rows.iter().map(|(_, value)| value.len()).sum();
        space::check(&self.dir, &self.dir, self.reserve.begin + 2 * size as u64)?;
        backup::write(&self.dir, rows.into_iter(), now)
    }

    /// A transaction that was applied → counted → durable → noted as such.
    fn count_and_make_durable(&self) -> Result<(), StoreError> {
        let count = self
            .tally
            .count()
            .map_err(|error| self.unreadable(&error))?;
        self.make_durable()?;
        self.tally.note(count);
        Ok(())
    }

    /// What sled applied → its log → the disk. The first step alone survives the end of this
    /// process, not of the machine: on Linux sled ends it with `sync_file_range`.
    fn make_durable(&self) -> Result<(), StoreError> {
        self.db
            .flush()
            .map_err(|error| StoreError::sled(&self.dir, &error))?;
        self.log
            .sync_all()
            .map_err(|error| StoreError::io(&self.dir, "cannot be made durable", &error))
    }

    fn row<T>(&self, row: Result<T, RowError>) -> Result<T, StoreError> {
        row.map_err(|error| StoreError::Failed {
            path: self.dir.display().to_string(),
            cause: error.to_string(),
            fix: match error {
                RowError::TooLong => "Ask for fewer scopes, or for shorter tokens.",
                RowError::UnknownForm => "Use the Valetkey that this vault was last open in.",
            }
            .to_owned(),
        })
    }

    /// The error of the write that failed, if one has.
    pub(super) fn check_writable(&self) -> Result<(), StoreError> {
        if let Some(error) = self.broken.get() {
            return Err(error.clone());
        }
        if self.writing.is_poisoned() {
            return Err(StoreError::interrupted(&self.dir));
        }
        Ok(())
    }

    /// What reading failed with. Damage closes the store for writing, so that it is opened anew, and
    /// cured.
    fn unreadable(&self, error: &sled::Error) -> StoreError {
        let told = StoreError::sled(&self.dir, error);
        cure::note_damage(&self.dir, error);
        self.cure_if_wanted(&told);
        told
    }

    /// Closes the store for writing if reading the audit log found damage.
    fn cure_if_wanted(&self, error: &StoreError) {
        if cure::is_wanted(&self.dir) {
            self.broken.get_or_init(|| error.clone());
        }
    }

    /// How the last cure went, for a person; only once.
    pub(super) fn notice(&self) -> Result<Option<String>, StoreError> {
        cure::notice(&self.dir)
    }

    fn read<R: DeserializeOwned>(
        &self,
        tree: &Tree,
        name: &str,
        key: &[u8],
    ) -> Result<Option<R>, StoreError> {
        let value = tree.get(key).map_err(|error| self.unreadable(&error))?;
        match value {
            Some(value) => self.row(rows::open(&self.keyring(), name, key, &value)),
            None => Ok(None),
        }
    }

    fn read_all<R: DeserializeOwned>(
        &self,
        found: sled::Iter,
        name: &str,
    ) -> Result<Vec<R>, StoreError> {
        let mut records = Vec::new();
        for row in found {
            let (key, value) = row.map_err(|error| self.unreadable(&error))?;
            records.extend(self.row(rows::open(&self.keyring(), name, &key, &value))?);
        }
        Ok(records)
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({})", self.dir.display())
    }
}
