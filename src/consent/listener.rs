//! Serves the callback port while a flow is pending.

use tokio::sync::mpsc;

use crate::broker::Broker;
use crate::serve::Port;

/// Connections at a time.
const CONNECTIONS: usize = 64;

/// Serves the listeners that the broker sends until no flow is pending, then closes them at once,
/// and waits for the next. Ends when the broker is gone.
///
/// The broker decides when that is ([`Broker::idle`]): it leaves the last result page time to load.
pub async fn serve(broker: Broker, mut listeners: mpsc::UnboundedReceiver<std::net::TcpListener>) {
    let router = super::router(broker.clone());
    while let Some(first) = listeners.recv().await {
        let port = Port::new(router.clone(), CONNECTIONS);
        listen(&port, first);
        let mut idle = std::pin::pin!(broker.idle());
        loop {
            tokio::select! {
                () = &mut idle => break,
                Some(another) = listeners.recv() => listen(&port, another),
            }
        }
    }
}

fn listen(port: &Port, listener: std::net::TcpListener) {
    if let Err(error) = port.listen(listener) {
        tracing::error!(%error, "consent.listener.failed");
    }
}
