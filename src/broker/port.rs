//! The callback port: bound on loopback before a link is handed out, and only while a flow is
//! pending (RFC 8252 §8.3).

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::time::Duration;

use tokio::net::TcpSocket;
use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, sleep};
use url::Host;

use crate::broker::BrokerError;
use crate::config::Server;

/// How long a busy port is tried again: the process that had it may just be closing.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether this process listens on the callback port.
#[derive(Debug)]
pub(super) struct CallbackPort {
    port: u16,
    addresses: Vec<SocketAddr>,
    listening: Mutex<bool>,
    listeners: mpsc::UnboundedSender<TcpListener>,
}

impl CallbackPort {
    /// A port that is not bound yet. With `localhost` in the public URL both loopback addresses are
    /// needed: browsers try `::1` first, and whoever sits there would receive the code. None with an
    /// HTTP server, on whose listener the callback is.
    pub(super) fn new(server: &Server, listeners: mpsc::UnboundedSender<TcpListener>) -> Self {
        let port = server.callback_port;
        let mut addresses = Vec::new();
        if !server.listen.is_on {
            addresses.push(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
            if server.public_url.host() == Some(Host::Domain("localhost")) {
                addresses.push(SocketAddr::from((Ipv6Addr::LOCALHOST, port)));
            }
        }
        Self {
            port,
            addresses,
            listening: Mutex::new(false),
            listeners,
        }
    }

    /// Listens, unless it does already. The kernel queues connections from here on, so a link may
    /// be handed out.
    pub(super) async fn open(&self) -> Result<(), BrokerError> {
        let mut listening = self.listening.lock().await;
        if *listening {
            return Ok(());
        }
        let give_up = Instant::now() + PATIENCE;
        let bound = loop {
            match self.bind() {
                Ok(bound) => break bound,
                Err(error) if error.kind() == ErrorKind::AddrInUse && Instant::now() < give_up => {
                    sleep(Duration::from_millis(50)).await;
                }
                Err(error) => {
                    return Err(BrokerError::PortTaken {
                        port: self.port,
                        cause: error.kind().to_string(),
                    });
                }
            }
        };
        for listener in bound {
            // Fails only when the browser's side has ended, at the end of the process.
            self.listeners.send(listener).ok();
        }
        *listening = true;
        Ok(())
    }

    /// Whether this process listens.
    pub(super) async fn listens(&self) -> bool {
        *self.listening.lock().await
    }

    /// Whether it could listen. Takes the addresses for a moment without listening, so that nobody
    /// can connect meanwhile.
    pub(super) fn is_free(&self) -> io::Result<()> {
        for address in &self.addresses {
            let bound = match address {
                SocketAddr::V4(_) => TcpSocket::new_v4(),
                SocketAddr::V6(_) => TcpSocket::new_v6(),
            }
            .and_then(|socket| {
                // As the standard library's listeners do.
                socket.set_reuseaddr(true)?;
                socket.bind(*address)
            });
            match bound {
                Err(error) if is_missing(*address, &error) => {}
                done => done?,
            }
        }
        Ok(())
    }

    /// Marks the port as closed if `still_idle` holds while no flow can open it.
    pub(super) async fn close_if(&self, still_idle: impl FnOnce() -> bool) -> bool {
        let mut listening = self.listening.lock().await;
        let close = still_idle();
        if close {
            *listening = false;
        }
        close
    }

    fn bind(&self) -> io::Result<Vec<TcpListener>> {
        let mut bound = Vec::new();
        for address in &self.addresses {
            match TcpListener::bind(address) {
                Ok(listener) => {
                    listener.set_nonblocking(true)?;
                    bound.push(listener);
                }
                Err(error) if is_missing(*address, &error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(bound)
    }
}

/// A machine without IPv6 has no `::1` that anyone could sit on.
fn is_missing(address: SocketAddr, error: &io::Error) -> bool {
    address.is_ipv6() && error.kind() != ErrorKind::AddrInUse
}
