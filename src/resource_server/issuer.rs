//! An authorization server that `server.auth` trusts.

use std::sync::Arc;

use secrecy::SecretString;
use url::Url;

use crate::caller::Caller;
use crate::config::auth::LoginClient;

/// An issuer with its metadata and its keys.
#[derive(Clone, Debug)]
pub struct Issuer;

/// The metadata of an issuer (RFC 8414 §2, OpenID Connect Discovery 1.0 §3).
#[derive(Clone, Debug)]
pub struct Discovered {
    /// `jwks_uri`
    pub jwks_uri: Url,
    /// `authorization_endpoint`
    pub authorization_endpoint: Option<Url>,
    /// `token_endpoint`
    pub token_endpoint: Option<Url>,
    /// `introspection_endpoint`
    pub introspection_endpoint: Option<Url>,
    /// `end_session_endpoint`
    pub end_session_endpoint: Option<Url>,
    /// `token_endpoint_auth_methods_supported`; empty when the metadata do not say, which means
    /// `client_secret_basic`.
    pub token_endpoint_auth_methods: Vec<String>,
    /// `authorization_response_iss_parameter_supported` (RFC 9207 §3): the answer to an
    /// authorization request must carry `iss`.
    pub sends_iss: bool,
}

/// Who signed in, of an ID token that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdClaims {
    /// The user, as the [`Caller`] that their access token or static token makes them.
    pub caller: Caller,
    /// `email`
    pub email: Option<String>,
    /// `email_verified`; false when it is not said.
    pub email_verified: bool,
    /// `name`
    pub name: Option<String>,
}

/// Why an issuer could not say who it is, or who somebody is. The messages hold nothing of a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuerError {
    /// It does not answer, or not with what it should.
    #[error("The sign-in server {issuer} cannot be used now: {cause}. Try again in a minute.")]
    Unavailable {
        /// Which.
        issuer: String,
        /// Why, in our words.
        cause: String,
    },
    /// The token is not good.
    #[error("The token of the sign-in server is not accepted: {0}.")]
    Refused(&'static str),
}

impl Issuer {
    /// Its identifier, as it is configured.
    pub fn identifier(&self) -> &str {
        unimplemented!("the next commit")
    }

    /// Our client there for the sign-in with a browser, if one is configured.
    pub fn login(&self) -> Option<&LoginClient> {
        unimplemented!("the next commit")
    }

    /// Its metadata, as kept or as it answers.
    pub async fn discovered(&self) -> Result<Arc<Discovered>, IssuerError> {
        unimplemented!("the next commit")
    }

    /// Checks an ID token (OpenID Connect Core 1.0 §3.1.3.7) that was made for the client
    /// `client_id` and an authorization request with `nonce`.
    pub async fn verify_id_token(
        &self,
        _id_token: &SecretString,
        _client_id: &str,
        _nonce: &str,
    ) -> Result<IdClaims, IssuerError> {
        unimplemented!("the next commit")
    }
}
