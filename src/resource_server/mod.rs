//! The protected resource of OAuth 2.1: whose call it is that arrives over HTTP.
//!
//! MCP makes the server a resource server (RFC 9728): it takes access tokens of the issuers in
//! `server.auth`, in the `Authorization` header only, and tells clients without one where to get it.

pub mod issuer;

use axum::http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::Value;
use url::Url;

use crate::caller::Caller;
use crate::clock::Clock;
use crate::config::auth::Auth;
use crate::http::Http;
use issuer::Issuer;

/// Decides whether a request may be served, and for whom. Clones share its caches.
#[derive(Clone, Debug)]
pub struct ResourceServer;

/// Whose request it is, and what the token allows.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The user: the issuer and the user's claim in the token.
    pub caller: Caller,
    /// What the token's scopes allow.
    pub access: Access,
}

/// What a token's scopes allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Tools that change nothing.
    Read,
    /// All tools.
    Write,
}

/// Why a request is not served. It holds no more than its client may know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no token.
    NoToken,
    /// The token is not one that is taken; why is in the log alone.
    InvalidToken,
    /// The token lacks the scope that is needed.
    InsufficientScope,
    /// The issuer cannot be reached, so nobody can say whether the token is good.
    Unavailable,
}

impl ResourceServer {
    /// The resource server at `resource`, which is `{public_url}/mcp`.
    pub fn new(_auth: &Auth, _resource: Url, _http: Http, _clock: Clock) -> Self {
        Self
    }

    /// Whose request this is.
    pub async fn verify(&self, _headers: &HeaderMap) -> Result<Verified, Refusal> {
        unimplemented!("the next commit")
    }

    /// The value of `WWW-Authenticate` that goes with a refusal (RFC 6750 §3, RFC 9728 §5.1).
    pub fn challenge(&self, _refusal: &Refusal) -> HeaderValue {
        unimplemented!("the next commit")
    }

    /// The protected resource's metadata (RFC 9728 §2); none when only static tokens are taken,
    /// since no authorization server could be named.
    pub fn metadata(&self) -> Option<Value> {
        unimplemented!("the next commit")
    }

    /// Where the metadata are (RFC 9728 §3.1): the path form. They belong at
    /// `/.well-known/oauth-protected-resource` too.
    pub fn metadata_url(&self) -> &Url {
        unimplemented!("the next commit")
    }

    /// Where the users whose [`Caller`] has this issuer sign in with a browser: one of `issuers`, or
    /// `static_login` for `static`.
    pub fn issuer(&self, _issuer: &str) -> Option<&Issuer> {
        unimplemented!("the next commit")
    }
}

impl Verified {
    /// Whether the token is enough for tools that change something.
    pub fn allows_write(&self) -> bool {
        self.access == Access::Write
    }
}

impl Refusal {
    /// The status that goes with it.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NoToken | Self::InvalidToken => StatusCode::UNAUTHORIZED,
            Self::InsufficientScope => StatusCode::FORBIDDEN,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}
