//! The operator's listener: what is counted, and who gets to read it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::watched::{HttpServer, call};
use crate::host::{Host, assert_finished, link_of, retry, search};

const WITH_OPERATOR: &str = "  operator_bind: 127.0.0.1:0\n";

/// The value of the series of this name and labels; 0 while there is none.
fn value(metrics: &str, series: &str) -> u64 {
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map_or(0, |value| value.parse().unwrap())
}

#[test]
fn metrics_are_on_the_operators_listener_and_nowhere_else() {
    let host = Host::new(WITH_OPERATOR);
    let server = HttpServer::start(&host);
    for (path, text) in [
        ("/healthz", "ok"),
        ("/readyz", "ready"),
        ("/metrics", "# EOF"),
    ] {
        let reply = server.operator(path);
        assert_eq!(reply.status, StatusCode::OK, "{path}");
        assert!(reply.body.contains(text), "{path}: {}", reply.body);
    }
    assert_eq!(server.operator("/mcp").status, StatusCode::NOT_FOUND);
    let public = server.get("/metrics");
    assert_eq!(public.status, StatusCode::NOT_FOUND);
    assert!(!public.body.contains("valetkey_"), "{}", public.body);
}

#[test]
fn the_operators_listener_answers_under_its_own_address_only() {
    let host = Host::new(WITH_OPERATOR);
    let server = HttpServer::start(&host);
    let operator = server.operator.unwrap();
    let port = operator.port();
    let ask = |name: &str| {
        let headers = [("host", name)];
        server
            .send((Method::GET, operator, "/metrics"), &headers, "")
            .status
    };
    for name in ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"] {
        assert_eq!(ask(&format!("{name}:{port}")), StatusCode::OK, "{name}");
    }
    for name in [
        format!("evil.example:{port}"),
        format!("localhost.evil.example:{port}"),
        format!("127.0.0.1.nip.io:{port}"),
        format!("localhost.:{port}"),
        format!("localhost:{}", server.address.port()),
        "localhost".to_owned(),
    ] {
        assert_eq!(ask(&name), StatusCode::MISDIRECTED_REQUEST, "{name}");
    }
}

#[test]
fn a_call_with_its_sign_in_is_counted_and_nobodys_name_is_in_it() {
    let host = Host::new(WITH_OPERATOR);
    let server = HttpServer::start(&host);
    let asked = server.call(&search());
    let link = link_of(&asked);
    host.connect(&link);
    assert_finished(&server.call(&retry(&search(), &asked, "accept")));
    let metrics = server.operator("/metrics").body;
    for (series, least) in [
        (
            r#"valetkey_tool_calls_total{tool="github_search_issues",outcome="asked"}"#,
            1,
        ),
        (
            r#"valetkey_tool_calls_total{tool="github_search_issues",outcome="finished"}"#,
            1,
        ),
        (
            r#"valetkey_tool_call_duration_seconds_count{tool="github_search_issues"}"#,
            2,
        ),
        (r#"valetkey_flows_total{event="minted"}"#, 1),
        (r#"valetkey_flows_total{event="completed"}"#, 1),
        (
            r#"valetkey_provider_requests_total{provider="github",status="2xx"}"#,
            2,
        ),
        (
            r#"valetkey_http_requests_total{route="/mcp",method="POST",status="200"}"#,
            2,
        ),
        (
            r#"valetkey_http_requests_total{route="/connect/{link}",method="GET",status="200"}"#,
            1,
        ),
        (
            r#"valetkey_http_request_duration_seconds_count{route="/mcp"}"#,
            2,
        ),
    ] {
        assert!(value(&metrics, series) >= least, "{series}\n{metrics}");
    }
    let token = link.rsplit('/').next().unwrap();
    let (_, token) = token.split_at(token.len() / 2);
    let port = host.world.port.to_string();
    for told in [
        "canary",
        "ada",
        "lovelace",
        "probe-client",
        "localhost",
        token,
        &port,
    ] {
        assert!(!metrics.contains(told), "{told} in\n{metrics}");
    }
    // Nor in the log, at any level.
    let log = server.stop();
    assert!(log.iter().any(|line| line["message"] == "tool call"));
    for line in log {
        assert!(!line.to_string().contains("canary"), "{line}");
    }
}

/// What a request gets that says how large it is going to be. Its body is not sent: the answer comes
/// before it, and closes the connection.
fn too_large(server: &HttpServer<'_>) -> StatusCode {
    let mut stream = TcpStream::connect(server.address).unwrap();
    let (host, length) = (server.address, (4 << 20) + 1);
    let head = format!("POST /mcp HTTP/1.1\r\nhost: {host}\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap();
    status.parse().unwrap()
}

#[test]
fn what_is_turned_away_is_counted_by_its_reason() {
    let more = format!("{WITH_OPERATOR}  calls_per_minute: 1\n");
    let host = Host::new(&more);
    let server = HttpServer::start(&host);
    let deep = "[".repeat(100);
    let evil = [("host", "evil.example")];
    let foreign = [("origin", "https://evil.example")];
    let to = (Method::POST, server.address, "/mcp");
    let statuses = [
        server.send(to.clone(), &evil, "").status,
        too_large(&server),
        server.send(to, &[], deep).status,
        server.post(&call(&search()), &foreign).status,
        // Each counts as the one call that there is, whatever becomes of it.
        server.post(&call(&search()), &[]).status,
    ];
    assert_eq!(
        statuses.map(|status| status.as_u16()),
        [421, 413, 400, 403, 429]
    );
    let metrics = server.operator("/metrics").body;
    for reason in ["host", "too_large", "too_deep", "origin", "rate"] {
        let series = format!("valetkey_http_rejected_total{{reason=\"{reason}\"}}");
        assert_eq!(value(&metrics, &series), 1, "{series}\n{metrics}");
    }
}

#[test]
fn a_call_that_waits_for_its_person_and_an_open_session_are_seen() {
    let host = Host::new(WITH_OPERATOR);
    let server = HttpServer::start(&host);
    let seen = |series: &str| value(&server.operator("/metrics").body, series);
    let until = |series: &str, wanted: u64| {
        let start = Instant::now();
        while seen(series) != wanted {
            assert!(start.elapsed().as_secs() < 20, "{series} is not {wanted}");
            thread::sleep(Duration::from_millis(5));
        }
    };
    assert_eq!(seen("valetkey_sessions"), 0);
    let initialize = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": { "name": "probe", "version": "1" } } });
    let headers = [
        ("accept", "application/json, text/event-stream"),
        ("content-type", "application/json"),
    ];
    let to = (Method::POST, server.address, "/mcp");
    let opened = server.send(to, &headers, initialize.to_string());
    assert_eq!(opened.status, StatusCode::OK, "{}", opened.body);
    assert_eq!(seen("valetkey_sessions"), 1);

    let asked = server.call(&search());
    assert_eq!(seen("valetkey_waiting_calls"), 0);
    thread::scope(|threads| {
        let waiting = threads.spawn(|| server.call(&retry(&search(), &asked, "accept")));
        until("valetkey_waiting_calls", 1);
        host.connect(&link_of(&asked));
        assert_finished(&waiting.join().unwrap());
    });
    until("valetkey_waiting_calls", 0);
}
