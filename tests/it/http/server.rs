//! A running `valetkey http`, and requests to it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use valetkey::audit::Hex;
use valetkey::demo::sandbox::{Sandbox, SandboxSettings};
use valetkey::http::Http;

use crate::frames::modern;
use crate::host::urls;
use crate::world::free_port;

/// Two users' access tokens. Both occur in no message, log line or file.
pub(crate) const ADA: &str = "canary-static-token-of-ada";
pub(crate) const BOB: &str = "canary-static-token-of-bob";

/// A server in a process of its own, with a sandbox as its providers.
pub(crate) struct HttpServer {
    child: Child,
    pub(crate) url: String,
    /// Ends with the server.
    pub(crate) sandbox: Sandbox,
    pub(crate) home: TempDir,
    pub(crate) client: Client,
    log: Arc<Mutex<Vec<String>>>,
    reading: Option<JoinHandle<()>>,
}

impl HttpServer {
    /// For the local user, without authorization.
    pub(crate) async fn local() -> Self {
        Self::with("").await
    }

    /// For ada and bob, each with a static token. There is no sign-in.
    pub(crate) async fn with_users(more: &str) -> Self {
        let auth = format!("  auth:\n    static_tokens: ${{file:TOKENS}}\n{more}");
        Self::with(&auth).await
    }

    /// `more` are lines of the configuration, first those of `server`. `TOKENS` in them is the path of
    /// a file with the static tokens.
    pub(crate) async fn with(more: &str) -> Self {
        let home = TempDir::new().unwrap();
        let sandbox = Sandbox::start(SandboxSettings::default()).await.unwrap();
        let more = more.to_owned();
        // Its issuer may be of this test, and is looked at before it listens.
        let started = move || Self::start(home, sandbox, free_port(), &more);
        tokio::task::spawn_blocking(started).await.unwrap()
    }

    /// For the local user, with the fixtures of the conformance suite.
    pub(crate) async fn with_fixtures() -> Self {
        let home = TempDir::new().unwrap();
        let sandbox = Sandbox::start(SandboxSettings::default()).await.unwrap();
        Self::start_with(home, sandbox, free_port(), "", &["--conformance"], &[])
    }

    /// For the local user, with more variables in its environment.
    pub(crate) async fn with_environment(variables: Vec<(&'static str, String)>) -> Self {
        let home = TempDir::new().unwrap();
        let sandbox = Sandbox::start(SandboxSettings::default()).await.unwrap();
        Self::start_with(home, sandbox, free_port(), "", &[], &variables)
    }

    /// On this port, for a server that is known there.
    pub(crate) fn start(home: TempDir, sandbox: Sandbox, port: u16, more: &str) -> Self {
        Self::start_with(home, sandbox, port, more, &[], &[])
    }

    fn start_with(
        home: TempDir,
        sandbox: Sandbox,
        port: u16,
        more: &str,
        arguments: &[&str],
        variables: &[(&str, String)],
    ) -> Self {
        let tokens = home.path().join("tokens");
        fs::write(&tokens, static_tokens()).unwrap();
        fs::set_permissions(&tokens, fs::Permissions::from_mode(0o600)).unwrap();
        let more = more.replace("TOKENS", tokens.to_str().unwrap());
        let rest = format!("server:\n  bind: 127.0.0.1:{port}\n{more}");
        let config = sandbox.write_config(home.path(), &rest).unwrap();
        let mut child = command(home.path(), &config)
            .args(arguments)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .spawn()
            .unwrap();
        let log = Arc::<Mutex<Vec<String>>>::default();
        let (told, listening) = std::sync::mpsc::channel();
        let errors = BufReader::new(child.stderr.take().unwrap());
        let reading = thread::spawn({
            let log = Arc::clone(&log);
            move || {
                for line in errors.lines().map_while(Result::ok) {
                    if line.contains("http.listening") {
                        told.send(()).ok();
                    }
                    log.lock().unwrap().push(line);
                }
            }
        });
        let started = listening.recv_timeout(Duration::from_secs(20));
        assert!(started.is_ok(), "no start: {:?}", log.lock().unwrap());
        Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
            sandbox,
            home,
            client: Http::new().client(),
            log,
            reading: Some(reading),
        }
    }

    /// A request to `/mcp` with a client's usual headers.
    pub(crate) fn request(&self, method: Method, token: &str) -> RequestBuilder {
        let request = self
            .client
            .request(method, format!("{}/mcp", self.url))
            .header("accept", "application/json, text/event-stream")
            .timeout(Duration::from_mins(1));
        match token {
            "" => request,
            token => request.bearer_auth(token),
        }
    }

    /// A message of protocol 2026-07-28.
    pub(crate) fn message(&self, token: &str, method: &str, params: &Value) -> RequestBuilder {
        let params = modern(params.clone(), &urls(), "test");
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let request = self
            .request(Method::POST, token)
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", method);
        let name = params["name"].as_str().or(params["uri"].as_str());
        let name = name.map(ToOwned::to_owned);
        let request = match name {
            Some(name) => request.header("mcp-name", name),
            None => request,
        };
        request.json(&body)
    }

    /// The answer to a call of protocol 2026-07-28.
    pub(crate) async fn call(&self, token: &str, params: &Value) -> Value {
        let answer = self.message(token, "tools/call", params).send().await;
        message_of(answer.unwrap()).await
    }

    /// Opens a session of 2025-11-25, and returns its id.
    pub(crate) async fn open_session(&self, token: &str) -> String {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": urls(),
            "clientInfo": { "name": "test", "version": "1" },
        }});
        let answer = self.request(Method::POST, token).json(&body).send().await;
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 200);
        let session = answer.headers()["mcp-session-id"].to_str().unwrap();
        let session = session.to_owned();
        let told = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        let told = self
            .in_session(token, &session, &told)
            .send()
            .await
            .unwrap();
        assert_eq!(told.status(), 202);
        session
    }

    /// A message in a session.
    pub(crate) fn in_session(&self, token: &str, session: &str, body: &Value) -> RequestBuilder {
        self.request(Method::POST, token)
            .header("mcp-session-id", session)
            .header("mcp-protocol-version", "2025-11-25")
            .json(body)
    }

    /// A GET of the operator's listener, which the configuration must have.
    pub(crate) async fn operator(&self, path: &str) -> Response {
        let url = format!("http://{}{path}", self.operator_address());
        self.client.get(url).send().await.unwrap()
    }

    /// Where the operator's listener is.
    pub(crate) fn operator_address(&self) -> String {
        let lines = self.lines();
        let mut listening = lines
            .iter()
            .filter(|line| line["message"] == "operator.listening");
        let line = listening.next().expect("the operator has a listener");
        line["bind"].as_str().unwrap().to_owned()
    }

    /// [`HttpServer::log`], read.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let log = self.log.lock().unwrap();
        log.iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// What the server has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    /// Asks the server to end.
    pub(crate) fn terminate(&self) {
        let pid = i32::try_from(self.child.id()).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Ends the server, and returns its whole log.
    pub(crate) fn finish(mut self) -> String {
        self.terminate();
        assert!(self.wait().success());
        self.reading.take().unwrap().join().unwrap();
        self.log()
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// `valetkey http` as operators start it.
pub(crate) fn command(home: &Path, config: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_valetkey"));
    command
        .env_clear()
        .env("HOME", home)
        .env("VALETKEY_LOG", "debug")
        .arg("--config")
        .arg(config)
        .arg("http")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

fn static_tokens() -> String {
    let line = |user: &str, token: &str| {
        let digest = Sha256::digest(token);
        format!("{user} {}\n", Hex::<32>(digest.into()))
    };
    line("ada", ADA) + &line("bob", BOB)
}

/// The message in an answer, which is JSON or the last event of a stream.
pub(crate) async fn message_of(answer: Response) -> Value {
    let kind = answer.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    let text = answer.text().await.unwrap();
    let text = if kind.starts_with("text/event-stream") {
        let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
        data.map(str::trim).rfind(|data| !data.is_empty()).unwrap()
    } else {
        &text
    };
    serde_json::from_str(text).unwrap_or_else(|_| panic!("no message: {text}"))
}
