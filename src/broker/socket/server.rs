//! The owner's end of the socket.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::geteuid;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};
use zeroize::Zeroizing;

use crate::broker::BrokerError;
use crate::broker::owner::{Follower, Owner};
use crate::broker::socket::frame::{self, REQUEST_LIMIT, RESPONSE_LIMIT};
use crate::broker::socket::message::{
    Answer, Hello, Operation, PROTOCOL, Request, Response, Told, Welcome,
};
use crate::store::files;

/// Connections at a time. A host starts a handful of processes.
const CONNECTIONS: usize = 64;
/// Operations of one connection under way at a time; a thousand calls may wait for one link.
const OPERATIONS: usize = 4096;
/// How long a connection may take to say who it is.
const HELLO_PATIENCE: Duration = Duration::from_secs(5);
/// How long the process waits after a failed `accept`: out of file descriptors, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The bound socket. Dropped, it removes the file; the owner's lock must still be held then.
#[derive(Debug)]
pub(in crate::broker) struct Socket {
    listener: UnixListener,
    name: Name,
}

/// The socket's file, removed on drop.
#[derive(Debug)]
struct Name(PathBuf);

impl Drop for Name {
    fn drop(&mut self) {
        // One that stays is replaced by the next owner.
        fs::remove_file(&self.0).ok();
    }
}

impl Socket {
    /// Binds the socket under another name and moves it into place: whoever connects meets either
    /// nobody or a process that listens. Only the holder of the owner's lock may do this.
    pub(in crate::broker) fn bind(path: PathBuf) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            files::private_directory(folder).map_err(io::Error::other)?;
        }
        let new = path.with_extension("new");
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let listener = UnixListener::bind(&new)?;
        private(&new)?;
        fs::rename(&new, &path)?;
        Ok(Self {
            listener,
            name: Name(path),
        })
    }

    /// Answers whoever connects. Runs until dropped, and everything that it started with it.
    pub(in crate::broker) async fn serve(self, owner: Owner) {
        let _name = self.name;
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            match self.listener.accept().await {
                // Those that have not said who they are yet count too, and soon either do or end.
                Ok((stream, _)) if connections.len() < 2 * CONNECTIONS => {
                    connections.spawn(answer(stream, owner.clone()));
                }
                // Dropped: the other end sees the end of the stream and tries again.
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "broker.socket.accept.failed");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// The umask of the command line's `main` does the same; a library must not rely on it.
fn private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
}

/// Answers one connection to its end.
async fn answer(stream: UnixStream, owner: Owner) {
    // The file's mode keeps other users out; root and a moved file are what this is for.
    let uid = stream.peer_cred().map(|peer| peer.uid());
    if !uid.is_ok_and(|uid| uid == geteuid().as_raw()) {
        tracing::warn!(
            event.kind = "security",
            "another user connected to the vault's socket and was turned away"
        );
        return;
    }
    let (mut reader, mut writer) = stream.into_split();
    let ended = async {
        let hello = timeout(
            HELLO_PATIENCE,
            frame::read::<Hello>(&mut reader, REQUEST_LIMIT),
        );
        let Some(hello) = hello.await?? else {
            return Ok(());
        };
        let place = Follower::welcome(&owner, CONNECTIONS);
        let welcome = Welcome {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            full: place.is_none(),
        };
        frame::write(&mut writer, &frame_of(&welcome)).await?;
        if hello.protocol != PROTOCOL || place.is_none() {
            return Ok(());
        }
        converse(reader, writer, &owner).await
    };
    let ended: io::Result<()> = ended.await;
    if let Err(error) = ended {
        tracing::debug!(%error, "broker.socket.connection.ended");
    }
}

async fn converse(
    mut reader: OwnedReadHalf,
    mut writer: OwnedWriteHalf,
    owner: &Owner,
) -> io::Result<()> {
    let (answers, mut to_send) = mpsc::unbounded_channel::<Zeroizing<Vec<u8>>>();
    let sending = async {
        while let Some(frame) = to_send.recv().await {
            frame::write(&mut writer, &frame).await?;
        }
        Ok(())
    };
    let receiving = async {
        let mut operations = Operations::default();
        while let Some(request) = frame::read(&mut reader, REQUEST_LIMIT).await? {
            let answers = answers.clone();
            match request {
                Request::Ping => {
                    answers.send(frame_of(&Response::Pong)).ok();
                }
                Request::Forget(number) => operations.forget(number),
                Request::Do(number, operation) => {
                    if !operations.have_room() {
                        answers
                            .send(response(number, Err(BrokerError::TooManyFlows)))
                            .ok();
                        continue;
                    }
                    let owner = owner.clone();
                    // What waits for a person ends with who asked. All else comes to its end.
                    let waits = matches!(*operation, Operation::Wait { .. });
                    let task = async move {
                        let done = owner.perform(*operation).await;
                        answers.send(response(number, done)).ok();
                    };
                    operations.begin(number, waits, task);
                }
            }
        }
        Ok(())
    };
    tokio::select! {
        ended = sending => ended,
        ended = receiving => ended,
    }
}

/// What one connection has under way.
#[derive(Default)]
struct Operations {
    /// Aborted with the connection.
    waiting: JoinSet<()>,
    by_number: HashMap<u64, AbortHandle>,
    /// Left to come to its end.
    running: Vec<tokio::task::JoinHandle<()>>,
}

impl Operations {
    fn have_room(&mut self) -> bool {
        while self.waiting.try_join_next().is_some() {}
        self.by_number.retain(|_, task| !task.is_finished());
        self.running.retain(|task| !task.is_finished());
        self.waiting.len() + self.running.len() < OPERATIONS
    }

    fn begin(&mut self, number: u64, waits: bool, task: impl Future<Output = ()> + Send + 'static) {
        if waits {
            let handle = self.waiting.spawn(task);
            self.by_number.insert(number, handle);
        } else {
            self.running.push(tokio::spawn(task));
        }
    }

    fn forget(&mut self, number: u64) {
        if let Some(task) = self.by_number.remove(&number) {
            task.abort();
        }
    }
}

fn response(number: u64, done: Result<Answer, BrokerError>) -> Zeroizing<Vec<u8>> {
    let done = done.map_err(|error| Told {
        kind: error.kind(),
        message: error.to_string(),
    });
    let frame = frame::encode(&Response::Done(number, Box::new(done)), RESPONSE_LIMIT);
    frame.unwrap_or_else(|| {
        let told = Told {
            kind: crate::broker::ErrorKind::Store,
            message: "The answer is too long for the vault's socket. Ask for less.".to_owned(),
        };
        frame_of(&Response::Done(number, Box::new(Err(told))))
    })
}

fn frame_of(message: &impl serde::Serialize) -> Zeroizing<Vec<u8>> {
    frame::encode(message, RESPONSE_LIMIT).expect("the message is short")
}
