//! A provider entry with the built-in facts of its kind, ready to speak the protocol.

use std::collections::BTreeSet;

use secrecy::SecretString;
use url::Url;

use crate::config::provider::ProviderEntry;
use crate::http::Http;
use crate::oauth::token::{Identity, OAuthError, TokenSet};

/// The kinds of provider that have quirks of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Google, `google`.
    Google,
    /// Slack, `slack`.
    Slack,
    /// GitHub, `github`, also GitHub Enterprise Server.
    GitHub,
    /// Anything else that speaks RFC 6749.
    Custom,
}

/// One OAuth client registration at one provider.
#[derive(Clone, Debug)]
pub struct Provider {
    entry: ProviderEntry,
    kind: Kind,
}

/// What an authorize URL is made of (RFC 6749 §4.1.1).
#[derive(Clone, Debug)]
pub struct AuthorizeRequest<'a> {
    /// Our callback, byte for byte as registered.
    pub redirect_uri: &'a Url,
    /// The `state`.
    pub state: &'a SecretString,
    /// The PKCE verifier whose S256 challenge is sent; none when the provider cannot do PKCE.
    pub verifier: Option<&'a SecretString>,
    /// The scopes to ask for.
    pub scopes: &'a BTreeSet<String>,
    /// The scopes that the connection already has; empty for a new one.
    pub existing_scopes: &'a BTreeSet<String>,
    /// The account to preselect, when known (`login_hint` and its relatives).
    pub login_hint: Option<&'a str>,
    /// Whether we hold a refresh token for this connection.
    pub holds_refresh_token: bool,
}

impl Provider {
    /// Adds the built-in facts to an entry. Never fails: what is missing is told by
    /// [`Provider::unusable`].
    pub fn new(entry: ProviderEntry) -> Self {
        let _ = entry;
        todo!("oauth helper")
    }

    /// The entry's id, which names the callback path.
    pub fn id(&self) -> &str {
        &self.entry.id
    }

    /// The kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// `google`, `slack`, `github`, or the custom entry's `provider_id` or id: what a toolkit
    /// names as its provider.
    pub fn name(&self) -> &str {
        todo!("oauth helper")
    }

    /// What a person calls it: "Google", "Slack", "GitHub", or the entry's description or id.
    pub fn title(&self) -> &str {
        todo!("oauth helper")
    }

    /// Why this entry cannot be connected, if so: a missing endpoint.
    pub fn unusable(&self) -> Option<String> {
        todo!("oauth helper")
    }

    /// Why this redirect URI cannot work with this provider, with what to do: Slack takes only
    /// https, or localhost for PKCE apps.
    pub fn redirect_problem(&self, redirect_uri: &Url) -> Option<String> {
        let _ = redirect_uri;
        todo!("oauth helper")
    }

    /// Whether a flow needs a PKCE verifier.
    pub fn pkce(&self) -> bool {
        todo!("oauth helper")
    }

    /// The scopes that identify the user and are always asked for (`openid email` at Google), and
    /// the fixed ones of a custom entry.
    pub fn base_scopes(&self) -> BTreeSet<String> {
        todo!("oauth helper")
    }

    /// Whether the scopes in a token response mean anything: not for GitHub Apps.
    pub fn describe_scope(&self, scope: &str) -> String {
        let _ = scope;
        todo!("oauth helper: what the scope allows, in plain words")
    }

    /// The issuer that a callback's `iss` must equal (RFC 9207). `Some` and no `iss` in the
    /// callback is a mismatch only when `iss_required`.
    pub fn issuer(&self) -> Option<&str> {
        todo!("oauth helper")
    }

    /// Whether the provider always sends `iss`
    /// (`authorization_response_iss_parameter_supported`).
    pub fn iss_required(&self) -> bool {
        todo!("oauth helper")
    }

    /// The only origin that tokens go to, with the path prefix of the API. None: the entry can be
    /// connected, its tools cannot run.
    pub fn api_base_url(&self) -> Option<&Url> {
        todo!("oauth helper")
    }

    /// The URL at the provider that the connect page sends the browser to.
    pub fn authorize_url(&self, request: &AuthorizeRequest<'_>) -> Result<Url, OAuthError> {
        let _ = request;
        todo!("oauth helper")
    }

    /// Exchanges an authorization code (RFC 6749 §4.1.3).
    pub async fn exchange(
        &self,
        http: &Http,
        code: &SecretString,
        redirect_uri: &Url,
        verifier: Option<&SecretString>,
    ) -> Result<TokenSet, OAuthError> {
        let _ = (http, code, redirect_uri, verifier);
        todo!("oauth helper")
    }

    /// Refreshes (RFC 6749 §6).
    pub async fn refresh(
        &self,
        http: &Http,
        refresh_token: &SecretString,
    ) -> Result<TokenSet, OAuthError> {
        let _ = (http, refresh_token);
        todo!("oauth helper")
    }

    /// Revokes the grant (RFC 7009 or the provider's own call). `Ok(false)`: the provider has no
    /// way to revoke.
    pub async fn revoke(
        &self,
        http: &Http,
        access_token: &SecretString,
        refresh_token: Option<&SecretString>,
    ) -> Result<bool, OAuthError> {
        let _ = (http, access_token, refresh_token);
        todo!("oauth helper")
    }

    /// Asks who was connected.
    pub async fn identity(
        &self,
        http: &Http,
        access_token: &SecretString,
    ) -> Result<Identity, OAuthError> {
        let _ = (http, access_token);
        todo!("oauth helper")
    }
}
