//! `github_whoami`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::page;
use crate::error::ErrorCode;
use crate::fake::{Provider, Seen, run};

const TOOL: &str = "github_whoami";

fn me() -> Value {
    json!({ "login": "ada", "id": 7, "name": "Ada\u{200b} Lovelace", "email": "ada@example.org",
            "html_url": "https://github.com/ada", "two_factor_authentication": true })
}

#[tokio::test]
async fn the_account_is_told_with_what_was_asked_for() {
    let provider = Provider::start(|request: &Seen, _| -> Response {
        match request.path.as_str() {
            "/user" => ([("x-oauth-scopes", "repo, read:org")], Json(me())).into_response(),
            "/user/orgs" => page(&json!([{ "login": "octo" }]), true),
            "/user/teams" => page(&json!([{ "slug": "core", "organization": { "login": "octo" } }]), false),
            _ => (StatusCode::FORBIDDEN, Json(json!({ "message": "You must authenticate with an access token authorized to a GitHub App" }))).into_response(),
        }
    })
    .await;
    let output = run(&provider, TOOL, json!({})).await.unwrap();
    assert_eq!(provider.seen().len(), 1, "nothing more than was asked for");
    assert!(
        output
            .text
            .starts_with("ada (Ada Lovelace) https://github.com/ada\nScopes: repo, read:org")
    );
    assert!(!output.text.contains("example.org"));

    let include = json!({ "include": ["orgs", "teams", "installations"] });
    let structured = run(&provider, TOOL, include)
        .await
        .unwrap()
        .structured
        .unwrap();
    assert_eq!(structured["orgs"], json!(["octo"]));
    assert_eq!(structured["teams"], json!(["octo/core"]));
    let warnings = structured["warnings"].to_string();
    assert!(
        warnings.contains("first 50 orgs") && warnings.contains("GitHub App has installations"),
        "{warnings}"
    );
}

#[tokio::test]
async fn an_apps_connection_has_installations_and_no_scopes() {
    let provider = Provider::start(|request: &Seen, _| -> Response {
        let app = [
            ("x-oauth-scopes", ""),
            ("x-accepted-github-permissions", "metadata=read"),
        ];
        if request.path == "/user" {
            return (app, Json(me())).into_response();
        }
        let installations = json!([
            { "id": 1, "account": { "login": "octo" }, "repository_selection": "selected",
              "html_url": "https://github.com/organizations/octo/settings/installations/1" },
            { "id": 2, "account": null, "repository_selection": "all", "html_url": "" },
        ]);
        Json(json!({ "total_count": 2, "installations": installations })).into_response()
    })
    .await;
    let output = run(&provider, TOOL, json!({ "include": "installations" }))
        .await
        .unwrap();
    let structured = output.structured.unwrap();
    assert_eq!(structured["scopes"], Value::Null);
    assert_eq!(structured["installations"][0]["account"], "octo");
    assert_eq!(structured["installations"][0]["repositories"], "selected");
}

#[tokio::test]
async fn teams_without_their_scope_ask_for_it() {
    let provider = Provider::start(|request: &Seen, _| -> Response {
        if request.path == "/user" {
            return Json(me()).into_response();
        }
        (StatusCode::FORBIDDEN, [("x-oauth-scopes", "repo")], "{}").into_response()
    })
    .await;
    let error = run(&provider, TOOL, json!({ "include": "teams" }))
        .await
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::MissingScopes);
    assert_eq!(error.missing_scopes, ["read:org"]);
    let error = run(&provider, TOOL, json!({ "include": "email" }))
        .await
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidArguments);
}
