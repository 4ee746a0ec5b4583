//! The broker of the process that has the store.

mod access;
mod accounts;
mod activity;
mod audit;
mod backup;
mod browser;
mod callback;
mod changes;
mod checkup;
mod connections;
mod deadlines;
mod flows;
mod keyed_calls;
mod other_account;
mod perform;
mod refresh;
mod revoke_user;
mod sessions;
mod upkeep;
mod vault;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::broker::directory::Directory;
use crate::broker::owner::accounts::AccountLocks;
use crate::broker::owner::audit::Desk;
use crate::broker::owner::callback::Exchanges;
use crate::broker::owner::deadlines::Deadlines;
pub(super) use crate::broker::owner::flows::redirect_uri;
use crate::broker::owner::refresh::Flights;
use crate::broker::owner::vault::Vault;
pub(super) use crate::broker::owner::vault::has_left_flows;
use crate::broker::port::CallbackPort;
use crate::broker::{BrokerError, Settings};
use crate::oauth::provider::Provider;
use crate::store::records::Flow;
use crate::store::sled::Store;

/// The broker of the process that has the store. A handle: clones share it, and the last one to go
/// closes the store.
#[derive(Clone, Debug)]
pub(super) struct Owner(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    directory: Arc<Directory>,
    vault: Vault,
    port: Arc<CallbackPort>,
    flights: Flights,
    accounts: AccountLocks,
    desk: Desk,
    exchanges: Exchanges,
    deadlines: Deadlines,
    /// One flow is minted or joined at a time, so that a thousand calls share one link.
    minting: Mutex<()>,
    /// Processes that are connected.
    followers: AtomicUsize,
    /// When an operation was last asked for.
    used_at: std::sync::Mutex<Instant>,
    /// The store is being given up: who waits must ask its next owner.
    leaving: CancellationToken,
}

impl Owner {
    /// Opens the store and takes up the flows in it.
    pub(super) async fn open(
        settings: Settings,
        directory: Arc<Directory>,
        port: Arc<CallbackPort>,
    ) -> Result<Self, BrokerError> {
        let vault = Vault::open(&settings).await?;
        Ok(Self(Arc::new(Inner {
            settings,
            directory,
            vault,
            port,
            flights: Flights::default(),
            accounts: AccountLocks::default(),
            desk: Desk::default(),
            exchanges: Exchanges::default(),
            deadlines: Deadlines::default(),
            minting: Mutex::new(()),
            followers: AtomicUsize::new(0),
            used_at: std::sync::Mutex::new(Instant::now()),
            leaving: CancellationToken::new(),
        })))
    }

    /// Whether the store takes writes. If not, the owner has to be given up.
    pub(super) fn is_sound(&self) -> bool {
        self.0.vault.store().is_writable()
    }

    /// Ends what waits here. The store closes with the last handle.
    pub(super) fn leave(&self) {
        self.0.leaving.cancel();
    }

    /// Resolves after [`Owner::leave`].
    pub(super) fn left(&self) -> impl Future<Output = ()> + Send + 'static {
        self.0.leaving.clone().cancelled_owned()
    }

    /// See [`crate::broker::Broker::unused_for`].
    pub(super) fn unused_for(&self) -> Duration {
        if self.0.followers.load(Ordering::Relaxed) > 0 || !self.none_open() {
            return Duration::ZERO;
        }
        self.used_at().elapsed()
    }

    fn used_at(&self) -> MutexGuard<'_, Instant> {
        // A panic elsewhere does not make it wrong: it is set in one step.
        self.0
            .used_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn store(&self) -> Store {
        self.0.vault.store().clone()
    }

    /// How the last cure of a damaged vault went; only once.
    async fn notice(&self) -> Result<Option<String>, BrokerError> {
        Ok(self.store().notice().await?)
    }

    /// Whether the flow's time is over.
    fn is_over(&self, flow: &Flow) -> bool {
        self.0.deadlines.is_over(flow, self.now(), Instant::now())
    }

    fn now(&self) -> Timestamp {
        self.0.settings.clock.now()
    }

    fn provider(&self, id: &str) -> Option<&Provider> {
        self.0.directory.provider(id)
    }
}

/// A connected process, until dropped.
#[derive(Debug)]
pub(super) struct Follower(Owner);

impl Follower {
    /// One more, unless there are `limit`.
    pub(super) fn welcome(owner: &Owner, limit: usize) -> Option<Self> {
        let follower = Self(owner.clone());
        (owner.0.followers.fetch_add(1, Ordering::Relaxed) < limit).then_some(follower)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.0.followers.fetch_sub(1, Ordering::Relaxed);
        *self.0.used_at() = Instant::now();
    }
}
