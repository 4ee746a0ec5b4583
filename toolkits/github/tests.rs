//! The GitHub tools against a GitHub on loopback.

mod create_issue;
mod fuzz;
mod search_issues;

use serde_json::{Value, json};

/// An issue as GitHub's REST API describes it, with parts that nobody needs.
fn issue(number: u64) -> Value {
    json!({
        "id": 1_000_000 + number,
        "node_id": "I_kwDO",
        "url": format!("https://api.github.com/repos/octo/app/issues/{number}"),
        "repository_url": "https://api.github.com/repos/octo/app",
        "labels_url": "https://api.github.com/repos/octo/app/issues/1/labels{/name}",
        "html_url": format!("https://github.com/octo/app/issues/{number}"),
        "number": number,
        "state": "open",
        "state_reason": null,
        "title": format!("Issue {number}"),
        "body": "Steps to\n\nreproduce",
        "user": { "login": "ada", "id": 7, "avatar_url": "https://avatars.example/7" },
        "labels": [{ "id": 9, "name": "bug", "color": "f00" }, { "name": "p 1" }],
        "assignee": null,
        "assignees": [{ "login": "grace", "id": 8 }],
        "milestone": null,
        "locked": false,
        "comments": 3,
        "created_at": "2026-11-01T08:00:00Z",
        "updated_at": "2026-11-20T08:00:00Z",
        "closed_at": null,
        "author_association": "NONE",
        "reactions": { "total_count": 0 },
        "score": 1.0,
    })
}
