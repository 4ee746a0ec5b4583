//! `auth.providers`: one OAuth client registration per entry, as written; `oauth/` adds the
//! built-in facts of each provider.
//!
//! Entries written for Arcade's `engine.yaml` load unchanged.

use std::collections::BTreeMap;

use secrecy::SecretString;
use url::Url;

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
    /// `api.base_url`: the only origin that this provider's tokens go to.
    pub api_base_url: Option<Url>,
}

/// One request of the protocol, as far as the entry says anything about it.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `endpoint`: https, or http on loopback.
    pub endpoint: Option<Url>,
    /// `method`; default POST, for user info GET.
    pub method: Option<String>,
    /// `auth_method`.
    pub auth_method: Option<AuthMethod>,
    /// `params`, with `{{client_id}}`, `{{redirect_uri}}`, `{{scopes}}`, `{{existing_scopes}}`,
    /// `{{authorization_code}}`, `{{refresh_token}}` still in them.
    pub params: BTreeMap<String, String>,
    /// `request_content_type`: form (default) or JSON.
    pub json_body: bool,
    /// `response_map`: name → JSONPath expression (RFC 9535), with `join()`.
    pub response_map: BTreeMap<String, String>,
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
}
