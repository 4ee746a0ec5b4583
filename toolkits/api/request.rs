//! A request to a provider and its answer.

use std::fmt;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::api::Api;
use crate::error::{ErrorCode, ToolError};
use crate::rate::Charge;
use crate::send;

/// The largest answer that is read where a request states nothing else, also after decompression.
const BODY_LIMIT: usize = 10 * 1024 * 1024;

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
    pub(crate) keep: Keep,
    pub(crate) charges: Vec<Charge>,
    pub(crate) refuses_token: fn(&Response) -> bool,
}

/// How much of an answer is kept in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// All of it; more bytes than this are [`ErrorCode::TooLarge`].
    All(usize),
    /// The last bytes, this many at least and twice as many at most, of the longest answer that can
    /// be read in time.
    End(usize),
}

impl Request {
    pub(crate) fn new(api: &Api, effect: Effect, method: Method, url: Url) -> Self {
        Self {
            api: api.clone(),
            effect,
            method,
            url,
            headers: HeaderMap::new(),
            body: None,
            problem: None,
            tries: send::TRIES,
            keep: Keep::All(BODY_LIMIT),
            charges: Vec::new(),
            refuses_token: |_| false,
        }
    }

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

    /// Reads an answer of up to that many bytes, for what is larger than others. The call must have
    /// its turn ([`Api::large`]).
    pub(crate) fn up_to(mut self, bytes: usize) -> Self {
        self.keep = Keep::All(bytes);
        self
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

/// A provider's answer, read whole: at most 10 MiB, also after decompression, unless the request
/// states another limit.
pub struct Response {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// How many bytes came before those that were kept, with [`Keep::End`].
    pub(crate) left_out: u64,
    pub(crate) effect: Effect,
}

impl Response {
    /// Parses the body; a misfit is [`ErrorCode::BadResponse`] and quotes nothing. After a write
    /// that succeeded it is [`ErrorCode::OutcomeUnknown`]: what was written cannot be told.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ToolError> {
        self.json_borrowed()
    }

    /// The same for a type that borrows from the body.
    pub(crate) fn json_borrowed<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ToolError> {
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
pub(super) fn join(base: &Url, path: &[&str]) -> Result<Url, ToolError> {
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
