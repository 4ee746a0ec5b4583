//! The way through real connections: the callback port, a provider on loopback, one connection made.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::routing::{get, post};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;
use valetkey::broker::{Access, FlowOutcome};
use valetkey::caller::Caller;
use valetkey::http::Http;

use super::Site;

/// A provider that says yes to every code, but grants only `read`.
async fn provider() -> String {
    let tokens = json!({"access_token": "CANARY-access", "token_type": "Bearer", "scope": "read"});
    let user = json!({"sub": "1", "email": "alice@example.com"});
    let router = Router::new()
        .route("/token", post(async || Json(tokens)))
        .route("/user", get(async || Json(user)));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, router).await });
    format!(
        r#"
auth:
  providers:
    - id: acme
      description: Acme
      type: oauth2
      client_id: client
      client_secret: ${{env:ACME_SECRET}}
      oauth2:
        authorization_request: {{ endpoint: "{base}/authorize" }}
        token_request: {{ endpoint: "{base}/token" }}
        user_info_request: {{ endpoint: "{base}/user" }}
      api: {{ base_url: "{base}/api" }}
"#
    )
}

impl Site {
    fn serve(&mut self) {
        let listeners = self.listeners.take().unwrap();
        tokio::spawn(valetkey::consent::listener::serve(
            self.broker.clone(),
            listeners,
        ));
    }

    fn port(&self) -> u16 {
        self.broker.public_url().port().unwrap()
    }
}

async fn is_listening(address: impl Into<SocketAddr>) -> bool {
    TcpStream::connect(address.into()).await.is_ok()
}

#[tokio::test]
async fn a_person_goes_from_the_link_to_a_connection_over_real_connections() {
    let mut site = Site::with(&provider().await, None);
    site.serve();
    let caller = Caller::local();
    let mut requirement = Site::requirement("acme");
    requirement.scopes.push(vec!["write".to_owned()]);
    let Access::Consent(consent) = site.broker.access(&caller, &requirement).await.unwrap() else {
        panic!("nothing is connected yet");
    };
    let http = Http::new();
    let http = http.client();

    let page = http.get(consent.link.clone()).send().await.unwrap();
    let cookie = page.headers()["set-cookie"].to_str().unwrap().to_owned();
    let cookie = cookie.split(';').next().unwrap();
    let page = page.text().await.unwrap();
    let (_, rest) = page.split_once("name=\"csrf\" value=\"").unwrap();
    let csrf = rest.split_once('"').unwrap().0;

    let posted = http
        .post(consent.link.clone())
        .header("cookie", cookie)
        .form(&[("csrf", csrf)])
        .send()
        .await
        .unwrap();
    assert_eq!(posted.status(), 303);
    let authorize = Url::parse(posted.headers()["location"].to_str().unwrap()).unwrap();
    let of = |wanted: &str| {
        let found = authorize.query_pairs().find(|(name, _)| name == wanted);
        found.unwrap().1.into_owned()
    };
    let mut callback = Url::parse(&of("redirect_uri")).unwrap();
    callback
        .query_pairs_mut()
        .append_pair("code", "CANARY-code")
        .append_pair("state", &of("state"));

    let back = http
        .get(callback)
        .header("cookie", cookie)
        .send()
        .await
        .unwrap();
    assert_eq!(back.status(), 303);
    let result = back.headers()["location"].to_str().unwrap();
    assert!(
        result.starts_with("/connected/") && !result.contains('?'),
        "{result}"
    );
    let result = site.broker.public_url().join(result).unwrap();
    let result = http
        .get(result)
        .header("cookie", cookie)
        .send()
        .await
        .unwrap();
    let result = result.text().await.unwrap();
    for needed in [
        "Acme is connected",
        "Connected as alice@example.com.",
        "write",
    ] {
        assert!(result.contains(needed), "{needed}: {result}");
    }
    assert!(!result.contains("CANARY"), "{result}");

    let now = tokio::time::Instant::now();
    let outcome = site.broker.wait(&caller, consent.flow, now).await.unwrap();
    assert_eq!(outcome, FlowOutcome::Completed);
    let over = http.get(consent.link).send().await.unwrap();
    assert_eq!(over.status(), 410);
}

#[tokio::test]
async fn the_port_is_open_on_loopback_only_while_a_link_is() {
    let mut site = Site::new();
    site.serve();
    let port = site.port();
    let loopback = (Ipv4Addr::LOCALHOST, port);
    assert!(!is_listening(loopback).await, "no link is open yet");

    let link = site.link().await;
    assert!(is_listening(loopback).await);
    assert!(!is_listening((Ipv4Addr::new(127, 0, 0, 2), port)).await);

    let mut browser = site.browser();
    let state = browser.go_to_provider(&link).await;
    let query = format!("state={state}&error=access_denied");
    browser.get(&format!("/oauth/callback/acme?{query}")).await;
    while is_listening(loopback).await {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    site.link_to("other").await;
    assert!(is_listening(loopback).await, "another link opens it again");
}

#[tokio::test]
async fn a_request_with_another_host_or_a_huge_one_is_refused_on_the_wire() {
    let mut site = Site::new();
    site.serve();
    let link = site.link().await;
    let host = site.host();
    let long = "a".repeat(64 * 1024);
    for (request, status) in [
        (
            format!("GET {link} HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
            "421",
        ),
        (
            format!("GET http://evil.example{link} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            "421",
        ),
        (format!("GET {link} HTTP/1.0\r\n\r\n"), "421"),
        (
            format!("GET {link}?{long} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            "414",
        ),
        (
            format!("GET {link} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            "200",
        ),
        (
            format!("HEAD /oauth/callback/acme HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            "405",
        ),
    ] {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, site.port()))
            .await
            .unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.unwrap();
        let first = String::from_utf8(first.to_vec()).unwrap();
        assert_eq!(&first[9..], status, "{request:.60}");
    }
}
