//! Sends: the same key twice is one send, and what was previewed is what goes.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::Site;
use valetkey::demo::sandbox::faults::{Endpoint, Fault, Times};

use crate::host::{Host, assert_clean, text_of};
use crate::session::{Era, Session, post_message, send_mail};

const SEND: Endpoint = Endpoint::Api("gmail.users.messages.send");

fn keyed(key: &str) -> Value {
    with(send_mail(), "idempotency_key", key.into())
}

pub(crate) fn with(mut params: Value, name: &str, value: Value) -> Value {
    params["arguments"][name] = value;
    params
}

pub(crate) fn code(answer: &Value) -> &str {
    let code = &answer["result"]["structuredContent"]["error"]["code"];
    code.as_str()
        .unwrap_or_else(|| panic!("no error: {answer}"))
}

fn id(answer: &Value) -> &Value {
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    &answer["result"]["structuredContent"]["message_id"]
}

#[test]
fn two_sends_with_the_same_key_are_one_send_also_after_a_restart_and_in_two_processes() {
    let host = Host::new("");
    let mut session = Session::open(&host, Era::Text);
    let (first, _) = session.with(&keyed("tuesday-report"), Person::new());
    let again = session.alone(&keyed("tuesday-report"));
    assert_eq!(id(&again), id(&first));
    assert!(
        text_of(&again).starts_with("Note: A call with this"),
        "{again}"
    );
    let warnings = &again["result"]["structuredContent"]["warnings"];
    assert!(warnings.to_string().contains("nothing was done again"));

    let mut other = Session::open(&host, Era::Retry);
    assert_eq!(id(&other.alone(&keyed("tuesday-report"))), id(&first));
    assert_clean(session.server);
    assert_clean(other.server);
    let mut session = Session::open(&host, Era::Text);
    assert_eq!(id(&session.alone(&keyed("tuesday-report"))), id(&first));
    assert_eq!(host.world.sandbox.sent_mail().len(), 1);

    assert_ne!(id(&session.alone(&keyed("wednesday-report"))), id(&first));
    assert_ne!(
        id(&session.alone(&send_mail())),
        id(&first),
        "no key, no memory"
    );
    assert_eq!(host.world.sandbox.sent_mail().len(), 3);
    assert_clean(session.server);
}

#[test]
fn a_key_is_for_one_call_of_one_tool() {
    let host = Host::new("");
    let mut session = Session::open(&host, Era::Text);
    session.with(&keyed("k"), Person::new());
    let other = session.alone(&with(keyed("k"), "subject", "Stop".into()));
    assert_eq!(code(&other), "invalid_arguments");
    for unfit in [json!(""), json!("a b"), json!("k".repeat(65)), json!(7)] {
        let answer = session.alone(&with(send_mail(), "idempotency_key", unfit));
        assert_eq!(code(&answer), "invalid_arguments");
        assert!(text_of(&answer).contains("idempotency_key"), "{answer}");
    }
    assert_eq!(host.world.sandbox.sent_mail().len(), 1);
    // Another tool has keys of its own.
    let post = with(post_message(), "idempotency_key", "k".into());
    let (posted, _) = session.with(&post, Person::new());
    assert_eq!(posted["result"]["isError"], false, "{posted}");
    assert_clean(session.server);
}

#[test]
fn a_send_whose_answer_was_lost_is_unknown_and_is_not_repeated_under_its_key() {
    let host = Host::new("");
    let mut session = Session::open(&host, Era::Text);
    session.with(&send_mail(), Person::new());
    let sandbox = &host.world.sandbox;
    sandbox.fault(Site::Google, SEND, Fault::LoseAnswer, Times::Next(1));
    assert_eq!(code(&session.alone(&keyed("k"))), "outcome_unknown");
    assert_eq!(sandbox.sent_mail().len(), 2, "it was carried out");
    for _ in 0..2 {
        let again = session.alone(&keyed("k"));
        assert_eq!(code(&again), "outcome_unknown");
        assert!(
            text_of(&again).contains("Nothing was done again"),
            "{again}"
        );
    }
    assert_clean(session.server);
    let mut session = Session::open(&host, Era::Text);
    assert_eq!(code(&session.alone(&keyed("k"))), "outcome_unknown");
    assert_eq!(sandbox.sent_mail().len(), 2);
    assert_clean(session.server);
}

#[test]
fn a_send_that_was_refused_may_be_tried_again_under_its_key() {
    let host = Host::new("");
    let mut session = Session::open(&host, Era::Text);
    session.with(&send_mail(), Person::new());
    let sandbox = &host.world.sandbox;
    sandbox.fault(Site::Google, SEND, Fault::Status(400), Times::Next(1));
    let refused = session.alone(&keyed("k"));
    assert_eq!(refused["result"]["isError"], true, "{refused}");
    id(&session.alone(&keyed("k")));
    assert_eq!(sandbox.sent_mail().len(), 2);
    assert_clean(session.server);
}

#[test]
fn a_repetition_waits_for_the_first_call_also_when_its_client_has_gone() {
    let host = Host::new("");
    let mut session = Session::open(&host, Era::Text);
    let mut other = Session::open(&host, Era::Text);
    session.with(&send_mail(), Person::new());
    let sandbox = &host.world.sandbox;
    let gate = CancellationToken::new();
    let hold = Fault::Hold(gate.clone());
    sandbox.fault(Site::Google, SEND, hold, Times::Next(1));
    let sent = json!({ "jsonrpc": "2.0", "id": "first", "method": "tools/call",
                       "params": keyed("k") });
    session.server.send(&sent);
    while sandbox.count(Site::Google, SEND) < 2 {
        thread::yield_now();
    }
    let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled",
                         "params": { "requestId": "first" } });
    session.server.send(&cancel);
    thread::scope(|scope| {
        let again = scope.spawn(|| other.alone(&keyed("k")));
        // Long enough for it to arrive while the first one is held.
        thread::sleep(Duration::from_millis(300));
        gate.cancel();
        id(&again.join().unwrap());
    });
    assert_eq!(sandbox.sent_mail().len(), 2);
    assert_clean(session.server);
    assert_clean(other.server);
}

#[test]
fn what_a_preview_showed_is_sent_and_nothing_else() {
    let host = Host::new("");
    let mut session = Session::open(&host, Era::Text);
    let dry = with(send_mail(), "dry_run", true.into());
    let (shown, _) = session.with(&dry, Person::new());
    let result = &shown["result"]["structuredContent"];
    let preview = result["preview_id"].clone();
    let named = preview.as_str().unwrap();
    assert!(text_of(&shown).contains(named), "{shown}");
    assert_eq!(result["sent"], false);

    for (name, other) in [("body", "We are not go."), ("to", "eve@example.test")] {
        let changed = with(send_mail(), name, other.into());
        let answer = session.alone(&with(changed, "preview_id", preview.clone()));
        assert_eq!(code(&answer), "preview_changed");
    }
    let forged = with(send_mail(), "preview_id", "0".repeat(32).into());
    assert_eq!(code(&session.alone(&forged)), "preview_changed");
    assert_eq!(host.world.sandbox.sent_mail().len(), 0);

    // In another process, and as often as it is asked for.
    assert_clean(session.server);
    let mut session = Session::open(&host, Era::Retry);
    let agreed = with(send_mail(), "preview_id", preview);
    id(&session.alone(&agreed));
    let sent = host.world.sandbox.sent_mail();
    let text = String::from_utf8_lossy(&sent[0]);
    let headers = result["preview"]["headers"].as_str().unwrap();
    assert!(text.replace("\r\n", "\n").starts_with(headers), "{text}");
    id(&session.alone(&agreed));
    let sent = host.world.sandbox.sent_mail();
    assert_eq!(sent[0], sent[1], "byte for byte");
    assert_clean(session.server);
}
