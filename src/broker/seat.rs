//! Which part this process plays: the owner of the store, or a follower of the process that is.
//!
//! | what is found | what happens |
//! |---|---|
//! | somebody answers at the socket | this process follows it |
//! | nobody does, and the lock is free | this process takes the lock, opens the store and listens |
//! | nobody does, and the lock is held | an owner is starting or ending: try again, for 5 s |
//! | the owner ends | its followers see the end of their connections, and all of them start over |
//!
//! The lock is the kernel's (`flock`): it ends with its holder, so there is no stale one to judge.

use std::net::TcpListener;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::broker::directory::Directory;
use crate::broker::owner::{Owner, has_left_flows};
use crate::broker::port::CallbackPort;
use crate::broker::socket::client::{Link, NoLink};
use crate::broker::socket::path;
use crate::broker::socket::server::Socket;
use crate::broker::{BrokerError, Settings};
use crate::store::error::StoreError;
use crate::store::lock;

/// How long a lock without anybody behind it is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long between two tries: a new owner needs some milliseconds to open the store.
const PAUSE: Duration = Duration::from_millis(3);
/// How often a process that has no seat yet looks for flows that others left pending.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The part that this process plays.
#[derive(Clone, Debug)]
pub(super) enum Seat {
    /// It has the store.
    Owner(Owner),
    /// Another process has.
    Follower(Link),
}

/// Takes a seat when one is first needed, and another one when that is lost.
#[derive(Debug)]
pub(super) struct Seats {
    settings: Settings,
    directory: Arc<Directory>,
    port: Arc<CallbackPort>,
    taken: Mutex<Option<Taken>>,
}

/// A seat and what ends with it.
#[derive(Debug)]
struct Taken {
    seat: Seat,
    /// An owner's listening, a follower's watch over its owner.
    task: JoinHandle<()>,
}

impl Taken {
    /// Whether it can still be used.
    fn is_sound(&self) -> bool {
        match &self.seat {
            Seat::Owner(owner) => owner.is_sound(),
            Seat::Follower(link) => !link.is_lost(),
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.task.abort();
        if let Seat::Owner(owner) = &self.seat {
            owner.leave();
        }
    }
}

impl Seats {
    pub(super) fn new(
        settings: Settings,
        directory: Arc<Directory>,
        listeners: mpsc::UnboundedSender<TcpListener>,
    ) -> Self {
        let port = CallbackPort::new(&settings.config.server, listeners);
        Self {
            port: Arc::new(port),
            directory,
            settings,
            taken: Mutex::new(None),
        }
    }

    /// The callback port of this process.
    pub(super) fn port(&self) -> &CallbackPort {
        &self.port
    }

    /// The seat, taken now if there is none or if it was lost. A failure is not remembered: the
    /// next call tries again.
    pub(super) async fn seat(self: &Arc<Self>) -> Result<Seat, BrokerError> {
        let mut taken = self.taken.lock().await;
        if let Some(taken) = taken.as_ref().filter(|taken| taken.is_sound()) {
            return Ok(taken.seat.clone());
        }
        // After a failed write only a newly opened store may be believed (a failed fsync may have
        // dropped pages). The lock goes with the old one.
        *taken = None;
        let seat = self.take().await?;
        Ok(taken.insert(seat).seat.clone())
    }

    /// Whether this process has a seat.
    pub(super) async fn is_taken(&self) -> bool {
        self.taken.lock().await.is_some()
    }

    /// The owner, if this process is it.
    pub(super) async fn owner(&self) -> Option<Owner> {
        match &self.taken.lock().await.as_ref()?.seat {
            Seat::Owner(owner) => Some(owner.clone()),
            Seat::Follower(_) => None,
        }
    }

    /// Leaves the seat to others, without waiting for one that is just being taken.
    pub(super) fn leave(&self) {
        if let Ok(mut taken) = self.taken.try_lock() {
            *taken = None;
        }
    }

    async fn take(self: &Arc<Self>) -> Result<Taken, BrokerError> {
        let path = path::of(&self.settings.config.store_dir);
        let give_up = Instant::now() + PATIENCE;
        let dir = &self.settings.config.store_dir;
        loop {
            match Link::open(&path, || lock::holder_in(dir)).await {
                Ok(link) => return Ok(self.follow(link)),
                Err(NoLink::Refused(error)) => return Err(error.into()),
                Err(NoLink::Nobody) => {}
            }
            match self.own(&path).await {
                Err(BrokerError::Store(StoreError::Locked { pid, path })) => {
                    if Instant::now() >= give_up {
                        return Err(StoreError::Locked { pid, path }.into());
                    }
                    sleep(PAUSE).await;
                }
                done => return done,
            }
        }
    }

    async fn own(self: &Arc<Self>, path: &std::path::Path) -> Result<Taken, BrokerError> {
        let owner = Owner::open(
            self.settings.clone(),
            Arc::clone(&self.directory),
            Arc::clone(&self.port),
        )
        .await?;
        let serving = Socket::bind(path.to_owned()).map(|socket| {
            let owner = owner.clone();
            async move {
                tokio::join!(socket.serve(owner.clone()), owner.keep_house());
            }
        });
        let task = match serving {
            Ok(serving) => tokio::spawn(serving),
            // This process can work; the others will say that the vault is taken, and by whom.
            Err(error) => {
                tracing::error!(%error, socket = %path.display(), "broker.socket.bind.failed");
                let owner = owner.clone();
                tokio::spawn(async move { owner.keep_house().await })
            }
        };
        Ok(Taken {
            seat: Seat::Owner(owner),
            task,
        })
    }

    fn follow(self: &Arc<Self>, link: Link) -> Taken {
        tracing::debug!(owner.pid = link.pid(), "following");
        let (seats, lost) = (Arc::downgrade(self), link.lost());
        let task = tokio::spawn(async move {
            lost.await;
            // At once and not with the next call: a browser may be on its way to the callback. In a
            // task of its own, since this one ends with the seat.
            tokio::spawn(replace(seats));
        });
        Taken {
            seat: Seat::Follower(link),
            task,
        }
    }

    /// Until this process has a seat, takes one as soon as there are flows that others left
    /// pending or may leave: each look costs one look at the file system.
    pub(super) async fn stand_by(seats: Weak<Self>) {
        loop {
            let Some(seats) = seats.upgrade() else { return };
            let taken = seats.taken.lock().await;
            if taken.as_ref().is_some_and(Taken::is_sound) {
                return;
            }
            drop(taken);
            if has_left_flows(&seats.settings.config.store_dir) {
                match seats.seat().await {
                    Ok(_) => return,
                    Err(error) => tracing::debug!(%error, "pending sign-ins were not resumed"),
                }
            }
            drop(seats);
            sleep(LOOK_EVERY).await;
        }
    }
}

/// Takes a seat in place of one that was lost.
async fn replace(lost: Weak<Seats>) {
    let Some(seats) = lost.upgrade() else { return };
    if let Err(error) = seats.seat().await {
        tracing::warn!(%error, "the owner of the vault ended, and no other was found");
        drop(seats);
        Seats::stand_by(lost).await;
    }
}
