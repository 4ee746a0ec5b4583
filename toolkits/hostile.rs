//! Arguments that somebody hopes will end up elsewhere than where they belong, in every place of
//! every tool that takes text.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::{Map, Value, json};
use url::Url;

use crate::all;
use crate::api::{Api, ApiSettings, Response};
use crate::fake::{Answers, Seen, client, settings_with};
use crate::tool::Tool;

const BASE: &str = "https://api.provider.example/v0/";

const HOSTILE: [&str; 24] = [
    "x/../../user",
    "../../evil",
    "..",
    ".",
    "..\\..\\evil",
    "%2e%2e/%2e%2e/evil",
    "..%2fevil",
    "a\r\nBcc: eve@evil.example",
    "a@x.example\r\nBcc: eve@evil.example",
    "a\nX-Evil: 1",
    "a\u{0}b",
    "a?evil=1#x",
    "a;evil",
    "//evil.example/x",
    "https://evil.example/x",
    "https://api.provider.example@evil.example/",
    "http://169.254.169.254/latest/meta-data",
    "http://[::ffff:10.0.0.1]/",
    "http://2130706433/",
    "http://0x7f.1/",
    "gopher://127.0.0.1:25/",
    "file:///etc/passwd",
    "\u{202e}evil",
    "\"><script>evil()</script>",
];

/// What a bare call lacks, for tools with a choice.
const COMMON: [&str; 8] = [
    "message_ids",
    "channel",
    "ts",
    "repo",
    "query",
    "to",
    "run_id",
    "content",
];

/// A value that the argument would take in an ordinary call.
fn usual(name: &str, schema: &Value) -> Value {
    if let Some(first) = schema["enum"].as_array().and_then(|all| all.first()) {
        return first.clone();
    }
    match (name, schema["type"].as_str()) {
        ("repo", _) => json!("octo/app"),
        ("to" | "cc" | "bcc" | "add_cc", _) => json!(["ada@x.example"]),
        ("from_alias", _) => json!("ada@x.example"),
        ("channel" | "in", _) => json!("C0123456789"),
        ("ts" | "thread_ts", _) => json!("1700000000.000100"),
        ("after" | "before" | "since" | "until", _) => json!("2026-11-01"),
        ("message_ids" | "thread_ids", _) => json!(["18c0ffee"]),
        ("emoji", _) => json!("eyes"),
        ("file_id", _) => json!("F0123456789"),
        ("changes", _) => json!([{ "op": "delete", "path": "a.txt" }]),
        (_, Some("integer" | "number")) => schema.get("minimum").cloned().unwrap_or(json!(1)),
        (_, Some("boolean")) => json!(false),
        (_, Some("array")) => {
            let item = &schema["items"];
            match item["type"].as_str() {
                Some("object") => json!([object(item)]),
                _ => json!(["a"]),
            }
        }
        (_, Some("object")) => object(schema),
        _ if schema.get("anyOf").is_some() => json!("a"),
        _ => json!("abc123"),
    }
}

/// The required members, as usual.
fn object(schema: &Value) -> Value {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let named = required.iter().filter_map(Value::as_str);
    let members = named.map(|name| (name.to_owned(), usual(name, &schema["properties"][name])));
    Value::Object(members.collect())
}

/// What a tool asked the provider, with everything answered by 200 and an empty object.
async fn asked(client: &reqwest::Client, tool: &Tool, arguments: Value) -> Vec<(Url, Seen)> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let answers: Answers = Arc::new(move |request| {
        let one = (request.url.clone(), Seen::of(request));
        noted.lock().unwrap().push(one);
        Response {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: br#"{"ok":true}"#.to_vec(),
            left_out: 0,
            effect: request.effect,
        }
    });
    let base = Url::parse(BASE).unwrap();
    let api = Api::new(ApiSettings {
        answers: Some(answers),
        ..settings_with(client.clone(), &base)
    });
    // What it makes of the answer is not the question here.
    tool.run(api, arguments).await.ok();
    std::mem::take(&mut *seen.lock().unwrap())
}

fn assert_harmless(tool: &str, argument: &str, hostile: &str, (url, seen): &(Url, Seen)) {
    let case = format!("{tool}.{argument} = {hostile:?}: {url}");
    assert_eq!(url.origin(), Url::parse(BASE).unwrap().origin(), "{case}");
    assert!(
        url.username().is_empty() && url.password().is_none(),
        "{case}"
    );
    assert!(url.fragment().is_none(), "{case}");
    let path = url.path();
    assert!(path.starts_with("/v0/"), "{case}");
    let lower = path.to_lowercase();
    for trick in ["/../", "/./", "%2e%2e/", "%0d", "%0a", "%00", "\\"] {
        assert!(!lower.contains(trick), "{case}");
    }
    assert!(!path.ends_with("/.."), "{case}");
    for value in seen.headers.values() {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        assert!(!text.contains(['\r', '\n']), "{case}");
    }
    assert!(seen.headers.get("x-evil").is_none(), "{case}");
    if let Some(mail) = mail(&seen.body) {
        let (headers, _) = mail.split_once("\r\n\r\n").unwrap_or((&mail, ""));
        for line in headers.lines() {
            let line = line.to_lowercase();
            assert!(!line.starts_with("x-evil"), "{case}\n{headers}");
            assert!(
                !(line.starts_with("bcc:") && line.contains("evil")),
                "{case}\n{headers}"
            );
        }
    }
}

/// The mail within a request's body, if there is one.
fn mail(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let raw = body
        .get("raw")
        .or_else(|| body.get("message")?.get("raw"))?;
    let bytes = URL_SAFE.decode(raw.as_str()?).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn takes_text(schema: &Value) -> bool {
    schema["type"] == "string" && schema.get("enum").is_none()
        || schema["type"] == "array" && schema["items"]["type"] == "string"
        || schema.get("anyOf").is_some()
}

#[tokio::test(start_paused = true)]
async fn no_argument_of_any_tool_leaves_its_place_in_a_request() {
    let client = client(Duration::from_mins(1));
    let mut silent = Vec::new();
    for tool in all() {
        let mut reached = 0;
        let schema = Value::Object((*tool.input_schema).clone());
        let properties: Map<String, Value> = schema["properties"].as_object().unwrap().clone();
        for (argument, described) in &properties {
            if !takes_text(described) {
                continue;
            }
            for hostile in HOSTILE {
                let mut arguments = object(&schema);
                for name in COMMON {
                    if let Some(described) = properties.get(name) {
                        arguments[name] = match (name, &*tool.toolkit) {
                            ("to", "slack") => json!("C0123456789"),
                            _ => usual(name, described),
                        };
                    }
                }
                // These two are not given together, and a query only shows.
                if argument == "query" && properties.contains_key("message_ids") {
                    arguments.as_object_mut().unwrap().remove("message_ids");
                    arguments["dry_run"] = json!(true);
                } else if properties.contains_key("message_ids") {
                    arguments.as_object_mut().unwrap().remove("query");
                }
                arguments[argument] = match described["type"].as_str() {
                    Some("array") => json!([hostile]),
                    _ => json!(hostile),
                };
                for request in asked(&client, &tool, arguments).await {
                    reached += 1;
                    assert_harmless(&tool.name, argument, hostile, &request);
                }
            }
        }
        if reached == 0 {
            silent.push(tool.name);
        }
    }
    assert!(silent.is_empty(), "these made no request: {silent:?}");
}
