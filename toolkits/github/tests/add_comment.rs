//! `github_add_comment`.

use axum::Json;
use axum::http::StatusCode;
use serde_json::json;

use super::{assert_refused_unsent, assert_steps_up};
use crate::error::ErrorCode;
use crate::fake::{Provider, Seen, run};

const TOOL: &str = "github_add_comment";

#[tokio::test]
async fn a_comment_is_written_once_and_a_dry_run_writes_none() {
    let provider = Provider::start(|_: &Seen, _| {
        let url = "https://github.com/octo/app/issues/7#issuecomment-1";
        let body = json!({ "id": 1, "html_url": url, "created_at": "2026-11-23T09:00:00Z" });
        (StatusCode::CREATED, Json(body))
    })
    .await;
    let mut arguments = json!({ "repo": "octo/app", "issue_number": 7, "body": "Done.\n" });
    arguments["dry_run"] = json!(true);
    let output = run(&provider, TOOL, arguments.clone()).await.unwrap();
    assert!(
        output
            .text
            .contains("Would send POST /repos/octo/app/issues/7/comments\nDone.")
    );
    assert!(provider.seen().is_empty());

    arguments["dry_run"] = json!(false);
    let output = run(&provider, TOOL, arguments).await.unwrap();
    let seen = provider.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].path, "/repos/octo/app/issues/7/comments");
    assert_eq!(seen[0].json(), json!({ "body": "Done." }));
    let structured = output.structured.unwrap();
    assert_eq!(structured["created_at"], "2026-11-23T10:00:00+01:00");
    assert!(
        structured["url"]
            .as_str()
            .unwrap()
            .ends_with("#issuecomment-1")
    );
}

#[tokio::test]
async fn refusals_are_explained_and_an_unclear_outcome_is_not_repeated() {
    let good = json!({ "repo": "octo/app", "issue_number": 7, "body": "x" });
    for (status, body, code) in [
        (
            403,
            "{\"message\":\"Unable to create comment because issue is locked.\"}",
            ErrorCode::Forbidden,
        ),
        (404, "{}", ErrorCode::NotFound),
        (410, "{}", ErrorCode::Rejected),
        (
            422,
            "{\"message\":\"Validation Failed\"}",
            ErrorCode::InvalidArguments,
        ),
        (500, "", ErrorCode::OutcomeUnknown),
        (200, "{}", ErrorCode::OutcomeUnknown),
        (201, "<html>", ErrorCode::OutcomeUnknown),
    ] {
        let provider =
            Provider::start(move |_: &Seen, _| (StatusCode::from_u16(status).unwrap(), body)).await;
        let error = run(&provider, TOOL, good.clone()).await.unwrap_err();
        assert_eq!(error.code, code, "{status}: {error}");
        assert_eq!(provider.seen().len(), 1, "{status}");
    }
    assert_steps_up(TOOL, &good).await;
    let wrong = [
        ("body", json!(" \n")),
        ("body", json!("x".repeat(65_537))),
        ("issue_number", json!("7/../8")),
    ];
    assert_refused_unsent(TOOL, &good, &wrong).await;
}
