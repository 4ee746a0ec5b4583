//! `github_search_code`.

use axum::Json;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::assert_refused_unsent;
use crate::error::ErrorCode;
use crate::fake::{Provider, Seen, assert_shorter, run};

const TOOL: &str = "github_search_code";

fn found(path: &str) -> Value {
    json!({
        "name": "main.rs",
        "path": path,
        "sha": "abc",
        "url": "https://api.github.com/repositories/1/contents/x?token=SECRET",
        "git_url": "https://api.github.com/repositories/1/git/blobs/x",
        "html_url": format!("https://github.com/octo/app/blob/main/{path}"),
        "repository": { "id": 1, "full_name": "octo/app", "private": true },
        "score": 1.0,
        "text_matches": [
            { "property": "path", "fragment": "not this" },
            { "property": "content", "fragment": "fn main() {\n    run\u{202e}();\n}\n" },
            { "property": "content", "fragment": "x".repeat(5000) },
            { "property": "content", "fragment": "a third one" },
        ],
    })
}

#[tokio::test]
async fn addresses_are_details() {
    let provider = Provider::start(|_: &Seen, _| {
        let items = [found("src/main.rs"), found("src/lib.rs")];
        Json(json!({ "total_count": 2, "incomplete_results": false, "items": items }))
    })
    .await;
    let mut arguments = json!({ "query": "run" });
    let concise = run(&provider, TOOL, arguments.clone()).await.unwrap();
    arguments["response_format"] = json!("detailed");
    let detailed = run(&provider, TOOL, arguments).await.unwrap();
    let structured = Value::Object(detailed.structured.unwrap());
    let address = "https://github.com/octo/app/blob/main/src/lib.rs";
    assert_shorter(&concise, &detailed.text, &structured, address);
}

#[tokio::test]
async fn files_come_with_the_lines_around_each_match() {
    let provider = Provider::start(|_: &Seen, _| {
        let items = [found("src/main.rs")];
        Json(json!({ "total_count": 1, "incomplete_results": true, "items": items }))
    })
    .await;
    let arguments =
        json!({ "query": "run", "repo": "octo/app", "language": "rust", "path": "src" });
    let output = run(&provider, TOOL, arguments).await.unwrap();
    let seen = &provider.seen()[0];
    assert_eq!(seen.path, "/search/code");
    assert_eq!(
        seen.query("q"),
        "run repo:octo/app language:\"rust\" path:\"src\""
    );
    assert_eq!(
        seen.header("accept"),
        "application/vnd.github.text-match+json"
    );
    assert_eq!(seen.header("x-github-api-version"), "2022-11-28");
    let structured = output.structured.unwrap();
    let item = &structured["items"][0];
    assert_eq!(item["repository"], "octo/app");
    assert_eq!(item["path"], "src/main.rs");
    assert_eq!(item["fragments"][0], "fn main() {\n    run();\n}");
    assert_eq!(item["fragments"].as_array().unwrap().len(), 2);
    assert!(item["fragments"][1].as_str().unwrap().chars().count() <= 240);
    assert!(
        structured["warnings"]
            .to_string()
            .contains("part of the results")
    );
    assert!(!output.text.contains("SECRET"));
}

#[tokio::test]
async fn pages_go_on_until_the_end_or_until_github_stops() {
    let provider = Provider::start(|_: &Seen, _| {
        let items = vec![found("a.rs"); 25];
        Json(json!({ "total_count": 5000, "items": items }))
    })
    .await;
    let output = run(&provider, TOOL, json!({ "query": "x", "limit": 25 }))
        .await
        .unwrap();
    assert!(output.text.chars().count() < 20_000);
    let cursor = output.structured.unwrap()["page"]["next_cursor"].clone();
    run(&provider, TOOL, json!({ "query": "x", "cursor": cursor }))
        .await
        .unwrap();
    let seen = provider.seen();
    assert_eq!(
        (seen[1].query("page"), seen[1].query("per_page")),
        ("2", "25")
    );

    let last = crate::cursor::wrap(&json!({ "page": 40, "size": 25 }));
    let output = run(&provider, TOOL, json!({ "query": "x", "cursor": last }))
        .await
        .unwrap();
    let structured = output.structured.unwrap();
    assert_eq!(structured["page"]["next_cursor"], Value::Null);
    assert!(structured["warnings"].to_string().contains("first 1000"));
}

#[tokio::test]
async fn what_does_not_fit_is_refused_unsent() {
    let wrong = [
        ("query", json!("  ")),
        ("query", json!("x".repeat(2000))),
        ("language", json!("rust\" repo:evil/x")),
        ("path", json!("a\nb")),
        ("cursor", json!("nonsense")),
        (
            "cursor",
            json!(crate::cursor::wrap(&json!({ "page": 0, "size": 5 }))),
        ),
        (
            "cursor",
            json!(crate::cursor::wrap(&json!({ "page": 1, "size": 900 }))),
        ),
    ];
    assert_refused_unsent(TOOL, &json!({ "query": "x", "repo": "octo/app" }), &wrong).await;
}

#[tokio::test]
async fn a_search_that_github_refuses_says_what_it_needs() {
    let provider = Provider::start(|_: &Seen, _| {
        let errors = [json!({ "resource": "Search", "field": "q", "code": "missing" })];
        let body = json!({ "message": "Validation Failed", "errors": errors });
        (StatusCode::UNPROCESSABLE_ENTITY, Json(body))
    })
    .await;
    let error = run(&provider, TOOL, json!({ "query": "extension:rs" }))
        .await
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidArguments);
    assert!(error.fix.contains("words to look for"), "{error}");
}
