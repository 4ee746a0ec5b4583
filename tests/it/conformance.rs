//! The official conformance suite, against `valetkey http` with the suite's fixtures.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;

use crate::http::server::HttpServer;
use crate::peers::{node, place};

/// The suite cannot look at this without a tool that breaks off its own stream, and does not score it.
const UNSEEN: &str = "server-server-sse-polling-";

/// Checks with a warning, which the suite counts as passed.
fn warnings(results: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for scenario in fs::read_dir(results).unwrap() {
        let scenario = scenario.unwrap();
        let name = scenario.file_name().into_string().unwrap();
        if name.starts_with(UNSEEN) {
            continue;
        }
        let checks = fs::read_to_string(scenario.path().join("checks.json")).unwrap();
        let checks: Vec<Value> = serde_json::from_str(&checks).unwrap();
        let warned = checks.iter().filter(|check| check["status"] == "WARNING");
        found.extend(warned.map(|check| format!("{name}: {}", check["id"])));
    }
    found
}

/// All that the suite scores for this revision passes, but for the lines of
/// `conformance-expected.yaml`, which fail.
async fn conforms_to(revision: &str) {
    let server = HttpServer::with_fixtures().await;
    let results = TempDir::new().unwrap();

    let suite = node("node_modules/@modelcontextprotocol/conformance/dist/index.js")
        .args(["server", "--url", &format!("{}/mcp", server.url)])
        .args(["--requirements", revision])
        .arg("--expected-failures")
        .arg(place("conformance-expected.yaml"))
        .arg("--output-dir")
        .arg(results.path())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();

    let said = String::from_utf8_lossy(&suite.stdout);
    let summary = said.split("=== SUMMARY ===").nth(1);
    let summary = summary.unwrap_or_else(|| panic!("the suite did not finish: {suite:?}"));
    assert!(suite.status.success(), "{summary}");
    assert_eq!(warnings(results.path()), Vec::<String>::new());
}

#[tokio::test]
#[cfg_attr(
    not(feature = "peers"),
    ignore = "needs Node.js packages: run tests/run"
)]
async fn the_server_conforms_to_2025_11_25() {
    conforms_to("2025-11-25").await;
}

#[tokio::test]
#[cfg_attr(
    not(feature = "peers"),
    ignore = "needs Node.js packages: run tests/run"
)]
async fn the_server_conforms_to_2026_07_28() {
    conforms_to("2026-07-28").await;
}
