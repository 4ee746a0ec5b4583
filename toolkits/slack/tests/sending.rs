//! What `slack_send_message` sends and says.

use serde_json::{Value, json};

use super::fake::{Call, Fake, missing, refusal, send, workspace, writes};

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
         \n\
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
            text.contains("Warning: Mentions of a channel or a group (<!…>) were made text: 1."),
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
        text.contains("Warning: Mentions of people (<@…>) were made text: 1."),
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
                ("chat.postMessage", "Bearer token-0") => refusal("token_expired"),
                _ => workspace(call),
            },
        )
        .await;
    send(&fake, json!({"to": "C0000000001", "text": "x"})).await;
    let tokens: Vec<String> = fake
        .calls()
        .into_iter()
        .filter(|c| c.method == "chat.postMessage")
        .map(|c| c.authorization)
        .collect();
    assert_eq!(tokens, ["Bearer token-0", "Bearer token-1"]);
}

#[tokio::test]
async fn what_nobody_sees_is_not_sent_and_cannot_hide_a_mention() {
    let fake = Fake::start(workspace).await;
    let arguments =
        json!({"to": "C0000000001", "text": "a\u{e0041}b <\u{200b}!channel> 👩\u{200d}💻"});
    let (text, result) = send(&fake, arguments).await;
    let sent = "ab &lt;!channel> 👩\u{200d}💻";
    assert_eq!(fake.call("chat.postMessage").field("markdown_text"), sent);
    assert_eq!(result["text"], sent);
    assert!(text.contains("Warning: Invisible characters were removed from the text: 2."));
    assert!(text.contains("Warning: Mentions of a channel or a group (<!…>) were made text: 1."));
}
