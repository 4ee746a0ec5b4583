//! Whether the server runs, and whether it can serve. No details: anyone may ask.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;

use crate::mcp::http::Endpoint;

/// `/healthz`: the process answers.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// `/readyz`: the vault opens, and the server is not about to end.
pub(super) async fn ready(State(endpoint): State<Arc<Endpoint>>) -> (StatusCode, &'static str) {
    let closing = endpoint.shared.closing().is_cancelled();
    if !closing && endpoint.shared.broker().notice().await.is_ok() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    }
}
