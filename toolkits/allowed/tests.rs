//! Every tool against lists that do not have what it is asked for. A tool that is new has no row
//! here and fails: whoever adds it says what it names.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use serde_json::{Value, json};

use super::Allowed;
use crate::api::{Api, ApiSettings};
use crate::cursor;
use crate::error::{ErrorCode, ToolError};
use crate::fake::{Provider, Seen, settings};
use crate::output::Output;

/// What the lists have; what the calls below name, they have not.
fn lists() -> Allowed {
    Allowed {
        recipient_domains: vec!["x.example".parse().unwrap()],
        slack_channels: vec!["#launch".parse().unwrap(), "C0LAUNCH02".parse().unwrap()],
        github_repos: vec!["octo/app".parse().unwrap(), "acme/*".parse().unwrap()],
    }
}

/// The lists that have it.
fn wider() -> Allowed {
    let mail = ["evil.test", "*.evil.test", "x.example", "*.x.example"];
    let slack = ["#launch", "#secret", "C0SECRET01", "@*"];
    Allowed {
        recipient_domains: mail.iter().map(|rule| rule.parse().unwrap()).collect(),
        slack_channels: slack.iter().map(|rule| rule.parse().unwrap()).collect(),
        github_repos: vec!["evil/*".parse().unwrap()],
    }
}

/// Tools that name no recipient, no conversation and no repository, or leave out of their results
/// what is not allowed, which other tests look at; and one that a file declares, which is off.
const NAMES_NO_TARGET: &[&str] = &[
    "gmail_search",
    "gmail_read_message",
    "gmail_read_thread",
    "gmail_create_draft",
    "gmail_list_labels",
    "gmail_modify_messages",
    "gmail_trash",
    "gmail_restore",
    "gmail_get_attachment",
    "gmail_list_drafts",
    "gmail_create_label",
    "slack_whoami",
    "slack_find_channels",
    "slack_find_users",
    "github_whoami",
];

/// A place in Slack that is not on the list, in every form.
const ELSEWHERE: [&str; 6] = [
    "#secret",
    "#SECRET",
    "C0SECRET01",
    "https://acme.slack.com/archives/C0SECRET01",
    "D0SECRET01",
    "@eve",
];

#[expect(clippy::too_many_lines, reason = "one table")]
fn calls(tool: &str) -> Vec<Value> {
    let ts = "1700000000.000100";
    let link = "https://acme.slack.com/archives/C0SECRET01/p1700000000000100";
    let somewhere = |more: Value| {
        let mut calls = Vec::new();
        for channel in ELSEWHERE {
            let mut call = more.clone();
            call["channel"] = json!(channel);
            calls.push(call);
        }
        calls
    };
    let message = |more: Value| {
        let mut calls = somewhere(json!({ "ts": ts }));
        calls.push(json!({ "ts": link }));
        for call in &mut calls {
            for (name, value) in more.as_object().unwrap() {
                call[name] = value.clone();
            }
        }
        calls
    };
    let repositories = |more: Value| {
        let names = [
            json!({ "repo": "evil/app" }),
            json!({ "owner": "evil", "repo": "app" }),
            json!({ "repo": "https://github.com/Evil/app.git" }),
        ];
        let mut calls = Vec::new();
        for mut call in names {
            for (name, value) in more.as_object().unwrap() {
                call[name] = value.clone();
            }
            calls.push(call);
        }
        calls
    };
    match tool {
        "gmail_send_email" => {
            let mut calls = Vec::new();
            for field in ["to", "cc", "bcc"] {
                for address in [
                    "eve@evil.test",
                    "eve@X.example.evil.test",
                    "eve@sub.x.example",
                ] {
                    let mut call = json!({ "to": "ada@x.example", "subject": "s", "body": "b" });
                    call[field] = json!(["bob@x.example", format!("Ada <{address}>")]);
                    calls.push(call);
                }
            }
            calls
        }
        "gmail_reply" => vec![
            json!({ "message_id": "m1", "body": "b" }),
            json!({ "message_id": "m2", "body": "b", "reply_all": true }),
            json!({ "message_id": "m2", "body": "b", "cc": "eve@evil.test" }),
            json!({ "message_id": "m2", "body": "b", "bcc": "eve@evil.test", "dry_run": true }),
        ],
        "gmail_send_draft" => vec![json!({ "draft_id": "d1" }), json!({ "draft_id": "d2" })],
        "slack_read_channel" => {
            let mut calls = somewhere(json!({}));
            // A cursor is the caller's to forge.
            calls.push(json!({ "channel": "#launch", "cursor": cursor::wrap(&json!({
                "asked": "#launch", "channel": { "id": "C0SECRET01", "name": "launch", "kind": null },
                "since": ts, "until": ts, "open": true, "next": "x" })) }));
            calls
        }
        "slack_read_thread" => {
            let mut calls = somewhere(json!({ "thread_ts": ts }));
            calls.push(json!({ "thread_ts": link }));
            calls.push(json!({ "thread_ts": ts, "cursor": cursor::wrap(&json!({
                "asked": ts, "channel": { "id": "C0SECRET01", "name": "launch", "kind": null },
                "parent": ts, "start": { "next": "x" } })) }));
            calls
        }
        "slack_get_message" | "slack_delete_message" => message(json!({})),
        "slack_react" => message(json!({ "emoji": "tada" })),
        "slack_update_message" => message(json!({ "text": "t" })),
        // Of a file Slack tells where it was shared only when it is read, so none is.
        "slack_read_file" => vec![json!({ "file_id": "F0123456789" })],
        "slack_upload_file" => ELSEWHERE
            .iter()
            .map(|to| json!({ "to": to, "filename": "a.txt", "content": "text" }))
            .collect(),
        "slack_send_message" => {
            let mut calls = Vec::new();
            for to in ELSEWHERE {
                for dry_run in [false, true] {
                    calls.push(json!({ "to": to, "text": "t", "dry_run": dry_run }));
                }
            }
            calls.push(json!({ "to": ["@eve", "@ada"], "text": "t" }));
            calls
        }
        "slack_search" => ELSEWHERE
            .iter()
            .map(|within| json!({ "query": "q", "in": within }))
            .collect(),
        "github_search_issues" | "github_search_code" => {
            let mut calls = repositories(json!({ "query": "q" }));
            calls.push(json!({ "query": "q", "owner": "evil" }));
            for query in [
                "q repo:evil/app",
                "(REPO:\"evil/app\")",
                "q org:evil",
                "q user:evil",
            ] {
                calls.push(json!({ "query": query }));
            }
            calls
        }
        "github_get_issue" => repositories(json!({ "issue_number": 1 })),
        "github_create_issue" => repositories(json!({ "title": "t", "body": "b" })),
        "github_add_comment" => repositories(json!({ "issue_number": 1, "body": "b" })),
        "github_get_file" | "github_list_workflow_runs" => repositories(json!({ "path": "a" }))
            .into_iter()
            .map(|mut call| {
                if tool == "github_list_workflow_runs" {
                    call.as_object_mut().unwrap().remove("path");
                }
                call
            })
            .collect(),
        "github_get_tree" | "github_list_commits" => repositories(json!({})),
        "github_commit_files" => repositories(json!({
            "branch": "main", "message": "m", "changes": [{ "op": "create", "path": "a", "content": "b" }] })),
        "github_get_pull_request" | "github_get_pull_request_diff" => {
            repositories(json!({ "pull_number": 1 }))
        }
        "github_get_failed_logs" => repositories(json!({ "run_id": 1 })),
        "github_create_pull_request" => repositories(json!({ "title": "t", "head": "h" })),
        "github_submit_review" => {
            repositories(json!({ "pull_number": 1, "event": "comment", "body": "b" }))
        }
        _ => panic!("{tool} is new: say here what it names, or that it names nothing"),
    }
}

/// Answers as if everything that is named were there, or as if nothing were.
fn answer(request: &Seen, there: bool) -> Value {
    let last = request.path.rsplit('/').next().unwrap();
    let headers = |from: &str, to: &str| {
        let cc = "\"Eve, of evil\" <eve@evil.test>";
        json!({ "id": "m", "threadId": "t", "labelIds": [], "payload": { "headers": [
            { "name": "From", "value": from }, { "name": "To", "value": to },
            { "name": "Cc", "value": cc }, { "name": "Message-ID", "value": "<a@b>" } ] } })
    };
    let secret = json!({ "id": "C0SECRET01", "name": "secret" });
    let direct = json!({ "id": "D0SECRET01", "is_im": true, "user": "U0EVE00001" });
    let eve = json!({ "id": "U0EVE00001", "name": "eve", "profile": {} });
    match last {
        // Gmail. What is there must be read to know whom an answer goes to.
        "m1" => headers("eve@evil.test", "ada@x.example"),
        "m2" => headers("bob@x.example", "ada@x.example"),
        "d1" => json!({ "id": "d1", "message": headers("ada@x.example", "bob@x.example") }),
        "d2" => json!({ "id": "d2", "message": headers("ada@x.example", "bob@x.example b@y, c") }),
        "sendAs" => json!({ "sendAs": [
            { "sendAsEmail": "ada@x.example", "isDefault": true, "isPrimary": true } ] }),
        // Slack.
        "conversations.info" if !there => json!({ "ok": false, "error": "channel_not_found" }),
        "conversations.info" => {
            let body = String::from_utf8_lossy(&request.body);
            let found = if body.contains("D0") {
                direct
            } else if body.contains("C0LAUNCH02") {
                json!({ "id": "C0LAUNCH02", "name": "renamed" })
            } else {
                secret
            };
            json!({ "ok": true, "channel": found })
        }
        "users.conversations" | "conversations.list" => {
            let body = String::from_utf8_lossy(&request.body);
            let found = if body.contains("types=im") {
                direct
            } else {
                secret
            };
            json!({ "ok": true, "channels": if there { vec![found] } else { vec![] } })
        }
        "users.list" => json!({ "ok": true, "members": if there { vec![eve] } else { vec![] } }),
        "users.info" if there => json!({ "ok": true, "user": eve }),
        _ if request.path.contains("/repos/") => json!({}),
        _ => json!({ "ok": true }),
    }
}

async fn run(
    allowed: Allowed,
    there: bool,
    tool: &str,
    call: &Value,
) -> (Result<Output, ToolError>, Vec<Seen>) {
    let provider = Provider::start(move |seen: &Seen, _| Json(answer(seen, there))).await;
    let tools = crate::all();
    let tool = tools.iter().find(|known| known.name == tool).unwrap();
    let api = Api::new(ApiSettings {
        allowed: Arc::new(allowed),
        account: "ada@x.example".to_owned(),
        ..settings(&provider.url)
    });
    (tool.run(api, call.clone()).await, provider.seen())
}

/// Whether a request does more than find out what a name or a draft means.
fn touches(request: &Seen) -> bool {
    let last = request.path.rsplit('/').next().unwrap();
    match last {
        "conversations.info"
        | "conversations.list"
        | "users.conversations"
        | "users.list"
        | "users.info" => false,
        _ => !request.path.starts_with("/gmail/") || request.method != "GET",
    }
}

#[tokio::test]
async fn no_tool_reaches_what_a_list_does_not_have_whether_it_is_there_or_not() {
    let tools = crate::all().into_iter().filter(|tool| !tool.declared);
    for tool in tools.map(|tool| tool.name.to_string()) {
        if NAMES_NO_TARGET.contains(&tool.as_str()) {
            continue;
        }
        for call in calls(&tool) {
            let mut told = BTreeSet::new();
            for there in [true, false] {
                let (result, seen) = run(lists(), there, &tool, &call).await;
                let Err(error) = result else {
                    panic!("{tool} {call} went through");
                };
                assert_eq!(error.code, ErrorCode::Policy, "{tool} {call}: {error}");
                let touching = seen.iter().find(|request| touches(request));
                assert!(touching.is_none(), "{tool} {call}: {touching:?}");
                told.insert(error.to_string());
            }
            assert_eq!(told.len(), 1, "{tool} {call}: {told:?}");
            let query = call["query"].as_str().unwrap_or_default();
            if tool == "github_search_code" && query.contains(':') {
                // With a list, this one takes repositories as arguments only.
                continue;
            }
            // The call is one that would have gone somewhere.
            let is_unreadable = call["draft_id"] == "d2" || tool == "slack_read_file";
            let (result, seen) = run(wider(), true, &tool, &call).await;
            let refused = result.is_err_and(|error| {
                matches!(error.code, ErrorCode::Policy | ErrorCode::InvalidArguments)
            });
            assert_eq!(refused, is_unreadable, "{tool} {call}");
            assert_eq!(seen.is_empty(), tool == "slack_read_file", "{tool} {call}");
        }
    }
}

#[test]
fn a_tool_that_names_nothing_is_one_that_there_is() {
    let all = crate::all();
    for name in NAMES_NO_TARGET {
        assert!(all.iter().any(|tool| tool.name == *name), "{name}");
    }
}

#[tokio::test]
async fn what_a_list_has_goes_through_whatever_its_case() {
    let lists = || Allowed {
        slack_channels: vec!["C0SECRET01".parse().unwrap(), "@Eve".parse().unwrap()],
        github_repos: vec!["Evil/App".parse().unwrap()],
        recipient_domains: vec!["*.EVIL.test".parse().unwrap()],
    };
    for (tool, call) in [
        (
            "slack_react",
            json!({ "ts": "1700000000.000100", "channel": "#Secret", "emoji": "a" }),
        ),
        (
            "slack_react",
            json!({ "ts": "1700000000.000100", "channel": "@eve", "emoji": "a" }),
        ),
        (
            "slack_react",
            json!({ "ts": "1700000000.000100", "channel": "D0SECRET01", "emoji": "a" }),
        ),
        ("github_get_tree", json!({ "repo": "eVIL/aPP" })),
        (
            "gmail_send_email",
            json!({ "to": "e@Mail.Evil.Test", "subject": "s", "body": "b" }),
        ),
    ] {
        let (result, seen) = run(lists(), true, tool, &call).await;
        let refused = result.is_err_and(|error| error.code == ErrorCode::Policy);
        assert!(!refused, "{tool} {call}");
        assert!(seen.iter().any(touches), "{tool} {call}: {seen:?}");
    }
    let call = json!({ "to": "e@evil.test", "subject": "s", "body": "b" });
    let error = run(lists(), true, "gmail_send_email", &call)
        .await
        .0
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::Policy);
}

#[tokio::test]
async fn searches_show_what_a_list_has_and_say_how_much_they_leave_out() {
    let hit = |id: &str, name: &str| {
        json!({ "message_ts": "1700000000.000100", "channel_id": id, "channel_name": name,
                "author_name": "x", "content": format!("said in {id}") })
    };
    let issue = |repository: &str| {
        json!({ "number": 1, "title": format!("of {repository}"), "state": "open",
                "html_url": "https://github.com/x", "user": null, "body": null,
                "repository_url": format!("https://api.github.com/repos/{repository}"),
                "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z" })
    };
    let code = |repository: &str| json!({ "path": "a", "html_url": "x", "repository": { "full_name": repository } });
    let slack = json!({ "ok": true, "results": {
        "messages": [hit("C1", "launch"), hit("C0LAUNCH02", "renamed"), hit("C3", "secret"),
                     hit("D4", "U0EVE00001"), hit("C5", "mpdm-a--b-1")],
        "files": [{ "file_id": "F1", "title": "secret" }] } });
    let issues = json!({ "total_count": 9, "items": [issue("Octo/App"), issue("evil/app")] });
    let codes = json!({ "total_count": 9, "items": [code("acme/x"), code("evil/app")] });
    let channels = json!({ "ok": true, "channels": [
        { "id": "C1", "name": "launch" }, { "id": "C3", "name": "secret" } ] });
    for (tool, call, body, kept, left_out) in [
        (
            "slack_search",
            json!({ "query": "q", "content": "all" }),
            slack,
            2,
            4,
        ),
        ("slack_find_channels", json!({}), channels, 1, 1),
        (
            "github_search_issues",
            json!({ "query": "q" }),
            issues,
            1,
            1,
        ),
        ("github_search_code", json!({ "query": "q" }), codes, 1, 1),
    ] {
        let provider = Provider::start(move |_: &Seen, _| Json(body.clone())).await;
        let tools = crate::all();
        let tool = tools.iter().find(|known| known.name == tool).unwrap();
        let api = Api::new(ApiSettings {
            allowed: Arc::new(lists()),
            ..settings(&provider.url)
        });
        let found = tool.run(api, call).await.unwrap();
        let structured = found.structured.unwrap();
        assert_eq!(structured["page"]["returned"], kept, "{structured:?}");
        let warnings = structured["warnings"].to_string();
        assert!(warnings.contains(&format!("): {left_out}.")), "{warnings}");
        for text in [&found.text, &Value::Object(structured).to_string()] {
            assert!(!text.contains("evil") && !text.contains("secret"), "{text}");
        }
        if tool.provider == "github" {
            let query = provider.seen()[0].query("q").to_owned();
            assert!(
                query.contains("repo:octo/app") && query.contains("user:acme"),
                "{query}"
            );
        }
    }
}
