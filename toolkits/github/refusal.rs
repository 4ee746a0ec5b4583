//! What GitHub's refusals mean, in words that a model or a person can act on.

use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;

use crate::api::Response;
use crate::error::{ErrorCode, ToolError};
use crate::sanitize::snippet;
use crate::send::rate_limited;

/// What was asked for, to name it in an error.
pub(super) struct Asked {
    /// `the repository octo/app`, `these issues`.
    pub(super) thing: String,
    /// What a GitHub App needs, as its settings call it.
    pub(super) permission: &'static str,
    /// What to look at when GitHub does not accept the arguments.
    pub(super) hint: &'static str,
}

/// The error body of GitHub's REST API.
#[derive(Default, Deserialize)]
struct Body {
    #[serde(default)]
    message: String,
    #[serde(default)]
    errors: Vec<Detail>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Detail {
    Fields {
        field: Option<String>,
        code: Option<String>,
        message: Option<String>,
    },
    Text(String),
}

/// The error for an answer that is not a success.
pub(super) fn explain(response: &Response, asked: &Asked) -> ToolError {
    // An answer without a readable body is judged by its status.
    let body: Body = serde_json::from_slice(&response.body).unwrap_or_default();
    let says = |words: &str| body.message.to_ascii_lowercase().contains(words);
    let thing = &asked.thing;
    match response.status {
        StatusCode::FORBIDDEN if says("secondary rate limit") || says("abuse detection") => {
            // Without headers, "wait for at least one minute" (GitHub's page on rate limits).
            rate_limited(Some(Duration::from_mins(1)))
        }
        StatusCode::FORBIDDEN if response.headers.contains_key("x-github-sso") => ToolError::new(
            ErrorCode::Forbidden,
            format!("The organization of {thing} requires single sign-on for this connection."),
            "Ask the user to sign in to the organization on GitHub and to authorize the app for \
             it (Settings, Applications), then call again.",
        ),
        StatusCode::FORBIDDEN if says("archived") => ToolError::new(
            ErrorCode::Rejected,
            format!("GitHub says that {thing} is archived and read-only."),
            "Choose another repository, or ask its owner to unarchive it.",
        ),
        StatusCode::FORBIDDEN if says("resource not accessible by integration") => ToolError::new(
            ErrorCode::Forbidden,
            format!(
                "The GitHub App lacks the permission \"{}\" for {thing}.",
                asked.permission
            ),
            "Ask the owner to grant the app this permission (GitHub, Settings, Applications), or \
             the user to connect with an account that has it.",
        ),
        StatusCode::FORBIDDEN | StatusCode::NOT_FOUND if lacks_repo_scope(response) => {
            ToolError::missing_scopes(vec!["repo".to_owned()])
        }
        StatusCode::FORBIDDEN => ToolError::new(
            ErrorCode::Forbidden,
            format!("GitHub does not let this account do that with {thing}."),
            format!(
                "Ask the owner for access; a GitHub App also needs the permission \"{}\".",
                asked.permission
            ),
        ),
        StatusCode::NOT_FOUND => ToolError::new(
            ErrorCode::NotFound,
            format!("GitHub shows this account no such thing as {thing}."),
            format!(
                "Check the spelling. If it is private, the account needs access to it; a GitHub \
                 App must also be installed on it with the permission \"{}\".",
                asked.permission
            ),
        ),
        StatusCode::GONE => ToolError::new(
            ErrorCode::Rejected,
            format!("Issues are switched off for {thing}, or it was deleted."),
            "Use another repository, or ask its owner to enable issues in its settings.",
        ),
        StatusCode::CONFLICT => ToolError::new(
            ErrorCode::Rejected,
            format!(
                "GitHub cannot do that with {thing} now: the repository is empty or something changed it at the same time."
            ),
            "Look at its present state, then call again.",
        ),
        StatusCode::UNPROCESSABLE_ENTITY => unprocessable(&body, asked),
        status if status.is_redirection() => ToolError::new(
            ErrorCode::Rejected,
            format!("GitHub says that {thing} was renamed or moved."),
            "Find its new name, for example by opening the old address in a browser, and call \
             again with that.",
        ),
        status => ToolError::new(
            ErrorCode::Rejected,
            format!("GitHub refused the request with HTTP {}.", status.as_u16()),
            "Check the arguments; if they are right, try again later.",
        ),
    }
}

/// Whether GitHub's headers say that an OAuth app's token is too narrow for a private repository.
fn lacks_repo_scope(response: &Response) -> bool {
    let accepted = scopes(response, "x-accepted-oauth-scopes").unwrap_or_default();
    accepted.iter().any(|scope| scope == "repo") && lacks_scope(response, "repo")
}

/// Whether the token is an OAuth app's and has not `scope`. A GitHub App's token has no scopes: the
/// header of scopes is missing or empty, and there is one of permissions instead ("Troubleshooting
/// the REST API" in GitHub's documentation).
pub(super) fn lacks_scope(response: &Response, scope: &str) -> bool {
    let Some(granted) = scopes(response, "x-oauth-scopes") else {
        return false;
    };
    let app = granted.is_empty()
        && response
            .headers
            .contains_key("x-accepted-github-permissions");
    !app && !granted.iter().any(|known| known == scope)
}

/// The scopes of a header; None if it is not there.
pub(super) fn scopes(response: &Response, header: &str) -> Option<Vec<String>> {
    let text = response.headers.get(header)?.to_str().ok()?;
    let scopes = text.split(',').map(|scope| scope.trim().to_owned());
    Some(scopes.filter(|scope| !scope.is_empty()).collect())
}

/// 422: what does not fit is named by `field` and `code`; the message is quoted where there is
/// nothing else.
fn unprocessable(body: &Body, asked: &Asked) -> ToolError {
    let mut reasons = Vec::new();
    for detail in body.errors.iter().take(5) {
        match detail {
            Detail::Fields {
                message: Some(text),
                ..
            }
            | Detail::Text(text)
                if text.contains("cannot be searched") =>
            {
                return ToolError::new(
                    ErrorCode::NotFound,
                    "GitHub shows this account no such repository, organization or user as the \
                     search names.",
                    "Check the spelling. If it is private, the account needs access to it; a \
                     GitHub App must also be installed on it.",
                );
            }
            Detail::Fields {
                field: Some(field),
                code: Some(code),
                message,
            } => {
                let why = match code.as_str() {
                    "missing" | "invalid" | "not_found" => "does not exist or is not allowed here",
                    "missing_field" => "is missing",
                    "unprocessable" => "cannot be used",
                    _ => message.as_deref().unwrap_or("does not fit"),
                };
                reasons.push(format!("{} {}", snippet(field, 40), snippet(why, 120)));
            }
            Detail::Fields {
                message: Some(text),
                ..
            }
            | Detail::Text(text) => {
                reasons.push(snippet(text, 160));
            }
            Detail::Fields { .. } => {}
        }
    }
    if reasons.is_empty() && !body.message.is_empty() {
        reasons.push(snippet(&body.message, 160));
    }
    let why = if reasons.is_empty() {
        "it gave no reason".to_owned()
    } else {
        snippet(&reasons.join("; "), 200)
    };
    ToolError::new(
        ErrorCode::InvalidArguments,
        format!("GitHub does not accept this for {}: {why}.", asked.thing),
        asked.hint,
    )
}
