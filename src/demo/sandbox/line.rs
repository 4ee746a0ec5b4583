//! A connection that the sandbox can cut or slow down, below HTTP, as real networks do.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Sleep;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// The sandbox's end of one connection, in the hands of whoever answers its requests.
#[derive(Clone, Debug)]
pub(super) struct Line {
    hung_up: CancellationToken,
    cut_in_body: Arc<AtomicBool>,
    pace: Arc<OnceLock<Duration>>,
}

impl Line {
    /// Closes the connection at once, without another byte.
    pub(super) fn hang_up(&self) {
        self.hung_up.cancel();
    }

    /// Closes the connection one byte into the body of the next answer.
    pub(super) fn cut_in_body(&self) {
        self.cut_in_body.store(true, Ordering::SeqCst);
    }

    /// From now on one byte goes out per `pace`.
    pub(super) fn trickle(&self, pace: Duration) {
        // A second setting changes nothing: the connection is slow already.
        self.pace.set(pace).ok();
    }
}

/// Accepts connections whose [`Line`] can be pulled; cancelling `all` pulls every one of them.
pub(super) struct Lines {
    pub(super) listener: TcpListener,
    pub(super) all: CancellationToken,
}

impl Listener for Lines {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Wire, SocketAddr) {
        let (stream, peer) = Listener::accept(&mut self.listener).await;
        // Without it a small answer waits for the peer's delayed acknowledgement. A socket that
        // does not take the option works all the same.
        stream.set_nodelay(true).ok();
        let line = Line {
            hung_up: self.all.child_token(),
            cut_in_body: Arc::default(),
            pace: Arc::default(),
        };
        let wire = Wire {
            hung_up: Box::pin(line.hung_up.clone().cancelled_owned()),
            pause: None,
            stream,
            line,
        };
        (wire, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Connected<IncomingStream<'_, Lines>> for Line {
    fn connect_info(stream: IncomingStream<'_, Lines>) -> Self {
        stream.io().line.clone()
    }
}

/// The byte stream under a [`Line`].
pub(super) struct Wire {
    stream: TcpStream,
    line: Line,
    hung_up: Pin<Box<WaitForCancellationFutureOwned>>,
    pause: Option<Pin<Box<Sleep>>>,
}

fn gone() -> io::Error {
    io::Error::from(io::ErrorKind::ConnectionReset)
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // The HTTP server reads ahead while an answer is being made, so that this wakes it.
        if self.hung_up.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(gone()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.line.hung_up.is_cancelled() {
            return Poll::Ready(Err(gone()));
        }
        if let Some(pause) = &mut self.pause {
            std::task::ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        let mut end = buf.len();
        let mut last = false;
        if self.line.cut_in_body.load(Ordering::SeqCst) {
            let head = buf.windows(4).position(|window| window == b"\r\n\r\n");
            if let Some(body) = head.map(|at| at + 4) {
                end = end.min(body + 1);
                last = true;
            }
        }
        let pace = self.line.pace.get().copied();
        if pace.is_some() {
            end = end.min(1);
        }
        let written = std::task::ready!(Pin::new(&mut self.stream).poll_write(cx, &buf[..end]))?;
        if last && written == end {
            self.line.hang_up();
        }
        self.pause = pace.map(|pace| Box::pin(tokio::time::sleep(pace)));
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
