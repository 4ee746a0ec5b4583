//! What a request must be before it reaches MCP.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request};
use axum::http::header::{CONTENT_LENGTH, HOST, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, Full, Limited};
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;
use url::Url;

use crate::caller::Caller;
use crate::mcp::http::{BODY_LIMIT, Endpoint, Gate};
use crate::metrics::{self, Rejected};
use crate::resource_server::Refusal;

/// How long each part of a body may take to arrive.
const BODY_PATIENCE: Duration = Duration::from_secs(10);

/// Arrays and objects in one another. Arguments of tools have few.
const DEEPEST: usize = 64;

/// Sessions that one caller may have open.
const SESSIONS: usize = 64;

/// A request, and whose it is.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) caller: Caller,
    pub(super) request: Request<Full<Bytes>>,
}

/// Who came through the gate.
struct Passed {
    caller: Caller,
    /// Why it may not change anything.
    no_writes: Option<Refusal>,
}

/// The names that this server is asked by.
#[derive(Debug)]
pub(super) struct Hosts(Vec<String>);

impl Hosts {
    /// That of the public URL; on loopback the other names of it too.
    pub(super) fn of(public_url: &Url, bind: SocketAddr) -> Self {
        let mut hosts = Vec::new();
        let host = public_url.host_str().unwrap_or_default();
        match public_url.port() {
            Some(port) => hosts.push(format!("{host}:{port}")),
            None => hosts.push(host.to_owned()),
        }
        hosts.extend(names_of_loopback(bind));
        Self(hosts)
    }

    /// Those of a listener that has no URL: its address; on loopback its other names too.
    pub(super) fn at(bind: SocketAddr) -> Self {
        let hosts = names_of_loopback(bind).chain([bind.to_string()]);
        Self(hosts.collect())
    }

    /// A page of another site may reach this port under a name of its own (DNS rebinding).
    pub(super) fn named_in(&self, request: &Parts) -> bool {
        let known = |name: &str| self.0.iter().any(|host| host.eq_ignore_ascii_case(name));
        let mut hosts = request.headers.get_all(HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok());
        host.is_some_and(known)
            && hosts.next().is_none()
            && request
                .uri
                .authority()
                .is_none_or(|authority| known(authority.as_str()))
    }
}

fn names_of_loopback(bind: SocketAddr) -> impl Iterator<Item = String> {
    let names = ["127.0.0.1", "localhost", "[::1]"].into_iter();
    let names = names.filter(move |_| bind.ip().is_loopback());
    names.map(move |name| format!("{name}:{}", bind.port()))
}

/// As much of a message as has to be known here. A key that comes twice is an error, so that the tool
/// that is judged is the tool that runs.
#[derive(Debug, Deserialize)]
struct Peek<'a> {
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    params: Option<PeekParams<'a>>,
}

#[derive(Debug, Default, Deserialize)]
struct PeekParams<'a> {
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
}

impl Endpoint {
    /// The request with its body read and its caller known, or the answer that refuses it.
    pub(super) async fn admit(&self, request: Request) -> Result<Admitted, Response> {
        let (parts, body) = request.into_parts();
        if !self.hosts.named_in(&parts) {
            metrics::rejected(Rejected::Host);
            let message = "This is not that host.";
            return Err(refused(StatusCode::MISDIRECTED_REQUEST, message));
        }
        let passed = self.pass(&parts).await?;
        if parts.method != Method::POST {
            let request = Request::from_parts(parts, Full::default());
            return Ok(Admitted {
                caller: passed.caller,
                request,
            });
        }
        let body = read(&parts.headers, body).await?;
        if is_too_deep(&body) {
            metrics::rejected(Rejected::TooDeep);
            return Err(rpc_error(-32600, "The message is nested too deeply."));
        }
        let Ok(peek) = serde_json::from_slice::<Peek<'_>>(&body) else {
            metrics::rejected(Rejected::Unreadable);
            // The SDK looks at the origin and refuses it. The body must not get there: where a key
            // comes twice, the SDK would take the one and this the other.
            let request = Request::from_parts(parts, Full::default());
            return Ok(Admitted {
                caller: passed.caller,
                request,
            });
        };
        if let Some(method @ ("tools/call" | "initialize")) = peek.method.as_deref() {
            let name = peek.params.unwrap_or_default().name.unwrap_or_default();
            self.may(&passed, method, &name).await?;
        }
        let request = Request::from_parts(parts, Full::new(body));
        Ok(Admitted {
            caller: passed.caller,
            request,
        })
    }

    /// Whether the caller may call this tool, or begin a session, now.
    async fn may(&self, passed: &Passed, method: &str, name: &str) -> Result<(), Response> {
        let tool = (method == "tools/call").then(|| self.shared.tool(name));
        let writes = tool
            .flatten()
            .is_some_and(|tool| !tool.annotations().read_only);
        if writes && let Some(refusal) = &passed.no_writes {
            return Err(self.challenge(refusal));
        }
        self.limits.call(&passed.caller, writes).map_err(|wait| {
            metrics::rejected(Rejected::Rate);
            too_much(wait, "Too many calls.")
        })?;
        if method == "initialize" && self.tenants.sessions(&passed.caller).await >= SESSIONS {
            metrics::rejected(Rejected::Sessions);
            let wait = Duration::from_mins(1);
            return Err(too_much(wait, "Too many sessions are open."));
        }
        Ok(())
    }

    /// Whose request it is.
    async fn pass(&self, request: &Parts) -> Result<Passed, Response> {
        let resource_server = match &self.gate {
            Gate::Open(caller) => {
                return Ok(Passed {
                    caller: caller.clone(),
                    no_writes: None,
                });
            }
            Gate::Bearer(resource_server) => resource_server,
        };
        let peer = request.extensions.get::<ConnectInfo<SocketAddr>>();
        let origin = peer.and_then(|peer| self.limits.origin(peer.0, &request.headers));
        if let Some(wait) = origin.and_then(|origin| self.limits.barred(origin)) {
            metrics::rejected(Rejected::Barred);
            return Err(too_much(wait, "Too many requests without authorization."));
        }
        match resource_server.verify(&request.headers).await {
            Ok(verified) => Ok(Passed {
                no_writes: (!verified.allows_write()).then(|| verified.insufficient()),
                caller: verified.caller,
            }),
            Err(refusal) => {
                // Who has none yet asks once, to learn where to get one; who has a bad one guesses.
                if let (Refusal::InvalidToken, Some(origin)) = (&refusal, origin) {
                    self.limits.mistake(origin);
                }
                Err(self.challenge(&refusal))
            }
        }
    }

    /// The answer to a request that is not authorized. Its text is the same for every bad token.
    fn challenge(&self, refusal: &Refusal) -> Response {
        metrics::rejected(match refusal {
            Refusal::NoToken | Refusal::InvalidToken => Rejected::Unauthorized,
            Refusal::InsufficientScope(_) => Rejected::Scope,
            Refusal::Unavailable => Rejected::Unchecked,
        });
        let message = match refusal {
            Refusal::NoToken | Refusal::InvalidToken => "Authorization is required.",
            Refusal::InsufficientScope(_) => "The access token does not allow this.",
            Refusal::Unavailable => "The access token cannot be checked now. Try again later.",
        };
        let mut response = refused(refusal.status(), message);
        if let Gate::Bearer(resource_server) = &self.gate
            && *refusal != Refusal::Unavailable
        {
            let challenge = resource_server.challenge(refusal);
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// Reads a body that comes neither too slowly nor too long.
async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, Response> {
    let too_large = || {
        metrics::rejected(Rejected::TooLarge);
        refused(StatusCode::PAYLOAD_TOO_LARGE, "The request is too large.")
    };
    let length = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok());
    if length.is_some_and(|length| length.parse().is_ok_and(|bytes: usize| bytes > BODY_LIMIT)) {
        return Err(too_large());
    }
    let mut body = Limited::new(body, BODY_LIMIT);
    let mut read = Vec::new();
    loop {
        match timeout(BODY_PATIENCE, body.frame()).await {
            Ok(Some(Ok(frame))) => read.extend(frame.into_data().unwrap_or_default()),
            Ok(Some(Err(_))) => return Err(too_large()),
            Ok(None) => return Ok(read.into()),
            Err(_) => {
                metrics::rejected(Rejected::TooSlow);
                return Err(refused(
                    StatusCode::REQUEST_TIMEOUT,
                    "The body took too long.",
                ));
            }
        }
    }
}

/// Whether arrays and objects stand deeper in one another than any message needs. The parser behind
/// this has a limit of its own, twice as high.
fn is_too_deep(json: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => {
                depth += 1;
                if depth > DEEPEST {
                    return true;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

pub(super) fn refused(status: StatusCode, message: &'static str) -> Response {
    (status, message).into_response()
}

fn too_much(wait: Duration, message: &'static str) -> Response {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let status = StatusCode::TOO_MANY_REQUESTS;
    (status, [(RETRY_AFTER, seconds.to_string())], message).into_response()
}

fn rpc_error(code: i32, message: &str) -> Response {
    let error =
        json!({ "jsonrpc": "2.0", "id": null, "error": { "code": code, "message": message } });
    (StatusCode::BAD_REQUEST, Json(error)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted_outside_of_strings_only() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        for (json, deep) in [
            (nested(DEEPEST), false),
            (nested(DEEPEST + 1), true),
            ("[".repeat(100_000), true),
            (format!("\"{}\"", "[".repeat(1000)), false),
            (format!("\"\\\"{}\"", "{".repeat(1000)), false),
            (format!("\"\\\\\"{}", "{".repeat(1000)), true),
            ("[],".repeat(1000), false),
        ] {
            assert_eq!(is_too_deep(json.as_bytes()), deep, "{json:.20}");
        }
    }
}
