//! What is noted of every request to the public listener: its id, its count, and its span in a trace.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::AsHeaderName;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;

use crate::audit::Hex;
use crate::mcp::http::Endpoint;
use crate::{metrics, trace};

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Characters of an id that a proxy made.
const LONGEST_ID: usize = 64;

/// What one request is called in the log, in its trace and in its answer.
#[derive(Clone, Debug)]
pub(in crate::mcp) struct RequestId(HeaderValue);

impl RequestId {
    fn random() -> Self {
        let mut id = [0; 16];
        getrandom::fill(&mut id).expect("the operating system's random numbers are available");
        let id = Hex(id).to_string();
        Self(HeaderValue::try_from(id).expect("digits make a header"))
    }

    /// The one id that a proxy wrote, if it may stand in a log.
    fn written(headers: &HeaderMap) -> Option<Self> {
        let id = single(headers, &REQUEST_ID)?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let fits = (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(is_plain);
        fits.then(|| headers.get(REQUEST_ID).cloned().map(Self))?
    }

    pub(in crate::mcp) fn as_str(&self) -> &str {
        self.0.to_str().expect("both kinds of ids are ASCII")
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Gives the request its id and the [`trace::Context`] that its call continues, and counts it.
pub(super) async fn observe(
    State(endpoint): State<Arc<Endpoint>>,
    mut request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let is_trusted = peer.is_some_and(|peer| endpoint.limits.is_trusted(peer.0));
    let headers = request.headers();
    let written = is_trusted.then(|| RequestId::written(headers)).flatten();
    let id = written.unwrap_or_else(RequestId::random);
    let parent = single(headers, "traceparent")
        .and_then(|parent| trace::Context::read(parent, single(headers, "tracestate")));
    let method = method_name(request.method());
    let route = route_name(request.uri().path());
    let mut span = trace::Span::of_request(method, route, parent.as_ref());
    if let Some(span) = &mut span {
        span.request_id(id.as_str());
    }
    if let Some(context) = span.as_ref().map(trace::Span::context).or(parent) {
        request.extensions_mut().insert(context);
    }
    request.extensions_mut().insert(id.clone());
    // A span of the highest level, so that no filter takes the id from a line that it lets through.
    let log = tracing::error_span!("request", request.id = %id);
    let mut response = next.run(request).instrument(log.clone()).await;
    let status = response.status().as_u16();
    let took = began.elapsed();
    metrics::request(route, method, status, took);
    if let Some(span) = &mut span {
        span.answered(status);
    }
    if status >= 400 {
        let _entered = log.enter();
        tracing::info!(
            http.method = method,
            http.route = route,
            http.status = status,
            "http.refused"
        );
    }
    response.headers_mut().insert(REQUEST_ID, id.0);
    response
}

/// The header's text, if there is one such header.
fn single(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    let mut all = headers.get_all(name).iter();
    let one = all.next()?.to_str().ok()?;
    all.next().is_none().then_some(one)
}

fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        // As the semantic conventions of OpenTelemetry have it.
        _ => "_OTHER",
    }
}

/// The template of the route: the paths of the browser's side have a link's token in them.
fn route_name(path: &str) -> &'static str {
    let mut segments = path.split('/').skip(1);
    match (segments.next(), segments.next()) {
        (Some("mcp"), None) => "/mcp",
        (Some("healthz"), None) => "/healthz",
        (Some("readyz"), None) => "/readyz",
        (Some(".well-known"), Some(_)) => "/.well-known/{document}",
        (Some(""), None) => "/",
        (Some("connect"), None) => "/connect",
        (Some("disconnect"), Some(_)) => "/disconnect/{connection}",
        (Some("login"), Some("callback")) => "/login/callback",
        (Some("login"), Some(_)) => "/login/{number}",
        (Some("sign-out"), None) => "/sign-out",
        (Some("connect"), Some(_)) => "/connect/{link}",
        (Some("connected"), Some(_)) => "/connected/{link}",
        (Some("oauth"), Some("callback")) => "/oauth/callback/{provider_id}",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(ids: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for id in ids {
            headers.append(REQUEST_ID, HeaderValue::from_str(id).unwrap());
        }
        RequestId::written(&headers).map(|id| id.to_string())
    }

    #[test]
    fn an_id_of_a_proxy_is_short_plain_and_alone() {
        let longest = "x".repeat(LONGEST_ID);
        for good in ["7f3c2b1a-0000.a_b", "1", longest.as_str()] {
            assert_eq!(written(&[good]).as_deref(), Some(good));
        }
        let longer = "x".repeat(LONGEST_ID + 1);
        for bad in ["", "a b", "a\"b", "a=1,b", "<b>", longer.as_str()] {
            assert_eq!(written(&[bad]), None, "{bad}");
        }
        assert_eq!(written(&["a", "b"]), None);
        assert_eq!(written(&[]), None);
    }

    #[test]
    fn a_route_is_named_without_what_the_client_wrote() {
        for (path, route) in [
            ("/mcp", "/mcp"),
            ("/mcp/x", "other"),
            ("/connect/token-of-a-link", "/connect/{link}"),
            ("/oauth/callback/github", "/oauth/callback/{provider_id}"),
            (
                "/.well-known/oauth-protected-resource/mcp",
                "/.well-known/{document}",
            ),
            ("/metrics", "other"),
            ("/", "/"),
            ("/login/callback", "/login/callback"),
            ("/login/token-of-a-link", "/login/{number}"),
            ("/disconnect/0123456789abcdef", "/disconnect/{connection}"),
        ] {
            assert_eq!(route_name(path), route, "{path}");
        }
    }
}
