//! What `slack_whoami` says.

use serde_json::{Value, json};

use super::fake::{Call, Fake, missing, refusal, workspace};
use crate::error::ErrorCode;

#[tokio::test]
async fn the_person_the_workspace_and_the_scopes_are_told() {
    let fake = Fake::start(workspace).await;
    let output = fake.run("slack_whoami", json!({})).await.unwrap();
    assert_eq!(
        output.text,
        "Ada (@ada, U0000000001), Analyst, Europe/Berlin\n\
         Workspace: Acme (T0000000001), https://acme.slack.com/\n\
         Scopes: users:read, channels:read\n\
         \n\
         Account: ada @ Acme"
    );
    let result = Value::Object(output.structured.unwrap());
    assert_eq!(
        result["user"],
        json!({"id": "U0000000001", "handle": "ada", "name": "Ada", "title": "Analyst",
            "time_zone": "Europe/Berlin"})
    );
    assert_eq!(result["scopes"], json!(["users:read", "channels:read"]));
    assert_eq!(fake.methods(), ["auth.test", "users.info"]);
}

#[tokio::test]
async fn without_the_profile_the_rest_is_told_and_the_reason() {
    let fake = Fake::start(|call: &Call| match call.method.as_str() {
        "users.info" => missing("users:read", "chat:write"),
        _ => workspace(call),
    })
    .await;
    let output = fake.run("slack_whoami", json!({})).await.unwrap();
    assert!(output.text.starts_with("@ada (U0000000001)\n"));
    assert!(
        output
            .text
            .contains("permission that this call needs: users:read")
    );
    assert_eq!(output.structured.unwrap()["user"]["name"], Value::Null);
}

#[tokio::test]
async fn a_token_that_slack_refuses_is_unauthorized() {
    for (code, expected) in [
        ("invalid_auth", ErrorCode::Unauthorized),
        ("internal_error", ErrorCode::Unreachable),
        ("team_access_not_granted", ErrorCode::Forbidden),
    ] {
        let fake = Fake::start(move |_: &Call| refusal(code)).await;
        let error = fake.run("slack_whoami", json!({})).await.unwrap_err();
        assert_eq!(error.code, expected, "{code}");
    }
}
