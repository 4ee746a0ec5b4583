//! What can go wrong at a provider, on demand: the switches that tests set, the requests that
//! were counted and kept for them.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use axum::http::{HeaderMap, Method};
use tokio_util::sync::CancellationToken;

use crate::demo::sandbox::Site;

/// One door of a site, as counted and as faulted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// The authorization endpoint (RFC 6749 §3.1), where a browser is sent.
    Authorize,
    /// The consent page's form.
    Consent,
    /// The token endpoint, for a code.
    Exchange,
    /// The token endpoint, for a refresh token.
    Refresh,
    /// The revocation of a grant, whatever its form.
    Revoke,
    /// Who the token belongs to: user info, `auth.test`, `GET /user`.
    Identity,
    /// A call of the API, by the provider's own name for it: `gmail.users.threads.list`,
    /// `conversations.history`, `issues/create`.
    Api(&'static str),
    /// Any call of the API: for counting and for faults, never in the log.
    AnyApi,
}

impl Endpoint {
    fn covers(self, other: Self) -> bool {
        self == other || (self == Self::AnyApi && matches!(other, Self::Api(_)))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Authorize => f.write_str("authorize"),
            Self::Consent => f.write_str("consent"),
            Self::Exchange => f.write_str("exchange"),
            Self::Refresh => f.write_str("refresh"),
            Self::Revoke => f.write_str("revoke"),
            Self::Identity => f.write_str("identity"),
            Self::Api(name) => write!(f, "api:{name}"),
            Self::AnyApi => f.write_str("api:*"),
        }
    }
}

/// What goes wrong.
#[derive(Clone, Debug)]
pub enum Fault {
    /// This status and a line of text.
    Status(u16),
    /// 429 with this `Retry-After`, word for word: `1`, `-5`, `soon`.
    RateLimited(&'static str),
    /// The right answer, later.
    Delay(Duration),
    /// The right answer, once the test lets it through by cancelling the token.
    Hold(CancellationToken),
    /// No answer, and the connection stays open.
    Silence,
    /// The connection is closed without an answer; nothing was done.
    HangUp,
    /// The request is carried out, then the connection is closed without an answer.
    LoseAnswer,
    /// The connection is closed one byte into the body.
    CutBody,
    /// The right answer, one byte a second.
    Trickle,
    /// 200 with an HTML page.
    Html,
    /// 200 with nothing.
    Empty,
    /// 200 with JSON whose fields have the wrong types.
    WrongTypes,
    /// 200 with bytes that are not UTF-8.
    NotUtf8,
    /// 200 with this many bytes of JSON.
    Big(usize),
    /// 200 with a small gzip body that unpacks to this many bytes.
    GzipBomb(usize),
    /// 307 to this address.
    Redirect(String),
    /// 400 with the whole request, its secrets included, in the body.
    Echo,
    /// 401 in the site's own shape, although the token is good.
    Unauthorized,
    /// The browser comes back with this error instead of a code (RFC 6749 §4.1.2.1).
    AuthorizeError(&'static str),
    /// The browser comes back with this `iss`, or with none (RFC 9207).
    Iss(Option<&'static str>),
    /// The token endpoint says in the site's own words that the grant is dead.
    DeadGrant,
}

/// How often a fault shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// Until [`Sandbox::clear_faults`](crate::demo::sandbox::Sandbox::clear_faults).
    Always,
    /// For that many requests.
    Next(u32),
}

/// A request that the sandbox received.
#[derive(Clone, Debug)]
pub struct Received {
    /// The site.
    pub site: Site,
    /// The door.
    pub endpoint: Endpoint,
    /// The method.
    pub method: Method,
    /// The path, still percent-encoded.
    pub path: String,
    /// The query, still percent-encoded; empty if there was none.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Received {
    /// Whether `needle` occurs anywhere in the request.
    pub fn mentions(&self, needle: &str) -> bool {
        self.path.contains(needle)
            || self.query.contains(needle)
            || String::from_utf8_lossy(&self.body).contains(needle)
            || self
                .headers
                .values()
                .any(|value| String::from_utf8_lossy(value.as_bytes()).contains(needle))
    }
}

/// The requests kept for inspection; older ones are only counted.
const KEPT: usize = 4096;

/// The switches and the log.
#[derive(Debug, Default)]
pub(super) struct Faults {
    rules: Vec<Rule>,
    counts: Vec<(Site, Endpoint, usize)>,
    log: VecDeque<Received>,
}

#[derive(Debug)]
struct Rule {
    site: Site,
    endpoint: Endpoint,
    fault: Fault,
    times: Times,
}

impl Faults {
    pub(super) fn add(&mut self, site: Site, endpoint: Endpoint, fault: Fault, times: Times) {
        self.rules.push(Rule {
            site,
            endpoint,
            fault,
            times,
        });
    }

    pub(super) fn clear(&mut self) {
        self.rules.clear();
    }

    /// The fault for this request, if one is due. The first rule that covers it decides.
    pub(super) fn due(&mut self, site: Site, endpoint: Endpoint) -> Option<Fault> {
        let at = self
            .rules
            .iter()
            .position(|rule| rule.site == site && rule.endpoint.covers(endpoint))?;
        match &mut self.rules[at].times {
            Times::Always => Some(self.rules[at].fault.clone()),
            Times::Next(left) if *left > 1 => {
                *left -= 1;
                Some(self.rules[at].fault.clone())
            }
            Times::Next(_) => Some(self.rules.remove(at).fault),
        }
    }

    pub(super) fn record(&mut self, received: Received) {
        let key = (received.site, received.endpoint);
        match self
            .counts
            .iter_mut()
            .find(|(site, endpoint, _)| (*site, *endpoint) == key)
        {
            Some((_, _, count)) => *count += 1,
            None => self.counts.push((key.0, key.1, 1)),
        }
        if self.log.len() == KEPT {
            self.log.pop_front();
        }
        self.log.push_back(received);
    }

    pub(super) fn count(&self, site: Site, endpoint: Endpoint) -> usize {
        self.counts
            .iter()
            .filter(|(counted, door, _)| *counted == site && endpoint.covers(*door))
            .map(|(_, _, count)| count)
            .sum()
    }

    pub(super) fn log(&self) -> Vec<Received> {
        self.log.iter().cloned().collect()
    }
}
