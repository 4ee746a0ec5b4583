//! Ten thousand calls that wait for one person over HTTP, what memory they take and how fast they
//! all go on: `cargo bench --bench waiting`.
//!
//! The calls are of sessions (2025-11-25), where a waiting call keeps its stream open; the stateless
//! protocol answers with the link and keeps nothing.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder, Response};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::{Sandbox, SandboxSettings};

const SESSIONS: usize = 50;
const CALLS: usize = 10_000;
/// So many begin together, and are waiting before more do.
const AT_ONCE: usize = 250;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;
type Told = mpsc::UnboundedSender<String>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let limit = getrlimit(Resource::Nofile);
    let current = limit.maximum;
    setrlimit(Resource::Nofile, Rlimit { current, ..limit })?;
    // Beside the build, because a temporary directory may be in memory.
    let home = TempDir::new_in(env!("CARGO_TARGET_TMPDIR"))?;
    let sandbox = Sandbox::start(SandboxSettings::default()).await?;
    let server = Server::start(&home, &sandbox).await?;
    let mut sessions = Vec::new();
    for _ in 0..SESSIONS {
        sessions.push(server.open_session().await?);
    }
    let before = server.resident();

    let (told, mut links) = mpsc::unbounded_channel();
    let mut calls = JoinSet::new();
    let mut link = String::new();
    for batch in 0..CALLS / AT_ONCE {
        for number in batch * AT_ONCE..(batch + 1) * AT_ONCE {
            let call = server.call(&sessions[number % SESSIONS], number);
            calls.spawn(wait(call, told.clone()));
        }
        for _ in 0..AT_ONCE {
            tokio::select! {
                waits = links.recv() => link = waits.ok_or("no call waits")?,
                Some(ended) = calls.join_next() => return Err(format!("{ended:?}").into()),
            }
        }
    }
    let waiting = server.resident();

    Person::new().follow(&link).await?;
    let connected = Instant::now();
    let mut times = Vec::new();
    while let Some(answered) = calls.join_next().await {
        times.push(answered??.saturating_duration_since(connected));
    }
    times.sort_unstable();
    let after = server.resident();
    writeln!(
        std::io::stdout(),
        "{CALLS} calls waited: {before} MB resident before, {waiting} MB then ({:.1} kB each), \
         {after} MB after; answered once the account was connected: half within {:.2?}, all \
         within {:.2?}",
        (waiting - before) * 1000.0 / 1e4,
        times[CALLS / 2],
        times[CALLS - 1],
    )?;
    Ok(())
}

/// Calls, tells the link that came, and says when the result did.
async fn wait(call: RequestBuilder, told: Told) -> Result<Instant, String> {
    let mut answer = call.send().await.map_err(|error| error.to_string())?;
    let asked = event(&mut answer).await?;
    let link = asked["params"]["url"].as_str();
    told.send(link.ok_or(asked.to_string())?.to_owned()).ok();
    loop {
        // Before the result comes a notification that the link is no longer waited for.
        let message = event(&mut answer).await?;
        if let Some(result) = message.get("result") {
            let account = result["structuredContent"]["account"].as_str();
            return account.map_or(Err(message.to_string()), |_| Ok(Instant::now()));
        }
    }
}

/// The next message of a stream. Each is small, and comes in one piece.
async fn event(answer: &mut Response) -> Result<Value, String> {
    while let Some(chunk) = answer.chunk().await.map_err(|error| error.to_string())? {
        let text = String::from_utf8_lossy(&chunk);
        let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
        if let Some(data) = data.map(str::trim).find(|data| !data.is_empty()) {
            return serde_json::from_str(data).map_err(|error| error.to_string());
        }
    }
    Err("the stream ended".to_owned())
}

/// One that waits as long as it takes.
#[expect(
    clippy::disallowed_methods,
    reason = "the program's own client gives up on who is silent for 15 s"
)]
fn client() -> Outcome<Client> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| "a provider is installed already")?;
    Ok(Client::builder().no_proxy().build()?)
}

/// `valetkey http` for the local user, until dropped.
struct Server {
    process: Child,
    url: String,
    client: Client,
}

impl Server {
    async fn start(home: &TempDir, sandbox: &Sandbox) -> Outcome<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let rest =
            format!("server:\n  bind: 127.0.0.1:{port}\n  calls_per_minute: 0\n  hold_s: 300\n");
        let config = sandbox.write_config(home.path(), &rest)?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_valetkey"));
        command.env_clear().env("HOME", home.path());
        command.arg("--config").arg(config).arg("http");
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let server = Self {
            process,
            url: format!("http://127.0.0.1:{port}"),
            client: client()?,
        };
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let ready = server.client.get(format!("{}/readyz", server.url));
            if ready
                .send()
                .await
                .is_ok_and(|ready| ready.status().is_success())
            {
                return Ok(server);
            }
        }
        Err("the server did not start".into())
    }

    fn post(&self, body: &Value) -> RequestBuilder {
        self.client
            .post(format!("{}/mcp", self.url))
            .header("accept", "application/json, text/event-stream")
            .json(body)
    }

    async fn open_session(&self) -> Outcome<String> {
        let opened = self.post(
            &json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
                "protocolVersion": "2025-11-25",
                "capabilities": { "elicitation": { "url": {} } },
                "clientInfo": { "name": "bench", "version": "1" },
            }}),
        );
        let opened = opened.send().await?.error_for_status()?;
        let session = opened.headers().get("mcp-session-id");
        let session = session.ok_or("no session")?.to_str()?.to_owned();
        opened.bytes().await?;
        let told = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        let told = self.post(&told).header("mcp-session-id", &session);
        told.send().await?.error_for_status()?;
        Ok(session)
    }

    fn call(&self, session: &str, id: usize) -> RequestBuilder {
        let body = json!({ "jsonrpc": "2.0", "id": id + 1, "method": "tools/call", "params": {
            "name": "connections_connect",
            "arguments": { "provider": "google" },
        }});
        self.post(&body).header("mcp-session-id", session)
    }

    /// Its resident memory in MB; 0 where the system does not tell.
    fn resident(&self) -> f64 {
        let status = format!("/proc/{}/status", self.process.id());
        let status = fs::read_to_string(status).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        (kilobytes.unwrap_or(0.0) / 102.4_f64).round() / 10.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
