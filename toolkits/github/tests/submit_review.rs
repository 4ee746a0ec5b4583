//! `github_submit_review`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::pull_request::pull;
use super::{assert_refused_unsent, assert_steps_up, page};
use crate::error::{ErrorCode, ToolError};
use crate::fake::{Provider, Seen, run};
use crate::output::Output;

const TOOL: &str = "github_submit_review";

fn github(request: &Seen) -> Response {
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/repos/octo/app/pulls/12") => {
            let mut pull = pull();
            pull["head"]["sha"] = json!("4ead0000");
            Json(pull).into_response()
        }
        ("GET", "/repos/octo/app/pulls/12/files") => {
            let name = if request.query("page") == "1" {
                "src/a.rs"
            } else {
                "src/b.rs"
            };
            let file = json!({ "filename": name, "status": "modified",
                               "patch": "@@ -4,3 +5,3 @@\n a\n-b\n+c\n d\n@@ -40 +41,2 @@\n x\n+y" });
            page(&json!([file]), request.query("page") == "1")
        }
        ("POST", "/repos/octo/app/pulls/12/reviews") => {
            let review = json!({ "id": 1, "state": "COMMENTED", "html_url": "https://github.com/octo/app/pull/12#r1" });
            Json(review).into_response()
        }
        _ => (StatusCode::NOT_FOUND, Json(json!({}))).into_response(),
    }
}

async fn submit(more: Value) -> (Result<Output, ToolError>, Vec<Seen>) {
    let provider = Provider::start(|request: &Seen, _| github(request)).await;
    let mut arguments = json!({ "repo": "octo/app", "pull_number": 12, "event": "comment" });
    for (name, value) in more.as_object().unwrap() {
        arguments[name] = value.clone();
    }
    let result = run(&provider, TOOL, arguments).await;
    (result, provider.seen())
}

#[tokio::test]
async fn a_review_and_its_comments_are_one_request() {
    let comments = json!([
        { "path": "src/a.rs", "line": 7, "start_line": 5, "body": "Hm." },
        { "path": "src/b.rs", "line": 5, "side": "left", "body": "Why?" },
        { "path": "src/b.rs", "line": 42, "suggestion": "z ```\n" },
    ]);
    let mut arguments = json!({ "body": "Two things.", "comments": comments, "dry_run": true });
    let (result, seen) = submit(arguments.clone()).await;
    let output = result.unwrap();
    assert!(output.text.starts_with("Dry run, nothing was submitted."));
    assert!(seen.iter().all(|request| request.method == "GET"));

    arguments["dry_run"] = json!(false);
    let (result, seen) = submit(arguments).await;
    assert_eq!(result.unwrap().structured.unwrap()["state"], "COMMENTED");
    let sent = seen.last().unwrap().json();
    assert_eq!(
        sent,
        json!({
            "commit_id": "4ead0000", "event": "COMMENT", "body": "Two things.",
            "comments": [
                { "path": "src/a.rs", "line": 7, "side": "RIGHT", "start_line": 5,
                  "start_side": "RIGHT", "body": "Hm." },
                { "path": "src/b.rs", "line": 5, "side": "LEFT", "body": "Why?" },
                { "path": "src/b.rs", "line": 42, "side": "RIGHT",
                  "body": "````suggestion\nz ```\n````" },
            ],
        })
    );
    assert_eq!(output.structured.unwrap()["comments"], sent["comments"]);
}

#[tokio::test]
async fn lines_that_are_not_in_the_diff_are_named_and_nothing_is_sent() {
    for (comment, words) in [
        (
            json!({ "path": "src/a.rs", "line": 8, "body": "x" }),
            "it has 5-7, 41-42",
        ),
        (
            json!({ "path": "src/a.rs", "line": 41, "start_line": 9, "body": "x" }),
            "Line 9",
        ),
        (
            json!({ "path": "src/a.rs", "line": 7, "side": "left", "body": "x" }),
            "it has 4-6, 40-40",
        ),
        (
            json!({ "path": "src/c.rs", "line": 1, "body": "x" }),
            "does not change src/c.rs",
        ),
    ] {
        let (result, seen) = submit(json!({ "comments": [comment] })).await;
        let error = result.unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArguments);
        assert!(error.message.contains(words), "{words}: {error}");
        assert!(seen.iter().all(|request| request.method == "GET"));
    }
}

#[tokio::test]
async fn a_review_of_an_older_head_is_refused() {
    for (commit, fits) in [
        ("4ead0000", true),
        ("4ead000", true),
        ("01d0000", false),
        ("4", false),
    ] {
        let (result, seen) = submit(json!({ "event": "approve", "commit_id": commit })).await;
        assert_eq!(result.is_ok(), fits, "{commit}");
        assert_eq!(seen.len(), if fits { 2 } else { 1 });
    }
}

#[tokio::test]
async fn refusals_are_explained_and_what_does_not_fit_is_refused_unsent() {
    let provider = Provider::start(|request: &Seen, _| -> Response {
        if request.method == "POST" {
            let body = json!({ "message": "Unprocessable Entity",
                               "errors": ["Can not approve your own pull request"] });
            return (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response();
        }
        github(request)
    })
    .await;
    let good = json!({ "repo": "octo/app", "pull_number": 12, "event": "approve" });
    let error = run(&provider, TOOL, good.clone()).await.unwrap_err();
    assert!(error.to_string().contains("own pull request"), "{error}");
    assert_steps_up(TOOL, &good).await;
    let comment = |more: Value| {
        let mut comment = json!({ "path": "a", "line": 5, "body": "x" });
        for (name, value) in more.as_object().unwrap() {
            comment[name] = value.clone();
        }
        json!([comment])
    };
    let wrong = [
        ("event", json!("request_changes")),
        ("event", json!("comment")),
        ("event", json!("merge")),
        ("comments", comment(json!({ "body": " " }))),
        ("comments", comment(json!({ "line": 0 }))),
        ("comments", comment(json!({ "start_line": 6 }))),
        (
            "comments",
            comment(json!({ "side": "left", "suggestion": "y" })),
        ),
        ("comments", comment(json!({ "position": 3 }))),
        ("body", json!("x".repeat(70_000))),
    ];
    assert_refused_unsent(TOOL, &good, &wrong).await;
}
