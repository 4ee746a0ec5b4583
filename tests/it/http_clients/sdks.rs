//! The clients of the official SDKs and of `fastmcp`. With authorization they find the authorization
//! server from the endpoint's 401 (RFC 9728, RFC 8414), register themselves there (RFC 7591) and get
//! their token with PKCE; then their user signs in once more, in the browser that follows our link.

use serde_json::json;
use valetkey::demo::sandbox::Site;
use valetkey::demo::sandbox::faults::Endpoint;

use crate::http::server::HttpServer;
use crate::http_clients::{Protected, assert_found, connect, open};
use crate::peers::Client;

/// A call that needs no grant, and one whose link the person follows meanwhile. `user` is who signs in
/// before, where the server wants that.
async fn calls(server: &HttpServer, script: &str, mode: &str, user: Option<&str>) {
    let url = format!("{}/mcp", server.url);
    let mut client = Client::over_http(script, mode, "url", &url).await;
    assert_eq!(client.signed_in, user.is_some(), "{script} {mode}");

    let follow = async |link: &str| connect(link, user).await;
    let listed = client.call_and("connections_list", json!({}), follow).await;
    assert_ne!(listed["isError"], true, "{listed}");
    assert_eq!(client.links, Vec::<String>::new());
    let found = client.call_and("gmail_search", json!({}), follow).await;
    assert_found(&found);
    assert_eq!(client.links.len(), 1, "{script} {mode}");
    client.finish().await;
}

/// Without authorization and with it.
async fn calls_both(script: &str, mode: &str) {
    calls(&HttpServer::local().await, script, mode, None).await;
    let protected = Protected::new().await;
    calls(&protected.server, script, mode, Some("ada")).await;
}

#[tokio::test]
#[cfg_attr(
    not(feature = "peers"),
    ignore = "needs Node.js packages and Chromium: run tests/run"
)]
async fn the_python_sdk_finishes_its_call_in_both_eras() {
    for mode in ["legacy", "auto"] {
        calls_both("client.py", mode).await;
    }
}

#[tokio::test]
#[cfg_attr(
    not(feature = "peers"),
    ignore = "needs Node.js packages and Chromium: run tests/run"
)]
async fn the_typescript_sdk_finishes_its_call_in_both_eras_and_generations() {
    for mode in ["v1", "legacy", "auto"] {
        calls_both("client.mjs", mode).await;
    }
}

#[tokio::test]
#[cfg_attr(
    not(feature = "peers"),
    ignore = "needs Node.js packages and Chromium: run tests/run"
)]
async fn fastmcp_finishes_its_call_in_both_eras() {
    for mode in ["legacy", "auto"] {
        calls_both("fastmcp_client.py", mode).await;
    }
}

#[tokio::test]
#[cfg_attr(
    not(feature = "peers"),
    ignore = "needs Node.js packages and Chromium: run tests/run"
)]
async fn a_browser_of_another_user_connects_nobody_and_the_call_waits_for_its_own() {
    for mode in ["legacy", "auto"] {
        let protected = Protected::new().await;
        let server = &protected.server;
        let url = format!("{}/mcp", server.url);
        let mut client = Client::over_http("client.py", mode, "url", &url).await;
        let visits = || {
            let endpoints = [Endpoint::Authorize, Endpoint::Exchange];
            endpoints.map(|endpoint| server.sandbox.count(Site::Google, endpoint))
        };
        let follow = async |link: &str| {
            let heading = open(link, Some("bob")).await;
            assert_eq!(heading, json!("This link was made for someone else"));
            assert_eq!(visits(), [0, 0]);
            connect(link, Some("ada")).await;
        };
        let found = client.call_and("gmail_search", json!({}), follow).await;
        assert_found(&found);
        assert_eq!((client.links.len(), visits()), (1, [1, 1]), "{mode}");
        client.finish().await;
    }
}
