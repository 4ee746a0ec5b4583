//! Signing in with the issuer that protects the MCP endpoint (OIDC Core §3.1), so that
//! the one who opens a link is the one who asked.
//!
//! `start` sends the browser to the issuer, `callback` takes it back. Between the two the browser
//! keeps what we have to remember, in a sealed cookie: nothing is stored for somebody who has not
//! signed in.

pub(super) mod callback;
pub(super) mod start;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::consent::Site;
use crate::consent::cookie::Cookie;
use crate::consent::token::Token;

const LOGIN: Cookie = Cookie("-login");

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
