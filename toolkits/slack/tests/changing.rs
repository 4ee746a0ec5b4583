//! `slack_update_message` and `slack_delete_message`.

use serde_json::{Value, json};

use super::fake::{Call, Fake, LINK, TS, missing, refusal, workspace};
use crate::error::ErrorCode;

#[tokio::test]
async fn a_message_gets_a_new_text_that_notifies_only_whom_it_names() {
    let fake = Fake::start(workspace).await;
    let arguments = json!({"ts": LINK, "text": "**new** for @bob.b <!channel>"});
    let output = fake.run("slack_update_message", arguments).await.unwrap();
    assert_eq!(
        fake.call("chat.update").fields(),
        [
            "channel=C0000000001",
            "link_names=false",
            "markdown_text=**new** for <@U0000000002> &lt;!channel>",
            "parse=none",
            "ts=1777629500.000100",
        ]
    );
    assert_eq!(
        output.text,
        "Updated 1777629500.000100 in #general (C0000000001).\n\
         Mentions: Bob Barker (U0000000002)\n\
         Text:\n\
         **new** for <@U0000000002> &lt;!channel>\n\
         \n\
         Warning: Mentions of a channel or a group (<!…>) were made text: 1.\n\
         Account: ada @ Acme"
    );
    assert_eq!(output.structured.unwrap()["updated"], true);
}

#[tokio::test]
async fn a_dry_run_of_an_edit_changes_nothing() {
    let fake = Fake::start(workspace).await;
    let arguments = json!({"ts": TS, "channel": "#general", "text": "@ada", "dry_run": true,
        "mention_policy": "literal"});
    let output = fake.run("slack_update_message", arguments).await.unwrap();
    assert!(fake.calls_of("chat.update").is_empty());
    assert!(!fake.methods().contains(&"users.list".to_owned()));
    let said = "Dry run: nothing was changed. It would update 1777629500.000100 in #general";
    assert!(output.text.starts_with(said), "{}", output.text);
    let result = Value::Object(output.structured.unwrap());
    assert_eq!(
        (&result["updated"], &result["text"]),
        (&json!(false), &json!("@ada"))
    );
}

#[tokio::test]
async fn a_message_is_deleted_by_link_or_by_ts() {
    for arguments in [
        json!({"ts": LINK}),
        json!({"ts": TS, "channel": "general"}),
        json!({"ts": TS, "channel": "C0000000001"}),
    ] {
        let fake = Fake::start(workspace).await;
        let output = fake.run("slack_delete_message", arguments).await.unwrap();
        assert_eq!(
            fake.call("chat.delete").fields(),
            ["channel=C0000000001", "ts=1777629500.000100"]
        );
        assert!(
            output
                .text
                .starts_with("Deleted 1777629500.000100 in #general (C0000000001).")
        );
    }
}

#[tokio::test]
async fn arguments_that_change_nothing_reach_nobody() {
    for (tool, arguments, expected) in [
        (
            "slack_update_message",
            json!({"ts": LINK, "text": " "}),
            ErrorCode::InvalidArguments,
        ),
        (
            "slack_update_message",
            json!({"ts": LINK, "text": "é".repeat(12_001)}),
            ErrorCode::TooLarge,
        ),
        (
            "slack_update_message",
            json!({"ts": TS, "text": "x"}),
            ErrorCode::InvalidArguments,
        ),
        (
            "slack_update_message",
            json!({"ts": LINK, "text": "x", "blocks": "[]"}),
            ErrorCode::InvalidArguments,
        ),
        (
            "slack_delete_message",
            json!({"ts": TS}),
            ErrorCode::InvalidArguments,
        ),
        (
            "slack_delete_message",
            json!({"ts": LINK, "channel": "C0000000002"}),
            ErrorCode::InvalidArguments,
        ),
        (
            "slack_delete_message",
            json!({"ts": "https://acme.slack.com/archives/C0000000001"}),
            ErrorCode::InvalidArguments,
        ),
    ] {
        let fake = Fake::start(workspace).await;
        let error = fake.run(tool, arguments.clone()).await.unwrap_err();
        assert_eq!(error.code, expected, "{tool} {arguments}");
        assert!(fake.calls().is_empty(), "{tool} {arguments}");
    }
    // A link into another channel than the name means.
    let fake = Fake::start(workspace).await;
    let other = json!({"ts": LINK, "channel": "#board"});
    let error = fake.run("slack_delete_message", other).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidArguments);
    assert!(fake.calls_of("chat.delete").is_empty());
}

#[tokio::test]
async fn each_refusal_of_a_change_has_its_kind_and_is_not_repeated() {
    for (code, expected) in [
        ("cant_update_message", ErrorCode::Forbidden),
        ("cant_delete_message", ErrorCode::Forbidden),
        ("edit_window_closed", ErrorCode::Forbidden),
        ("is_inactive", ErrorCode::Forbidden),
        ("message_not_found", ErrorCode::NotFound),
        ("channel_not_found", ErrorCode::NotFound),
        ("msg_too_long", ErrorCode::TooLarge),
        ("streaming_state_conflict", ErrorCode::Rejected),
        ("update_failed", ErrorCode::OutcomeUnknown),
        ("internal_error", ErrorCode::OutcomeUnknown),
        ("ratelimited", ErrorCode::RateLimited),
    ] {
        for (tool, method, arguments) in [
            (
                "slack_update_message",
                "chat.update",
                json!({"ts": LINK, "text": "x"}),
            ),
            ("slack_delete_message", "chat.delete", json!({"ts": LINK})),
        ] {
            let fake = Fake::start(move |call: &Call| match call.method.as_str() {
                "chat.update" | "chat.delete" => refusal(code),
                _ => workspace(call),
            })
            .await;
            let error = fake.run(tool, arguments).await.unwrap_err();
            assert_eq!(error.code, expected, "{code}");
            assert_eq!(fake.calls_of(method).len(), 1, "{code}");
        }
    }
    let fake = Fake::start(|call: &Call| match call.method.as_str() {
        "chat.delete" => missing("chat:write", "channels:read"),
        _ => workspace(call),
    })
    .await;
    let error = fake
        .run("slack_delete_message", json!({"ts": LINK}))
        .await
        .unwrap_err();
    assert_eq!(error.missing_scopes, ["chat:write"]);
}
