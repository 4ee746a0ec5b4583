//! `valetkey stdio` as hosts meet it: handshakes of every era, odd and hostile frames, the end.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::frames::{Server, contents, modern};

const DISCOVER: &str = "server/discover";

fn tool_names(listed: &Value) -> Vec<&str> {
    let tools = listed["result"]["tools"].as_array().unwrap();
    tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect()
}

#[test]
fn initialize_is_answered_in_the_era_asked_for_and_never_with_one_that_has_no_initialize() {
    let cases = [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("2099-01-01", "2025-11-25"),
        ("2020-01-01", "2025-11-25"),
        ("nonsense", "2025-11-25"),
    ];
    for (asked, given) in cases {
        let home = TempDir::new().unwrap();
        let mut server = Server::start(home.path(), &[], &[]);
        let answer = server.initialize(asked, &json!({}), "test");
        assert_eq!(
            answer["result"]["protocolVersion"], given,
            "asked for {asked}"
        );
        assert_eq!(answer["result"]["serverInfo"]["name"], "valetkey");
        let listed = server.request(0, "tools/list", &json!({}));
        assert!(!tool_names(&listed).is_empty(), "asked for {asked}");
        for key in ["resultType", "ttlMs", "cacheScope"] {
            assert!(
                listed["result"].get(key).is_none(),
                "{key} is of 2026-07-28, asked for {asked}"
            );
        }
        server.finish();
    }
}

#[test]
fn the_modern_era_needs_no_handshake_and_keeps_its_required_keys() {
    let home = TempDir::new().unwrap();
    let mut server = Server::start(home.path(), &[], &[]);
    let discovered = server.request("probe-1", DISCOVER, &modern(json!({}), &json!({}), "test"));
    let versions = discovered["result"]["supportedVersions"]
        .as_array()
        .unwrap();
    assert!(versions.contains(&json!("2026-07-28")), "{discovered}");
    let listed = server.request(1, "tools/list", &modern(json!({}), &json!({}), "test"));
    assert_eq!(listed["result"]["resultType"], "complete");
    assert_eq!(listed["result"]["cacheScope"], "private");
    assert!(listed["result"]["ttlMs"].as_u64().unwrap() > 0);
    for gone in ["initialize", "ping"] {
        let refused = server.request(gone, gone, &modern(json!({}), &json!({}), "test"));
        assert_eq!(refused["error"]["code"], -32601, "{refused}");
    }
    server.finish();

    // The probe may have been another process, so a first message may be anything modern.
    let mut server = Server::start(home.path(), &[], &[]);
    let again = server.request("a", "tools/list", &modern(json!({}), &json!({}), "test"));
    assert_eq!(again["result"], listed["result"]);
    server.finish();
}

#[test]
fn a_probe_that_fails_falls_back_to_initialize_in_the_same_process() {
    let home = TempDir::new().unwrap();
    let mut server = Server::start(home.path(), &[], &[]);
    let refused = server.request(1, DISCOVER, &json!({}));
    assert_eq!(refused["error"]["code"], -32602, "{refused}");
    server.request(2, "ping", &json!({}));
    let opened = server.initialize("2025-11-25", &json!({}), "test");
    assert_eq!(opened["result"]["protocolVersion"], "2025-11-25");
    server.finish();
}

#[test]
fn the_list_is_in_one_order_and_every_tool_states_all_four_hints() {
    let home = TempDir::new().unwrap();
    let mut server = Server::start(home.path(), &[], &[]);
    server.initialize("2025-11-25", &json!({}), "test");
    let first = server.request(1, "tools/list", &json!({}));
    let second = server.request(2, "tools/list", &json!({}));
    assert_eq!(first["result"], second["result"]);
    for tool in first["result"]["tools"].as_array().unwrap() {
        for hint in [
            "readOnlyHint",
            "destructiveHint",
            "idempotentHint",
            "openWorldHint",
        ] {
            assert!(tool["annotations"][hint].is_boolean(), "{hint} of {tool}");
        }
        assert_eq!(tool["inputSchema"]["type"], "object");
    }
    let paged = server.request(3, "tools/list", &json!({ "cursor": "made-up" }));
    assert_eq!(paged["error"]["code"], -32602);
    server.finish();
}

#[test]
fn looking_around_writes_nothing_to_disk() {
    let home = TempDir::new().unwrap();
    let mut server = Server::start(home.path(), &[], &[]);
    server.request(1, DISCOVER, &modern(json!({}), &json!({}), "test"));
    server.initialize("2025-11-25", &json!({}), "test");
    server.request(2, "ping", &json!({}));
    server.request(3, "tools/list", &json!({}));
    server.request(4, "tools/call", &json!({ "name": "no_such_tool" }));
    server.finish();
    assert_eq!(contents(home.path()), Vec::<std::path::PathBuf>::new());
}

#[test]
fn every_kind_of_id_comes_back_as_it_was() {
    let home = TempDir::new().unwrap();
    let mut server = Server::start(home.path(), &[], &[]);
    server.initialize("2025-11-25", &json!({}), "test");
    for id in [
        json!(0),
        json!("0"),
        json!(-7),
        json!(9_007_199_254_740_991_i64),
        json!(""),
        json!("é\u{1F511}"),
    ] {
        let answer = server.request(id.clone(), "ping", &json!({}));
        assert_eq!(answer["id"], id);
        assert_eq!(answer["result"], json!({}));
    }
    server.finish();
}

#[test]
fn what_comes_before_the_first_request_or_too_late_is_ignored() {
    let home = TempDir::new().unwrap();
    let mut server = Server::start(home.path(), &[], &[]);
    let stray = [
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 7 } }),
        json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }),
        json!({ "jsonrpc": "2.0", "method": "notifications/made_up", "params": { "a": 1 } }),
        json!({ "jsonrpc": "2.0", "id": 99, "result": {} }),
        json!({ "jsonrpc": "2.0", "id": 99, "error": { "code": 1, "message": "late" } }),
    ];
    for message in &stray {
        server.send(message);
    }
    server.request(1, DISCOVER, &modern(json!({}), &json!({}), "test"));
    for message in &stray {
        server.send(message);
    }
    server.initialize("2025-11-25", &json!({}), "test");
    server.request(7, "ping", &json!({}));
    for message in &stray {
        server.send(message);
    }
    server.request(8, "ping", &json!({}));
    assert_eq!(server.unread(), Vec::<Value>::new());
    server.finish();
}

#[test]
fn frames_that_make_no_sense_are_refused_and_the_server_lives() {
    let home = TempDir::new().unwrap();
    let mut server = Server::start(home.path(), &[], &[]);
    server.initialize("2025-11-25", &json!({}), "test");
    for garbage in [
        "",
        "hello",
        "{",
        "\u{feff}",
        "null",
        "[]",
        "[1,2]",
        "{\"jsonrpc\":\"1.0\",\"id\":1}",
        "\"tools/list\"",
    ] {
        server.send_line(garbage);
    }
    let refused = [
        ("tools/call", json!({}), -32602),
        ("tools/call", json!({ "name": 5 }), -32602),
        (
            "tools/call",
            json!({ "name": "gmail_search", "arguments": "text" }),
            -32602,
        ),
        ("tools/call", json!({ "name": "no_such_tool" }), -32602),
        ("tools/call", json!({ "name": "x".repeat(100_000) }), -32602),
        ("resources/read", json!({}), -32602),
        ("resources/read", json!({ "uri": 5 }), -32602),
        (
            "resources/subscribe",
            json!({ "uri": "result://x" }),
            -32601,
        ),
        ("prompts/list", json!({}), -32601),
        ("logging/setLevel", json!({ "level": "debug" }), -32601),
        ("made/up", json!({ "a": 1 }), -32601),
    ];
    for (at, (method, params, code)) in refused.into_iter().enumerate() {
        let answer = server.request(at + 100, method, &params);
        assert_eq!(answer["error"]["code"], code, "{answer}");
        assert!(answer.to_string().len() < 1000, "the name came back whole");
    }
    server.request("alive", "ping", &json!({}));
    for message in server.unread() {
        // Well-formed JSON that is no request has no id to answer to (JSON-RPC 2.0 §5).
        assert_eq!(message["error"]["code"], -32600, "{message}");
        assert!(message["id"].is_null(), "{message}");
    }
    server.finish();
}

#[test]
fn standard_output_carries_messages_only_however_much_is_logged() {
    let home = TempDir::new().unwrap();
    let mut server = Server::start(home.path(), &[], &[("VALETKEY_LOG", "trace")]);
    server.initialize("2025-11-25", &json!({}), "canary-client");
    server.send_line("garbage");
    server.request(1, "tools/list", &json!({}));
    server.request(
        2,
        "tools/call",
        &json!({ "name": "canary_tool", "arguments": { "a": "canary-argument" } }),
    );
    let (raw, log) = server.finish();
    assert!(!raw.is_empty());
    for line in raw {
        let message: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(message["jsonrpc"], "2.0");
    }
    for line in log.lines() {
        serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("not a log line: {line}"));
        assert!(
            !line.contains("canary"),
            "the log tells what the client said: {line}"
        );
    }
}

#[test]
fn answers_to_a_client_that_writes_everything_and_closes_all_arrive() {
    let home = TempDir::new().unwrap();
    let mut server = Server::start(home.path(), &[], &[]);
    server.send(&json!({ "jsonrpc": "2.0", "id": "open", "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } } }));
    server.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
    // Few, because the process ends within 100 ms also on a busy machine.
    for id in 0..3 {
        server.send(&json!({ "jsonrpc": "2.0", "id": id, "method": "ping" }));
    }
    let (raw, _) = server.finish();
    assert_eq!(raw.len(), 4);
}

#[test]
fn the_end_of_the_input_and_each_signal_end_the_process_well() {
    for signal in [None, Some("TERM"), Some("INT"), Some("HUP")] {
        for opened in [false, true] {
            let home = TempDir::new().unwrap();
            let mut server = Server::start(home.path(), &[], &[]);
            server.request(1, DISCOVER, &modern(json!({}), &json!({}), "test"));
            if opened {
                server.initialize("2025-11-25", &json!({}), "test");
                server.request(2, "ping", &json!({}));
            }
            match signal {
                // Standard input stays open: hosts signal first.
                Some(signal) => kill(signal, server.id()),
                None => server.close_input(),
            }
            let status = server.ended();
            assert_eq!(status.code(), Some(0), "{signal:?}, opened: {opened}");
            assert_eq!(contents(home.path()), Vec::<std::path::PathBuf>::new());
        }
    }
}

pub(crate) fn kill(signal: &str, process: u32) {
    let status = std::process::Command::new("kill")
        .args([format!("-{signal}"), process.to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}
