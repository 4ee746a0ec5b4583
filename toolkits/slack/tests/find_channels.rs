//! `slack_find_channels`: what is found, among which kinds, on which page.

use serde_json::{Value, json};

use super::fake::{Call, Fake, missing, refusal, workspace};
use crate::error::ErrorCode;
use crate::fake::assert_shorter;

fn answer(call: &Call) -> Value {
    let all = [
        json!({"id": "C0000000001", "name": "team-launch", "is_channel": true, "num_members": 12,
            "is_member": true, "topic": {"value": "First <!-- hidden -->run\nsoon"}, "purpose": {"value": ""}}),
        json!({"id": "C0000000002", "name": "launch", "num_members": 1, "is_member": false,
            "purpose": {"value": "Everything for the launch"}}),
        json!({"id": "C0000000003", "name": "random", "topic": {"value": "Not about LAUNCH"}}),
        json!({"id": "C0000000004", "name": "board", "is_private": true, "is_archived": true}),
        json!({"id": "G0000000005", "name": "mpdm-ada--bob-1", "is_mpim": true, "is_private": true}),
        json!({"id": "D0000000006", "is_im": true, "user": "U0000000002"}),
    ];
    let kind = |one: &Value| match one["id"].as_str().unwrap() {
        "C0000000004" => "private_channel",
        "G0000000005" => "mpim",
        "D0000000006" => "im",
        _ => "public_channel",
    };
    match call.method.as_str() {
        "users.conversations" | "conversations.list" => {
            let types: Vec<&str> = call.field("types").split(',').collect();
            let live = call.field("exclude_archived") == "true";
            let wanted =
                |one: &Value| types.contains(&kind(one)) && !(live && one["is_archived"] == true);
            let channels: Vec<Value> = all.into_iter().filter(wanted).collect();
            json!({"ok": true, "channels": channels})
        }
        _ => workspace(call),
    }
}

/// In detail.
async fn find(fake: &Fake, mut arguments: Value) -> (String, Value) {
    arguments["response_format"] = "detailed".into();
    let output = fake.run("slack_find_channels", arguments).await.unwrap();
    (output.text, Value::Object(output.structured.unwrap()))
}

fn ids(result: &Value) -> Vec<&str> {
    let channels = result["channels"].as_array().unwrap();
    channels
        .iter()
        .map(|found| found["channel"]["id"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn channels_are_found_by_name_topic_or_purpose_the_best_fit_first() {
    let fake = Fake::start(answer).await;
    let (text, result) = find(&fake, json!({"query": "#launch", "member_only": false})).await;
    assert_eq!(ids(&result), ["C0000000002", "C0000000001", "C0000000003"]);
    assert_eq!(
        text,
        "3 of about 3 shown. No more pages.\n\
         #launch (C0000000002), 1 member, not a member, purpose: Everything for the launch\n\
         #team-launch (C0000000001), 12 members, topic: First run soon\n\
         #random (C0000000003), topic: Not about LAUNCH\n\
         \n\
         Account: ada @ Acme"
    );
    assert_eq!(fake.methods(), ["conversations.list"]);
    assert_eq!(
        fake.call("conversations.list").fields(),
        [
            "exclude_archived=true",
            "limit=500",
            "types=public_channel,private_channel"
        ]
    );

    let concise = json!({"query": "#launch", "member_only": false});
    let concise = fake.run("slack_find_channels", concise).await.unwrap();
    assert_shorter(&concise, &text, &result, "Everything for the launch");
}

#[tokio::test]
async fn kinds_and_archived_ones_are_as_asked_for() {
    for (arguments, expected) in [
        (json!({}), vec!["C0000000001", "C0000000002", "C0000000003"]),
        (json!({"types": "private"}), vec![]),
        (
            json!({"types": ["private"], "include_archived": true}),
            vec!["C0000000004"],
        ),
        (
            json!({"query": "ada", "types": ["group_dm", "public"]}),
            vec!["G0000000005"],
        ),
        (
            json!({"query": "@bob barker", "types": ["dm"]}),
            vec!["D0000000006"],
        ),
        (json!({"query": "lanch"}), vec!["C0000000002"]),
        (json!({"query": "nothing"}), vec![]),
    ] {
        let fake = Fake::start(answer).await;
        let (text, result) = find(&fake, arguments.clone()).await;
        assert_eq!(ids(&result), expected, "{arguments}");
        assert_eq!(fake.methods().last().unwrap(), "users.conversations");
        if expected == ["D0000000006"] {
            assert!(
                text.contains("direct message with Bob Barker (D0000000006)"),
                "{text}"
            );
            assert_eq!(result["channels"][0]["is_member"], true);
        }
    }
}

#[tokio::test]
async fn pages_go_on_with_a_cursor_of_the_same_arguments() {
    let fake = Fake::start(answer).await;
    let (_, first) = find(&fake, json!({"limit": 2})).await;
    assert_eq!(ids(&first), ["C0000000001", "C0000000002"]);
    assert_eq!(first["page"]["total_estimate"], 3);
    let cursor = first["page"]["next_cursor"].clone();
    let (_, second) = find(&fake, json!({"limit": 2, "cursor": cursor})).await;
    assert_eq!(ids(&second), ["C0000000003"]);
    assert_eq!(second["page"]["next_cursor"], Value::Null);

    let asked = fake.calls().len();
    for other in [
        json!({"query": "x", "cursor": cursor}),
        json!({"member_only": false, "cursor": cursor}),
        json!({"types": "public", "cursor": cursor}),
        json!({"cursor": "garbage"}),
        json!({"types": "secret"}),
    ] {
        let error = fake
            .run("slack_find_channels", other.clone())
            .await
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArguments, "{other}");
    }
    assert_eq!(fake.calls().len(), asked);
    let (text, _) = find(&fake, json!({"limit": 0})).await;
    assert!(text.contains("`limit` was changed to 1"), "{text}");
}

#[tokio::test]
async fn private_channels_are_left_out_unless_granted_or_asked_for() {
    fn public_only(call: &Call) -> Value {
        if call.field("types").contains("private") {
            missing(
                "channels:read,groups:read,mpim:read,im:read",
                "channels:read",
            )
        } else {
            answer(call)
        }
    }
    let fake = Fake::start(public_only).await;
    let (text, result) = find(&fake, json!({"query": "launch"})).await;
    assert_eq!(ids(&result).len(), 3);
    assert!(
        text.contains("Warning: Private channels could not be looked at"),
        "{text}"
    );

    let chosen = json!({"types": ["public", "private", "group_dm"]});
    let error = fake.run("slack_find_channels", chosen).await.unwrap_err();
    assert_eq!(error.missing_scopes, ["groups:read", "mpim:read"]);

    let fake = Fake::start(|_: &Call| missing("channels:read,groups:read", "")).await;
    let error = fake
        .run("slack_find_channels", json!({}))
        .await
        .unwrap_err();
    assert_eq!(error.missing_scopes, ["channels:read"]);

    // A direct message by a name: both permissions at once.
    let fake = Fake::start(|call: &Call| match call.method.as_str() {
        "users.list" => missing("users:read", "channels:read"),
        _ => answer(call),
    })
    .await;
    let error = fake
        .run("slack_find_channels", json!({"types": "dm"}))
        .await
        .unwrap_err();
    assert_eq!(error.missing_scopes, ["users:read", "im:read"]);
}

#[tokio::test]
async fn conversations_are_looked_through_within_bounds_and_refusals_have_their_kind() {
    let fake = Fake::start(|call: &Call| match call.method.as_str() {
        "users.conversations" => {
            json!({"ok": true, "channels": [], "response_metadata": {"next_cursor": "on"}})
        }
        _ => workspace(call),
    })
    .await;
    let (text, _) = find(&fake, json!({})).await;
    assert_eq!(fake.calls().len(), 10);
    assert!(text.contains("Only the first 5000 conversations"), "{text}");
    for (code, expected) in [
        ("ratelimited", ErrorCode::RateLimited),
        ("invalid_limit", ErrorCode::Rejected),
        ("missing_argument", ErrorCode::Rejected),
        ("internal_error", ErrorCode::Unreachable),
    ] {
        let fake = Fake::start(move |_: &Call| refusal(code)).await;
        let error = fake
            .run("slack_find_channels", json!({}))
            .await
            .unwrap_err();
        assert_eq!(error.code, expected, "{code}");
    }
}

#[tokio::test]
async fn a_server_without_users_conversations_is_asked_for_all_of_which_others_are_left_out() {
    let fake = Fake::start(|call: &Call| match call.method.as_str() {
        "users.conversations" => refusal("unknown_method"),
        _ => answer(call),
    })
    .await;
    let (_, result) = find(&fake, json!({"query": "launch"})).await;
    assert_eq!(ids(&result), ["C0000000001", "C0000000003"]);
    assert_eq!(result["channels"][1]["is_member"], Value::Null);
    assert_eq!(
        fake.methods(),
        ["users.conversations", "conversations.list"]
    );
}
