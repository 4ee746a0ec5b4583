//! The tools against answers of GitHub that have gone wrong.

use serde_json::{Value, json};

use super::issue;
use super::pull_request::pull;
use crate::fake::{Seen, garble};
use crate::fuzz;

pub(super) fn github(request: &Seen) -> (u16, Value) {
    match (request.method.as_str(), request.path.as_str()) {
        ("POST", _) => (201, issue(34)),
        (_, "/search/issues") => {
            let items = [issue(12), issue(13)];
            (
                200,
                json!({ "total_count": 2, "incomplete_results": false, "items": items }),
            )
        }
        _ => {
            let message = "Validation Failed";
            let errors =
                [json!({ "resource": "Issue", "field": "title", "code": "missing_field" })];
            (422, json!({ "message": message, "errors": errors }))
        }
    }
}

fn refusing(_: &Seen) -> (u16, Value) {
    let errors =
        [json!({ "resource": "Issue", "field": "title", "code": "invalid", "message": "x" })];
    (
        422,
        json!({ "message": "Validation Failed", "errors": errors }),
    )
}

#[tokio::test(start_paused = true)]
async fn no_answer_of_github_makes_a_tool_panic_or_quote_much() {
    let cases = fuzz::CASES / 5;
    let base = "https://github.example/";
    let search = json!({ "query": "crash", "repo": "octo/app" });
    let understood = garble("github_search_issues", base, &search, cases / 3, github).await;
    assert!(understood > cases / 50);
    let create = json!({ "repo": "octo/app", "title": "App crashes" });
    let understood = garble("github_create_issue", base, &create, cases / 3, github).await;
    assert!(understood > cases / 50);
    let understood = garble("github_create_issue", base, &create, cases / 3, refusing).await;
    assert_eq!(understood, 0);
}

/// Answers that fit the last part of each path.
pub(super) fn anything(request: &Seen) -> (u16, Value) {
    let path = request.path.as_str();
    let file = json!({ "filename": "a.rs", "status": "modified", "additions": 1, "deletions": 1,
                       "previous_filename": "b.rs", "patch": "@@ -1,2 +1,2 @@\n a\n-b\n+c" });
    let user = json!({ "login": "ada", "id": 7 });
    let value = match path.rsplit('/').next().unwrap_or_default() {
        "code" => json!({ "total_count": 2, "items": [{
            "path": "a.rs", "html_url": "https://x.example", "repository": { "full_name": "o/r" },
            "text_matches": [{ "property": "content", "fragment": "fn x()" }] }] }),
        "files" => json!([file, file]),
        "repositories" => json!({ "total_count": 1, "items": [{ "full_name": "o/r",
            "description": "x", "stargazers_count": 3, "private": false }] }),
        "comments" if request.method == "GET" => json!([{ "user": user, "body": "x",
            "created_at": "2026-11-02T08:00:00Z", "html_url": "https://x.example" }]),
        "comments" => {
            let body =
                json!({ "html_url": "https://x.example", "created_at": "2026-11-02T08:00:00Z" });
            return (201, body);
        }
        "check-runs" => json!({ "total_count": 1, "check_runs": [
            { "name": "t", "status": "completed", "conclusion": "failure", "html_url": "x" }] }),
        "status" => json!({ "total_count": 1, "statuses": [
            { "context": "d", "state": "error", "description": "x", "target_url": "x" }] }),
        "reviews" if request.method == "POST" => json!({ "html_url": "x", "state": "COMMENTED" }),
        "reviews" => json!([{ "user": user, "state": "APPROVED", "body": "x",
                              "submitted_at": "2026-11-02T08:00:00Z" }]),
        "sub_issues" => json!([issue(3)]),
        "parent" => issue(4),
        "timeline" => json!([{ "source": { "issue": issue(5) } }]),
        "commits" if request.method == "POST" => {
            return (
                201,
                json!({ "sha": "c0ffee", "html_url": "x", "tree": { "sha": "7ree" } }),
            );
        }
        "commits" => json!([{ "sha": "4ead", "commit": { "message": "x" } }]),
        "a.rs" => json!({ "type": "file", "encoding": "base64", "content": "Zm9vCmJhcgo=",
                          "size": 8, "sha": "b", "html_url": "x" }),
        "src" => json!({ "type": "dir", "entries": [{ "type": "file", "name": "a", "size": 1 }] }),
        "user" => json!({ "login": "ada", "name": "Ada", "html_url": "x" }),
        "orgs" => json!([user]),
        "teams" => json!([{ "slug": "core", "organization": user }]),
        "installations" => json!({ "installations": [{ "account": user, "html_url": "x" }] }),
        "HEAD" | "7ree" => json!({ "sha": "7ree", "truncated": true, "tree": [
            { "path": "a", "mode": "100644", "type": "blob", "sha": "b", "size": 3 }] }),
        "main" => json!({ "object": { "sha": "ba5e0000" } }),
        "trees" => return (201, json!({ "sha": "7ree" })),
        "ba5e0000" => json!({ "sha": "ba5e0000", "tree": { "sha": "7ree" } }),
        "runs" => json!({ "total_count": 9, "workflow_runs": [{ "id": 1, "conclusion": "failure",
            "event": "push", "head_sha": "b", "created_at": "2026-11-02T08:00:00Z",
            "html_url": "x" }] }),
        "jobs" => json!({ "jobs": [{ "id": 2, "name": "t", "conclusion": "failure",
            "steps": [{ "name": "s", "conclusion": "failure" }] }] }),
        "2" if path.ends_with("/jobs/2") => {
            json!({ "id": 2, "name": "t", "conclusion": "failure" })
        }
        // Without its header, the redirect to a log leads nowhere.
        "logs" => return (404, json!({})),
        "annotations" => json!([{ "path": "a", "start_line": 1, "annotation_level": "failure",
            "message": "x" }]),
        "pulls" => return (201, pull()),
        _ if path.contains("/pulls/") => pull(),
        _ => issue(12),
    };
    (200, value)
}

#[tokio::test(start_paused = true)]
async fn no_answer_of_github_makes_a_tool_for_one_repository_panic_or_quote_much() {
    for (tool, more) in [
        ("github_search_code", json!({ "query": "x" })),
        ("github_get_file", json!({ "path": "a.rs" })),
        ("github_get_file", json!({ "path": "src" })),
        (
            "github_get_issue",
            json!({ "issue_number": 12,
                    "include": ["comments", "sub_issues", "parent", "linked_pulls"] }),
        ),
        (
            "github_add_comment",
            json!({ "issue_number": 12, "body": "x" }),
        ),
        (
            "github_get_pull_request",
            json!({ "pull_number": 12, "include": ["checks", "reviews", "comments", "commits"] }),
        ),
        ("github_get_pull_request_diff", json!({ "pull_number": 12 })),
        ("github_get_tree", json!({})),
        ("github_list_commits", json!({})),
        (
            "github_commit_files",
            json!({ "branch": "main", "message": "x", "changes": [{ "op": "delete", "path": "a" }] }),
        ),
        (
            "github_create_pull_request",
            json!({ "head": "a", "base": "b", "title": "x", "reviewers": "ada" }),
        ),
        (
            "github_submit_review",
            json!({ "pull_number": 12, "event": "comment",
                    "comments": [{ "path": "a.rs", "line": 2, "body": "x" }] }),
        ),
        ("github_list_workflow_runs", json!({ "failures": true })),
        ("github_search_repositories", json!({ "query": "x" })),
        ("github_get_failed_logs", json!({ "run_id": 1 })),
        ("github_get_failed_logs", json!({ "job_id": 2 })),
        ("github_get_failed_logs", json!({ "pull_number": 12 })),
        (
            "github_whoami",
            json!({ "include": ["orgs", "teams", "installations"] }),
        ),
    ] {
        let mut arguments = json!({ "repo": "octo/app" });
        if ["github_whoami", "github_search_repositories"].contains(&tool) {
            arguments = json!({});
        }
        for (name, value) in more.as_object().unwrap() {
            arguments[name] = value.clone();
        }
        let cases = fuzz::CASES / 40;
        let understood = garble(tool, "https://github.example/", &arguments, cases, anything).await;
        assert!(understood > 0, "{tool}");
    }
}
