use super::*;
use crate::oauth::token::OAuthError;

async fn revoke(provider: &Provider, with_refresh_token: bool) -> Result<bool, OAuthError> {
    let refresh_token = with_refresh_token.then(|| secret("CANARY-refresh"));
    provider
        .revoke(
            &Http::new(),
            &secret("CANARY-access"),
            refresh_token.as_ref(),
        )
        .await
}

fn told(result: &Result<bool, OAuthError>) -> String {
    match result {
        Ok(revoked) => revoked.to_string(),
        Err(error) => {
            assert!(!format!("{error} {error:?}").contains(CANARY), "{error:?}");
            error.to_string()
        }
    }
}

#[tokio::test]
async fn each_provider_is_asked_in_its_own_way() {
    // `the-client:CANARY-secret+/`, plain as GitHub's API wants it, and form-encoded.
    let plain = Some("Basic dGhlLWNsaWVudDpDQU5BUlktc2VjcmV0Ky8=");
    let encoded = Some("Basic dGhlLWNsaWVudDpDQU5BUlktc2VjcmV0JTJCJTJG");
    for (kind, with_refresh, answer, method, authorization, body) in [
        ("google", true, "{}", "POST", None, "token=CANARY-refresh"),
        ("google", false, "{}", "POST", None, "token=CANARY-access"),
        (
            "slack",
            true,
            r#"{"ok":true,"revoked":true}"#,
            "POST",
            Some("Bearer CANARY-access"),
            "",
        ),
        (
            "github",
            true,
            "",
            "DELETE",
            plain,
            r#"{"access_token":"CANARY-access"}"#,
        ),
        ("hooli", true, "", "POST", encoded, "token=CANARY-refresh"),
        ("hooli", false, "", "POST", encoded, "token=CANARY-access"),
    ] {
        let fake = Fake::answering(200, JSON, answer).await;
        assert_eq!(
            told(&revoke(&fake.provider(kind), with_refresh).await),
            "true",
            "{kind}"
        );
        let seen = fake.only();
        assert_eq!(
            (seen.method.as_str(), seen.uri.path()),
            (method, "/revoke"),
            "{kind}"
        );
        assert_eq!(seen.header("authorization"), authorization, "{kind}");
        assert_eq!(seen.body, body, "{kind}");
        assert_eq!(
            seen.uri.query(),
            None,
            "{kind}: a token in a URL ends up in logs"
        );
    }
}

#[tokio::test]
async fn slack_and_github_are_asked_below_their_api_when_the_entry_names_no_endpoint() {
    for (kind, answer, path) in [
        ("slack", r#"{"ok":true,"revoked":true}"#, "/api/auth.revoke"),
        ("github", "", "/api/applications/the-client/grant"),
    ] {
        let fake = Fake::answering(200, JSON, answer).await;
        let mut entry = fake.entry(kind);
        entry.revocation_request.endpoint = None;
        assert_eq!(told(&revoke(&Provider::new(entry), false).await), "true");
        assert_eq!(fake.only().uri.path(), path);
    }
}

/// Kind, whether there is a refresh token, the answer, and the beginning of what is told.
const OUTCOMES: &[(&str, bool, u16, &str, &str)] = &[
    // Revoked before: as good. An access token may only have expired.
    ("google", true, 400, r#"{"error":"invalid_token"}"#, "true"),
    (
        "google",
        false,
        400,
        r#"{"error":"invalid_token"}"#,
        "Google refused the request (invalid_token).",
    ),
    (
        "google",
        true,
        400,
        r#"{"error":"CANARY"}"#,
        "Google refused the request (unknown_error).",
    ),
    ("google", true, 503, "CANARY", "Google could not be reached"),
    (
        "slack",
        true,
        200,
        r#"{"ok":false,"error":"token_revoked"}"#,
        "true",
    ),
    (
        "slack",
        true,
        200,
        r#"{"ok":true,"revoked":false}"#,
        "Slack refused the request (not_revoked).",
    ),
    (
        "slack",
        true,
        200,
        r#"{"ok":true}"#,
        "Slack refused the request (not_revoked).",
    ),
    (
        "slack",
        true,
        200,
        r#"{"ok":false,"error":"invalid_auth"}"#,
        "Slack refused the request (invalid_auth).",
    ),
    (
        "slack",
        true,
        200,
        r#"{"ok":false,"error":"account_inactive"}"#,
        "Slack no longer accepts this connection (account_inactive)",
    ),
    (
        "slack",
        true,
        200,
        "CANARY",
        "Slack refused the request (not_revoked).",
    ),
    ("github", true, 204, "", "true"),
    (
        "github",
        true,
        401,
        r#"{"message":"CANARY"}"#,
        "GitHub refused the client of provider entry `an-entry`",
    ),
    (
        "github",
        true,
        404,
        r#"{"message":"CANARY"}"#,
        "GitHub refused the request (invalid_token).",
    ),
    (
        "github",
        true,
        422,
        r#"{"message":"CANARY"}"#,
        "GitHub refused the request (invalid_token).",
    ),
    (
        "github",
        true,
        403,
        r#"{"message":"CANARY"}"#,
        "GitHub refused the request (unknown_error).",
    ),
    (
        "hooli",
        true,
        401,
        r#"{"error":"invalid_client"}"#,
        "an-entry refused the client of provider entry `an-entry`",
    ),
    (
        "hooli",
        true,
        400,
        r#"{"error":"unsupported_token_type"}"#,
        "an-entry refused the request (unsupported_token_type).",
    ),
];

#[tokio::test]
async fn what_did_not_work_is_told() {
    for (kind, with_refresh, status, body, wanted) in OUTCOMES {
        let fake = Fake::answering(*status, JSON, body).await;
        let told = told(&revoke(&fake.provider(kind), *with_refresh).await);
        assert!(told.starts_with(wanted), "{kind} {status} {body}: {told}");
    }
}

#[tokio::test]
async fn a_provider_without_a_way_to_revoke_is_not_asked() {
    let fake = Fake::answering(200, JSON, "").await;
    let mut entry = fake.entry("hooli");
    entry.revocation_request.endpoint = None;
    assert_eq!(told(&revoke(&Provider::new(entry), true).await), "false");
    assert!(fake.seen.lock().unwrap().is_empty());
    let mut entry = fake.entry("github");
    entry.client_secret = None;
    assert!(told(&revoke(&Provider::new(entry), true).await).contains("has no client_secret"));
}

#[tokio::test]
async fn an_entry_can_say_which_token_goes_where() {
    let fake = Fake::answering(200, JSON, "").await;
    let mut entry = fake.entry("hooli");
    entry.client_secret = None;
    entry.revocation_request.params = pairs(&[("token", "{{access_token}}"), ("all", "1")])
        .into_iter()
        .collect();
    revoke(&Provider::new(entry), true).await.unwrap();
    let wanted = pairs(&[
        ("all", "1"),
        ("client_id", "the-client"),
        ("token", "CANARY-access"),
    ]);
    assert_eq!(fake.only().form(), wanted);
}
