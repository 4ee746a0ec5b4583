//! One call of a Slack method: a form by POST, and an answer that says `ok` or why not.

use std::ops::ControlFlow;

use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;

use super::wire::Envelope;
use super::{allowed, errors};
use crate::api::{Api, Effect, Request, Response};
use crate::error::{ErrorCode, ToolError};
use crate::send::{outcome_unknown, rate_limited};
use crate::wait;

/// A call that did not succeed.
#[derive(Debug)]
pub(super) struct Failure {
    /// Slack's own word for it; empty when Slack did not say one.
    pub(super) slack_code: String,
    /// What to tell the model.
    pub(super) error: Box<ToolError>,
    /// The scopes that the token has, as `missing_scope` tells them.
    provided: Vec<String>,
}

impl Failure {
    fn new(error: ToolError) -> Self {
        Self {
            slack_code: String::new(),
            error: Box::new(error),
            provided: Vec::new(),
        }
    }

    /// Whether the grant lacks a scope.
    pub(super) fn is_missing_scope(&self) -> bool {
        self.error.code == ErrorCode::MissingScopes
    }

    /// Whether the grant has `scope`, as `missing_scope` tells.
    pub(super) fn provides(&self, scope: &str) -> bool {
        self.provided.iter().any(|one| one == scope)
    }

    /// Of scopes that differ only in the kind of conversation, asks for one: the first of `kinds`
    /// that the grant does not have yet.
    ///
    /// Slack may name all of `channels:read,groups:read,mpim:read,im:read` when any one of them
    /// would do, and a person should not be asked for their direct messages to read a channel.
    pub(super) fn least(mut self, kinds: &[&str]) -> Self {
        let scopes = &self.error.missing_scopes;
        let mut parts = scopes.iter().filter_map(|scope| scope.split_once(':'));
        let Some((_, action)) = parts.next() else {
            return self;
        };
        let alternatives = scopes.len() > 1
            && scopes.iter().all(|scope| {
                scope
                    .split_once(':')
                    .is_some_and(|(kind, a)| a == action && ALL_KINDS.contains(&kind))
            });
        let one = kinds
            .iter()
            .map(|kind| format!("{kind}:{action}"))
            .find(|scope| scopes.contains(scope) && !self.provided.contains(scope));
        if let (true, Some(one)) = (alternatives, one) {
            self.error.missing_scopes = vec![one];
        }
        self
    }

    /// Asks for those of `scopes` that the grant does not have yet, whatever else Slack named.
    /// Changes nothing but a missing scope.
    pub(super) fn only(mut self, scopes: &[String]) -> Self {
        if self.is_missing_scope() {
            let missing = scopes.iter().filter(|one| !self.provided.contains(one));
            let missing: Vec<String> = missing.cloned().collect();
            if !missing.is_empty() {
                self.error.missing_scopes = missing;
            }
        }
        self
    }

    /// Asks at once for `scopes` that the same call will need next, so that the person consents
    /// once and not twice in a row. Changes nothing but a missing scope.
    pub(super) fn and_then_needs(mut self, scopes: &[impl AsRef<str>]) -> Self {
        if self.is_missing_scope() {
            for scope in scopes.iter().map(AsRef::as_ref) {
                let known = |list: &[String]| list.iter().any(|s| s == scope);
                if !known(&self.provided) && !known(&self.error.missing_scopes) {
                    self.error.missing_scopes.push(scope.to_owned());
                }
            }
        }
        self
    }
}

impl From<Failure> for ToolError {
    fn from(failure: Failure) -> Self {
        *failure.error
    }
}

/// The kinds of conversation in scope names
/// (<https://docs.slack.dev/reference/scopes>).
pub(super) const ALL_KINDS: &[&str] = &["channels", "groups", "mpim", "im"];

/// Calls `method` with `fields` and reads its answer.
pub(super) async fn call<T: DeserializeOwned>(
    api: &Api,
    effect: Effect,
    method: &'static str,
    fields: &[(&str, String)],
) -> Result<T, Failure> {
    allowed::guard(api, method, fields).map_err(Failure::new)?;
    let request = match effect {
        Effect::Read => api.read(Method::POST, &[method]),
        Effect::Write => api.write(Method::POST, &[method]),
    };
    answer(api, request.form(fields), effect).await
}

/// Calls `method`, which takes no arguments, and tells the scopes of the token too, which Slack
/// puts into a header (<https://docs.slack.dev/authentication/installing-with-oauth>).
pub(super) async fn identify<T: DeserializeOwned>(
    api: &Api,
    method: &'static str,
) -> Result<(T, Option<Vec<String>>), Failure> {
    let request = api.read(Method::POST, &[method]).form(&[]);
    let response = request
        .unauthorized_if(refuses_token)
        .send()
        .await
        .map_err(Failure::new)?;
    let scopes = response.headers.get("x-oauth-scopes");
    let scopes = scopes.and_then(|value| value.to_str().ok());
    let scopes = scopes.map(|list| scope_list(Some(list)));
    Ok((judge(api, &response, Effect::Read)?, scopes))
}

/// Calls `method`, which changes nothing, without waiting and trying again.
pub(super) async fn call_once<T: DeserializeOwned>(
    api: &Api,
    method: &'static str,
    fields: &[(&str, String)],
) -> Result<T, Failure> {
    allowed::guard(api, method, fields).map_err(Failure::new)?;
    let request = api.read(Method::POST, &[method]).form(fields).once();
    answer(api, request, Effect::Read).await
}

async fn answer<T: DeserializeOwned>(
    api: &Api,
    request: Request,
    effect: Effect,
) -> Result<T, Failure> {
    let response = request
        .unauthorized_if(refuses_token)
        .send()
        .await
        .map_err(Failure::new)?;
    judge(api, &response, effect)
}

/// How a walk through the pages of a list ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Walk<B> {
    /// The visitor found what it looked for.
    Found(B),
    /// That was the whole list.
    Ended,
    /// The list goes on, but not for this call.
    CutShort,
}

/// A call looks at no more pages of a list than this: Slack allows some 20 such requests a minute
/// (<https://docs.slack.dev/apis/web-api/rate-limits>).
const PAGES: usize = 10;

/// How many items a page is asked to have. Slack recommends few hundred and takes up to 999.
const PAGE_SIZE: usize = 500;

/// How many items of a list are looked at, at most.
pub(super) const LISTED: usize = PAGES * PAGE_SIZE;

/// Walks through the pages of `method`, a list, until `visit` breaks. It says for each page where
/// the list goes on.
pub(super) async fn walk<T: DeserializeOwned, B>(
    api: &Api,
    method: &'static str,
    fields: &[(&str, String)],
    mut visit: impl FnMut(T) -> ControlFlow<B, Option<String>>,
) -> Result<Walk<B>, Failure> {
    let mut cursor = String::new();
    for _ in 0..PAGES {
        let mut fields = fields.to_vec();
        fields.push(("limit", PAGE_SIZE.to_string()));
        if !cursor.is_empty() {
            fields.push(("cursor", cursor));
        }
        match visit(call(api, Effect::Read, method, &fields).await?) {
            ControlFlow::Break(found) => return Ok(Walk::Found(found)),
            ControlFlow::Continue(None) => return Ok(Walk::Ended),
            ControlFlow::Continue(Some(next)) => cursor = next,
        }
    }
    Ok(Walk::CutShort)
}

/// Whether an answer says that the access token is no longer good: Slack says so with HTTP 200.
fn refuses_token(response: &Response) -> bool {
    response
        .json::<Envelope>()
        .is_ok_and(|answer| !answer.ok && answer.error.as_deref().is_some_and(errors::is_bad_token))
}

fn judge<T: DeserializeOwned>(
    api: &Api,
    response: &Response,
    effect: Effect,
) -> Result<T, Failure> {
    let answer = match response.json::<Envelope>() {
        Ok(answer) => answer,
        Err(_) if response.status == StatusCode::NOT_FOUND => return Err(no_such_method()),
        Err(error) => return Err(Failure::new(error)),
    };
    if answer.ok {
        return response.json().map_err(Failure::new);
    }
    Err(refusal(api, answer, response, effect))
}

fn no_such_method() -> Failure {
    let mut failure = Failure::new(ToolError::new(
        ErrorCode::Rejected,
        "The Slack server does not know this method.",
        "Check the configured base URL of the Slack API.",
    ));
    "unknown_method".clone_into(&mut failure.slack_code);
    failure
}

fn refusal(api: &Api, answer: Envelope, response: &Response, effect: Effect) -> Failure {
    let slack_code = answer
        .error
        .filter(|code| is_code(code))
        .unwrap_or_default();
    let provided = scope_list(answer.provided.as_deref());
    let needed = scope_list(answer.needed.as_deref());
    let error = if slack_code == "missing_scope" && !needed.is_empty() {
        let list = needed.join(", ");
        ToolError {
            message: format!(
                "The Slack connection lacks a permission that this call needs: {list}."
            ),
            ..ToolError::missing_scopes(needed)
        }
    } else if effect == Effect::Write && errors::is_slack_failure(&slack_code) {
        outcome_unknown("Slack failed while it worked on it")
    } else if let Some(meaning) = errors::meaning(&slack_code) {
        if meaning.code == ErrorCode::RateLimited {
            rate_limited(wait::asked_for(&response.headers, api.now()))
        } else {
            ToolError::new(
                meaning.code,
                format!("{} ({slack_code})", meaning.message),
                meaning.fix,
            )
        }
    } else if slack_code.is_empty() {
        ToolError::new(
            ErrorCode::Rejected,
            "Slack refused the request without a reason that can be shown.",
            "Check the arguments. If they are right, try again later.",
        )
    } else {
        ToolError::new(
            ErrorCode::Rejected,
            format!("Slack refused the request: {slack_code}."),
            "Check the arguments against what this code says, or ask the person.",
        )
    };
    Failure {
        slack_code,
        error: Box::new(error),
        provided,
    }
}

/// Only what has the form of a code is shown: the field is the provider's text.
fn is_code(text: &str) -> bool {
    (1..=60).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

fn scope_list(text: Option<&str>) -> Vec<String> {
    let is_scope = |scope: &&str| {
        (1..=60).contains(&scope.len())
            && scope
                .bytes()
                .all(|b| b.is_ascii_lowercase() || matches!(b, b':' | b'.' | b'_' | b'-'))
    };
    text.unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(is_scope)
        .map(str::to_owned)
        .collect()
}
