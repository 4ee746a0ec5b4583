//! `toolkits.read_only`, `toolkits.tools` and the lists of `policy`: what is off is in no list,
//! refused by name and recorded, and what is not on a list is not touched.

use serde_json::{Value, json};
use valetkey::demo::browser::Person;

use crate::cli::run;
use crate::frames::modern;
use crate::host::{Host, assert_clean, search, text_of, urls};
use crate::session::{Era, Session, find_mail, post_message, send_mail};

const OWN_TOOLKIT: &str = include_str!("../../src/cli/toolkit/example.yaml");

/// The names of the tools that a client of this era is shown.
fn listed(session: &mut Session<'_>, era: Era) -> Vec<String> {
    let params = match era {
        Era::Retry => modern(json!({}), &urls(), "test"),
        Era::Request | Era::Text => json!({}),
    };
    let answer = session.server.request(900, "tools/list", &params);
    let tools = answer["result"]["tools"].as_array().unwrap();
    let name = |tool: &Value| tool["name"].as_str().unwrap().to_owned();
    tools.iter().map(name).collect()
}

/// What the error of an answer says: its code, and the text that every host shows.
fn refusal(answer: &Value) -> (String, String) {
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    let code = &answer["result"]["structuredContent"]["error"]["code"];
    (
        code.as_str().unwrap_or_default().to_owned(),
        text_of(answer).to_owned(),
    )
}

fn audit(host: &Host) -> Vec<Value> {
    let ended = host.wait(run(&host.world, &["audit", "--json", "--limit", "1000"]));
    let lines = ended.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_tool_that_is_off_is_in_no_list_refused_by_name_and_recorded() {
    // Read-only beats all, and deny beats allow.
    for (config, tool, key) in [
        (
            "toolkits: { read_only: true, tools: { allow: [gmail_send_email] } }\n",
            send_mail(),
            "toolkits.read_only",
        ),
        (
            "toolkits: { tools: { allow: [\"gmail_*\"], deny: [\"*_send_*\"] } }\n",
            send_mail(),
            "toolkits.tools.deny",
        ),
        (
            "toolkits: { tools: { allow: [\"gmail_*\"] } }\n",
            post_message(),
            "toolkits.tools.allow",
        ),
        (
            "toolkits: { tools: { deny: [connections_list] } }\n",
            json!({ "name": "connections_list", "arguments": {} }),
            "toolkits.tools.deny",
        ),
    ] {
        let name = tool["name"].as_str().unwrap();
        for era in Era::ALL {
            let host = Host::new(config);
            let mut session = Session::open(&host, era);
            let listed = listed(&mut session, era);
            assert!(
                !listed.iter().any(|one| one == name),
                "{config}: {listed:?}"
            );
            let asked = session.ask(&tool);
            assert_eq!(asked.link, None, "nobody is asked for consent");
            let (code, text) = refusal(&asked.message);
            assert_eq!(code, "policy", "{text}");
            assert!(text.contains(&format!("`{key}`")), "{text}");
            let records = audit(&host);
            let recorded = records.iter().find(|record| record["tool"] == name);
            let recorded = recorded.unwrap_or_else(|| panic!("{records:?}"));
            assert_eq!(recorded["outcome"], "denied", "{recorded}");
            assert_eq!(recorded["error"], "policy", "{recorded}");
            assert_clean(session.server);
        }
        let host = Host::new(config);
        let called = host.wait(run(&host.world, &["call", name, "{}", "--json"]));
        assert_eq!(called.code, 1, "{}", called.stderr);
        let told: Value = serde_json::from_str(&called.stdout).unwrap();
        assert_eq!(told["error"]["code"], "policy");
        let tools = host.wait(run(&host.world, &["tools"])).stdout;
        let line = format!("off by policy  {name} ({key})");
        assert!(tools.contains(&line), "{tools}");
        let json = host.wait(run(&host.world, &["tools", "--json"])).stdout;
        assert!(!json.contains(&format!("\"name\": \"{name}\"")), "{json}");
    }
}

#[test]
fn read_only_lists_every_read_and_no_write() {
    let host = Host::new("toolkits: { read_only: true }\n");
    let mut session = Session::open(&host, Era::Request);
    let listed = listed(&mut session, Era::Request);
    for tool in valetkey_toolkits::all() {
        let shown = listed.iter().any(|name| *name == tool.name);
        assert_eq!(shown, tool.annotations.read_only, "{}", tool.name);
    }
    assert_clean(session.server);
}

#[test]
fn a_name_in_deny_that_no_tool_has_stops_the_server_and_a_pattern_is_warned_about() {
    let host = Host::new("toolkits:\n  tools: { deny: [gmail_send_mail] }\n");
    for command in [&["stdio"][..], &["call", "gmail_search", "{}"]] {
        let ended = host.wait(run(&host.world, command));
        assert_ne!(ended.code, 0, "{command:?}");
        let told = "toolkits.tools.deny has a name that no tool has";
        assert!(ended.stderr.contains(told), "{}", ended.stderr);
    }
    let doctor = host.wait(run(&host.world, &["doctor"])).stdout;
    assert!(doctor.contains("toolkits.tools.deny"), "{doctor}");
    let host = Host::new("toolkits:\n  tools: { deny: [\"*_destroy_*\"] }\n");
    let tools = host.wait(run(&host.world, &["tools"]));
    assert!(
        tools.stdout.contains("fits no tool  *_destroy_*"),
        "{}",
        tools.stdout
    );
    assert_eq!(tools.code, 0);
}

#[test]
fn what_is_not_on_a_list_is_not_touched_in_either_era() {
    for era in [Era::Retry, Era::Request] {
        let host = Host::new(
            "policy:\n  recipient_domains: [example.org]\n  slack_channels: [\"#general\"]\n  \
             github_repos: [lovelace-labs/engine]\n",
        );
        let mut session = Session::open(&host, era);
        for params in [send_mail(), post_message()] {
            let (answer, _) = session.with(&params, Person::new());
            let (code, text) = refusal(&answer);
            assert_eq!(code, "policy", "{text}");
            assert!(text.contains("`policy."), "{text}");
        }
        let (answer, _) = session.with(&search(), Person::new());
        assert_eq!(answer["result"]["isError"], false, "{answer}");
        let other = json!({ "name": "github_get_tree", "arguments": { "repo": "other/engine" } });
        let (code, _) = refusal(&session.ask(&other).message);
        assert_eq!(code, "policy");
        assert!(host.world.sandbox.sent_mail().is_empty());
        let records = audit(&host);
        let refused = records.iter().filter(|record| record["error"] == "policy");
        assert_eq!(refused.count(), 3, "{records:?}");
        assert_clean(session.server);
    }
}

#[test]
fn a_tool_that_a_file_declares_is_off_where_a_list_cannot_be_asked() {
    let host = Host::new("policy:\n  github_repos: [lovelace-labs/engine]\n");
    let folder = host.world.home().join(".config/valetkey/toolkits/notes");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(
        folder.join("toolkit.yaml"),
        OWN_TOOLKIT.replace("TOOLKIT", "notes"),
    )
    .unwrap();
    let checked = host.wait(run(
        &host.world,
        &["toolkit", "check", folder.to_str().unwrap()],
    ));
    assert_eq!(checked.code, 0, "{}{}", checked.stdout, checked.stderr);
    let mut session = Session::open(&host, Era::Retry);
    let listed = listed(&mut session, Era::Retry);
    assert!(listed.iter().any(|name| *name == find_mail()["name"]));
    for (name, arguments) in [
        (
            "notes_list_releases",
            json!({ "owner": "octo", "repo": "app" }),
        ),
        ("github_search_repositories", json!({ "query": "engine" })),
    ] {
        assert!(!listed.iter().any(|one| one == name), "{listed:?}");
        let asked = session.ask(&json!({ "name": name, "arguments": arguments }));
        let (code, text) = refusal(&asked.message);
        assert_eq!(code, "policy");
        assert!(text.contains("`policy.github_repos`"), "{text}");
    }
    assert_clean(session.server);
}
