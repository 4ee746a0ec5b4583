use super::*;
use crate::oauth::token::OAuthError;

/// An error without its texts.
fn kind_of(error: &OAuthError) -> String {
    match error {
        OAuthError::GrantRefused { code, .. } => format!("grant {code}"),
        OAuthError::ClientRefused { entry, .. } => format!("client {entry}"),
        OAuthError::Refused { code, .. } => format!("refused {code}"),
        OAuthError::Unreachable { cause, .. } => format!("unreachable: {cause}"),
        OAuthError::Malformed { .. } => "malformed".to_owned(),
        OAuthError::Unusable { what, .. } => format!("unusable {what}"),
    }
}

fn assert_no_canary(error: &OAuthError) {
    for told in [error.to_string(), format!("{error:?}")] {
        assert!(!told.contains(CANARY), "{told}");
    }
}

const LATER: &str = "unreachable: it says that it cannot answer now";
const DOUBT: &str = "unreachable: its answer was not understood";
const CLIENT: &str = "client an-entry";

/// Kind, status, content type, body, and what an exchange and a refresh make of it.
const CASES: &[(&str, u16, &str, &str, &str, &str)] = &[
    // The code or the refresh token is dead.
    (
        "google",
        400,
        JSON,
        r#"{"error":"invalid_grant","error_description":"CANARY Token has been expired or revoked."}"#,
        "grant invalid_grant",
        "grant invalid_grant",
    ),
    (
        "slack",
        200,
        JSON,
        r#"{"ok":false,"error":"invalid_code","CANARY":1}"#,
        "grant invalid_code",
        "grant invalid_code",
    ),
    (
        "slack",
        200,
        JSON,
        r#"{"ok":false,"error":"invalid_refresh_token"}"#,
        "grant invalid_refresh_token",
        "grant invalid_refresh_token",
    ),
    (
        "slack",
        200,
        JSON,
        r#"{"ok":false,"error":"token_revoked"}"#,
        "grant token_revoked",
        "grant token_revoked",
    ),
    (
        "github",
        200,
        JSON,
        r#"{"error":"bad_verification_code","error_uri":"https://CANARY"}"#,
        "grant bad_verification_code",
        "grant bad_verification_code",
    ),
    (
        "github",
        200,
        JSON,
        r#"{"error":"bad_refresh_token"}"#,
        "grant bad_refresh_token",
        "grant bad_refresh_token",
    ),
    (
        "github",
        200,
        FORM,
        "error=bad_refresh_token&error_description=CANARY",
        "grant bad_refresh_token",
        "grant bad_refresh_token",
    ),
    (
        "hooli",
        400,
        JSON,
        r#"{"error":"invalid_grant"}"#,
        "grant invalid_grant",
        "grant invalid_grant",
    ),
    // An error wins over a token beside it.
    (
        "github",
        200,
        JSON,
        r#"{"access_token":"CANARY","error":"bad_refresh_token"}"#,
        "grant bad_refresh_token",
        "grant bad_refresh_token",
    ),
    // The registration is wrong.
    (
        "google",
        401,
        JSON,
        r#"{"error":"invalid_client","error_description":"CANARY"}"#,
        CLIENT,
        CLIENT,
    ),
    (
        "slack",
        200,
        JSON,
        r#"{"ok":false,"error":"bad_client_secret"}"#,
        CLIENT,
        CLIENT,
    ),
    (
        "slack",
        200,
        JSON,
        r#"{"ok":false,"error":"invalid_client_id"}"#,
        CLIENT,
        CLIENT,
    ),
    (
        "slack",
        200,
        JSON,
        r#"{"ok":false,"error":"bad_redirect_uri"}"#,
        CLIENT,
        CLIENT,
    ),
    (
        "github",
        200,
        JSON,
        r#"{"error":"incorrect_client_credentials"}"#,
        CLIENT,
        CLIENT,
    ),
    (
        "github",
        200,
        JSON,
        r#"{"error":"redirect_uri_mismatch"}"#,
        CLIENT,
        CLIENT,
    ),
    // Known refusals that say nothing about the grant.
    (
        "hooli",
        400,
        JSON,
        r#"{"error":"invalid_scope"}"#,
        "refused invalid_scope",
        "refused invalid_scope",
    ),
    (
        "slack",
        200,
        JSON,
        r#"{"ok":false,"error":"pkce_not_allowed"}"#,
        "refused pkce_not_allowed",
        "refused pkce_not_allowed",
    ),
    // The provider's trouble.
    (
        "google",
        500,
        JSON,
        r#"{"error":"invalid_grant","x":"CANARY"}"#,
        "unreachable: it answers with a server error",
        "unreachable: it answers with a server error",
    ),
    (
        "google",
        503,
        HTML,
        "<p>CANARY</p>",
        "unreachable: it answers with a server error",
        "unreachable: it answers with a server error",
    ),
    (
        "google",
        429,
        JSON,
        r#"{"error":"invalid_grant"}"#,
        "unreachable: it asks to slow down",
        "unreachable: it asks to slow down",
    ),
    (
        "slack",
        200,
        JSON,
        r#"{"ok":false,"error":"ratelimited"}"#,
        LATER,
        LATER,
    ),
    (
        "hooli",
        400,
        JSON,
        r#"{"error":"temporarily_unavailable"}"#,
        LATER,
        LATER,
    ),
    // What nobody documents: never the end of a connection.
    (
        "hooli",
        400,
        JSON,
        r#"{"error":"CANARY-secret+/"}"#,
        "refused unknown_error",
        DOUBT,
    ),
    (
        "hooli",
        400,
        JSON,
        r#"{"error":{"code":"invalid_grant","message":"CANARY"}}"#,
        "refused unknown_error",
        DOUBT,
    ),
    (
        "slack",
        200,
        JSON,
        r#"{"ok":false}"#,
        "refused unknown_error",
        DOUBT,
    ),
    (
        "hooli",
        400,
        HTML,
        "<p>CANARY</p>",
        "refused unknown_error",
        DOUBT,
    ),
    ("hooli", 400, JSON, "", "refused unknown_error", DOUBT),
    (
        "hooli",
        401,
        JSON,
        r#"{"access_token":"CANARY"}"#,
        "refused unknown_error",
        DOUBT,
    ),
    ("hooli", 302, HTML, "", "refused unknown_error", DOUBT),
    (
        "google",
        200,
        HTML,
        "<html>CANARY</html>",
        "malformed",
        DOUBT,
    ),
    (
        "google",
        200,
        JSON,
        r#"{"acess_token":"CANARY"}"#,
        "malformed",
        DOUBT,
    ),
    ("google", 200, JSON, r#"["CANARY"]"#, "malformed", DOUBT),
    (
        "google",
        200,
        JSON,
        r#"{"access_token":"CANARY"#,
        "malformed",
        DOUBT,
    ),
    (
        "google",
        200,
        JSON,
        r#"{"access_token":["CANARY"]}"#,
        "malformed",
        DOUBT,
    ),
    (
        "google",
        200,
        JSON,
        r#"{"access_token":"CANARY\r\nX: y"}"#,
        "malformed",
        DOUBT,
    ),
    (
        "google",
        200,
        JSON,
        r#"{"access_token":""}"#,
        "malformed",
        DOUBT,
    ),
    ("google", 204, JSON, "", "malformed", DOUBT),
    (
        "hooli",
        200,
        JSON,
        r#"{"access_token":"CANARY","token_type":"DPoP"}"#,
        "malformed",
        DOUBT,
    ),
    // The workspace's bot is not the user.
    (
        "slack",
        200,
        JSON,
        r#"{"ok":true,"access_token":"xoxb-CANARY","token_type":"bot","authed_user":{"id":"U1"}}"#,
        "malformed",
        DOUBT,
    ),
    (
        "slack",
        200,
        JSON,
        r#"{"ok":true,"access_token":"xoxb-CANARY"}"#,
        "malformed",
        DOUBT,
    ),
];

#[tokio::test]
async fn every_failure_is_told_by_its_meaning_and_never_in_the_providers_words() {
    for (kind, status, content_type, body, of_exchange, of_refresh) in CASES {
        let fake = Fake::answering(*status, content_type, body).await;
        let provider = fake.provider(kind);
        let error = exchange(&provider).await.expect_err(body);
        assert_eq!(
            kind_of(&error),
            *of_exchange,
            "exchange, {kind} {status} {body}"
        );
        assert_no_canary(&error);
        let error = refresh(&provider).await.expect_err(body);
        assert_eq!(
            kind_of(&error),
            *of_refresh,
            "refresh, {kind} {status} {body}"
        );
        assert_no_canary(&error);
        assert_eq!(fake.seen.lock().unwrap().len(), 2, "each was sent once");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Fake::answering(200, JSON, r#"{"access_token":"a"}"#).await;
    let target = elsewhere.at("/token").to_string();
    let fake = Fake::with(move |_| {
        let location = [("location", target.clone())];
        (StatusCode::TEMPORARY_REDIRECT, location).into_response()
    })
    .await;
    let provider = fake.provider("google");
    assert!(exchange(&provider).await.is_err());
    assert!(refresh(&provider).await.is_err());
    let token = secret("CANARY-access");
    assert!(provider.identity(&Http::new(), &token).await.is_err());
    assert!(provider.revoke(&Http::new(), &token, None).await.is_err());
    assert!(elsewhere.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_endless_answer_is_given_up_after_one_mebibyte() {
    let padding = " ".repeat(1024 * 1024);
    let fake = Fake::answering(200, JSON, &format!("{padding}{{\"access_token\":\"a\"}}")).await;
    let error = exchange(&fake.provider("google")).await.unwrap_err();
    assert_eq!(kind_of(&error), "malformed");
    let padding = " ".repeat(1024 * 1024 - 64);
    let fake = Fake::answering(200, JSON, &format!("{padding}{{\"access_token\":\"a\"}}")).await;
    assert!(
        exchange(&fake.provider("google")).await.is_ok(),
        "below the limit it is read"
    );
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_is_named_by_its_host_alone() {
    // A port that nobody listens on: bound, read and dropped.
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let fake = Fake::answering(200, JSON, "{}").await;
    let plain_port = fake.url.port().unwrap();
    for (endpoint, cause) in [
        (
            format!("http://{closed}/token?key=CANARY"),
            "the connection failed",
        ),
        (
            format!("https://127.0.0.1:{plain_port}/token?key=CANARY"),
            "its TLS certificate or connection was not accepted",
        ),
    ] {
        let mut entry = fake.entry("google");
        entry.token_request.endpoint = Some(Url::parse(&endpoint).unwrap());
        let provider = Provider::new(entry);
        for error in [
            exchange(&provider).await.unwrap_err(),
            refresh(&provider).await.unwrap_err(),
        ] {
            assert_eq!(kind_of(&error), format!("unreachable: {cause}"));
            assert!(error.to_string().contains("at 127.0.0.1 ("), "{error}");
            assert_no_canary(&error);
        }
    }
}

#[tokio::test]
async fn a_connection_that_breaks_in_the_middle_of_an_answer_is_unreachable() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"access_token\":\"CAN";
            let _ = stream.write_all(answer).await;
        }
    });
    let mut entry = ProviderEntry::new("an-entry", Some("google"), "the-client");
    entry.token_request.endpoint = Some(Url::parse(&format!("http://{address}/token")).unwrap());
    let error = refresh(&Provider::new(entry)).await.unwrap_err();
    assert_eq!(kind_of(&error), "unreachable: the answer broke off");
}

#[tokio::test]
async fn the_hint_of_a_dead_google_grant_names_the_testing_trap_and_the_password() {
    let fake = Fake::answering(400, JSON, r#"{"error":"invalid_grant"}"#).await;
    let told = refresh(&fake.provider("google"))
        .await
        .unwrap_err()
        .to_string();
    for part in [
        "Google",
        "invalid_grant",
        "7 days",
        "Testing",
        "password",
        "Connect again",
    ] {
        assert!(told.contains(part), "{told}");
    }
}

#[tokio::test]
async fn an_entry_without_a_token_endpoint_says_which_key_is_missing() {
    let provider = Provider::new(ProviderEntry::new("an-entry", None, "the-client"));
    for error in [
        exchange(&provider).await.unwrap_err(),
        refresh(&provider).await.unwrap_err(),
    ] {
        assert_eq!(kind_of(&error), "unusable oauth2.token_request.endpoint");
    }
}

#[test]
fn the_debug_output_of_a_provider_and_of_tokens_has_no_secret() {
    let mut entry = ProviderEntry::new("an-entry", Some("google"), "the-client");
    entry.client_secret = Some(secret("CANARY-secret"));
    let tokens = TokenSet {
        access_token: secret("CANARY-access"),
        refresh_token: Some(secret("CANARY-refresh")),
        expires_in: None,
        scopes: None,
    };
    let told = format!("{:?} {tokens:?}", Provider::new(entry));
    assert!(!told.contains(CANARY), "{told}");
}
