//! From what people call a conversation or a person to its id.

use serde_json::{Value, json};

use super::fake::{Call, Fake, missing, read, refusal, with_messages, workspace};
use crate::error::ErrorCode;

#[tokio::test]
async fn every_way_to_name_a_conversation_leads_to_its_id() {
    for (channel, id, shown) in [
        ("C0000000001", "C0000000001", "#general ("),
        (
            "https://acme.slack.com/archives/C0000000001/p1777629540000100",
            "C0000000001",
            "#general (",
        ),
        ("general", "C0000000001", "#general ("),
        ("#board", "C0000000002", "#board (private) ("),
        ("C0000000009", "C0000000009", "conversation ("),
        (
            "D0000000001",
            "D0000000001",
            "direct message with Bob Barker (",
        ),
        ("@bob.b", "D0000000001", "direct message with Bob Barker ("),
        (
            "@bob barker",
            "D0000000001",
            "direct message with Bob Barker (",
        ),
        (
            "U0000000002",
            "D0000000001",
            "direct message with Bob Barker (",
        ),
    ] {
        let fake = with_messages(vec![]).await;
        let (text, result) = read(&fake, json!({"channel": channel})).await;
        assert!(text.starts_with(shown), "{channel}: {text}");
        assert_eq!(result["channel"]["id"], id, "{channel}");
        assert_eq!(fake.call("conversations.history").field("channel"), id);
        assert!(
            !fake.methods().contains(&"conversations.open".to_owned()),
            "a read opens nothing"
        );
    }
}

/// A server whose grant reads public channels only, as Slack treats it.
fn public_only(call: &Call) -> Value {
    if call.field("types").contains("private") {
        missing("groups:read", "channels:read")
    } else {
        workspace(call)
    }
}

#[tokio::test]
async fn a_channel_is_looked_for_among_those_that_the_grant_may_see() {
    let fake = Fake::start(public_only).await;
    let (text, _) = read(&fake, json!({"channel": "#general"})).await;
    assert!(
        text.starts_with("#general"),
        "a public channel needs no consent for private ones"
    );

    let slip = fake
        .run("slack_read_channel", json!({"channel": "#generl"}))
        .await
        .unwrap_err();
    assert_eq!(slip.code, ErrorCode::NotFound);
    assert!(
        slip.message.contains("#general") && slip.message.contains("Private channels"),
        "{slip}"
    );

    let private = fake
        .run("slack_read_channel", json!({"channel": "#board"}))
        .await
        .unwrap_err();
    assert_eq!(private.missing_scopes, ["groups:read", "groups:history"]);
    assert!(private.message.contains("#board"), "{private}");
}

#[tokio::test]
async fn a_server_without_users_conversations_lists_all_channels() {
    for (status, body) in [
        (404, json!({"error": "not found"})),
        (200, refusal("unknown_method")),
    ] {
        let fake = Fake::answering(move |call: &Call| match call.method.as_str() {
            "users.conversations" => (status, body.to_string()),
            _ => (200, workspace(call).to_string()),
        })
        .await;
        let (text, _) = read(&fake, json!({"channel": "#general"})).await;
        assert!(text.starts_with("#general"));
    }
}

#[tokio::test]
async fn channels_are_paged_through_within_bounds() {
    let pages = |last: usize| {
        Fake::start(move |call: &Call| match call.method.as_str() {
            "users.conversations" => json!({"ok": true, "channels": []}),
            "conversations.list" => {
                let name = if call.nth == last {
                    "general".to_owned()
                } else {
                    format!("other-{}", call.nth)
                };
                json!({"ok": true, "channels": [{"id": "C0000000001", "name": name}],
                    "response_metadata": {"next_cursor": format!("page{}", call.nth + 1)}})
            }
            _ => workspace(call),
        })
    };
    let fake = pages(9).await;
    read(&fake, json!({"channel": "#general"})).await;
    let cursors: Vec<String> = fake
        .calls()
        .into_iter()
        .filter(|c| c.method == "conversations.list")
        .map(|c| c.field("cursor").to_owned())
        .collect();
    assert_eq!(cursors.len(), 10);
    assert_eq!(cursors[..3], ["", "page1", "page2"]);

    let fake = pages(10).await;
    let error = fake
        .run("slack_read_channel", json!({"channel": "#general"}))
        .await
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::NotFound);
    assert!(
        error.message.contains("Only the first 5000 channels"),
        "{error}"
    );
}

#[tokio::test]
async fn a_person_who_is_not_found_or_not_certain_is_an_error_that_helps() {
    let fake = Fake::start(|call: &Call| match call.method.as_str() {
        "users.list" => json!({"ok": true, "members": [
            {"id": "U0000000001", "name": "sam", "profile": {"display_name": "Sam"}},
            {"id": "U0000000002", "name": "samuel", "profile": {"display_name": "sam\u{200b}"}},
            {"id": "U0000000003", "name": "gone", "deleted": true},
            {"id": "U0000000004", "name": "carol"},
        ]}),
        _ => workspace(call),
    })
    .await;
    for (channel, expected, part) in [
        (
            "@sam",
            ErrorCode::InvalidArguments,
            "@sam (U0000000001), @samuel (U0000000002)",
        ),
        ("@gone", ErrorCode::NotFound, "@gone"),
        (
            "@carol",
            ErrorCode::NotFound,
            "no direct message with U0000000004",
        ),
    ] {
        let error = fake
            .run("slack_read_channel", json!({"channel": channel}))
            .await
            .unwrap_err();
        assert_eq!(error.code, expected, "{channel}");
        assert!(error.message.contains(part), "{error}");
    }
}
