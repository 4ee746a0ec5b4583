use super::*;
use crate::config::response_map::ResponsePath;
use crate::oauth::token::{Identity, OAuthError};

async fn identity(provider: &Provider) -> Result<Identity, OAuthError> {
    provider
        .identity(&Http::new(), &secret("CANARY-access"))
        .await
}

fn of(id: &str, label: &str) -> Identity {
    Identity {
        id: id.to_owned(),
        label: label.to_owned(),
        verified_email: None,
    }
}

/// The same, of an account whose address the provider verified.
fn verified(identity: Identity, email: &str) -> Identity {
    Identity {
        verified_email: Some(email.to_owned()),
        ..identity
    }
}

#[tokio::test]
async fn each_provider_says_who_was_connected() {
    for (kind, body, wanted) in [
        (
            "google",
            r#"{"sub":"1071","email":"me@example.com","email_verified":true}"#,
            verified(of("1071", "me@example.com"), "me@example.com"),
        ),
        (
            "google",
            r#"{"id":"1071","email":"me@example.com","verified_email":true}"#,
            verified(of("1071", "me@example.com"), "me@example.com"),
        ),
        (
            "google",
            r#"{"sub":"1071","email":"me@example.com","email_verified":false}"#,
            of("1071", "me@example.com"),
        ),
        (
            "hooli",
            r#"{"sub":"7","email":"me@example.com","email_verified":"true"}"#,
            of("7", "me@example.com"),
        ),
        (
            "slack",
            r#"{"ok":true,"url":"https://x.slack.com/","team":"Example","user":"me","team_id":"T1","user_id":"U1"}"#,
            of("T1:U1", "me @ Example"),
        ),
        (
            "github",
            r#"{"login":"octocat","id":583231,"email":"o@example.com","name":"O"}"#,
            of("583231", "octocat"),
        ),
        (
            "hooli",
            r#"{"id":"7","preferred_username":"me"}"#,
            of("7", "me"),
        ),
        (
            "hooli",
            r#"{"sub":"7","id":"8","email":"","name":"Me"}"#,
            of("7", "Me"),
        ),
        (
            "hooli",
            r#"{"id":9007199254740993}"#,
            of("9007199254740993", "9007199254740993"),
        ),
        (
            "hooli",
            r#"{"sub":"7","name":"two\nlines\u001b[31m"}"#,
            of("7", "twolines[31m"),
        ),
    ] {
        let fake = Fake::answering(200, JSON, body).await;
        assert_eq!(
            identity(&fake.provider(kind)).await,
            Ok(wanted),
            "{kind} {body}"
        );
        let seen = fake.only();
        let method = if kind == "slack" { "POST" } else { "GET" };
        assert_eq!(
            (seen.method.as_str(), seen.uri.to_string()),
            (method, "/user".to_owned())
        );
        assert_eq!(seen.header("authorization"), Some("Bearer CANARY-access"));
        assert!(seen.header("user-agent").unwrap().starts_with("valetkey/"));
        let accept = if kind == "github" {
            "application/vnd.github+json"
        } else {
            "application/json"
        };
        assert_eq!(seen.header("accept"), Some(accept));
    }
}

#[tokio::test]
async fn the_built_in_places_are_the_documented_ones() {
    for (kind, user_info, revocation) in [
        (
            "google",
            "https://openidconnect.googleapis.com/v1/userinfo",
            "https://oauth2.googleapis.com/revoke",
        ),
        (
            "slack",
            "https://slack.com/api/auth.test",
            "https://slack.com/api/auth.revoke",
        ),
        (
            "github",
            "https://api.github.com/user",
            "https://api.github.com/applications/c%2F1/grant",
        ),
    ] {
        let provider = Provider::new(ProviderEntry::new("a", Some(kind), "c/1"));
        assert_eq!(
            provider.endpoints.user_info.as_ref().map(Url::as_str),
            Some(user_info)
        );
        assert_eq!(
            provider.endpoints.revocation.as_ref().map(Url::as_str),
            Some(revocation)
        );
    }
}

#[tokio::test]
async fn a_response_map_says_where_a_custom_provider_keeps_the_names() {
    let body = r#"{"data":{"id":"7","mail":"me@example.com"},"sub":"not this"}"#;
    let fake = Fake::answering(200, JSON, body).await;
    let mut entry = fake.entry("hooli");
    let at = |path: &str| ResponsePath::At(serde_json_path::JsonPath::parse(path).unwrap());
    entry.user_info_request.response_map = [
        ("sub".to_owned(), at("$.data.id")),
        ("email".to_owned(), at("$.data.mail")),
    ]
    .into();
    entry.user_info_request.params = pairs(&[("client", "{{client_id}}")]).into_iter().collect();
    assert_eq!(
        identity(&Provider::new(entry)).await,
        Ok(of("7", "me@example.com"))
    );
    assert_eq!(fake.only().uri, "/user?client=the-client");
}

#[tokio::test]
async fn without_a_user_info_endpoint_a_custom_provider_has_one_account() {
    let mut entry = ProviderEntry::new("an-entry", None, "the-client");
    entry.description = Some("Hooli".to_owned());
    assert_eq!(
        identity(&Provider::new(entry)).await,
        Ok(of("default", "Hooli"))
    );
}

#[tokio::test]
async fn an_answer_without_an_account_is_an_error_without_its_text() {
    let refused = |title: &str, code| {
        Err(OAuthError::Refused {
            provider: title.to_owned(),
            code,
        })
    };
    let malformed = |title: &str| {
        Err(OAuthError::Malformed {
            provider: title.to_owned(),
        })
    };
    for (kind, status, body, wanted) in [
        (
            "google",
            401,
            r#"{"error":"CANARY"}"#,
            refused("Google", "invalid_token"),
        ),
        (
            "github",
            403,
            r#"{"message":"CANARY"}"#,
            refused("GitHub", "invalid_token"),
        ),
        (
            "github",
            404,
            r#"{"message":"CANARY"}"#,
            refused("GitHub", "unknown_error"),
        ),
        (
            "slack",
            200,
            r#"{"ok":false,"error":"invalid_auth"}"#,
            refused("Slack", "invalid_auth"),
        ),
        (
            "slack",
            200,
            r#"{"ok":true,"user_id":"U1"}"#,
            malformed("Slack"),
        ),
        (
            "google",
            200,
            r#"{"email":"CANARY@example.com"}"#,
            malformed("Google"),
        ),
        ("google", 200, "<html>CANARY", malformed("Google")),
    ] {
        let fake = Fake::answering(status, JSON, body).await;
        assert_eq!(
            identity(&fake.provider(kind)).await,
            wanted,
            "{kind} {body}"
        );
    }
    let fake = Fake::answering(502, HTML, "CANARY").await;
    let error = identity(&fake.provider("google")).await.unwrap_err();
    assert!(matches!(error, OAuthError::Unreachable { .. }));
}
