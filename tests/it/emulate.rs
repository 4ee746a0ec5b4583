//! The built-in tools against Google, Slack and GitHub as `emulate` plays them.

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
    let listed = slack(&emulators, "conversations.list", json!({})).await;
    let channels = listed["channels"].as_array().unwrap();
    let room = channels
        .iter()
        .find(|channel| channel["name"] == "engine-room")
        .unwrap_or_else(|| panic!("{listed}"));
    let message = json!({ "channel": room["id"], "text": "Steam is *up* &amp; running" });
    slack(&emulators, "chat.postMessage", message).await;
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

/// A call of another client, as Grace.
async fn slack(emulators: &Emulators, method: &str, body: Value) -> Value {
    let url = emulators.slack.join(&format!("api/{method}")).unwrap();
    let http = Http::new();
    let request = http.client().post(url).bearer_auth("xoxp-grace");
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
