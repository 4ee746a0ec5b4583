//! `valetkey http` with clients made by others. The person's browser is Chromium.

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;
use valetkey::demo::sandbox::{Sandbox, SandboxSettings};

use crate::http::server::HttpServer;
use crate::peers::{Client, Peer, node};
use crate::world::free_port;

/// Follows a link in the browser, and allows what it asks for.
async fn click(link: &str) {
    let pictures = TempDir::new().unwrap();
    let mut command = node("click.mjs");
    command.arg(link).arg(pictures.path());
    let mut browser = Peer::start(command);
    let end = browser.line().await;
    browser.finish().await;
    assert_eq!(end["heading"], "Google is connected", "{end}");
}

fn assert_found(answer: &Value) {
    assert_ne!(answer["isError"], true, "{answer}");
    assert_eq!(answer["structuredContent"]["account"], "ada@example.test");
}

/// A call that needs no grant, and one whose link the person follows meanwhile.
async fn calls(script: &str, mode: &str) {
    let server = HttpServer::local().await;
    let url = format!("{}/mcp", server.url);
    let mut client = Client::over_http(script, mode, "url", &url).await;

    let listed = client.call_and("connections_list", json!({}), click).await;
    assert_ne!(listed["isError"], true, "{listed}");
    assert_eq!(client.links, Vec::<String>::new());
    let found = client.call_and("gmail_search", json!({}), click).await;
    assert_found(&found);
    assert_eq!(client.links.len(), 1, "{script} {mode}");
    client.finish().await;
}

#[tokio::test]
#[cfg_attr(
    not(feature = "peers"),
    ignore = "needs Node.js packages and Chromium: run tests/run"
)]
async fn the_python_sdk_calls_over_http_in_both_eras() {
    for mode in ["legacy", "auto"] {
        calls("client.py", mode).await;
    }
}

#[tokio::test]
#[cfg_attr(
    not(feature = "peers"),
    ignore = "needs Node.js packages and Chromium: run tests/run"
)]
async fn the_typescript_sdk_calls_over_http_in_both_eras_and_generations() {
    for mode in ["v1", "legacy", "auto"] {
        calls("client.mjs", mode).await;
    }
}

#[tokio::test]
#[cfg_attr(
    not(feature = "peers"),
    ignore = "needs Node.js packages and Chromium: run tests/run"
)]
async fn fastmcp_calls_over_http_in_both_eras() {
    for mode in ["legacy", "auto"] {
        calls("fastmcp_client.py", mode).await;
    }
}

/// The sign-in at an authorization server that is not ours, found from the endpoint's 401 (RFC 9728,
/// RFC 8414), with a client that registers itself (RFC 7591); then a call.
async fn signs_in(script: &str, mode: &str) {
    let port = free_port();
    let resource = format!("http://127.0.0.1:{port}/mcp");
    let mut command = node("authorization-server.mjs");
    command.args([
        "http://127.0.0.1/oauth/callback/known",
        &resource,
        "x:other",
        "x:opaque",
    ]);
    let mut issuer = Peer::start(command);
    let found = issuer.line().await;
    let auth = format!(
        "  auth:
    issuers:
      - issuer: {}
        scopes: {{ read: mcp:read, write: mcp:write }}
",
        found["issuer"].as_str().unwrap()
    );
    let sandbox = Sandbox::start(SandboxSettings::default()).await.unwrap();
    let _server = HttpServer::start(TempDir::new().unwrap(), sandbox, port, &auth);

    let mut client = Client::over_http(script, mode, "url", &resource).await;

    assert!(client.signed_in, "{script} {mode} was asked for nothing");
    let listed = client.call("connections_list", json!({})).await;
    assert_ne!(listed["isError"], true, "{listed}");
    client.finish().await;
}

#[tokio::test]
#[cfg_attr(
    not(feature = "peers"),
    ignore = "needs Node.js packages: run tests/run"
)]
async fn clients_find_the_authorization_server_sign_their_user_in_and_call() {
    for (script, mode) in [
        ("client.py", "legacy"),
        ("client.py", "auto"),
        ("client.mjs", "v1"),
        ("client.mjs", "legacy"),
        ("client.mjs", "auto"),
        ("fastmcp_client.py", "legacy"),
        ("fastmcp_client.py", "auto"),
    ] {
        signs_in(script, mode).await;
    }
}

/// What the Inspector's command line says to one request, with a client of its own each time.
async fn inspect(home: &Path, url: &str, era: &str, request: &[&str]) -> Value {
    let script = "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js";
    let output = node(script)
        .args(["--cli", url, "--transport", "http", "--format", "json"])
        .args(["--protocol-era", era, "--method"])
        .args(request)
        .env("HOME", home)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let mut answer: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{request:?} in {era}: {error}: {output:?}"));
    answer["result"].take()
}

#[tokio::test]
#[cfg_attr(
    not(feature = "peers"),
    ignore = "needs Node.js packages and Chromium: run tests/run"
)]
async fn the_inspector_shows_the_link_and_its_next_call_completes_in_both_eras() {
    for era in ["legacy", "modern"] {
        let server = HttpServer::local().await;
        let url = format!("{}/mcp", server.url);
        let home = TempDir::new().unwrap();
        let ask = async |request: &[&str]| inspect(home.path(), &url, era, request).await;
        let search = ["tools/call", "--tool-name", "gmail_search"];

        let listed = ask(&["tools/list"]).await;
        let tools = listed["tools"].as_array().unwrap();
        assert!(tools.iter().any(|tool| tool["name"] == "gmail_search"));
        let connections = ask(&["tools/call", "--tool-name", "connections_list"]).await;
        assert_eq!(connections["isError"], false, "{connections}");
        let asked = ask(&search).await;
        assert_eq!(asked["isError"], true, "{asked}");
        let link = &asked["structuredContent"]["authorization_required"]["url"];
        click(link.as_str().unwrap()).await;
        assert_found(&ask(&search).await);
    }
}
