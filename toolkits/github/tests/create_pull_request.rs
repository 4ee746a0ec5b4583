//! `github_create_pull_request`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::pull_request::pull;
use super::{assert_refused_unsent, assert_steps_up};
use crate::error::ErrorCode;
use crate::fake::{Provider, Seen, run};

const TOOL: &str = "github_create_pull_request";

fn everything() -> Value {
    json!({
        "repo": "octo/app", "head": "ada:bell", "title": " Ring the bell ", "body": "Loudly.\n",
        "draft": true, "closes": [1, 2], "reviewers": ["@grace", "octo/core"],
    })
}

fn github(request: &Seen) -> Response {
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/repos/octo/app") => Json(json!({ "default_branch": "trunk" })).into_response(),
        ("POST", "/repos/octo/app/pulls" | "/repos/octo/app/pulls/12/requested_reviewers") => {
            (StatusCode::CREATED, Json(pull())).into_response()
        }
        _ => (StatusCode::NOT_FOUND, Json(json!({}))).into_response(),
    }
}

#[tokio::test]
async fn a_pull_request_is_opened_with_its_issues_and_reviewers() {
    let provider = Provider::start(|request: &Seen, _| github(request)).await;
    let structured = run(&provider, TOOL, everything())
        .await
        .unwrap()
        .structured
        .unwrap();
    let seen = provider.seen();
    assert_eq!(
        seen[1].json(),
        json!({
            "title": "Ring the bell", "head": "ada:bell", "base": "trunk", "draft": true,
            "body": "Loudly.\n\nCloses #1.\nCloses #2.",
        })
    );
    assert_eq!(
        seen[2].json(),
        json!({ "reviewers": ["grace"], "team_reviewers": ["core"] })
    );
    assert_eq!(structured["pull_request"]["number"], 12);
    assert_eq!(structured["reviewers"], json!(["grace", "octo/core"]));
    assert_eq!(structured["warnings"], json!([]));
}

#[tokio::test]
async fn a_dry_run_shows_what_would_be_sent() {
    let provider = Provider::start(|request: &Seen, _| github(request)).await;
    let mut arguments = everything();
    arguments["dry_run"] = json!(true);
    arguments["base"] = json!("release/1");
    let output = run(&provider, TOOL, arguments.clone()).await.unwrap();
    assert!(provider.seen().is_empty());
    assert!(
        output
            .text
            .starts_with("Dry run, nothing was opened. Would open the draft pull request")
    );
    arguments["dry_run"] = json!(false);
    run(&provider, TOOL, arguments).await.unwrap();
    assert_eq!(
        output.structured.unwrap()["would_send"],
        provider.seen()[0].json()
    );
}

#[tokio::test]
async fn reviewers_who_cannot_be_asked_are_a_warning() {
    let provider = Provider::start(|request: &Seen, _| -> Response {
        if request.path.ends_with("requested_reviewers") {
            let body = json!({ "message": "Reviews may only be requested from collaborators." });
            return (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response();
        }
        github(request)
    })
    .await;
    let structured = run(&provider, TOOL, everything())
        .await
        .unwrap()
        .structured
        .unwrap();
    assert_eq!(structured["pull_request"]["number"], 12);
    assert_eq!(structured["reviewers"], json!([]));
    assert!(
        structured["warnings"][0]
            .as_str()
            .unwrap()
            .starts_with("It is open, but")
    );
}

#[tokio::test]
async fn refusals_are_explained_and_what_does_not_fit_is_refused_unsent() {
    let provider = Provider::start(|_: &Seen, _| {
        let errors = [json!({ "resource": "PullRequest", "code": "custom",
                              "message": "A pull request already exists for ada:bell." })];
        let body = json!({ "message": "Validation Failed", "errors": errors });
        (StatusCode::UNPROCESSABLE_ENTITY, Json(body))
    })
    .await;
    let good = json!({ "repo": "octo/app", "head": "bell", "base": "main", "title": "T" });
    let error = run(&provider, TOOL, good.clone()).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidArguments);
    assert!(error.message.contains("already exists"), "{error}");
    assert_steps_up(TOOL, &good).await;
    let wrong = [
        ("head", json!("a b")),
        ("head", json!("../x:branch")),
        ("base", json!("a..b")),
        ("title", json!("two\nlines")),
        ("title", json!("")),
        ("body", json!("x".repeat(65_537))),
        ("closes", json!([0])),
        ("reviewers", json!(["a/b/c"])),
        ("reviewers", json!("not a login")),
    ];
    assert_refused_unsent(TOOL, &good, &wrong).await;
}
