//! What each tool declares is enough for its most common call, and is the least.

use serde_json::{Value, json};

use super::fuzz::{anything, github};
use crate::fake::{self, Seen};

fn answer(request: &Seen) -> (u16, Value) {
    match request.path.as_str() {
        "/search/issues" | "/repos/octo/app/issues" => github(request),
        "/search/repositories" => (200, json!({ "total_count": 0, "items": [] })),
        _ => anything(request),
    }
}

#[tokio::test]
async fn each_tools_most_common_call_is_allowed_by_the_least_scopes() {
    let repo = "octo/app";
    let calls = [
        ("github_whoami", json!({})),
        ("github_search_issues", json!({ "query": "crash" })),
        (
            "github_get_issue",
            json!({ "repo": repo, "issue_number": 12 }),
        ),
        (
            "github_create_issue",
            json!({ "repo": repo, "title": "Crash" }),
        ),
        (
            "github_add_comment",
            json!({ "repo": repo, "issue_number": 12, "body": "x" }),
        ),
        ("github_search_code", json!({ "query": "bell" })),
        ("github_get_file", json!({ "repo": repo, "path": "a.rs" })),
        ("github_get_tree", json!({ "repo": repo })),
        ("github_list_commits", json!({ "repo": repo })),
        (
            "github_commit_files",
            json!({ "repo": repo, "branch": "main", "message": "x",
                    "changes": [{ "op": "delete", "path": "a" }] }),
        ),
        (
            "github_get_pull_request",
            json!({ "repo": repo, "pull_number": 12 }),
        ),
        (
            "github_get_pull_request_diff",
            json!({ "repo": repo, "pull_number": 12 }),
        ),
        (
            "github_create_pull_request",
            json!({ "repo": repo, "head": "a", "base": "b", "title": "x" }),
        ),
        (
            "github_submit_review",
            json!({ "repo": repo, "pull_number": 12, "event": "comment", "body": "x" }),
        ),
        ("github_list_workflow_runs", json!({ "repo": repo })),
        (
            "github_get_failed_logs",
            json!({ "repo": repo, "run_id": 1 }),
        ),
        ("github_search_repositories", json!({ "query": "mill" })),
    ];
    fake::check_scopes("github", "https://github.example/", &calls, answer).await;
}
