//! What is counted for the operator, as Prometheus reads it (the `OpenMetrics` text format).
//!
//! Nothing is counted before [`start`], which only `valetkey http` with `server.operator_bind`
//! calls: until then each function here costs one load of an atomic. Every label comes from a table
//! of ours or of the operator (tools, providers, routes, outcomes); none from a request, so that
//! there are few, and nobody's name or text is among them.

use std::sync::OnceLock;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// The `Content-Type` of [`text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Seconds. A call may wait for its person for 300 of them.
const BUCKETS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
];

static METRICS: OnceLock<Metrics> = OnceLock::new();

type Durations<L> = Family<L, Histogram, fn() -> Histogram>;

#[derive(Debug)]
struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    request_durations: Durations<Route>,
    rejected: Family<Reason, Counter>,
    calls: Family<Call, Counter>,
    call_durations: Durations<Tool>,
    flows: Family<Event, Counter>,
    refreshes: Family<Outcome, Counter>,
    provider_requests: Family<Provider, Counter>,
    waiting: Gauge<i64, AtomicI64>,
    sessions: Gauge<i64, AtomicI64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    route: &'static str,
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    tool: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Tool {
    tool: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Event {
    event: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Provider {
    provider: String,
    status: &'static str,
}

/// Why a request did not get as far as MCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// It names another host.
    Host,
    /// It comes from a page of another origin.
    Origin,
    /// It has no access token, or none that is good.
    Unauthorized,
    /// Its token does not allow this.
    Scope,
    /// Its token could not be checked.
    Unchecked,
    /// Its address sent too many bad tokens.
    Barred,
    /// Its caller began too many calls.
    Rate,
    /// Its caller has too many sessions open.
    Sessions,
    /// Its body is too large.
    TooLarge,
    /// Its body came too slowly.
    TooSlow,
    /// Its body is nested too deeply.
    TooDeep,
    /// Its body is not one message without repeated keys.
    Unreadable,
}

/// What became of a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// A new link was given.
    Minted,
    /// It ended with a connection.
    Completed,
    /// The person said no.
    Declined,
    /// The provider or the exchange failed. The link may still be good.
    Failed,
    /// Nobody finished it in time.
    Expired,
}

/// How a refresh ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// There are new tokens.
    Finished,
    /// The provider no longer accepts the grant.
    Refused,
    /// The provider could not be asked.
    Failed,
}

/// Counts from now on. A second call changes nothing.
pub fn start() {
    METRICS.get_or_init(Metrics::new);
}

/// Everything that was counted, and how many sessions are open now. Empty when nothing is counted.
pub fn text(sessions: usize) -> String {
    let mut text = String::new();
    if let Some(metrics) = METRICS.get() {
        metrics
            .sessions
            .set(i64::try_from(sessions).unwrap_or(i64::MAX));
        encode(&mut text, &metrics.registry).expect("a text takes every write");
    }
    text
}

/// Counts a request to the public listener, by the template of its route.
pub fn request(route: &'static str, method: &'static str, status: u16, took: Duration) {
    if let Some(metrics) = METRICS.get() {
        let request = Request {
            route,
            method,
            status,
        };
        metrics.requests.get_or_create(&request).inc();
        let durations = metrics.request_durations.get_or_create(&Route { route });
        durations.observe(took.as_secs_f64());
    }
}

/// Counts a request that was turned away.
pub fn rejected(why: Rejected) {
    if let Some(metrics) = METRICS.get() {
        let reason = why.as_str();
        metrics.rejected.get_or_create(&Reason { reason }).inc();
    }
}

/// Counts a call of `tool`, which is one of this server's.
pub fn call(tool: &str, outcome: &'static str, duration: Duration) {
    if let Some(metrics) = METRICS.get() {
        let labels = Call {
            tool: tool.to_owned(),
            outcome,
        };
        metrics.calls.get_or_create(&labels).inc();
        let labels = Tool { tool: labels.tool };
        let durations = metrics.call_durations.get_or_create(&labels);
        durations.observe(duration.as_secs_f64());
    }
}

/// Counts what became of a sign-in.
pub fn flow(event: Flow) {
    if let Some(metrics) = METRICS.get() {
        let event = event.as_str();
        metrics.flows.get_or_create(&Event { event }).inc();
    }
}

/// Counts a refresh of a connection's tokens.
pub fn refresh(outcome: Refresh) {
    if let Some(metrics) = METRICS.get() {
        let outcome = outcome.as_str();
        metrics.refreshes.get_or_create(&Outcome { outcome }).inc();
    }
}

/// Counts a request to `provider`, which is one of the configuration's, by the class of the status.
/// None: no answer came.
pub fn provider_request(provider: &str, status: Option<u16>) {
    if let Some(metrics) = METRICS.get() {
        let provider = Provider {
            provider: provider.to_owned(),
            status: class(status),
        };
        metrics.provider_requests.get_or_create(&provider).inc();
    }
}

/// A call that waits for its person, as long as this is kept.
#[derive(Debug)]
pub struct Waiting(());

impl Waiting {
    /// The wait begins.
    pub fn begin() -> Option<Self> {
        METRICS.get()?.waiting.inc();
        Some(Self(()))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(metrics) = METRICS.get() {
            metrics.waiting.dec();
        }
    }
}

fn class(status: Option<u16>) -> &'static str {
    match status {
        None => "none",
        Some(100..200) => "1xx",
        Some(200..300) => "2xx",
        Some(300..400) => "3xx",
        Some(400..500) => "4xx",
        Some(_) => "5xx",
    }
}

impl Metrics {
    fn new() -> Self {
        let durations: fn() -> Histogram = || Histogram::new(BUCKETS);
        let mut metrics = Self {
            registry: Registry::with_prefix("valetkey"),
            requests: Family::default(),
            request_durations: Family::new_with_constructor(durations),
            rejected: Family::default(),
            calls: Family::default(),
            call_durations: Family::new_with_constructor(durations),
            flows: Family::default(),
            refreshes: Family::default(),
            provider_requests: Family::default(),
            waiting: Gauge::default(),
            sessions: Gauge::default(),
        };
        let registry = &mut metrics.registry;
        registry.register(
            "http_requests",
            "Requests to the public listener",
            metrics.requests.clone(),
        );
        registry.register_with_unit(
            "http_request_duration",
            "Time to the head of the answer",
            Unit::Seconds,
            metrics.request_durations.clone(),
        );
        registry.register(
            "http_rejected",
            "Requests that did not get as far as MCP",
            metrics.rejected.clone(),
        );
        registry.register("tool_calls", "Calls of tools", metrics.calls.clone());
        registry.register_with_unit(
            "tool_call_duration",
            "Time of a call, with the wait for its person",
            Unit::Seconds,
            metrics.call_durations.clone(),
        );
        registry.register("flows", "Sign-ins", metrics.flows.clone());
        registry.register(
            "refreshes",
            "Refreshes of tokens",
            metrics.refreshes.clone(),
        );
        registry.register(
            "provider_requests",
            "Requests to providers, by the class of the answer's status",
            metrics.provider_requests.clone(),
        );
        registry.register(
            "waiting_calls",
            "Calls that wait for their person",
            metrics.waiting.clone(),
        );
        registry.register("sessions", "Open MCP sessions", metrics.sessions.clone());
        metrics
    }
}

impl Rejected {
    fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Origin => "origin",
            Self::Unauthorized => "unauthorized",
            Self::Scope => "scope",
            Self::Unchecked => "unchecked",
            Self::Barred => "barred",
            Self::Rate => "rate",
            Self::Sessions => "sessions",
            Self::TooLarge => "too_large",
            Self::TooSlow => "too_slow",
            Self::TooDeep => "too_deep",
            Self::Unreadable => "unreadable",
        }
    }
}

impl Flow {
    fn as_str(self) -> &'static str {
        match self {
            Self::Minted => "minted",
            Self::Completed => "completed",
            Self::Declined => "declined",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }
}

impl Refresh {
    fn as_str(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}
