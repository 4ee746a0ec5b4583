//! Takes a request: counts and keeps it, applies the fault that is due, and sends it on.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::demo::sandbox::faults::{Endpoint, Fault, Received};
use crate::demo::sandbox::line::Line;
use crate::demo::sandbox::{Site, World};
use crate::demo::sandbox::{authorize, custom, github, google, slack, token};

/// Larger than Gmail's limit for an upload (36,700,160 bytes).
const BODY_LIMIT: usize = 40 << 20;

/// One request, taken apart.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) site: Site,
    pub(super) endpoint: Endpoint,
    pub(super) method: Method,
    /// The segments after the site's own, percent-decoded.
    pub(super) path: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Call {
    pub(super) fn path(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }

    /// A query parameter.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        find(&self.query, name)
    }

    pub(super) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The fields of a form body.
    pub(super) fn form(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(&self.body).into_owned().collect()
    }

    /// The body as JSON; null when it is none.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(super) fn has_json(&self) -> bool {
        self.header(&CONTENT_TYPE)
            .is_some_and(|kind| kind.starts_with("application/json"))
    }

    /// The bearer token (RFC 6750 §2.1). GitHub also takes `token` as its scheme.
    pub(super) fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header(&AUTHORIZATION)?.split_once(' ')?;
        let bearer = scheme.eq_ignore_ascii_case("bearer")
            || (self.site == Site::GitHub && scheme.eq_ignore_ascii_case("token"));
        bearer.then_some(token.trim())
    }

    /// Client id and secret from HTTP Basic (RFC 6749 §2.3.1).
    pub(super) fn basic(&self) -> Option<(String, String)> {
        let (scheme, encoded) = self.header(&AUTHORIZATION)?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
        let (id, secret) = decoded.split_once(':')?;
        Some((percent_decode(id), percent_decode(secret)))
    }
}

/// The first value of that name.
pub(super) fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

/// Every request comes here.
pub(super) async fn answer(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let mut segments = parts.uri.path().trim_start_matches('/').split('/');
    let first = segments.next().unwrap_or_default();
    let Some(site) = Site::ALL.into_iter().find(|site| site.id() == first) else {
        return text(StatusCode::NOT_FOUND, "This is a sandbox for valetkey.\n");
    };
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return text(StatusCode::PAYLOAD_TOO_LARGE, "The body is too large.\n");
    };
    let raw_query = parts.uri.query().unwrap_or_default();
    let mut call = Call {
        site,
        endpoint: Endpoint::Api("unknown"),
        method: parts.method,
        path: segments.map(percent_decode).collect(),
        query: form_urlencoded::parse(raw_query.as_bytes())
            .into_owned()
            .collect(),
        headers: parts.headers,
        body: body.to_vec(),
    };
    call.endpoint = endpoint(&call);
    let fault = {
        let mut state = world.lock();
        state.faults.record(Received {
            site,
            endpoint: call.endpoint,
            method: call.method.clone(),
            path: parts.uri.path().to_owned(),
            query: raw_query.to_owned(),
            headers: call.headers.clone(),
            body: call.body.clone(),
        });
        state.faults.due(site, call.endpoint)
    };
    world.arrival.notify_waiters();
    match fault {
        None => serve(&world, &call, None),
        Some(fault) => go_wrong(&world, &call, &line, fault).await,
    }
}

fn endpoint(call: &Call) -> Endpoint {
    match (call.path().as_slice(), &call.method) {
        (["consent"], &Method::POST) => Endpoint::Consent,
        _ => match call.site {
            Site::Google => google::endpoint(call),
            Site::Slack => slack::endpoint(call),
            Site::GitHub => github::endpoint(call),
            Site::Custom => custom::endpoint(call),
        },
    }
}

/// Which of the two the token endpoint is asked for.
pub(super) fn token_endpoint(call: &Call) -> Endpoint {
    let form = if call.has_json() {
        call.json()["grant_type"].as_str().map(str::to_owned)
    } else {
        find(&call.form(), "grant_type").map(str::to_owned)
    };
    match form.as_deref() {
        Some("refresh_token") => Endpoint::Refresh,
        _ => Endpoint::Exchange,
    }
}

fn serve(world: &World, call: &Call, fault: Option<&Fault>) -> Response {
    match call.endpoint {
        Endpoint::Authorize => authorize::show(world, call, fault),
        Endpoint::Consent => authorize::decide(world, call, fault),
        Endpoint::Exchange | Endpoint::Refresh => token::answer(world, call, fault),
        Endpoint::Revoke => token::revoke(world, call),
        Endpoint::Identity | Endpoint::Api(_) | Endpoint::AnyApi => match call.site {
            Site::Google => google::answer(world, call),
            Site::Slack => slack::answer(world, call),
            Site::GitHub => github::answer(world, call),
            Site::Custom => custom::answer(world, call),
        },
    }
}

async fn go_wrong(world: &World, call: &Call, line: &Line, fault: Fault) -> Response {
    match fault {
        Fault::Status(status) => text(
            StatusCode::from_u16(status).expect("tests name a valid status"),
            "The sandbox was told to fail.\n",
        ),
        Fault::RateLimited(retry_after) => {
            let mut response = text(StatusCode::TOO_MANY_REQUESTS, "Slow down.\n");
            let value = HeaderValue::from_static(retry_after);
            response.headers_mut().insert(RETRY_AFTER, value);
            response
        }
        Fault::Delay(delay) => {
            tokio::time::sleep(delay).await;
            serve(world, call, None)
        }
        Fault::Hold(gate) => {
            gate.cancelled().await;
            serve(world, call, None)
        }
        Fault::Silence => std::future::pending().await,
        Fault::HangUp => {
            line.hang_up();
            std::future::pending().await
        }
        Fault::LoseAnswer => {
            drop(serve(world, call, None));
            line.hang_up();
            std::future::pending().await
        }
        Fault::CutBody => {
            line.cut_in_body();
            serve(world, call, None)
        }
        Fault::Trickle => {
            line.trickle(Duration::from_secs(1));
            serve(world, call, None)
        }
        Fault::Html => html_instead(),
        Fault::Empty => body(StatusCode::OK, "application/json", Vec::new()),
        Fault::WrongTypes => json_response(
            StatusCode::OK,
            &json!({"ok": "yes", "access_token": 7, "expires_in": {}, "id": [], "messages": 1,
                    "threads": "none", "items": false, "email": null, "user": {}, "login": 3}),
        ),
        Fault::NotUtf8 => body(
            StatusCode::OK,
            "application/json",
            b"{\"a\":\"\xff\"}".into(),
        ),
        Fault::Big(bytes) => body(StatusCode::OK, "application/json", vec![b' '; bytes]),
        Fault::GzipBomb(bytes) => {
            let mut response = body(StatusCode::OK, "application/json", packed(bytes));
            let value = HeaderValue::from_static("gzip");
            response.headers_mut().insert(CONTENT_ENCODING, value);
            response
        }
        Fault::Redirect(to) => {
            let mut response = StatusCode::TEMPORARY_REDIRECT.into_response();
            let value = HeaderValue::from_str(&to).expect("tests redirect to a valid address");
            response.headers_mut().insert(LOCATION, value);
            response
        }
        Fault::Echo => echo(call),
        Fault::Unauthorized => match call.site {
            Site::Google => google::unauthorized(),
            Site::Slack => slack::refused("token_revoked"),
            Site::GitHub => github::unauthorized(),
            Site::Custom => custom::unauthorized(),
        },
        Fault::AuthorizeError(_) | Fault::Iss(_) | Fault::DeadGrant => {
            serve(world, call, Some(&fault))
        }
    }
}

fn html_instead() -> Response {
    let page = "<!doctype html><title>Sign in to the network</title><h1>Please sign in</h1>";
    body(StatusCode::OK, "text/html", page.into())
}

fn echo(call: &Call) -> Response {
    let headers: Vec<String> = call
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    let whole = json!({
        "error": "invalid_request",
        "error_description": format!("{:?} {:?}\n{}\n{}", call.path, call.query,
            headers.join("\n"), String::from_utf8_lossy(&call.body)),
    });
    json_response(StatusCode::BAD_REQUEST, &whole)
}

/// This many zeros, packed with gzip.
fn packed(bytes: usize) -> Vec<u8> {
    use std::io::Write as _;

    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![0; 1 << 16];
    let mut left = bytes;
    while left > 0 {
        let part = left.min(zeros.len());
        packer
            .write_all(&zeros[..part])
            .expect("writing to memory cannot fail");
        left -= part;
    }
    packer.finish().expect("writing to memory cannot fail")
}

/// A line of text.
pub(super) fn text(status: StatusCode, line: &str) -> Response {
    body(status, "text/plain; charset=utf-8", line.into())
}

/// A JSON answer.
pub(super) fn json_response(status: StatusCode, value: &Value) -> Response {
    let kind = "application/json; charset=utf-8";
    body(status, kind, value.to_string().into_bytes())
}

/// 401 of RFC 6750 §3.1.
pub(super) fn challenge(mut response: Response) -> Response {
    let value = HeaderValue::from_static("Bearer error=\"invalid_token\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, value);
    response
}

pub(super) fn body(status: StatusCode, kind: &'static str, bytes: Vec<u8>) -> Response {
    (status, [(CONTENT_TYPE, kind)], Body::from(bytes)).into_response()
}

fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes
            .get(at + 1..at + 3)
            .filter(|_| bytes[at] == b'%')
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        decoded.push(byte.unwrap_or(bytes[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
