//! The audit log of a real server: what is recorded of which call, and what when it cannot be.

mod operator;
pub(crate) mod privacy;
mod required;
mod revoke_user;

use std::process::Command;

use serde_json::{Map, Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use valetkey::audit::{AuditKind, AuditOutcome, Event, Verdict};
use valetkey::caller::Caller;
use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::Site;
use valetkey::demo::sandbox::faults::{Endpoint, Fault, Times};

use crate::host::{Host, assert_finished, create, retry, search};
use crate::session::{Era, Session, find_mail, read_channel};
use crate::world::World;

/// Runs a command of the binary, which asks the server that has the vault if there is one.
fn command(host: &Host, arguments: &[&str]) -> (i32, String) {
    let ended = Command::new(env!("CARGO_BIN_EXE_valetkey"))
        .env_clear()
        .env("HOME", host.world.home())
        .arg("--config")
        .arg(&host.world.config)
        .args(arguments)
        .output()
        .unwrap();
    let stdout = String::from_utf8(ended.stdout).unwrap();
    (ended.status.code().unwrap(), stdout)
}

/// The records that fit, oldest first.
pub(crate) fn records(host: &Host, filters: &[&str]) -> Vec<Value> {
    let mut arguments = [&["audit", "--json"], filters].concat();
    if !filters.contains(&"--limit") {
        arguments.extend(["--limit", "1000"]);
    }
    let (code, stdout) = command(host, &arguments);
    assert_eq!(code, 0, "{stdout}");
    let lines = stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Kind, outcome and error of each, as one word each.
fn told(records: &[Value]) -> Vec<String> {
    let word = |value: &Value| value.as_str().map(|word| format!(" {word}"));
    let told = |record: &Value| {
        let parts = ["kind", "tool", "outcome", "error"].map(|name| word(&record[name]));
        parts
            .into_iter()
            .flatten()
            .collect::<String>()
            .trim()
            .to_owned()
    };
    records.iter().map(told).collect()
}

/// Waits until the record that `wanted` picks is there.
pub(crate) fn until(host: &Host, wanted: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..200 {
        if let Some(record) = records(host, &[]).into_iter().find(&wanted) {
            return record;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("no such record: {:?}", told(&records(host, &[])));
}

fn keys(record: &Value) -> Vec<&str> {
    record
        .as_object()
        .map(|members: &Map<String, Value>| members.keys().map(String::as_str).collect())
        .unwrap()
}

#[test]
fn a_call_its_consent_and_its_connection_leave_one_record_each_with_what_was_done() {
    for era in Era::ALL {
        let host = Host::new("  hold_s: 20\n");
        let mut session = Session::open(&host, era);
        let (answer, _) = session.with(&find_mail(), Person::new());
        assert_finished(&answer);
        let found = records(&host, &[]);
        assert_eq!(
            told(&found),
            [
                "call gmail_search consent",
                "connect finished",
                "call gmail_search finished"
            ],
            "{era:?}"
        );
        let [consent, connect, call] = found.as_slice() else {
            unreachable!("three were told")
        };
        for (number, record) in found.iter().enumerate() {
            assert_eq!(record["number"], number + 1);
            assert_eq!(record["user"], consent["user"]);
            assert_eq!(record["user"].as_str().unwrap().len(), 32);
            assert_eq!(record["provider"], "google");
            assert_eq!(record["client"], "test");
            let scopes = record["scopes"].as_array().unwrap();
            let scope = json!("https://www.googleapis.com/auth/gmail.readonly");
            assert!(scopes.contains(&scope), "{record}");
        }
        for record in [connect, call] {
            assert_eq!(record["account"], "ada@example.test");
            assert_eq!(record["connection"].as_str().unwrap().len(), 16);
        }
        assert_eq!(connect["connection"], call["connection"]);
        assert_eq!(consent["arguments"], call["arguments"]);
        assert_eq!(call["arguments"].as_str().unwrap().len(), 64);
        assert_ne!(consent["request"], call["request"]);
        assert!(call["bytes"].as_u64().unwrap() > 100, "{call}");
        assert!(call["duration_ms"].is_u64());
        assert_eq!(
            keys(call),
            [
                "account",
                "arguments",
                "at",
                "bytes",
                "client",
                "connection",
                "duration_ms",
                "kind",
                "number",
                "outcome",
                "provider",
                "request",
                "scopes",
                "tool",
                "user"
            ]
        );
        // The same user over other ways, and other arguments.
        command(&host, &["call", "gmail_search", r#"{"query":"lunch"}"#]);
        let own = records(&host, &["--tool", "gmail_search"]).pop().unwrap();
        assert_eq!(own["client"], "valetkey call");
        assert_eq!(own["user"], call["user"]);
        assert_ne!(own["arguments"], call["arguments"]);
        let text = serde_json::to_string(&records(&host, &[])).unwrap();
        for said in ["launch", "lunch", "Grace", "canary"] {
            assert!(!text.contains(said), "{said} was recorded: {text}");
        }
        let (code, verdict) = command(&host, &["audit", "verify", "--json"]);
        let verdict: Value = serde_json::from_str(&verdict).unwrap();
        assert_eq!((code, &verdict["records"]), (0, &json!(4)));
        let head = verdict["head"].as_str().unwrap();
        let (code, text) = command(&host, &["audit", "verify", "--noted", head]);
        assert!(!text.contains("compared"), "{text}");
        assert!(code == 0 && text.contains("4 records"), "{text}");
        let other = format!("4:{}", "0".repeat(64));
        let (code, text) = command(&host, &["audit", "verify", "--noted", &other]);
        assert!(code == 1 && text.contains("record 4"), "{text}");
    }
}

#[test]
fn what_was_refused_or_did_not_work_is_recorded() {
    let host = Host::new("  hold_s: 1\n  hold_text_s: 0\n");
    let mut session = Session::open(&host, Era::Text);
    // The person says no, and a call a moment later is denied.
    let (denied, _) = session.with(&find_mail(), Person::new().deny());
    assert_eq!(denied["result"]["isError"], true);
    // A sign-in fails, the link works again, and it succeeds.
    let sandbox = &host.world.sandbox;
    sandbox.fault(
        Site::GitHub,
        Endpoint::Exchange,
        Fault::Status(503),
        Times::Next(1),
    );
    let link = session.ask(&search()).link.unwrap();
    host.follow(Person::new(), &link);
    host.follow(Person::new(), &link);
    assert_finished(&session.alone(&search()));
    // The arguments do not fit.
    let wrong = json!({ "name": "github_search_issues", "arguments": { "repo": 7 } });
    session.alone(&wrong);
    session.server.finish();
    // The client says no.
    let mut session = Session::open(&host, Era::Retry);
    let asked = session.ask(&read_channel());
    session.ask(&retry(&read_channel(), &asked.message, "decline"));
    let found = records(&host, &[]);
    let expected = [
        "call gmail_search consent",
        "connect declined",
        "call gmail_search denied declined",
        "call github_search_issues consent",
        "connect failed unreachable",
        "connect finished",
        "call github_search_issues finished",
        "call github_search_issues failed invalid_arguments",
        "call slack_read_channel consent",
        "elicitation declined",
        "call slack_read_channel consent",
    ];
    assert_eq!(told(&found), expected);
    let (_, verdict) = command(&host, &["audit", "verify"]);
    assert!(verdict.contains("11 records"), "{verdict}");
    for (filters, count) in [
        (&["--provider", "github"][..], 5),
        (&["--outcome", "denied"], 1),
        (&["--account", "ADA"], 2),
        (&["--account", "nobody"], 0),
        (&["--since", "1h", "--limit", "4"], 4),
        (&["--since", "2100-01-01"], 0),
    ] {
        assert_eq!(records(&host, filters).len(), count, "{filters:?}");
    }
}

#[test]
fn refreshes_and_the_end_of_a_connection_are_recorded() {
    let host = Host::new("  hold_s: 1\n  hold_text_s: 0\n");
    let sandbox = &host.world.sandbox;
    let mut session = Session::open(&host, Era::Text);
    session.with(&find_mail(), Person::new());
    sandbox.end_access_tokens(Site::Google);
    assert_finished(&session.alone(&find_mail()));
    sandbox.end_access_tokens(Site::Google);
    sandbox.fault(
        Site::Google,
        Endpoint::Refresh,
        Fault::Status(503),
        Times::Next(1),
    );
    session.alone(&find_mail());
    session.server.finish();
    // Another process does not know of the failure, and the provider says that it is over.
    let mut session = Session::open(&host, Era::Text);
    sandbox.end_grants(Site::Google);
    session.ask(&find_mail());
    let (code, _) = command(&host, &["disconnect", "ada@example.test"]);
    assert_eq!(code, 0);
    let found = records(&host, &[]);
    assert_eq!(
        told(&found)[3..],
        [
            "refresh finished",
            "call gmail_search finished",
            "refresh failed unreachable",
            "call gmail_search broken provider_error",
            "refresh failed invalid_grant",
            "call gmail_search consent",
            "disconnect finished",
        ]
    );
    for record in found.iter().filter(|record| record["kind"] != "call") {
        assert_eq!(record["account"], "ada@example.test", "{record}");
    }
}

#[test]
fn a_call_that_its_client_cancels_is_recorded_and_a_write_as_it_ended() {
    let host = Host::new("  hold_s: 1\n  hold_text_s: 0\n");
    let sandbox = &host.world.sandbox;
    let mut session = Session::open(&host, Era::Text);
    session.with(&search(), Person::new());
    for (params, outcome) in [(search(), "cancelled"), (create(), "finished")] {
        let gate = CancellationToken::new();
        let held = Fault::Hold(gate.clone());
        let before = sandbox.count(Site::GitHub, Endpoint::AnyApi);
        sandbox.fault(Site::GitHub, Endpoint::AnyApi, held, Times::Next(1));
        session.server.send(
            &json!({ "jsonrpc": "2.0", "id": outcome, "method": "tools/call",
                                     "params": params }),
        );
        while sandbox.count(Site::GitHub, Endpoint::AnyApi) == before {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        session.server.send(
            &json!({ "jsonrpc": "2.0", "method": "notifications/cancelled",
                                     "params": { "requestId": outcome } }),
        );
        // Answered after the cancellation was read.
        session.server.request("after", "tools/list", &json!({}));
        gate.cancel();
        let tool = params["name"].clone();
        let is_it = |record: &Value| record["tool"] == tool && record["outcome"] == outcome;
        let record = until(&host, |record| is_it(record) && record["number"] != 3);
        assert_eq!(record["account"], "ada");
    }
}

#[test]
fn a_retry_that_was_tampered_with_is_recorded_as_denied() {
    let host = Host::new("  hold_s: 1\n  hold_text_s: 0\n");
    let mut session = Session::open(&host, Era::Retry);
    let asked = session.ask(&search());
    let mut forged = retry(&search(), &asked.message, "accept");
    forged["requestState"] = json!("AAAA");
    session.ask(&forged);
    assert_eq!(
        told(&records(&host, &[])),
        [
            "call github_search_issues consent",
            "call github_search_issues denied request_state_invalid"
        ]
    );
}

#[tokio::test]
async fn records_that_come_together_are_all_kept_and_repeated_ones_once() {
    let world = World::new().await;
    let process = world.process();
    let me = Caller::local();
    let event = || {
        let at = world.clock.now();
        Event::new(AuditKind::Call, AuditOutcome::Finished, &me, at)
    };
    let again = event();
    let mut writing = JoinSet::new();
    for n in 0..400 {
        let broker = process.broker.clone();
        let event = if n % 4 == 0 { again.clone() } else { event() };
        writing.spawn(async move { broker.record(event).await });
    }
    while let Some(written) = writing.join_next().await {
        written.unwrap().unwrap();
    }
    let verdict = process.broker.verify_audit(None).await.unwrap();
    assert!(
        matches!(verdict, Verdict::Whole { head, .. } if head.number == 301),
        "{verdict:?}"
    );
}
