//! What the tests of the protocol share: a provider on loopback that records what it is asked.

mod authorize;
mod entries;
mod exchange;
mod failures;
mod fuzz;
mod identity;
mod introspect;
mod revoke;
mod scopes;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use url::{Url, form_urlencoded};

use crate::config::provider::ProviderEntry;
use crate::http::Http;
use crate::oauth::provider::Provider;
use crate::oauth::token::TokenSet;
use crate::oauth::wire;

/// In every secret of these tests, so that one look finds any of them.
const CANARY: &str = "CANARY";

const JSON: &str = "application/json; charset=utf-8";
const FORM: &str = "application/x-www-form-urlencoded";
const HTML: &str = "text/html";

/// A request that the fake provider got.
#[derive(Clone, Debug)]
struct Seen {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: String,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The form that was posted, sorted by name.
    fn form(&self) -> Vec<(String, String)> {
        let mut form: Vec<_> = form_urlencoded::parse(self.body.as_bytes())
            .into_owned()
            .collect();
        form.sort();
        form
    }
}

/// A provider on loopback that gives one answer to everything.
struct Fake {
    url: Url,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Fake {
    async fn answering(status: u16, content_type: &'static str, body: &str) -> Self {
        let body = body.to_owned();
        Self::with(move |_| {
            let status = StatusCode::from_u16(status).unwrap();
            (status, [("content-type", content_type)], body.clone()).into_response()
        })
        .await
    }

    async fn with(answer: impl Fn(&Seen) -> Response + Clone + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let record = seen.clone();
        let handler = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| async move {
            let seen = Seen {
                method,
                uri,
                headers,
                body: String::from_utf8(body.to_vec()).unwrap(),
            };
            record.lock().unwrap().push(seen.clone());
            answer(&seen)
        };
        let app = axum::Router::new().fallback(handler);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self {
            url: Url::parse(&url).unwrap(),
            seen,
        }
    }

    fn at(&self, path: &str) -> Url {
        self.url.join(path).unwrap()
    }

    /// The one request that came.
    fn only(&self) -> Seen {
        let seen = self.seen.lock().unwrap();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen[0].clone()
    }

    /// An entry of a kind whose every endpoint is here.
    fn entry(&self, kind: &str) -> ProviderEntry {
        let mut entry = ProviderEntry::new("an-entry", Some(kind), "the-client");
        entry.client_secret = Some(secret("CANARY-secret+/"));
        entry.authorization_request.endpoint = Some(self.at("/authorize"));
        entry.token_request.endpoint = Some(self.at("/token"));
        entry.revocation_request.endpoint = Some(self.at("/revoke"));
        entry.user_info_request.endpoint = Some(self.at("/user"));
        entry.api_base_url = Some(self.at("/api/"));
        entry
    }

    fn provider(&self, kind: &str) -> Provider {
        Provider::new(self.entry(kind))
    }
}

fn secret(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}

fn set(scopes: &[&str]) -> BTreeSet<String> {
    scopes.iter().map(|scope| (*scope).to_owned()).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

/// Access token, refresh token, lifetime in seconds, scopes.
type Plain = (
    String,
    Option<String>,
    Option<u64>,
    Option<BTreeSet<String>>,
);

fn plain(tokens: &TokenSet) -> Plain {
    (
        wire::read(&tokens.access_token).to_owned(),
        tokens
            .refresh_token
            .as_ref()
            .map(|t| wire::read(t).to_owned()),
        tokens.expires_in.map(|lifetime| lifetime.as_secs()),
        tokens.scopes.clone(),
    )
}

fn redirect_uri() -> Url {
    Url::parse("http://127.0.0.1:8419/oauth/callback/an-entry").unwrap()
}

async fn exchange(provider: &Provider) -> Result<TokenSet, crate::oauth::token::OAuthError> {
    let verifier = provider.pkce().then(|| secret("CANARY-verifier"));
    let code = secret("CANARY-code");
    provider
        .exchange(&Http::new(), &code, &redirect_uri(), verifier.as_ref())
        .await
}

async fn refresh(provider: &Provider) -> Result<TokenSet, crate::oauth::token::OAuthError> {
    let token = secret("CANARY-refresh");
    provider.refresh(&Http::new(), &token).await
}
