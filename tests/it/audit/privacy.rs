//! The log tells nothing of what was said and of whom: users are hashes.

use std::fs;

use serde_json::{Map, Value, json};
use valetkey::demo::browser::Person;

use crate::audit::records;
use crate::host::{Host, assert_finished, create, search};
use crate::session::{Era, Session, find_mail, post_message, read_channel, send_mail};

/// Stands in every argument.
pub(crate) const CANARY: &str = "c4n4ry.person@example.test";

/// An argument of a schema's type with the canary in it wherever there is room.
pub(crate) fn filled(schema: &Value) -> Value {
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds[0].clone(),
        kind => kind.clone(),
    };
    match kind.as_str() {
        Some("string") => match schema["enum"].as_array() {
            Some(allowed) => allowed[0].clone(),
            None => json!(CANARY),
        },
        Some("integer" | "number") => json!(1),
        Some("boolean") => json!(false),
        Some("array") => json!([filled(&schema["items"])]),
        _ => json!(CANARY),
    }
}

#[test]
fn no_line_of_the_log_names_a_person_at_any_level_and_the_user_is_the_hash_of_the_audit_log() {
    let host = Host::new("  hold_s: 1\n  hold_text_s: 0\n");
    let mut session = Session::open(&host, Era::Text);
    let listed = session.server.request("list", "tools/list", &json!({}));
    let tools = listed["result"]["tools"].as_array().unwrap().clone();
    let mut calls = Vec::new();
    for tool in &tools {
        let schema = tool["inputSchema"]["properties"].as_object().unwrap();
        let required = tool["inputSchema"]["required"].as_array();
        let required = |name: &str| required.is_some_and(|names| names.contains(&json!(name)));
        // All at once, which seldom fit each other, and each by itself beside those that must be.
        calls.push(json!({ "name": tool["name"], "arguments": schema.iter()
            .map(|(name, schema)| (name.clone(), filled(schema))).collect::<Map<_, _>>() }));
        for name in schema.keys() {
            let arguments: Map<_, _> = schema
                .iter()
                .filter(|(other, _)| *other == name || required(other))
                .map(|(name, schema)| (name.clone(), filled(schema)))
                .collect();
            calls.push(json!({ "name": tool["name"], "arguments": arguments }));
        }
    }
    // Before and after the accounts are connected.
    for params in &calls {
        session.ask(params);
    }
    for params in [
        find_mail(),
        send_mail(),
        read_channel(),
        post_message(),
        search(),
        create(),
    ] {
        let asked = session.ask(&params);
        if let Some(link) = &asked.link {
            host.follow(Person::new(), link);
            assert_finished(&session.go_on(&params, &asked));
        }
    }
    for params in &calls {
        session.ask(params);
    }
    // Another account than the one that was named comes back.
    let mut other = find_mail();
    other["arguments"]["account"] = json!("grace@example.test");
    let link = session.ask(&other).link.unwrap();
    let journey = host.follow(Person::new().account("ada@example.test"), &link);
    let page = &journey.last().body;
    assert!(
        page.contains("but grace@example.test was expected"),
        "{page}"
    );

    let (_, log) = session.server.finish();
    let named = [
        "c4n4ry",
        "@example.test",
        "launch",
        "Grace",
        "lovelace",
        "too loud",
    ];
    for line in log.lines() {
        for name in named {
            assert!(!line.contains(name), "{name}: {line}");
        }
    }
    let found = records(&host, &[]);
    assert!(found.len() > 2 * calls.len(), "{}", found.len());
    let user = found[0]["user"].as_str().unwrap();
    let logged: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line["message"] == "tool call")
        .collect();
    assert!(logged.len() > 2 * calls.len());
    for line in logged {
        assert_eq!(line["user.id"], user, "{line}");
    }
    let uid =
        fs::metadata(host.world.home()).map(|home| std::os::unix::fs::MetadataExt::uid(&home));
    assert!(!log.contains(&format!("local:{}", uid.unwrap())));
    let recorded = serde_json::to_string(&found).unwrap();
    assert!(!recorded.contains("c4n4ry"), "an argument was recorded");
}
