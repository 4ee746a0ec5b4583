//! The operator's listener: what is counted, and who gets to read it.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::faults::{Endpoint, Fault, Times};
use valetkey::demo::sandbox::{Sandbox, SandboxSettings, Site};

use crate::host::{assert_finished, link_of, retry, search};
use crate::http::server::HttpServer;
use crate::session::find_mail;
use crate::world::free_port;

const WITH_OPERATOR: &str = "  operator_bind: 127.0.0.1:0\n";

/// In every credential of the sandbox.
const MARKER: &str = "c4n4ry5ecret";

async fn start() -> HttpServer {
    let settings = SandboxSettings {
        marker: MARKER.to_owned(),
        ..SandboxSettings::default()
    };
    let sandbox = Sandbox::start(settings).await.unwrap();
    HttpServer::start(TempDir::new().unwrap(), sandbox, free_port(), WITH_OPERATOR)
}

async fn metrics(server: &HttpServer) -> String {
    server.operator("/metrics").await.text().await.unwrap()
}

/// The value of the series of this name and labels; 0 while there is none.
fn value(metrics: &str, series: &str) -> u64 {
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map_or(0, |value| value.parse().unwrap())
}

#[tokio::test]
async fn metrics_are_on_the_operators_listener_and_nowhere_else() {
    let server = start().await;
    for (path, text) in [
        ("/healthz", "ok"),
        ("/readyz", "ready"),
        ("/metrics", "# EOF"),
    ] {
        let reply = server.operator(path).await;
        assert_eq!(reply.status(), StatusCode::OK, "{path}");
        let body = reply.text().await.unwrap();
        assert!(body.contains(text), "{path}: {body}");
    }
    assert_eq!(
        server.operator("/mcp").await.status(),
        StatusCode::NOT_FOUND
    );
    let public = server.client.get(format!("{}/metrics", server.url));
    let public = public.send().await.unwrap();
    assert_eq!(public.status(), StatusCode::NOT_FOUND);
    let body = public.text().await.unwrap();
    assert!(!body.contains("valetkey_"), "{body}");
}

#[tokio::test]
async fn the_operators_listener_answers_under_its_own_address_only() {
    let server = start().await;
    let address = server.operator_address();
    let (_, port) = address.rsplit_once(':').unwrap();
    let (_, public_port) = server.url.rsplit_once(':').unwrap();
    let ask = async |name: &str| {
        let request = server.client.get(format!("http://{address}/metrics"));
        request.header("host", name).send().await.unwrap().status()
    };
    for name in ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"] {
        assert_eq!(ask(&format!("{name}:{port}")).await, StatusCode::OK);
    }
    for name in [
        format!("evil.example:{port}"),
        format!("localhost.evil.example:{port}"),
        format!("127.0.0.1.nip.io:{port}"),
        format!("localhost.:{port}"),
        format!("localhost:{public_port}"),
        "localhost".to_owned(),
    ] {
        assert_eq!(ask(&name).await, StatusCode::MISDIRECTED_REQUEST, "{name}");
    }
}

#[tokio::test]
async fn a_call_with_its_sign_in_is_counted_and_nobodys_name_is_in_it() {
    let server = start().await;
    let asked = server.call("", &search()).await;
    let link = link_of(&asked);
    Person::new().follow(&link).await.unwrap();
    assert_finished(&server.call("", &retry(&search(), &asked, "accept")).await);
    let metrics = metrics(&server).await;
    let call = r#"{tool="github_search_issues",outcome="#;
    for (series, least) in [
        (format!(r#"valetkey_tool_calls_total{call}"asked"}}"#), 1),
        (format!(r#"valetkey_tool_calls_total{call}"finished"}}"#), 1),
        (
            r#"valetkey_tool_call_duration_seconds_count{tool="github_search_issues"}"#.to_owned(),
            2,
        ),
        (r#"valetkey_flows_total{event="minted"}"#.to_owned(), 1),
        (r#"valetkey_flows_total{event="completed"}"#.to_owned(), 1),
        (
            r#"valetkey_provider_requests_total{provider="github",status="2xx"}"#.to_owned(),
            2,
        ),
        (
            r#"valetkey_http_requests_total{route="/mcp",method="POST",status="200"}"#.to_owned(),
            2,
        ),
        (
            r#"valetkey_http_requests_total{route="/connect/{link}",method="GET",status="200"}"#
                .to_owned(),
            1,
        ),
        (
            r#"valetkey_http_request_duration_seconds_count{route="/mcp"}"#.to_owned(),
            2,
        ),
    ] {
        assert!(value(&metrics, &series) >= least, "{series}\n{metrics}");
    }
    let token = link.rsplit('/').next().unwrap();
    for told in [MARKER, "ada", "lovelace", "127.0.0.1", "tester", token] {
        assert!(!metrics.contains(told), "{told} in\n{metrics}");
    }
    let log = server.finish();
    assert!(!log.contains(MARKER), "{log}");
}

#[tokio::test]
async fn refreshes_are_counted_by_how_they_end() {
    let server = start().await;
    let asked = server.call("", &find_mail()).await;
    Person::new().follow(&link_of(&asked)).await.unwrap();
    assert_finished(&server.call("", &find_mail()).await);
    let sandbox = &server.sandbox;
    sandbox.end_access_tokens(Site::Google);
    assert_finished(&server.call("", &find_mail()).await);
    sandbox.end_access_tokens(Site::Google);
    let dead = Fault::DeadGrant;
    sandbox.fault(Site::Google, Endpoint::Refresh, dead, Times::Always);
    link_of(&server.call("", &find_mail()).await);
    let metrics = metrics(&server).await;
    for outcome in ["finished", "refused"] {
        let series = format!("valetkey_refreshes_total{{outcome=\"{outcome}\"}}");
        assert_eq!(value(&metrics, &series), 1, "{series}\n{metrics}");
    }
    // Both tokens that had ended were tried first.
    let refused = r#"valetkey_provider_requests_total{provider="google",status="4xx"}"#;
    assert!(value(&metrics, refused) >= 2, "{metrics}");
}

#[tokio::test]
async fn what_is_turned_away_is_counted_by_its_reason() {
    let more = format!("{WITH_OPERATOR}  calls_per_minute: 1\n");
    let server = HttpServer::with_users(&more).await;
    let ada = crate::http::server::ADA;
    let post = || server.request(Method::POST, ada);
    let call = || server.message(ada, "tools/call", &search());
    // It is refused before it is read, so only its head is sent.
    let address = server.url.strip_prefix("http://").unwrap();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {ada}\r\n\
         content-length: {}\r\n\r\n",
        5 << 20
    );
    let mut large = TcpStream::connect(address).await.unwrap();
    large.write_all(head.as_bytes()).await.unwrap();
    large.read_to_end(&mut Vec::new()).await.unwrap();
    let requests = [
        post().header("host", "evil.example"),
        post().body("[".repeat(100)),
        call().header("origin", "https://evil.example"),
        // The one call that a minute has was counted, whatever became of it.
        call(),
        server.message("nobody's", "tools/call", &search()),
    ];
    let mut statuses = Vec::new();
    for request in requests {
        statuses.push(request.send().await.unwrap().status().as_u16());
    }
    assert_eq!(statuses, [421, 400, 403, 429, 401]);
    let metrics = metrics(&server).await;
    for reason in [
        "host",
        "too_large",
        "too_deep",
        "origin",
        "rate",
        "unauthorized",
    ] {
        let series = format!("valetkey_http_rejected_total{{reason=\"{reason}\"}}");
        assert_eq!(value(&metrics, &series), 1, "{series}\n{metrics}");
    }
}

#[tokio::test]
async fn a_call_that_waits_for_its_person_and_an_open_session_are_seen() {
    let server = start().await;
    let seen = async |series: &str| value(&metrics(&server).await, series);
    let until = async |series: &str, wanted: u64| {
        let reached = async {
            while seen(series).await != wanted {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let reached = tokio::time::timeout(Duration::from_secs(20), reached).await;
        assert!(reached.is_ok(), "{series} is not {wanted}");
    };
    assert_eq!(seen("valetkey_sessions").await, 0);
    server.open_session("").await;
    assert_eq!(seen("valetkey_sessions").await, 1);
    let asked = server.call("", &search()).await;
    assert_eq!(seen("valetkey_waiting_calls").await, 0);
    let accepted = retry(&search(), &asked, "accept");
    let person = async {
        until("valetkey_waiting_calls", 1).await;
        Person::new().follow(&link_of(&asked)).await.unwrap();
    };
    let (finished, ()) = tokio::join!(server.call("", &accepted), person);
    assert_finished(&finished);
    until("valetkey_waiting_calls", 0).await;
}
