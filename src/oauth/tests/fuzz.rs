//! Token responses and user infos that have gone wrong.

use oauth2::basic::BasicTokenResponse;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::*;
use crate::oauth::token::OAuthError;
use crate::oauth::wire::Answer;

#[path = "../../../toolkits/fuzz.rs"]
mod garble;

use garble::Random;

/// The kind of an entry, what its token endpoint answers, and what it says of the user.
fn real() -> Vec<(&'static str, Value, Value)> {
    vec![
        (
            "google",
            json!({"access_token": "ya29.a", "expires_in": 3599, "refresh_token": "1//r",
                "scope": "openid https://www.googleapis.com/auth/userinfo.email", "token_type": "Bearer",
                "id_token": "a.b.c"}),
            json!({"sub": "1234", "email": "ada@x.example", "email_verified": true, "name": "Ada"}),
        ),
        (
            "slack",
            json!({"ok": true, "app_id": "A1", "team": {"id": "T1", "name": "Acme"},
                "authed_user": {"id": "U1", "scope": "channels:read,users:read",
                    "access_token": "xoxe.xoxp-1", "token_type": "user", "expires_in": 43200,
                    "refresh_token": "xoxe-1"}}),
            json!({"ok": true, "url": "https://acme.slack.com/", "team": "Acme", "user": "ada",
                "team_id": "T1", "user_id": "U1"}),
        ),
        (
            "github",
            json!({"access_token": "ghu_1", "expires_in": 28800, "refresh_token": "ghr_1",
                "refresh_token_expires_in": 15_897_600, "scope": "", "token_type": "bearer"}),
            json!({"login": "octocat", "id": 1, "node_id": "x", "email": null}),
        ),
        (
            "hooli",
            json!({"error": "invalid_grant", "error_description": "no", "error_uri": "x"}),
            json!({"error": {"code": 401, "message": "no"}}),
        ),
    ]
}

#[test]
fn no_answer_of_a_token_or_user_info_endpoint_makes_us_panic_or_quote_it() {
    const STATUSES: [u16; 8] = [200, 200, 200, 201, 302, 400, 401, 404];
    const TYPES: [&str; 3] = [JSON, FORM, HTML];
    let url = Url::parse("https://provider.example/").unwrap();
    // Two answers each.
    let cases = garble::CASES / 5;
    let (mut tokens, mut users) = (0, 0);
    for case in 0..cases {
        let mut random = Random::new(case as u64);
        let (kind, token, user) = real().swap_remove(random.below(4));
        let entry = ProviderEntry::new("an-entry", Some(kind), "the-client");
        let provider = Provider::new(entry);
        let mut answer = |real: &Value| Answer {
            status: StatusCode::from_u16(STATUSES[random.below(8)]).unwrap(),
            date: None,
            content_type: TYPES[random.below(3)].to_owned(),
            body: garble::garbled(&mut random, real),
        };
        let check = |error: &OAuthError| {
            let told = format!("{error} {error:?}");
            assert!(!told.contains(garble::MARK), "{kind}, case {case}: {told}");
        };
        match provider.token_response(&url, &provider.entry.token_request, &answer(&token)) {
            // As the `oauth2` crate reads it.
            Ok(response) => match serde_json::from_value::<BasicTokenResponse>(response) {
                Ok(_) => tokens += 1,
                Err(error) => panic!("{kind}, case {case}: {error}"),
            },
            Err(error) => check(&error),
        }
        match provider.identified(&url, &answer(&user)) {
            Ok(identity) => {
                users += 1;
                let label = identity.label;
                assert!(label.chars().count() <= garble::QUOTED, "case {case}");
                assert!(!label.contains(char::is_control), "case {case}: {label}");
            }
            Err(error) => check(&error),
        }
    }
    for understood in [tokens, users] {
        assert!(
            understood > cases / 50 && understood < cases,
            "{understood} of {cases}"
        );
    }
}
