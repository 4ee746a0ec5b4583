//! Slack's methods that change, react to and search for messages.

use serde_json::{Value, json};

use super::*;

const SCOPES: &str = "channels:history,channels:read,chat:write,reactions:write,search:read.public";

struct Slack {
    trial: Trial,
    token: String,
}

impl Slack {
    async fn with(scopes: &str) -> Self {
        let trial = Trial::new().await;
        let token = trial.access(Site::Slack, scopes).await;
        Self { trial, token }
    }

    async fn call(&self, method: &str, body: Value) -> Value {
        let path = format!("api/{method}");
        self.trial
            .post_json(Site::Slack, &path, &self.token, &body)
            .await
            .1
    }

    /// The messages of #launch, newest first.
    async fn launch(&self) -> Vec<Value> {
        let history = self
            .call("conversations.history", json!({"channel": "C0LAUNCH02"}))
            .await;
        history["messages"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn only_ones_own_messages_are_changed_and_deleted() {
    let slack = Slack::with(SCOPES).await;
    let messages = slack.launch().await;
    let (own, other) = (text(&messages[0]["ts"]), text(&messages[2]["ts"]));
    let change = json!({"channel": "C0LAUNCH02", "ts": own, "markdown_text": "No *go*."});
    assert_eq!(slack.call("chat.update", change).await["ok"], true);
    let changed = &slack.launch().await[0];
    assert_eq!(changed["text"], "No *go*.");
    assert!(changed["edited"].is_object());
    for (method, body, error) in [
        (
            "chat.update",
            json!({"channel": "C0LAUNCH02", "ts": other, "text": "x"}),
            "cant_update_message",
        ),
        (
            "chat.update",
            json!({"channel": "C0LAUNCH02", "ts": own}),
            "no_text",
        ),
        (
            "chat.update",
            json!({"channel": "C0LAUNCH02", "ts": "1.000000", "text": "x"}),
            "message_not_found",
        ),
        (
            "chat.delete",
            json!({"channel": "C0LAUNCH02", "ts": other}),
            "cant_delete_message",
        ),
        (
            "chat.delete",
            json!({"channel": "C0UNKNOWN9", "ts": own}),
            "channel_not_found",
        ),
    ] {
        assert_eq!(slack.call(method, body).await["error"], error, "{method}");
    }
    let gone = json!({"channel": "C0LAUNCH02", "ts": own});
    assert_eq!(slack.call("chat.delete", gone.clone()).await["ok"], true);
    assert_eq!(
        slack.call("chat.delete", gone).await["error"],
        "message_not_found"
    );
    assert_eq!(slack.launch().await.len(), 4);
}

#[tokio::test]
async fn a_reaction_is_there_once_for_each_person() {
    let slack = Slack::with(SCOPES).await;
    let ts = text(&slack.launch().await[2]["ts"]);
    let of = |name: &str| json!({"channel": "C0LAUNCH02", "timestamp": ts, "name": name});
    for (method, name, expected) in [
        ("reactions.add", "tada", json!("already_reacted")),
        ("reactions.add", "eyes", Value::Null),
        ("reactions.remove", "tada", Value::Null),
        ("reactions.remove", "tada", json!("no_reaction")),
        ("reactions.remove", "rocket", json!("no_reaction")),
        ("reactions.add", "🎉", json!("invalid_name")),
    ] {
        assert_eq!(
            slack.call(method, of(name)).await["error"],
            expected,
            "{method} {name}"
        );
    }
    let reactions = &slack.launch().await[2]["reactions"];
    let names: Vec<&Value> = reactions
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(names, ["tada", "eyes"], "the other person's stays");
}

#[tokio::test]
async fn the_newer_search_finds_what_each_granted_kind_has() {
    let slack = Slack::with(SCOPES).await;
    let texts = async |body: Value| -> Vec<String> {
        let found = slack.call("assistant.search.context", body).await;
        let messages = found["results"]["messages"].as_array();
        let messages = messages.unwrap_or_else(|| panic!("{found}"));
        messages.iter().map(|one| text(&one["content"])).collect()
    };
    for (query, expected) in [
        ("brass", vec!["Has anyone seen the brass catalogue?"]),
        (
            "release notes",
            vec![
                "Launch checklist: release notes, rollback drill, the moth in relay 70.",
                "Release notes are up. I say *go*.",
            ],
        ),
        (
            "notes from:me",
            vec![
                "Reading the notes once more.",
                "Release notes are up. I say *go*.",
            ],
        ),
        (
            "in:launch from:<@U0CHARLES3>",
            vec!["Do we have a final go from <@U0ADALOVE1>?"],
        ),
        ("treasury", vec![]),
    ] {
        assert_eq!(texts(json!({"query": query})).await, expected, "{query}");
    }
    let newest = texts(json!({"query": "notes", "sort": "timestamp"})).await;
    assert_eq!(newest[0], "Release notes are up. I say *go*.");
    let refused = slack
        .call(
            "assistant.search.context",
            json!({"query": "x", "channel_types": "private_channel"}),
        )
        .await;
    assert_eq!(refused["error"], "missing_scope");
    assert_eq!(refused["needed"], "search:read.public,search:read.private");
    let blank = slack
        .call("assistant.search.context", json!({"query": " "}))
        .await;
    assert_eq!(blank["error"], "missing_query");
    let older = slack.call("search.messages", json!({"query": "x"})).await;
    assert_eq!(older["needed"], "search:read");
}

#[tokio::test]
async fn the_older_search_finds_everything_that_is_visible_page_by_page() {
    let slack = Slack::with("search:read").await;
    let found = slack
        .call("search.messages", json!({"query": "treasury"}))
        .await;
    assert_eq!(
        found["messages"]["matches"][0]["channel"]["is_private"], true,
        "{found}"
    );
    let page = json!({"query": "the", "count": 2, "page": 2});
    let found = slack.call("search.messages", page).await;
    assert_eq!(found["messages"]["paging"]["page"], 2, "{found}");
    assert_eq!(found["messages"]["matches"].as_array().unwrap().len(), 2);
    let blank = slack.call("search.messages", json!({})).await;
    assert_eq!(blank["error"], "no_query");
}

#[tokio::test]
async fn every_page_and_window_of_a_thread_begins_with_its_parent() {
    let slack = Slack::with(SCOPES).await;
    let parent = text(&slack.launch().await[1]["ts"]);
    let mut texts = Vec::new();
    let mut cursor = Value::Null;
    for _ in 0..2 {
        let body = json!({"channel": "C0LAUNCH02", "ts": parent, "limit": 2, "cursor": cursor});
        let page = slack.call("conversations.replies", body).await;
        cursor = page["response_metadata"]["next_cursor"].clone();
        for message in page["messages"].as_array().unwrap() {
            texts.push(text(&message["text"]));
        }
    }
    assert_eq!(
        texts,
        [
            "Do we have a final go from <@U0ADALOVE1>?",
            "Reading the notes once more.",
            "Do we have a final go from <@U0ADALOVE1>?",
            "No pressure. :smile:",
        ]
    );
    assert_eq!(cursor, Value::Null);
}

#[tokio::test]
async fn every_answer_tells_the_scopes_of_the_token() {
    let slack = Slack::with("users:read,chat:write").await;
    let url = slack.trial.sandbox.url(Site::Slack, "api/auth.test");
    let request = slack.trial.http.client().get(url).bearer_auth(&slack.token);
    let response = request.send().await.unwrap();
    assert_eq!(
        response.headers()["x-oauth-scopes"],
        "chat:write,users:read"
    );
}
