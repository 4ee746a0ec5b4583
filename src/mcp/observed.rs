//! One call, as the operator sees it: a line of the log, a count, a span in a trace.

use axum::http::request::Parts;
use rmcp::model::ProtocolVersion;
use rmcp::service::{RequestContext, RoleServer};
use tokio::time::Instant;

use crate::builtin::AnyTool;
use crate::mcp::http::RequestId;
use crate::{metrics, trace};

/// A call that is being answered.
#[derive(Debug)]
pub(super) struct Observed<'a> {
    tool: AnyTool<'a>,
    /// Where the lines of the call belong: to its HTTP request, if it came with one.
    pub log: tracing::Span,
    trace: Option<String>,
    span: Option<trace::Span>,
    began: Instant,
}

impl<'a> Observed<'a> {
    /// The call has arrived. It continues the trace that its `_meta` names (SEP-414), else that of
    /// its HTTP request.
    pub(super) fn begin(tool: AnyTool<'a>, context: &RequestContext<RoleServer>) -> Self {
        let head = context.extensions.get::<Parts>();
        let id = head.and_then(|head| head.extensions.get::<RequestId>());
        let parent = context
            .meta
            .get_traceparent()
            .and_then(|parent| trace::Context::read(parent, context.meta.get_tracestate()))
            .or_else(|| head?.extensions.get::<trace::Context>().cloned());
        let version = context.protocol_version();
        let version = version.filter(|version| ProtocolVersion::KNOWN_VERSIONS.contains(version));
        let version = version.as_ref().map(ProtocolVersion::as_str);
        let mut span = trace::Span::of_call(tool.name(), version, parent.as_ref());
        if let (Some(span), Some(id)) = (&mut span, id) {
            span.request_id(id.as_str());
        }
        Self {
            tool,
            log: match id {
                // Not the request's own: of a session's calls the SDK runs each in the first one's.
                Some(id) => tracing::error_span!("call", request.id = %id),
                None => tracing::Span::none(),
            },
            trace: parent.map(|parent| parent.trace_id()),
            span,
            began: Instant::now(),
        }
    }

    /// The call is answered.
    pub(super) fn end(mut self, user: Option<&str>, outcome: &'static str) {
        let took = self.began.elapsed();
        metrics::call(self.tool.name(), outcome, took);
        if let Some(span) = &mut self.span {
            span.ended(outcome, error_type(outcome));
        }
        let _entered = self.log.enter();
        tracing::info!(
            user.id = user,
            tool.name = self.tool.name(),
            provider = self.tool.provider(),
            outcome,
            duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            trace.id = self.trace,
            "tool call"
        );
    }
}

/// The `error.type` of the semantic conventions: `tool_error` for a result that is an error. That
/// a person is asked is none.
fn error_type(outcome: &'static str) -> Option<&'static str> {
    match outcome {
        "finished" | "asked" | "link" | "confirm" => None,
        "failed" | "denied" | "refused" => Some("tool_error"),
        _ => Some(outcome),
    }
}
