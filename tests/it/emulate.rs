//! The built-in tools against Google, Slack and GitHub as `emulate` plays them.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::{Value, json};
use valetkey::http::Http;

use crate::peers::{ADA, Client, Emulators};

/// What a call gave, which did not fail.
fn good(result: &Value) -> &Value {
    assert_ne!(result["isError"], true, "{result}");
    &result["structuredContent"]
}

async fn client(emulators: &Emulators) -> Client {
    Client::start(emulators, "client.py", "legacy", "url").await
}

#[tokio::test]
#[cfg_attr(
    not(feature = "peers"),
    ignore = "needs Node.js packages: run tests/run"
)]
async fn gmail_finds_what_is_there_and_sends_what_is_then_found() {
    let emulators = Emulators::start().await;
    let mut client = client(&emulators).await;

    let found = client
        .call("gmail_search", json!({ "from": "grace@example.com" }))
        .await;
    let found = good(&found);
    assert_eq!(found["account"], ADA);
    assert_eq!(found["items"].as_array().unwrap().len(), 1, "{found}");
    assert_eq!(found["items"][0]["subject"], "The compiler works");
    assert_eq!(found["items"][0]["unread"], true, "{found}");

    let sent = client
        .call(
            "gmail_send_email",
            json!({
                "to": "Grace Hopper <grace@example.com>",
                "subject": "Zählwerk läuft",
                "body": "It **counts**. -in:drafts",
            }),
        )
        .await;
    let sent = good(&sent);
    assert_eq!(sent["sent"], true, "{sent}");

    let found = client
        .call("gmail_search", json!({ "label": "Sent" }))
        .await;
    let found = good(&found);
    assert_eq!(found["items"].as_array().unwrap().len(), 1, "{found}");
    assert_eq!(found["items"][0]["subject"], "Zählwerk läuft");
    client.finish().await;
}

/// emulate 0.12.2 does not know `markdown_text`, so that it takes no message from
/// `slack_send_message`: here it only finds the channel.
#[tokio::test]
#[cfg_attr(
    not(feature = "peers"),
    ignore = "needs Node.js packages: run tests/run"
)]
async fn slack_reads_what_another_client_wrote_and_finds_where_a_message_would_go() {
    let emulators = Emulators::start().await;
    let listed = slack(&emulators, "grace", "conversations.list", json!({})).await;
    let channels = listed["channels"].as_array().unwrap();
    let room = channels
        .iter()
        .find(|channel| channel["name"] == "engine-room")
        .unwrap_or_else(|| panic!("{listed}"));
    let message = json!({ "channel": room["id"], "text": "Steam is *up* &amp; running" });
    slack(&emulators, "grace", "chat.postMessage", message).await;
    let mut client = client(&emulators).await;

    let read = client
        .call("slack_read_channel", json!({ "channel": "#engine-room" }))
        .await;
    let read = good(&read);
    assert_eq!(read["channel"]["id"], room["id"]);
    let messages = read["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 1, "{read}");
    assert_eq!(messages[0]["text"], "Steam is *up* & running");
    assert_eq!(messages[0]["author"]["name"], "grace", "{read}");

    let shown = client
        .call(
            "slack_send_message",
            json!({ "to": "#engine-room", "text": "Thanks!", "dry_run": true }),
        )
        .await;
    let shown = good(&shown);
    assert_eq!(shown["sent"], false);
    assert_eq!(shown["channel"]["id"], room["id"], "{shown}");
    assert_eq!(client.links.len(), 2, "reading, then writing as well");
    client.finish().await;
}

#[tokio::test]
#[cfg_attr(
    not(feature = "peers"),
    ignore = "needs Node.js packages: run tests/run"
)]
async fn github_creates_an_issue_and_finds_it() {
    let emulators = Emulators::start().await;
    let mut client = client(&emulators).await;

    let created = client
        .call(
            "github_create_issue",
            json!({ "repo": "ada/engine", "title": "The bell is too loud", "body": "Ding." }),
        )
        .await;
    let created = good(&created);
    assert_eq!(created["issue"]["number"], 1, "{created}");
    assert_eq!(created["issue"]["author"], "ada");

    let found = client
        .call(
            "github_search_issues",
            json!({ "repo": "ada/engine", "query": "bell", "state": "open" }),
        )
        .await;
    let found = good(&found);
    assert_eq!(found["items"].as_array().unwrap().len(), 1, "{found}");
    assert_eq!(found["items"][0]["title"], "The bell is too loud");
    client.finish().await;
}

/// What emulate 0.12.2 cannot play, and why.
const UNSUPPORTED: [(&str, &str); 6] = [
    (
        "github_submit_review",
        "it confirms with 201, where GitHub says 200",
    ),
    ("slack_search", "it has neither of Slack's searches"),
    ("slack_send_message", "it does not know `markdown_text`"),
    (
        "slack_upload_file",
        "its addresses for files are not of its own origin",
    ),
    ("slack_read_file", "there is none without an upload"),
    ("github_get_failed_logs", "it runs no workflows"),
];

/// A call of every tool of a toolkit, whose failures are told together.
struct Tour {
    client: Client,
    called: BTreeSet<String>,
    failures: Vec<String>,
}

impl Tour {
    async fn start(emulators: &Emulators) -> Self {
        Self {
            client: client(emulators).await,
            called: BTreeSet::new(),
            failures: Vec::new(),
        }
    }

    /// A result that the SDK has held to the tool's output schema; its text where it has no structure.
    async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let result = self.client.call(tool, arguments).await;
        self.called.insert(tool.to_owned());
        if result["isError"] == true {
            self.failures.push(format!("{tool}: {}", result["content"]));
        }
        match &result["structuredContent"] {
            Value::Null => result["content"][0]["text"].clone(),
            structured => structured.clone(),
        }
    }

    /// Everything has been called, but for what cannot be.
    async fn finish(self, toolkit: &str) {
        self.client.finish().await;
        assert!(self.failures.is_empty(), "{:#?}", self.failures);
        let tools = valetkey_toolkits::all().into_iter();
        for tool in tools.filter(|tool| tool.toolkit == toolkit) {
            let unsupported = UNSUPPORTED.iter().any(|(name, _)| *name == tool.name);
            let called = self.called.contains(&*tool.name);
            assert_eq!(called, !unsupported, "{}", tool.name);
        }
    }
}

#[tokio::test]
#[cfg_attr(
    not(feature = "peers"),
    ignore = "needs Node.js packages: run tests/run"
)]
async fn every_gmail_tool_works_with_an_emulated_mailbox() {
    let emulators = Emulators::start().await;
    let mut tour = Tour::start(&emulators).await;
    let found = tour
        .call("gmail_search", json!({ "from": "grace@example.com" }))
        .await;
    let thread = found["items"][0]["thread_id"].clone();
    let read = tour
        .call("gmail_read_message", json!({ "message_id": "m1" }))
        .await;
    assert!(read.to_string().contains("on the first try"), "{read}");
    let read = tour
        .call("gmail_read_thread", json!({ "thread_id": thread }))
        .await;
    assert!(read.to_string().contains("on the first try"), "{read}");
    tour.call("gmail_create_label", json!({ "name": "Engines" }))
        .await;
    let labels = tour.call("gmail_list_labels", json!({})).await;
    assert!(labels.to_string().contains("Engines"), "{labels}");
    let change = json!({ "message_ids": "m1", "action": "star", "add_labels": "Engines" });
    tour.call("gmail_modify_messages", change).await;
    let found = tour
        .call("gmail_search", json!({ "label": "Engines" }))
        .await;
    assert_eq!(found["items"][0]["thread_id"], thread, "{found}");
    let answer = json!({ "message_id": "m1", "body": "Wonderful!" });
    let sent = tour.call("gmail_reply", answer).await;
    assert_eq!(sent["thread_id"], thread, "{sent}");
    let draft = json!({ "to": "grace@example.com", "subject": "Cards", "body": "More cards?" });
    let draft = tour.call("gmail_create_draft", draft).await["draft_id"].take();
    let drafts = tour.call("gmail_list_drafts", json!({})).await;
    assert_eq!(drafts["items"][0]["subject"], "Cards", "{drafts}");
    tour.call("gmail_send_draft", json!({ "draft_id": draft }))
        .await;
    tour.call("gmail_trash", json!({ "message_ids": "m2" }))
        .await;
    tour.call("gmail_restore", json!({ "message_ids": "m2" }))
        .await;
    let file = json!({ "filename": "cards.csv", "content_b64": "YSxiCjEsMgo=" });
    let sent = tour
        .call(
            "gmail_send_email",
            json!({ "to": "grace@example.com", "subject": "Holes", "body": "See the file.",
                    "attachments": [file] }),
        )
        .await;
    let wanted = json!({ "message_id": sent["message_id"], "filename": "cards.csv" });
    let file = tour.call("gmail_get_attachment", wanted).await;
    assert!(file.to_string().contains("a,b"), "{file}");
    tour.finish("gmail").await;
}

#[tokio::test]
#[cfg_attr(
    not(feature = "peers"),
    ignore = "needs Node.js packages: run tests/run"
)]
async fn every_slack_tool_that_can_works_with_an_emulated_workspace() {
    let emulators = Emulators::start().await;
    let listed = slack(&emulators, "grace", "conversations.list", json!({})).await;
    let channels = listed["channels"].as_array().unwrap();
    let room = channels
        .iter()
        .find(|channel| channel["name"] == "engine-room")
        .unwrap()["id"]
        .clone();
    let question = json!({ "channel": room, "text": "Shall we?" });
    let question = slack(&emulators, "grace", "chat.postMessage", question).await["ts"].take();
    let answer = json!({ "channel": room, "text": "Yes.", "thread_ts": question });
    slack(&emulators, "grace", "chat.postMessage", answer).await;
    let own = json!({ "channel": room, "text": "Mine." });
    let own = slack(&emulators, "ada", "chat.postMessage", own).await["ts"].take();

    let mut tour = Tour::start(&emulators).await;
    let me = tour.call("slack_whoami", json!({})).await;
    assert!(me.to_string().contains("ada"), "{me}");
    let query = json!({ "query": "engine", "member_only": false });
    let found = tour.call("slack_find_channels", query).await;
    assert_eq!(found["channels"][0]["channel"]["id"], room, "{found}");
    let found = tour
        .call("slack_find_users", json!({ "query": "hopper" }))
        .await;
    assert_eq!(found["users"][0]["handle"], "grace", "{found}");
    tour.call("slack_read_channel", json!({ "channel": "#engine-room" }))
        .await;
    let wanted = json!({ "channel": room, "thread_ts": question });
    let thread = tour.call("slack_read_thread", wanted).await;
    assert_eq!(thread["messages"][1]["text"], "Yes.", "{thread}");
    let emoji = json!({ "channel": room, "ts": question, "emoji": "tada" });
    assert_eq!(tour.call("slack_react", emoji).await["changed"], true);
    let wanted = json!({ "channel": room, "ts": question });
    let read = tour.call("slack_get_message", wanted).await;
    assert_eq!(read["message"]["reactions"][0]["name"], "tada", "{read}");
    let edit = json!({ "channel": room, "ts": own, "text": "Ours." });
    tour.call("slack_update_message", edit).await;
    let wanted = json!({ "channel": room, "ts": own });
    let read = tour.call("slack_get_message", wanted.clone()).await;
    // The text stays: the emulator does not know `markdown_text`.
    assert_eq!(read["message"]["edited"], true, "{read}");
    tour.call("slack_delete_message", wanted).await;
    tour.finish("slack").await;
}

#[tokio::test]
#[cfg_attr(
    not(feature = "peers"),
    ignore = "needs Node.js packages: run tests/run"
)]
async fn every_github_tool_that_can_works_with_an_emulated_repository() {
    let emulators = Emulators::start().await;
    let mut tour = Tour::start(&emulators).await;
    let repo = "ada/engine";
    let me = tour.call("github_whoami", json!({})).await;
    assert!(me.to_string().contains("ada"), "{me}");
    tour.call("github_search_repositories", json!({ "query": "engine" }))
        .await;
    let wanted = json!({ "repo": repo, "path": "README.md" });
    let readme = tour.call("github_get_file", wanted).await;
    assert!(readme.to_string().contains("engine"), "{readme}");
    let tree = tour.call("github_get_tree", json!({ "repo": repo })).await;
    assert!(tree.to_string().contains("README.md"), "{tree}");
    tour.call("github_list_commits", json!({ "repo": repo }))
        .await;
    tour.call(
        "github_search_code",
        json!({ "query": "engine", "repo": repo }),
    )
    .await;
    let issue = json!({ "repo": repo, "title": "Loud", "body": "Ding." });
    tour.call("github_create_issue", issue).await;
    let said = json!({ "repo": repo, "issue_number": 1, "body": "Indeed." });
    tour.call("github_add_comment", said).await;
    let issue = json!({ "repo": repo, "issue_number": 1, "include": ["comments"] });
    let issue = tour.call("github_get_issue", issue).await;
    assert_eq!(issue["comments"][0]["body"], "Indeed.", "{issue}");
    tour.call(
        "github_search_issues",
        json!({ "repo": repo, "query": "Loud" }),
    )
    .await;
    let changes = json!([{ "op": "create", "path": "mill.txt", "content": "Whisper.\n" }]);
    let commit = json!({ "repo": repo, "branch": "quiet", "create_branch_from": "main",
                         "message": "Whisper", "changes": changes });
    tour.call("github_commit_files", commit).await;
    let pull = json!({ "repo": repo, "head": "quiet", "base": "main", "title": "Whisper" });
    let opened = tour.call("github_create_pull_request", pull).await;
    let number = &opened["pull_request"]["number"];
    let pull = json!({ "repo": repo, "pull_number": number });
    let read = tour.call("github_get_pull_request", pull.clone()).await;
    assert!(read.to_string().contains("Whisper"), "{read}");
    tour.call("github_get_pull_request_diff", pull).await;
    tour.call("github_list_workflow_runs", json!({ "repo": repo }))
        .await;
    tour.finish("github").await;
}

/// By themselves they take an unknown token for their first user's; `emulate.mjs` works around it.
#[tokio::test]
#[cfg_attr(
    not(feature = "peers"),
    ignore = "needs Node.js packages: run tests/run"
)]
async fn the_emulators_refuse_a_token_that_they_did_not_issue() {
    let emulators = Emulators::start().await;
    let http = Http::new();
    let client = http.client();
    let gmail = emulators.google.join("gmail/v1/users/me/messages").unwrap();
    let issues = emulators.github.join("repos/ada/engine/issues").unwrap();
    let channels = emulators.slack.join("api/conversations.list").unwrap();

    let gmail = client.get(gmail).bearer_auth("garbage").send().await;
    assert_eq!(gmail.unwrap().status(), StatusCode::UNAUTHORIZED);
    let issue = client.post(issues).bearer_auth("garbage");
    let issue = issue.json(&json!({ "title": "x" })).send().await;
    assert_eq!(issue.unwrap().status(), StatusCode::UNAUTHORIZED);
    let listed = client.post(channels).bearer_auth("garbage").send().await;
    let listed: Value = listed.unwrap().json().await.unwrap();
    assert_eq!(listed["ok"], false, "{listed}");
}

/// A call of another client, as Ada or Grace.
async fn slack(emulators: &Emulators, user: &str, method: &str, body: Value) -> Value {
    let url = emulators.slack.join(&format!("api/{method}")).unwrap();
    let http = Http::new();
    let request = http.client().post(url).bearer_auth(format!("xoxp-{user}"));
    let answer: Value = request
        .json(&body)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(answer["ok"], true, "{answer}");
    answer
}
