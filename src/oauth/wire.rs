//! One request to a provider: sent without following a redirect, its answer read up to 1 MiB, its
//! failures told without a URL.

use jiff::Timestamp;
use reqwest::header::{ACCEPT, CONTENT_TYPE, DATE};
use reqwest::{RequestBuilder, StatusCode};
use secrecy::SecretString;
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::config::provider::{AuthMethod, Request};
use crate::http::Http;
use crate::metrics;
use crate::oauth::provider::Provider;
use crate::oauth::token::OAuthError;

/// More than any answer needs that we ask for.
const LIMIT: usize = 1024 * 1024;

/// What a provider answered, its status neither 5xx nor 429.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// The provider's clock.
    pub(super) date: Option<Timestamp>,
    pub(super) content_type: String,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// The body as a JSON object, also when it is a form (`application/x-www-form-urlencoded`), by
    /// its content type or because the entry says so.
    pub(super) fn object(&self, form_expected: bool) -> Option<Map<String, Value>> {
        if let Ok(Value::Object(object)) = serde_json::from_slice(&self.body) {
            return Some(object);
        }
        let is_form = self
            .content_type
            .starts_with("application/x-www-form-urlencoded");
        (is_form || form_expected).then(|| {
            form_urlencoded::parse(&self.body)
                .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
                .collect()
        })
    }
}

/// The text of a secret, to be put into a request to the provider.
pub(super) fn read(secret: &SecretString) -> &str {
    #[expect(
        clippy::disallowed_methods,
        reason = "the requests of the protocol carry codes, tokens and client secrets"
    )]
    secrecy::ExposeSecret::expose_secret(secret)
}

/// Sends a request that [`RequestBuilder`] describes.
pub(super) async fn send(
    provider: &Provider,
    http: &Http,
    request: RequestBuilder,
) -> Result<Answer, OAuthError> {
    // Its error would only say that a URL or a header is not well-formed.
    let mut request = request.build().map_err(|_| provider.malformed())?;
    request
        .headers_mut()
        .entry(ACCEPT)
        .or_insert(const { reqwest::header::HeaderValue::from_static("application/json") });
    execute(provider, http, request).await
}

/// Sends a request.
pub(super) async fn execute(
    provider: &Provider,
    http: &Http,
    request: reqwest::Request,
) -> Result<Answer, OAuthError> {
    let url = request.url().clone();
    let failed = |error: reqwest::Error| provider.unreachable(&url, cause(&error));
    let sent = http.client_for_tokens().execute(request).await;
    let status = sent.as_ref().ok().map(|answer| answer.status().as_u16());
    metrics::provider_request(provider.name(), status);
    let mut response = sent.map_err(failed)?;
    let status = response.status();
    if status.is_server_error() {
        return Err(provider.unreachable(&url, "it answers with a server error"));
    }
    if matches!(status.as_u16(), 408 | 429) {
        return Err(provider.unreachable(&url, "it asks to slow down"));
    }
    let header = |name| response.headers().get(name)?.to_str().ok();
    let content_type = header(CONTENT_TYPE)
        .unwrap_or_default()
        .to_ascii_lowercase();
    let date = header(DATE).and_then(|date| {
        let date = jiff::fmt::rfc2822::parse(date).ok()?;
        Some(date.timestamp())
    });
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > LIMIT {
            return Err(provider.malformed());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status,
        date,
        content_type,
        body,
    })
}

/// What went wrong, in our words: the error's own text has the URL in it.
fn cause(error: &reqwest::Error) -> &'static str {
    if is_tls(error) {
        "its TLS certificate or connection was not accepted"
    } else if error.is_timeout() {
        "it did not answer in time"
    } else if error.is_connect() {
        "the connection failed"
    } else {
        "the answer broke off"
    }
}

/// An I/O error does not name the error it wraps as its source, so both ways are looked along.
fn is_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    let wrapped = error
        .downcast_ref::<std::io::Error>()
        .and_then(|error| error.get_ref());
    error.is::<rustls::Error>()
        || wrapped.is_some_and(|wrapped| is_tls(wrapped))
        || error.source().is_some_and(is_tls)
}

impl Provider {
    /// A POST of `parameters` in which the client authenticates, in the header or in the body.
    pub(super) fn authenticated_post(
        &self,
        http: &Http,
        url: &url::Url,
        settings: &Request,
        mut parameters: Vec<(String, String)>,
    ) -> RequestBuilder {
        let mut request = http.client_for_tokens().post(url.clone());
        let client_id = &self.entry.client_id;
        let secret = self.entry.client_secret.as_ref().map(read);
        match (self.auth_method(settings), secret) {
            (AuthMethod::ClientSecretBasic, Some(secret)) => {
                // RFC 6749 §2.3.1: both are form-encoded first.
                let encoded = |text: &str| -> String {
                    form_urlencoded::byte_serialize(text.as_bytes()).collect()
                };
                request = request.basic_auth(encoded(client_id), Some(encoded(secret)));
            }
            (AuthMethod::ClientSecretPost, Some(secret)) => {
                parameters.push(("client_id".to_owned(), client_id.clone()));
                parameters.push(("client_secret".to_owned(), secret.to_owned()));
            }
            (AuthMethod::BearerAccessToken, _) => {}
            (_, _) => parameters.push(("client_id".to_owned(), client_id.clone())),
        }
        if settings.json_body {
            request.json(&object(parameters))
        } else {
            request.form(&parameters)
        }
    }
}

/// Parameters as a JSON object.
pub(super) fn object(parameters: impl IntoIterator<Item = (String, String)>) -> Map<String, Value> {
    parameters
        .into_iter()
        .map(|(name, value)| (name, Value::String(value)))
        .collect()
}
