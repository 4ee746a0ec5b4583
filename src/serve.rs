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

mod patience;

use patience::Patient;

/// How long a connection may take to send a request's head, also between two requests.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of a request's head. Above the routes' own limits, so that they can answer.
const HEAD_LIMIT: usize = 128 * 1024;
/// How long a client may read nothing of an answer that is being sent. Such a one would keep its
/// connection and what is buffered for it; a stream on which nothing is sent is not concerned.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);
/// How long the process waits after a failed `accept`: out of file descriptors, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What listens, on one or more addresses. Dropped, it closes the listeners at once and lets the
/// requests that are being answered come to their end.
#[derive(Debug)]
pub struct Port {
    router: Router,
    room: Arc<Semaphore>,
    write_patience: Duration,
    closing: CancellationToken,
    connections: TaskTracker,
}

impl Port {
    /// A port with room for so many connections at a time; more wait in the kernel's queue.
    pub fn new(router: Router, connections: usize) -> Self {
        Self {
            router,
            room: Arc::new(Semaphore::new(connections)),
            write_patience: WRITE_PATIENCE,
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
            write_patience: self.write_patience,
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
    write_patience: Duration,
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
                    let stream = Patient::new(stream, self.write_patience);
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
    stream: Patient<TcpStream>,
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

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use std::net::Ipv4Addr;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::timeout;

    /// More than the kernel takes for somebody who does not read.
    const LARGE: usize = 64 << 20;

    async fn asking(port: u16, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .await
            .unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_its_answer_loses_its_connection_and_a_slow_one_does_not() {
        let router = Router::new()
            .route("/large", get(async || vec![b'x'; LARGE]))
            .route("/small", get(async || "small"));
        let mut port = Port::new(router, 1);
        port.write_patience = Duration::from_millis(300);
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let number = listener.local_addr().unwrap().port();
        port.listen(listener).unwrap();

        // There is room for one connection, so the second is answered once the first is over.
        let stuck = asking(number, "/large").await;
        let mut next = asking(number, "/small").await;
        let mut answer = String::new();
        let answered = timeout(Duration::from_secs(20), next.read_to_string(&mut answer));
        answered.await.expect("the first is over").unwrap();
        assert!(answer.ends_with("small"), "{answer}");
        drop(stuck);

        let mut slow = asking(number, "/large").await;
        let mut read = 0;
        let mut some = vec![0; 1 << 20];
        loop {
            match slow.read(&mut some).await.unwrap() {
                0 => break,
                bytes => read += bytes,
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(read > LARGE, "the head and all of the body, not {read}");
    }
}
