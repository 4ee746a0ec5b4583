//! The tools against answers of GitHub that have gone wrong.

use serde_json::{Value, json};

use super::issue;
use super::pull_request::pull;
use crate::fake::{Seen, garble};
use crate::fuzz;

fn github(request: &Seen) -> (u16, Value) {
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
fn anything(request: &Seen) -> (u16, Value) {
    let path = request.path.as_str();
    let file = json!({ "filename": "a.rs", "status": "modified", "additions": 1, "deletions": 1,
                       "previous_filename": "b.rs", "patch": "@@ -1,2 +1,2 @@\n a\n-b\n+c" });
    let user = json!({ "login": "ada", "id": 7 });
    let value = match path.rsplit('/').next().unwrap_or_default() {
        "code" => json!({ "total_count": 2, "items": [{
            "path": "a.rs", "html_url": "https://x.example", "repository": { "full_name": "o/r" },
            "text_matches": [{ "property": "content", "fragment": "fn x()" }] }] }),
        "files" => json!([file, file]),
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
        "reviews" => json!([{ "user": user, "state": "APPROVED", "body": "x",
                              "submitted_at": "2026-11-02T08:00:00Z" }]),
        "sub_issues" => json!([issue(3)]),
        "parent" => issue(4),
        "timeline" => json!([{ "source": { "issue": issue(5) } }]),
        "commits" => json!([{ "sha": "4ead", "commit": { "message": "x" } }]),
        "a.rs" => json!({ "type": "file", "encoding": "base64", "content": "Zm9vCmJhcgo=",
                          "size": 8, "sha": "b", "html_url": "x" }),
        "src" => json!({ "type": "dir", "entries": [{ "type": "file", "name": "a", "size": 1 }] }),
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
    ] {
        let mut arguments = json!({ "repo": "octo/app" });
        for (name, value) in more.as_object().unwrap() {
            arguments[name] = value.clone();
        }
        let cases = fuzz::CASES / 40;
        let understood = garble(tool, "https://github.example/", &arguments, cases, anything).await;
        assert!(understood > 0, "{tool}");
    }
}
