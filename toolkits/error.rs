//! Errors that a model can act on.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

/// Why a tool did not do its job, with the next step for the model or the person.
#[derive(Clone, Debug, Serialize, JsonSchema, thiserror::Error)]
#[error("{message} {fix}")]
pub struct ToolError {
    /// What kind of failure, stable across versions.
    pub code: ErrorCode,
    /// What happened, in a sentence of our own. Provider text is quoted only where it is needed,
    /// at most 200 characters, sanitized.
    pub message: String,
    /// What to do next.
    pub fix: String,
    /// Seconds after which a repetition makes sense.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
    /// Scopes that the provider says are missing; the caller steps up and runs the tool again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing_scopes: Vec<String>,
    /// The account that acted; none if the tool did not come so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The arguments do not fit the schema or each other.
    InvalidArguments,
    /// The provider does not know the thing, or hides it from this account.
    NotFound,
    /// The account may not do this.
    Forbidden,
    /// The policy of this server does not allow it, whatever the account may do.
    Policy,
    /// The grant lacks scopes; see `missing_scopes`.
    MissingScopes,
    /// The provider refused the access token, also after one refresh.
    Unauthorized,
    /// The provider limits the rate; see `retry_after_s`.
    RateLimited,
    /// The provider could not be reached or did not answer in time. Nothing was changed.
    Unreachable,
    /// A call with the same `idempotency_key` is still running.
    InProgress,
    /// A call with the same `idempotency_key` did it; its answer was not kept.
    AlreadyDone,
    /// What would be done is not what the preview showed.
    PreviewChanged,
    /// The user was asked and does not want it.
    NotConfirmed,
    /// A write was sent and its answer lost: it may or may not have happened.
    OutcomeUnknown,
    /// The provider refused the request for a reason of its own.
    Rejected,
    /// The provider's answer could not be understood.
    BadResponse,
    /// The answer or the request is larger than the limit.
    TooLarge,
}

impl ToolError {
    /// An error of `code`, with what happened and what to do next.
    pub fn new(code: ErrorCode, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            fix: fix.into(),
            retry_after_s: None,
            missing_scopes: Vec::new(),
            account: None,
        }
    }

    /// The arguments do not fit; `message` names the argument.
    pub fn invalid_arguments(message: impl Into<String>) -> Self {
        Self::new(
            ErrorCode::InvalidArguments,
            message,
            "Correct the arguments and call again.",
        )
    }

    /// The grant lacks `scopes`: the caller asks the user for them and runs the tool again.
    pub fn missing_scopes(scopes: Vec<String>) -> Self {
        Self {
            missing_scopes: scopes,
            ..Self::new(
                ErrorCode::MissingScopes,
                "The connection lacks a permission that this call needs.",
                "Ask the user to grant it with the link, then call again.",
            )
        }
    }

    /// States which account acted.
    #[must_use]
    pub(crate) fn of(mut self, account: String) -> Self {
        self.account = Some(account);
        self
    }

    /// States after how long a repetition makes sense.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after_s = Some(wait.as_secs().max(1));
        self
    }
}
