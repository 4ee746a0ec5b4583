//! Standard input and output as MCP's transport (MCP 2026-07-28, Transports).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rmcp::model::{
    ClientJsonRpcMessage, ClientRequest, GetMeta, ProtocolVersion, ServerJsonRpcMessage,
};
use rmcp::service::{RoleServer, ServerInitializeError, serve_server};
use rmcp::transport::Transport;
use rmcp::transport::async_rw::AsyncRwTransport;
use rmcp::transport::io::{StdioReader, StdioWriter, stdio_pipes};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::mcp::handler::Handler;
use crate::mcp::wire::Wire;

/// How long the next answer may take to leave after the end of the input.
const DRAIN: Duration = Duration::from_millis(40);

/// How long all of them may take, and the records of the calls that are left. Hosts give a server 100 ms between the first signal and the last.
const DRAIN_ALL: Duration = Duration::from_millis(90);

/// Why serving ended badly.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Standard output takes no more.
    #[error("the client no longer reads standard output")]
    Output,
    /// The client opened with something that is not MCP.
    #[error("the client did not open an MCP session")]
    NotMcp,
}

/// Serves one client until the input ends or `stop` resolves. What is still being computed then is
/// dropped after a moment; the store never needs longer than that to be whole.
pub async fn serve(handler: Handler, stop: impl Future<Output = ()>) -> Result<(), ServeError> {
    let farewell = handler.farewell();
    let (reader, writer) = stdio_pipes();
    let input_ended = CancellationToken::new();
    let sent = Arc::new(AtomicUsize::new(0));
    let transport = Stdio {
        inner: AsyncRwTransport::new_server(reader, writer),
        sent: Arc::clone(&sent),
        opened: false,
        input_ended: input_ended.clone(),
    };
    let mut stop = std::pin::pin!(stop);
    let opening = tokio::select! {
        opening = Box::pin(serve_server(Wire(handler), transport)) => opening,
        () = &mut stop => return Ok(()),
    };
    let service = match opening {
        Ok(service) => service,
        Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(ServerInitializeError::TransportError { .. }) => return Err(ServeError::Output),
        // The error quotes the client's message, so it is not passed on.
        Err(_) => return Err(ServeError::NotMcp),
    };
    let cancellation = service.cancellation_token();
    let mut served = std::pin::pin!(service.waiting());
    tokio::select! {
        _ = &mut served => return Ok(()),
        () = input_ended.cancelled() => {}
        () = &mut stop => cancellation.cancel(),
    }
    // The SDK itself would wait for up to 5 s. Here calls that wait for a person are left behind,
    // and answers that are ready go out.
    let drain = async {
        let mut seen = sent.load(Ordering::Relaxed);
        while timeout(DRAIN, &mut served).await.is_err() {
            let now = sent.load(Ordering::Relaxed);
            if now == seen {
                break;
            }
            seen = now;
        }
    };
    let by = Instant::now() + DRAIN_ALL;
    timeout_at(by, drain).await.ok();
    timeout_at(by, farewell.say()).await.ok();
    Ok(())
}

/// The SDK's transport, forgiving before the session is opened, and telling when the input ends.
struct Stdio {
    inner: AsyncRwTransport<RoleServer, StdioReader, StdioWriter>,
    /// The SDK has left its opening phase, in which it ends the session at anything but a request.
    opened: bool,
    /// How many messages have left.
    sent: Arc<AtomicUsize>,
    input_ended: CancellationToken,
}

impl Transport<RoleServer> for Stdio {
    type Error = std::io::Error;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let sending = self.inner.send(message);
        let sent = Arc::clone(&self.sent);
        async move {
            sending.await?;
            sent.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            let Some(message) = self.inner.receive().await else {
                self.input_ended.cancel();
                return None;
            };
            self.opened = self.opened || opens(&message);
            // A late `notifications/cancelled` of the process before us, for one.
            if self.opened || matches!(message, ClientJsonRpcMessage::Request(_)) {
                return Some(message);
            }
            tracing::debug!("a message before the first request was ignored");
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.inner.close().await
    }
}

/// Whether the SDK opens the session with this message: `initialize`, or a request that carries
/// what 2026-07-28 requires. `ping` and `server/discover` only look.
fn opens(message: &ClientJsonRpcMessage) -> bool {
    let ClientJsonRpcMessage::Request(message) = message else {
        return false;
    };
    match &message.request {
        ClientRequest::InitializeRequest(_) => true,
        ClientRequest::PingRequest(_) | ClientRequest::DiscoverRequest(_) => false,
        request => {
            let meta = request.get_meta();
            meta.missing_required_keys(&ProtocolVersion::V_2026_07_28)
                .is_empty()
                && meta
                    .protocol_version()
                    .is_some_and(|version| ProtocolVersion::KNOWN_VERSIONS.contains(&version))
        }
    }
}
