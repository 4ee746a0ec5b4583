//! What real hosts do, as measured with them: they look first and leave, start a process per call,
//! interrupt, forget, and show the model one half of a result.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::Site;
use valetkey::demo::sandbox::faults::Endpoint;

use crate::frames::{Server, contents, modern};
use crate::host::{
    Host, assert_clean, assert_finished, link_as_text, link_of, retry, search, urls,
};
use crate::session::{Era, Session, find_mail};
use crate::stdio::kill;

/// Hosts give a server 100 ms between the first signal and the last. A busy machine may take
/// longer; a server that waits for something would take seconds.
const GENEROUS: Duration = Duration::from_secs(2);

/// Every tool as the client sees it.
fn tools() -> Vec<Value> {
    let home = tempfile::tempdir().unwrap();
    let mut server = Server::start(home.path(), &[], &[]);
    server.initialize("2025-11-25", &json!({}), "test");
    let listed = server.request(1, "tools/list", &json!({}));
    let tools = listed["result"]["tools"].as_array().unwrap().clone();
    assert!(!tools.is_empty());
    tools
}

#[test]
fn a_probe_process_that_is_killed_at_once_leaves_nothing_that_hinders_the_real_one() {
    let host = Host::new("");
    let before = contents(host.world.home());
    for answered in [true, false] {
        let mut probe = host.server();
        let discover = json!({ "jsonrpc": "2.0", "id": "probe", "method": "server/discover",
                               "params": modern(json!({}), &urls(), "test") });
        probe.send(&discover);
        if answered {
            probe.answer("probe");
        }
        kill("TERM", probe.id());
        // The next one starts before this one is gone.
        let mut real = host.server();
        let listed = real.request(1, "tools/list", &modern(json!({}), &urls(), "test"));
        assert!(listed["result"]["tools"].is_array(), "{listed}");
        // Before its handlers stand, a signal ends it the kernel's way.
        let status = probe.ended();
        assert!(status.code() == Some(0) || !answered, "{status}");
        real.finish();
        assert_eq!(contents(host.world.home()), before);
    }
    let mut session = Session::open(&host, Era::Retry);
    assert_finished(&session.with(&search(), Person::new()).0);
}

#[test]
fn a_process_for_every_call_is_as_good_as_one_for_all() {
    let host = Host::new("");
    let once = |params: &Value| {
        let mut session = Session::open(&host, Era::Text);
        let asked = session.ask(params);
        session.server.finish();
        asked
    };
    let first = once(&find_mail());
    let again = once(&find_mail());
    assert_eq!(
        first.link, again.link,
        "the second process gives the same link"
    );
    // Nobody listens now: the page loads when the next process is there.
    let mut next = Session::open(&host, Era::Text);
    next.server.request("list", "tools/list", &json!({}));
    host.connect_when_open(first.link.as_deref().unwrap());
    next.server.finish();
    for _ in 0..5 {
        let done = once(&find_mail());
        assert_finished(&done.message);
    }
    assert_eq!(
        host.world.sandbox.count(Site::Google, Endpoint::Exchange),
        1
    );
}

#[test]
fn each_end_comes_at_once_also_while_calls_wait_for_a_person() {
    for signal in [None, Some("INT"), Some("TERM"), Some("HUP")] {
        let host = Host::new("");
        let mut session = Session::open(&host, Era::Request);
        for id in 100..110 {
            session
                .server
                .send(&json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call",
                                         "params": search() }));
        }
        let asked = session
            .server
            .expect(|message| message["method"] == "elicitation/create");
        let start = Instant::now();
        match signal {
            Some(signal) => kill(signal, session.server.id()),
            None => session.server.close_input(),
        }
        let status = session.server.ended();
        let took = start.elapsed();
        assert_eq!(status.code(), Some(0), "{signal:?}");
        assert!(took < GENEROUS, "{signal:?}: {took:?}");
        assert!(!host.world.listens());
        assert!(!host.vault().join("owner.sock").exists(), "{signal:?}");

        // The flow is whole: the next process completes it.
        let mut next = Session::open(&host, Era::Text);
        next.server.request("list", "tools/list", &json!({}));
        host.connect_when_open(asked["params"]["url"].as_str().unwrap());
        assert_finished(&next.alone(&search()));
    }
}

#[test]
fn a_client_without_url_elicitation_never_gets_an_input_required_result() {
    let without = [
        json!({}),
        json!({ "elicitation": {} }),
        json!({ "elicitation": { "form": {} } }),
        json!({ "roots": { "listChanged": true } }),
    ];
    for capabilities in without {
        let host = Host::new("");
        let mut server = host.server();
        let params = modern(search(), &capabilities, "test");
        let answer = server.request(1, "tools/call", &params);
        assert_eq!(answer["result"]["isError"], true, "{answer}");
        assert_ne!(answer["result"]["resultType"], "input_required");
        assert!(answer["result"].get("inputRequests").is_none());
        // Nor for a retry that somebody else's question led to.
        let mut session = Session::around(&host, Era::Retry, server);
        let asked = session.ask(&search());
        let back = retry(&search(), &asked.message, "accept");
        let mut back = modern(back, &capabilities, "test");
        back["inputResponses"]["connect"]["action"] = json!("cancel");
        let answer = session.server.request("back", "tools/call", &back);
        assert!(answer["result"].get("inputRequests").is_none(), "{answer}");
        link_of(&asked.message);
        assert_clean(session.server);
    }
}

#[test]
fn a_late_cancellation_of_every_finished_call_disturbs_nothing() {
    let host = Host::new("");
    let mut server = host.server();
    server.initialize("2025-11-25", &json!({}), "opencode");
    let mut link = None;
    for id in [json!(0), json!("0"), json!(1), json!("one")] {
        let answer = server.request(id.clone(), "tools/call", &search());
        assert_eq!(answer["id"], id);
        let facts = &answer["result"]["structuredContent"]["authorization_required"];
        link = facts["url"].as_str().map(str::to_owned).or(link);
        server.send(
            &json!({ "jsonrpc": "2.0", "method": "notifications/cancelled",
                             "params": { "requestId": id, "reason": "done" } }),
        );
    }
    host.connect(&link.unwrap());
    for id in [json!(0), json!("0")] {
        assert_finished(&server.request(id.clone(), "tools/call", &search()));
        server.send(
            &json!({ "jsonrpc": "2.0", "method": "notifications/cancelled",
                             "params": { "requestId": id } }),
        );
    }
    server.request("alive", "ping", &json!({}));
    assert_eq!(server.unread(), Vec::<Value>::new());
    assert_clean(server);
}

#[test]
fn every_read_says_that_it_is_one_and_no_write_does() {
    for tool in tools() {
        let name = tool["name"].as_str().unwrap();
        let reads = ["search", "read", "get", "list", "find", "whoami"];
        let writes = [
            "send", "create", "update", "delete", "add", "reply", "edit", "react", "modify",
            "trash", "restore", "commit", "submit", "connect", "upload",
        ];
        let has = |verbs: &[&str]| name.split('_').any(|word| verbs.contains(&word));
        assert!(has(&reads) != has(&writes), "{name} is read or write");
        assert_eq!(tool["annotations"]["readOnlyHint"], has(&reads), "{name}");
    }
}

#[test]
fn every_name_is_short_and_of_lower_case_letters_digits_and_underscores() {
    for tool in tools() {
        let name = tool["name"].as_str().unwrap();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(name.chars().all(plain), "{name}");
        // Hosts put `mcp__valetkey__` before it, and 64 characters is what models take.
        assert!(name.len() + "mcp__valetkey__".len() <= 64, "{name}");
    }
}

#[test]
fn the_six_variables_of_every_host_are_enough_and_no_other_is_told() {
    let host = Host::new("");
    let config = host.world.config.to_str().unwrap();
    let others = [
        ("VALETKEY_LOG", "trace"),
        ("ANTHROPIC_API_KEY", "sk-host-key-of-its-own"),
        ("XDG_STATE_HOME", "/nonexistent/state"),
        ("XDG_CONFIG_HOME", "/nonexistent/config"),
        ("XDG_DATA_HOME", "/nonexistent/data"),
        ("LANG", "tlh"),
    ];
    let mut session = Session::open(&host, Era::Text);
    assert_finished(&session.with(&find_mail(), Person::new()).0);
    session.server.finish();
    // A host that passes everything finds the same state.
    let server = Server::start(host.world.home(), &["--config", config], &others);
    let mut session = Session::around(&host, Era::Text, server);
    assert_finished(&session.alone(&find_mail()));
    let (raw, log) = session.server.finish();
    for line in raw.iter().map(String::as_str).chain(log.lines()) {
        assert!(
            !line.contains("sk-host-key") && !line.contains("tester"),
            "{line}"
        );
    }
}

#[test]
fn a_process_is_ready_well_within_a_second() {
    let home = tempfile::tempdir().unwrap();
    let mut fastest = GENEROUS;
    for _ in 0..5 {
        let start = Instant::now();
        let mut server = Server::start(home.path(), &[], &[]);
        server.request(1, "tools/list", &modern(json!({}), &json!({}), "test"));
        fastest = fastest.min(start.elapsed());
    }
    assert!(fastest < Duration::from_secs(1), "{fastest:?}");
}

#[test]
fn no_program_is_run_by_its_name_from_start_to_end() {
    let host = Host::new("");
    let tripwires = tempfile::tempdir().unwrap();
    let tripped = tripwires.path().join("tripped");
    let programs = [
        "sh",
        "bash",
        "sync",
        "open",
        "xdg-open",
        "gio",
        "sensible-browser",
        "www-browser",
        "uname",
        "hostname",
        "secret-tool",
        "security",
        "git",
        "env",
        "cat",
    ];
    for program in programs {
        let path = tripwires.path().join(program);
        let script = format!("#!/bin/sh\n: > {}\n", tripped.display());
        std::fs::write(&path, script).unwrap();
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&path, executable).unwrap();
    }
    let config = host.world.config.to_str().unwrap();
    let path = tripwires.path().to_str().unwrap();
    let mut server = Server::start(host.world.home(), &["--config", config], &[("PATH", path)]);
    server.initialize("2025-11-25", &json!({}), "test");
    let asked = server.request(1, "tools/call", &search());
    host.connect(&link_as_text(&asked));
    assert_finished(&server.request(2, "tools/call", &search()));
    server.finish();

    assert!(!tripped.exists());
    let trip = tripwires.path().join("sync");
    std::process::Command::new(trip).status().unwrap();
    assert!(tripped.exists(), "the wire works");
}
