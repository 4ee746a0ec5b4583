//! Any other provider that speaks RFC 6749: nothing is built in but what the RFCs say.

use serde_json::{Map, Value};

use crate::config::provider::AuthMethod;
use crate::oauth::provider::{AuthorizeRequest, Endpoint, Facts, Provider};
use crate::oauth::response_map;
use crate::oauth::token::Identity;

pub(super) const FACTS: Facts = Facts {
    title: "",
    authorization: None,
    token: None,
    revocation: Endpoint::None,
    user_info: Endpoint::None,
    api: None,
    files: &[],
    issuer: None,
    pkce: true,
    scope_parameter: "scope",
    scope_delimiter: " ",
    commas_in_responses: false,
    base_scopes: &[],
    // What every authorization server must support (RFC 6749 §2.3.1).
    auth_method: AuthMethod::ClientSecretBasic,
    why_grants_die: "It was revoked at the provider, or it expired. Connect again.",
    scopes: &[],
    restrictions: &[],
};

/// `login_hint` belongs to OIDC (Core §3.1.2.1), so it goes to nobody else.
pub(super) fn authorize_parameters(request: &AuthorizeRequest<'_>) -> Vec<(&'static str, String)> {
    let hint = request
        .login_hint
        .filter(|_| request.scopes.contains("openid"));
    hint.map(|hint| ("login_hint", hint.to_owned()))
        .into_iter()
        .collect()
}

/// `email`, if `email_verified` says so (OIDC Core §5.1); Google's older user info calls that
/// `verified_email`.
fn verified_email(body: &Map<String, Value>) -> Option<String> {
    let is_verified = ["email_verified", "verified_email"]
        .into_iter()
        .find_map(|name| body.get(name))?;
    let email = body.get("email")?.as_str()?;
    (is_verified.as_bool()? && !email.is_empty()).then(|| email.to_owned())
}

/// Who was connected, by the entry's `response_map` first and then by the names that OIDC (Core
/// §5.1) and most others use.
pub(super) fn identity(provider: &Provider, body: &Map<String, Value>) -> Option<Identity> {
    let map = &provider.entry.user_info_request.response_map;
    let text = |name: &str| {
        let mapped = map
            .get(name)
            .and_then(|path| response_map::find(path, body));
        match mapped.as_ref().or_else(|| body.get(name))? {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    };
    let id = ["sub", "id"].into_iter().find_map(text)?;
    let label = ["email", "preferred_username", "login", "name"]
        .into_iter()
        .find_map(text)
        .unwrap_or_else(|| id.clone());
    Some(Identity {
        id,
        label,
        verified_email: verified_email(body),
    })
}
