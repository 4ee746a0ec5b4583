//! The provider on loopback as Gmail: short paths, Google's errors.

use base64::Engine as _;
use serde_json::{Value, json};

use crate::api::ApiSettings;
use crate::error::ToolError;
use crate::fake::{self, Provider, Seen, settings};
use crate::output::Output;

pub(super) struct Gmail(Provider);

impl Gmail {
    /// Starts it; `answer` gives the status and the JSON for each request.
    pub(super) async fn start(
        answer: impl Fn(&Seen) -> (u16, Value) + Send + Sync + 'static,
    ) -> Self {
        Self(
            Provider::start(move |request, _| {
                let (status, json) = answer(request);
                let status = axum::http::StatusCode::from_u16(status).unwrap();
                (status, axum::Json(json))
            })
            .await,
        )
    }

    /// Calls a tool as Ada, in Berlin, on 23 November 2026 at 11 o'clock.
    pub(super) async fn call(&self, tool: &str, arguments: Value) -> Result<Output, ToolError> {
        self.call_as(None, tool, arguments).await
    }

    /// The same with an account that results name as `shown_as`.
    pub(super) async fn call_as(
        &self,
        shown_as: Option<&str>,
        tool: &str,
        arguments: Value,
    ) -> Result<Output, ToolError> {
        let settings = ApiSettings {
            account: "ada@x.example".to_owned(),
            shown_as: shown_as.map(str::to_owned),
            ..settings(&self.0.url)
        };
        let ended = fake::call(&self.0, settings, tool, arguments).await;
        for seen in self.seen() {
            let known = crate::rate::has_units(&seen.method, &seen.path);
            assert!(known, "{} {} has no units", seen.method, seen.path);
        }
        ended
    }

    /// The requests so far.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.0.seen()
    }
}

/// A path without the part that nearly all have in common.
pub(super) fn path(request: &Seen) -> &str {
    request
        .path
        .strip_prefix("/gmail/v1/users/me")
        .unwrap_or(&request.path)
}

/// All values of a query parameter.
pub(super) fn all<'a>(request: &'a Seen, name: &str) -> Vec<&'a str> {
    request
        .query
        .iter()
        .filter(|(known, _)| known == name)
        .map(|(_, value)| value.as_str())
        .collect()
}

/// Google's error body (`error.errors[].reason`).
pub(super) fn google_error(code: u16, reason: &str, message: &str) -> (u16, Value) {
    (
        code,
        json!({ "error": {
            "code": code,
            "message": message,
            "errors": [{ "domain": "global", "reason": reason, "message": message }],
        }}),
    )
}

/// A message as `format=metadata` gives it.
pub(super) fn message(id: &str, labels: &[&str], headers: &[(&str, &str)]) -> Value {
    json!({
        "id": id,
        "threadId": "t1",
        "labelIds": labels,
        "snippet": format!("Text of {id}"),
        "historyId": "77",
        "internalDate": "1772323200000",
        "sizeEstimate": 1234,
        "payload": {
            "partId": "",
            "mimeType": "text/plain",
            "headers": headers
                .iter()
                .map(|(name, value)| json!({ "name": name, "value": value }))
                .collect::<Vec<_>>(),
        },
    })
}

/// The mail that a request to send or save carries.
pub(super) fn raw(message: &Value) -> Vec<u8> {
    let raw = message["raw"].as_str().unwrap();
    base64::engine::general_purpose::URL_SAFE
        .decode(raw)
        .unwrap()
}

/// One thread of two messages and a draft.
pub(super) fn mailbox(request: &Seen) -> (u16, Value) {
    let answer = match path(request) {
        "/threads" => json!({
            "threads": [{ "id": "t1", "snippet": "x", "historyId": "1" }],
            "resultSizeEstimate": 201,
        }),
        "/threads/t1" => json!({ "id": "t1", "historyId": "1", "messages": [
            message("m1", &["INBOX", "Label_7"], &[
                ("From", "Bob <bob@x.example>"),
                ("To", "ada@x.example"),
                ("Subject", "=?utf-8?Q?Mittagessen_=C3=BCberall?="),
            ]),
            message("m2", &["INBOX", "UNREAD", "IMPORTANT"], &[
                ("From", "\"Jones, Eve\" <eve@x.example>"),
                ("To", "a@x.example, b@x.example, C <c@x.example>, d@x.example, e@x.example"),
                ("Cc", "f@x.example"),
                ("Subject", "Re: Mittagessen"),
            ]),
            message("m3", &["DRAFT"], &[("Subject", "Re: Mittagessen")]),
        ]}),
        "/messages" => json!({ "messages": [{ "id": "m1", "threadId": "t1" }] }),
        "/messages/m1" => message("m1", &["SENT", "STARRED"], &[("Subject", "Hi")]),
        "/labels" => json!({ "labels": [
            { "id": "INBOX", "name": "INBOX", "type": "system" },
            { "id": "Label_7", "name": "Work/Lunch", "type": "user" },
        ]}),
        _ => return google_error(404, "notFound", "Not Found"),
    };
    (200, answer)
}

/// The requests for pages of ids.
pub(super) fn list_requests(fake: &Gmail) -> Vec<Seen> {
    fake.seen()
        .into_iter()
        .filter(|request| matches!(path(request), "/threads" | "/messages"))
        .collect()
}
