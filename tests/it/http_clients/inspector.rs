//! MCP Inspector on the command line. It is two programs there (2.12.0, as its help and its source
//! say), both with the whole of OAuth (discovery, registration, PKCE, a listener for the callback) and
//! with one memory for the tokens.
//!
//! - `inspector --cli` makes a client for one request. Without a terminal it signs its user in only
//!   with `MCP_AUTO_OPEN_ENABLED`. It declares no elicitation, and no option of it does: our link comes
//!   as text, and the next call finishes.
//! - `mcpdo` has a daemon, which keeps connections. It declares elicitation: the call waits in the
//!   daemon, and finishes when its user has told `elicitation/respond` that they are done.

use std::process::{Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use valetkey::demo::browser::Person;

use crate::http::server::HttpServer;
use crate::http_clients::{Protected, assert_found, connect};
use crate::peers::{authorize, node};
use crate::world::free_port;

/// Where both programs keep what they know. A daemon ends with the value.
struct Terminal {
    home: TempDir,
    /// The redirect URI.
    callback: String,
}

impl Terminal {
    fn new() -> Self {
        Self {
            home: TempDir::new().unwrap(),
            callback: format!("http://127.0.0.1:{}/oauth/callback", free_port()),
        }
    }

    /// One of the programs, without the keyring and the browser of this computer.
    fn program(&self, script: &str) -> Command {
        let inspector = "node_modules/@modelcontextprotocol/inspector/clients";
        let mut command = node(&format!("{inspector}/{script}"));
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.home.path())
            .env("MCP_OAUTH_CALLBACK_URL", &self.callback)
            .env("MCP_INSPECTOR_SECRET_STORE", "file")
            .env("BROWSER", "true")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    fn inspector(&self, url: &str, era: &str, request: &[&str]) -> Command {
        let mut command = self.program("launcher/build/index.js");
        command
            .args(["--cli", url, "--transport", "http", "--format", "json"])
            .args(["--protocol-era", era, "--method"])
            .args(request);
        command
    }

    fn mcpdo(&self, arguments: &[&str]) -> Command {
        let mut command = self.program("mcpdo/build/mcp-bin.js");
        command
            .args(["--format", "json", "--connection", "valetkey"])
            .args(arguments);
        command
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let mut stop = self.mcpdo(&["daemon", "stop"]).into_std();
        stop.output().ok();
    }
}

fn said(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

async fn run(mut command: Command) -> Value {
    said(&command.output().await.unwrap())
}

/// Runs a request for which the user has to sign in, and does that.
async fn run_and_sign_in(mut command: Command) -> Value {
    let mut child = command
        .env("MCP_AUTO_OPEN_ENABLED", "true")
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    loop {
        let line = lines.next_line().await.unwrap();
        let line = line.expect("it asks for a sign-in");
        if let Some(url) = line.strip_prefix("Please navigate to: ") {
            let journey = authorize(Person::new(), url).await;
            assert_eq!(journey.last().status, 200, "{}", journey.last().body);
            break;
        }
    }
    said(&child.wait_with_output().await.unwrap())
}

fn assert_listed(result: &Value) {
    let tools = result["tools"].as_array();
    let tools = tools.unwrap_or_else(|| panic!("{result}"));
    assert!(tools.iter().any(|tool| tool["name"] == "gmail_search"));
}

/// The requests of a user who has signed in, if anybody has to.
async fn asks(terminal: &Terminal, server: &HttpServer, era: &str, user: Option<&str>) {
    let url = format!("{}/mcp", server.url);
    let ask = async |request: &[&str]| {
        let mut command = terminal.inspector(&url, era, request);
        command.arg("--stored-auth-only");
        run(command).await["result"].take()
    };
    let search = ["tools/call", "--tool-name", "gmail_search"];

    assert_listed(&ask(&["tools/list"]).await);
    let connections = ask(&["tools/call", "--tool-name", "connections_list"]).await;
    assert_eq!(connections["isError"], false, "{connections}");
    let asked = ask(&search).await;
    assert_eq!(asked["isError"], true, "{asked}");
    let link = &asked["structuredContent"]["authorization_required"]["url"];
    connect(link.as_str().unwrap(), user).await;
    assert_found(&ask(&search).await);
}

#[tokio::test]
#[cfg_attr(
    not(feature = "peers"),
    ignore = "needs Node.js packages and Chromium: run tests/run"
)]
async fn the_inspector_shows_the_link_and_its_next_call_completes_in_both_eras() {
    for era in ["legacy", "modern"] {
        let server = HttpServer::local().await;
        asks(&Terminal::new(), &server, era, None).await;
    }
}

#[tokio::test]
#[cfg_attr(
    not(feature = "peers"),
    ignore = "needs Node.js packages and Chromium: run tests/run"
)]
async fn the_inspector_signs_its_user_in_once_and_calls_with_that_in_both_eras() {
    for era in ["legacy", "modern"] {
        let protected = Protected::new().await;
        let terminal = Terminal::new();
        let url = format!("{}/mcp", protected.server.url);
        let list = terminal.inspector(&url, era, &["tools/list"]);
        assert_listed(&run_and_sign_in(list).await["result"]);
        asks(&terminal, &protected.server, era, Some("ada")).await;
    }
}

#[tokio::test]
#[cfg_attr(
    not(feature = "peers"),
    ignore = "needs Node.js packages and Chromium: run tests/run"
)]
async fn mcpdo_signs_its_user_in_and_the_call_finishes_in_both_eras() {
    for (era, version) in [("legacy", "2025-11-25"), ("modern", "2026-07-28")] {
        let protected = Protected::new().await;
        let terminal = Terminal::new();
        let ask = async |arguments: &[&str]| run(terminal.mcpdo(arguments)).await;
        let url = format!("{}/mcp", protected.server.url);

        let begun = ask(&["connect", &url, "--era", era]).await;
        let journey = authorize(Person::new(), begun["authUrl"].as_str().unwrap()).await;
        assert_eq!(journey.last().status, 200, "{}", journey.last().body);
        let connection = ask(&["connections/show"]).await;
        assert_eq!(connection["protocolVersion"], version, "{connection}");
        assert_listed(&ask(&["tools/list"]).await);
        let asked = ask(&["tools/call", "gmail_search"]).await;
        let pending = &asked["elicitationPending"];
        let link = pending["url"].as_str();
        connect(link.unwrap_or_else(|| panic!("{asked}")), Some("ada")).await;
        let id = pending["elicitationId"].as_str().unwrap();
        assert_found(&ask(&["elicitation/respond", id, "--done"]).await);
    }
}
