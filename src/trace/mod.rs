//! Traces for the operator: the spans of requests and of tool calls, as OpenTelemetry has them.
//!
//! A span has attributes from our own tables only, like the labels of [`crate::metrics`]: never an
//! argument, a result, a token, an address or a text of the client's. What a client sends is the
//! [`Context`] that its call continues, and that is checked to be W3C's.

mod context;
mod export;

use std::sync::OnceLock;

use opentelemetry::KeyValue;
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt, Tracer,
    TracerProvider as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider};
use url::Url;

use crate::http::Http;
pub use crate::trace::context::Context;
use crate::trace::export::Exporter;

static TRACES: OnceLock<(SdkTracerProvider, SdkTracer)> = OnceLock::new();

/// Makes spans from now on, and sends them to the collector at `endpoint` (OTLP/HTTP: the spans go to
/// `v1/traces` under it). Needs a Tokio runtime around it.
pub fn start(endpoint: &Url, http: &Http) {
    TRACES.get_or_init(|| {
        let resource = Resource::builder_empty()
            .with_service_name("valetkey")
            .with_attributes([KeyValue::new("service.version", env!("CARGO_PKG_VERSION"))])
            .build();
        let exporter = Exporter::new(endpoint, http.client(), &resource);
        let provider = SdkTracerProvider::builder()
            // A client that does not want its trace sampled says so in `traceparent`.
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
            .with_resource(resource)
            .with_span_processor(BatchSpanProcessor::builder(exporter).build())
            .build();
        let tracer = provider.tracer("valetkey");
        (provider, tracer)
    });
}

/// Sends what was not sent yet, and makes no more spans. Blocks, for a few seconds at most.
pub fn stop() {
    if let Some((provider, _)) = TRACES.get() {
        // What could not be sent is lost, and has been warned about.
        provider.shutdown().ok();
    }
}

/// A span, if spans are made. It ends when it is dropped.
#[derive(Debug)]
pub struct Span(opentelemetry_sdk::trace::Span);

impl Span {
    /// The answer to an HTTP request, which may continue the trace of `parent`.
    pub fn of_request(
        method: &'static str,
        route: &'static str,
        parent: Option<&Context>,
    ) -> Option<Self> {
        let attributes = [
            KeyValue::new("http.request.method", method),
            KeyValue::new("http.route", route),
        ];
        Self::begin(format!("{method} {route}"), attributes, parent)
    }

    /// The answer to a `tools/call` of `tool`, which is one of this server's.
    pub fn of_call(tool: &str, protocol: Option<&str>, parent: Option<&Context>) -> Option<Self> {
        let attributes = [
            KeyValue::new("mcp.method.name", "tools/call"),
            KeyValue::new("gen_ai.operation.name", "execute_tool"),
            KeyValue::new("gen_ai.tool.name", tool.to_owned()),
        ];
        let protocol = protocol.map(|version| {
            let version = version.to_owned();
            KeyValue::new("mcp.protocol.version", version)
        });
        let attributes = attributes.into_iter().chain(protocol);
        Self::begin(format!("tools/call {tool}"), attributes, parent)
    }

    fn begin(
        name: String,
        attributes: impl IntoIterator<Item = KeyValue>,
        parent: Option<&Context>,
    ) -> Option<Self> {
        let (_, tracer) = TRACES.get()?;
        let builder = SpanBuilder::from_name(name)
            .with_kind(SpanKind::Server)
            .with_attributes(attributes);
        let none = opentelemetry::Context::new();
        let parent = match parent {
            Some(parent) => none.with_remote_span_context(SpanContext::clone(&parent.0)),
            None => none,
        };
        Some(Self(tracer.build_with_context(builder, &parent)))
    }

    /// What its children continue.
    pub fn context(&self) -> Context {
        Context(self.0.span_context().clone())
    }

    /// The id of the HTTP request.
    pub fn request_id(&mut self, id: &str) {
        let id = id.to_owned();
        self.0
            .set_attribute(KeyValue::new("valetkey.request.id", id));
    }

    /// The status of the answer. Only a failure of the server is an error of its span.
    pub fn answered(&mut self, status: u16) {
        let code = KeyValue::new("http.response.status_code", i64::from(status));
        self.0.set_attribute(code);
        if status >= 500 {
            self.failed(status.to_string());
        }
    }

    /// How the call ended; `error` is what kind of error it is, if it is one.
    pub fn ended(&mut self, outcome: &'static str, error: Option<&'static str>) {
        self.0
            .set_attribute(KeyValue::new("valetkey.outcome", outcome));
        if let Some(error) = error {
            self.failed(error.to_owned());
        }
    }

    fn failed(&mut self, kind: String) {
        self.0.set_attribute(KeyValue::new("error.type", kind));
        self.0.set_status(Status::error(""));
    }
}
