//! Slack, user tokens: <https://docs.slack.dev/authentication/installing-with-oauth>.
//!
//! Every answer has status 200 and says `ok`. The user's scopes go into `user_scope`; the user's
//! token is nested in `authed_user` on the first exchange and flat on a refresh
//! (<https://docs.slack.dev/authentication/using-token-rotation>).

use secrecy::SecretString;
use serde_json::{Map, Value};
use url::Url;

use crate::config::provider::AuthMethod;
use crate::http::Http;
use crate::oauth::provider::{Endpoint, Facts, Provider};
use crate::oauth::token::{Identity, OAuthError};
use crate::oauth::wire;

pub(super) const FACTS: Facts = Facts {
    title: "Slack",
    authorization: Some("https://slack.com/oauth/v2/authorize"),
    token: Some("https://slack.com/api/oauth.v2.access"),
    revocation: Endpoint::BelowApi(&["auth.revoke"]),
    user_info: Endpoint::BelowApi(&["auth.test"]),
    api: Some("https://slack.com/api/"),
    files: &["https://files.slack.com"],
    issuer: None,
    // Switching an app to PKCE is one-way and makes it a public client.
    pkce: false,
    scope_parameter: "user_scope",
    scope_delimiter: ",",
    commas_in_responses: true,
    base_scopes: &[],
    auth_method: AuthMethod::ClientSecretPost,
    why_grants_die: "The app was removed from the workspace, the account was deactivated, or the \
        refresh token was used up or is too old (30 days for apps with PKCE). Connect again.",
    // <https://docs.slack.dev/reference/scopes>
    scopes: &[
        (
            "channels:read",
            "see the public channels you are in and their details",
        ),
        ("channels:history", "read messages in public channels"),
        ("channels:write", "create and manage public channels"),
        (
            "groups:read",
            "see the private channels you are in and their details",
        ),
        ("groups:history", "read messages in your private channels"),
        ("groups:write", "create and manage private channels"),
        ("im:read", "see whom you have direct messages with"),
        ("im:history", "read your direct messages"),
        ("im:write", "open direct messages as you"),
        ("mpim:read", "see your group direct messages"),
        ("mpim:history", "read your group direct messages"),
        ("mpim:write", "open group direct messages as you"),
        ("chat:write", "send messages as you"),
        (
            "search:read",
            "search all messages and files that you can see",
        ),
        ("search:read.public", "search messages in public channels"),
        (
            "search:read.private",
            "search messages in your private channels",
        ),
        ("search:read.im", "search your direct messages"),
        ("search:read.mpim", "search your group direct messages"),
        ("search:read.files", "search files that you can see"),
        ("search:read.users", "search people in the workspace"),
        ("users:read", "see people in the workspace"),
        (
            "users:read.email",
            "see the email addresses of people in the workspace",
        ),
        ("users.profile:read", "see profiles in the workspace"),
        ("users.profile:write", "change your profile and status"),
        ("users:write", "set your presence"),
        ("usergroups:read", "see user groups"),
        ("files:read", "read files that you can see"),
        ("files:write", "upload and change files as you"),
        ("reactions:read", "see emoji reactions"),
        ("reactions:write", "add and remove emoji reactions as you"),
        ("pins:read", "see pinned messages"),
        ("pins:write", "pin and unpin messages as you"),
        ("bookmarks:read", "see channel bookmarks"),
        ("bookmarks:write", "change channel bookmarks"),
        ("reminders:read", "see your reminders"),
        ("reminders:write", "change your reminders"),
        ("canvases:read", "read canvases"),
        ("canvases:write", "create and change canvases"),
        ("emoji:read", "see the workspace's custom emoji"),
        ("team:read", "see the workspace's name and icon"),
        ("dnd:read", "see do-not-disturb settings"),
        ("dnd:write", "change your do-not-disturb settings"),
        ("stars:read", "see your saved items"),
        ("stars:write", "change your saved items"),
    ],
    restrictions: &[],
};

/// Slack registers https redirect URLs only, and `localhost` for apps with PKCE.
pub(super) fn redirect_problem(provider: &Provider, redirect_uri: &Url) -> Option<String> {
    let is_slack = |url: &Url| url.scheme() == "https";
    let accepted = redirect_uri.scheme() == "https"
        || (provider.pkce() && redirect_uri.host_str() == Some("localhost"))
        // An authorization endpoint without TLS is on loopback: an emulator.
        || !provider.endpoints.authorization.as_ref().is_some_and(is_slack);
    if accepted {
        return None;
    }
    let port = redirect_uri.port_or_known_default().unwrap_or_default();
    Some(format!(
        "Slack accepts only https redirect URLs. Either set server.public_url to an https address \
         that leads to this computer (a tunnel), or, for a Slack app with PKCE, set \
         oauth2.pkce.enabled: true in provider entry `{}` and server.public_url: \
         http://localhost:{port}. Switching a Slack app to PKCE cannot be undone and makes it a \
         public client. Register {} as the app's redirect URL accordingly.",
        provider.entry.id,
        redirect_uri.path(),
    ))
}

/// The part of a token response that is about the user. A workspace's bot token may be beside it,
/// and is never taken.
pub(super) fn user_part(body: &Map<String, Value>) -> Option<&Map<String, Value>> {
    match body.get("authed_user").and_then(Value::as_object) {
        Some(user) if user.contains_key("access_token") => Some(user),
        _ if body.get("token_type").and_then(Value::as_str) == Some("user") => Some(body),
        _ => None,
    }
}

/// Who a token belongs to: <https://docs.slack.dev/reference/methods/auth.test>.
pub(super) fn identity(body: &Map<String, Value>) -> Option<Identity> {
    let text = |key: &str| body.get(key)?.as_str().filter(|text| !text.is_empty());
    Some(Identity {
        id: format!("{}:{}", text("team_id")?, text("user_id")?),
        label: format!("{} @ {}", text("user")?, text("team")?),
        verified_email: None,
    })
}

/// Revokes a token: <https://docs.slack.dev/reference/methods/auth.revoke>.
pub(super) async fn revoke(
    provider: &Provider,
    http: &Http,
    access_token: &SecretString,
) -> Result<bool, OAuthError> {
    let Some(url) = &provider.endpoints.revocation else {
        return Err(provider.lacks("api.base_url"));
    };
    let request = http
        .client_for_tokens()
        .post(url.clone())
        .bearer_auth(wire::read(access_token));
    let answer = wire::send(provider, http, request).await?;
    let body = answer.object(false);
    match provider.check(url, answer.status, body.as_ref()) {
        // Somebody was faster, which is as good.
        Err(OAuthError::GrantRefused {
            code: "token_revoked",
            ..
        }) => Ok(true),
        Err(error) => Err(error),
        Ok(()) => match body.as_ref().and_then(|body| body.get("revoked")) {
            Some(Value::Bool(true)) => Ok(true),
            _ => Err(provider.refused("not_revoked")),
        },
    }
}
