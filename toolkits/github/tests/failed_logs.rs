//! `github_get_failed_logs`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::pull_request::pull;
use super::{assert_refused_unsent, assert_steps_up};
use crate::error::ErrorCode;
use crate::fake::{Provider, Seen, run};

const TOOL: &str = "github_get_failed_logs";

fn job(id: u64, conclusion: &str) -> Value {
    json!({ "id": id, "name": format!("test {id}"), "conclusion": conclusion, "html_url": null,
        "steps": [{ "name": "Set up", "conclusion": "success" },
                  { "name": "cargo test", "conclusion": conclusion }] })
}

fn log(id: &str) -> String {
    let mut lines: Vec<String> = (0..2000).map(|number| format!("line {number}")).collect();
    lines[1000] = format!("\u{1b}[31merror: job {id} broke\u{1b}[0m");
    lines[1500] = "##[error]Process completed with exit code 1.".to_owned();
    let line = |line: &String| format!("2026-11-20T08:00:00.1234567Z {line}\n");
    lines.iter().map(line).collect()
}

/// GitHub, whose logs are on `storage`.
async fn github(storage: &Provider) -> Provider {
    let place = storage.url.clone();
    Provider::start(move |request: &Seen, _| {
        let path = request.path.strip_prefix("/repos/octo/app/").unwrap();
        match path.split('/').collect::<Vec<_>>().as_slice() {
            ["pulls", "12"] => Json(pull()).into_response(),
            ["actions", "runs"] => {
                assert_eq!(request.query("head_sha"), "4ead");
                let run = |id: u64, conclusion: &str| {
                    json!({ "id": id, "conclusion": conclusion, "event": "push", "head_sha": "4ead",
                        "created_at": "2026-11-20T08:00:00Z", "html_url": "x" })
                };
                Json(json!({ "total_count": 3, "workflow_runs":
                    [run(1, "failure"), run(2, "success"), run(3, "timed_out")] }))
                .into_response()
            }
            ["actions", "runs", "1", "jobs"] => Json(json!({ "jobs": [
                job(70, "success"), job(71, "failure"), job(72, "failure") ] }))
            .into_response(),
            ["actions", "runs", _, "jobs"] => Json(json!({ "jobs": (0..9).map(|number|
                job(80 + number, "failure")).collect::<Vec<_>>() }))
            .into_response(),
            ["actions", "jobs", id] => Json(job(id.parse().unwrap(), "failure")).into_response(),
            ["actions", "jobs", "99", "logs"] => StatusCode::GONE.into_response(),
            ["actions", "jobs", "98", "logs"] => (StatusCode::NOT_FOUND, "{}").into_response(),
            ["actions", "jobs", id, "logs"] => {
                let to = place
                    .join(&format!("/{id}?sig=SIGNED"))
                    .unwrap()
                    .to_string();
                (StatusCode::FOUND, [("location", to)]).into_response()
            }
            _ => (StatusCode::NOT_FOUND, Json(json!({}))).into_response(),
        }
    })
    .await
}

async fn storage() -> Provider {
    Provider::start(|request: &Seen, _| log(request.path.trim_start_matches('/'))).await
}

async fn text(provider: &Provider, more: Value) -> String {
    let mut arguments = json!({ "repo": "octo/app" });
    for (name, value) in more.as_object().unwrap() {
        arguments[name] = value.clone();
    }
    run(provider, TOOL, arguments).await.unwrap().text
}

#[tokio::test]
async fn the_errors_of_failed_jobs_are_shown_with_what_is_around_them() {
    let storage = storage().await;
    let provider = github(&storage).await;
    let text = text(&provider, json!({ "run_id": 1, "tail_lines": 5 })).await;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[..5],
        [
            "Account: octocat",
            "Failed jobs of octo/app",
            "",
            "=== job 71 test 71 (failed: cargo test): 62 of 2000 lines",
            "[980 lines left out]",
        ]
    );
    assert!(
        text.contains("\nline 999\nerror: job 71 broke\nline 1001\n"),
        "{text}"
    );
    assert!(text.contains(
        "\nline 1499\n##[error]Process completed with exit code 1.\n[499 lines left out]"
    ));
    assert!(text.contains("\n\n=== job 72 test 72 (failed: cargo test): 62 of 2000 lines\n"));
    assert!(!text.contains("test 70") && !text.contains("SIGNED") && !text.contains("T08:00"));

    assert_eq!(provider.seen()[0].query("per_page"), "100");
    for seen in storage.seen() {
        assert_eq!(seen.query("sig"), "SIGNED");
        assert!(
            !format!("{seen:?}").contains("token-0"),
            "the token travelled"
        );
    }
}

#[tokio::test]
async fn one_job_and_the_failed_runs_of_a_pull_request_can_be_asked_for() {
    let storage = storage().await;
    let provider = github(&storage).await;
    let one = text(&provider, json!({ "job_id": 75 })).await;
    assert!(
        one.contains("=== job 75 test 75 (failed: cargo test): 81 of 2000 lines"),
        "{one}"
    );

    let of_pull = text(&provider, json!({ "pull_number": 12, "max_chars": 8000 })).await;
    assert!(
        of_pull.contains("\nFailed runs for its head, newest first: 1, 3.\n"),
        "{of_pull}"
    );
    let rest =
        "11 jobs have failed; not shown here, get them with job_id: 82, 83, 84, 85, 86, 87, 88.";
    assert!(of_pull.contains(rest), "{of_pull}");
    for id in [71, 72, 80, 81] {
        assert!(
            of_pull.contains(&format!("\nerror: job {id} broke\n")),
            "{of_pull}"
        );
    }
    assert!(
        of_pull.chars().count() < 8_700,
        "{}",
        of_pull.chars().count()
    );
}

#[tokio::test]
async fn a_log_that_is_gone_is_told_of_and_nothing_failed_is_no_error() {
    let storage = storage().await;
    let provider = github(&storage).await;
    let gone = text(&provider, json!({ "job_id": 99 })).await;
    assert!(gone.ends_with("=== job 99 test 99 (failed: cargo test): its log is no longer kept"));
    let none = text(&provider, json!({ "job_id": 98 })).await;
    assert!(
        none.ends_with("it has no log (yet, or no longer)"),
        "{none}"
    );

    let quiet = Provider::start(|request: &Seen, _| match request.path.rsplit('/').next() {
        Some("12") => Json(pull()),
        Some("jobs") => Json(json!({ "jobs": [job(1, "success")] })),
        _ => Json(json!({ "total_count": 0, "workflow_runs": [] })),
    })
    .await;
    for arguments in [json!({ "run_id": 1 }), json!({ "pull_number": 12 })] {
        assert!(
            text(&quiet, arguments)
                .await
                .ends_with("\nNo job has failed.")
        );
    }
}

#[tokio::test]
async fn of_a_very_long_log_the_end_is_looked_at() {
    let end = log("71");
    let storage = Provider::start(move |_: &Seen, _| {
        format!(
            "{}{end}",
            "2026-11-20T08:00:00.1234567Z an error: early\n".repeat(400_000)
        )
    })
    .await;
    let provider = github(&storage).await;
    let text = text(&provider, json!({ "job_id": 71, "max_chars": 55_000 })).await;
    assert!(text.contains(" bytes that were not looked at\n"), "{text}");
    assert!(text.contains("an error: early [") && text.contains("\nerror: job 71 broke\n"));
    assert!(text.chars().count() < 56_000);
}

#[tokio::test]
async fn a_redirect_to_where_no_log_can_be_is_refused() {
    for to in [
        "",
        "/logs",
        "http://169.254.169.254/latest",
        "https://10.0.0.1/x",
        "https://user:word@storage.example/x",
        "ftp://storage.example/x",
    ] {
        let provider = Provider::start(move |request: &Seen, _| -> Response {
            if request.path.ends_with("/logs") {
                return (StatusCode::FOUND, [("location", to)]).into_response();
            }
            Json(job(71, "failure")).into_response()
        })
        .await;
        let arguments = json!({ "repo": "octo/app", "job_id": 71 });
        let error = run(&provider, TOOL, arguments).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::BadResponse, "{to}");
        assert_eq!(provider.seen().len(), 2);
    }
}

#[tokio::test]
async fn exactly_one_thing_is_asked_for_and_private_ones_ask_for_a_scope() {
    let good = json!({ "repo": "octo/app", "run_id": 1 });
    let wrong = [
        ("job_id", json!(1)),
        ("pull_number", json!(1)),
        ("run_id", json!("../1")),
    ];
    assert_refused_unsent(TOOL, &good, &wrong).await;
    assert_steps_up(TOOL, &good).await;
    assert_steps_up(TOOL, &json!({ "repo": "octo/app", "job_id": 1 })).await;
}
