//! The open store, and what its owner knows of the flows in it.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::broker::owner::changes::Changes;
use crate::broker::owner::other_account::failure;
use crate::broker::{BrokerError, FLOW_LIFETIME, Settings};
use crate::caller::Caller;
use crate::metrics;
use crate::store::alias::Alias;
use crate::store::error::StoreError;
use crate::store::records::{Flow, FlowId, FlowStatus};
use crate::store::seen::Memory;
use crate::store::sled::{Change, Store};

/// Beside the database while flows are pending: a starting process looks for this file instead of
/// opening the store, which a mere `tools/list` must not need.
const PENDING_MARKER: &str = "pending-flows";

/// Where the vaults' generations are noted, in the state directory.
const SEEN: &str = "seen";

/// What is shared by all calls for the same thing: caller × provider × account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct FlowKey {
    caller: [u8; 32],
    provider_id: String,
    account: Option<String>,
}

impl FlowKey {
    /// The key of a flow for `account`, as it was named or as its connection is; without one, of a
    /// flow for a new account that will be called `alias`.
    pub(super) fn new(
        caller: &Caller,
        provider_id: &str,
        account: Option<&str>,
        alias: Option<&Alias>,
    ) -> Self {
        // No account's name has a line end in it.
        let new = || alias.map(|alias| format!("\n{alias}"));
        Self {
            caller: caller.digest(),
            provider_id: provider_id.to_owned(),
            account: account
                .map(str::to_owned)
                .or_else(new)
                .map(|name| name.to_lowercase()),
        }
    }

    /// The key of a stored flow.
    pub(super) fn of(flow: &Flow) -> Self {
        Self::new(
            &flow.caller,
            &flow.provider_id,
            flow.account_hint.as_deref(),
            flow.alias.as_ref(),
        )
    }

    fn same_owner(&self, other: &Self) -> bool {
        self.caller == other.caller && self.provider_id == other.provider_id
    }
}

/// The flows that are left after a [`Vault::sweep`].
#[derive(Debug)]
pub(super) struct Swept {
    /// Their time is not over.
    pub(super) live: Vec<Flow>,
    /// Their time is over, and they hold another account's grant.
    pub(super) undecided: Vec<Flow>,
}

/// The open store with the table of flows that may still be used.
#[derive(Debug)]
pub(super) struct Vault {
    dir: PathBuf,
    store: Store,
    memory: Memory,
    flows: Mutex<HashMap<FlowKey, (FlowId, Timestamp)>>,
    /// When the person last said no, so that the next call does not ask at once.
    declined: Mutex<HashMap<FlowKey, Timestamp>>,
    /// Why the last sign-in failed, so that the next call can say it with its link.
    failed: Mutex<HashMap<FlowKey, (Timestamp, String)>>,
    /// Who waits for a flow reads it again after each change.
    changes: Changes,
}

impl Vault {
    /// Opens the store and adopts its flows.
    pub(super) async fn open(settings: &Settings) -> Result<Self, BrokerError> {
        let dir = settings.config.store_dir.clone();
        let store = Store::open(&dir, &settings.config.master_key, settings.clock.clone()).await?;
        let memory = match &settings.config.state_dir {
            Some(state) => store.remember(&state.join(SEEN)).await,
            None => Memory {
                put_back: None,
                problem: Some("HOME is not set to an absolute path. Set HOME.".to_owned()),
            },
        };
        let vault = Self {
            dir,
            store,
            memory,
            flows: Mutex::default(),
            declined: Mutex::default(),
            failed: Mutex::default(),
            changes: Changes::default(),
        };
        vault.take_over(settings.clock.now()).await?;
        Ok(vault)
    }

    /// What was remembered of the store when it was opened.
    pub(super) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The store.
    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Adopts the flows of earlier owners: drops the dead, makes interrupted ones usable again
    /// (their code is spent, their link is not), and remembers how the others ended.
    async fn take_over(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut live = 0;
        for mut flow in self.sweep(now).await?.live {
            if matches!(flow.status, FlowStatus::Exchanging { .. }) {
                flow.status = FlowStatus::Pending;
                flow.version += 1;
                self.store
                    .commit(vec![Change::PutFlow(flow.clone())])
                    .await?;
            }
            match &flow.status {
                FlowStatus::Declined { .. } => {
                    self.declined(&flow, flow.ended_at.unwrap_or(flow.created_at));
                }
                _ => {
                    if let Some(reason) = failure(&flow) {
                        let at = flow.ended_at.unwrap_or(flow.created_at);
                        self.failed(&flow, at, Some(&reason));
                    }
                }
            }
            if flow.is_open() {
                self.opened(&flow)?;
                live += 1;
            }
        }
        if live == 0 {
            self.mark(false)?;
        }
        Ok(())
    }

    /// Deletes the flows whose time is over, but for those that hold something to be revoked first.
    pub(super) async fn sweep(&self, now: Timestamp) -> Result<Swept, StoreError> {
        let (over, live): (Vec<_>, Vec<_>) = self
            .store
            .flows()
            .await?
            .into_iter()
            .partition(|flow| flow.expires_at <= now);
        let settled = |flow: &&Flow| matches!(flow.status, FlowStatus::Settled { .. });
        let open = over.iter().filter(|flow| flow.is_open() && !settled(flow));
        let expired = open.count();
        let (undecided, over): (Vec<_>, Vec<_>) = over
            .into_iter()
            .partition(|flow| matches!(flow.status, FlowStatus::OtherAccount { .. }));
        if !over.is_empty() {
            let deleted = over.iter().map(|flow| Change::DeleteFlow(flow.id));
            self.store.commit(deleted.collect()).await?;
        }
        for _ in 0..expired {
            metrics::flow(metrics::Flow::Expired);
        }
        Ok(Swept { live, undecided })
    }

    /// The flow that is open under `key`, as far as this process knows.
    pub(super) fn flow(&self, key: &FlowKey) -> Option<FlowId> {
        self.table().get(key).map(|(id, _)| *id)
    }

    /// How many flows are open: under any key, and of the owner of `key` with its provider.
    pub(super) fn open_flows(&self, key: &FlowKey) -> (usize, usize) {
        let table = self.table();
        let own = table.keys().filter(|other| other.same_owner(key)).count();
        (table.len(), own)
    }

    /// Notes an open flow. Called before its link leaves.
    pub(super) fn opened(&self, flow: &Flow) -> Result<(), StoreError> {
        self.mark(true)?;
        self.table()
            .insert(FlowKey::of(flow), (flow.id, flow.expires_at));
        self.changed(flow.id);
        Ok(())
    }

    /// Notes that a flow cannot be used any more.
    pub(super) fn ended(&self, flow: &Flow) {
        let none_left = {
            let mut table = self.table();
            let key = FlowKey::of(flow);
            if table.get(&key).is_some_and(|(id, _)| *id == flow.id) {
                table.remove(&key);
            }
            table.is_empty()
        };
        if none_left && let Err(error) = self.mark(false) {
            tracing::warn!(error = %error, "the marker of pending flows could not be removed");
        }
        self.changed(flow.id);
    }

    /// Notes that the person said no. An old no is forgotten with the next one.
    pub(super) fn declined(&self, flow: &Flow, now: Timestamp) {
        let mut declined = lock(&self.declined);
        declined.retain(|_, at| now - FLOW_LIFETIME < *at);
        declined.insert(FlowKey::of(flow), now);
    }

    /// When the person last said no to this.
    pub(super) fn declined_at(&self, key: &FlowKey) -> Option<Timestamp> {
        lock(&self.declined).get(key).copied()
    }

    /// Notes why a sign-in failed; none: it did not, and an older failure is forgotten.
    pub(super) fn failed(&self, flow: &Flow, now: Timestamp, reason: Option<&str>) {
        let mut failed = lock(&self.failed);
        failed.retain(|_, (at, _)| now - FLOW_LIFETIME < *at);
        let key = FlowKey::of(flow);
        match reason {
            Some(reason) => failed.insert(key, (now, reason.to_owned())),
            None => failed.remove(&key),
        };
    }

    /// Why the last sign-in for this failed, if it did a moment ago.
    pub(super) fn failure(&self, key: &FlowKey, now: Timestamp) -> Option<String> {
        let failed = lock(&self.failed);
        let (at, reason) = failed.get(key)?;
        (now - FLOW_LIFETIME < *at).then(|| reason.clone())
    }

    /// Forgets flows whose time is over. True when none is open.
    pub(super) fn none_open(&self, now: Timestamp) -> bool {
        let mut table = self.table();
        table.retain(|_, (_, expires_at)| *expires_at > now);
        table.is_empty()
    }

    /// Tells who waits for the flow that it changed.
    pub(super) fn changed(&self, flow: FlowId) {
        self.changes.tell(flow);
    }

    /// Wakes at every change of the flow from now on, and now and then without one.
    pub(super) fn watch(&self, flow: FlowId) -> watch::Receiver<()> {
        self.changes.of(flow)
    }

    /// Wakes at every change of any flow from now on.
    pub(super) fn watch_all(&self) -> watch::Receiver<()> {
        self.changes.of_any()
    }

    fn table(&self) -> MutexGuard<'_, HashMap<FlowKey, (FlowId, Timestamp)>> {
        lock(&self.flows)
    }

    fn mark(&self, pending: bool) -> Result<(), StoreError> {
        let path = self.dir.join(PENDING_MARKER);
        let done = match (pending, path.exists()) {
            (true, false) => OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&path)
                .and_then(|file| file.sync_all()),
            (false, true) => std::fs::remove_file(&path),
            _ => Ok(()),
        };
        done.map_err(|error| failed(&path, &error))
    }
}

/// Whether an earlier process left flows behind in the store at `dir`. Costs one look at the file
/// system.
pub(in crate::broker) fn has_left_flows(dir: &Path) -> bool {
    dir.join(PENDING_MARKER).exists()
}

/// A panic elsewhere does not make these tables wrong: each change is a single insert or remove.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failed(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Failed {
        path: path.display().to_string(),
        cause: error.kind().to_string(),
        fix: "Check the disk's free space and the directory's permissions, then try again."
            .to_owned(),
    }
}
