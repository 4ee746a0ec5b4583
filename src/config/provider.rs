//! `auth.providers`: one OAuth client registration per entry, as written; `oauth/` adds the
//! built-in facts of each provider.
//!
//! Entries written for Arcade's `engine.yaml` load unchanged.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::SecretString;
use url::Url;

use crate::config::response_map::ResponsePath;

/// One entry of `auth.providers`.
#[derive(Clone, Debug)]
pub struct ProviderEntry {
    /// `id`: unique, `[a-z0-9-_]`; names the callback path.
    pub id: String,
    /// `provider_id`: `google`, `slack`, `github` carry built-in facts; anything else or nothing
    /// is a custom provider.
    pub provider_id: Option<String>,
    /// `description`.
    pub description: Option<String>,
    /// `client_id` (RFC 6749 §2.2).
    pub client_id: String,
    /// `client_secret` (RFC 6749 §2.3.1); none for public clients.
    pub client_secret: Option<SecretString>,
    /// `oauth2.pkce.enabled` (RFC 7636, S256 always); none when not said.
    pub pkce: Option<bool>,
    /// `oauth2.scope_delimiter`; none when not said.
    pub scope_delimiter: Option<String>,
    /// `oauth2.issuer`: expected `iss` of the callback (RFC 9207), for custom providers.
    pub issuer: Option<String>,
    /// `oauth2.authorization_request`.
    pub authorization_request: Request,
    /// `oauth2.token_request`.
    pub token_request: Request,
    /// `oauth2.refresh_request`; its endpoint defaults to the token endpoint.
    pub refresh_request: Request,
    /// `oauth2.revocation_request`.
    pub revocation_request: Request,
    /// `oauth2.user_info_request`.
    pub user_info_request: Request,
    /// `oauth2.token_introspection_request`.
    pub introspection_request: Request,
    /// `api.base_url`: the origin that this provider's tokens go to. Its path ends in a slash.
    pub api_base_url: Option<Url>,
    /// `api.file_origins`: further origins of the provider that its tokens go to, because it keeps
    /// files there; none when not said.
    pub file_origins: Option<Vec<Url>>,
}

impl ProviderEntry {
    /// An entry that says nothing but who it is.
    pub fn new(id: &str, provider_id: Option<&str>, client_id: &str) -> Self {
        Self {
            id: id.to_owned(),
            provider_id: provider_id.map(str::to_owned),
            description: None,
            client_id: client_id.to_owned(),
            client_secret: None,
            pkce: None,
            scope_delimiter: None,
            issuer: None,
            authorization_request: Request::default(),
            token_request: Request::default(),
            refresh_request: Request::default(),
            revocation_request: Request::default(),
            user_info_request: Request::default(),
            introspection_request: Request::default(),
            api_base_url: None,
            file_origins: None,
        }
    }
}

/// One request of the protocol, as far as the entry says anything about it.
#[derive(Clone, Default)]
pub struct Request {
    /// `endpoint`: https, or http on loopback.
    pub endpoint: Option<Url>,
    /// `method`; default POST, for user info GET.
    pub method: Option<String>,
    /// `auth_method`.
    pub auth_method: Option<AuthMethod>,
    /// `params`, with `{{client_id}}`, `{{redirect_uri}}`, `{{scopes}}`, `{{existing_scopes}}`,
    /// `{{authorization_code}}`, `{{access_token}}`, `{{refresh_token}}` still in them. Those that
    /// the protocol sets itself (`client_id`, `redirect_uri`, `code`, …) were checked and are not
    /// here.
    pub params: BTreeMap<String, String>,
    /// `request_content_type`: form (default) or JSON.
    pub json_body: bool,
    /// `response_content_type`: JSON (default) or form.
    pub form_response: bool,
    /// `response_map`: name → where the value is.
    pub response_map: BTreeMap<String, ResponsePath>,
    /// What only `token_introspection_request` says.
    pub introspection: Introspection,
}

/// When tokens are introspected (RFC 7662), and what the answer means.
#[derive(Clone, Debug, Default)]
pub struct Introspection {
    /// `triggers.on_token_grant`; false unless `enabled: true`.
    pub on_token_grant: bool,
    /// `triggers.on_token_refresh`; false unless `enabled: true`.
    pub on_token_refresh: bool,
    /// `expiration_format: relative_seconds`; otherwise its `expires_in` is a point in time, in
    /// seconds since 1970.
    pub relative_expiration: bool,
}

/// How the client authenticates at the token endpoint (RFC 6749 §2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    /// HTTP Basic.
    ClientSecretBasic,
    /// `client_id` and `client_secret` in the body.
    ClientSecretPost,
    /// `client_id` only.
    None,
    /// Introspection only: the access token in question, as a bearer token (RFC 6750 §2.1).
    BearerAccessToken,
}

impl fmt::Debug for Request {
    /// Leaves out the values of `params`: `${env:…}` may have put anything there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("endpoint", &self.endpoint.as_ref().map(Url::as_str))
            .field("auth_method", &self.auth_method)
            .field("params", &self.params.keys())
            .finish_non_exhaustive()
    }
}
