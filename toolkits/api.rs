//! The way to a provider's API: a tool can send a request with a token, it cannot read the token.

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use url::Url;

use crate::allowed::Allowed;
use crate::error::{ErrorCode, ToolError};
use crate::send;

/// All the waiting of one call for rate limits and failures together.
const WAIT_BUDGET: Duration = Duration::from_secs(10);

/// Asks for a new access token after the provider refused the one given. `None`: there is none,
/// the user has to reconnect.
pub type Renew = Arc<
    dyn Fn(SecretString) -> Pin<Box<dyn Future<Output = Option<SecretString>> + Send>>
        + Send
        + Sync,
>;

/// What an [`Api`] is made of.
pub struct ApiSettings {
    /// The process's HTTP client. It must follow no redirects.
    pub client: reqwest::Client,
    /// The only origin that the token may go to, and the prefix of every path.
    pub base_url: Url,
    /// The access token (RFC 6749 §1.4).
    pub access_token: SecretString,
    /// How to get another one after a 401.
    pub renew: Renew,
    /// The account that acts, as a person knows it: an e-mail address, `name @ workspace`, a login.
    pub account: String,
    /// How results name it when the person gave it a name: `work (ada@example.com)`. None: as
    /// `account`.
    pub shown_as: Option<String>,
    /// The time of the call.
    pub now: Timestamp,
    /// The user's time zone, for relative times and for display.
    pub zone: jiff::tz::TimeZone,
    /// What the operator allows, whatever the token does.
    pub allowed: Arc<Allowed>,
    /// Answers in the provider's place, where a test has no time for connections.
    #[cfg(test)]
    pub(crate) answers: Option<crate::fake::Answers>,
}

/// A handle that sends requests to one provider as one account, for the length of one call.
#[derive(Clone)]
pub struct Api(Arc<Call>);

struct Call {
    settings: ApiSettings,
    started: Instant,
    token: Mutex<Token>,
    renewing: tokio::sync::Mutex<()>,
    wait_left: Mutex<Duration>,
    admitted: Mutex<BTreeSet<String>>,
}

/// The token in use. Each renewal counts, so that of several requests that were refused with the
/// same token only the first renews it.
#[derive(Clone)]
pub(crate) struct Token {
    text: SecretString,
    generation: u32,
}

impl Api {
    /// A handle that can reach `settings.base_url`'s origin and nothing else.
    pub fn new(settings: ApiSettings) -> Self {
        let token = Token {
            text: settings.access_token.clone(),
            generation: 0,
        };
        Self(Arc::new(Call {
            settings,
            started: Instant::now(),
            token: Mutex::new(token),
            renewing: tokio::sync::Mutex::new(()),
            wait_left: Mutex::new(WAIT_BUDGET),
            admitted: Mutex::default(),
        }))
    }

    /// The account that acts, as the provider knows it.
    pub fn account(&self) -> &str {
        &self.0.settings.account
    }

    /// The account that acts, as results and errors name it.
    pub(crate) fn acting(&self) -> &str {
        let settings = &self.0.settings;
        settings.shown_as.as_ref().unwrap_or(&settings.account)
    }

    /// The time of the call.
    pub fn now(&self) -> Timestamp {
        self.0.settings.now
    }

    /// The user's time zone.
    pub fn zone(&self) -> &jiff::tz::TimeZone {
        &self.0.settings.zone
    }

    /// What the operator allows.
    pub(crate) fn allowed(&self) -> &Allowed {
        &self.0.settings.allowed
    }

    /// Remembers for this call that the operator allows the thing with this id.
    pub(crate) fn admit(&self, id: &str) {
        let admitted = self.0.admitted.lock();
        let mut admitted = admitted.unwrap_or_else(PoisonError::into_inner);
        admitted.insert(id.to_owned());
    }

    /// Whether that is remembered.
    pub(crate) fn is_admitted(&self, id: &str) -> bool {
        let admitted = self.0.admitted.lock();
        let admitted = admitted.unwrap_or_else(PoisonError::into_inner);
        admitted.contains(id)
    }

    /// Starts a read: repeated on 429, 5xx and connection failures, within the call's budget.
    ///
    /// `path` are segments after the base URL's path; each is percent-encoded, so that no argument
    /// can climb out of its place. An empty segment, `.` and `..` are invalid arguments.
    pub fn read(&self, method: Method, path: &[&str]) -> Request {
        self.request(method, path, Effect::Read)
    }

    /// Starts a write: sent once; repeated only when nothing can have happened (a 401 that was
    /// cured by a refresh, a 429, a refused connection).
    pub fn write(&self, method: Method, path: &[&str]) -> Request {
        self.request(method, path, Effect::Write)
    }

    fn request(&self, method: Method, path: &[&str], effect: Effect) -> Request {
        let base = &self.0.settings.base_url;
        let (url, problem) = match join(base, path) {
            Ok(url) => (url, None),
            Err(problem) => (base.clone(), Some(problem)),
        };
        Request {
            api: self.clone(),
            effect,
            method,
            url,
            headers: HeaderMap::new(),
            body: None,
            problem,
            tries: send::TRIES,
            refuses_token: |_| false,
        }
    }

    pub(crate) fn client(&self) -> &reqwest::Client {
        &self.0.settings.client
    }

    #[cfg(test)]
    pub(crate) fn answers(&self) -> Option<&crate::fake::Answers> {
        self.0.settings.answers.as_ref()
    }

    /// The time now, by the call's clock.
    pub(crate) fn clock(&self) -> Timestamp {
        self.now()
            .checked_add(self.0.started.elapsed())
            .unwrap_or_else(|_| self.now())
    }

    pub(crate) fn token(&self) -> Token {
        self.0
            .token
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// A token that may work after the provider refused `refused`.
    pub(crate) async fn renewed(&self, refused: Token) -> Option<Token> {
        let _one_at_a_time = self.0.renewing.lock().await;
        let current = self.token();
        if current.generation != refused.generation {
            return Some(current);
        }
        let renewed = Token {
            text: (self.0.settings.renew)(refused.text).await?,
            generation: refused.generation + 1,
        };
        *self.0.token.lock().unwrap_or_else(PoisonError::into_inner) = renewed.clone();
        Some(renewed)
    }

    /// Takes `wait` from what this call may still wait. False: it is more than is left.
    pub(crate) fn spend(&self, wait: Duration) -> bool {
        let mut left = self
            .0
            .wait_left
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match left.checked_sub(wait) {
            Some(rest) => {
                *left = rest;
                true
            }
            None => false,
        }
    }

    /// The header that carries `token`, for a URL of the provider's own origin and no other.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that puts a token into an API request"
    )]
    pub(crate) fn authorization(&self, url: &Url, token: &Token) -> Result<HeaderValue, ToolError> {
        if url.origin() != self.0.settings.base_url.origin() || !url.origin().is_tuple() {
            return Err(ToolError::new(
                ErrorCode::Rejected,
                "The request would have left the provider's API; it was not sent.",
                "Correct the arguments and call again.",
            ));
        }
        let mut header = HeaderValue::try_from(format!("Bearer {}", token.text.expose_secret()))
            .map_err(|_| unauthorized())?;
        header.set_sensitive(true);
        Ok(header)
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api")
            .field("account", &self.0.settings.account)
            .finish_non_exhaustive()
    }
}

/// The provider does not take the token, and there is no other.
pub(crate) fn unauthorized() -> ToolError {
    ToolError::new(
        ErrorCode::Unauthorized,
        "The provider no longer accepts this connection.",
        "Ask the user to connect the account again.",
    )
}

/// Whether a request changes something at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Read,
    Write,
}

/// A request being built. What is wrong with it is said when it is sent.
#[must_use]
pub struct Request {
    pub(crate) api: Api,
    pub(crate) effect: Effect,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) problem: Option<ToolError>,
    pub(crate) tries: u32,
    pub(crate) refuses_token: fn(&Response) -> bool,
}

impl Request {
    /// Adds a query parameter.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "numbers and strings are passed as they are; a reference would be noise at each call"
    )]
    pub fn query(mut self, name: &str, value: impl ToString) -> Self {
        self.url
            .query_pairs_mut()
            .append_pair(name, &value.to_string());
        self
    }

    /// Adds a header that is not a credential. A value with line breaks or other control
    /// characters is an invalid argument.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name =
            HeaderName::from_bytes(name.as_bytes()).expect("a header's name was written by us");
        match HeaderValue::from_str(value) {
            Ok(value) => {
                self.headers.insert(name, value);
            }
            Err(_) => {
                self.problem
                    .get_or_insert(ToolError::invalid_arguments(format!(
                        "The value for the header `{name}` has characters that a header cannot carry."
                    )));
            }
        }
        self
    }

    /// Sets a JSON body.
    pub fn json(mut self, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).expect("a request body is a struct of plain values");
        self.body = Some(body);
        // Slack warns about JSON without a charset; the others do not mind it.
        self.header(CONTENT_TYPE.as_str(), "application/json; charset=utf-8")
    }

    /// Sets a form body.
    pub fn form(mut self, fields: &[(&str, String)]) -> Self {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.body = Some(body.into_bytes());
        self.header(CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded")
    }

    /// Does without repetitions and their waits, for what the call can do without.
    pub fn once(mut self) -> Self {
        self.tries = 1;
        self
    }

    /// Sets a body of another media type, such as `message/rfc822`.
    pub fn body(mut self, content_type: &'static str, body: Vec<u8>) -> Self {
        self.body = Some(body);
        self.header(CONTENT_TYPE.as_str(), content_type)
    }

    /// Is not sent if there is a reason.
    pub(crate) fn refuse_if(mut self, reason: Option<ToolError>) -> Self {
        self.problem = self.problem.or(reason);
        self
    }

    /// Says how this provider refuses a token, where that is not status 401 (Slack answers 200):
    /// such an answer is treated as a 401, with one refresh and one repetition. It must be one
    /// after which nothing has happened.
    pub fn unauthorized_if(mut self, refuses_token: fn(&Response) -> bool) -> Self {
        self.refuses_token = refuses_token;
        self
    }

    /// Sends it. 401 (after one refresh), rate limits, 5xx, time limits and oversized answers are
    /// errors here, the same for every provider; every other status, redirects included, is the
    /// toolkit's to judge.
    pub async fn send(self) -> Result<Response, ToolError> {
        send::send(self).await
    }
}

/// A provider's answer, read whole (at most 10 MiB, also after decompression).
pub struct Response {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    pub(crate) effect: Effect,
}

impl Response {
    /// Parses the body; a misfit is [`ErrorCode::BadResponse`] and quotes nothing. After a write
    /// that succeeded it is [`ErrorCode::OutcomeUnknown`]: what was written cannot be told.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ToolError> {
        // JSON is UTF-8 (RFC 8259 §8.1), also in the fields that are passed over.
        let text = std::str::from_utf8(&self.body).ok();
        let parsed = text.and_then(|text| serde_json::from_str(text).ok());
        parsed.ok_or_else(|| {
            if self.effect == Effect::Write && self.status.is_success() {
                return send::outcome_unknown("the provider's answer could not be understood");
            }
            ToolError::new(
                ErrorCode::BadResponse,
                "The provider's answer could not be understood.",
                "Call again; if it stays so, the provider's API or its address is not what it \
                 should be.",
            )
        })
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// `base` with `path` after its own, each segment percent-encoded.
fn join(base: &Url, path: &[&str]) -> Result<Url, ToolError> {
    for segment in path {
        // `Url` drops tabs and line breaks from a segment before it looks for dots.
        if matches!(*segment, "" | "." | "..") || segment.contains(char::is_control) {
            return Err(ToolError::invalid_arguments(
                "A name or id is empty or has characters that it cannot have.",
            ));
        }
    }
    let mut url = base.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.path_segments_mut()
        .map_err(|()| {
            ToolError::new(
                ErrorCode::Rejected,
                "The provider's API address in the configuration has no host.",
                "Ask the operator to correct it.",
            )
        })?
        .pop_if_empty()
        .extend(path);
    Ok(url)
}

#[cfg(test)]
mod tests;
