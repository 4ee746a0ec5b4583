//! The protected resource of OAuth 2.1: whose call it is that arrives over HTTP.
//!
//! MCP makes the server a resource server (RFC 9728): it takes access tokens of the issuers in
//! `server.auth`, in the `Authorization` header only, and tells clients without one where to get it.
//!
//! | the token | what vouches for it |
//! |---|---|
//! | was found good less than a minute ago | `recent` |
//! | is one of `static_tokens` | its SHA-256 |
//! | is a JWT | its issuer's signature (`issuer`, `keys`, `signature`), then `claims` |
//! | is anything else | its issuer's answer (`introspection`), then `claims` |
//!
//! Why a token is refused is logged and not told: the answer is the same for all reasons.

pub mod discovery;
pub mod issuer;

mod bearer;
mod claims;
mod fetch;
mod introspection;
mod kept;
mod keys;
mod recent;
mod signature;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, StatusCode};
use jiff::Timestamp;
use jsonwebtoken::Header;
use secrecy::SecretString;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;
use url::Url;

use crate::caller::Caller;
use crate::clock::Clock;
use crate::config::auth::{Auth, Introspection, Scopes, StaticToken, TokenType, TrustedIssuer};
use crate::http::Http;
use bearer::Shape;
use claims::{Claims, LEEWAY_S, seconds};
use issuer::{Issuer, IssuerError};
use recent::{LIFETIME_S, Recent};

/// The issuer of the [`Caller`]s with static tokens. No issuer is called so: theirs are URLs.
const STATIC: &str = "static";

/// So many questions to an issuer at a time: anyone can send tokens to be asked about.
const INTROSPECTIONS: usize = 32;

/// Decides whether a request may be served, and for whom. Clones share its caches.
#[derive(Clone, Debug)]
pub struct ResourceServer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    resource: Url,
    metadata_url: Url,
    trusted: Vec<Trusted>,
    static_tokens: Vec<StaticToken>,
    static_login: Option<Issuer>,
    /// All scopes that any issuer is to give, for a client that has no token yet.
    scopes: Arc<str>,
    recent: Recent,
    introspections: Semaphore,
    clock: Clock,
}

/// An issuer, and what its access tokens must be like.
#[derive(Debug)]
struct Trusted {
    issuer: Issuer,
    audience: String,
    token_type: TokenType,
    scopes: Option<Scopes>,
    introspection: Option<Introspection>,
    /// Its scopes as a challenge names them.
    challenge: Arc<str>,
}

/// Whose request it is, and what the token allows.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The user: the issuer and the user's claim in the token.
    pub caller: Caller,
    /// What the token's scopes allow.
    pub access: Access,
    /// The scopes that would allow everything.
    scopes: Arc<str>,
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
    /// The token lacks the scope that is needed; these allow everything.
    InsufficientScope(Arc<str>),
    /// The issuer cannot be reached, so nobody can say whether the token is good.
    Unavailable,
}

impl ResourceServer {
    /// The resource server at `resource`, which is `{public_url}/mcp`.
    pub fn new(auth: &Auth, resource: Url, http: Http, clock: Clock) -> Self {
        signature::install();
        let trusted = |entry: &TrustedIssuer| Trusted {
            issuer: Issuer::trusted(entry, http.clone(), clock.clone()),
            audience: entry.audience.clone(),
            token_type: entry.token_type,
            scopes: entry.scopes.clone(),
            introspection: entry.introspection.clone(),
            challenge: names(entry.scopes.iter()),
        };
        let trusted = auth.issuers.iter().map(trusted).collect();
        let login = auth.static_login.as_ref();
        let login = login.map(|login| Issuer::of_static_users(login, http, clock.clone()));
        Self(Arc::new(Inner {
            metadata_url: {
                // RFC 9728 §3.1: between the host and the path.
                let mut url = resource.clone();
                let path = resource.path().trim_end_matches('/');
                url.set_path(&format!("/.well-known/oauth-protected-resource{path}"));
                url
            },
            resource,
            trusted,
            static_tokens: auth.static_tokens.clone(),
            static_login: login,
            scopes: names(
                auth.issuers
                    .iter()
                    .filter_map(|entry| entry.scopes.as_ref()),
            ),
            recent: Recent::default(),
            introspections: Semaphore::new(INTROSPECTIONS),
            clock,
        }))
    }

    /// Whose request this is.
    pub async fn verify(&self, headers: &HeaderMap) -> Result<Verified, Refusal> {
        let token = match bearer::token(headers) {
            Ok(Some(token)) => token,
            Ok(None) => return Err(Refusal::NoToken),
            Err(reason) => return Err(refused(reason)),
        };
        let digest = bearer::digest(&token);
        if let Some(verified) = self.0.recent.find(&digest, self.0.clock.now()) {
            return Ok(verified);
        }
        if let Some(user) = self.static_user(&digest) {
            return Ok(Verified {
                caller: Caller::verified(STATIC, user),
                access: Access::Write,
                scopes: Arc::clone(&self.0.scopes),
            });
        }
        match bearer::shape(&token) {
            Shape::Jwt(header) => self.jwt(&token, digest, &header).await,
            Shape::Unusable => Err(refused("a JWT that cannot be checked")),
            Shape::Opaque => self.opaque(&token, digest).await,
        }
    }

    /// The value of `WWW-Authenticate` that goes with a refusal (RFC 6750 §3, RFC 9728 §5.1).
    pub fn challenge(&self, refusal: &Refusal) -> HeaderValue {
        let (error, scopes) = match refusal {
            Refusal::InvalidToken => (Some("invalid_token"), &self.0.scopes),
            Refusal::InsufficientScope(scopes) => (Some("insufficient_scope"), scopes),
            Refusal::NoToken | Refusal::Unavailable => (None, &self.0.scopes),
        };
        let place = if self.0.trusted.is_empty() {
            "realm=\"valetkey\"".to_owned()
        } else {
            format!("resource_metadata=\"{}\"", self.0.metadata_url)
        };
        let scopes = (!scopes.is_empty()).then(|| format!("scope=\"{scopes}\""));
        let error = error.map(|error| format!("error=\"{error}\""));
        let parameters: Vec<_> = [Some(place), scopes, error].into_iter().flatten().collect();
        let challenge = format!("Bearer {}", parameters.join(", "));
        HeaderValue::try_from(challenge).expect("a URL and scopes are visible ASCII")
    }

    /// The protected resource's metadata (RFC 9728 §2); none when only static tokens are taken,
    /// since no authorization server could be named.
    pub fn metadata(&self) -> Option<Value> {
        if self.0.trusted.is_empty() {
            return None;
        }
        let servers = self.0.trusted.iter();
        let servers: Vec<_> = servers.map(|trusted| trusted.issuer.identifier()).collect();
        let mut metadata = json!({
            "resource": self.0.resource.as_str(),
            "resource_name": "Valetkey",
            "authorization_servers": servers,
            "bearer_methods_supported": ["header"],
        });
        if !self.0.scopes.is_empty() {
            metadata["scopes_supported"] = self.0.scopes.split(' ').collect();
        }
        Some(metadata)
    }

    /// Where the metadata are (RFC 9728 §3.1): the path form. They belong at
    /// `/.well-known/oauth-protected-resource` too.
    pub fn metadata_url(&self) -> &Url {
        &self.0.metadata_url
    }

    /// Where the users whose [`Caller`] has this issuer sign in with a browser: one of `issuers`, or
    /// `static_login` for `static`.
    pub fn issuer(&self, issuer: &str) -> Option<&Issuer> {
        let trusted = self.0.trusted.iter().map(|trusted| &trusted.issuer);
        trusted
            .chain(&self.0.static_login)
            .find(|known| known.callers() == issuer)
    }

    /// An issuer that people would sign in at and that does no PKCE. Those that cannot be reached are
    /// asked again when somebody signs in.
    pub async fn without_pkce(&self) -> Option<&Issuer> {
        let trusted = self.0.trusted.iter().map(|trusted| &trusted.issuer);
        let issuers = trusted.chain(&self.0.static_login);
        for issuer in issuers.filter(|issuer| issuer.login().is_some()) {
            match issuer.discovered().await {
                Ok(discovered) if issuer.lacks_pkce(&discovered) => return Some(issuer),
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "an issuer cannot be looked at yet"),
            }
        }
        None
    }

    /// Compares with all of them, so that the time tells nothing of which one was near.
    fn static_user(&self, digest: &[u8; 32]) -> Option<&str> {
        let mut found = None;
        for token in &self.0.static_tokens {
            if bool::from(token.sha256.ct_eq(digest)) {
                found = Some(token.user.as_str());
            }
        }
        found
    }

    async fn jwt(
        &self,
        token: &SecretString,
        digest: [u8; 32],
        header: &Header,
    ) -> Result<Verified, Refusal> {
        // Chooses whose keys are tried, no more: `accept` looks at the `iss` that was signed.
        let iss = bearer::unverified_issuer(token);
        let trusted = self.0.trusted.iter();
        let mut trusted = trusted.filter(|known| iss.as_deref() == Some(known.issuer.identifier()));
        let Some(trusted) = trusted.next() else {
            return Err(refused("iss is not a known issuer"));
        };
        let typ_fits = issuer::is_access_token(header)
            || (trusted.token_type == TokenType::Any && issuer::is_plain(header));
        if !typ_fits {
            return Err(refused("typ is not that of an access token"));
        }
        let claims = trusted.issuer.signed(token, header).await;
        let claims = claims.map_err(|error| told(&error))?;
        let now = self.0.clock.now();
        let (verified, exp) = trusted.accept(&claims, now, true)?;
        // It is good until `exp` and the leeway after it.
        let left = exp.map_or(0.0, |exp| exp + LEEWAY_S - seconds(now));
        self.0.recent.keep(digest, verified.clone(), now, left);
        Ok(verified)
    }

    async fn opaque(&self, token: &SecretString, digest: [u8; 32]) -> Result<Verified, Refusal> {
        let asked = self.0.trusted.iter().find_map(|trusted| {
            let settings = trusted.introspection.as_ref()?;
            Some((trusted, settings))
        });
        let Some((trusted, settings)) = asked else {
            return Err(refused("it is neither a JWT nor a static token"));
        };
        let _permit = self.0.introspections.acquire().await;
        // Who waited may find that another call asked about the same token.
        if let Some(verified) = self.0.recent.find(&digest, self.0.clock.now()) {
            return Ok(verified);
        }
        let claims = introspection::introspect(&trusted.issuer, settings, token).await;
        let claims = claims.map_err(|error| told(&error))?;
        let now = self.0.clock.now();
        let (verified, exp) = trusted.accept(&claims, now, false)?;
        let left = exp.map_or(LIFETIME_S, |exp| exp - seconds(now));
        self.0.recent.keep(digest, verified.clone(), now, left);
        Ok(verified)
    }
}

impl Trusted {
    /// Checks what this issuer says of a token (RFC 9068 §4), and returns until when it is good.
    fn accept(
        &self,
        claims: &Claims,
        now: Timestamp,
        jwt: bool,
    ) -> Result<(Verified, Option<f64>), Refusal> {
        let checked = || {
            claims.issued_by(self.issuer.identifier(), jwt)?;
            claims.made_for(&self.audience)?;
            let exp = claims.valid_at(now, jwt)?;
            claims.needs_no_proof()?;
            let caller = self.issuer.caller(claims)?;
            Ok((exp, caller, claims.access(self.scopes.as_ref())?))
        };
        let (exp, caller, access) = checked().map_err(refused)?;
        let scopes = Arc::clone(&self.challenge);
        let Some(access) = access else {
            tracing::info!(reason = "its scopes allow nothing", "a request was refused");
            return Err(Refusal::InsufficientScope(scopes));
        };
        let verified = Verified {
            caller,
            access,
            scopes,
        };
        Ok((verified, exp))
    }
}

impl Verified {
    /// Whether the token is enough for tools that change something.
    pub fn allows_write(&self) -> bool {
        self.access == Access::Write
    }

    /// The refusal of a call that needs more than the token allows. It names all scopes at once, so
    /// that the client asks its user once.
    pub fn insufficient(&self) -> Refusal {
        Refusal::InsufficientScope(Arc::clone(&self.scopes))
    }
}

impl Refusal {
    /// The status that goes with it.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NoToken | Self::InvalidToken => StatusCode::UNAUTHORIZED,
            Self::InsufficientScope(_) => StatusCode::FORBIDDEN,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// Scopes as a challenge lists them, each once.
fn names<'a>(scopes: impl Iterator<Item = &'a Scopes>) -> Arc<str> {
    let mut known = BTreeSet::new();
    let all = scopes.flat_map(|scopes| [scopes.read.as_str(), scopes.write.as_str()]);
    let all: Vec<_> = all.filter(|scope| known.insert(*scope)).collect();
    all.join(" ").into()
}

fn refused(reason: &'static str) -> Refusal {
    tracing::info!(reason, "a request was refused");
    Refusal::InvalidToken
}

fn told(error: &IssuerError) -> Refusal {
    match error {
        IssuerError::Refused(reason) => refused(reason),
        IssuerError::Unavailable { issuer, cause } => {
            tracing::warn!(issuer, cause, "a token could not be checked");
            Refusal::Unavailable
        }
    }
}

#[cfg(test)]
mod tests;
