//! The trees of an open store: what is read, and how a change becomes durable.

pub(super) mod rotation;
mod vacuum;

use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sled::transaction::{
    ConflictableTransactionError, TransactionError, Transactional, TransactionalTree,
};
use sled::{Db, IVec, Tree};
use zeroize::Zeroizing;

use crate::caller::Caller;
use crate::seal::keyring::Keyring;
use crate::store::audit::trail::{Pen, Trail};
use crate::store::audit::{AuditPage, AuditQuery, Point, Verdict};
use crate::store::backup;
use crate::store::cure;
use crate::store::error::StoreError;
use crate::store::keys::Keys;
use crate::store::lock::OwnerLock;
use crate::store::records::{Connection, ConnectionId, Flow, FlowId, FlowStatus};
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

/// As much of a record as a put has to know of the one it replaces.
#[derive(Deserialize)]
struct Version {
    version: u64,
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
        let (connections, flows, states, meta) = (
            tree(rows::CONNECTIONS)?,
            tree(rows::FLOWS)?,
            tree(rows::STATES)?,
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
        let is_put = |change: &&Change| {
            !matches!(change, Change::DeleteConnection(..) | Change::DeleteFlow(_))
        };
        let puts = changes.iter().filter(is_put).count();
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
            self.audit.tree(),
        );
        let applied = trees.transaction(|(connections, flows, states, audit)| {
            let mut pen = pen.clone();
            for change in changes {
                self.apply(change, connections, flows, states, (audit, &mut pen))?;
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

    fn apply(
        &self,
        change: &Change,
        connections: &TransactionalTree,
        flows: &TransactionalTree,
        states: &TransactionalTree,
        (audit, pen): (&TransactionalTree, &mut Pen),
    ) -> Result<(), Refused> {
        match change {
            Change::PutConnection(connection) => {
                let key = rows::connection_key(&connection.caller, connection.id);
                let stored = connections.get(key)?;
                let stored: Option<Version> = self.stored(stored, rows::CONNECTIONS, &key)?;
                replaces(connection.version, stored.map(|stored| stored.version))?;
                let row = rows::seal(&self.keyring(), rows::CONNECTIONS, &key, connection);
                connections.insert(&key, self.sealed(row)?)?;
            }
            Change::DeleteConnection(caller, id) => {
                connections.remove(&rows::connection_key(caller, *id))?;
            }
            Change::PutFlow(flow) => {
                let key = &flow.id.0;
                let stored: Option<Flow> = self.stored(flows.get(key)?, rows::FLOWS, key)?;
                replaces(flow.version, stored.as_ref().map(|stored| stored.version))?;
                if let Some(state) = stored.as_ref().and_then(awaited_state) {
                    states.remove(state)?;
                }
                if let Some(state) = awaited_state(flow) {
                    let row = rows::seal(&self.keyring(), rows::STATES, state, &flow.id);
                    states.insert(state, self.sealed(row)?)?;
                }
                let row = rows::seal(&self.keyring(), rows::FLOWS, key, flow);
                flows.insert(key, self.sealed(row)?)?;
            }
            Change::DeleteFlow(id) => {
                let stored: Option<Flow> = self.stored(flows.get(id.0)?, rows::FLOWS, &id.0)?;
                if let Some(state) = stored.as_ref().and_then(awaited_state) {
                    states.remove(state)?;
                }
                flows.remove(&id.0)?;
            }
            Change::AppendAudit { record, keep } => {
                self.audit
                    .append(&self.keyring(), audit, pen, record, *keep)?;
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

/// The digest of the `state` that the flow waits for, if it does.
fn awaited_state(flow: &Flow) -> Option<&[u8; 32]> {
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

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    use jiff::Timestamp;
    use secrecy::SecretString;
    use tempfile::TempDir;

    use super::*;
    use crate::clock::Clock;
    use crate::config::MasterKeySource;
    use crate::seal::master::MasterKey;
    use crate::store::open;
    use crate::store::tests::{connection, flow};

    fn opened(dir: &Path, key: &MasterKeySource) -> Database {
        open::open(dir, key, &Clock::standing_at(Timestamp::UNIX_EPOCH)).unwrap()
    }

    fn key() -> MasterKeySource {
        let line = MasterKey::generate().to_line();
        MasterKeySource::Environment(SecretString::from(line.as_str()))
    }

    /// A pipe cannot be synced, so it stands for a disk that fails.
    fn failing_file() -> File {
        let (_, writer) = std::io::pipe().unwrap();
        File::from(OwnedFd::from(writer))
    }

    #[test]
    fn the_file_that_is_synced_is_the_one_that_sled_writes() {
        let folder = TempDir::new().unwrap();
        let dir = folder.path().join("vault");
        let database = opened(&dir, &key());
        let before = database.log.metadata().unwrap();
        let row = connection(1, &Caller::local(), 1, &"t".repeat(4_000));
        database.commit(&[Change::PutConnection(row)]).unwrap();
        let after = database.log.metadata().unwrap();
        assert!(
            after.len() > before.len() + 8_000,
            "the row went into this file"
        );
        let named = std::fs::metadata(dir.join("sled/db")).unwrap();
        assert_eq!((after.dev(), after.ino()), (named.dev(), named.ino()));
    }

    #[test]
    fn a_commit_that_cannot_be_synced_is_refused_and_so_is_every_later_one() {
        let folder = TempDir::new().unwrap();
        let (dir, key) = (folder.path().join("vault"), key());
        let mut database = opened(&dir, &key);
        let me = Caller::local();
        let put = |version, id| Change::PutConnection(connection(version, &me, id, "token"));
        let put_flow = Change::PutFlow(flow(1, 1, FlowStatus::Pending));
        database.commit(&[put(1, 1), put_flow]).unwrap();

        let log = std::mem::replace(&mut database.log, failing_file());
        let written = log.metadata().unwrap().len();
        let error = database.commit(&[put(1, 2)]).unwrap_err().to_string();
        assert!(error.contains("cannot be made durable"), "{error}");
        let came_first = log.metadata().unwrap().len() > written;
        assert!(came_first, "sled writes before we sync");
        assert_eq!(database.check_writable().unwrap_err().to_string(), error);

        database.log = log;
        let again = database.commit(&[put(1, 3)]).unwrap_err().to_string();
        assert_eq!(again, error, "a disk that works again does not heal it");
        assert!(
            database
                .connection(&me, ConnectionId([1; 8]))
                .unwrap()
                .is_some()
        );
        assert_eq!(
            database.flow(FlowId([1; 32])).unwrap_err().to_string(),
            error
        );
        assert_eq!(database.flows().unwrap_err().to_string(), error);
        assert_eq!(
            database.flow_by_state(&[1; 32]).unwrap_err().to_string(),
            error
        );
        drop(database);

        let database = opened(&dir, &key);
        assert!(
            database
                .connection(&me, ConnectionId([3; 8]))
                .unwrap()
                .is_none()
        );
        assert_eq!(database.flows().unwrap().len(), 1);
        database.commit(&[put(1, 3)]).unwrap();
    }

    #[test]
    fn a_full_disk_refuses_a_write_untouched_and_the_next_one_works_when_there_is_space() {
        let folder = TempDir::new().unwrap();
        let mut database = opened(&folder.path().join("vault"), &key());
        let me = Caller::local();
        let put = |version, id| Change::PutConnection(connection(version, &me, id, "token"));
        database.commit(&[put(1, 1)]).unwrap();

        let written = database.log.metadata().unwrap().len();
        database.reserve.begin = u64::MAX / 2;
        let full = |done| matches!(done, Err(StoreError::Full { .. }));
        assert!(full(database.commit(&[put(1, 2)])));
        assert!(full(
            database.commit(&[Change::DeleteFlow(FlowId([1; 32]))])
        ));
        assert_eq!(database.log.metadata().unwrap().len(), written);
        database.check_writable().unwrap();
        assert_eq!(database.connections(&me).unwrap().len(), 1);
        database
            .finish(&[put(2, 1)])
            .expect("what was begun may be finished");
        database.reserve.finish = u64::MAX / 2;
        assert!(full(database.finish(&[put(3, 1)])));

        database.reserve = Reserve::USUAL;
        database.commit(&[put(1, 2), put(3, 1)]).unwrap();
        assert_eq!(database.connections(&me).unwrap().len(), 2);
    }

    #[test]
    fn a_conflict_does_not_close_the_store_for_writing() {
        let folder = TempDir::new().unwrap();
        let database = opened(&folder.path().join("vault"), &key());
        let put = |version| Change::PutConnection(connection(version, &Caller::local(), 1, "t"));
        assert!(matches!(
            database.commit(&[put(2)]),
            Err(StoreError::Conflict)
        ));
        database.commit(&[put(1)]).unwrap();
    }
}
