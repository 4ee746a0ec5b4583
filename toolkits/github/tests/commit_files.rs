//! `github_commit_files`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{assert_refused_unsent, assert_steps_up};
use crate::error::{ErrorCode, ToolError};
use crate::fake::{Provider, Seen, run};
use crate::output::Output;

const TOOL: &str = "github_commit_files";

fn github(request: &Seen) -> Response {
    let ok = |value: Value| Json(value).into_response();
    let created = |value: Value| (StatusCode::CREATED, Json(value)).into_response();
    let commit = |sha: &str| {
        json!({ "sha": sha, "html_url": format!("https://github.com/octo/app/commit/{sha}"),
                "tree": { "sha": "7ree" }, "message": "x", "parents": [] })
    };
    let path = request.path.strip_prefix("/repos/octo/app/git/").unwrap();
    match (request.method.as_str(), path) {
        ("GET", "ref/heads/main" | "ref/heads/feature/x") => {
            ok(json!({ "ref": "x", "object": { "type": "commit", "sha": "ba5e0000" } }))
        }
        ("GET", "commits/ba5e0000") => ok(commit("ba5e0000")),
        ("GET", "trees/7ree") => ok(json!({ "sha": "7ree", "truncated": false, "tree": [
            { "path": "run.sh", "mode": "100755", "type": "blob", "sha": "b1", "size": 1 },
            { "path": "old.md", "mode": "100644", "type": "blob", "sha": "b2", "size": 1 },
            { "path": "gone.md", "mode": "100644", "type": "blob", "sha": "b3", "size": 1 },
            { "path": "src", "mode": "040000", "type": "tree", "sha": "7" },
        ] })),
        ("POST", "trees") => created(json!({ "sha": "new7ree" })),
        ("POST", "commits") => created(commit("c0ffee")),
        ("POST", "refs") => created(json!({ "ref": "x" })),
        ("PATCH", "refs/heads/main" | "refs/heads/feature/x") => ok(json!({ "ref": "x" })),
        _ => (StatusCode::NOT_FOUND, Json(json!({}))).into_response(),
    }
}

fn everything() -> Value {
    json!({
        "repo": "octo/app", "branch": "main", "message": "All at once",
        "changes": [
            { "op": "create", "path": "src/new.rs", "content": "fn x() {}\n" },
            { "op": "update", "path": "run.sh", "content": "#!/bin/sh\n" },
            { "op": "rename", "path": "new.md", "from": "old.md" },
            { "op": "delete", "path": "gone.md" },
        ],
    })
}

async fn commit(arguments: Value) -> (Result<Output, ToolError>, Vec<Seen>) {
    let provider = Provider::start(|request: &Seen, _| github(request)).await;
    let result = run(&provider, TOOL, arguments).await;
    (result, provider.seen())
}

fn written(seen: &[Seen]) -> Vec<String> {
    let writes = seen.iter().filter(|request| request.method != "GET");
    writes
        .map(|request| {
            format!(
                "{} {}",
                request.method,
                request.path.rsplit("/git/").next().unwrap()
            )
        })
        .collect()
}

#[tokio::test]
async fn all_changes_are_one_commit_and_the_branch_moves_last() {
    let (result, seen) = commit(everything()).await;
    let structured = result.unwrap().structured.unwrap();
    assert_eq!(structured["commit"], "c0ffee");
    assert_eq!(structured["base"], "ba5e0000");
    assert_eq!(
        written(&seen),
        ["POST trees", "POST commits", "PATCH refs/heads/main"]
    );
    let [tree, commit, moved] = &seen[3..] else {
        panic!("three reads, three writes");
    };
    assert_eq!(
        tree.json(),
        json!({ "base_tree": "7ree", "tree": [
            { "path": "src/new.rs", "mode": "100644", "type": "blob", "content": "fn x() {}\n" },
            { "path": "run.sh", "mode": "100755", "type": "blob", "content": "#!/bin/sh\n" },
            { "path": "old.md", "mode": "100644", "type": "blob", "sha": null },
            { "path": "new.md", "mode": "100644", "type": "blob", "sha": "b2" },
            { "path": "gone.md", "mode": "100644", "type": "blob", "sha": null },
        ] })
    );
    assert_eq!(
        commit.json(),
        json!({ "message": "All at once", "tree": "new7ree", "parents": ["ba5e0000"] })
    );
    assert_eq!(moved.json(), json!({ "sha": "c0ffee", "force": false }));
    assert!(
        seen.iter()
            .all(|it| it.header("x-github-api-version") == "2022-11-28")
    );
}

#[tokio::test]
async fn a_dry_run_checks_everything_and_writes_nothing() {
    let mut arguments = everything();
    arguments["dry_run"] = json!(true);
    let (result, seen) = commit(arguments.clone()).await;
    let output = result.unwrap();
    assert!(output.text.starts_with("Dry run, nothing was written."));
    assert!(output.text.contains("rename old.md to new.md"));
    assert!(written(&seen).is_empty());
    arguments["changes"][3]["path"] = json!("nothing.md");
    let (result, _) = commit(arguments).await;
    assert!(result.unwrap_err().message.contains("no such file"));
}

#[tokio::test]
async fn a_new_branch_begins_where_it_is_told() {
    let mut arguments = everything();
    arguments["branch"] = json!("topic/one");
    let (result, _) = commit(arguments.clone()).await;
    let error = result.unwrap_err();
    assert!(error.fix.contains("create_branch_from"), "{error}");
    arguments["create_branch_from"] = json!("feature/x");
    let (result, seen) = commit(arguments).await;
    assert_eq!(result.unwrap().structured.unwrap()["branch_created"], true);
    assert_eq!(written(&seen), ["POST trees", "POST commits", "POST refs"]);
    let last = seen.last().unwrap();
    assert_eq!(
        last.json(),
        json!({ "ref": "refs/heads/topic/one", "sha": "c0ffee" })
    );
}

#[tokio::test]
async fn nobodys_work_is_overwritten() {
    for (head, fits) in [
        ("ba5e0000", true),
        ("ba5e000", true),
        ("0ther000", false),
        ("ba", false),
    ] {
        let mut arguments = everything();
        arguments["expected_head"] = json!(head);
        let (result, seen) = commit(arguments).await;
        assert_eq!(result.is_ok(), fits, "{head}");
        assert_eq!(written(&seen).is_empty(), !fits, "{head}");
    }
    let provider = Provider::start(|request: &Seen, _| -> Response {
        if request.method == "PATCH" {
            let body = json!({ "message": "Update is not a fast forward" });
            return (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response();
        }
        github(request)
    })
    .await;
    let error = run(&provider, TOOL, everything()).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Rejected);
    assert!(error.message.contains("Nothing was changed"), "{error}");
}

#[tokio::test]
async fn changes_that_do_not_fit_the_branch_are_refused_before_a_write() {
    for (change, words) in [
        (
            json!({ "op": "create", "path": "run.sh", "content": "x" }),
            "use `update`",
        ),
        (
            json!({ "op": "update", "path": "nothing", "content": "x" }),
            "no such file",
        ),
        (
            json!({ "op": "update", "path": "src", "content": "x" }),
            "no such file",
        ),
        (
            json!({ "op": "rename", "path": "run.sh", "from": "old.md" }),
            "exists already",
        ),
        (
            json!({ "op": "rename", "path": "x", "from": "nothing" }),
            "no such file",
        ),
    ] {
        let mut arguments = everything();
        arguments["changes"] = json!([change]);
        let (result, seen) = commit(arguments).await;
        let error = result.unwrap_err();
        assert!(error.message.contains(words), "{change}: {error}");
        assert!(written(&seen).is_empty());
    }
}

#[tokio::test]
async fn workflows_ask_for_their_scope() {
    for step in ["POST trees", "PATCH refs/heads/main"] {
        let provider = Provider::start(move |request: &Seen, _| -> Response {
            let at = format!(
                "{} {}",
                request.method,
                request.path.rsplit("/git/").next().unwrap()
            );
            if at == step {
                let headers = [
                    ("x-oauth-scopes", "repo"),
                    ("x-accepted-oauth-scopes", "repo"),
                ];
                return (StatusCode::NOT_FOUND, headers, "{}").into_response();
            }
            github(request)
        })
        .await;
        let mut arguments = everything();
        let error = run(&provider, TOOL, arguments.clone()).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::NotFound);
        arguments["changes"][0]["path"] = json!(".github/workflows/ci.yml");
        let error = run(&provider, TOOL, arguments).await.unwrap_err();
        assert_eq!(error.missing_scopes, ["workflow"], "{step}");
    }
}

#[tokio::test(start_paused = true)]
async fn making_objects_is_repeated_and_moving_the_branch_is_not() {
    let provider = Provider::start(|request: &Seen, before| -> Response {
        if request.method == "POST" && before == 3 || request.method == "PATCH" {
            return StatusCode::BAD_GATEWAY.into_response();
        }
        github(request)
    })
    .await;
    let error = run(&provider, TOOL, everything()).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::OutcomeUnknown);
    assert_eq!(
        written(&provider.seen()),
        [
            "POST trees",
            "POST trees",
            "POST commits",
            "PATCH refs/heads/main"
        ]
    );
}

#[tokio::test]
async fn arguments_that_do_not_fit_are_refused_unsent() {
    let change = |op: &str, path: &str| json!([{ "op": op, "path": path, "content": "x" }]);
    let wrong = [
        ("branch", json!("a b")),
        ("branch", json!("../../user")),
        ("create_branch_from", json!("a..b")),
        ("message", json!(" ")),
        ("changes", json!([])),
        ("changes", change("create", "../x")),
        ("changes", change("create", "/x")),
        ("changes", change("create", "a/.git/config")),
        ("changes", change("delete", "x")),
        ("changes", change("rename", "x")),
        ("changes", json!([{ "op": "update", "path": "x" }])),
        (
            "changes",
            json!([{ "op": "delete", "path": "x" }, { "op": "delete", "path": "x" }]),
        ),
    ];
    assert_refused_unsent(TOOL, &everything(), &wrong).await;
    assert_steps_up(TOOL, &everything()).await;
}
