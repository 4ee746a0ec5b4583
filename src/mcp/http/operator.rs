//! The operator's own listener: metrics and health. Nobody is asked who they are, so it is bound to
//! loopback or a private network only, and answers under its own address only.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::mcp::http::admit::{Hosts, refused};
use crate::mcp::http::{Endpoint, health};
use crate::metrics;

/// The routes `/metrics`, `/healthz` and `/readyz`, for a listener on `bind`.
pub(super) fn router(endpoint: &Arc<Endpoint>, bind: SocketAddr) -> Router {
    let hosts = Arc::new(Hosts::at(bind));
    Router::new()
        .route("/metrics", get(counted))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .with_state(Arc::clone(endpoint))
        .layer(middleware::from_fn_with_state(hosts, check))
}

async fn counted(State(endpoint): State<Arc<Endpoint>>) -> impl IntoResponse {
    let text = metrics::text(endpoint.tenants.all_sessions());
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text)
}

/// A page of another site may reach this port under a name of its own (DNS rebinding).
async fn check(State(hosts): State<Arc<Hosts>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    if !hosts.named_in(&parts) {
        let message = "This is not that host.";
        return refused(StatusCode::MISDIRECTED_REQUEST, message);
    }
    next.run(Request::from_parts(parts, body)).await
}
