use serde_json::{Value, json};

use super::super::fake::{Answer, Call, Fake, missing, refusal, workspace};
use crate::error::ErrorCode;

async fn send(fake: &Fake, arguments: Value) -> (String, Value) {
    let output = fake.run("slack_send_message", arguments).await.unwrap();
    (output.text, Value::Object(output.structured.unwrap()))
}

/// Posts and opened conversations: what a refused call must not leave behind.
fn writes(fake: &Fake) -> Vec<String> {
    let mut methods = fake.methods();
    methods.retain(|method| method == "chat.postMessage" || method == "conversations.open");
    methods
}

#[tokio::test]
async fn a_message_goes_to_a_channel_by_id_as_markdown_without_previews() {
    let fake = Fake::start(workspace).await;
    let arguments = json!({"to": "#general", "text": "**hi** https://example.org"});

    let (text, result) = send(&fake, arguments).await;

    assert_eq!(
        fake.call("chat.postMessage").fields(),
        [
            "channel=C0000000001",
            "link_names=false",
            "markdown_text=**hi** https://example.org",
            "unfurl_links=false",
            "unfurl_media=false",
        ]
    );
    assert_eq!(
        fake.call("chat.getPermalink").fields(),
        ["channel=C0000000001", "message_ts=1777629600.000200"]
    );
    assert_eq!(
        result,
        json!({
            "sent": true, "ts": "1777629600.000200", "thread_ts": null, "also_to_channel": false, "unfurl": false,
            "channel": {"id": "C0000000001", "name": "general", "kind": "public_channel"},
            "recipients": [], "mentions": [],
            "permalink": "https://acme.slack.com/archives/C0000000001/p1777629600000200",
            "text": "**hi** https://example.org", "warnings": [], "truncated": false, "account": "ada @ Acme",
        })
    );
    assert_eq!(
        text,
        "Sent to #general (C0000000001).\n\
         ts: 1777629600.000200\n\
         Link: https://acme.slack.com/archives/C0000000001/p1777629600000200\n\
         Link previews: off\n\
         Text:\n\
         **hi** https://example.org\n\
         Account: ada @ Acme"
    );
}

#[tokio::test]
async fn previews_are_fetched_only_when_asked_for() {
    let fake = Fake::start(workspace).await;
    let (text, _) = send(
        &fake,
        json!({"to": "C0000000001", "text": "x", "unfurl": true}),
    )
    .await;
    let posted = fake.call("chat.postMessage");
    assert_eq!(
        (posted.field("unfurl_links"), posted.field("unfurl_media")),
        ("true", "true")
    );
    assert!(text.contains("Link previews: on"));
}

#[tokio::test]
async fn people_are_written_to_in_a_conversation_that_is_opened_for_them() {
    for (to, users, opened, shown) in [
        (
            json!("@bob.b"),
            "U0000000002",
            "direct_message",
            "direct message with Bob Barker",
        ),
        (
            json!("U0000000002"),
            "U0000000002",
            "direct_message",
            "direct message with Bob Barker",
        ),
        (
            json!(["@Grace Hopper"]),
            "U0000000003",
            "direct_message",
            "direct message with Grace",
        ),
        (
            json!(["@bob.b", "U0000000002"]),
            "U0000000002",
            "direct_message",
            "direct message with Bob Barker",
        ),
        (
            json!(["@bob.b", "U0000000001"]),
            "U0000000002,U0000000001",
            "group_message",
            "group message Bob Barker, Ada",
        ),
    ] {
        let fake = Fake::start(workspace).await;
        let (text, result) = send(&fake, json!({"to": to, "text": "hi"})).await;
        assert_eq!(
            fake.call("conversations.open").fields(),
            [format!("users={users}")],
            "{to}"
        );
        assert_eq!(
            fake.call("chat.postMessage").field("channel"),
            "D0000000001"
        );
        assert_eq!(result["channel"]["kind"], opened, "{to}");
        assert_eq!(
            result["recipients"].as_array().unwrap().len(),
            users.split(',').count()
        );
        assert!(text.contains(shown), "{text}");
        assert!(
            text.contains("U0000000002)") || users.ends_with('3'),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_dry_run_resolves_everything_and_writes_nothing() {
    for (to, channel) in [
        (json!("#general"), json!("C0000000001")),
        (json!(["@bob.b", "@grace"]), Value::Null),
    ] {
        let fake = Fake::start(workspace).await;
        let arguments = json!({"to": to, "text": "hi @ada <!here>", "dry_run": true});
        let (text, result) = send(&fake, arguments).await;
        assert!(writes(&fake).is_empty(), "{:?}", fake.methods());
        assert_eq!(result["sent"], false);
        assert_eq!(result["channel"]["id"], channel);
        assert_eq!(result["text"], "hi <@U0000000001> &lt;!here>");
        assert_eq!(
            result["mentions"],
            json!([{"id": "U0000000001", "name": "Ada"}])
        );
        assert!(
            text.starts_with("Dry run: nothing was sent. It would go to "),
            "{text}"
        );
        assert!(
            text.contains("Mentions: Ada (U0000000001)") && text.contains("&lt;!here>"),
            "{text}"
        );
        assert!(
            text.contains("Warning: 1 mentions that would notify a channel"),
            "{text}"
        );
        assert!(
            fake.methods().iter().filter(|m| *m == "users.list").count() == 1,
            "asked once for both"
        );
    }
}

#[tokio::test]
async fn a_reply_goes_to_the_parent_whether_named_by_ts_or_by_link() {
    for thread in [
        "1777620000.000100",
        "https://acme.slack.com/archives/C0000000001/p1777620000000100",
        "https://acme.slack.com/archives/C0000000001/p1777629000000900?thread_ts=1777620000.000100&cid=C0000000001",
    ] {
        let fake = Fake::start(workspace).await;
        let arguments =
            json!({"to": "C0000000001", "text": "x", "thread_ts": thread, "also_to_channel": true});
        let (text, result) = send(&fake, arguments).await;
        let posted = fake.call("chat.postMessage");
        assert_eq!(posted.field("thread_ts"), "1777620000.000100");
        assert_eq!(posted.field("reply_broadcast"), "true");
        assert_eq!(result["thread_ts"], "1777620000.000100");
        assert!(
            text.contains("in thread 1777620000.000100, also shown in the channel."),
            "{text}"
        );
        assert_eq!(result["warnings"], json!([]));
    }
}

#[tokio::test]
async fn a_reply_that_slack_put_elsewhere_is_told() {
    for (became, warned) in [
        (json!({"text": "x"}), true),
        (json!({"thread_ts": "1.000001"}), true),
        (Value::Null, false),
    ] {
        let fake = Fake::start(move |call: &Call| match call.method.as_str() {
            "chat.postMessage" => json!({"ok": true, "channel": "C0000000001", "ts": "1777629600.000200", "message": became}),
            _ => workspace(call),
        })
        .await;
        let arguments = json!({"to": "C0000000001", "text": "x", "thread_ts": "1777620000.000100"});
        let (text, _) = send(&fake, arguments).await;
        assert_eq!(
            text.contains("Warning: Slack did not put the reply into the thread"),
            warned,
            "{text}"
        );
    }
}

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
async fn literal_mentions_need_no_names_and_notify_nobody() {
    let fake = Fake::start(workspace).await;
    let arguments =
        json!({"to": "C0000000001", "text": "@ada <@U0000000002>", "mention_policy": "literal"});
    let (text, _) = send(&fake, arguments).await;
    assert_eq!(
        fake.call("chat.postMessage").field("markdown_text"),
        "@ada &lt;@U0000000002>"
    );
    assert!(!fake.methods().contains(&"users.list".to_owned()));
    assert!(
        text.contains("Warning: 1 mentions of people (<@…>) were made text."),
        "{text}"
    );
}

#[tokio::test]
async fn a_name_of_nobody_is_left_as_text_with_a_warning() {
    let fake = Fake::start(workspace).await;
    let (text, _) = send(
        &fake,
        json!({"to": "C0000000001", "text": "@zoe @channel @ada"}),
    )
    .await;
    assert_eq!(
        fake.call("chat.postMessage").field("markdown_text"),
        "@zoe @channel <@U0000000001>"
    );
    assert!(text.contains("Warning: @zoe was left as text"), "{text}");
    assert!(
        text.contains("Warning: @channel was left as text: it notifies nobody."),
        "{text}"
    );
}

#[tokio::test]
async fn a_message_without_a_link_is_still_sent() {
    for failure in [
        refusal("message_not_found"),
        refusal("token_revoked"),
        missing("x:y", ""),
    ] {
        let fake = Fake::start(move |call: &Call| match call.method.as_str() {
            "chat.getPermalink" => failure.clone(),
            _ => workspace(call),
        })
        .await;
        let (text, result) = send(&fake, json!({"to": "C0000000001", "text": "x"})).await;
        assert_eq!(result["sent"], true);
        assert_eq!(result["permalink"], Value::Null);
        assert!(
            text.contains("Warning: The message was sent, but there is no link to it"),
            "{text}"
        );
        assert_eq!(writes(&fake).len(), 1);
    }
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
        let fake = Fake::start(move |call: &Call| match call.method.as_str() {
            "chat.postMessage" => Answer(status, vec![], body.to_owned()),
            _ => workspace(call).into(),
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

#[tokio::test]
async fn names_of_recipients_by_id_are_not_needed_to_send() {
    let fake = Fake::start(|call: &Call| match call.method.as_str() {
        "users.info" | "conversations.info" => missing("users:read", "chat:write,im:write"),
        _ => workspace(call),
    })
    .await;
    for (to, shown) in [
        ("U0000000002", "U0000000002"),
        ("C0000000009", "conversation (C0000000009)"),
    ] {
        let (text, _) = send(&fake, json!({"to": to, "text": "x"})).await;
        assert!(text.contains(shown), "{text}");
    }
}

#[tokio::test]
async fn a_dead_token_is_renewed_once_and_the_message_posted_once() {
    let fake =
        Fake::start(
            |call: &Call| match (call.method.as_str(), call.authorization.as_str()) {
                ("chat.postMessage", "Bearer first") => refusal("token_expired"),
                _ => workspace(call),
            },
        )
        .await;
    send(&fake, json!({"to": "C0000000001", "text": "x"})).await;
    assert_eq!(fake.renewals(), 1);
    let tokens: Vec<String> = fake
        .calls()
        .into_iter()
        .filter(|c| c.method == "chat.postMessage")
        .map(|c| c.authorization)
        .collect();
    assert_eq!(tokens, ["Bearer first", "Bearer second"]);
}
