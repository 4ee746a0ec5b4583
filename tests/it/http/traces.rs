//! Spans, as a collector on loopback gets them.

use std::net::TcpListener;
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
use valetkey::serve::Port;

use super::watched::{HttpServer, call};
use crate::host::{Host, assert_finished, link_of, retry, search};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";
const OTHER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// What came to `v1/traces`.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Bytes>>>);

impl Collector {
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

/// Lets `requests` be made of a server, ends it, and returns the spans that it sent with all the
/// bytes in them.
fn spans_of(requests: impl FnOnce(&Host, &HttpServer<'_>)) -> (Vec<Span>, Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = listener.local_addr().unwrap();
    let host = Host::new(&format!("  otlp_endpoint: http://{endpoint}\n"));
    let collector = Collector::default();
    let _port = host.wait(async { collector.listen(listener) });
    let server = HttpServer::start(&host);
    requests(&host, &server);
    server.stop();
    let bytes = collector.0.lock().unwrap().concat();
    (collector.spans(), bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
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

/// A call whose `_meta` has this `traceparent`.
fn call_within(parent: &str) -> Value {
    let mut call = call(&search());
    call["params"]["_meta"]["traceparent"] = parent.into();
    call["params"]["_meta"]["tracestate"] = "rojo=00f067aa0ba902b7".into();
    call
}

#[test]
fn a_call_continues_the_trace_of_its_meta_and_else_that_of_its_request() {
    let (spans, _) = spans_of(|_, server| {
        server.post(
            &call_within(&format!("00-{TRACE}-{PARENT}-01")),
            &[("traceparent", OTHER)],
        );
        server.post(&call(&search()), &[("traceparent", OTHER)]);
        server.post(&call_within("00-nonsense"), &[]);
        server.post(&call_within(&format!("00-{TRACE}-{PARENT}-00")), &[]);
    });
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

#[test]
fn spans_say_what_was_done_and_nothing_that_anyone_wrote() {
    let (spans, bytes) = spans_of(|host, server| {
        let asked = server.call(&search());
        host.connect(&link_of(&asked));
        assert_finished(&server.call(&retry(&search(), &asked, "accept")));
        server.call(&json!({ "name": "github_search_issues", "arguments": { "query": 7 } }));
    });
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
    let text = String::from_utf8_lossy(&bytes);
    for told in ["canary", "ada", "lovelace", "probe-client", "localhost"] {
        assert!(!text.contains(told), "{told} in a span");
    }
}

#[test]
fn a_collector_that_is_away_costs_a_warning_and_no_call() {
    let away = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let host = Host::new(&format!("  otlp_endpoint: http://{away}\n"));
    let server = HttpServer::start(&host);
    link_of(&server.call(&search()));
    let log = server.stop();
    let warned = |line: &&Value| {
        line["message"]
            .as_str()
            .unwrap_or_default()
            .contains("collector")
    };
    assert_eq!(log.iter().filter(warned).count(), 1, "{log:#?}");
}
