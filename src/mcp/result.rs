//! What the model sees.
//!
//! Some hosts show the model only `structuredContent`, some only the text, some one for results and
//! the other for errors: so every fact, the link included, is in both.

use jiff::Timestamp;
use rmcp::model::{
    CallToolResult, ContentBlock, ElicitRequest, ErrorCode, ErrorData, InputRequest,
    InputRequiredResult, MetaObject,
};
use serde_json::{Value, json};
use valetkey_toolkits::error::ToolError;
use valetkey_toolkits::output::{Excerpt, Output};

use crate::broker::{BrokerError, Consent, ConsentReason, Denied};
use crate::mcp::hold::url_elicitation;
use crate::mcp::request_state::StateError;
use crate::spill;

/// The key of our one elicitation in `inputRequests` and `inputResponses`.
pub(super) const CONNECT: &str = "connect";

/// The beginning of a kept result's address.
pub(super) const SCHEME: &str = "result://";

/// The key under which `_meta` says whose words a result holds. A prefix is labels with a slash
/// after them, and none of MCP's own (MCP 2026-07-28, `_meta`); the program's name is one label,
/// because it has no domain whose reverse it could use.
const TRUST: &str = "valetkey/trust";

/// `URLElicitationRequiredError` (MCP 2025-11-25, Elicitation).
const URL_ELICITATION_REQUIRED: ErrorCode = ErrorCode(-32042);

/// A finished tool.
pub(super) fn finished(output: Output) -> CallToolResult {
    let mut result = CallToolResult::success(vec![ContentBlock::text(output.text)]);
    result.structured_content = output.structured.map(Value::Object);
    result
}

/// The output with the excerpt as its text, and a last line that says how to read on, if the whole
/// text is kept under `handle`.
///
/// The line is text and not a `resource_link` block: there are hosts that drop the whole result
/// when they meet one (kirodotdev/Kiro#8960, langchain-ai/langchainjs#10005).
pub(super) fn cut(mut output: Output, excerpt: Excerpt, handle: Option<&str>) -> Output {
    let Excerpt { text, shown, all } = excerpt;
    let on = match handle {
        Some(handle) => format!(
            "for {} minutes call result_read with handle={handle} and offset={shown} to read on, \
             or with a query to search all of it (or read the resource {SCHEME}{handle})",
            spill::LIFETIME.as_secs() / 60
        ),
        None => "the rest could not be kept: ask for less, for example with a smaller `limit`"
            .to_owned(),
    };
    output.text = format!("{text}\n[truncated: {shown} of {all} characters are shown; {on}]");
    let structured = output.structured.as_mut();
    if let Some(Value::Array(warnings)) = structured.and_then(|facts| facts.get_mut("warnings")) {
        // Nothing is missing here, but the host may show it cut as well.
        let note = format!("The text of this result has {all} characters; {on}.");
        warnings.push(note.into());
    }
    output
}

/// Marks a result that may hold words of others.
pub(super) fn untrusted(mut result: CallToolResult) -> CallToolResult {
    result.meta = Some(trust());
    result
}

/// `_meta` of what others may have written.
pub(super) fn trust() -> MetaObject {
    let mut meta = MetaObject::new();
    meta.0.insert(TRUST.to_owned(), json!("untrusted"));
    meta
}

/// A tool that could not do its job.
pub(super) fn failed(error: &ToolError) -> CallToolResult {
    let facts = serde_json::to_value(error).expect("a tool error is plain data");
    let mut text = vec![format!("Error ({}): {error}", code(&facts))];
    if let Some(seconds) = error.retry_after_s {
        text.push(format!("Repeat after {seconds} s at the earliest."));
    }
    if !error.missing_scopes.is_empty() {
        text.push(format!(
            "Missing scopes: {}.",
            error.missing_scopes.join(", ")
        ));
    }
    if let Some(account) = &error.account {
        text.push(format!("Account: {account}"));
    }
    error_result(text.join(" "), json!({ "error": facts }))
}

/// The broker says no.
pub(super) fn denied(denied: &Denied) -> CallToolResult {
    let mut facts = json!({ "message": denied.to_string(), "code": denied.code() });
    match denied {
        Denied::AmbiguousAccount { accounts, .. } => facts["accounts"] = json!(accounts),
        Denied::NotAnAccount { .. } | Denied::NoSignIn { .. } => {}
        Denied::Declined { retry_after_s, .. } => facts["retry_after_s"] = json!(retry_after_s),
    }
    let text = format!("Error ({}): {denied}", code(&facts));
    error_result(text, json!({ "error": facts }))
}

/// The broker could not decide.
pub(super) fn broken(error: &BrokerError) -> CallToolResult {
    let code = error.kind().as_str();
    error_result(
        format!("Error ({code}): {error}"),
        json!({ "error": { "code": code, "message": error.to_string() } }),
    )
}

/// Adds what a person should know of the vault.
pub(super) fn add_notice(result: &mut CallToolResult, notice: &str) {
    let text = format!("Tell the user: {notice}");
    result.content.push(ContentBlock::text(text));
    if let Some(Value::Object(facts)) = &mut result.structured_content {
        facts.insert("notice".to_owned(), json!(notice));
    }
}

/// The link as text.
pub(super) fn link(consent: &Consent) -> CallToolResult {
    let wanted = if consent.elicitation_declined {
        "The user declined when this client asked. Do not press them; if they want it after all, \
         show them this link"
    } else if consent.posted {
        "The user has opened the link and not finished yet. If they lost the page, show them this \
         link"
    } else {
        "Show the user this link"
    };
    let expires_at = Timestamp::from_second(consent.expires_at.as_second())
        .expect("whole seconds of a timestamp make one");
    let failure = match &consent.last_failure {
        Some(reason) => format!("The last sign-in failed: {reason} "),
        None => String::new(),
    };
    let message = format!(
        "{}{failure}{} {wanted}: {} (it works until {}). When they are done, call this tool again \
         with the same arguments.",
        because(&consent.reason),
        consent.sentence(),
        consent.link,
        expires_at,
    );
    let facts = json!({ "authorization_required": {
        "message": message,
        "url": consent.link,
        "provider": consent.provider,
        "scopes": consent.scopes,
        "expires_at": expires_at,
        "flow": consent.flow.to_string(),
    } });
    let scopes = consent.scopes.join(", ");
    let text = if scopes.is_empty() {
        message
    } else {
        format!("{message} Scopes: {scopes}.")
    };
    error_result(text, facts)
}

/// The link as an elicitation that the client answers with a retry (MCP 2026-07-28).
pub(super) fn input_required(consent: &Consent, request_state: String) -> InputRequiredResult {
    let elicitation =
        InputRequest::Elicitation(ElicitRequest::new(url_elicitation(consent, String::new())));
    InputRequiredResult::new(
        Some([(CONNECT.to_owned(), elicitation)].into()),
        Some(request_state),
    )
}

/// The link as an error (MCP 2025-11-25), for gateways that cannot carry server requests.
pub(super) fn link_error(consent: &Consent) -> ErrorData {
    let elicitation = serde_json::to_value(url_elicitation(consent, consent.flow.to_string()))
        .expect("an elicitation is plain data");
    ErrorData::new(
        URL_ELICITATION_REQUIRED,
        format!(
            "{} Open {} and call again.",
            consent.sentence(),
            consent.link
        ),
        Some(json!({ "elicitations": [elicitation] })),
    )
}

/// A `requestState` that is not accepted.
pub(super) fn refused(error: &StateError) -> ErrorData {
    ErrorData::invalid_params(error.to_string(), Some(json!({ "reason": error.reason() })))
}

fn because(reason: &ConsentReason) -> String {
    match reason {
        ConsentReason::NotConnected => String::new(),
        ConsentReason::NeedsReconnect(reason) => format!("{reason} "),
        ConsentReason::MissingScopes => "The connection lacks a permission. ".to_owned(),
    }
}

fn code(facts: &Value) -> &str {
    facts["code"].as_str().unwrap_or("error")
}

fn error_result(text: String, structured: Value) -> CallToolResult {
    let mut result = CallToolResult::error(vec![ContentBlock::text(text)]);
    result.structured_content = Some(structured);
    result
}
