use super::*;

async fn attempt(trial: &Trial, token: &str) -> Result<(u16, String), reqwest::Error> {
    attempt_within(trial, token, Duration::from_mins(1)).await
}

async fn attempt_within(
    trial: &Trial,
    token: &str,
    limit: Duration,
) -> Result<(u16, String), reqwest::Error> {
    let url = trial.sandbox.url(Site::Custom, "api/notes");
    let request = trial.http.client().get(url).bearer_auth(token);
    let response = request.timeout(limit).send().await?;
    Ok((response.status().as_u16(), response.text().await?))
}

#[tokio::test]
async fn faults_show_as_often_as_they_were_set_and_requests_are_counted_and_kept() {
    let trial = Trial::new().await;
    let token = trial.access(Site::Custom, "read").await;
    let notes = Endpoint::Api("notes");
    trial.sandbox.fault(
        Site::Custom,
        Endpoint::AnyApi,
        Fault::Status(503),
        Times::Next(2),
    );
    trial.sandbox.fault(
        Site::Custom,
        notes,
        Fault::RateLimited("soon"),
        Times::Always,
    );
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(attempt(&trial, &token).await.unwrap().0);
    }
    trial.sandbox.clear_faults();
    seen.push(attempt(&trial, &token).await.unwrap().0);
    assert_eq!(seen, [503, 503, 429, 429, 200]);
    assert_eq!(trial.sandbox.count(Site::Custom, notes), 5);
    assert_eq!(trial.sandbox.count(Site::Custom, Endpoint::AnyApi), 5);
    assert_eq!(trial.sandbox.count(Site::Google, Endpoint::AnyApi), 0);
    let log = trial.sandbox.log();
    let last = log.last().unwrap();
    assert_eq!(
        (last.endpoint, last.path.as_str()),
        (notes, "/custom/api/notes")
    );
    assert!(last.mentions(&token) && !last.mentions("something else"));
}

#[tokio::test]
async fn a_connection_can_be_closed_cut_in_the_body_or_left_without_an_answer() {
    let trial = Trial::new().await;
    let token = trial.access(Site::Custom, "read").await;
    for (fault, times_out) in [
        (Fault::HangUp, false),
        (Fault::CutBody, false),
        (Fault::Silence, true),
        (Fault::Trickle, true),
    ] {
        let name = format!("{fault:?}");
        trial
            .sandbox
            .fault(Site::Custom, Endpoint::AnyApi, fault, Times::Next(1));
        let patience = Duration::from_millis(if times_out { 300 } else { 60_000 });
        let error = attempt_within(&trial, &token, patience).await.unwrap_err();
        assert_eq!(error.is_timeout(), times_out, "{name}: {error:?}");
        let (status, _) = attempt(&trial, &token).await.unwrap();
        assert_eq!(status, 200, "after {name}");
    }
}

#[tokio::test]
async fn a_lost_answer_was_carried_out() {
    let trial = Trial::new().await;
    let tokens = trial.tokens(Site::Custom, "read").await;
    let refresh = text(&tokens["refresh_token"]);
    trial.sandbox.fault(
        Site::Custom,
        Endpoint::Refresh,
        Fault::LoseAnswer,
        Times::Next(1),
    );
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh.as_str()),
    ];
    let url = trial.sandbox.url(Site::Custom, "token");
    let secret = trial.sandbox.client_secret(Site::Custom);
    let request = trial.http.client().post(url).form(&form);
    let request = request.basic_auth(client_id(Site::Custom), Some(secret));
    assert!(request.send().await.is_err());
    // The old token is used up: trying it again is a reuse.
    let (_, answer) = trial.refresh(Site::Custom, &refresh).await;
    assert_eq!(answer["error"], "invalid_grant");
}

#[tokio::test]
async fn a_held_request_is_answered_when_the_test_lets_it_through() {
    let trial = Trial::new().await;
    let token = trial.access(Site::Custom, "read").await;
    let gate = CancellationToken::new();
    let held = Fault::Hold(gate.clone());
    trial
        .sandbox
        .fault(Site::Custom, Endpoint::AnyApi, held, Times::Always);
    let url = trial.sandbox.url(Site::Custom, "api/notes");
    let request = trial.http.client().get(url).bearer_auth(&token).send();
    let request = tokio::spawn(request);
    trial
        .sandbox
        .received(Site::Custom, Endpoint::AnyApi, 1)
        .await;
    assert!(!request.is_finished());
    gate.cancel();
    assert_eq!(request.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn garbage_comes_in_every_kind() {
    let trial = Trial::new().await;
    let token = trial.access(Site::Custom, "read").await;
    let megabyte = 1 << 20;
    for (fault, expected) in [
        (Fault::Html, (200, "<!doctype html>")),
        (Fault::Empty, (200, "")),
        (Fault::WrongTypes, (200, "{\"")),
        (Fault::NotUtf8, (200, "{\"a\":\"\u{fffd}\"}")),
        (Fault::Big(megabyte), (200, "   ")),
        (Fault::GzipBomb(megabyte), (200, "\0\0\0")),
        (Fault::Echo, (400, "{\"error\"")),
        (Fault::Unauthorized, (401, "{\"error\":\"invalid_token\"")),
        (
            Fault::Redirect("https://elsewhere.example/".to_owned()),
            (307, ""),
        ),
    ] {
        let name = format!("{fault:?}");
        let size = matches!(fault, Fault::Big(_) | Fault::GzipBomb(_)).then_some(megabyte);
        let echoes = matches!(fault, Fault::Echo);
        trial
            .sandbox
            .fault(Site::Custom, Endpoint::AnyApi, fault, Times::Next(1));
        let (status, body) = attempt(&trial, &token).await.unwrap();
        assert_eq!(status, expected.0, "{name}");
        assert!(
            body.starts_with(expected.1),
            "{name}: {}",
            &body[..body.len().min(80)]
        );
        assert!(
            size.is_none_or(|size| body.len() == size),
            "{name}: {}",
            body.len()
        );
        assert_eq!(body.contains(&token), echoes, "{name}");
    }
}

#[tokio::test]
async fn the_browser_comes_back_with_the_error_or_issuer_that_was_set() {
    let trial = Trial::new().await;
    let back = async || {
        trial
            .consent(Site::Custom, "read", Person::new(), &[])
            .await
    };
    for (endpoint, fault, name, expected) in [
        (
            Endpoint::Consent,
            Fault::AuthorizeError("access_denied"),
            "error",
            Some("access_denied"),
        ),
        (
            Endpoint::Authorize,
            Fault::AuthorizeError("server_error"),
            "error",
            Some("server_error"),
        ),
        (
            Endpoint::Consent,
            Fault::Iss(Some("https://evil.example")),
            "iss",
            Some("https://evil.example"),
        ),
        (Endpoint::Consent, Fault::Iss(None), "iss", None),
    ] {
        trial
            .sandbox
            .fault(Site::Custom, endpoint, fault, Times::Next(1));
        let back = back().await;
        assert_eq!(parameter(&back, name).as_deref(), expected);
        assert_eq!(parameter(&back, "code").is_some(), name == "iss");
    }
}

#[tokio::test]
async fn grants_and_tokens_die_on_demand() {
    let trial = Trial::new().await;
    let tokens = trial.tokens(Site::Google, GMAIL).await;
    let (access, refresh) = (
        text(&tokens["access_token"]),
        text(&tokens["refresh_token"]),
    );
    let path = "gmail/v1/users/me/labels";
    let client = trial.refresh(Site::Google, &refresh).await.0;
    assert_eq!(client, 200);

    trial.sandbox.fault(
        Site::Google,
        Endpoint::Refresh,
        Fault::DeadGrant,
        Times::Next(1),
    );
    let (status, answer) = trial.refresh(Site::Google, &refresh).await;
    assert_eq!(
        (status, answer["error"].as_str()),
        (400, Some("invalid_grant"))
    );

    assert_eq!(trial.get(Site::Google, path, &access).await.0, 200);
    trial.sandbox.end_access_tokens(Site::Google);
    assert_eq!(trial.get(Site::Google, path, &access).await.0, 401);
    let (_, answer) = trial.refresh(Site::Google, &refresh).await;
    let access = text(&answer["access_token"]);
    assert_eq!(trial.get(Site::Google, path, &access).await.0, 200);
    trial.sandbox.end_grants(Site::Google);
    assert_eq!(trial.get(Site::Google, path, &access).await.0, 401);
    assert_eq!(trial.refresh(Site::Google, &refresh).await.0, 400);
}

#[tokio::test]
async fn a_dropped_sandbox_closes_its_port_and_its_connections() {
    let trial = Trial::new().await;
    let url = trial.sandbox.url(Site::Google, "v1/userinfo");
    let client = trial.http.client();
    assert_eq!(client.get(url.clone()).send().await.unwrap().status(), 401);
    drop(trial.sandbox);
    // The task that listens ends at its next turn.
    while client.get(url.clone()).send().await.is_ok() {
        tokio::task::yield_now().await;
    }
}
