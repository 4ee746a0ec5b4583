//! The way to a provider's API: a tool can send a request with a token, it cannot read the token.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use jiff::Timestamp;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::error::ToolError;

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
    /// The time of the call.
    pub now: Timestamp,
    /// The user's time zone, for relative times and for display.
    pub zone: jiff::tz::TimeZone,
}

/// A handle that sends requests to one provider as one account.
#[derive(Clone)]
pub struct Api {
    settings: Arc<ApiSettings>,
}

impl Api {
    /// A handle that can reach `settings.base_url`'s origin and nothing else.
    pub fn new(settings: ApiSettings) -> Self {
        Self {
            settings: Arc::new(settings),
        }
    }

    /// The account that acts.
    pub fn account(&self) -> &str {
        &self.settings.account
    }

    /// The time of the call.
    pub fn now(&self) -> Timestamp {
        self.settings.now
    }

    /// The user's time zone.
    pub fn zone(&self) -> &jiff::tz::TimeZone {
        &self.settings.zone
    }

    /// Starts a read: repeated on 429, 5xx and connection failures, within the call's budget.
    ///
    /// `path` are segments after the base URL's path; each is percent-encoded, so that no argument
    /// can climb out of its place.
    pub fn read(&self, method: Method, path: &[&str]) -> Request {
        let _ = (method, path);
        todo!("toolkits core")
    }

    /// Starts a write: sent once; repeated only when nothing can have happened (a 401 that was
    /// cured by a refresh, a 429, a refused connection).
    pub fn write(&self, method: Method, path: &[&str]) -> Request {
        let _ = (method, path);
        todo!("toolkits core")
    }
}

/// A request being built.
#[must_use]
pub struct Request {
    api: Api,
}

impl Request {
    /// Adds a query parameter.
    pub fn query(self, name: &str, value: impl ToString) -> Self {
        let _ = (&self.api, name, value.to_string());
        todo!("toolkits core")
    }

    /// Adds a header that is not a credential.
    pub fn header(self, name: &'static str, value: &str) -> Self {
        let _ = (name, value);
        todo!("toolkits core")
    }

    /// Sets a JSON body.
    pub fn json(self, body: &impl Serialize) -> Self {
        let _ = serde_json::to_vec(body);
        todo!("toolkits core")
    }

    /// Sets a form body.
    pub fn form(self, fields: &[(&str, String)]) -> Self {
        let _ = fields;
        todo!("toolkits core")
    }

    /// Sends it. 401 (after one refresh), 429, 5xx, time limits and oversized answers are errors
    /// here, the same for every provider; every other status is the toolkit's to judge.
    pub async fn send(self) -> Result<Response, ToolError> {
        todo!("toolkits core")
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
}

impl Response {
    /// Parses the body; a misfit is [`crate::error::ErrorCode::BadResponse`] and quotes nothing.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ToolError> {
        todo!("toolkits core")
    }
}
