//! Google: its paths, user info, and the errors that all its APIs share.

use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

use crate::demo::sandbox::data::ACCOUNTS;
use crate::demo::sandbox::faults::Endpoint;
use crate::demo::sandbox::server::{Call, challenge, json_response, token_endpoint};
use crate::demo::sandbox::{World, gmail};

/// The paths of accounts.google.com, oauth2.googleapis.com and openidconnect.googleapis.com, and
/// below them Gmail's.
pub(super) fn endpoint(call: &Call) -> Endpoint {
    match (call.method.clone(), call.path().as_slice()) {
        (Method::GET, ["o", "oauth2", "v2", "auth"]) => Endpoint::Authorize,
        (Method::POST, ["token"]) => token_endpoint(call),
        (Method::POST, ["revoke"]) => Endpoint::Revoke,
        (Method::GET, ["v1", "userinfo"]) => Endpoint::Identity,
        (method, path) => Endpoint::Api(gmail::method(&method, path)),
    }
}

/// User info and Gmail, for whoever the bearer token belongs to.
pub(super) fn answer(world: &World, call: &Call) -> Response {
    let now = world.settings.clock.now();
    let mut state = world.lock();
    let Ok(allowed) = state.grants.check(call.site, call.bearer(), now) else {
        return unauthorized();
    };
    match call.endpoint {
        Endpoint::Api(name) => gmail::answer(&mut state.mail, call, name, &allowed, now),
        _ if !allowed.scopes.contains("openid") => missing_scope(&["openid"]),
        _ => {
            let account = &ACCOUNTS[allowed.account];
            let mut claims = json!({"sub": account.google_sub});
            if allowed.scopes.contains("email") {
                claims["email"] = json!(account.email);
                claims["email_verified"] = json!(true);
            }
            if allowed.scopes.contains("profile") {
                claims["name"] = json!(account.name);
            }
            json_response(StatusCode::OK, &claims)
        }
    }
}

/// 401 as Google's APIs answer it, whatever is wrong with the token.
pub(super) fn unauthorized() -> Response {
    let value = json!({"error": {
        "code": 401,
        "message": "Request had invalid authentication credentials. Expected OAuth 2 access token, \
                    login cookie or other valid authentication credential.",
        "errors": [{
            "message": "Invalid Credentials",
            "domain": "global",
            "reason": "authError",
            "location": "Authorization",
            "locationType": "header",
        }],
        "status": "UNAUTHENTICATED",
    }});
    challenge(json_response(StatusCode::UNAUTHORIZED, &value))
}

/// 403 of a token that lacks every one of `scopes`.
pub(super) fn missing_scope(scopes: &[&str]) -> Response {
    let value = json!({"error": {
        "code": 403,
        "message": "Request had insufficient authentication scopes.",
        "errors": [{
            "message": "Insufficient Permission",
            "domain": "global",
            "reason": "insufficientPermissions",
        }],
        "status": "PERMISSION_DENIED",
        "details": [{
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
            "domain": "googleapis.com",
            "metadata": {"service": "gmail.googleapis.com"},
        }],
    }});
    let mut response = json_response(StatusCode::FORBIDDEN, &value);
    let challenge = format!(
        "Bearer error=\"insufficient_scope\", scope=\"{}\"",
        scopes.join(" ")
    );
    let challenge = HeaderValue::from_str(&challenge).expect("scopes are ASCII");
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    response
}

/// Any other error in the shape of Google's APIs.
pub(super) fn problem(status: StatusCode, word: &str, reason: &str, message: &str) -> Response {
    let value: Value = json!({"error": {
        "code": status.as_u16(),
        "message": message,
        "errors": [{"message": message, "domain": "global", "reason": reason}],
        "status": word,
    }});
    json_response(status, &value)
}
