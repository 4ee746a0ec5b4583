//! `slack_find_users`: by name, by address, by id.

use serde_json::{Value, json};

use super::fake::{Call, Fake, missing, refusal, workspace};
use crate::error::ErrorCode;

fn member(id: &str, handle: &str, name: &str) -> Value {
    json!({"id": id, "name": handle, "real_name": name, "tz": "Europe/London",
        "profile": {"real_name": name, "display_name": "", "title": ""}})
}

fn answer(call: &Call) -> Value {
    let mut bot = member("U0000000007", "adabot", "Ada Bot");
    bot["is_bot"] = true.into();
    let mut gone = member("U0000000008", "ada.old", "Ada Byron");
    gone["deleted"] = true.into();
    let mut guest = member("U0000000009", "wada", "Wada \u{202e}San");
    guest["is_stranger"] = true.into();
    guest["profile"]["title"] = "Guest\nof honour".into();
    let mut ada = member("U0000000001", "ada", "Ada Lovelace");
    ada["profile"]["email"] = "ada@acme.example".into();
    match call.method.as_str() {
        "users.list" => json!({"ok": true, "members": [
            guest, member("U0000000006", "lovelace", "Adam Smith"), ada, bot, gone,
        ]}),
        "users.lookupByEmail" => match call.field("email") {
            "ada@acme.example" => json!({"ok": true, "user": ada}),
            _ => refusal("users_not_found"),
        },
        "users.info" => match call.field("user") {
            "U0000000008" => json!({"ok": true, "user": gone}),
            _ => refusal("user_not_found"),
        },
        _ => workspace(call),
    }
}

async fn find(fake: &Fake, arguments: Value) -> (String, Value) {
    let output = fake.run("slack_find_users", arguments).await.unwrap();
    (output.text, Value::Object(output.structured.unwrap()))
}

fn ids(result: &Value) -> Vec<&str> {
    let users = result["users"].as_array().unwrap();
    users
        .iter()
        .map(|user| user["id"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn people_are_found_by_part_of_a_name_the_best_fit_first() {
    for (query, expected) in [
        ("ada", vec!["U0000000001", "U0000000006", "U0000000009"]),
        ("@ADA", vec!["U0000000001", "U0000000006", "U0000000009"]),
        ("Lovelace", vec!["U0000000006", "U0000000001"]),
        ("adam smiht", vec!["U0000000006"]),
        ("nobody", vec![]),
    ] {
        let fake = Fake::start(answer).await;
        let (text, result) = find(&fake, json!({"query": query})).await;
        assert_eq!(ids(&result), expected, "{query}");
        let told = format!("{0} of {0} shown.", expected.len());
        assert!(text.starts_with(&told), "{text}");
    }
}

#[tokio::test]
async fn what_is_known_of_a_person_is_one_line() {
    let fake = Fake::start(answer).await;
    let (text, result) = find(
        &fake,
        json!({"query": "ada", "include_bots": true, "limit": 4}),
    )
    .await;
    assert_eq!(
        text,
        "4 of 4 shown.\n\
         Ada Lovelace (@ada, U0000000001), ada@acme.example, Europe/London\n\
         Adam Smith (@lovelace, U0000000006), Europe/London\n\
         Ada Bot (@adabot, U0000000007), Europe/London, bot\n\
         Wada San (@wada, U0000000009), Guest of honour, Europe/London, external\n\
         \n\
         Account: ada @ Acme"
    );
    assert_eq!(result["users"][3]["notes"], json!(["external"]));
    let (text, result) = find(&fake, json!({"query": "ada", "limit": 1})).await;
    assert_eq!(
        (&result["matches"], &result["truncated"]),
        (&json!(3), &json!(true))
    );
    assert!(text.starts_with("1 of 3 shown."), "{text}");
    let (text, _) = find(&fake, json!({"query": "ada", "limit": 500})).await;
    assert!(text.contains("`limit` was changed to 50"), "{text}");
}

#[tokio::test]
async fn addresses_and_ids_are_looked_up_one_by_one_and_strangers_named() {
    let fake = Fake::start(answer).await;
    let arguments = json!({"emails": ["ada@acme.example", "eve@acme.example"]});
    let (text, result) = find(&fake, arguments).await;
    assert_eq!(ids(&result), ["U0000000001"]);
    assert_eq!(result["not_found"], json!(["eve@acme.example"]));
    assert!(text.contains("\nNot found: eve@acme.example"), "{text}");
    assert!(!fake.methods().contains(&"users.list".to_owned()));

    let (text, result) = find(&fake, json!({"user_ids": "U0000000008"})).await;
    assert_eq!(ids(&result), ["U0000000008"]);
    assert!(text.contains("deactivated"), "{text}");
}

#[tokio::test]
async fn what_was_found_before_a_failure_is_kept() {
    let fake = Fake::start(|call: &Call| match (call.method.as_str(), call.nth) {
        ("users.lookupByEmail", 1) => refusal("ratelimited"),
        _ => answer(call),
    })
    .await;
    let arguments = json!({"emails": ["ada@acme.example", "b@acme.example", "c@acme.example"]});
    let (text, result) = find(&fake, arguments).await;
    assert_eq!(ids(&result), ["U0000000001"]);
    assert_eq!(result["truncated"], true);
    assert!(
        text.contains("Warning: The last 2 were not looked up"),
        "{text}"
    );
}

#[tokio::test]
async fn a_workspace_is_looked_through_within_bounds() {
    let fake = Fake::start(|call: &Call| match call.method.as_str() {
        "users.list" => {
            json!({"ok": true, "members": [], "response_metadata": {"next_cursor": "on"}})
        }
        _ => workspace(call),
    })
    .await;
    let (text, _) = find(&fake, json!({"query": "ada"})).await;
    assert_eq!(fake.calls_of("users.list").len(), 10);
    assert!(
        text.contains("Only the first 5000 people were looked at."),
        "{text}"
    );
}

#[tokio::test]
async fn arguments_that_ask_for_nobody_or_in_two_ways_reach_nobody() {
    let many: Vec<String> = (0..51).map(|n| format!("U00000000{n:02}")).collect();
    for arguments in [
        json!({}),
        json!({"query": " "}),
        json!({"query": "@"}),
        json!({"query": "ada", "user_ids": "U0000000001"}),
        json!({"emails": "ada"}),
        json!({"user_ids": ["C0000000001"]}),
        json!({"user_ids": many}),
    ] {
        let fake = Fake::start(answer).await;
        let error = fake
            .run("slack_find_users", arguments.clone())
            .await
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArguments, "{arguments}");
        assert!(fake.calls().is_empty(), "{arguments}");
    }
}

#[tokio::test]
async fn each_refusal_of_a_lookup_has_its_kind() {
    for (code, expected) in [
        ("ratelimited", ErrorCode::RateLimited),
        ("access_denied", ErrorCode::Forbidden),
        ("limit_required", ErrorCode::Rejected),
        ("internal_error", ErrorCode::Unreachable),
    ] {
        let fake = Fake::start(move |_: &Call| refusal(code)).await;
        let error = fake
            .run("slack_find_users", json!({"query": "ada"}))
            .await
            .unwrap_err();
        assert_eq!(error.code, expected, "{code}");
    }
    let fake = Fake::start(|_: &Call| missing("users:read.email", "users:read")).await;
    let by_address = json!({"emails": ["ada@acme.example"]});
    let error = fake.run("slack_find_users", by_address).await.unwrap_err();
    assert_eq!(error.missing_scopes, ["users:read.email"]);
}
