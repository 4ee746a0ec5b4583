use super::*;
use crate::config::provider::AuthMethod;
use crate::config::response_map::ResponsePath;

/// A provider whose token response is bare and whose introspection answers with `body`, at a time
/// that its clock calls 1000 seconds after the beginning.
async fn introspecting(
    status: u16,
    body: &'static str,
    change: impl FnOnce(&mut ProviderEntry),
) -> (Fake, Plain) {
    let fake = Fake::with(move |seen| {
        if seen.uri.path() == "/token" {
            return r#"{"access_token":"CANARY-a","refresh_token":"r","expires_in":5,"scope":"s"}"#
                .into_response();
        }
        let date = [("date", "Thu, 01 Jan 1970 00:16:40 GMT")];
        (StatusCode::from_u16(status).unwrap(), date, body).into_response()
    })
    .await;
    let mut entry = fake.entry("hooli");
    let introspection = &mut entry.introspection_request;
    introspection.endpoint = Some(fake.at("/introspect"));
    introspection.introspection.on_token_grant = true;
    change(&mut entry);
    let tokens = plain(&exchange(&Provider::new(entry)).await.unwrap());
    (fake, tokens)
}

fn tokens(seconds: u64, scopes: &[&str]) -> Plain {
    (
        "CANARY-a".to_owned(),
        Some("r".to_owned()),
        Some(seconds),
        Some(set(scopes)),
    )
}

#[tokio::test]
async fn introspection_adds_the_end_and_the_scopes() {
    let body = r#"{"active":true,"exp":1600,"scope":"x y"}"#;
    let (fake, got) = introspecting(200, body, |_| {}).await;
    assert_eq!(
        got,
        tokens(600, &["x", "y"]),
        "the end is counted from the provider's own time"
    );
    let seen = fake.seen.lock().unwrap()[1].clone();
    assert_eq!(
        (seen.method.as_str(), seen.uri.to_string()),
        ("POST", "/introspect".to_owned())
    );
    assert_eq!(seen.body, "token=CANARY-a");
    assert!(seen.header("authorization").unwrap().starts_with("Basic "));
}

#[tokio::test]
async fn the_entry_says_how_to_ask_and_what_the_answer_means() {
    let body = r#"{"data":{"left":"90"}}"#;
    let (fake, got) = introspecting(200, body, |entry| {
        let introspection = &mut entry.introspection_request;
        introspection.introspection.relative_expiration = true;
        introspection.method = Some("GET".to_owned());
        introspection.auth_method = Some(AuthMethod::BearerAccessToken);
        let left = serde_json_path::JsonPath::parse("$.data.left").unwrap();
        introspection.response_map = [("expires_in".to_owned(), ResponsePath::At(left))].into();
    })
    .await;
    assert_eq!(got, tokens(90, &["s"]));
    let seen = fake.seen.lock().unwrap()[1].clone();
    assert_eq!(
        (seen.method.as_str(), seen.uri.to_string()),
        ("GET", "/introspect".to_owned())
    );
    assert_eq!(seen.header("authorization"), Some("Bearer CANARY-a"));
}

#[tokio::test]
async fn a_failed_introspection_never_loses_the_tokens() {
    for (status, body) in [
        (500, ""),
        (401, "CANARY"),
        (200, "{}"),
        (200, "CANARY"),
        (200, r#"{"exp":999,"scope":""}"#),
    ] {
        let (_, got) = introspecting(status, body, |_| {}).await;
        assert_eq!(got, tokens(5, &["s"]), "{status} {body}");
    }
}

#[tokio::test]
async fn nothing_is_asked_without_its_trigger() {
    let (fake, _) = introspecting(200, "{}", |entry| {
        let triggers = &mut entry.introspection_request.introspection;
        triggers.on_token_grant = false;
        triggers.on_token_refresh = true;
    })
    .await;
    assert_eq!(fake.seen.lock().unwrap().len(), 1);
}
