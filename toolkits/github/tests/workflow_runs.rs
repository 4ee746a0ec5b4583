//! `github_list_workflow_runs`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::pull_request::pull;
use super::{assert_refused_unsent, assert_steps_up, page};
use crate::fake::{Provider, Seen, assert_shorter, run};

const TOOL: &str = "github_list_workflow_runs";

fn workflow_run(id: u64, conclusion: Option<&str>) -> Value {
    json!({
        "id": id, "name": "CI", "display_title": "Ring\u{200b} it", "event": "push",
        "status": "in_progress", "conclusion": conclusion, "head_branch": "main",
        "head_sha": "c0ffee", "actor": { "login": "ada" }, "created_at": "2026-11-20T08:00:00Z",
        "html_url": format!("https://github.com/octo/app/actions/runs/{id}"),
        "logs_url": "https://api.github.com/logs", "path": ".github/workflows/ci.yml",
    })
}

fn github(request: &Seen) -> Response {
    let path = request.path.strip_prefix("/repos/octo/app/").unwrap();
    match path {
        "pulls/12" => Json(pull()).into_response(),
        "actions/runs" | "actions/workflows/ci.yml/runs" => Json(json!({
            "total_count": 5,
            "workflow_runs": [workflow_run(1, Some("failure")), workflow_run(2, None)],
        }))
        .into_response(),
        "actions/runs/1/jobs" => Json(json!({ "total_count": 2, "jobs": [
            { "id": 70, "name": "lint", "conclusion": "success", "html_url": null, "steps": [] },
            { "id": 71, "name": "test", "conclusion": "failure",
              "html_url": "https://github.com/octo/app/actions/runs/1/job/71",
              "steps": [{ "name": "Set up", "conclusion": "success", "number": 1 },
                        { "name": "cargo test", "conclusion": "failure", "number": 2 }] },
        ] }))
        .into_response(),
        "check-runs/71/annotations" => page(
            &json!([
                { "path": "src/a.rs", "start_line": 5, "annotation_level": "failure",
                  "message": "assertion\n failed" },
                { "path": "src/a.rs", "start_line": 6, "annotation_level": "warning", "message": "w" },
            ]),
            false,
        ),
        _ => (StatusCode::NOT_FOUND, Json(json!({}))).into_response(),
    }
}

#[tokio::test]
async fn who_started_a_run_is_a_detail() {
    let provider = Provider::start(|request: &Seen, _| github(request)).await;
    let mut arguments = json!({ "repo": "octo/app" });
    let concise = run(&provider, TOOL, arguments.clone()).await.unwrap();
    arguments["response_format"] = json!("detailed");
    let detailed = run(&provider, TOOL, arguments).await.unwrap();
    let structured = Value::Object(detailed.structured.unwrap());
    assert_shorter(&concise, &detailed.text, &structured, "ada");
}

#[tokio::test]
async fn runs_are_listed_and_failed_ones_explained() {
    let provider = Provider::start(|request: &Seen, _| github(request)).await;
    let mut arguments = json!({
        "repo": "octo/app", "workflow": ".github/workflows/ci.yml", "branch": "feature/x",
        "status": "timed_out", "pull_number": 12, "limit": 2, "failures": true,
    });
    let output = run(&provider, TOOL, arguments.clone()).await.unwrap();
    let seen = provider.seen();
    assert_eq!(
        seen[1].path,
        "/repos/octo/app/actions/workflows/ci.yml/runs"
    );
    for (name, value) in [
        ("branch", "feature/x"),
        ("status", "timed_out"),
        ("head_sha", "4ead"),
    ] {
        assert_eq!(seen[1].query(name), value);
    }
    let structured = output.structured.unwrap();
    let runs = structured["items"].as_array().unwrap();
    assert_eq!(
        (&runs[0]["state"], &runs[1]["state"]),
        (&json!("failure"), &json!("in_progress"))
    );
    assert_eq!(runs[0]["title"], "Ring it");
    let jobs = runs[0]["failed_jobs"].as_array().unwrap();
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0]["steps"], json!(["cargo test"]));
    assert_eq!(
        jobs[0]["annotations"],
        json!(["src/a.rs:5 assertion failed"])
    );
    assert_eq!(seen.len(), 4, "no log was asked for");

    arguments["cursor"] = structured["page"]["next_cursor"].clone();
    arguments["failures"] = json!(false);
    run(&provider, TOOL, arguments).await.unwrap();
    let seen = provider.seen();
    assert_eq!((seen.len(), seen[5].query("page")), (6, "2"));
}

#[tokio::test]
async fn error_messages_that_may_not_be_read_are_a_warning() {
    let provider = Provider::start(|request: &Seen, _| -> Response {
        if request.path.contains("annotations") {
            return (StatusCode::FORBIDDEN, Json(json!({}))).into_response();
        }
        github(request)
    })
    .await;
    let arguments = json!({ "repo": "octo/app", "failures": true });
    let structured = run(&provider, TOOL, arguments)
        .await
        .unwrap()
        .structured
        .unwrap();
    assert_eq!(structured["items"][0]["failed_jobs"][0]["name"], "test");
    let warnings = structured["warnings"].to_string();
    assert!(warnings.contains("Checks: read"), "{warnings}");
}

#[tokio::test]
async fn a_page_of_the_longest_texts_stays_within_the_cap() {
    let provider = Provider::start(|_: &Seen, _| {
        let long = "é".repeat(5000);
        let mut it = workflow_run(1, Some("success"));
        for name in ["name", "display_title", "head_branch"] {
            it[name] = json!(long);
        }
        Json(json!({ "total_count": 1000, "workflow_runs": vec![it; 30] }))
    })
    .await;
    let output = run(&provider, TOOL, json!({ "repo": "octo/app", "limit": 30 }))
        .await
        .unwrap();
    assert_eq!(output.structured.unwrap()["truncated"], false);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_unsent_and_private_ones_ask_for_their_scope() {
    let good = json!({ "repo": "octo/app" });
    let wrong = [
        ("workflow", json!("../../user")),
        ("workflow", json!("..")),
        ("branch", json!("a b")),
        ("status", json!("broken")),
    ];
    assert_refused_unsent(TOOL, &good, &wrong).await;
    assert_steps_up(TOOL, &good).await;
}
