//! Slack on loopback for the tests of its tools: a small workspace, and what it was asked.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::api::ApiSettings;
use crate::error::ToolError;
use crate::fake::{self, Provider, Seen, settings};
use crate::output::Output;

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// The path after the base URL, such as `chat.postMessage`.
    pub(super) method: String,
    pub(super) authorization: String,
    form: BTreeMap<String, String>,
    /// How many calls of this method came before.
    pub(super) nth: usize,
}

impl Call {
    pub(super) fn of(seen: &Seen, nth: usize) -> Self {
        assert_eq!(seen.method, "POST");
        assert_eq!(
            seen.header("content-type"),
            "application/x-www-form-urlencoded"
        );
        assert!(seen.query.is_empty());
        Self {
            method: seen.path.strip_prefix("/api/").unwrap().to_owned(),
            authorization: seen.header("authorization").to_owned(),
            form: url::form_urlencoded::parse(&seen.body)
                .into_owned()
                .collect(),
            nth,
        }
    }

    /// A field of the form; empty when absent.
    pub(super) fn field(&self, name: &str) -> &str {
        self.form.get(name).map_or("", String::as_str)
    }

    /// The form as `name=value`, sorted.
    pub(super) fn fields(&self) -> Vec<String> {
        let pair = |(name, value): (&String, &String)| format!("{name}={value}");
        self.form.iter().map(pair).collect()
    }
}

/// A status and a body.
pub(super) type Answer = (u16, String);

pub(super) struct Fake(Provider);

impl Fake {
    /// Starts a server whose every answer, JSON with status 200, `answer` gives.
    pub(super) async fn start(answer: impl Fn(&Call) -> Value + Send + Sync + 'static) -> Self {
        Self::answering(move |call| (200, answer(call).to_string())).await
    }

    /// Starts a server whose every answer `answer` gives.
    pub(super) async fn answering(
        answer: impl Fn(&Call) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let counts = std::sync::Mutex::new(BTreeMap::<String, usize>::new());
        Self(
            Provider::start(move |seen, _| {
                let nth = {
                    let mut counts = counts.lock().unwrap();
                    let count = counts.entry(seen.path.clone()).or_default();
                    *count += 1;
                    *count - 1
                };
                let (status, body) = answer(&Call::of(seen, nth));
                let scopes = [("x-oauth-scopes", "users:read,channels:read")];
                (StatusCode::from_u16(status).unwrap(), scopes, body)
            })
            .await,
        )
    }

    /// Runs a tool of the table against this server as `ada @ Acme` at 2026-05-01T10:00:00Z in
    /// Berlin.
    pub(super) async fn run(&self, tool: &str, arguments: Value) -> Result<Output, ToolError> {
        let settings = ApiSettings {
            account: "ada @ Acme".to_owned(),
            now: "2026-05-01T10:00:00Z".parse().unwrap(),
            ..settings(&self.0.url.join("/api/").unwrap())
        };
        fake::call(&self.0, settings, tool, arguments).await
    }

    /// Everything that was asked, in order.
    pub(super) fn calls(&self) -> Vec<Call> {
        let seen = self.0.seen();
        let before = |at: usize| {
            seen[..at]
                .iter()
                .filter(|s| s.path == seen[at].path)
                .count()
        };
        (0..seen.len())
            .map(|at| Call::of(&seen[at], before(at)))
            .collect()
    }

    /// The calls of `method`.
    pub(super) fn calls_of(&self, method: &str) -> Vec<Call> {
        let mut calls = self.calls();
        calls.retain(|call| call.method == method);
        calls
    }

    /// The only call of `method`.
    pub(super) fn call(&self, method: &str) -> Call {
        let mut calls = self.calls_of(method);
        assert_eq!(calls.len(), 1, "{method}: {calls:#?}");
        calls.remove(0)
    }

    /// The methods called, in order.
    pub(super) fn methods(&self) -> Vec<String> {
        self.calls().into_iter().map(|call| call.method).collect()
    }
}

/// `{"ok":false,"error":code}`.
pub(super) fn refusal(code: &str) -> Value {
    json!({"ok": false, "error": code})
}

/// Slack's `missing_scope`.
pub(super) fn missing(needed: &str, provided: &str) -> Value {
    json!({"ok": false, "error": "missing_scope", "needed": needed, "provided": provided})
}

/// A workspace with three people, a public and a private channel and a direct message, for what a
/// test does not answer itself.
pub(super) fn workspace(call: &Call) -> Value {
    match call.method.as_str() {
        "auth.test" => {
            json!({"ok": true, "url": "https://acme.slack.com/", "team": "Acme", "user": "ada",
                "team_id": "T0000000001", "user_id": "U0000000001"})
        }
        "users.conversations" | "conversations.list" => {
            json!({"ok": true, "channels": match call.field("types") {
                "im" => json!([{"id": "D0000000001", "is_im": true, "user": "U0000000002"}]),
                "public_channel" => json!([general()]),
                _ => json!([general(), {"id": "C0000000002", "name": "board", "is_private": true}]),
            }})
        }
        "conversations.info" => match call.field("channel") {
            "C0000000001" => json!({"ok": true, "channel": general()}),
            "D0000000001" => {
                json!({"ok": true, "channel": {"id": "D0000000001", "is_im": true, "user": "U0000000002"}})
            }
            _ => refusal("channel_not_found"),
        },
        "conversations.open" => json!({"ok": true, "channel": {"id": "D0000000001"}}),
        "users.list" => json!({"ok": true, "members": [user("1"), user("2"), user("3")]}),
        "users.info" => match call.field("user").strip_prefix("U000000000") {
            Some(number @ ("1" | "2" | "3")) => json!({"ok": true, "user": user(number)}),
            _ => refusal("user_not_found"),
        },
        "conversations.history" | "conversations.replies" => json!({"ok": true, "messages": []}),
        "chat.postMessage" => {
            json!({"ok": true, "channel": call.field("channel"), "ts": "1777629600.000200",
            "message": {"text": "", "thread_ts": call.form.get("thread_ts")}})
        }
        "reactions.add" | "reactions.remove" => json!({"ok": true}),
        "chat.update" | "chat.delete" => {
            json!({"ok": true, "channel": call.field("channel"), "ts": call.field("ts")})
        }
        "chat.getPermalink" => {
            json!({"ok": true, "permalink": "https://acme.slack.com/archives/C0000000001/p1777629600000200"})
        }
        _ => refusal("unknown_method"),
    }
}

fn general() -> Value {
    json!({"id": "C0000000001", "name": "general", "name_normalized": "general", "is_channel": true})
}

fn user(number: &str) -> Value {
    let (handle, name, shown) = match number {
        "1" => ("ada", "Ada Lovelace", "Ada"),
        "2" => ("bob.b", "Bob Barker", ""),
        _ => ("grace", "Grace Hopper", "Grace 👩‍💻"),
    };
    json!({"id": format!("U000000000{number}"), "name": handle, "real_name": name,
        "tz": "Europe/Berlin",
        "profile": {"real_name": name, "display_name": shown, "title": "Analyst"}})
}

/// The fake's clock, in seconds since 1970.
pub(super) const NOW: u64 = 1_777_629_600;

/// A message of `ago` seconds before now.
pub(super) fn message(ago: u64, user: &str, text: &str) -> Value {
    json!({"type": "message", "ts": format!("{}.000100", NOW - ago), "user": user, "text": text})
}

/// A page of a history, newest message first.
pub(super) fn history(messages: &[Value], next: &str) -> Value {
    json!({"ok": true, "messages": messages, "has_more": !next.is_empty(),
        "response_metadata": {"next_cursor": next}})
}

/// The workspace, with a history of `messages` on one page.
pub(super) async fn with_messages(messages: Vec<Value>) -> Fake {
    Fake::start(move |call: &Call| match call.method.as_str() {
        "conversations.history" => history(&messages, ""),
        _ => workspace(call),
    })
    .await
}

/// What `slack_read_channel` returns: its text and its structure.
pub(super) async fn read(fake: &Fake, arguments: Value) -> (String, Value) {
    let output = fake.run("slack_read_channel", arguments).await.unwrap();
    (output.text, Value::Object(output.structured.unwrap()))
}

/// The texts of the messages that were read.
pub(super) fn texts(result: &Value) -> Vec<&str> {
    let messages = result["messages"].as_array().unwrap();
    messages
        .iter()
        .map(|message| message["text"].as_str().unwrap())
        .collect()
}

/// What `slack_send_message` returns: its text and its structure.
pub(super) async fn send(fake: &Fake, arguments: Value) -> (String, Value) {
    let output = fake.run("slack_send_message", arguments).await.unwrap();
    (output.text, Value::Object(output.structured.unwrap()))
}

/// A message's link, and its `ts`.
pub(super) const LINK: &str = "https://acme.slack.com/archives/C0000000001/p1777629500000100";
pub(super) const TS: &str = "1777629500.000100";

/// Posts and opened conversations: what a refused call must not leave behind.
pub(super) fn writes(fake: &Fake) -> Vec<String> {
    let mut methods = fake.methods();
    methods.retain(|method| method == "chat.postMessage" || method == "conversations.open");
    methods
}
