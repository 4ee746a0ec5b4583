//! What the endpoint lets in, in whatever way it is asked (threats 85 to 111).

use reqwest::Method;
use reqwest::header::{HOST, ORIGIN};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::http::server::{ADA, BOB, HttpServer, message_of};

/// An issuer that nobody has to reach.
const ISSUER: &str = "  auth:\n    issuers:\n      - issuer: https://id.example\n        scopes: { read: 'valetkey:read', write: 'valetkey:write' }\n";

const METHODS: [Method; 4] = [Method::POST, Method::GET, Method::DELETE, Method::OPTIONS];

#[tokio::test]
async fn a_request_without_a_token_learns_where_to_get_one_and_nothing_else() {
    let server = HttpServer::with(ISSUER).await;
    let answer = server.message("", "tools/list", &json!({})).send().await;
    let answer = answer.unwrap();
    assert_eq!(answer.status(), 401);
    let expected = format!(
        "Bearer resource_metadata=\"{}/.well-known/oauth-protected-resource/mcp\", \
         scope=\"valetkey:read valetkey:write\"",
        server.url
    );
    assert_eq!(answer.headers()["www-authenticate"], *expected);
    assert_eq!(answer.text().await.unwrap(), "Authorization is required.");
}

#[tokio::test]
async fn the_metadata_are_at_both_places_and_no_header_changes_them() {
    let server = HttpServer::with(ISSUER).await;
    for path in ["", "/mcp"] {
        let url = format!("{}/.well-known/oauth-protected-resource{path}", server.url);
        let answer = server.client.get(url).header(HOST, "evil.example");
        let answer = answer.header("x-forwarded-host", "evil.example").send();
        let answer = answer.await.unwrap();
        assert_eq!(answer.status(), 200);
        let metadata: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(metadata["resource"], format!("{}/mcp", server.url));
        assert_eq!(
            metadata["authorization_servers"],
            json!(["https://id.example"])
        );
        let scopes = json!(["valetkey:read", "valetkey:write"]);
        assert_eq!(metadata["scopes_supported"], scopes);
    }
}

#[tokio::test]
async fn every_bad_token_gets_the_same_answer() {
    let server = HttpServer::with_users("").await;
    let mut answers = Vec::new();
    for token in [
        "wrong",
        "canary-static-token-of-adA",
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.",
        "a.b.c",
        "ada",
        &"x".repeat(5000),
    ] {
        let answer = server.message(token, "tools/list", &json!({})).send().await;
        let answer = answer.unwrap();
        let challenge = answer.headers().get("www-authenticate").cloned();
        answers.push((answer.status(), challenge, answer.text().await.unwrap()));
    }
    assert_eq!(answers[0].0, 401);
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[tokio::test]
async fn a_token_in_the_query_is_no_token_and_is_not_logged() {
    let server = HttpServer::with_users("").await;
    let url = format!("{}/mcp?access_token={ADA}", server.url);
    let answer = server.client.post(url).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    let log = server.finish();
    assert!(!log.contains(ADA), "{log}");
}

#[tokio::test]
async fn a_page_of_another_origin_may_not_ask() {
    let server = HttpServer::with_users("").await;
    for method in METHODS {
        for origin in [
            "https://evil.example",
            "null",
            "http://localhost.evil",
            "http://127.0.0.1",
        ] {
            let request = server.request(method.clone(), ADA).header(ORIGIN, origin);
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 403, "{method} {origin}");
        }
    }
    let same = server.message(ADA, "tools/list", &json!({}));
    let same = same.header(ORIGIN, &server.url).send().await.unwrap();
    assert_eq!(same.status(), 200);
}

#[tokio::test]
async fn a_name_that_is_not_ours_is_not_answered() {
    let server = HttpServer::with_users("").await;
    let port = server.url.rsplit(':').next().unwrap();
    for (host, status) in [
        ("evil.example".to_owned(), 421),
        (format!("localhost.evil.example:{port}"), 421),
        (format!("127.0.0.1.nip.io:{port}"), 421),
        (format!("LOCALHOST.:{port}"), 421),
        ("127.0.0.1:1".to_owned(), 421),
        ("127.0.0.1".to_owned(), 421),
        (format!("LOCALHOST:{port}"), 200),
        (format!("127.0.0.1:{port}"), 200),
    ] {
        let request = server.message(ADA, "tools/list", &json!({}));
        let answer = request.header(HOST, &host).send().await.unwrap();
        assert_eq!(answer.status(), status, "{host}");
    }
}

#[tokio::test]
async fn no_other_origin_may_read_an_answer_unless_it_is_configured() {
    let preflight = |server: &HttpServer, origin: &str| {
        let request = server.request(Method::OPTIONS, "").header(ORIGIN, origin);
        request.header("access-control-request-method", "POST")
    };
    let server = HttpServer::with_users("").await;
    let answer = preflight(&server, "https://app.example").send().await;
    assert_eq!(
        answer.unwrap().headers().get("access-control-allow-origin"),
        None
    );

    let open = HttpServer::with_users("  allowed_origins: ['https://app.example']\n").await;
    let answer = preflight(&open, "https://app.example")
        .send()
        .await
        .unwrap();
    let allowed = &answer.headers()["access-control-allow-origin"];
    assert_eq!(allowed, "https://app.example");
    assert_eq!(
        answer.headers().get("access-control-allow-credentials"),
        None
    );
    let answer = preflight(&open, "https://evil.example").send().await;
    assert_eq!(
        answer.unwrap().headers().get("access-control-allow-origin"),
        None
    );
    let asked = open.message(ADA, "tools/list", &json!({}));
    let asked = asked.header(ORIGIN, "https://app.example").send().await;
    assert_eq!(asked.unwrap().status(), 200);
}

#[tokio::test]
async fn a_header_that_says_otherwise_than_the_body_is_refused() {
    let server = HttpServer::with_users("").await;
    let params = json!({ "name": "connections_list", "arguments": {} });
    let request = server.message(ADA, "tools/call", &params).build().unwrap();
    let mut request = request;
    let name = "slack_whoami".parse().unwrap();
    request.headers_mut().insert("mcp-name", name);
    let answer = server.client.execute(request).await.unwrap();
    assert_eq!(answer.status(), 400);
    assert_eq!(message_of(answer).await["error"]["code"], -32020);
}

#[tokio::test]
async fn a_body_that_is_too_large_or_too_deep_is_refused() {
    let server = HttpServer::with_users("").await;
    let post = |body: String| {
        let request = server.request(Method::POST, ADA);
        request
            .header("content-type", "application/json")
            .body(body)
    };
    // It is refused before it is read, so only its head is sent.
    let address = server.url.strip_prefix("http://").unwrap();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {ADA}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        5 << 20
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 413 "));
    for body in [
        "[".repeat(100_000),
        "{\"a\":".repeat(65) + "1" + &"}".repeat(65),
    ] {
        let answer = post(body).send().await.unwrap();
        assert_eq!(answer.status(), 400);
    }
}

#[tokio::test]
async fn connections_that_say_nothing_do_not_keep_others_out() {
    let server = HttpServer::with_users("").await;
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    let mut silent = Vec::new();
    for _ in 0..2_000 {
        let Ok(mut stream) = TcpStream::connect(&address).await else {
            break;
        };
        stream
            .write_all(b"POST /mcp HTTP/1.1\r\nHost: x\r\n")
            .await
            .unwrap();
        silent.push(stream);
    }
    assert!(silent.len() > 500, "{} connections", silent.len());
    let answer = server.message(ADA, "tools/list", &json!({})).send().await;
    assert_eq!(answer.unwrap().status(), 200);
}

#[tokio::test]
async fn http_2_is_not_spoken_so_its_streams_cannot_be_abused() {
    let server = HttpServer::with_users("").await;
    let address = server.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(
        answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"),
        "{answer:?}"
    );
}

#[tokio::test]
async fn one_user_who_calls_too_often_waits_and_another_does_not() {
    let server = HttpServer::with_users("  calls_per_minute: 20\n").await;
    let call = json!({ "name": "connections_list", "arguments": {} });
    let mut refused = None;
    for _ in 0..25 {
        let answer = server
            .message(ADA, "tools/call", &call)
            .send()
            .await
            .unwrap();
        if answer.status() == 429 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("20 calls a minute are allowed");
    let wait = refused.headers()["retry-after"].to_str().unwrap();
    assert!((1..=60).contains(&wait.parse::<u64>().unwrap()), "{wait}");
    let other = server.message(BOB, "tools/call", &call).send().await;
    assert_eq!(other.unwrap().status(), 200);
}

#[tokio::test]
async fn without_a_token_nothing_is_open_but_health_metadata_and_the_browsers_side() {
    let server = HttpServer::with_users("").await;
    for (path, status) in [
        ("/mcp", 401),
        ("/mcp/", 404),
        ("/healthz", 200),
        ("/readyz", 200),
        ("/metrics", 404),
        ("/authorize", 404),
        ("/token", 404),
        ("/register", 404),
        ("/admin", 404),
        ("/.well-known/oauth-authorization-server", 404),
        ("/connect/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 404),
    ] {
        let url = format!("{}{path}", server.url);
        let answer = server.client.get(url).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
    }
    for method in [
        "server/discover",
        "tools/list",
        "tools/call",
        "resources/read",
        "ping",
    ] {
        let answer = server.message("", method, &json!({})).send().await;
        assert_eq!(answer.unwrap().status(), 401, "{method}");
    }
    for method in METHODS {
        let answer = server.request(method.clone(), "").send().await.unwrap();
        assert_eq!(answer.status(), 401, "{method}");
    }
}
