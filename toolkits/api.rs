//! The way to a provider's API: a tool can send a request with a token, it cannot read the token.

mod link;
mod request;

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use url::Url;

use crate::allowed::Allowed;
use crate::error::{ErrorCode, ToolError};
use crate::rate::{Due, Pace, Turn};
use crate::waits::Waits;

pub use crate::api::link::{LinkClient, PublicNames};
pub(crate) use crate::api::request::{Effect, Keep};
pub use crate::api::request::{Request, Response};

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
    /// Makes the client for links that the provider hands out, when there is one to follow. It must
    /// follow no redirects either.
    pub links: Arc<dyn Fn() -> LinkClient + Send + Sync>,
    /// The origin that the token may go to, and the prefix of every path.
    pub base_url: Url,
    /// The further origins that it may go to, because the provider keeps files there.
    pub file_origins: Vec<Url>,
    /// What this call shares with the process's others.
    pub pace: Pace,
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
    /// Where it is told what the call waits for.
    pub waits: Waits,
    /// Told of every request with the status of its answer, if one came.
    pub answered: Arc<dyn Fn(Option<u16>) + Send + Sync>,
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
    shown: Mutex<Option<Vec<String>>>,
}

/// The token in use. Each renewal counts, so that of several requests that were refused with the
/// same token only the first renews it.
#[derive(Clone)]
pub(crate) struct Token {
    text: SecretString,
    generation: u32,
}

impl Api {
    /// A handle that can reach `settings.base_url`'s origin and `settings.file_origins` with the
    /// token, and without it what the provider hands out a link to.
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
            shown: Mutex::default(),
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

    /// A request was answered with this status, or not at all.
    pub(crate) fn answered(&self, status: Option<u16>) {
        (self.0.settings.answered)(status);
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

    /// Remembers for this call the ids that its dry run has shown. What its preview is compared with
    /// is what is then changed, and nothing that came meanwhile.
    pub(crate) fn show(&self, ids: Vec<String>) {
        let shown = self.0.shown.lock();
        *shown.unwrap_or_else(PoisonError::into_inner) = Some(ids);
    }

    /// Those ids; none without a dry run in this call.
    pub(crate) fn shown(&self) -> Option<Vec<String>> {
        let shown = self.0.shown.lock();
        shown.unwrap_or_else(PoisonError::into_inner).clone()
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
        let (url, problem) = match request::join(base, path) {
            Ok(url) => (url, None),
            Err(problem) => (base.clone(), Some(problem)),
        };
        Request {
            problem,
            charges: self.0.settings.pace.charges(&method, path),
            ..Request::new(self, effect, method, url)
        }
    }

    /// Starts to read a file that the provider keeps at `address`, with the token: at an origin that
    /// may have it and nowhere else.
    pub(crate) fn file(&self, address: &str) -> Result<Request, ToolError> {
        let url = Url::parse(address).ok();
        match url.filter(|url| self.may_have_token(url)) {
            Some(url) => Ok(Request::new(self, Effect::Read, Method::GET, url)),
            None => Err(ToolError::new(
                ErrorCode::Rejected,
                "The file is kept at an address that this connection's token may not go to.",
                "Ask the operator: if the address is the provider's own, its origin belongs into \
                 `api.file_origins` of the configuration.",
            )),
        }
    }

    /// Whether the token may go to `url`: to the API's own origin, and to those that files are kept
    /// at.
    fn may_have_token(&self, url: &Url) -> bool {
        let settings = &self.0.settings;
        let mut known = [&settings.base_url]
            .into_iter()
            .chain(&settings.file_origins);
        url.origin().is_tuple()
            && url.username().is_empty()
            && url.password().is_none()
            && known.any(|known| known.origin() == url.origin())
    }

    /// Waits for this call's turn to have a large answer in memory.
    pub(crate) async fn large(&self) -> Turn {
        self.0.settings.pace.turn().await
    }

    /// What the process's calls share.
    pub(crate) fn pace(&self) -> &Pace {
        &self.0.settings.pace
    }

    /// What this call waits for.
    pub(crate) fn waits(&self) -> &Waits {
        &self.0.settings.waits
    }

    /// What a request takes of the acting account's limits.
    pub(crate) fn due(&self, request: &Request) -> Vec<Due> {
        let settings = &self.0.settings;
        let origin = settings.base_url.origin().ascii_serialization();
        let form = request.body.as_deref();
        let charges = &request.charges;
        settings.pace.due(charges, &origin, &settings.account, form)
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

    /// Refuses a URL that is not at the provider's own origins.
    pub(crate) fn check_address(&self, url: &Url) -> Result<(), ToolError> {
        if self.may_have_token(url) {
            return Ok(());
        }
        Err(ToolError::new(
            ErrorCode::Rejected,
            "The request would have left the provider's API; it was not sent.",
            "Correct the arguments and call again.",
        ))
    }

    /// The header that carries `token`, for a URL of the provider's own origins and no other.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that puts a token into an API request"
    )]
    pub(crate) fn authorization(&self, url: &Url, token: &Token) -> Result<HeaderValue, ToolError> {
        self.check_address(url)?;
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

#[cfg(test)]
mod tests;
