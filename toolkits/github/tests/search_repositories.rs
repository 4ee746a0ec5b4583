//! `github_search_repositories`, which `toolkit.yaml` declares.

use axum::Json;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::{Value, json};

use crate::error::ErrorCode;
use crate::fake::{Provider, run};

const TOOL: &str = "github_search_repositories";

#[tokio::test]
async fn repositories_come_in_pages_without_what_nobody_needs() {
    let provider = Provider::start(|_, _| {
        let item = json!({
            "id": 1, "node_id": "R_1", "full_name": "octo/app", "description": "An \u{202e}app",
            "html_url": "https://github.com/octo/app", "language": null, "stargazers_count": 12,
            "pushed_at": "2026-11-20T08:00:00Z", "private": false, "archived": true,
            "default_branch": "main", "owner": { "login": "octo" }, "forks_count": 2,
        });
        let link = "<https://api.github.com/search/repositories?q=app&page=2>; rel=\"next\"";
        let found = json!({ "total_count": 31, "incomplete_results": false, "items": [item] });
        ([("link", link)], Json(found))
    })
    .await;
    let arguments = json!({ "query": "app org:octo", "sort": "stars", "limit": 5 });
    let first = run(&provider, TOOL, arguments).await.unwrap();
    let structured = Value::Object(first.structured.unwrap());
    assert_eq!(
        structured["items"][0],
        json!({
            "repo": "octo/app", "description": "An app", "url": "https://github.com/octo/app",
            "stars": 12, "pushed_at": "2026-11-20T08:00:00Z", "private": false, "archived": true,
            "default_branch": "main",
        })
    );
    assert_eq!(structured["total"], 31);
    assert_eq!(structured["page"]["returned"], 1);
    let cursor = &structured["page"]["next_cursor"];
    let next = json!({ "query": "app org:octo", "sort": "stars", "limit": 5, "cursor": cursor });
    run(&provider, TOOL, next).await.unwrap();
    let seen = provider.seen();
    for (number, request) in seen.iter().enumerate() {
        assert_eq!(request.path, "/search/repositories");
        assert_eq!(request.query("q"), "app org:octo");
        assert_eq!(request.query("sort"), "stars");
        assert_eq!(request.query("per_page"), "5");
        assert_eq!(request.query("page"), ["", "2"][number]);
        assert_eq!(request.header("accept"), "application/vnd.github+json");
        assert_eq!(request.header("x-github-api-version"), "2022-11-28");
    }
}

#[tokio::test]
async fn a_query_that_github_refuses_is_told_with_githubs_reason() {
    let provider = Provider::start(|_, _| {
        let problem = json!({ "message": "Validation Failed", "errors": [{ "field": "q" }] });
        (StatusCode::UNPROCESSABLE_ENTITY, Json(problem)).into_response()
    })
    .await;
    let error = run(&provider, TOOL, json!({ "query": "org:nobody" }))
        .await
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::Rejected);
    assert!(error.message.contains("Validation Failed"), "{error}");
    let long = run(&provider, TOOL, json!({ "query": "x".repeat(257) })).await;
    assert_eq!(long.unwrap_err().code, ErrorCode::InvalidArguments);
    assert_eq!(provider.seen().len(), 1);
}
