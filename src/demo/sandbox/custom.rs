//! A provider as the RFCs have it: paths and one resource.

use axum::http::{Method, StatusCode};
use axum::response::Response;
use serde_json::json;

use crate::demo::sandbox::World;
use crate::demo::sandbox::data::ACCOUNTS;
use crate::demo::sandbox::faults::Endpoint;
use crate::demo::sandbox::server::{Call, challenge, json_response, token_endpoint};

/// `/custom/authorize`, `/custom/token`, `/custom/revoke`, `/custom/userinfo`,
/// `/custom/api/notes`.
pub(super) fn endpoint(call: &Call) -> Endpoint {
    match (call.method.clone(), call.path().as_slice()) {
        (Method::GET, ["authorize"]) => Endpoint::Authorize,
        (Method::POST, ["token"]) => token_endpoint(call),
        (Method::POST, ["revoke"]) => Endpoint::Revoke,
        (Method::GET, ["userinfo"]) => Endpoint::Identity,
        (Method::GET, ["api", "notes"]) => Endpoint::Api("notes"),
        _ => Endpoint::Api("unknown"),
    }
}

/// The resources, which a bearer token opens (RFC 6750).
pub(super) fn answer(world: &World, call: &Call) -> Response {
    let now = world.settings.clock.now();
    let Ok(allowed) = world.lock().grants.check(call.site, call.bearer(), now) else {
        return unauthorized();
    };
    let account = &ACCOUNTS[allowed.account];
    match call.endpoint {
        Endpoint::Identity => json_response(
            StatusCode::OK,
            &json!({"sub": account.google_sub, "email": account.email, "name": account.name}),
        ),
        Endpoint::Api("notes") if !allowed.scopes.contains("read") => {
            let value = json!({"error": "insufficient_scope", "scope": "read"});
            json_response(StatusCode::FORBIDDEN, &value)
        }
        Endpoint::Api("notes") => {
            let value = json!({"notes": [{"id": 1, "text": "Water the plants"}]});
            json_response(StatusCode::OK, &value)
        }
        _ => json_response(StatusCode::NOT_FOUND, &json!({"error": "not_found"})),
    }
}

/// 401 with the challenge of RFC 6750 §3.1.
pub(super) fn unauthorized() -> Response {
    let value = json!({"error": "invalid_token"});
    challenge(json_response(StatusCode::UNAUTHORIZED, &value))
}
