//! Clients made with the official SDKs: a call that needs a grant is one call to their user, and
//! every frame is what the protocol's schema says.

use std::fs;

use serde_json::{Value, json};

use crate::peers::{ADA, Client, Emulators, Peer, python, sign_in};

const LEGACY: &str = "2025-11-25";
const MODERN: &str = "2026-07-28";

/// One call, through its link, to its result; then the frames, after the schema took them all.
async fn one_call(script: &str, mode: &str, version: &str) -> Vec<Value> {
    let emulators = Emulators::start().await;
    let mut client = Client::start(&emulators, script, mode, "url").await;

    let found = client.call("gmail_search", json!({})).await;

    assert_ne!(found["isError"], true, "{found}");
    assert_eq!(found["structuredContent"]["account"], ADA);
    let items = &found["structuredContent"]["items"];
    assert_eq!(items.as_array().unwrap().len(), 2, "{found}");
    assert_eq!(client.links.len(), 1);
    client.finish().await;
    frames(&emulators, version).await
}

/// The recorded frames of the server, each valid in `version`.
async fn frames(emulators: &Emulators, version: &str) -> Vec<Value> {
    let mut command = python("validate_frames.py");
    command.arg(emulators.frames()).arg(version);
    let mut validator = Peer::start(command);
    let checked = validator.line().await;
    validator.finish().await;
    let recorded = fs::read_to_string(emulators.frames()).unwrap();
    let frames: Vec<Value> = recorded
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|record| record["from"] == "server")
        .map(|mut record| record["frame"].take())
        .collect();
    assert_eq!(checked, frames.len());
    frames
}

/// The call was held open, asked by a request, and told when that was done.
fn assert_asked_by_request(frames: &[Value]) {
    let asked: Vec<&Value> = frames
        .iter()
        .filter(|frame| frame["method"] == "elicitation/create")
        .collect();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0]["params"]["mode"], "url");
    let id = asked[0]["params"]["elicitationId"].as_str().unwrap();
    assert!(!id.is_empty());
    let told: Vec<&Value> = frames
        .iter()
        .filter(|frame| frame["method"] == "notifications/elicitation/complete")
        .collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["params"]["elicitationId"], id);
}

/// The call was answered with what it needs, and there is no trace of the older era.
fn assert_asked_by_result(frames: &[Value]) {
    let asked: Vec<&Value> = frames
        .iter()
        .filter(|frame| frame["result"]["resultType"] == "input_required")
        .collect();
    assert_eq!(asked.len(), 1);
    let requests = asked[0]["result"]["inputRequests"].as_object().unwrap();
    assert_eq!(requests.len(), 1);
    for request in requests.values() {
        assert_eq!(request["method"], "elicitation/create");
        assert_eq!(request["params"]["mode"], "url");
    }
    for frame in frames {
        assert!(!frame.to_string().contains("elicitationId"), "{frame}");
        assert!(frame.get("method").is_none(), "{frame}");
    }
}

#[tokio::test]
#[cfg_attr(
    not(feature = "peers"),
    ignore = "needs Node.js packages: run tests/run"
)]
async fn python_of_2025_11_25_sees_one_call() {
    assert_asked_by_request(&one_call("client.py", "legacy", LEGACY).await);
}

#[tokio::test]
#[cfg_attr(
    not(feature = "peers"),
    ignore = "needs Node.js packages: run tests/run"
)]
async fn python_of_2026_07_28_sees_one_call() {
    assert_asked_by_result(&one_call("client.py", "auto", MODERN).await);
}

#[tokio::test]
#[cfg_attr(
    not(feature = "peers"),
    ignore = "needs Node.js packages: run tests/run"
)]
async fn typescript_of_2025_11_25_sees_one_call_in_both_generations_of_the_sdk() {
    for mode in ["legacy", "v1"] {
        assert_asked_by_request(&one_call("client.mjs", mode, LEGACY).await);
    }
}

#[tokio::test]
#[cfg_attr(
    not(feature = "peers"),
    ignore = "needs Node.js packages: run tests/run"
)]
async fn typescript_of_2026_07_28_sees_one_call() {
    assert_asked_by_result(&one_call("client.mjs", "auto", MODERN).await);
}

#[tokio::test]
#[cfg_attr(
    not(feature = "peers"),
    ignore = "needs Node.js packages: run tests/run"
)]
async fn a_client_without_elicitation_gets_the_link_as_text_and_its_next_call_completes() {
    for (script, mode, version) in [
        ("client.py", "legacy", LEGACY),
        ("client.py", "auto", MODERN),
        ("client.mjs", "v1", LEGACY),
    ] {
        let emulators = Emulators::start().await;
        let mut client = Client::start(&emulators, script, mode, "none").await;

        let asked = client.call("gmail_search", json!({})).await;
        assert_eq!(asked["isError"], true, "{asked}");
        let url = &asked["structuredContent"]["authorization_required"]["url"];
        let link = url.as_str().unwrap();
        let text = asked["content"][0]["text"].as_str().unwrap();
        assert!(text.contains(link), "{text}");
        sign_in(link).await;
        let found = client.call("gmail_search", json!({})).await;

        assert_ne!(found["isError"], true, "{found}");
        assert_eq!(found["structuredContent"]["account"], ADA);
        assert_eq!(client.links, Vec::<String>::new());
        client.finish().await;
        frames(&emulators, version).await;
    }
}
