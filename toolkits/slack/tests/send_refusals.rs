//! Arguments, refusals and garbage that end a sending.

use serde_json::json;

use super::fake::{Call, Fake, missing, refusal, workspace, writes};
use crate::error::ErrorCode;

#[tokio::test]
async fn arguments_that_cannot_be_sent_reach_nobody() {
    let many: Vec<String> = (0..9).map(|n| format!("U000000000{n}")).collect();
    for (arguments, expected) in [
        (
            json!({"to": "#general", "text": " \n"}),
            ErrorCode::InvalidArguments,
        ),
        (
            json!({"to": "#general", "text": "é".repeat(12_001)}),
            ErrorCode::TooLarge,
        ),
        (json!({"to": [], "text": "x"}), ErrorCode::InvalidArguments),
        (
            json!({"to": ["#general", "@ada"], "text": "x"}),
            ErrorCode::InvalidArguments,
        ),
        (
            json!({"to": ["C0000000001", "C0000000002"], "text": "x"}),
            ErrorCode::InvalidArguments,
        ),
        (
            json!({"to": many, "text": "x"}),
            ErrorCode::InvalidArguments,
        ),
        (
            json!({"to": "a b c", "text": "x"}),
            ErrorCode::InvalidArguments,
        ),
        (
            json!({"to": "https://evil.example/archives/C0000000001", "text": "x"}),
            ErrorCode::InvalidArguments,
        ),
        (
            json!({"to": "#general", "text": "x", "also_to_channel": true}),
            ErrorCode::InvalidArguments,
        ),
        (
            json!({"to": "#general", "text": "x", "thread_ts": "1777620000"}),
            ErrorCode::InvalidArguments,
        ),
        (
            json!({"to": "C0000000001", "text": "x", "thread_ts": "https://acme.slack.com/archives/C0000000002/p1777620000000100"}),
            ErrorCode::InvalidArguments,
        ),
        (
            json!({"to": "https://acme.slack.com/archives/C0000000001/p1777620000000100", "text": "x"}),
            ErrorCode::InvalidArguments,
        ),
        (
            json!({"to": "#general", "text": "x", "blocks": "[]"}),
            ErrorCode::InvalidArguments,
        ),
        (
            json!({"to": "#general", "text": "x", "mention_policy": "all"}),
            ErrorCode::InvalidArguments,
        ),
    ] {
        let fake = Fake::start(workspace).await;
        let error = fake
            .run("slack_send_message", arguments.clone())
            .await
            .unwrap_err();
        assert_eq!(error.code, expected, "{arguments}");
        assert!(fake.calls().is_empty(), "{arguments}");
    }
}

#[tokio::test]
async fn a_link_to_a_thread_of_another_channel_than_the_name_means_posts_nothing() {
    let fake = Fake::start(workspace).await;
    let arguments = json!({"to": "#general", "text": "x",
        "thread_ts": "https://acme.slack.com/archives/C0000000002/p1777620000000100"});
    let error = fake.run("slack_send_message", arguments).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidArguments);
    assert!(writes(&fake).is_empty());
}

#[tokio::test]
async fn a_text_that_its_mentions_make_too_long_is_not_sent() {
    let fake = Fake::start(workspace).await;
    let arguments = json!({"to": "#general", "text": "@ada ".repeat(2399)});
    let error = fake.run("slack_send_message", arguments).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::TooLarge);
    assert!(writes(&fake).is_empty());
}

#[tokio::test]
async fn each_refusal_of_a_post_has_its_kind_and_is_not_repeated() {
    for (code, expected) in [
        ("channel_not_found", ErrorCode::NotFound),
        ("not_in_channel", ErrorCode::Forbidden),
        ("is_archived", ErrorCode::Forbidden),
        ("restricted_action", ErrorCode::Forbidden),
        ("restricted_action_read_only_channel", ErrorCode::Forbidden),
        (
            "restricted_action_thread_only_channel",
            ErrorCode::Forbidden,
        ),
        (
            "restricted_action_non_threadable_channel",
            ErrorCode::Forbidden,
        ),
        ("restricted_action_thread_locked", ErrorCode::Forbidden),
        ("cannot_reply_to_message", ErrorCode::NotFound),
        ("msg_too_long", ErrorCode::TooLarge),
        ("no_text", ErrorCode::InvalidArguments),
        ("team_not_found", ErrorCode::Rejected),
        ("message_limit_exceeded", ErrorCode::Forbidden),
        ("markdown_text_conflict", ErrorCode::Rejected),
        ("rate_limited", ErrorCode::RateLimited),
        ("not_allowed_token_type", ErrorCode::Forbidden),
        ("unheard_of", ErrorCode::Rejected),
        // Slack may have posted it before it failed.
        ("fatal_error", ErrorCode::OutcomeUnknown),
        ("internal_error", ErrorCode::OutcomeUnknown),
        ("service_unavailable", ErrorCode::OutcomeUnknown),
        ("request_timeout", ErrorCode::OutcomeUnknown),
    ] {
        let fake = Fake::start(move |call: &Call| match call.method.as_str() {
            "chat.postMessage" => refusal(code),
            _ => workspace(call),
        })
        .await;
        let error = fake
            .run(
                "slack_send_message",
                json!({"to": "C0000000001", "text": "x"}),
            )
            .await
            .unwrap_err();
        assert_eq!(error.code, expected, "{code}");
        assert_eq!(writes(&fake).len(), 1, "{code}");
    }
}

#[tokio::test]
async fn a_post_whose_answer_is_lost_is_not_repeated() {
    for (status, body) in [
        (200, "<html>"),
        (200, ""),
        (200, "{\"ok\":true}"),
        (200, "{\"ok\":true,\"channel\":\"C0000000001\",\"ts\":5}"),
        (500, "{\"ok\":false}"),
        (503, ""),
    ] {
        let fake = Fake::answering(move |call: &Call| match call.method.as_str() {
            "chat.postMessage" => (status, body.to_owned()),
            _ => (200, workspace(call).to_string()),
        })
        .await;
        let error = fake
            .run(
                "slack_send_message",
                json!({"to": "C0000000001", "text": "x"}),
            )
            .await
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::OutcomeUnknown, "{status} {body}");
        assert_eq!(writes(&fake).len(), 1, "{status} {body}");
    }
}

#[tokio::test]
async fn each_refusal_to_open_a_conversation_has_its_kind() {
    for (code, expected) in [
        ("user_not_found", ErrorCode::NotFound),
        ("user_not_visible", ErrorCode::Forbidden),
        ("user_disabled", ErrorCode::Forbidden),
        ("invalid_user_combination", ErrorCode::Forbidden),
        ("too_many_users", ErrorCode::InvalidArguments),
        ("not_enough_users", ErrorCode::InvalidArguments),
        ("method_not_supported_for_channel_type", ErrorCode::Rejected),
    ] {
        let fake = Fake::start(move |call: &Call| match call.method.as_str() {
            "conversations.open" => refusal(code),
            _ => workspace(call),
        })
        .await;
        let error = fake
            .run("slack_send_message", json!({"to": "@bob.b", "text": "x"}))
            .await
            .unwrap_err();
        assert_eq!(error.code, expected, "{code}");
        assert_eq!(writes(&fake), ["conversations.open"]);
    }
}

#[tokio::test]
async fn a_missing_scope_is_found_before_anything_is_posted() {
    const EVERY_WRITE: &str = "channels:write,groups:write,mpim:write,im:write";
    let base = "chat:write,channels:read";
    for (to, text, refused, needed, expected) in [
        (
            json!("#general"),
            "x",
            "chat.postMessage",
            "chat:write",
            vec!["chat:write"],
        ),
        (
            json!("#general"),
            "@ada",
            "users.list",
            "users:read",
            vec!["users:read"],
        ),
        (
            json!("@bob.b"),
            "x",
            "users.list",
            "users:read",
            vec!["users:read", "im:write"],
        ),
        (
            json!(["@bob.b", "@ada"]),
            "x",
            "users.list",
            "users:read",
            vec!["users:read", "mpim:write"],
        ),
        (
            json!("U0000000002"),
            "x",
            "conversations.open",
            "im:write",
            vec!["im:write"],
        ),
        (
            json!("U0000000002"),
            "x",
            "conversations.open",
            EVERY_WRITE,
            vec!["im:write"],
        ),
        (
            json!(["U0000000002", "U0000000001"]),
            "x",
            "conversations.open",
            EVERY_WRITE,
            vec!["mpim:write"],
        ),
        (
            json!("#general"),
            "x",
            "users.conversations",
            "channels:read",
            vec!["channels:read"],
        ),
    ] {
        let fake = Fake::start(move |call: &Call| {
            if call.method == refused {
                missing(needed, base)
            } else {
                workspace(call)
            }
        })
        .await;
        let error = fake
            .run("slack_send_message", json!({"to": to, "text": text}))
            .await
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::MissingScopes, "{to}");
        assert_eq!(error.missing_scopes, expected, "{to}");
        assert!(writes(&fake).iter().all(|method| method == refused), "{to}");
    }
}

#[tokio::test]
async fn a_private_channel_by_name_needs_one_scope_to_be_found() {
    let fake = Fake::start(|call: &Call| {
        if call.field("types").contains("private") {
            missing("groups:read", "chat:write,channels:read")
        } else {
            workspace(call)
        }
    })
    .await;
    let error = fake
        .run("slack_send_message", json!({"to": "#board", "text": "x"}))
        .await
        .unwrap_err();
    assert_eq!(error.missing_scopes, ["groups:read"]);
}
