//! The list of tools as a model gets it: what it costs, and that it stays the same.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::frames::{Server, modern};
use crate::peers::{Peer, node};

/// What the list may take of a model's context, in tokens, without the output schemas, which hosts
/// do not show to models.
const BUDGET: u64 = 15_000;

/// Arguments that many tools have.
const SHARED: [&str; 6] = [
    "account",
    "idempotency_key",
    "preview_id",
    "dry_run",
    "limit",
    "cursor",
];

/// The line with which a new process answers, of the era that asks with each request or of the one
/// with a handshake.
fn line(of_requests: bool) -> String {
    let home = TempDir::new().unwrap();
    let mut server = Server::start(home.path(), &[], &[]);
    let params = if of_requests {
        modern(json!({}), &json!({}), "test")
    } else {
        server.initialize("2025-11-25", &json!({}), "test");
        json!({})
    };
    server.request("list", "tools/list", &params);
    let line = server.raw.last().unwrap().clone();
    server.finish();
    line
}

fn tools(line: &str) -> Vec<Value> {
    let answer: Value = serde_json::from_str(line).unwrap();
    answer["result"]["tools"].as_array().unwrap().clone()
}

#[test]
fn two_processes_list_the_same_tools_in_the_same_bytes_in_both_eras() {
    let (old, modern) = (line(false), line(true));
    assert_eq!(old, line(false));
    assert_eq!(modern, line(true));
    let tools = tools(&old);
    assert_eq!(tools, self::tools(&modern));
    let listed = tools.iter().map(|tool| tool["name"].as_str().unwrap());
    let table = valetkey_toolkits::all().into_iter().map(|tool| tool.name);
    let table: Vec<_> = table.collect();
    let provided: Vec<_> = listed
        .filter(|name| table.iter().any(|tool| tool == name))
        .collect();
    assert_eq!(provided, table);
}

#[tokio::test]
#[cfg_attr(
    not(feature = "peers"),
    ignore = "needs Node.js packages: run tests/run"
)]
async fn every_tool_together_takes_less_than_15_000_tokens() {
    let line = tokio::task::spawn_blocking(|| line(true)).await.unwrap();
    let mut tools = tools(&line);
    let mut texts = BTreeMap::from([("whole".to_owned(), json!(tools).to_string())]);
    for tool in &mut tools {
        tool.as_object_mut().unwrap().remove("outputSchema");
        let name = tool["name"].as_str().unwrap().to_owned();
        texts.insert(name, tool.to_string());
    }
    texts.insert("lean".to_owned(), json!(tools).to_string());
    for name in SHARED {
        let mut without = tools.clone();
        for tool in &mut without {
            let schema = tool["inputSchema"].as_object_mut().unwrap();
            if let Some(Value::Object(properties)) = schema.get_mut("properties") {
                properties.remove(name);
            }
        }
        texts.insert(format!("without {name}"), json!(without).to_string());
    }

    let mut peer = Peer::start(node("tokens.mjs"));
    peer.say(&json!(texts)).await;
    let counts = peer.line().await;
    peer.finish().await;
    let count = |name: &str| counts[name].as_u64().unwrap();
    let lean = count("lean");
    let mut report = format!(
        "{} tools: {} tokens (o200k_base) with output schemas, {lean} without",
        tools.len(),
        count("whole")
    );
    for name in SHARED {
        let cost = lean - count(&format!("without {name}"));
        write!(report, ", {name} {cost}").unwrap();
    }
    let dearest = tools.iter().map(|tool| {
        let name = tool["name"].as_str().unwrap();
        (count(name), name)
    });
    let mut dearest: Vec<_> = dearest.collect();
    dearest.sort_unstable();
    dearest.reverse();
    // Shown when tests run with `--nocapture`, and when this one fails.
    write!(report, "\nmost: {:?}", &dearest[..10]).unwrap();
    #[expect(clippy::print_stdout, reason = "the figures are what is asked for")]
    {
        println!("{report}");
    }
    assert!(lean < BUDGET, "{report}");
}
