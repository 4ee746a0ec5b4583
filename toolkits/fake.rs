//! A provider on loopback for the tests: it answers as a test says and remembers what it was asked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::IntoResponse;
use jiff::tz::TimeZone;
use secrecy::SecretString;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;

use crate::api::{Api, ApiSettings, LinkClient, Request, Response};
use crate::error::ToolError;
use crate::fuzz::{self, Random};
use crate::output::Output;
use crate::rate::Pace;
use crate::tool::Tool;
use crate::waits::Waits;
use crate::{published, result};

/// A request that arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The HTTP method.
    pub(crate) method: Method,
    /// The path as it was sent, still encoded.
    pub(crate) path: String,
    /// The query, decoded.
    pub(crate) query: Vec<(String, String)>,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) body: Bytes,
}

impl Seen {
    /// A request that is not sent.
    pub(crate) fn of(request: &Request) -> Self {
        Self {
            method: request.method.clone(),
            path: request.url.path().to_owned(),
            query: request.url.query_pairs().into_owned().collect(),
            headers: request.headers.clone(),
            body: request.body.clone().unwrap_or_default().into(),
        }
    }

    /// A query parameter's value; empty when absent.
    pub(crate) fn query(&self, name: &str) -> &str {
        self.query
            .iter()
            .find(|(known, _)| known == name)
            .map_or("", |(_, value)| value)
    }

    /// A header's value; empty when absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A running provider.
pub(crate) struct Provider {
    /// Its origin.
    pub(crate) url: Url,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Provider {
    /// Starts one. `answer` is given each request and how many came before it.
    pub(crate) async fn start<R: IntoResponse>(
        answer: impl Fn(&Seen, usize) -> R + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let remember = seen.clone();
        let answer = Arc::new(answer);
        let app = Router::new().fallback(
            move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
                let query = uri.query().unwrap_or_default();
                let request = Seen {
                    method,
                    path: uri.path().to_owned(),
                    query: url::form_urlencoded::parse(query.as_bytes())
                        .into_owned()
                        .collect(),
                    headers,
                    body,
                };
                let before = {
                    let mut seen = remember.lock().unwrap();
                    seen.push(request.clone());
                    seen.len() - 1
                };
                let response = answer(&request, before).into_response();
                async move { response }
            },
        );
        let app = app.layer(DefaultBodyLimit::disable());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, seen }
    }

    /// What was asked so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// An `Api` for it that acts as `octocat` with the token `token-0`, then `token-1`, …
    pub(crate) fn api(&self) -> Api {
        Api::new(settings(&self.url))
    }
}

/// The settings of [`Provider::api`], for a test that changes some.
pub(crate) fn settings(base_url: &Url) -> ApiSettings {
    settings_with(client(Duration::from_mins(1)), base_url)
}

pub(crate) fn settings_with(client: reqwest::Client, base_url: &Url) -> ApiSettings {
    let renewals = Arc::new(Mutex::new(0));
    let links = client.clone();
    ApiSettings {
        client,
        links: Arc::new(move || LinkClient::Direct(links.clone())),
        base_url: base_url.clone(),
        file_origins: Vec::new(),
        pace: Pace::default(),
        access_token: SecretString::from("token-0"),
        renew: Arc::new(move |_| {
            let number = {
                let mut renewals = renewals.lock().unwrap();
                *renewals += 1;
                *renewals
            };
            Box::pin(async move { Some(SecretString::from(format!("token-{number}"))) })
        }),
        account: "octocat".to_owned(),
        shown_as: None,
        now: "2026-11-23T10:00:00Z".parse().unwrap(),
        zone: TimeZone::get("Europe/Berlin").unwrap(),
        allowed: Arc::default(),
        waits: Waits::default(),
        answered: Arc::new(|_| {}),
        answers: None,
    }
}

/// Of how many garbled calls the requests are checked: more are of the same kinds.
const CHECKED: usize = 100;

/// What answers in the provider's place.
pub(crate) type Answers = Arc<dyn Fn(&Request) -> Response + Send + Sync>;

/// Runs `tool` once for each of these cases: `answer` gives the status and the body that the
/// provider would send, which `fuzz` then garbles. Whatever comes of it is a result or an error
/// that quotes little. How many were results.
pub(crate) async fn garble(
    tool: &str,
    base: &str,
    arguments: &Value,
    cases: usize,
    answer: fn(&Seen) -> (u16, Value),
) -> usize {
    let tool = named(tool);
    let base = Url::parse(base).unwrap();
    let client = client(Duration::from_mins(1));
    let mut understood = 0;
    for case in 0..cases {
        let random = Mutex::new(Random::new(case as u64));
        let checked = tool.clone();
        let answers: Answers = Arc::new(move |request| {
            let seen = Seen::of(request);
            if case < CHECKED {
                published::check(&checked, &seen);
            }
            let (status, body) = answer(&seen);
            let mut random = random.lock().unwrap();
            let body = fuzz::garbled(&mut random, &body);
            let status = match random.below(16) {
                0 => [400, 401, 403, 404, 409, 410, 422, 302, 204, 429, 500][random.below(11)],
                _ => status,
            };
            Response {
                status: StatusCode::from_u16(status).unwrap(),
                headers: HeaderMap::new(),
                body,
                left_out: 0,
                effect: request.effect,
            }
        });
        let api = Api::new(ApiSettings {
            answers: Some(answers),
            ..settings_with(client.clone(), &base)
        });
        match tool.run(api, arguments.clone()).await {
            Ok(output) => {
                result::check(&tool, &output);
                understood += 1;
            }
            Err(error) => {
                let told = serde_json::to_string(&error).unwrap();
                let quoted = told.chars().filter(|c| *c == fuzz::MARK).count();
                assert!(
                    quoted <= fuzz::QUOTED,
                    "{}, case {case}: {quoted} characters in {told}",
                    tool.name
                );
            }
        }
    }
    understood
}

/// A client as the server's own, but without idle connections: their timers would turn a paused
/// clock.
#[expect(
    clippy::disallowed_methods,
    reason = "the server's own client lives in the other package"
)]
pub(crate) fn client(timeout: Duration) -> reqwest::Client {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(0)
        .timeout(timeout)
        .build()
        .unwrap()
}

/// A server that reads a request, writes `answer` as it is and closes the connection; an empty
/// answer is a connection that breaks. Returns its origin and the number of requests so far.
pub(crate) async fn raw(answer: Vec<u8>) -> (Url, Arc<AtomicUsize>) {
    serve_raw(Some(answer)).await
}

/// A server that reads requests and never answers.
pub(crate) async fn silent() -> (Url, Arc<AtomicUsize>) {
    serve_raw(None).await
}

async fn serve_raw(answer: Option<Vec<u8>>) -> (Url, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 64 * 1024];
            if connection.read(&mut request).await.unwrap_or(0) == 0 {
                continue;
            }
            counted.fetch_add(1, Ordering::SeqCst);
            match &answer {
                // The client may stop reading before the end.
                Some(answer) => connection.write_all(answer).await.unwrap_or_default(),
                None => held.push(connection),
            }
        }
    });
    (url, count)
}

/// Runs a built-in tool as the acting account `octocat`, as [`call`] does.
pub(crate) async fn run(
    provider: &Provider,
    tool: &str,
    arguments: Value,
) -> Result<Output, ToolError> {
    call(provider, settings(&provider.url), tool, arguments).await
}

/// Runs a built-in tool and checks what holds for each of its calls: the requests are as the
/// provider publishes them, and the result as [`result::check`] says.
pub(crate) async fn call(
    provider: &Provider,
    settings: ApiSettings,
    tool: &str,
    arguments: Value,
) -> Result<Output, ToolError> {
    let tool = named(tool);
    let before = provider.seen().len();
    let ended = tool.run(Api::new(settings), arguments).await;
    for request in &provider.seen()[before..] {
        published::check(&tool, request);
    }
    let output = ended?;
    result::check(&tool, &output);
    Ok(output)
}

/// Checks the scopes that each tool of a toolkit declares, by the requests of its most common call.
pub(crate) async fn check_scopes(
    toolkit: &str,
    base: &str,
    calls: &[(&str, Value)],
    answer: fn(&Seen) -> (u16, Value),
) {
    let tools = crate::all().into_iter();
    let tools = tools.filter(|tool| tool.toolkit == toolkit);
    let called: Vec<&str> = calls.iter().map(|(tool, _)| *tool).collect();
    let tools: Vec<_> = tools.map(|tool| tool.name).collect();
    assert_eq!(tools, called);
    for (tool, arguments) in calls {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let remember = seen.clone();
        let answers: Answers = Arc::new(move |request| {
            let seen = Seen::of(request);
            let (status, body) = answer(&seen);
            remember.lock().unwrap().push(seen);
            Response {
                status: StatusCode::from_u16(status).unwrap(),
                headers: HeaderMap::new(),
                body: body.to_string().into_bytes(),
                left_out: 0,
                effect: request.effect,
            }
        });
        let api = Api::new(ApiSettings {
            answers: Some(answers),
            ..settings(&Url::parse(base).unwrap())
        });
        let tool = named(tool);
        if let Err(error) = tool.run(api, arguments.clone()).await {
            panic!("{}: {error}", tool.name);
        }
        let seen = seen.lock().unwrap();
        assert!(!seen.is_empty(), "{}", tool.name);
        published::least(&tool, &seen);
    }
}

/// The concise form of a result tells `detail` nowhere; the detailed one, in both of its parts.
pub(crate) fn assert_shorter(concise: &Output, text: &str, structured: &Value, detail: &str) {
    let short = Value::Object(concise.structured.clone().unwrap()).to_string();
    let long = structured.to_string();
    for (concise, detailed) in [(concise.text.as_str(), text), (&short, &long)] {
        assert!(detailed.contains(detail), "{detailed}");
        assert!(!concise.contains(detail), "{concise}");
        assert!(concise.len() < detailed.len());
    }
}

/// A built-in tool.
fn named(tool: &str) -> Tool {
    crate::all()
        .into_iter()
        .find(|known| known.name == tool)
        .unwrap_or_else(|| panic!("no tool {tool}"))
}
