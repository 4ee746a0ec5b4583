//! Signing in with the issuer that protects the MCP endpoint (OIDC Core §3.1), so that
//! the one who opens a link is the one who asked.
//!
//! `start` sends the browser to the issuer, `callback` takes it back. Between the two the browser
//! keeps what we have to remember, in a sealed cookie: nothing is stored for somebody who has not
//! signed in. Each sign-in has a cookie of its own, so that those of several tabs come back, each
//! to its own page.

pub(super) mod callback;
pub(super) mod start;

use axum::http::HeaderMap;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;

use crate::broker::BrokerError;
use crate::consent::Site;
use crate::consent::cookie::Cookie;
use crate::consent::token::{self, Token};

/// How the cookies of sign-ins are called; [`cookie_of`] makes it the one of a single sign-in.
const LOGIN: &str = "-login-";

/// How long a sign-in may take.
const LIFETIME: SignedDuration = SignedDuration::from_mins(10);

/// A sign-in under way.
#[derive(Debug, Serialize, Deserialize)]
struct Login {
    /// The `Caller::issuer` of those who sign in there.
    issuer: String,
    state: Token,
    nonce: Token,
    verifier: Token,
    back: Back,
    expires_at: Timestamp,
}

impl Login {
    /// What this browser keeps of the sign-in with this `state`; none if it has none, or did not
    /// come back in time.
    async fn under_way(
        site: &Site,
        headers: &HeaderMap,
        state: &SecretString,
    ) -> Result<Option<Self>, BrokerError> {
        let name = cookie_of(state);
        let login = Cookie(&name).opened(&site.broker, &site.origin, headers);
        let login: Option<Self> = login.await?;
        Ok(login.filter(|login| site.broker.now() < login.expires_at && login.state.is(state)))
    }
}

/// What tells the cookie of this sign-in from the others. Not the `state` itself: names of cookies
/// are shown more freely than their values.
fn cookie_of(state: &SecretString) -> String {
    let digest = Sha256::digest(token::text(state));
    format!("{LOGIN}{}", BASE64_URL_SAFE_NO_PAD.encode(&digest[..6]))
}

/// Where the person wanted to go. Only pages of ours, so that nobody is sent elsewhere.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Back {
    /// The person's own page.
    Own,
    /// The connect page of a link.
    Connect(Token),
}

impl Back {
    fn path(&self) -> String {
        match self {
            Self::Own => "/".to_owned(),
            Self::Connect(link) => format!("/connect/{}", link.text()),
        }
    }
}

/// To be registered with the issuer.
fn redirect_uri(site: &Site) -> Url {
    let url = site.broker.public_url().join("/login/callback");
    url.expect("a path joins every http URL")
}
