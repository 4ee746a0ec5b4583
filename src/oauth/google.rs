//! Google: <https://developers.google.com/identity/protocols/oauth2/web-server>.
//!
//! A refresh token comes only with `access_type=offline`, and for sure only with `prompt=consent`;
//! it is not rotated. Scopes add up with `include_granted_scopes=true`. The person may untick
//! scopes, so the granted ones are read from the token response.

use std::borrow::Cow;

use crate::config::provider::AuthMethod;
use crate::oauth::provider::{AuthorizeRequest, Endpoint, Facts, Provider};
use crate::oauth::scopes::Restriction;

pub(super) const FACTS: Facts = Facts {
    title: "Google",
    authorization: Some("https://accounts.google.com/o/oauth2/v2/auth"),
    token: Some("https://oauth2.googleapis.com/token"),
    revocation: Endpoint::At("https://oauth2.googleapis.com/revoke"),
    user_info: Endpoint::At("https://openidconnect.googleapis.com/v1/userinfo"),
    api: Some("https://gmail.googleapis.com/"),
    files: &[],
    issuer: Some("https://accounts.google.com"),
    pkce: true,
    scope_parameter: "scope",
    scope_delimiter: " ",
    commas_in_responses: false,
    base_scopes: &["openid", "email"],
    auth_method: AuthMethod::ClientSecretPost,
    // <https://developers.google.com/identity/protocols/oauth2#expiration>
    why_grants_die: "Google ends a connection when the password changes, when the access is \
        removed in the Google Account, after 6 months without use, and after 7 days while the \
        OAuth app is in status \"Testing\" (publish it, or make it internal). Connect again.",
    scopes: &[
        ("openid", "know which Google account you use"),
        ("email", "see your email address"),
        ("profile", "see your name and picture"),
        (
            "https://mail.google.com/",
            "read, send and permanently delete all your email",
        ),
        (
            "https://www.googleapis.com/auth/gmail.readonly",
            "read your email and its settings",
        ),
        (
            "https://www.googleapis.com/auth/gmail.metadata",
            "see labels and headers of your email, such as subject and sender, but no bodies",
        ),
        (
            "https://www.googleapis.com/auth/gmail.send",
            "send email as you",
        ),
        (
            "https://www.googleapis.com/auth/gmail.compose",
            "write drafts and send email as you",
        ),
        (
            "https://www.googleapis.com/auth/gmail.insert",
            "add email to your mailbox",
        ),
        (
            "https://www.googleapis.com/auth/gmail.modify",
            "read, send, label, archive and trash your email, but not delete it for good",
        ),
        (
            "https://www.googleapis.com/auth/gmail.labels",
            "see and edit your email labels",
        ),
        (
            "https://www.googleapis.com/auth/gmail.settings.basic",
            "see and change your email settings and filters",
        ),
        (
            "https://www.googleapis.com/auth/gmail.settings.sharing",
            "change who else can use your mailbox",
        ),
    ],
    // <https://developers.google.com/workspace/gmail/api/reference/rest/v1/users.messages/list> and
    // .../v1/Format: neither `q` nor bodies with this scope. Google holds a token to that also when
    // wider scopes are in it (its issue 115621456).
    restrictions: &[Restriction {
        scope: "https://www.googleapis.com/auth/gmail.metadata",
        spoils: &[
            "https://www.googleapis.com/auth/gmail.readonly",
            "https://www.googleapis.com/auth/gmail.modify",
            "https://mail.google.com/",
        ],
        refused: "to search email and to show its text",
    }],
};

/// The parameters of an authorize URL that only Google has.
pub(super) fn authorize_parameters(
    provider: &Provider,
    request: &AuthorizeRequest<'_>,
) -> Vec<(&'static str, String)> {
    // The refresh token that we hold stands for the old scopes: a new one is needed, too.
    let leaves_behind = provider.leaves_behind(request.scopes, request.existing_scopes);
    let mut parameters = vec![
        ("access_type", "offline".to_owned()),
        ("include_granted_scopes", (!leaves_behind).to_string()),
    ];
    if !request.holds_refresh_token || leaves_behind {
        parameters.push(("prompt", "consent".to_owned()));
    }
    if let Some(hint) = request.login_hint {
        parameters.push(("login_hint", hint.to_owned()));
    }
    parameters
}

/// Google grants `email` and `profile` under longer names than they are asked for.
pub(super) fn scope_as_requested(scope: &str) -> Cow<'_, str> {
    match scope {
        "https://www.googleapis.com/auth/userinfo.email" => "email".into(),
        "https://www.googleapis.com/auth/userinfo.profile" => "profile".into(),
        other => other.into(),
    }
}
