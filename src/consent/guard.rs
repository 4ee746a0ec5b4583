//! What every request must be and every answer must carry, before any route sees it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use url::form_urlencoded;

use crate::consent::origin::Origin;
use crate::consent::pages;

/// Bytes of a query; a callback's is a few hundred.
const QUERY_LIMIT: usize = 8 * 1024;
/// Bytes of a body; the connect page posts one field.
const BODY_LIMIT: usize = 8 * 1024;
/// How long a body may take to arrive.
const BODY_PATIENCE: Duration = Duration::from_secs(10);

/// Lets a request through that names our host, repeats no parameter and is of modest size; puts
/// the security headers on every answer; logs one line without anything of the URL in it.
pub(super) async fn check(
    State(origin): State<Arc<Origin>>,
    request: Request,
    next: Next,
) -> Response {
    let method = method_name(request.method());
    // The template: the paths have a link's token in them.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = match admit(&origin, request).await {
        Ok(request) => next.run(request).await,
        Err(refusal) => refusal,
    };
    harden(&mut response);
    tracing::info!(
        http.method = method,
        http.route = route.as_ref().map_or("other", MatchedPath::as_str),
        http.status = response.status().as_u16(),
        "consent.request"
    );
    response
}

/// The request with its body read, or the page that refuses it.
async fn admit(origin: &Origin, request: Request) -> Result<Request, Response> {
    if !names_host(origin, &request) {
        return Err(pages::misdirected());
    }
    let query = request.uri().query().unwrap_or_default();
    if query.len() > QUERY_LIMIT {
        return Err(pages::refused(StatusCode::URI_TOO_LONG));
    }
    let mut seen = HashSet::new();
    if !form_urlencoded::parse(query.as_bytes()).all(|(name, _)| seen.insert(name)) {
        return Err(pages::refused(StatusCode::BAD_REQUEST));
    }
    let (parts, body) = request.into_parts();
    match tokio::time::timeout(BODY_PATIENCE, to_bytes(body, BODY_LIMIT)).await {
        Ok(Ok(body)) => Ok(Request::from_parts(parts, Body::from(body))),
        Ok(Err(_)) => Err(pages::refused(StatusCode::PAYLOAD_TOO_LARGE)),
        Err(_) => Err(pages::refused(StatusCode::REQUEST_TIMEOUT)),
    }
}

/// A page of another site may reach this port under a name of its own (DNS rebinding): only the
/// configured host is answered, in `Host` and in the target's authority where there is one.
fn names_host(origin: &Origin, request: &Request) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    host.is_some_and(|host| origin.is_host(host))
        && hosts.next().is_none()
        && request
            .uri()
            .authority()
            .is_none_or(|authority| origin.is_authority(authority))
}

fn harden(response: &mut Response) {
    let headers = response.headers_mut();
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert_with(|| pages::POLICY.clone());
    for (name, value) in [
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        _ => "other",
    }
}
