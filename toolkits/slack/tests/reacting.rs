//! `slack_react`: what is sent, and what Slack says to it.

use serde_json::json;

use super::fake::{Call, Fake, LINK, TS, missing, refusal, workspace};
use crate::error::ErrorCode;

#[tokio::test]
async fn an_emoji_is_added_or_removed_by_name() {
    for (arguments, method, name, said) in [
        (
            json!({"ts": LINK, "emoji": ":Tada:"}),
            "reactions.add",
            "tada",
            "Added :tada: on 1777629500.000100 in #general (C0000000001).",
        ),
        (
            json!({"ts": TS, "channel": "#general", "emoji": "wave::skin-tone-2", "action": "remove"}),
            "reactions.remove",
            "wave::skin-tone-2",
            "Removed :wave::skin-tone-2: from 1777629500.000100 in #general (C0000000001).",
        ),
        (
            json!({"ts": TS, "channel": "@bob.b", "emoji": "+1"}),
            "reactions.add",
            "+1",
            "Added :+1: on 1777629500.000100 in direct message with Bob Barker (D0000000001).",
        ),
    ] {
        let fake = Fake::start(workspace).await;
        let output = fake.run("slack_react", arguments).await.unwrap();
        assert!(output.text.starts_with(said), "{}", output.text);
        let result = output.structured.unwrap();
        assert_eq!(result["changed"], true);
        let id = result["channel"]["id"].as_str().unwrap();
        assert_eq!(
            fake.call(method).fields(),
            [
                format!("channel={id}"),
                format!("name={name}"),
                format!("timestamp={TS}")
            ]
        );
    }
}

#[tokio::test]
async fn what_is_so_already_is_no_error() {
    for (action, code) in [("add", "already_reacted"), ("remove", "no_reaction")] {
        let fake = Fake::start(move |call: &Call| match call.method.as_str() {
            "reactions.add" | "reactions.remove" => refusal(code),
            _ => workspace(call),
        })
        .await;
        let arguments = json!({"ts": LINK, "emoji": "eyes", "action": action});
        let output = fake.run("slack_react", arguments).await.unwrap();
        assert_eq!(output.structured.unwrap()["changed"], false);
        assert!(output.text.starts_with("Nothing to do:"), "{}", output.text);
    }
}

#[tokio::test]
async fn arguments_that_name_no_message_or_emoji_reach_nobody() {
    for arguments in [
        json!({"ts": LINK, "emoji": "👍"}),
        json!({"ts": LINK, "emoji": ""}),
        json!({"ts": TS, "emoji": "tada"}),
        json!({"ts": "yesterday", "channel": "#general", "emoji": "tada"}),
        json!({"ts": LINK, "channel": "C0000000002", "emoji": "tada"}),
        json!({"ts": LINK, "emoji": "tada", "action": "toggle"}),
    ] {
        let fake = Fake::start(workspace).await;
        let error = fake
            .run("slack_react", arguments.clone())
            .await
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArguments, "{arguments}");
        assert!(fake.calls().is_empty(), "{arguments}");
    }
}

#[tokio::test]
async fn each_refusal_of_a_reaction_has_its_kind() {
    for (code, expected) in [
        ("invalid_name", ErrorCode::InvalidArguments),
        ("message_not_found", ErrorCode::NotFound),
        ("bad_timestamp", ErrorCode::NotFound),
        ("channel_not_found", ErrorCode::NotFound),
        ("is_archived", ErrorCode::Forbidden),
        ("not_reactable", ErrorCode::Forbidden),
        ("thread_locked", ErrorCode::Forbidden),
        ("no_access", ErrorCode::Forbidden),
        ("too_many_emoji", ErrorCode::Forbidden),
        ("too_many_reactions", ErrorCode::Forbidden),
        ("external_channel_migrating", ErrorCode::Rejected),
        // Of the other action: not what was asked for.
        ("no_reaction", ErrorCode::Rejected),
        ("ratelimited", ErrorCode::RateLimited),
        ("internal_error", ErrorCode::OutcomeUnknown),
    ] {
        let fake = Fake::start(move |call: &Call| match call.method.as_str() {
            "reactions.add" => refusal(code),
            _ => workspace(call),
        })
        .await;
        let arguments = json!({"ts": LINK, "emoji": "tada"});
        let error = fake.run("slack_react", arguments).await.unwrap_err();
        assert_eq!(error.code, expected, "{code}");
        assert_eq!(fake.calls_of("reactions.add").len(), 1, "{code}");
    }
    let fake = Fake::start(|call: &Call| match call.method.as_str() {
        "reactions.add" => missing("reactions:write", "channels:read"),
        // The name is good to have and not needed.
        "conversations.info" => missing("channels:read", ""),
        _ => workspace(call),
    })
    .await;
    let error = fake
        .run("slack_react", json!({"ts": LINK, "emoji": "tada"}))
        .await
        .unwrap_err();
    assert_eq!(error.missing_scopes, ["reactions:write"]);
}
