//! Serves the callback port while a flow is pending.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::broker::Broker;

/// Connections at a time; more wait in the kernel's queue.
const CONNECTIONS: usize = 64;
/// How long a connection may take to send a request's head, also between two requests.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of a request's head. Above the guard's limits, so that the guard can answer.
const HEAD_LIMIT: usize = 128 * 1024;
/// How long the process waits after a failed `accept`: out of file descriptors, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves the listeners that the broker sends until no flow is pending, then closes them at once,
/// and waits for the next. Ends when the broker is gone.
///
/// The broker decides when that is ([`Broker::idle`]): it leaves the last result page time to load.
pub async fn serve(broker: Broker, mut listeners: mpsc::UnboundedReceiver<std::net::TcpListener>) {
    let router = super::router(broker.clone());
    while let Some(first) = listeners.recv().await {
        let port = Port::new(router.clone());
        port.listen(first);
        let mut idle = std::pin::pin!(broker.idle());
        loop {
            tokio::select! {
                () = &mut idle => break,
                Some(another) = listeners.recv() => port.listen(another),
            }
        }
    }
}

/// What listens now. Dropped, it closes the listeners and lets the requests that are being answered
/// come to their end.
struct Port {
    router: Router,
    room: Arc<Semaphore>,
    closing: CancellationToken,
}

impl Port {
    fn new(router: Router) -> Self {
        Self {
            router,
            room: Arc::new(Semaphore::new(CONNECTIONS)),
            closing: CancellationToken::new(),
        }
    }

    /// Accepts from one more listener: `localhost` has two.
    fn listen(&self, listener: std::net::TcpListener) {
        match TcpListener::from_std(listener) {
            Ok(listener) => {
                let router = self.router.clone();
                let room = Arc::clone(&self.room);
                let closing = self.closing.clone();
                tokio::spawn(async move {
                    closing
                        .run_until_cancelled(accept(listener, router, room, closing.clone()))
                        .await;
                });
            }
            Err(error) => tracing::error!(%error, "consent.listener.failed"),
        }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}

async fn accept(
    listener: TcpListener,
    router: Router,
    room: Arc<Semaphore>,
    closing: CancellationToken,
) {
    loop {
        let permit = Arc::clone(&room)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        match accept_one(&listener).await {
            Ok(stream) => {
                tokio::spawn(answer(stream, router.clone(), permit, closing.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "consent.accept.failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn accept_one(listener: &TcpListener) -> io::Result<TcpStream> {
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Answers the requests of one connection.
async fn answer(
    stream: TcpStream,
    router: Router,
    permit: OwnedSemaphorePermit,
    closing: CancellationToken,
) {
    let service = TowerToHyperService::new(router);
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_PATIENCE)
            .max_buf_size(HEAD_LIMIT)
            .serve_connection(TokioIo::new(stream), service)
    );
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "consent.connection.ended");
    }
    drop(permit);
}
