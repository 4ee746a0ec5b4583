use axum::http::header::AUTHORIZATION;

use super::*;
use crate::config::provider::AuthMethod::{
    self, ClientSecretBasic, ClientSecretPost, None as Public,
};
use crate::config::response_map::ResponsePath;

fn tokens(
    access: &str,
    refresh: Option<&str>,
    seconds: Option<u64>,
    scopes: Option<&[&str]>,
) -> Plain {
    (
        access.to_owned(),
        refresh.map(str::to_owned),
        seconds,
        scopes.map(set),
    )
}

fn at(path: &str) -> ResponsePath {
    ResponsePath::At(serde_json_path::JsonPath::parse(path).unwrap())
}

#[tokio::test]
async fn each_kind_of_token_response_is_understood() {
    let slack_first = r#"{"ok":true,"access_token":"xoxb-bot","token_type":"bot","scope":"commands",
        "authed_user":{"id":"U1","scope":"chat:write,im:read","access_token":"xoxp-user","token_type":"user",
        "refresh_token":"xoxe-1","expires_in":43200},"team":{"id":"T1"},"is_enterprise_install":false}"#;
    let google = r#"{"access_token":"ya29","expires_in":3599,"refresh_token":"1//r","token_type":"Bearer",
        "scope":"openid https://www.googleapis.com/auth/userinfo.email https://www.googleapis.com/auth/gmail.send",
        "id_token":"e.y.J"}"#;
    for (kind, status, content_type, body, wanted) in [
        (
            "google",
            200,
            JSON,
            google,
            tokens(
                "ya29",
                Some("1//r"),
                Some(3599),
                Some(&[
                    "openid",
                    "email",
                    "https://www.googleapis.com/auth/gmail.send",
                ]),
            ),
        ),
        (
            "slack",
            200,
            JSON,
            slack_first,
            tokens(
                "xoxp-user",
                Some("xoxe-1"),
                Some(43200),
                Some(&["chat:write", "im:read"]),
            ),
        ),
        (
            "slack",
            200,
            JSON,
            r#"{"ok":true,"authed_user":{"access_token":"xoxp","scope":"chat:write"}}"#,
            tokens("xoxp", None, None, Some(&["chat:write"])),
        ),
        (
            "github",
            200,
            JSON,
            r#"{"access_token":"gho","scope":"repo,gist","token_type":"bearer"}"#,
            tokens("gho", None, None, Some(&["repo", "gist"])),
        ),
        (
            "github",
            200,
            JSON,
            r#"{"access_token":"ghu","expires_in":28800,"refresh_token":"ghr",
            "refresh_token_expires_in":15897600,"token_type":"bearer","scope":""}"#,
            tokens("ghu", Some("ghr"), Some(28800), None),
        ),
        (
            "github",
            200,
            FORM,
            "access_token=gho&scope=repo%2Cgist&token_type=bearer",
            tokens("gho", None, None, Some(&["repo", "gist"])),
        ),
        // RFC 6749 §5.1, and what others make of it.
        (
            "hooli",
            200,
            JSON,
            r#"{"access_token":"a","token_type":"Bearer","expires_in":"60","scope":["x","y"]}"#,
            tokens("a", None, Some(60), Some(&["x", "y"])),
        ),
        (
            "hooli",
            201,
            JSON,
            r#"{"access_token":"a","expires_in":59.9,"refresh_token":null,"error":null}"#,
            tokens("a", None, Some(59), None),
        ),
        (
            "hooli",
            200,
            "text/plain",
            r#"{"access_token":"a","expires_in":0,"refresh_token":""}"#,
            tokens("a", None, None, None),
        ),
        (
            "hooli",
            200,
            JSON,
            r#"{"access_token":"a","expires_in":1e300,"scope":"ok b\u0000ad"}"#,
            tokens("a", None, None, Some(&["ok"])),
        ),
    ] {
        let fake = Fake::answering(status, content_type, body).await;
        let got = exchange(&fake.provider(kind)).await.unwrap();
        assert_eq!(plain(&got), wanted, "{kind} {body}");
    }
}

#[tokio::test]
async fn a_refresh_response_is_understood_and_may_lack_a_new_refresh_token() {
    let slack = r#"{"ok":true,"app_id":"A1","access_token":"xoxe.xoxp-2","refresh_token":"xoxe-2",
        "expires_in":43200,"token_type":"user","scope":"chat:write","user_id":"U1","team":{"id":"T1"}}"#;
    for (kind, body, wanted) in [
        (
            "google",
            r#"{"access_token":"ya29","expires_in":3599,"scope":"openid","token_type":"Bearer"}"#,
            tokens("ya29", None, Some(3599), Some(&["openid"])),
        ),
        (
            "slack",
            slack,
            tokens(
                "xoxe.xoxp-2",
                Some("xoxe-2"),
                Some(43200),
                Some(&["chat:write"]),
            ),
        ),
        (
            "github",
            r#"{"access_token":"ghu2","expires_in":28800,"refresh_token":"ghr2","scope":"","token_type":"bearer"}"#,
            tokens("ghu2", Some("ghr2"), Some(28800), None),
        ),
        (
            "hooli",
            r#"{"access_token":"a2"}"#,
            tokens("a2", None, None, None),
        ),
    ] {
        let fake = Fake::answering(200, JSON, body).await;
        let got = refresh(&fake.provider(kind)).await.unwrap();
        assert_eq!(plain(&got), wanted, "{kind}");
    }
}

const OK: &str = r#"{"access_token":"a","token_type":"user"}"#;

#[tokio::test]
async fn the_client_authenticates_in_the_header_or_in_the_body_and_never_in_both() {
    // `the-client` and `CANARY-secret+/`, form-encoded (RFC 6749 §2.3.1).
    let basic = Some("Basic dGhlLWNsaWVudDpDQU5BUlktc2VjcmV0JTJCJTJG");
    let in_body: &[(&str, &str)] = &[
        ("client_id", "the-client"),
        ("client_secret", "CANARY-secret+/"),
    ];
    let id_only: &[(&str, &str)] = &[("client_id", "the-client")];
    for (kind, method, has_secret, header, client) in [
        ("google", None, true, None, in_body),
        ("slack", None, true, None, in_body),
        ("github", None, true, None, in_body),
        ("hooli", None, true, basic, &[]),
        ("hooli", Some(ClientSecretPost), true, None, in_body),
        ("hooli", Some(Public), true, None, id_only),
        ("hooli", Some(ClientSecretBasic), false, None, id_only),
        ("google", Some(ClientSecretBasic), true, basic, &[]),
        ("slack", None, false, None, id_only),
    ] {
        for is_refresh in [false, true] {
            let fake = Fake::answering(200, JSON, OK).await;
            let mut entry = fake.entry(kind);
            entry.token_request.auth_method = method;
            entry.client_secret = entry.client_secret.filter(|_| has_secret);
            let provider = Provider::new(entry);
            let (fixed, result) = if is_refresh {
                let fixed = pairs(&[
                    ("grant_type", "refresh_token"),
                    ("refresh_token", "CANARY-refresh"),
                ]);
                (fixed, refresh(&provider).await)
            } else {
                let mut fixed = pairs(&[
                    ("code", "CANARY-code"),
                    ("grant_type", "authorization_code"),
                    ("redirect_uri", redirect_uri().as_str()),
                ]);
                if provider.pkce() {
                    fixed.extend(pairs(&[("code_verifier", "CANARY-verifier")]));
                }
                (fixed, exchange(&provider).await)
            };
            result.unwrap();
            let seen = fake.only();
            let mut wanted = fixed;
            wanted.extend(pairs(client));
            wanted.sort();
            assert_eq!(
                seen.form(),
                wanted,
                "{kind} {method:?} refresh: {is_refresh}"
            );
            assert_eq!(
                seen.header(AUTHORIZATION.as_str()),
                header,
                "{kind} {method:?}"
            );
            assert_eq!((seen.method.as_str(), seen.uri.path()), ("POST", "/token"));
            assert_eq!(seen.header("accept"), Some("application/json"));
            assert_eq!(seen.header("content-type"), Some(FORM));
        }
    }
}

#[tokio::test]
async fn slack_is_sent_no_verifier_unless_the_entry_says_pkce() {
    let fake = Fake::answering(200, JSON, OK).await;
    let mut entry = fake.entry("slack");
    assert!(!Provider::new(entry.clone()).pkce());
    entry.pkce = Some(true);
    let provider = Provider::new(entry);
    exchange(&provider).await.unwrap();
    assert!(
        fake.only()
            .form()
            .contains(&("code_verifier".to_owned(), "CANARY-verifier".to_owned()))
    );
}

#[tokio::test]
async fn an_entry_can_ask_for_a_json_body_further_parameters_and_another_refresh_endpoint() {
    let fake = Fake::answering(200, JSON, OK).await;
    let mut entry = fake.entry("hooli");
    entry.token_request.json_body = true;
    entry.token_request.auth_method = Some(AuthMethod::ClientSecretPost);
    entry.token_request.params =
        pairs(&[("auth_code", "{{authorization_code}}"), ("audience", "api")])
            .into_iter()
            .collect();
    entry.pkce = Some(false);
    exchange(&Provider::new(entry.clone())).await.unwrap();
    let seen = fake.only();
    assert_eq!(seen.header("content-type"), Some("application/json"));
    let body: serde_json::Value = serde_json::from_str(&seen.body).unwrap();
    let wanted = serde_json::json!({
        "grant_type": "authorization_code", "code": "CANARY-code", "auth_code": "CANARY-code",
        "audience": "api", "redirect_uri": redirect_uri().as_str(),
        "client_id": "the-client", "client_secret": "CANARY-secret+/",
    });
    assert_eq!(body, wanted);

    fake.seen.lock().unwrap().clear();
    entry.refresh_request.endpoint = Some(fake.at("/refresh"));
    refresh(&Provider::new(entry)).await.unwrap();
    let seen = fake.only();
    assert_eq!(seen.uri.path(), "/refresh");
    assert_eq!(
        seen.header("content-type"),
        Some(FORM),
        "JSON was said of the token endpoint"
    );
}

#[tokio::test]
async fn a_response_map_leads_to_nested_and_renamed_values_and_the_rest_is_found_by_name() {
    let body = r#"{"data":{"token":"a","list":["x","y"]},"expires_in":60,"refresh_token":"r"}"#;
    let fake = Fake::answering(200, JSON, body).await;
    let mut entry = fake.entry("hooli");
    let join = ResponsePath::Join(Box::new(at("$.data.list")), " ".to_owned());
    entry.token_request.response_map = [
        ("access_token".to_owned(), at("$.data.token")),
        ("scope".to_owned(), join),
    ]
    .into();
    let provider = Provider::new(entry);
    let wanted = tokens("a", Some("r"), Some(60), Some(&["x", "y"]));
    assert_eq!(plain(&exchange(&provider).await.unwrap()), wanted);
    assert_eq!(
        plain(&refresh(&provider).await.unwrap()),
        wanted,
        "the refresh uses the same map"
    );
}

#[tokio::test]
async fn a_form_response_without_its_content_type_is_read_when_the_entry_says_so() {
    let fake = Fake::answering(200, HTML, "access_token=a&expires_in=60").await;
    let mut entry = fake.entry("hooli");
    assert!(exchange(&Provider::new(entry.clone())).await.is_err());
    entry.token_request.form_response = true;
    let got = exchange(&Provider::new(entry)).await.unwrap();
    assert_eq!(plain(&got), tokens("a", None, Some(60), None));
}
