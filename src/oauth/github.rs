//! GitHub, OAuth apps and GitHub Apps:
//! <https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps>.
//!
//! Errors come with status 200. Scopes are asked for with spaces and answered with commas; a GitHub
//! App's answer has an empty `scope`, which means as requested. Refresh tokens are single use. The
//! client secret is needed also with PKCE.

use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::config::provider::AuthMethod;
use crate::http::Http;
use crate::oauth::provider::{AuthorizeRequest, Endpoint, Facts, Provider};
use crate::oauth::token::{Identity, OAuthError};
use crate::oauth::wire;

pub(super) const FACTS: Facts = Facts {
    title: "GitHub",
    authorization: Some("https://github.com/login/oauth/authorize"),
    token: Some("https://github.com/login/oauth/access_token"),
    revocation: Endpoint::BelowApi(&["applications", "{client_id}", "grant"]),
    user_info: Endpoint::BelowApi(&["user"]),
    api: Some("https://api.github.com/"),
    files: &[],
    issuer: Some("https://github.com/login/oauth"),
    pkce: true,
    scope_parameter: "scope",
    scope_delimiter: " ",
    commas_in_responses: true,
    base_scopes: &[],
    auth_method: AuthMethod::ClientSecretPost,
    why_grants_die: "The authorization was removed at GitHub, or its refresh token was used up or \
        is older than 6 months. Connect again.",
    // <https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps>
    scopes: &[
        (
            "repo",
            "read and change all your repositories, private ones included",
        ),
        ("public_repo", "read and change your public repositories"),
        ("repo:status", "read and set commit statuses"),
        ("repo_deployment", "read and set deployment statuses"),
        ("repo:invite", "accept invitations to repositories"),
        ("security_events", "read and change code scanning alerts"),
        ("delete_repo", "delete your repositories"),
        (
            "workflow",
            "change the GitHub Actions workflows of your repositories",
        ),
        ("gist", "create and change gists"),
        (
            "notifications",
            "read your notifications and mark them as read",
        ),
        ("user", "read and change your profile"),
        ("read:user", "read your profile"),
        ("user:email", "read your email addresses"),
        ("user:follow", "follow and unfollow people"),
        ("read:org", "see your organizations and teams"),
        (
            "write:org",
            "change your membership of organizations and teams",
        ),
        ("admin:org", "manage your organizations and teams"),
        ("project", "read and change your projects"),
        ("read:project", "read your projects"),
        ("read:packages", "download packages"),
        ("write:packages", "publish packages"),
        ("delete:packages", "delete packages"),
        ("offline_access", "stay connected without asking you again"),
    ],
    restrictions: &[],
};

/// The parameter of an authorize URL that only GitHub has.
pub(super) fn authorize_parameters(request: &AuthorizeRequest<'_>) -> Vec<(&'static str, String)> {
    let hint = request.login_hint;
    hint.map(|login| ("login", login.to_owned()))
        .into_iter()
        .collect()
}

/// Whose account it is: <https://docs.github.com/en/rest/users/users#get-the-authenticated-user>.
/// The login is what people know each other by; the e-mail address is often hidden.
pub(super) fn identity(body: &Map<String, Value>) -> Option<Identity> {
    Some(Identity {
        id: body.get("id")?.as_u64()?.to_string(),
        label: body.get("login")?.as_str()?.to_owned(),
        // Which address is verified is told by another call, with a scope of its own.
        verified_email: None,
    })
}

/// Deletes the grant, with all its tokens:
/// <https://docs.github.com/en/rest/apps/oauth-applications#delete-an-app-authorization>.
pub(super) async fn revoke(
    provider: &Provider,
    http: &Http,
    access_token: &SecretString,
) -> Result<bool, OAuthError> {
    let Some(url) = &provider.endpoints.revocation else {
        return Err(provider.lacks("api.base_url"));
    };
    let Some(secret) = &provider.entry.client_secret else {
        return Err(provider.lacks("client_secret"));
    };
    let request = http
        .client_for_tokens()
        .delete(url.clone())
        .basic_auth(&provider.entry.client_id, Some(wire::read(secret)))
        .header("Accept", "application/vnd.github+json")
        .json(&serde_json::json!({ "access_token": wire::read(access_token) }));
    let answer = wire::send(provider, http, request).await?;
    match answer.status.as_u16() {
        200..300 => Ok(true),
        401 => Err(provider.client_refused()),
        // What GitHub says to a token that it does not know, or no longer.
        404 | 422 => Err(provider.refused("invalid_token")),
        _ => Err(provider.refused("unknown_error")),
    }
}
