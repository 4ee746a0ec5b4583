//! The embedded store: sled 0.34.7.
//!
//! Durable means: transaction → `flush()` → our own `sync_all()` on the database file →
//! acknowledge. sled's `flush()` alone ends in `sync_file_range` on Linux, which loses acknowledged
//! writes at a power cut (measured: 20 of 100; with our `sync_all()` 0 of 150).

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock, TryLockError};

use jiff::Timestamp;
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

use crate::caller::Caller;
use crate::clock::Clock;
use crate::config::MasterKeySource;
use crate::seal;
use crate::store::audit::{AuditPage, AuditQuery, AuditRecord, Point, Verdict};
use crate::store::database::Database;
use crate::store::error::StoreError;
use crate::store::keyed_call::{KeyedCall, KeyedCallKey};
use crate::store::keys::Keys;
use crate::store::open;
use crate::store::records::{Connection, ConnectionId, Flow, FlowId};

/// The open store. A handle: clones share it, and the last one to go closes it. Every call that
/// touches the disk runs on a blocking thread.
///
/// After a failed write nothing more is written until the store is opened anew: what the disk has
/// then is unknown. Connections can still be read. Flows cannot: without a write no flow can move,
/// and the last one written may have a link that was never durable.
#[derive(Clone, Debug)]
pub struct Store(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) dir: PathBuf,
    pub(super) clock: Clock,
    pub(super) keys: Arc<Keys>,
    /// See [`Store::keyed_hash`].
    hash_key: Zeroizing<[u8; 32]>,
    /// None once a vacuum could not open it again. Who works with it shares it, but for a vacuum
    /// and for a change of the data keys that open rows: what is being read must open to its end.
    pub(super) database: RwLock<Option<Database>>,
}

/// One change of a transaction. A put must carry the version it replaces plus one.
#[derive(Clone, Debug)]
pub enum Change {
    /// Inserts or replaces a connection.
    PutConnection(Connection),
    /// Deletes a connection, whatever its version; the caller is part of the key.
    DeleteConnection(Caller, ConnectionId),
    /// Inserts or replaces a flow, and keeps the index by state in step.
    PutFlow(Flow),
    /// Deletes a flow, whatever its version.
    DeleteFlow(FlowId),
    /// Inserts or replaces a keyed call.
    PutKeyedCall(KeyedCall),
    /// Deletes a keyed call, whatever its version.
    DeleteKeyedCall(KeyedCallKey),
    /// Appends a record to the audit log, unless it has one of the same request already.
    AppendAudit {
        /// The record. Its number is assigned here.
        record: Box<AuditRecord>,
        /// How many records are kept.
        keep: u64,
    },
}

impl Change {
    /// Whether it adds to the database.
    pub(super) fn is_put(&self) -> bool {
        match self {
            Self::PutConnection(_)
            | Self::PutFlow(_)
            | Self::PutKeyedCall(_)
            | Self::AppendAudit { .. } => true,
            Self::DeleteConnection(..) | Self::DeleteFlow(_) | Self::DeleteKeyedCall(_) => false,
        }
    }
}

impl Store {
    /// Opens or creates the store in `dir`.
    ///
    /// Takes the lock file, checks the directory's owner and mode, finds or (for a brand-new store
    /// only) makes the key, checks it against the store's key-check value, and only then lets sled
    /// at the files. A damaged database is cured, which [`Store::notice`] tells; each step has a
    /// time limit.
    pub async fn open(
        dir: &Path,
        master_key: &MasterKeySource,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let (path, master_key) = (dir.to_owned(), master_key.clone());
        let time = clock.clone();
        let opening = tokio::task::spawn_blocking(move || open::open(&path, &master_key, &time));
        let opened = opening
            .await
            .unwrap_or_else(|_| Err(StoreError::damaged(dir, "opening it failed")));
        let database = opened?;
        let store = Self(Arc::new(Inner {
            dir: dir.to_owned(),
            clock,
            keys: Arc::clone(database.keys()),
            hash_key: database.hash_key(),
            database: RwLock::new(Some(database)),
        }));
        store.go_on_resealing();
        Ok(store)
    }

    /// Copies the connections, sealed as they are, to where a cure finds them, if the last copy is a
    /// day old.
    pub async fn back_up(&self, now: Timestamp) -> Result<(), StoreError> {
        self.on_disk(move |database| database.back_up(now)).await
    }

    /// How the last cure of a damaged store went, for a person; only once.
    pub async fn notice(&self) -> Result<Option<String>, StoreError> {
        self.on_disk(Database::notice).await
    }

    /// Applies all changes or none, durably. [`StoreError::Conflict`] when a put's version is not
    /// the stored one plus one, [`StoreError::Full`] when the disk has too little space left. Goes
    /// on to its end when the caller stops waiting.
    pub async fn commit(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        self.on_disk(move |database| database.commit(&changes))
            .await
    }

    /// Like [`Store::commit`], for what cannot be done again: the provider has given a grant, or
    /// taken one back. It may use what `commit` leaves of the disk.
    pub async fn finish(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        self.on_disk(move |database| database.finish(&changes))
            .await
    }

    /// A connection of this caller.
    pub async fn connection(
        &self,
        caller: &Caller,
        id: ConnectionId,
    ) -> Result<Option<Connection>, StoreError> {
        let caller = caller.clone();
        self.on_disk(move |database| database.connection(&caller, id))
            .await
    }

    /// All connections of this caller, oldest first.
    pub async fn connections(&self, caller: &Caller) -> Result<Vec<Connection>, StoreError> {
        let caller = caller.clone();
        self.on_disk(move |database| database.connections(&caller))
            .await
    }

    /// A flow.
    pub async fn flow(&self, id: FlowId) -> Result<Option<Flow>, StoreError> {
        self.on_disk(move |database| database.flow(id)).await
    }

    /// The flow that waits for the `state` with this SHA-256.
    pub async fn flow_by_state(&self, state_digest: [u8; 32]) -> Result<Option<Flow>, StoreError> {
        self.on_disk(move |database| database.flow_by_state(&state_digest))
            .await
    }

    /// Every flow, expired ones included. There are at most 10,000.
    pub async fn flows(&self) -> Result<Vec<Flow>, StoreError> {
        self.on_disk(Database::flows).await
    }

    /// A call that was made with an idempotency key.
    pub async fn keyed_call(&self, key: KeyedCallKey) -> Result<Option<KeyedCall>, StoreError> {
        self.on_disk(move |database| database.keyed_call(&key))
            .await
    }

    /// The keyed calls of a caller, or of all, old ones included.
    pub async fn keyed_calls(&self, caller: Option<&Caller>) -> Result<Vec<KeyedCall>, StoreError> {
        let caller = caller.cloned();
        self.on_disk(move |database| database.keyed_calls(caller.as_ref()))
            .await
    }

    /// A page of the audit log.
    pub async fn audit(&self, query: AuditQuery) -> Result<AuditPage, StoreError> {
        self.on_disk(move |database| database.audit(&query)).await
    }

    /// Walks along the whole audit log; `noted` is a head that was written down elsewhere.
    pub async fn verify_audit(&self, noted: Option<Point>) -> Result<Verdict, StoreError> {
        self.on_disk(move |database| database.verify_audit(noted))
            .await
    }

    /// A hash under a key of this vault, which stays the same when the data keys change.
    pub fn keyed_hash(&self, purpose: &str, message: &[u8]) -> [u8; 32] {
        seal::keyed_hash(&self.0.hash_key, purpose, message)
    }

    /// Whether writes are still taken: not after one has failed. Drop all handles then, and open
    /// the store anew.
    pub fn is_writable(&self) -> bool {
        match self.0.database.try_read() {
            Ok(database) => database
                .as_ref()
                .is_some_and(|database| database.check_writable().is_ok()),
            // A vacuum is under way; how it ends will be seen.
            Err(TryLockError::WouldBlock) => true,
            Err(TryLockError::Poisoned(_)) => false,
        }
    }

    /// Seals bytes that leave the process and come back (`requestState`), bound to `context`.
    pub fn seal_handle(&self, context: &[u8], plaintext: &[u8]) -> Vec<u8> {
        self.0.keys.keyring().seal_handle(context, plaintext)
    }

    /// Opens what [`Store::seal_handle`] made; none if it was altered or made for another context.
    pub fn open_handle(&self, context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let now = self.0.clock.now();
        let plaintext = self.0.keys.keyring().open_handle(context, sealed, now)?;
        Some(plaintext.to_vec())
    }

    pub(super) async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let done = run(Arc::clone(&self.0), work).await;
        // A panic of sled ends the call, not the process.
        done.unwrap_or_else(|_| Err(StoreError::interrupted(&self.0.dir)))
    }
}

/// Has a blocking thread do some work, which keeps the store open no longer than it takes.
pub(super) fn run<T: Send + 'static>(
    store: Arc<Inner>,
    work: impl FnOnce(&Database) -> Result<T, StoreError> + Send + 'static,
) -> JoinHandle<Result<T, StoreError>> {
    tokio::task::spawn_blocking(move || match store.database.read() {
        Ok(database) => work(database.as_ref().ok_or_else(|| store.closed())?),
        Err(_) => Err(store.closed()),
    })
}

/// Has a blocking thread do some work while nothing else reads or writes the store.
pub(super) fn run_alone<T: Send + 'static>(
    store: Arc<Inner>,
    work: impl FnOnce(&mut Option<Database>) -> Result<T, StoreError> + Send + 'static,
) -> JoinHandle<Result<T, StoreError>> {
    tokio::task::spawn_blocking(move || match store.database.write() {
        Ok(mut database) => work(&mut database),
        Err(_) => Err(store.closed()),
    })
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.dir.display())
    }
}

impl Inner {
    /// A vacuum closed the database and did not get it open again.
    pub(super) fn closed(&self) -> StoreError {
        StoreError::damaged(&self.dir, "the database could not be opened after a vacuum")
    }
}
