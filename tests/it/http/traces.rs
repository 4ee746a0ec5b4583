//! Spans, as a collector on loopback gets them.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Attribute;
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind};
use prost::Message;
use serde_json::{Value, json};
use valetkey::demo::browser::Person;
use valetkey::serve::Port;

use crate::frames::modern;
use crate::host::{assert_finished, link_of, retry, search, urls};
use crate::http::server::HttpServer;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";
const OTHER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// What came to `v1/traces`.
#[derive(Clone, Default)]
pub(super) struct Collector(Arc<Mutex<Vec<Bytes>>>);

impl Collector {
    /// Starts one; it ends with the port.
    pub(super) fn start() -> (Self, SocketAddr, Port) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = listener.local_addr().unwrap();
        let collector = Self::default();
        let port = collector.listen(listener);
        (collector, endpoint, port)
    }

    /// All that came, as far as it is text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap().concat()).into_owned()
    }

    fn listen(&self, listener: TcpListener) -> Port {
        let kept = Arc::clone(&self.0);
        let take = post(move |body: Bytes| async move {
            kept.lock().unwrap().push(body);
            StatusCode::OK
        });
        let port = Port::new(Router::new().route("/v1/traces", take), 8);
        listener.set_nonblocking(true).unwrap();
        port.listen(listener).unwrap();
        port
    }

    fn spans(&self) -> Vec<Span> {
        let bodies = self.0.lock().unwrap();
        let requests = bodies
            .iter()
            .map(|body| ExportTraceServiceRequest::decode(&**body).unwrap());
        let resources = requests.flat_map(|request| request.resource_spans);
        let scopes = resources.flat_map(|resource| {
            let attributes = resource.resource.unwrap().attributes;
            assert!(attributes.iter().any(|pair| pair.key == "service.name"));
            resource.scope_spans
        });
        scopes.flat_map(|scope| scope.spans).collect()
    }
}

/// Starts a collector, and a server that sends its spans there.
async fn start() -> (Collector, Port, HttpServer) {
    let (collector, endpoint, port) = Collector::start();
    let server = HttpServer::with(&format!("  otlp_endpoint: http://{endpoint}\n")).await;
    (collector, port, server)
}

/// Ends the server, which sends what is left, on a thread where waiting for that stops nobody.
async fn finish(server: HttpServer) -> String {
    let finished = tokio::task::spawn_blocking(|| server.finish());
    finished.await.unwrap()
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

fn attribute(span: &Span, key: &str) -> Value {
    let pair = span.attributes.iter().find(|pair| pair.key == key);
    match pair.and_then(|pair| pair.value.clone()?.value) {
        Some(Attribute::StringValue(text)) => json!(text),
        Some(Attribute::IntValue(number)) => json!(number),
        other => panic!("{key} is {other:?} in {span:?}"),
    }
}

fn named<'a>(spans: &'a [Span], name: &str) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.name == name).collect()
}

/// Calls with this `traceparent` in `_meta`, and that one in the header.
async fn call_within(server: &HttpServer, in_meta: Option<&str>, in_header: Option<&str>) {
    let mut params = modern(search(), &urls(), "probe-client");
    if let Some(parent) = in_meta {
        params["_meta"]["traceparent"] = parent.into();
        params["_meta"]["tracestate"] = "rojo=00f067aa0ba902b7".into();
    }
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    let mut request = server.message("", "tools/call", &search()).json(&body);
    if let Some(parent) = in_header {
        request = request.header("traceparent", parent);
    }
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_call_continues_the_trace_of_its_meta_and_else_that_of_its_request() {
    let (collector, _port, server) = start().await;
    let sampled = format!("00-{TRACE}-{PARENT}-01");
    let unwanted = format!("00-{TRACE}-{PARENT}-00");
    call_within(&server, Some(&sampled), Some(OTHER)).await;
    call_within(&server, None, Some(OTHER)).await;
    call_within(&server, Some("00-nonsense"), None).await;
    call_within(&server, Some(&unwanted), None).await;
    finish(server).await;
    let spans = collector.spans();
    let requests = named(&spans, "POST /mcp");
    let calls = named(&spans, "tools/call github_search_issues");
    // The last call's client does not want it sampled.
    assert_eq!((requests.len(), calls.len()), (4, 3), "{spans:#?}");
    let of_meta = calls
        .iter()
        .find(|span| hex(&span.trace_id) == TRACE)
        .unwrap();
    assert_eq!(hex(&of_meta.parent_span_id), PARENT);
    assert_eq!(of_meta.trace_state, "rojo=00f067aa0ba902b7");
    let others: Vec<_> = calls
        .iter()
        .filter(|span| hex(&span.trace_id) != TRACE)
        .collect();
    assert!(
        others
            .iter()
            .any(|span| OTHER.contains(&hex(&span.trace_id)))
    );
    for span in others {
        let request = requests
            .iter()
            .find(|request| request.span_id == span.parent_span_id);
        assert_eq!(request.unwrap().trace_id, span.trace_id);
    }
}

#[tokio::test]
async fn spans_say_what_was_done_and_nothing_that_anyone_wrote() {
    let (collector, _port, server) = start().await;
    let asked = server.call("", &search()).await;
    Person::new().follow(&link_of(&asked)).await.unwrap();
    assert_finished(&server.call("", &retry(&search(), &asked, "accept")).await);
    let wrong = json!({ "name": "github_search_issues", "arguments": { "query": 7 } });
    server.call("", &wrong).await;
    finish(server).await;
    let spans = collector.spans();
    let calls = named(&spans, "tools/call github_search_issues");
    let outcome = |wanted: &str| {
        let of = |span: &&&Span| attribute(span, "valetkey.outcome") == wanted;
        *calls
            .iter()
            .find(of)
            .unwrap_or_else(|| panic!("no {wanted} in {calls:#?}"))
    };
    for (name, value) in [
        ("mcp.method.name", "tools/call"),
        ("gen_ai.operation.name", "execute_tool"),
        ("gen_ai.tool.name", "github_search_issues"),
        ("mcp.protocol.version", "2026-07-28"),
    ] {
        assert_eq!(attribute(outcome("finished"), name), value);
    }
    assert_eq!(attribute(outcome("failed"), "error.type"), "tool_error");
    for span in [outcome("asked"), outcome("finished")] {
        assert_eq!(span.kind, SpanKind::Server as i32);
        assert!(!span.attributes.iter().any(|pair| pair.key == "error.type"));
    }
    let page = named(&spans, "GET /connect/{link}")[0];
    assert_eq!(attribute(page, "http.route"), "/connect/{link}");
    assert_eq!(attribute(page, "http.response.status_code"), 200);
    let text = collector.text();
    let token = link_of(&asked).rsplit('/').next().unwrap().to_owned();
    // The first is in every credential of the sandbox.
    for told in ["sandbox", "ada-", "ada@", "lovelace", "127.0.0.1", &token] {
        assert!(!text.contains(told), "{told} in a span");
    }
}

#[tokio::test]
async fn a_collector_that_is_away_costs_a_warning_and_no_call() {
    let away = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
    let endpoint = format!("  otlp_endpoint: http://{}\n", away.unwrap());
    let server = HttpServer::with(&endpoint).await;
    link_of(&server.call("", &search()).await);
    let log = finish(server).await;
    assert_eq!(
        log.matches("spans did not reach the collector").count(),
        1,
        "{log}"
    );
}
