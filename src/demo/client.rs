//! A scripted MCP client: starts a server as a host would, answers its elicitations by handing the
//! link on, and keeps what the model would see.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rmcp::model::{
    CallToolRequestParams, ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult,
    ElicitationAction, ElicitationCapability, Implementation, ProtocolVersion,
    UrlElicitationCapability,
};
use rmcp::service::{RequestContext, RunningService};
use rmcp::{ClientHandler, ErrorData, RoleClient, ServiceExt as _};
use serde_json::{Map, Value};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A server has this long to end after its input was closed; then it is killed.
const LAST_MOMENTS: Duration = Duration::from_secs(5);

/// A client of protocol 2025-11-25 that can show links (`elicitation.url`), with its server.
#[derive(Debug)]
pub struct Client {
    service: RunningService<RoleClient, Links>,
    server: Child,
}

/// What the server asks the person to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The server's sentence about it.
    pub message: String,
    /// The address.
    pub url: String,
}

/// The result of a call, as the model sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The text blocks of `content`.
    pub text: String,
    /// `structuredContent`.
    pub structured: Option<Value>,
    /// `isError`.
    pub is_error: bool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server could not be started.
    #[error("The server could not be started ({0}).")]
    Start(io::Error),
    /// The server did not speak MCP.
    #[error("The server did not answer the handshake.")]
    Handshake,
    /// A request failed as a whole.
    #[error("The call of {tool} got no result ({cause}).")]
    Call {
        /// The tool.
        tool: String,
        /// In rmcp's words.
        cause: String,
    },
    /// The server did not end well.
    #[error("The server did not end well after its input was closed ({0}).")]
    End(String),
}

impl Client {
    /// Starts `program` with `arguments` and `home` as its whole environment, so that nothing of
    /// the user's reaches it, and shakes hands. Its standard error goes to `log`. The receiver gets
    /// the links.
    pub async fn start(
        program: &Path,
        arguments: &[&str],
        home: &Path,
        log: std::fs::File,
    ) -> Result<(Self, UnboundedReceiver<Link>), ClientError> {
        let mut server = Command::new(program)
            .args(arguments)
            .env_clear()
            .env("HOME", home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .map_err(ClientError::Start)?;
        let stdout = server.stdout.take().expect("it was asked for");
        let stdin = server.stdin.take().expect("it was asked for");
        let (links, shown) = unbounded_channel();
        let service = Links(links)
            .serve((stdout, stdin))
            .await
            .map_err(|_| ClientError::Handshake)?;
        Ok((Self { service, server }, shown))
    }

    /// The names of the tools, in the server's order.
    pub async fn tools(&self) -> Result<Vec<String>, ClientError> {
        let tools = self.service.list_all_tools().await;
        let tools = tools.map_err(|error| ClientError::Call {
            tool: "tools/list".to_owned(),
            cause: error.to_string(),
        })?;
        Ok(tools
            .into_iter()
            .map(|tool| tool.name.into_owned())
            .collect())
    }

    /// Calls a tool and waits for its result, however long the person takes.
    pub async fn call(
        &self,
        tool: &str,
        arguments: Map<String, Value>,
    ) -> Result<Answer, ClientError> {
        let request = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        let result = self.service.call_tool(request).await;
        let result = result.map_err(|error| ClientError::Call {
            tool: tool.to_owned(),
            cause: error.to_string(),
        })?;
        let blocks = result.content.iter();
        let text: Vec<&str> = blocks
            .filter_map(|block| Some(block.as_text()?.text.as_str()))
            .collect();
        Ok(Answer {
            text: text.join("\n"),
            structured: result.structured_content,
            is_error: result.is_error == Some(true),
        })
    }

    /// Closes the server's input and waits for its end.
    pub async fn end(mut self) -> Result<(), ClientError> {
        // Its error would say that the server is gone already, which is what is wanted.
        self.service.cancel().await.ok();
        let status = tokio::time::timeout(LAST_MOMENTS, self.server.wait()).await;
        let problem = match status {
            Ok(Ok(status)) if ExitStatus::success(&status) => return Ok(()),
            Ok(Ok(status)) => status.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => {
                self.server.kill().await.ok();
                "it had to be killed".to_owned()
            }
        };
        Err(ClientError::End(problem))
    }
}

/// Hands links on.
#[derive(Debug)]
struct Links(UnboundedSender<Link>);

impl ClientHandler for Links {
    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let action = match request {
            ElicitRequestParams::UrlElicitationParams { message, url, .. } => {
                // "Accept" says that the person was sent to the link, not that they agreed.
                match self.0.send(Link { message, url }) {
                    Ok(()) => ElicitationAction::Accept,
                    Err(_) => ElicitationAction::Cancel,
                }
            }
            _ => ElicitationAction::Decline,
        };
        Ok(ElicitResult::new(action))
    }

    fn get_info(&self) -> ClientConfig {
        let url = UrlElicitationCapability::default();
        let mut capabilities = ClientCapabilities::default();
        capabilities.elicitation = Some(ElicitationCapability::new().with_url(url));
        let name = Implementation::new("valetkey-demo", env!("CARGO_PKG_VERSION"));
        ClientConfig::new(capabilities, name).with_protocol_version(ProtocolVersion::V_2025_11_25)
    }
}
