//! A dry run shows the request that the same call would send, and sends nothing.

use serde_json::{Value, json};

use super::{run, tool};
use crate::error::ErrorCode;
use crate::fake::{Provider, Seen};

/// Calls of every kind of tool that writes: with a body of JSON, a form, without a body, free ones,
/// and one whose answer is text.
fn writes() -> Vec<(&'static str, Value)> {
    vec![
        (
            "hooli_create_item",
            json!({ "title": "Lamp", "price": 0.1, "tags": ["a", "b&c"] }),
        ),
        (
            "hooli_touch_item",
            json!({ "item": 7, "words": ["a b", "c&d"], "trace": "t-1" }),
        ),
        ("hooli_render_item", json!({ "item": 7 })),
        (
            "hooli_call_api",
            json!({ "method": "POST", "path": "/v1/items", "query": { "q": "x y" },
                    "body": { "deep": { "list": [1, 2.5] } } }),
        ),
        (
            "hooli_call_api",
            json!({ "method": "DELETE", "path": "/v1/files/a b" }),
        ),
    ]
}

fn with_dry_run(mut arguments: Value, value: Value) -> Value {
    arguments["dry_run"] = value;
    arguments
}

#[tokio::test]
async fn what_a_dry_run_shows_is_what_the_same_call_sends() {
    let provider = Provider::start(|_, _| axum::Json(json!({ "id": 1 }))).await;
    for (name, arguments) in writes() {
        let before = provider.seen().len();
        let shown = run(
            &provider,
            name,
            with_dry_run(arguments.clone(), true.into()),
        )
        .await
        .unwrap();
        assert_eq!(provider.seen().len(), before, "{name}: nothing is sent");
        run(&provider, name, with_dry_run(arguments, false.into()))
            .await
            .unwrap();
        let sent = provider.seen().remove(before);
        let text = &shown.text;
        assert!(text.contains("nothing was sent"), "{text}");
        for word in ["token-0", "Bearer", "authorization"] {
            assert!(!text.contains(word), "{name}: {text}");
        }
        let address = address(&provider, &sent);
        assert!(
            text.contains(&format!("\n{} {address}\n", sent.method)),
            "{name}: {text}"
        );
        let Some(structured) = &shown.structured else {
            assert!(tool(name).output_schema.is_none(), "{name}");
            assert!(text.contains("\"item\": 7"), "{text}");
            continue;
        };
        for absent in ["id", "done", "status", "answer"] {
            assert!(!structured.contains_key(absent), "{name}: {absent}");
        }
        let request = &structured["would_send"];
        assert_eq!(request["method"], sent.method.as_str());
        assert_eq!(request["url"], address);
        let headers = request["headers"].as_object().unwrap();
        assert!(!headers.is_empty() && !headers.contains_key("authorization"));
        for (header, value) in headers {
            assert_eq!(sent.header(header), value, "{name}: {header}");
        }
        match &request["body"] {
            Value::Null => assert!(sent.body.is_empty(), "{name}"),
            Value::String(form) => assert_eq!(form.as_bytes(), &sent.body[..]),
            body => {
                assert_eq!(body.to_string().as_bytes(), &sent.body[..]);
                assert!(text.contains(&format!("{body:#}")), "{text}");
            }
        }
    }
}

/// The URL that a request was sent to.
fn address(provider: &Provider, sent: &Seen) -> String {
    let mut url = provider.url.clone();
    url.set_path(&sent.path);
    if !sent.query.is_empty() {
        url.query_pairs_mut().extend_pairs(&sent.query);
    }
    url.into()
}

#[tokio::test]
async fn a_dry_run_refuses_what_the_call_would_refuse() {
    let provider = Provider::start(|_, _| "").await;
    for (name, arguments, part) in [
        (
            "hooli_create_item",
            json!({ "title": "Lanterns", "dry_run": true }),
            "at most 5",
        ),
        (
            "hooli_create_item",
            json!({ "title": "Lamp", "dry_run": "yes" }),
            "`dry_run`: must be true or false",
        ),
        (
            "hooli_touch_item",
            json!({ "item": 7, "trace": "t\r\nHost: evil.example", "dry_run": true }),
            "a header cannot carry",
        ),
        (
            "hooli_call_api",
            json!({ "method": "POST", "path": "/v1/else", "dry_run": true }),
            "may not send",
        ),
        // A read shows nothing that its result does not.
        (
            "hooli_list_items",
            json!({ "shelf": "s", "dry_run": true }),
            "unknown field `dry_run`",
        ),
    ] {
        let error = run(&provider, name, arguments.clone()).await.unwrap_err();
        assert!(error.message.contains(part), "{arguments}: {error}");
    }
    assert!(provider.seen().is_empty());

    let mut settings = crate::fake::settings(&provider.url);
    settings.base_url.set_username("ada").unwrap();
    settings.base_url.set_password(Some("hush")).unwrap();
    let api = crate::api::Api::new(settings);
    let arguments = json!({ "title": "Lamp", "dry_run": true });
    let error = tool("hooli_create_item").run(api, arguments).await;
    assert_eq!(
        error.unwrap_err().code,
        ErrorCode::Rejected,
        "no password is shown"
    );
}
