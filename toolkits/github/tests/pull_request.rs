//! `github_get_pull_request`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{assert_refused_unsent, assert_steps_up, page};
use crate::fake::{Provider, Seen, run};

const TOOL: &str = "github_get_pull_request";

/// Pull request 12 as GitHub's REST API describes it, with parts that nobody needs.
pub(super) fn pull() -> Value {
    json!({
        "id": 1, "node_id": "PR_kw", "url": "https://api.github.com/repos/octo/app/pulls/12",
        "html_url": "https://github.com/octo/app/pull/12", "number": 12, "state": "open",
        "title": "Ring\u{200b} the bell", "user": { "login": "ada" }, "body": "Closes #1.",
        "labels": [{ "name": "bug" }], "assignees": [], "draft": false, "merged_at": null,
        "requested_reviewers": [{ "login": "grace" }],
        "base": { "label": "octo:main", "ref": "main", "sha": "ba5e" },
        "head": { "label": "ada:bell", "ref": "bell", "sha": "4ead" },
        "mergeable": true, "mergeable_state": "clean", "additions": 3, "deletions": 1,
        "changed_files": 2, "commits": 1, "comments": 0, "review_comments": 4,
        "created_at": "2026-11-01T08:00:00Z", "updated_at": "2026-11-20T08:00:00Z",
        "_links": {}, "auto_merge": null,
    })
}

fn review(who: &str, state: &str) -> Value {
    json!({ "id": 1, "user": { "login": who }, "state": state, "body": "see <!-- x -->below",
            "submitted_at": "2026-11-20T08:00:00Z", "html_url": "https://github.com/x" })
}

fn answer(request: &Seen, pull: &Value) -> Response {
    match request.path.as_str() {
        "/repos/octo/app/pulls/12" => Json(pull).into_response(),
        "/repos/octo/app/commits/4ead/check-runs" => Json(json!({
            "total_count": 4,
            "check_runs": [
                { "name": "lint", "status": "completed", "conclusion": "success", "html_url": null },
                { "name": "docs", "status": "in_progress", "conclusion": null, "html_url": null },
                { "name": "test", "status": "completed", "conclusion": "failure",
                  "html_url": "https://github.com/octo/app/runs/1", "output": { "title": "2 failed" } },
                { "name": "bench", "status": "completed", "conclusion": "skipped", "html_url": null },
            ],
        }))
        .into_response(),
        "/repos/octo/app/commits/4ead/status" => Json(json!({
            "state": "success", "total_count": 1,
            "statuses": [{ "context": "deploy", "state": "success", "description": null,
                           "target_url": null }],
        }))
        .into_response(),
        "/repos/octo/app/pulls/12/reviews" => page(
            &json!([
                review("grace", "CHANGES_REQUESTED"),
                review("alan", "CHANGES_REQUESTED"),
                review("grace", "COMMENTED"),
                review("alan", "APPROVED"),
            ]),
            false,
        ),
        "/repos/octo/app/pulls/12/commits" => page(
            &json!([{ "sha": "4ead", "commit": { "message": "Ring it\n\nLong story" } }]),
            false,
        ),
        _ => (StatusCode::NOT_FOUND, Json(json!({}))).into_response(),
    }
}

async fn read(change: impl Fn(&mut Value), more: Value) -> (Value, String, Vec<Seen>) {
    let mut the_pull = pull();
    change(&mut the_pull);
    let provider = Provider::start(move |request: &Seen, _| answer(request, &the_pull)).await;
    let mut arguments = json!({ "repo": "octo/app", "pull_number": 12 });
    for (name, value) in more.as_object().unwrap() {
        arguments[name] = value.clone();
    }
    let output = run(&provider, TOOL, arguments).await.unwrap();
    let structured = Value::Object(output.structured.unwrap());
    (structured, output.text, provider.seen())
}

#[tokio::test]
async fn a_pull_request_says_what_stands_in_the_way_of_its_merge() {
    let (read, text, _) = read(|_| {}, json!({})).await;
    let pull = &read["pull_request"];
    assert_eq!(pull["title"], "Ring the bell");
    assert_eq!(
        (&pull["base"], &pull["head"]),
        (&json!("main"), &json!("ada:bell"))
    );
    assert_eq!(read["body"], "Closes #1.");
    let checks = &read["checks"];
    for (name, count) in [("passed", 2), ("failed", 1), ("pending", 1), ("skipped", 1)] {
        assert_eq!(checks[name], count, "{name}");
    }
    assert_eq!(checks["items"][0]["name"], "test", "failed ones first");
    assert_eq!(checks["items"][0]["summary"], "2 failed");
    let verdicts: Vec<_> = read["reviews"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["state"])
        .collect();
    assert_eq!(
        verdicts,
        ["changes_requested", "approved"],
        "a comment takes nothing back"
    );
    assert_eq!(read["reviews"][0]["excerpt"], "see below");
    let blockers = read["blockers"].to_string();
    for words in ["failed: 1", "not ended: 1", "ask for changes: 1"] {
        assert!(blockers.contains(words), "{words}: {blockers}");
    }
    assert!(text.contains("Blocker: Checks that have failed: 1."));
}

#[tokio::test]
async fn each_reason_of_github_is_a_blocker() {
    for (change, words) in [
        (
            json!({ "mergeable": false, "mergeable_state": "dirty" }),
            "conflicts",
        ),
        (
            json!({ "mergeable_state": "blocked" }),
            "rules of the base branch",
        ),
        (json!({ "mergeable_state": "behind" }), "behind"),
        (json!({ "draft": true }), "draft"),
    ] {
        let apply = |pull: &mut Value| {
            for (name, value) in change.as_object().unwrap() {
                pull[name] = value.clone();
            }
        };
        let (read, ..) = read(apply, json!({ "include": ["commits"] })).await;
        assert_eq!(read["blockers"].as_array().unwrap().len(), 1, "{words}");
        assert!(read["blockers"].to_string().contains(words), "{read}");
        assert_eq!(read["checks"], Value::Null);
        assert_eq!(read["commits"][0]["title"], "Ring it");
    }
    let closed = |pull: &mut Value| {
        pull["state"] = json!("closed");
        pull["merged_at"] = json!("2026-11-21T08:00:00Z");
        pull["mergeable"] = Value::Null;
    };
    let (read, ..) = read(closed, json!({})).await;
    assert_eq!(read["pull_request"]["state"], "merged");
    assert_eq!(read["blockers"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn github_is_asked_again_while_it_works_out_the_conflicts() {
    let unknown = |pull: &mut Value| pull["mergeable"] = Value::Null;
    let (read, _, seen) = read(unknown, json!({ "include": "comments" })).await;
    assert_eq!(read["mergeable"], Value::Null);
    assert_eq!(seen.len(), 3, "three times, and no comments to read");
}

#[tokio::test]
async fn checks_that_may_not_be_read_are_a_warning() {
    let provider = Provider::start(|request: &Seen, _| -> Response {
        if request.path.contains("check-runs") {
            let body = json!({ "message": "Resource not accessible by integration" });
            return (StatusCode::FORBIDDEN, Json(body)).into_response();
        }
        answer(request, &pull())
    })
    .await;
    let arguments = json!({ "repo": "octo/app", "pull_number": 12 });
    let read = run(&provider, TOOL, arguments)
        .await
        .unwrap()
        .structured
        .unwrap();
    assert_eq!(read["checks"]["passed"], 1);
    let warnings = read["warnings"].to_string();
    assert!(warnings.contains("Checks: read"), "{warnings}");
}

#[tokio::test]
async fn what_does_not_fit_is_refused_unsent_and_private_ones_ask_for_their_scope() {
    let good = json!({ "repo": "octo/app", "pull_number": 12 });
    assert_refused_unsent(TOOL, &good, &[("include", json!(["files"]))]).await;
    assert_steps_up(TOOL, &good).await;
}
