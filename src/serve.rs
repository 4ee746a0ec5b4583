//! Answers HTTP/1.1 on a listener, with limits that a slow or a greedy client runs into.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// How long a connection may take to send a request's head, also between two requests.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of a request's head. Above the routes' own limits, so that they can answer.
const HEAD_LIMIT: usize = 128 * 1024;
/// How long the process waits after a failed `accept`: out of file descriptors, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What listens, on one or more addresses. Dropped, it closes the listeners at once and lets the
/// requests that are being answered come to their end.
#[derive(Debug)]
pub struct Port {
    router: Router,
    room: Arc<Semaphore>,
    closing: CancellationToken,
    connections: TaskTracker,
}

impl Port {
    /// A port with room for so many connections at a time; more wait in the kernel's queue.
    pub fn new(router: Router, connections: usize) -> Self {
        Self {
            router,
            room: Arc::new(Semaphore::new(connections)),
            closing: CancellationToken::new(),
            connections: TaskTracker::new(),
        }
    }

    /// Accepts from one more listener: `localhost` has two.
    pub fn listen(&self, listener: std::net::TcpListener) -> io::Result<()> {
        let listener = TcpListener::from_std(listener)?;
        let accepting = Accepting {
            router: self.router.clone(),
            room: Arc::clone(&self.room),
            closing: self.closing.clone(),
            connections: self.connections.clone(),
        };
        tokio::spawn(async move {
            let closing = accepting.closing.clone();
            closing
                .run_until_cancelled(accepting.accept(listener))
                .await;
        });
        Ok(())
    }

    /// Closes the listeners, lets every connection finish the request it is at, and waits for that.
    pub async fn drain(&self) {
        self.closing.cancel();
        self.connections.close();
        self.connections.wait().await;
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}

struct Accepting {
    router: Router,
    room: Arc<Semaphore>,
    closing: CancellationToken,
    connections: TaskTracker,
}

impl Accepting {
    async fn accept(&self, listener: TcpListener) {
        loop {
            let permit = Arc::clone(&self.room)
                .acquire_owned()
                .await
                .expect("the semaphore is never closed");
            match accept_one(&listener).await {
                Ok((stream, peer)) => {
                    let router = self.router.clone();
                    let closing = self.closing.clone();
                    self.connections
                        .spawn(answer(stream, peer, router, permit, closing));
                }
                Err(error) => {
                    tracing::warn!(%error, "http.accept.failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// Without `TCP_NODELAY` each event of a stream waits 40 ms for the client's kernel.
async fn accept_one(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (stream, peer) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, peer))
}

/// Answers the requests of one connection.
async fn answer(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    permit: OwnedSemaphorePermit,
    closing: CancellationToken,
) {
    let service = router.map_request(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request
    });
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_PATIENCE)
            .max_buf_size(HEAD_LIMIT)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
    );
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "http.connection.ended");
    }
    drop(permit);
}
