//! A follower's end of the socket.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::geteuid;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::broker::socket::frame::{self, REQUEST_LIMIT, RESPONSE_LIMIT};
use crate::broker::socket::message::{
    Answer, Hello, Operation, PROTOCOL, Request, Response, Told, Welcome,
};
use crate::broker::{BrokerError, OwnerError};

/// An owner that says nothing for so long is stopped or hangs.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it is asked whether it is there while an answer is awaited.
const PING_EVERY: Duration = Duration::from_millis(500);

/// The connection to the owner. A handle: clones share it, and the last one to go closes it.
#[derive(Clone, Debug)]
pub(in crate::broker) struct Link(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pid: u32,
    lost: CancellationToken,
    requests: mpsc::UnboundedSender<Zeroizing<Vec<u8>>>,
    next: AtomicU64,
    shared: Arc<Shared>,
}

/// What the task that reads shares with those who wait.
#[derive(Debug)]
struct Shared {
    waiting: Mutex<HashMap<u64, oneshot::Sender<Result<Answer, Told>>>>,
    heard: Mutex<Instant>,
}

/// Why there is no connection.
#[derive(Debug)]
pub(in crate::broker) enum NoLink {
    /// Nobody listens. Perhaps a new owner soon will, perhaps there is none.
    Nobody,
    /// Somebody does, and cannot be used.
    Refused(OwnerError),
}

/// The owner ended before it answered. Ask the next one.
#[derive(Debug)]
pub(in crate::broker) struct Lost;

impl Drop for Inner {
    fn drop(&mut self) {
        self.lost.cancel();
    }
}

impl Link {
    /// Connects to the owner that listens at `path`. `holder` tells its process id, for the message
    /// when it does not do so itself.
    pub(in crate::broker) async fn open(
        path: &Path,
        holder: impl FnOnce() -> String,
    ) -> Result<Self, NoLink> {
        let silent = |_| NoLink::Refused(OwnerError::Silent { pid: holder() });
        let greeting = timeout(PATIENCE, greet(path)).await;
        let (stream, welcome) = greeting.map_err(silent)??;
        let pid = welcome.pid;
        if welcome.protocol != PROTOCOL {
            let version = welcome.version;
            return Err(NoLink::Refused(OwnerError::OtherVersion { pid, version }));
        }
        if welcome.full {
            return Err(NoLink::Refused(OwnerError::Full { pid }));
        }
        let (requests, to_send) = mpsc::unbounded_channel();
        let lost = CancellationToken::new();
        let shared = Arc::new(Shared {
            waiting: Mutex::default(),
            heard: Mutex::new(Instant::now()),
        });
        tokio::spawn(converse(stream, to_send, Arc::clone(&shared), lost.clone()));
        Ok(Self(Arc::new(Inner {
            pid,
            lost,
            requests,
            next: AtomicU64::new(0),
            shared,
        })))
    }

    /// The owner's process id.
    pub(in crate::broker) fn pid(&self) -> u32 {
        self.0.pid
    }

    /// Whether the owner is gone.
    pub(in crate::broker) fn is_lost(&self) -> bool {
        self.0.lost.is_cancelled()
    }

    /// Resolves when the owner is gone.
    pub(in crate::broker) fn lost(&self) -> impl Future<Output = ()> + Send + 'static {
        self.0.lost.clone().cancelled_owned()
    }

    /// Has the owner perform `operation`.
    pub(in crate::broker) async fn perform(
        &self,
        operation: Operation,
    ) -> Result<Result<Answer, BrokerError>, Lost> {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let Some(frame) = frame::encode(&Request::Do(number, Box::new(operation)), REQUEST_LIMIT)
        else {
            return Ok(Err(OwnerError::TooLong.into()));
        };
        let (sender, mut answer) = oneshot::channel();
        lock(&self.0.shared.waiting).insert(number, sender);
        let _forget = Forget { link: self, number };
        // Also after the insertion, so that the reading task's end cannot be missed.
        if self.is_lost() || self.0.requests.send(frame).is_err() {
            return Err(Lost);
        }
        let asked = Instant::now();
        loop {
            tokio::select! {
                answer = &mut answer => {
                    return match answer {
                        Ok(Ok(answer)) => Ok(Ok(answer)),
                        Ok(Err(Told { kind, message })) => Ok(Err(BrokerError::Told { kind, message })),
                        Err(_) => Err(Lost),
                    };
                }
                () = sleep(PING_EVERY) => {
                    let heard = *lock(&self.0.shared.heard);
                    if heard.max(asked).elapsed() >= PATIENCE {
                        let pid = self.0.pid.to_string();
                        return Ok(Err(OwnerError::Silent { pid }.into()));
                    }
                    self.send(&Request::Ping);
                }
            }
        }
    }

    fn send(&self, request: &Request) {
        let frame = frame::encode(request, REQUEST_LIMIT).expect("the request is short");
        // Fails only when the owner is gone, which the waiting find out by themselves.
        self.0.requests.send(frame).ok();
    }
}

/// Tells the owner that an answer is no longer awaited, unless it came.
struct Forget<'a> {
    link: &'a Link,
    number: u64,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        if lock(&self.link.0.shared.waiting)
            .remove(&self.number)
            .is_some()
        {
            self.link.send(&Request::Forget(self.number));
        }
    }
}

/// Connects, checks whose socket it is, and says hello.
async fn greet(path: &Path) -> Result<(UnixStream, Welcome), NoLink> {
    let nobody = |_: io::Error| NoLink::Nobody;
    let mut stream = UnixStream::connect(path).await.map_err(nobody)?;
    let uid = stream.peer_cred().map_err(nobody)?.uid();
    if uid != geteuid().as_raw() {
        let path = path.display().to_string();
        return Err(NoLink::Refused(OwnerError::OtherUser { path, uid }));
    }
    let hello = Hello {
        protocol: PROTOCOL,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let hello = frame::encode(&hello, REQUEST_LIMIT).expect("the greeting is short");
    frame::write(&mut stream, &hello).await.map_err(nobody)?;
    let welcome = frame::read(&mut stream, RESPONSE_LIMIT).await;
    let welcome = welcome.map_err(nobody)?.ok_or(NoLink::Nobody)?;
    Ok((stream, welcome))
}

/// Sends and receives until either end closes the connection; then who waits is told.
async fn converse(
    stream: UnixStream,
    mut to_send: mpsc::UnboundedReceiver<Zeroizing<Vec<u8>>>,
    shared: Arc<Shared>,
    lost: CancellationToken,
) {
    let (mut reader, mut writer) = stream.into_split();
    let sending = async {
        while let Some(frame) = to_send.recv().await {
            // An owner that is stopped reads nothing: that is no reason to give it up.
            tokio::io::AsyncWriteExt::write_all(&mut writer, &frame).await?;
        }
        Ok(())
    };
    let receiving = async {
        while let Some(response) = frame::read(&mut reader, RESPONSE_LIMIT).await? {
            *lock(&shared.heard) = Instant::now();
            if let Response::Done(number, done) = response
                && let Some(sender) = lock(&shared.waiting).remove(&number)
            {
                sender.send(*done).ok();
            }
        }
        Ok(())
    };
    let ended: io::Result<()> = tokio::select! {
        ended = sending => ended,
        ended = receiving => ended,
        () = lost.cancelled() => Ok(()),
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "broker.socket.connection.ended");
    }
    lost.cancel();
    lock(&shared.waiting).clear();
}

/// A panic elsewhere does not make these wrong: each change is a single step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
