//! The GitHub tools against a GitHub on loopback.

mod add_comment;
mod commit_files;
mod create_issue;
mod create_pull_request;
mod failed_logs;
mod fuzz;
mod get_file;
mod get_issue;
mod history;
mod pull_request;
mod pull_request_diff;
mod scopes;
mod search_code;
mod search_issues;
mod search_repositories;
mod submit_review;
mod whoami;
mod workflow_runs;

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::error::ErrorCode;
use crate::fake::{Provider, Seen, run};

/// A page of a list; `more` as GitHub says it, with a link that must not be followed.
fn page(items: &Value, more: bool) -> Response {
    let mut response = Json(items).into_response();
    if more {
        let link = "<https://evil.example/steal?page=2>; rel=\"next\"";
        response.headers_mut().insert("link", link.parse().unwrap());
    }
    response
}

/// Every argument that names something within a repository cannot leave it: nothing is sent.
async fn assert_refused_unsent(tool: &str, good: &Value, wrong: &[(&str, Value)]) {
    let provider = Provider::start(|_: &Seen, _| Json(json!({}))).await;
    let common = [
        ("repo", json!("x/../../user")),
        ("repo", json!("octo/app\r\nHost: evil")),
        ("repo", json!("https://evil.example/octo/app")),
        ("owner", json!("../../evil")),
        ("no_such_argument", json!(1)),
    ];
    for (name, value) in common.iter().chain(wrong) {
        let mut arguments = good.clone();
        arguments[*name] = value.clone();
        let error = run(&provider, tool, arguments).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArguments, "{name}: {error}");
    }
    assert!(provider.seen().is_empty(), "{:?}", provider.seen());
}

/// What a private repository looks like to an OAuth app without `repo` ends in a step-up.
async fn assert_steps_up(tool: &str, arguments: &Value) {
    let provider = Provider::start(|_: &Seen, _| {
        let headers = [
            ("x-oauth-scopes", "gist"),
            ("x-accepted-oauth-scopes", "repo"),
        ];
        (axum::http::StatusCode::NOT_FOUND, headers, "{}")
    })
    .await;
    let error = run(&provider, tool, arguments.clone()).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::MissingScopes, "{tool}: {error}");
    assert_eq!(error.missing_scopes, ["repo"], "{tool}");
}

/// An issue as GitHub's REST API describes it, with parts that nobody needs.
fn issue(number: u64) -> Value {
    json!({
        "id": 1_000_000 + number,
        "node_id": "I_kwDO",
        "url": format!("https://api.github.com/repos/octo/app/issues/{number}"),
        "repository_url": "https://api.github.com/repos/octo/app",
        "labels_url": "https://api.github.com/repos/octo/app/issues/1/labels{/name}",
        "html_url": format!("https://github.com/octo/app/issues/{number}"),
        "number": number,
        "state": "open",
        "state_reason": null,
        "title": format!("Issue {number}"),
        "body": "Steps to\n\nreproduce",
        "user": { "login": "ada", "id": 7, "avatar_url": "https://avatars.example/7" },
        "labels": [{ "id": 9, "name": "bug", "color": "f00" }, { "name": "p 1" }],
        "assignee": null,
        "assignees": [{ "login": "grace", "id": 8 }],
        "milestone": null,
        "locked": false,
        "comments": 3,
        "created_at": "2026-11-01T08:00:00Z",
        "updated_at": "2026-11-20T08:00:00Z",
        "closed_at": null,
        "author_association": "NONE",
        "reactions": { "total_count": 0 },
        "score": 1.0,
    })
}
