//! What a request shows of its caller: bad tokens, withdrawn ones, guesses, poisoned metadata
//! (threats 83, 105, 106, 108, 109, 113, 114).

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::response::Redirect;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::StatusCode;
use serde_json::{Value, json};
use valetkey::clock::Clock;
use valetkey::demo::browser::Person;
use valetkey::serve::Port;

use crate::host::{assert_finished, link_of, search};
use crate::http::inside::Inside;
use crate::http::model::TwoIssuers;
use crate::http::server::HttpServer;
use crate::http::team::Team;
use crate::issuer::TestIssuer;

fn listed() -> Value {
    json!({ "name": "connections_list", "arguments": {} })
}

#[tokio::test]
async fn every_kind_of_bad_token_gets_the_same_answer_and_only_the_log_says_why() {
    let team = Team::new().await;
    let foreign = TestIssuer::start(Clock::system()).await;
    let (audience, now) = (
        format!("{}/mcp", team.server.url),
        Clock::system().now().as_second(),
    );
    let token = |changes: Value| team.issuer.access_token("ada", &audience, &changes);
    let good = token(json!({ "scope": "w" }));
    let (head, rest) = good.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"at+jwt"}"#);
    let other = token(json!({ "scope": "w", "sub": "bob" }));
    let other = other.split('.').nth(1).unwrap().to_owned();
    let mut answers = BTreeSet::new();
    let cases = [
        (
            "for another resource",
            token(json!({ "scope": "w", "aud": "https://other.example" })),
        ),
        ("for nobody", token(json!({ "scope": "w", "aud": null }))),
        ("ended", token(json!({ "scope": "w", "exp": now - 120 }))),
        (
            "without an end",
            token(json!({ "scope": "w", "exp": null })),
        ),
        (
            "not yet",
            token(json!({ "scope": "w", "nbf": now + 3_600 })),
        ),
        ("of nobody", token(json!({ "scope": "w", "sub": null }))),
        (
            "of another issuer",
            foreign.access_token("ada", &audience, &json!({ "scope": "w" })),
        ),
        (
            "of another issuer in our issuer's name",
            foreign.access_token(
                "ada",
                &audience,
                &json!({ "scope": "w", "iss": team.issuer.identifier() }),
            ),
        ),
        ("unsigned", format!("{none}.{claims}.")),
        (
            "with another's claims",
            format!("{head}.{other}.{signature}"),
        ),
        ("cut", good[..good.len() - 4].to_owned()),
        (
            "opaque",
            "gho_16C7e42F292c6912E7710c838347Ae178B4a".to_owned(),
        ),
        ("of one letter", String::from("x")),
    ];
    for (case, token) in &cases {
        let answer = team
            .server
            .message(token, "tools/call", &listed())
            .send()
            .await;
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 401, "{case}");
        let mut headers: Vec<_> = answer
            .headers()
            .iter()
            .filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()))
            .map(|(name, value)| format!("{name}: {value:?}"))
            .collect();
        headers.sort();
        answers.insert((headers, answer.text().await.unwrap()));
    }
    assert_eq!(answers.len(), 1, "{answers:#?}");
    let answer = team.server.call(&good, &listed()).await;
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    let log = team.server.finish();
    let refused = log.lines().map(|line| line.parse::<Value>().unwrap());
    let refused = refused.filter(|line| line["message"] == "a request was refused");
    let reasons: Vec<_> = refused.map(|line| line["reason"].to_string()).collect();
    assert_eq!(reasons.len(), cases.len(), "{reasons:?}");
    let kinds: BTreeSet<_> = reasons.iter().collect();
    assert!(kinds.len() >= 8, "{kinds:?}");
    for (case, token) in cases {
        assert!(
            token.len() < 8 || !log.contains(&token),
            "{case} in the log"
        );
    }
}

#[tokio::test]
async fn a_withdrawn_opaque_token_is_refused_after_a_minute() {
    let inside = Inside::new().await;
    let token = inside
        .issuer
        .opaque_token("ada", &format!("{}/mcp", inside.url));
    let status = async || inside.ask(&token, &listed()).await.status();
    assert_eq!(status().await, 200);
    inside.issuer.withdraw();
    inside.clock.advance(Duration::from_mins(1));
    assert_eq!(status().await, 401);
    assert_eq!(inside.issuer.count("introspect"), 2, "each answer is kept");
}

#[tokio::test]
async fn who_guesses_tokens_waits_and_only_a_trusted_proxy_says_who_that_is() {
    let server = HttpServer::with_users("  trusted_proxies: [127.0.0.1]\n").await;
    let guess = async |token: &str, from: &str| {
        let request = server.message(token, "tools/list", &json!({}));
        let answer = request
            .header("x-forwarded-for", from)
            .send()
            .await
            .unwrap();
        let wait = answer.headers().get("retry-after").is_some();
        (answer.status(), wait)
    };
    let mut last = StatusCode::UNAUTHORIZED;
    let mut guesses = 0;
    while last == StatusCode::UNAUTHORIZED && guesses < 1_000 {
        // What stands further left was written by the one who guesses.
        let from = format!("203.0.113.{}, 198.51.100.7", guesses % 250);
        let (status, waits) = guess(&format!("guess-{guesses}"), &from).await;
        assert_eq!(waits, status == StatusCode::TOO_MANY_REQUESTS);
        (last, guesses) = (status, guesses + 1);
    }
    assert_eq!(
        last,
        StatusCode::TOO_MANY_REQUESTS,
        "after {guesses} guesses"
    );
    let good = crate::http::server::ADA;
    let barred = guess(good, "198.51.100.7").await;
    assert_eq!(
        barred.0,
        StatusCode::TOO_MANY_REQUESTS,
        "a good one waits too"
    );
    assert_eq!(guess(good, "198.51.100.8").await.0, StatusCode::OK);

    // Who comes directly says what they like.
    let server = HttpServer::with_users("").await;
    for guesses in 0..200 {
        let request = server.message(&format!("guess-{guesses}"), "tools/list", &json!({}));
        let answer = request
            .header("x-forwarded-for", "198.51.100.7")
            .send()
            .await;
        assert_eq!(answer.unwrap().status(), 401);
    }
    let request = server.message(good, "tools/list", &json!({}));
    let answer = request
        .header("x-forwarded-for", "198.51.100.7")
        .send()
        .await;
    assert_eq!(answer.unwrap().status(), 200, "nobody was named");
}

#[tokio::test]
async fn metadata_of_another_issuer_or_behind_a_redirect_let_nobody_in_and_no_key_is_fetched() {
    let issuer = TestIssuer::start(Clock::system()).await;
    issuer.change_metadata(Some(|metadata| {
        let slash = format!("{}/", metadata["issuer"].as_str().unwrap());
        metadata["issuer"] = json!(slash);
    }));
    // A second one sends whoever asks it to the first.
    issuer_behind_a_redirect(&issuer).await;
    let rest = format!(
        "  auth:\n    issuers: [{{ issuer: '{}' }}]\n",
        issuer.identifier()
    );
    let server = HttpServer::with(&rest).await;
    let audience = format!("{}/mcp", server.url);
    let token = issuer.access_token("ada", &audience, &json!({}));
    for _ in 0..2 {
        let answer = server
            .message(&token, "tools/list", &json!({}))
            .send()
            .await;
        assert_eq!(answer.unwrap().status(), 503, "it cannot be checked");
    }
    assert_eq!(issuer.count("jwks"), 0);
}

/// Asserts that a token of an issuer whose metadata are a redirect to `target` lets nobody in.
async fn issuer_behind_a_redirect(target: &TestIssuer) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let identifier = format!("http://{}", listener.local_addr().unwrap());
    listener.set_nonblocking(true).unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let location = format!(
        "{}/.well-known/oauth-authorization-server",
        target.identifier()
    );
    let counted = Arc::clone(&asked);
    let send_on = async move || {
        counted.fetch_add(1, Ordering::SeqCst);
        Redirect::temporary(&location)
    };
    let port = Port::new(Router::new().fallback(send_on), 8);
    port.listen(listener).unwrap();
    let rest = format!("  auth:\n    issuers: [{{ issuer: '{identifier}' }}]\n");
    let server = HttpServer::with(&rest).await;
    let before = target.count("metadata");
    let audience = format!("{}/mcp", server.url);
    let token = target.access_token("ada", &audience, &json!({ "iss": identifier }));
    let answer = server
        .message(&token, "tools/list", &json!({}))
        .send()
        .await;
    assert_eq!(answer.unwrap().status(), 503);
    assert!(asked.load(Ordering::SeqCst) > 0, "it was asked");
    assert_eq!(
        target.count("metadata"),
        before,
        "the redirect was followed"
    );
}

#[tokio::test]
async fn one_subject_of_two_issuers_is_two_users_and_so_are_subjects_that_look_alike() {
    let team = TwoIssuers::new().await;
    let [first, second] = [0, 1];
    let connected = async |issuer: usize, sub: &str| {
        let answer = team.call(issuer, sub, &listed()).await;
        let items = &answer["result"]["structuredContent"]["items"];
        items
            .as_array()
            .unwrap_or_else(|| panic!("{sub}: {answer}"))
            .len()
    };
    let asked = team.call(first, "ada", &search()).await;
    let mut person = Person::new();
    person
        .open(team.issuers[first].as_user("ada"))
        .await
        .unwrap();
    person.follow(&link_of(&asked)).await.unwrap();
    assert_finished(&team.call(first, "ada", &search()).await);
    let audience = format!("{}/mcp", team.server.url);
    let identifier = team.issuers[first].identifier();
    let long = "a".repeat(4_096);
    let like_it = [
        "Ada",
        "ada ",
        " ada",
        "ada/",
        "a:da",
        "ada\0",
        "ada\u{301}",
        "\u{430}da",
        "ada\u{200b}",
        &long,
        &format!("{identifier}ada"),
        &format!("{identifier}/ada"),
        &format!("{identifier}|ada"),
    ];
    let mut users = 0;
    for sub in like_it {
        let token = team.issuers[first].access_token(sub, &audience, &json!({}));
        let answer = team.server.message(&token, "tools/call", &listed());
        let answer = answer.send().await.unwrap();
        // One that is too strange is refused; none is somebody else.
        if answer.status() == 200 {
            users += 1;
            assert_eq!(connected(first, sub).await, 0, "{sub:.20?}");
        } else {
            assert_eq!(answer.status(), 401, "{sub:.20?}");
        }
    }
    assert!(users >= 8, "{users} were users");
    assert_eq!(connected(second, "ada").await, 0, "of the other issuer");
    assert_eq!(connected(first, "ada").await, 1);
}
