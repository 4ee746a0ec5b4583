use super::*;

#[tokio::test]
async fn every_site_gives_a_grant_to_the_holder_of_the_verifier_and_says_whose_it_is() {
    let trial = Trial::with(|settings| settings.require_pkce = true).await;
    let people = [
        (Site::Google, "/sub", json!("100000000000000001815")),
        (Site::Slack, "/user_id", json!("U0ADALOVE1")),
        (Site::GitHub, "/login", json!("ada")),
        (Site::Custom, "/email", json!("ada@example.test")),
    ];
    for (site, field, expected) in people {
        let code = trial.code(site, scope(site)).await;
        assert!(code.contains("CANARY"), "{site}");
        let (_, answer) = trial.exchange(site, &code, VERIFIER).await;
        let token = text(&user_part(site, answer)["access_token"]);
        assert!(token.contains("CANARY"), "{site}");
        let (status, answer) = trial.identity(site, &token).await;
        assert_eq!(status, 200, "{site}");
        assert_eq!(answer.pointer(field), Some(&expected), "{site}");
        assert_eq!(trial.sandbox.count(site, Endpoint::Exchange), 1, "{site}");
    }
}

#[tokio::test]
async fn a_wrong_verifier_a_used_code_and_an_old_code_are_refused_in_each_sites_words() {
    let trial = Trial::new().await;
    let words = [
        (Site::Google, 400, "invalid_grant", "invalid_grant"),
        (Site::Slack, 200, "invalid_code_verifier", "invalid_code"),
        (
            Site::GitHub,
            200,
            "bad_verification_code",
            "bad_verification_code",
        ),
        (Site::Custom, 400, "invalid_grant", "invalid_grant"),
    ];
    for (site, status, wrong_verifier, bad_code) in words {
        let code = trial.code(site, scope(site)).await;
        let refused = trial.exchange(site, &code, "another-verifier").await;
        assert_eq!(
            (refused.0, &refused.1["error"]),
            (status, &json!(wrong_verifier)),
            "{site}"
        );
        // It is used up now, also for the right verifier.
        let (_, answer) = trial.exchange(site, &code, VERIFIER).await;
        assert_eq!(answer["error"], bad_code, "{site}");

        let code = trial.code(site, scope(site)).await;
        trial.clock.advance(Duration::from_secs(61));
        let (_, answer) = trial.exchange(site, &code, VERIFIER).await;
        assert_eq!(answer["error"], bad_code, "{site}");
    }
}

#[tokio::test]
async fn a_code_used_twice_ends_what_it_gave() {
    let trial = Trial::new().await;
    let code = trial.code(Site::Custom, "read").await;
    let (_, first) = trial.exchange(Site::Custom, &code, VERIFIER).await;
    let token = text(&first["access_token"]);
    assert_eq!(trial.identity(Site::Custom, &token).await.0, 200);
    trial.exchange(Site::Custom, &code, VERIFIER).await;
    assert_eq!(trial.identity(Site::Custom, &token).await.0, 401);
}

#[tokio::test]
async fn a_wrong_client_secret_or_redirect_is_refused_in_each_sites_words() {
    let trial = Trial::new().await;
    let words = [
        (Site::Google, 401, "invalid_client", "redirect_uri_mismatch"),
        (Site::Slack, 200, "bad_client_secret", "bad_redirect_uri"),
        (
            Site::GitHub,
            200,
            "incorrect_client_credentials",
            "redirect_uri_mismatch",
        ),
        (Site::Custom, 401, "invalid_client", "invalid_grant"),
    ];
    for (site, status, bad_secret, bad_redirect) in words {
        let code = trial.code(site, scope(site)).await;
        let right = trial.sandbox.client_secret(site);
        for (secret, uri, expected) in [
            ("wrong", redirect(site), bad_secret),
            (
                &right,
                "http://localhost:1/oauth/callback/x".to_owned(),
                bad_redirect,
            ),
        ] {
            let form = [
                ("grant_type", "authorization_code"),
                ("code", &code),
                ("redirect_uri", &uri),
                ("client_id", &client_id(site)),
                ("client_secret", secret),
                ("code_verifier", VERIFIER),
            ];
            let (found, answer) = trial.post(site, &form).await;
            assert_eq!(answer["error"], expected, "{site}");
            assert!(
                found == status || expected == bad_redirect,
                "{site}: {found}"
            );
        }
    }
}

#[tokio::test]
async fn clients_may_authenticate_with_basic_and_public_ones_with_pkce_alone_where_real_ones_may() {
    let trial = Trial::new().await;
    for site in Site::ALL {
        let code = trial.code(site, scope(site)).await;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", &redirect(site)),
            ("code_verifier", VERIFIER),
        ];
        let path = match site {
            Site::Slack => "api/oauth.v2.access",
            Site::GitHub => "login/oauth/access_token",
            Site::Google | Site::Custom => "token",
        };
        let request = trial.http.client().post(trial.sandbox.url(site, path));
        let secret = trial.sandbox.client_secret(site);
        let request = request.basic_auth(client_id(site), Some(secret));
        let request = request.header("accept", "application/json").form(&form);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert!(
            user_part(site, answer)["access_token"].is_string(),
            "{site}"
        );

        let code = trial.code(site, scope(site)).await;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", &redirect(site)),
            ("client_id", &client_id(site)),
            ("code_verifier", VERIFIER),
        ];
        let (_, answer) = trial.post(site, &form).await;
        let public = user_part(site, answer)["access_token"].is_string();
        assert_eq!(public, matches!(site, Site::Slack | Site::Custom), "{site}");
    }
}

#[tokio::test]
async fn an_untrusted_redirect_or_client_gets_a_page_and_no_redirect() {
    let trial = Trial::new().await;
    let cases = [
        (Site::Google, "redirect_uri", "http://localhost:1/elsewhere"),
        (
            Site::Google,
            "redirect_uri",
            "https://localhost:1/oauth/callback/google",
        ),
        (
            Site::GitHub,
            "redirect_uri",
            "http://localhost/oauth/callback/github?x=1",
        ),
        (
            Site::Custom,
            "redirect_uri",
            "http://localhost.evil.example/oauth/callback/custom",
        ),
        (Site::Custom, "client_id", "somebody"),
        // As Slack has it: plain http only to localhost and with PKCE.
        (
            Site::Slack,
            "redirect_uri",
            "http://127.0.0.1:8419/oauth/callback/slack",
        ),
        (Site::Slack, "code_challenge", ""),
        (Site::Slack, "user_scope", "no:such"),
        (
            Site::Google,
            "scope",
            "https://www.googleapis.com/auth/no.such",
        ),
    ];
    for (site, name, value) in cases {
        let challenge = grants::s256(VERIFIER);
        let more = [
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        let good = trial.authorize_url(site, scope(site), &more);
        let mut bad = good.clone();
        let pairs = good.query_pairs().filter(|(key, _)| key != name);
        bad.query_pairs_mut().clear().extend_pairs(pairs);
        if !value.is_empty() {
            bad.query_pairs_mut().append_pair(name, value);
        }
        assert_eq!(open(&good).await.last().status, 200, "{site}");
        let journey = open(&bad).await;
        assert_eq!(journey.hops.len(), 1, "{site} {name}={value}");
        assert_eq!(journey.last().status, 400, "{site} {name}={value}");
    }
}

async fn open(url: &Url) -> Journey {
    Person::new().open(url.clone()).await.unwrap()
}

#[tokio::test]
async fn a_request_without_pkce_goes_back_with_an_error_when_it_is_required() {
    let trial = Trial::with(|settings| settings.require_pkce = true).await;
    let url = trial.authorize_url(Site::GitHub, "repo", &[]);
    let mut person = Person::new().stop_before_callback();
    let back = person.follow(url.as_str()).await.unwrap().stopped_before;
    let back = back.expect("the sandbox redirects back");
    assert_eq!(
        parameter(&back, "error").as_deref(),
        Some("invalid_request")
    );
    assert_eq!(parameter(&back, "state").as_deref(), Some("the-state"));
    assert_eq!(parameter(&back, "code"), None);
}

#[tokio::test]
async fn the_person_may_deny_choose_the_account_and_untick_scopes() {
    let trial = Trial::new().await;
    let back = trial
        .consent(Site::Google, GMAIL, Person::new().deny(), &[])
        .await;
    assert_eq!(parameter(&back, "error").as_deref(), Some("access_denied"));
    assert_eq!(parameter(&back, "state").as_deref(), Some("the-state"));

    let person = Person::new().account("grace@example.test").untick(GMAIL);
    let scopes = format!("openid email {GMAIL} https://www.googleapis.com/auth/gmail.send");
    let back = trial.consent(Site::Google, &scopes, person, &[]).await;
    let code = parameter(&back, "code").unwrap();
    let (_, answer) = trial.exchange(Site::Google, &code, VERIFIER).await;
    let send = "email https://www.googleapis.com/auth/gmail.send openid";
    assert_eq!(answer["scope"], send);
    let (_, answer) = trial
        .identity(Site::Google, &text(&answer["access_token"]))
        .await;
    assert_eq!(answer["email"], "grace@example.test");

    // Who unticks everything that can be unticked, and leaves nothing, has denied.
    let back = trial
        .consent(Site::Custom, "read", Person::new().untick("read"), &[])
        .await;
    assert_eq!(parameter(&back, "error").as_deref(), Some("access_denied"));
}

#[tokio::test]
async fn only_the_custom_provider_says_who_issued_the_answer() {
    let trial = Trial::new().await;
    for site in Site::ALL {
        let back = trial.consent(site, scope(site), Person::new(), &[]).await;
        let iss = parameter(&back, "iss");
        let own = format!("{}custom", trial.sandbox.base_url());
        assert_eq!(iss, (site == Site::Custom).then_some(own), "{site}");
    }
}

#[tokio::test]
async fn google_gives_a_lasting_refresh_token_once_and_again_when_asked_to_ask() {
    let trial = Trial::new().await;
    let mut given = Vec::new();
    for more in [
        vec![],
        vec![("access_type", "offline")],
        vec![("access_type", "offline"), ("prompt", "consent")],
    ] {
        let person = Person::new().account("grace@example.test");
        let back = trial.consent(Site::Google, GMAIL, person, &more).await;
        let code = parameter(&back, "code").unwrap();
        let (_, answer) = trial.exchange(Site::Google, &code, VERIFIER).await;
        given.push(answer["refresh_token"].is_string());
    }
    // The first consent did not ask for one, the second was not the first.
    assert_eq!(given, [false, false, true]);

    let first = trial.tokens(Site::Google, GMAIL).await;
    let refresh = text(&first["refresh_token"]);
    for _ in 0..2 {
        let (status, answer) = trial.refresh(Site::Google, &refresh).await;
        assert_eq!(status, 200);
        assert_eq!(answer.get("refresh_token"), None);
        let token = text(&answer["access_token"]);
        let path = "gmail/v1/users/me/messages";
        assert_eq!(trial.get(Site::Google, path, &token).await.0, 200);
    }
}

#[tokio::test]
async fn a_rotated_refresh_token_works_once_and_its_reuse_ends_the_family() {
    let rotating = Tokens {
        lifetime: Some(Duration::from_hours(8)),
        refresh: RefreshTokens::Rotating,
    };
    let trial = Trial::with(|settings| {
        settings.slack = rotating;
        settings.github = rotating;
    })
    .await;
    let words = [
        (Site::Slack, "invalid_refresh_token", "xoxe.xoxp-"),
        (Site::GitHub, "bad_refresh_token", "ghu_"),
        (Site::Custom, "invalid_grant", "access-"),
    ];
    for (site, refused, prefix) in words {
        let first = trial.tokens(site, scope(site)).await;
        assert!(text(&first["access_token"]).starts_with(prefix), "{site}");
        let old = text(&first["refresh_token"]);
        let (_, second) = trial.refresh(site, &old).await;
        // Slack's refresh is flat, unlike its exchange.
        let (token, new) = (
            text(&second["access_token"]),
            text(&second["refresh_token"]),
        );
        assert_ne!(old, new, "{site}");
        assert_eq!(
            trial.identity(site, &token).await.1["error"],
            Value::Null,
            "{site}"
        );

        let (_, reused) = trial.refresh(site, &old).await;
        assert_eq!(reused["error"], refused, "{site}");
        let (_, heir) = trial.refresh(site, &new).await;
        assert_eq!(heir["error"], refused, "{site}: the family lives on");
        let (_, answer) = trial.identity(site, &token).await;
        assert!(
            answer["error"].is_string() || answer["message"].is_string(),
            "{site}"
        );
    }
}

#[tokio::test]
async fn an_access_token_ends_on_time_and_each_site_says_so_in_its_way() {
    let short = Tokens {
        lifetime: Some(Duration::from_secs(5)),
        refresh: RefreshTokens::Rotating,
    };
    let trial = Trial::with(|settings| {
        settings.google = short;
        settings.slack = short;
        settings.github = short;
        settings.custom = short;
    })
    .await;
    for (site, status, field, words) in [
        (Site::Google, 401, "/error/status", "UNAUTHENTICATED"),
        (Site::Slack, 200, "/error", "token_expired"),
        (Site::GitHub, 401, "/message", "Bad credentials"),
        (Site::Custom, 401, "/error", "invalid_token"),
    ] {
        let tokens = trial.tokens(site, scope(site)).await;
        assert_eq!(tokens["expires_in"], 5, "{site}");
        let token = text(&tokens["access_token"]);
        trial.clock.advance(Duration::from_secs(4));
        assert_eq!(trial.identity(site, &token).await.0, 200, "{site}");
        trial.clock.advance(Duration::from_secs(1));
        let (found, answer) = trial.identity(site, &token).await;
        assert_eq!(found, status, "{site}");
        assert_eq!(answer.pointer(field), Some(&json!(words)), "{site}");
    }
}

#[tokio::test]
async fn each_sites_own_revocation_ends_the_grant() {
    let trial = Trial::new().await;
    for site in Site::ALL {
        let tokens = trial.tokens(site, scope(site)).await;
        let token = text(&tokens["access_token"]);
        let client = trial.http.client();
        let secret = trial.sandbox.client_secret(site);
        let request = match site {
            Site::Google => {
                let url = trial.sandbox.url(site, "revoke");
                client
                    .post(url)
                    .form(&[("token", &text(&tokens["refresh_token"]))])
            }
            Site::Custom => {
                let url = trial.sandbox.url(site, "revoke");
                let request = client.post(url).basic_auth(client_id(site), Some(secret));
                request.form(&[("token", &token)])
            }
            Site::Slack => {
                let url = trial.sandbox.url(site, "api/auth.revoke");
                client.post(url).bearer_auth(&token)
            }
            Site::GitHub => {
                let path = format!("api/applications/{}/grant", client_id(site));
                let request = client.delete(trial.sandbox.url(site, &path));
                let request = request.basic_auth(client_id(site), Some(secret));
                request.json(&json!({ "access_token": token }))
            }
        };
        let status = request.send().await.unwrap().status();
        assert!(status.is_success(), "{site}: {status}");
        assert_eq!(trial.sandbox.count(site, Endpoint::Revoke), 1);
        let (status, answer) = trial.identity(site, &token).await;
        assert!(
            status == 401 || answer["error"] == "token_revoked",
            "{site}: {answer}"
        );
    }
}

#[tokio::test]
async fn github_answers_with_a_form_unless_json_is_accepted_and_an_app_has_no_scopes() {
    let trial = Trial::new().await;
    let code = trial.code(Site::GitHub, "repo").await;
    let form = [
        ("code", code.as_str()),
        ("redirect_uri", &redirect(Site::GitHub)),
        ("client_id", &client_id(Site::GitHub)),
        ("client_secret", &trial.sandbox.client_secret(Site::GitHub)),
        ("code_verifier", VERIFIER),
    ];
    let url = trial.sandbox.url(Site::GitHub, "login/oauth/access_token");
    let response = trial
        .http
        .client()
        .post(url)
        .form(&form)
        .send()
        .await
        .unwrap();
    let body = response.text().await.unwrap();
    assert!(body.starts_with("access_token=gho_"), "{body}");
    assert!(body.contains("scope=repo"), "{body}");

    let trial = Trial::with(|settings| settings.github_app = true).await;
    let tokens = trial.tokens(Site::GitHub, "repo").await;
    assert_eq!(tokens["scope"], "");
}

#[tokio::test]
async fn slack_and_google_grants_add_up_as_the_real_ones_do() {
    let trial = Trial::new().await;
    trial.tokens(Site::Slack, "channels:history").await;
    let tokens = trial.tokens(Site::Slack, "chat:write").await;
    assert_eq!(tokens["scope"], "channels:history,chat:write");

    trial.tokens(Site::Google, GMAIL).await;
    let alone = trial.tokens(Site::Google, "email").await;
    assert_eq!(alone["scope"], "email");
    let more = [("include_granted_scopes", "true")];
    let back = trial
        .consent(Site::Google, "openid", Person::new(), &more)
        .await;
    let code = parameter(&back, "code").unwrap();
    let (_, together) = trial.exchange(Site::Google, &code, VERIFIER).await;
    assert_eq!(together["scope"], format!("email {GMAIL} openid"));
}
