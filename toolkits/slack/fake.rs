//! A stand-in for Slack on loopback: it records what it is asked and answers as a test says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use jiff::tz::TimeZone;
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use super::tools;
use crate::api::{Api, ApiSettings};
use crate::error::ToolError;
use crate::output::Output;

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    /// The path after the base URL, such as `chat.postMessage`.
    pub(super) method: String,
    pub(super) authorization: String,
    pub(super) form: BTreeMap<String, String>,
    /// How many calls of this method came before.
    pub(super) nth: usize,
}

impl Call {
    pub(super) fn field(&self, name: &str) -> &str {
        self.form.get(name).map_or("", String::as_str)
    }

    /// The form as `name=value`, sorted.
    pub(super) fn fields(&self) -> Vec<String> {
        let pair = |(name, value): (&String, &String)| format!("{name}={value}");
        self.form.iter().map(pair).collect()
    }
}

/// An answer that is not JSON with status 200.
pub(super) struct Answer(
    pub(super) u16,
    pub(super) Vec<(&'static str, String)>,
    pub(super) String,
);

impl From<Value> for Answer {
    fn from(body: Value) -> Self {
        Self(200, Vec::new(), body.to_string())
    }
}

type Answers = dyn Fn(&Call) -> Answer + Send + Sync;

struct Shared {
    answers: Box<Answers>,
    calls: Mutex<Vec<Call>>,
    renewals: Mutex<usize>,
}

pub(super) struct Fake {
    shared: Arc<Shared>,
    base_url: Url,
}

impl Fake {
    /// Starts a server whose every answer `answers` gives.
    pub(super) async fn start<A: Into<Answer>>(
        answers: impl Fn(&Call) -> A + Send + Sync + 'static,
    ) -> Self {
        let shared = Arc::new(Shared {
            answers: Box::new(move |call| answers(call).into()),
            calls: Mutex::default(),
            renewals: Mutex::default(),
        });
        let routes = axum::Router::new()
            .fallback(any(answer))
            .with_state(Arc::clone(&shared));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/api/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self {
            shared,
            base_url: base_url.parse().unwrap(),
        }
    }

    /// Runs a tool of the table against this server, as `ada @ Acme`, at 2026-05-01T10:00:00Z in
    /// Berlin. What it returns fits its output schema.
    pub(super) async fn run(&self, tool: &str, arguments: Value) -> Result<Output, ToolError> {
        let tool = tools().into_iter().find(|one| one.name == tool).unwrap();
        let output = tool.run(self.api(), arguments).await?;
        let schema = Value::Object((**tool.output_schema.as_ref().unwrap()).clone());
        let structured = Value::Object(output.structured.clone().unwrap());
        if let Err(misfit) = jsonschema::validate(&schema, &structured) {
            panic!("{misfit}: {structured:#}");
        }
        Ok(output)
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        self.shared.calls.lock().unwrap().clone()
    }

    /// The methods called, in order.
    pub(super) fn methods(&self) -> Vec<String> {
        self.calls().into_iter().map(|call| call.method).collect()
    }

    /// The only call of `method`.
    pub(super) fn call(&self, method: &str) -> Call {
        let mut calls = self.calls();
        calls.retain(|call| call.method == method);
        assert_eq!(calls.len(), 1, "{method}: {calls:#?}");
        calls.remove(0)
    }

    pub(super) fn renewals(&self) -> usize {
        *self.shared.renewals.lock().unwrap()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "tests have no process-wide client"
    )]
    pub(super) fn api(&self) -> Api {
        let shared = Arc::clone(&self.shared);
        Api::new(ApiSettings {
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            base_url: self.base_url.clone(),
            access_token: SecretString::from("first"),
            renew: Arc::new(move |_| {
                *shared.renewals.lock().unwrap() += 1;
                Box::pin(async { Some(SecretString::from("second")) })
            }),
            account: "ada @ Acme".to_owned(),
            now: "2026-05-01T10:00:00Z".parse().unwrap(),
            zone: TimeZone::get("Europe/Berlin").unwrap(),
        })
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    http: axum::http::Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    assert_eq!(http, "POST");
    assert_eq!(headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(uri.query(), None);
    let call = {
        let mut calls = shared.calls.lock().unwrap();
        let method = uri.path().trim_start_matches("/api/").to_owned();
        let call = Call {
            nth: calls.iter().filter(|call| call.method == method).count(),
            method,
            authorization: headers["authorization"].to_str().unwrap().to_owned(),
            form: url::form_urlencoded::parse(&body).into_owned().collect(),
        };
        calls.push(call.clone());
        call
    };
    let Answer(status, more, body) = (shared.answers)(&call);
    let mut response = body.into_response();
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in more {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
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
        "profile": {"real_name": name, "display_name": shown}})
}
