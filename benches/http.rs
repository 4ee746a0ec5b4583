//! Calls over HTTP, beside a bare server of the same SDK with the same tool: `cargo bench --bench
//! http`.
//!
//! The tool makes one request, to a provider that answers at once. The bare server has a token in
//! its memory; Valetkey knows the caller by an access token, looks the grant up in the vault, opens
//! it, and writes a durable record of the call before it answers. The servers take turns, and share
//! the machine with the load and the provider.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::{Json, Router, routing::get};
use reqwest::{Client, RequestBuilder};
use rmcp::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ErrorData, ServerCapabilities,
    ServerConfig,
};
use rmcp::service::{RequestContext, RoleServer};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use secrecy::SecretString;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::task::JoinSet;
use valetkey::audit::Hex;
use valetkey::caller::Caller;
use valetkey::clock::Clock;
use valetkey::config::Config;
use valetkey::http::Http;
use valetkey::store::kind;
use valetkey::store::records::{Connection, ConnectionId, ConnectionState, Grant};
use valetkey::store::sled::{Change, Store};

const TOKEN: &str = "token-of-the-benchmark";
const TOOL: &str = "github_search_repositories";
/// Clients at once, and the calls of a turn.
const LEVELS: [(usize, usize); 3] = [(1, 1_000), (16, 4_000), (64, 4_000)];
const TURNS: usize = 5;
const MANY: u64 = 100_000;
const WRITES: u64 = 300;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, bare, port, provider] = &arguments[..]
        && bare == "bare"
    {
        return serve_bare(port, provider.clone()).await;
    }
    let provider = provider().await?;
    // Beside the build, because a temporary directory may be in memory.
    let few = TempDir::new_in(env!("CARGO_TARGET_TMPDIR"))?;
    let many = TempDir::new_in(env!("CARGO_TARGET_TMPDIR"))?;
    let bare = Server::bare(&provider)?;
    let one = Server::valetkey(few.path(), &provider, 1).await?;
    let full = Server::valetkey(many.path(), &provider, MANY).await?;
    let servers = [&bare, &one, &full];
    for server in servers {
        server.is_up().await?;
    }
    let mut out = std::io::stdout();
    for (clients, calls) in LEVELS {
        let mut turns = [Vec::new(), Vec::new(), Vec::new()];
        for _ in 0..TURNS {
            for (server, turns) in servers.into_iter().zip(&mut turns) {
                turns.push(server.load(clients, calls).await?);
            }
        }
        let [bare, one, full] = turns.map(|turns| Figures::of(&turns));
        writeln!(
            out,
            "{clients} at once, medians of {TURNS} turns of {calls} calls:\n\
             \x20 bare SDK server: {bare}\n\
             \x20 valetkey: {one}; {:.2} of the bare server's calls per second\n\
             \x20 valetkey with {MANY} connections: {full}; a call takes {:.2} of what it does with one",
            one.per_second / bare.per_second,
            full.median.as_secs_f64() / one.median.as_secs_f64()
        )?;
    }
    writeln!(
        out,
        "one durable write to a vault on this disk: {:.2?} (median of {WRITES})",
        durable_write().await?
    )?;
    Ok(())
}

/// What the record of a call has to wait for at least.
async fn durable_write() -> Outcome<Duration> {
    let home = TempDir::new_in(env!("CARGO_TARGET_TMPDIR"))?;
    let variable = OsString::from(home.path());
    let config = Config::load_with(None, &|name| (name == "HOME").then(|| variable.clone()))?;
    let clock = Clock::system();
    let store = Store::open(&config.store_dir, &config.master_key, clock.clone()).await?;
    let mut times = Vec::new();
    for number in 0..WRITES {
        let change = put(&clock, number);
        let began = Instant::now();
        store.commit(vec![change]).await?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    Ok(times[times.len() / 2])
}

/// What a turn of calls took.
struct Figures {
    per_second: f64,
    median: Duration,
    p99: Duration,
    /// Processor time of the server, for one call.
    busy: Duration,
}

impl Figures {
    /// The median of each figure.
    fn of(turns: &[Self]) -> Self {
        let median_of = |figure: fn(&Self) -> f64| {
            let mut all: Vec<f64> = turns.iter().map(figure).collect();
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        };
        Self {
            per_second: median_of(|turn| turn.per_second),
            median: Duration::from_secs_f64(median_of(|turn| turn.median.as_secs_f64())),
            p99: Duration::from_secs_f64(median_of(|turn| turn.p99.as_secs_f64())),
            busy: Duration::from_secs_f64(median_of(|turn| turn.busy.as_secs_f64())),
        }
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (median, p99, busy) = (self.median, self.p99, self.busy);
        write!(
            f,
            "{:.0}/s, p50 {median:.2?}, p99 {p99:.2?}, {busy:.0?} of processor time each",
            self.per_second
        )
    }
}

/// A server in a process of its own, until dropped.
struct Server {
    process: Child,
    url: String,
    client: Client,
}

impl Server {
    fn bare(provider: &str) -> Outcome<Self> {
        let port = free_port()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bare", &port.to_string(), provider]);
        Self::start(command, port)
    }

    /// With so many connections in its vault, one of them the caller's.
    async fn valetkey(home: &Path, provider: &str, connections: u64) -> Outcome<Self> {
        let port = free_port()?;
        let tokens = home.join("tokens");
        let digest: [u8; 32] = Sha256::digest(TOKEN).into();
        write_private(&tokens, &format!("0 {}\n", Hex::<32>(digest)))?;
        let config = home.join("valetkey.yaml");
        let text = format!(
            "auth:
  providers:
    - id: github
      type: oauth2
      provider_id: github
      client_id: benchmark
      api: {{ base_url: \"{provider}/\" }}
server:
  bind: 127.0.0.1:{port}
  calls_per_minute: 0
  auth:
    static_tokens: ${{file:{}}}
",
            tokens.display()
        );
        write_private(&config, &text)?;
        fill(home, &config, port, connections).await?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_valetkey"));
        command.env_clear().env("HOME", home);
        command.arg("--config").arg(config).arg("http");
        Self::start(command, port)
    }

    fn start(mut command: Command, port: u16) -> Outcome<Self> {
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self {
            process,
            url: format!("http://127.0.0.1:{port}/mcp"),
            client: Http::new().client(),
        })
    }

    fn call(&self) -> RequestBuilder {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "name": TOOL,
            "arguments": { "query": "valetkey" },
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": { "name": "bench", "version": "1" },
            },
        }});
        self.client
            .post(&self.url)
            .bearer_auth(TOKEN)
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "tools/call")
            .header("mcp-name", TOOL)
            .json(&body)
    }

    /// Waits until it answers a call as it should.
    async fn is_up(&self) -> Outcome<()> {
        for _ in 0..600 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if let Ok(answer) = self.call().send().await {
                let answer = answer.text().await?;
                return if answer.contains("octo/bench") {
                    Ok(())
                } else {
                    Err(answer.into())
                };
            }
        }
        Err("a server did not start".into())
    }

    /// Makes the calls of one turn, a client's one after the other.
    async fn load(&self, clients: usize, calls: usize) -> Outcome<Figures> {
        let left = Arc::new(AtomicUsize::new(calls));
        let mut tasks = JoinSet::new();
        let busy = self.processor_time()?;
        let started = Instant::now();
        for _ in 0..clients {
            tasks.spawn(client(self.call(), Arc::clone(&left)));
        }
        let mut times = Vec::new();
        while let Some(done) = tasks.join_next().await {
            times.extend(done??);
        }
        let took = started.elapsed();
        let busy = self.processor_time()?.saturating_sub(busy);
        times.sort_unstable();
        Ok(Figures {
            per_second: f64::from(u32::try_from(times.len())?) / took.as_secs_f64(),
            median: times[times.len() / 2],
            p99: times[times.len() * 99 / 100],
            busy: busy / u32::try_from(times.len())?,
        })
    }

    /// What the process has used so far, all its threads together (`proc_pid_stat(5)`: fields 14 and
    /// 15, in hundredths of a second).
    fn processor_time(&self) -> Outcome<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        let (_, fields) = stat.rsplit_once(')').ok_or("the name is in parentheses")?;
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks = ticks.map(str::parse::<u64>).sum::<Result<u64, _>>()?;
        Ok(Duration::from_millis(ticks * 10))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Calls until none is left, and says how long each took.
async fn client(call: RequestBuilder, left: Arc<AtomicUsize>) -> Result<Vec<Duration>, String> {
    let mut times = Vec::new();
    let take = |left: usize| left.checked_sub(1);
    while left
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
        .is_ok()
    {
        let call = call.try_clone().expect("its body is in memory");
        let began = Instant::now();
        let answer = call.send().await.map_err(|error| error.to_string())?;
        let text = answer.text().await.map_err(|error| error.to_string())?;
        if !text.contains("octo/bench") {
            return Err(text);
        }
        times.push(began.elapsed());
    }
    Ok(times)
}

/// Puts connections into a new vault, each of a user of its own.
async fn fill(home: &Path, config: &Path, port: u16, connections: u64) -> Outcome<()> {
    let home = OsString::from(home);
    let config = Config::load_with(Some(config), &|name| (name == "HOME").then(|| home.clone()))?
        .of_http_server(([127, 0, 0, 1], port).into());
    kind::claim_for_http(&config.store_dir)?;
    let clock = Clock::system();
    let store = Store::open(&config.store_dir, &config.master_key, clock.clone()).await?;
    let numbers: Vec<u64> = (0..connections).collect();
    for some in numbers.chunks(500) {
        let puts = some.iter().map(|number| put(&clock, *number));
        store.commit(puts.collect()).await?;
    }
    Ok(())
}

fn put(clock: &Clock, number: u64) -> Change {
    Change::PutConnection(Connection {
        version: 1,
        id: ConnectionId(number.to_be_bytes()),
        caller: Caller::verified("static", number.to_string()),
        provider_id: "github".to_owned(),
        account_id: number.to_string(),
        account: format!("octo-{number}"),
        alias: None,
        is_default: false,
        asked: BTreeSet::new(),
        grant: Grant {
            access_token: SecretString::from("access-token"),
            refresh_token: None,
            obtained_at: clock.now(),
            expires_at: None,
            scopes: BTreeSet::new(),
            refreshing_since: None,
            restored_from: None,
        },
        state: ConnectionState::Connected,
        connected_at: clock.now(),
    })
}

/// What the provider answers, which is what the tool keeps of it.
fn found() -> Value {
    json!({ "total_count": 1, "incomplete_results": false, "items": [{
        "full_name": "octo/bench",
        "description": "A repository that is always found.",
        "html_url": "https://github.test/octo/bench",
        "language": "Rust",
        "stargazers_count": 3,
        "pushed_at": "2026-11-23T12:00:00Z",
        "private": false,
        "archived": false,
        "default_branch": "main",
    }]})
}

/// A provider that answers at once: its base URL.
async fn provider() -> Outcome<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let search = get(async || Json(found()));
    let router = Router::new().route("/search/repositories", search);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(url)
}

/// The tool with nothing around it.
#[derive(Clone)]
struct Bare {
    client: Client,
    provider: String,
}

impl ServerHandler for Bare {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let failed = |error: reqwest::Error| ErrorData::internal_error(error.to_string(), None);
        let arguments = request.arguments.unwrap_or_default();
        let query = arguments.get("query").and_then(Value::as_str);
        let answer = self
            .client
            .get(format!("{}/search/repositories", self.provider))
            .query(&[("q", query.unwrap_or_default()), ("per_page", "15")])
            .bearer_auth("access-token")
            .send()
            .await
            .map_err(failed)?;
        let found: Value = answer.json().await.map_err(failed)?;
        Ok(CallToolResult::structured(found).into())
    }
}

async fn serve_bare(port: &str, provider: String) -> Outcome<()> {
    let bare = Bare {
        client: Http::new().client(),
        provider,
    };
    let service = StreamableHttpService::new(
        move || Ok(bare.clone()),
        Arc::<LocalSessionManager>::default(),
        StreamableHttpServerConfig::default().with_json_response(true),
    );
    let router = Router::new().route_service("/mcp", service);
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    Ok(axum::serve(listener, router).await?)
}

fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    fs::write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
}
