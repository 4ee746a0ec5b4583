//! What Gmail's refusals mean and what to do about them.
//!
//! The body is Google's common error model: `error.errors[].reason`, and on newer services
//! `error.details[].reason` (`google.rpc.ErrorInfo`). The reasons are listed in "Resolve errors"
//! (<https://developers.google.com/workspace/gmail/api/guides/handle-errors>).

use reqwest::StatusCode;
use serde::Deserialize;

use crate::api::Response;
use crate::error::{ErrorCode, ToolError};
use crate::sanitize::snippet;
use crate::send::rate_limited;

/// What a call needs to explain its refusals.
pub(super) struct Call {
    /// The least scope that allows it; asked for when Google says that scopes are missing.
    pub(super) scope: &'static str,
    /// The next step when Gmail finds the request itself wrong.
    pub(super) bad_request_fix: &'static str,
}

/// Passes a success on and turns every other status into an error.
pub(super) fn accept(response: Response, call: &Call) -> Result<Response, ToolError> {
    if response.status.is_success() {
        Ok(response)
    } else {
        Err(refusal(&response, call))
    }
}

#[derive(Default, Deserialize)]
struct Envelope {
    #[serde(default)]
    error: Problem,
}

#[derive(Default, Deserialize)]
struct Problem {
    #[serde(default)]
    message: String,
    #[serde(default)]
    errors: Vec<Reason>,
    #[serde(default)]
    details: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    #[serde(default)]
    reason: String,
}

impl Problem {
    fn is(&self, reasons: &[&str]) -> bool {
        self.errors
            .iter()
            .chain(&self.details)
            .any(|item| reasons.contains(&item.reason.as_str()))
    }
}

fn refusal(response: &Response, call: &Call) -> ToolError {
    let problem = serde_json::from_slice::<Envelope>(&response.body)
        .unwrap_or_default()
        .error;
    if problem.is(&["insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"]) {
        return ToolError::missing_scopes(vec![call.scope.to_owned()]);
    }
    // "Metadata scope does not support 'q' parameter", "Metadata scope doesn't allow format FULL".
    if response.status == StatusCode::FORBIDDEN && problem.message.starts_with("Metadata scope") {
        return ToolError::new(
            ErrorCode::Forbidden,
            "This connection has the permission gmail.metadata, and with it Gmail refuses to \
             search email and to show its text, whatever else was granted.",
            "Ask the user to disconnect the account (`valetkey disconnect`) and to connect it \
             again without that permission.",
        );
    }
    if problem.is(&["accessNotConfigured", "SERVICE_DISABLED"]) {
        return ToolError::new(
            ErrorCode::Rejected,
            "The Gmail API is not enabled in the Google Cloud project of this OAuth client.",
            "Ask the operator to enable the Gmail API there (APIs & Services, Library), wait a \
             few minutes and call again.",
        );
    }
    if problem.is(&["dailyLimitExceeded", "quotaExceeded"]) {
        return ToolError::new(
            ErrorCode::RateLimited,
            "The Google Cloud project has used up its daily Gmail quota.",
            "Call again tomorrow, or ask the operator to raise the quota in the Google Cloud \
             console.",
        );
    }
    if problem.is(&[
        "rateLimitExceeded",
        "userRateLimitExceeded",
        "RATE_LIMIT_EXCEEDED",
    ]) {
        // Limits that say how long to wait have been waited out before (`crate::send`).
        return rate_limited(None);
    }
    if problem.is(&["domainPolicy"]) {
        return ToolError::new(
            ErrorCode::Forbidden,
            "The administrator of this Google Workspace does not let apps use Gmail.",
            "Ask the administrator to allow this app, or use another account.",
        );
    }
    if problem.is(&["failedPrecondition"]) {
        return ToolError::new(
            ErrorCode::Rejected,
            format!(
                "Gmail cannot serve this account{}. Usually the account has no mailbox because \
                 the Gmail service is not enabled for it.",
                quoted(&problem.message)
            ),
            "Open Gmail with this account in a browser once, ask its administrator to enable \
             Gmail, or use another account.",
        );
    }
    match response.status {
        StatusCode::BAD_REQUEST => ToolError::new(
            ErrorCode::InvalidArguments,
            format!("Gmail refused the request{}.", quoted(&problem.message)),
            call.bad_request_fix,
        ),
        StatusCode::NOT_FOUND => ToolError::new(
            ErrorCode::NotFound,
            "Gmail does not know this in the account's mailbox.",
            "Check the id and the account; search again for a current id.",
        ),
        StatusCode::FORBIDDEN => ToolError::new(
            ErrorCode::Forbidden,
            format!(
                "Gmail does not allow this account to do that{}.",
                quoted(&problem.message)
            ),
            "Use another account, or ask the account's administrator.",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => ToolError::new(
            ErrorCode::TooLarge,
            "Gmail found the request too large.",
            "Send less, for example fewer or smaller attachments.",
        ),
        status => ToolError::new(
            ErrorCode::Rejected,
            format!(
                "Gmail refused the request with HTTP status {}{}.",
                status.as_u16(),
                quoted(&problem.message)
            ),
            "Call again later; if it goes on, tell the operator.",
        ),
    }
}

/// Gmail's own sentence in quotation marks, or nothing.
fn quoted(message: &str) -> String {
    let line = snippet(message, 200);
    if line.is_empty() {
        String::new()
    } else {
        format!(": “{}”", line.trim_end_matches('.'))
    }
}
