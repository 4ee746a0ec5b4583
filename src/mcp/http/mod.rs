//! Streamable HTTP as MCP's transport (MCP 2026-07-28, Transports): one endpoint, `/mcp`, for the
//! stateless protocol and for the sessions before it.
//!
//! A request passes `admit` (is it ours, whose is it, is it too much, may it write), and then goes to
//! its caller's own service in `tenants`: what belongs to one caller, sessions first, cannot be found
//! from the service of another. `health`, `observe` and `operator` are for whoever runs the server.

mod admit;
mod health;
mod limits;
mod observe;
mod operator;
mod tenants;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware;
use axum::response::Response;
use axum::routing::{any, get};
use axum::{Json, Router};
use http_body_util::BodyExt;
use rmcp::transport::streamable_http_server::StreamableHttpServerConfig;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::cors::CorsLayer;

use crate::caller::Caller;
use crate::config::listen::Listen;
use crate::mcp::handler::Shared;
use crate::mcp::http::admit::Hosts;
use crate::mcp::http::limits::Limits;
pub(in crate::mcp) use crate::mcp::http::observe::RequestId;
use crate::mcp::http::tenants::Tenants;
use crate::mcp::wire;
use crate::metrics::{self, Rejected};
use crate::resource_server::ResourceServer;

/// Bytes of a request. A mail's attachments are in it.
const BODY_LIMIT: usize = 4 << 20;

/// How long the answers that are being made may take once the server is to end.
const DRAIN: Duration = Duration::from_secs(10);

/// How long the records of those may take that are ended then: what was held back is not sent.
const RECORDS: Duration = Duration::from_secs(5);

const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");

/// How callers are known.
#[derive(Clone, Debug)]
pub enum Gate {
    /// Everyone who reaches the port is this caller: on loopback only.
    Open(Caller),
    /// Each request carries an access token.
    Bearer(ResourceServer),
}

/// The endpoint.
#[derive(Debug)]
pub struct Endpoint {
    shared: Arc<Shared>,
    gate: Gate,
    hosts: Hosts,
    limits: Limits,
    tenants: Tenants,
    /// Ends every session and stream.
    ending: CancellationToken,
    /// The POST requests that are being answered.
    answering: TaskTracker,
}

impl Endpoint {
    /// Serves what `shared` has to the callers that pass `gate`.
    pub fn new(shared: Arc<Shared>, gate: Gate, public_url: &url::Url, listen: &Listen) -> Self {
        let ending = CancellationToken::new();
        let origins = std::iter::once(crate::config::listen::with_port(public_url));
        let config = StreamableHttpServerConfig::default()
            // `Hosts` is stricter: it holds the name to its port.
            .disable_allowed_hosts()
            .with_allowed_origins(origins.chain(listen.allowed_origins.iter().cloned()))
            .enforce_origin_validation()
            .with_json_response(true)
            .with_max_request_body_bytes(BODY_LIMIT)
            .with_cancellation_token(ending.clone());
        Self {
            tenants: Tenants::new(Arc::clone(&shared), config),
            hosts: Hosts::of(public_url, listen.bind),
            limits: Limits::new(listen),
            shared,
            gate,
            ending,
            answering: TaskTracker::new(),
        }
    }

    /// The routes, before `pages`, which are the browser's.
    pub fn router(self: &Arc<Self>, pages: Router, listen: &Listen) -> Router {
        let mut mcp = Router::new().route("/mcp", any(serve));
        if !listen.allowed_origins.is_empty() {
            mcp = mcp.layer(cors(&listen.allowed_origins));
        }
        if let Gate::Bearer(resource_server) = &self.gate
            && let Some(metadata) = resource_server.metadata()
        {
            // RFC 9728 §3.1: for the origin, and for the path of the resource.
            let metadata = get(move || std::future::ready(Json(metadata)));
            mcp = mcp
                .route("/.well-known/oauth-protected-resource", metadata.clone())
                .route("/.well-known/oauth-protected-resource/mcp", metadata);
        }
        mcp.route("/healthz", get(health::alive))
            .route("/readyz", get(health::ready))
            .with_state(Arc::clone(self))
            .fallback_service(pages)
            .layer(middleware::from_fn_with_state(
                Arc::clone(self),
                observe::observe,
            ))
    }

    /// The routes of the operator's own listener on `bind`.
    pub fn operator_router(self: &Arc<Self>, bind: SocketAddr) -> Router {
        operator::router(self, bind)
    }

    /// Lets the answers that are being made leave, and then ends every session and stream. A call
    /// that waits for its person is answered with its link.
    pub async fn close(&self) {
        self.shared.closing().cancel();
        self.answering.close();
        if timeout(DRAIN, self.answering.wait()).await.is_err() {
            tracing::warn!("calls were still running when the server ended");
        }
        let records = self.shared.farewell().say();
        if timeout(RECORDS, records).await.is_err() {
            tracing::warn!("not every call that was ended could be recorded");
        }
        self.ending.cancel();
    }
}

async fn serve(State(endpoint): State<Arc<Endpoint>>, request: Request) -> Response {
    let token = (request.method() == Method::POST).then(|| endpoint.answering.token());
    let ends_session = request.method() == Method::DELETE;
    let admitted = match endpoint.admit(request).await {
        Ok(admitted) => admitted,
        Err(refusal) => return refusal,
    };
    let service = endpoint.tenants.service(&admitted.caller);
    let (mut head, body) = service.handle(admitted.request).await.into_parts();
    if head.status == StatusCode::FORBIDDEN {
        metrics::rejected(Rejected::Origin);
    }
    let body = if head.headers.get(header::CONTENT_TYPE) == Some(&EVENT_STREAM) {
        Body::new(body.map_frame(move |frame| {
            // Held until the last event has left.
            let _answering = &token;
            frame.map_data(|text| wire::strip_empty_ids(&text))
        }))
    } else {
        let Ok(whole) = body.collect().await;
        wire::strip_empty_ids(&whole.to_bytes()).into()
    };
    if ends_session && head.status == StatusCode::ACCEPTED {
        // The official Python SDK warns its user of any success but 200 and 204.
        head.status = StatusCode::NO_CONTENT;
    }
    // What is in it is its caller's alone.
    let no_store = HeaderValue::from_static("no-store");
    head.headers.insert(header::CACHE_CONTROL, no_store);
    Response::from_parts(head, body)
}

/// Lets the browser programs that the configuration names call from their origins.
fn cors(origins: &[String]) -> CorsLayer {
    let allowed: Vec<HeaderValue> = origins
        .iter()
        .filter_map(|origin| url::Url::parse(origin).ok())
        .filter_map(|url| HeaderValue::try_from(url.origin().ascii_serialization()).ok())
        .collect();
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::ACCEPT,
            HeaderName::from_static("mcp-protocol-version"),
            HeaderName::from_static("mcp-session-id"),
            HeaderName::from_static("mcp-method"),
            HeaderName::from_static("mcp-name"),
            HeaderName::from_static("last-event-id"),
        ])
        .expose_headers([
            HeaderName::from_static("mcp-session-id"),
            header::WWW_AUTHENTICATE,
            header::RETRY_AFTER,
            observe::REQUEST_ID,
        ])
}
