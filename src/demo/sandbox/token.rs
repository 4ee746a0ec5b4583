//! The token and revocation endpoints, each site's answers in its own shape (RFC 6749 §5, RFC 7009,
//! and the providers' documentation where they differ).

use std::collections::BTreeSet;

use axum::http::StatusCode;
use axum::http::header::ACCEPT;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::demo::sandbox::data::{ACCOUNTS, TEAM_ID, TEAM_NAME};
use crate::demo::sandbox::faults::{Endpoint, Fault};
use crate::demo::sandbox::grants::{Issued, Presented, Refusal};
use crate::demo::sandbox::server::{Call, body, find, json_response};
use crate::demo::sandbox::{Site, State, World, client_id, github, slack};

/// POST of the token endpoint.
pub(super) fn answer(world: &World, call: &Call, fault: Option<&Fault>) -> Response {
    let fields = fields(call);
    let result = match fault {
        Some(Fault::DeadGrant) => Err(Refusal::BadRefreshToken),
        _ => issue(world, call, &fields),
    };
    let refreshed = call.endpoint == Endpoint::Refresh;
    let app = world.settings.github_app;
    match (call.site, result) {
        (Site::Google | Site::Custom, Ok(issued)) => {
            json_response(StatusCode::OK, &rfc_6749(&issued))
        }
        (Site::Google | Site::Custom, Err(refusal)) => {
            let (status, error, description) = in_rfc_6749(call.site, refusal);
            let value = json!({"error": error, "error_description": description});
            json_response(status, &value)
        }
        (Site::Slack, Ok(issued)) => {
            json_response(StatusCode::OK, &slack_shape(&issued, refreshed))
        }
        (Site::Slack, Err(refusal)) => slack::refused(in_slack(refusal)),
        (Site::GitHub, Ok(issued)) => github_answer(call, &github_shape(&issued, app)),
        (Site::GitHub, Err(refusal)) => github_answer(call, &in_github(refusal)),
    }
}

/// Revocation: a form with `token` (Google, RFC 7009), `auth.revoke` (Slack), DELETE of the grant
/// with the client's Basic credentials (GitHub).
pub(super) fn revoke(world: &World, call: &Call) -> Response {
    let mut state = world.lock();
    match call.site {
        Site::Google => {
            let form = call.form();
            let token = find(&form, "token").or_else(|| call.query("token"));
            if token.is_some_and(|token| state.grants.revoke(call.site, token)) {
                return json_response(StatusCode::OK, &json!({}));
            }
            let value =
                json!({"error": "invalid_token", "error_description": "Token expired or revoked"});
            json_response(StatusCode::BAD_REQUEST, &value)
        }
        Site::Custom => {
            let fields = fields(call);
            if let Err(refusal) = authenticate(world, call, &fields) {
                let (status, error, _) = in_rfc_6749(call.site, refusal);
                return json_response(status, &json!({ "error": error }));
            }
            // An unknown token is not an error (RFC 7009 §2.2).
            if let Some(token) = find(&fields, "token") {
                state.grants.revoke(call.site, token);
            }
            StatusCode::OK.into_response()
        }
        Site::Slack => {
            let now = world.settings.clock.now();
            let token = slack::token(call);
            if let Err(problem) = state.grants.check(call.site, token.as_deref(), now) {
                return slack::refused(slack::bad_token(problem));
            }
            let test = slack::argument(call, "test").is_some_and(|test| test == "1");
            let revoked =
                !test && token.is_some_and(|token| state.grants.revoke(call.site, &token));
            slack::accepted(json!({ "revoked": revoked }))
        }
        Site::GitHub => github_revoke(world, &mut state, call),
    }
}

fn github_revoke(world: &World, state: &mut State, call: &Call) -> Response {
    let expected = (client_id(call.site), world.client_secret(call.site));
    if call.basic().as_ref() != Some(&expected) {
        return github::problem(StatusCode::UNAUTHORIZED, "Requires authentication");
    }
    let named = call.path.contains(&expected.0);
    let value = call.json();
    let token = value["access_token"].as_str().filter(|_| named);
    if token.is_some_and(|token| state.grants.revoke(call.site, token)) {
        return StatusCode::NO_CONTENT.into_response();
    }
    github::problem(StatusCode::UNPROCESSABLE_ENTITY, "Validation Failed")
}

/// The fields of a form or of a flat JSON body.
fn fields(call: &Call) -> Vec<(String, String)> {
    if !call.has_json() {
        return call.form();
    }
    let Value::Object(object) = call.json() else {
        return Vec::new();
    };
    object
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())))
        .collect()
}

/// Checks the client (RFC 6749 §2.3.1), by Basic or in the body.
fn authenticate(world: &World, call: &Call, fields: &[(String, String)]) -> Result<(), Refusal> {
    let (id, secret) = match call.basic() {
        Some((id, secret)) => (Some(id), Some(secret)),
        None => (
            find(fields, "client_id").map(str::to_owned),
            find(fields, "client_secret").map(str::to_owned),
        ),
    };
    if id.as_deref() != Some(client_id(call.site).as_str()) {
        return Err(Refusal::UnknownClient);
    }
    // A public client has no secret and proves itself with PKCE; Google and GitHub want theirs
    // from every client.
    let public = secret.is_none() && matches!(call.site, Site::Slack | Site::Custom);
    let proof = call.endpoint != Endpoint::Exchange || find(fields, "code_verifier").is_some();
    if (public && proof) || secret.as_deref() == Some(world.client_secret(call.site).as_str()) {
        Ok(())
    } else {
        Err(Refusal::WrongSecret)
    }
}

fn issue(world: &World, call: &Call, fields: &[(String, String)]) -> Result<Issued, Refusal> {
    authenticate(world, call, fields)?;
    let tokens = world.settings.tokens(call.site);
    let now = world.settings.clock.now();
    let mut state = world.lock();
    if call.endpoint == Endpoint::Refresh {
        let token = find(fields, "refresh_token").ok_or(Refusal::BadRequest)?;
        return state.grants.refresh(call.site, token, tokens, now);
    }
    // Slack and GitHub do not ask for a grant type; the others do (RFC 6749 §4.1.3).
    match find(fields, "grant_type") {
        Some("authorization_code") => {}
        None if matches!(call.site, Site::Slack | Site::GitHub) => {}
        _ => return Err(Refusal::BadRequest),
    }
    let code = find(fields, "code").ok_or(Refusal::BadRequest)?;
    let id = client_id(call.site);
    let presented = Presented {
        site: call.site,
        client_id: &id,
        redirect_uri: find(fields, "redirect_uri"),
        verifier: find(fields, "code_verifier"),
    };
    state.grants.exchange(code, &presented, tokens, now)
}

fn rfc_6749(issued: &Issued) -> Value {
    with_optional(
        json!({
            "access_token": issued.access_token,
            "token_type": "Bearer",
            "scope": joined(&issued.scopes, " "),
        }),
        issued,
    )
}

fn slack_shape(issued: &Issued, refreshed: bool) -> Value {
    let token = with_optional(
        json!({
            "access_token": issued.access_token,
            "token_type": "user",
            "scope": joined(&issued.scopes, ","),
        }),
        issued,
    );
    let mut answer = json!({
        "ok": true,
        "app_id": "A0SANDBOX01",
        "team": {"id": TEAM_ID, "name": TEAM_NAME},
        "enterprise": null,
        "is_enterprise_install": false,
    });
    // The first answer nests the user's token, a refresh does not.
    if refreshed {
        merge(&mut answer, token);
    } else {
        answer["authed_user"] = token;
        answer["authed_user"]["id"] = json!(ACCOUNTS[issued.account].slack_id);
    }
    answer
}

fn github_shape(issued: &Issued, app: bool) -> Value {
    let scope = if app {
        String::new()
    } else {
        joined(&issued.scopes, ",")
    };
    let mut answer = with_optional(
        json!({"access_token": issued.access_token, "token_type": "bearer", "scope": scope}),
        issued,
    );
    if issued.refresh_token.is_some() {
        answer["refresh_token_expires_in"] = json!(15_897_600);
    }
    answer
}

fn with_optional(mut answer: Value, issued: &Issued) -> Value {
    if let Some(token) = &issued.refresh_token {
        answer["refresh_token"] = json!(token);
    }
    if let Some(seconds) = issued.expires_in {
        answer["expires_in"] = json!(seconds);
    }
    answer
}

fn merge(into: &mut Value, from: Value) {
    if let Value::Object(from) = from {
        for (name, value) in from {
            into[name] = value;
        }
    }
}

fn joined(scopes: &BTreeSet<String>, separator: &str) -> String {
    let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
    scopes.join(separator)
}

fn in_rfc_6749(site: Site, refusal: Refusal) -> (StatusCode, &'static str, &'static str) {
    let bad = StatusCode::BAD_REQUEST;
    let denied = StatusCode::UNAUTHORIZED;
    match refusal {
        Refusal::UnknownClient => (denied, "invalid_client", "The OAuth client was not found."),
        Refusal::WrongSecret => (denied, "invalid_client", "Unauthorized"),
        Refusal::BadCode => (bad, "invalid_grant", "Malformed auth code."),
        Refusal::BadRedirect if site == Site::Google => {
            (bad, "redirect_uri_mismatch", "Bad Request")
        }
        Refusal::BadRedirect => (bad, "invalid_grant", "The redirect URI differs."),
        Refusal::BadVerifier => (bad, "invalid_grant", "Invalid code verifier."),
        Refusal::BadRefreshToken => (bad, "invalid_grant", "Token has been expired or revoked."),
        Refusal::BadRequest => (bad, "invalid_request", "A parameter is missing."),
    }
}

fn in_slack(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::UnknownClient => "invalid_client_id",
        Refusal::WrongSecret => "bad_client_secret",
        Refusal::BadCode => "invalid_code",
        Refusal::BadRedirect => "bad_redirect_uri",
        Refusal::BadVerifier => "invalid_code_verifier",
        Refusal::BadRefreshToken => "invalid_refresh_token",
        Refusal::BadRequest => "invalid_arguments",
    }
}

fn in_github(refusal: Refusal) -> Value {
    let (error, description) = match refusal {
        Refusal::UnknownClient | Refusal::WrongSecret => (
            "incorrect_client_credentials",
            "The client_id and/or client_secret passed are incorrect.",
        ),
        Refusal::BadCode | Refusal::BadVerifier | Refusal::BadRequest => (
            "bad_verification_code",
            "The code passed is incorrect or expired.",
        ),
        Refusal::BadRedirect => (
            "redirect_uri_mismatch",
            "The redirect_uri MUST match the registered callback URL for this application.",
        ),
        Refusal::BadRefreshToken => (
            "bad_refresh_token",
            "The refresh token passed is incorrect or expired.",
        ),
    };
    json!({
        "error": error,
        "error_description": description,
        "error_uri": "https://docs.github.com/apps/oauth-apps/maintaining-oauth-apps",
    })
}

/// Always 200, and a form unless the client asks for JSON.
fn github_answer(call: &Call, answer: &Value) -> Response {
    let wants_json = call
        .header(&ACCEPT)
        .is_some_and(|accept| accept.contains("application/json"));
    if wants_json {
        return json_response(StatusCode::OK, answer);
    }
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in answer.as_object().into_iter().flatten() {
        match value {
            Value::String(text) => form.append_pair(name, text),
            other => form.append_pair(name, &other.to_string()),
        };
    }
    body(
        StatusCode::OK,
        "application/x-www-form-urlencoded; charset=utf-8",
        form.finish().into_bytes(),
    )
}
