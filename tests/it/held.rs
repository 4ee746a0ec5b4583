//! Waits within a call: a send that is held can be stopped, and who asked for progress is told what
//! is waited for.

use serde_json::{Value, json};
use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::Site;
use valetkey::demo::sandbox::faults::{Endpoint, Fault, Times};

use crate::audit::until;
use crate::host::{Host, assert_clean, assert_finished, search, text_of};
use crate::session::{Era, Session, find_mail, send_mail};

const SEND: Endpoint = Endpoint::Api("gmail.users.messages.send");

/// A send that is held.
fn held(seconds: u64) -> Value {
    let mut params = send_mail();
    params["arguments"]["delay_seconds"] = seconds.into();
    params["arguments"]["idempotency_key"] = "held".into();
    params
}

/// Sends a call without waiting for its answer, and asks for progress.
fn begin(session: &mut Session<'_>, era: Era, params: &Value) {
    let mut params = era.params(params);
    params["_meta"]["progressToken"] = json!("here");
    session
        .server
        .send(&json!({ "jsonrpc": "2.0", "id": "held", "method": "tools/call", "params": params }));
}

/// The next notification of progress: its number and what it says.
fn progress(session: &mut Session<'_>) -> (f64, String) {
    let told = session
        .server
        .expect(|message| message["method"] == "notifications/progress");
    assert_eq!(told["params"]["progressToken"], "here", "{told}");
    let message = told["params"]["message"].as_str().unwrap().to_owned();
    (told["params"]["progress"].as_f64().unwrap(), message)
}

fn code(answer: &Value) -> &str {
    let code = &answer["result"]["structuredContent"]["error"]["code"];
    code.as_str()
        .unwrap_or_else(|| panic!("no error: {answer}"))
}

#[derive(Clone, Copy, Debug)]
enum Stop {
    Cancel,
    EndOfInput,
    Kill,
}

#[test]
fn a_held_send_that_is_stopped_sends_nothing_and_its_key_is_free() {
    for (era, stop) in [
        (Era::Retry, Stop::Cancel),
        (Era::Request, Stop::Cancel),
        (Era::Text, Stop::EndOfInput),
        (Era::Retry, Stop::EndOfInput),
        (Era::Text, Stop::Kill),
    ] {
        let host = Host::new("");
        let mut session = Session::open(&host, era);
        session.with(&find_mail(), Person::new());
        session.with(&send_mail(), Person::new());
        assert_eq!(host.world.sandbox.sent_mail().len(), 1);

        begin(&mut session, era, &held(120));
        let (_, message) = progress(&mut session);
        assert_eq!(message, "Sends in 120 s. Cancel the call to stop it.");
        match stop {
            Stop::Cancel => {
                session.server.send(
                    &json!({ "jsonrpc": "2.0", "method": "notifications/cancelled",
                                             "params": { "requestId": "held" } }),
                );
                assert_finished(&session.alone(&find_mail()));
            }
            Stop::EndOfInput => {}
            Stop::Kill => session.server.kill(),
        }
        if !matches!(stop, Stop::Kill) {
            assert_clean(session.server);
            let is_it = |record: &Value| {
                record["tool"] == "gmail_send_email" && record["outcome"] == "cancelled"
            };
            let record = until(&host, is_it);
            assert_eq!(record["account"], "ada@example.test", "{stop:?}");
        }
        assert_eq!(host.world.sandbox.count(Site::Google, SEND), 1, "{stop:?}");

        let mut session = Session::open(&host, era);
        let answer = session.alone(&held(0));
        assert_finished(&answer);
        assert!(!text_of(&answer).contains("nothing was done"), "{answer}");
        assert_eq!(host.world.sandbox.sent_mail().len(), 2);
        // What is done is told at once: a held send would outlast the patience of this test.
        let again = session.alone(&held(120));
        assert!(
            text_of(&again).contains("nothing was done again"),
            "{again}"
        );
        assert_eq!(host.world.sandbox.sent_mail().len(), 2);
        assert_clean(session.server);
    }
}

#[test]
fn a_held_send_goes_when_its_time_is_over_also_with_a_token_that_has_died() {
    let host = Host::new("");
    let mut session = Session::open(&host, Era::Text);
    session.with(&send_mail(), Person::new());
    let sandbox = &host.world.sandbox;
    let refused = Fault::Unauthorized;
    sandbox.fault(Site::Google, SEND, refused, Times::Next(1));
    assert_finished(&session.alone(&held(1)));
    assert_eq!(sandbox.sent_mail().len(), 2);
    assert_clean(session.server);
}

#[test]
fn what_cannot_be_sent_is_refused_before_it_is_held() {
    let host = Host::new("policy: { recipient_domains: [example.test] }\n");
    let mut session = Session::open(&host, Era::Text);
    session.with(&send_mail(), Person::new());
    let mut elsewhere = held(120);
    elsewhere["arguments"]["to"] = "eve@evil.example".into();
    assert_eq!(code(&session.alone(&elsewhere)), "policy");
    let mut other = held(120);
    other["arguments"]["preview_id"] = "0".repeat(32).into();
    assert_eq!(code(&session.alone(&other)), "preview_changed");
    for unfit in [json!(121), json!(-1), json!(1.5), json!("5"), json!(true)] {
        let mut params = send_mail();
        params["arguments"]["delay_seconds"] = unfit;
        let answer = session.alone(&params);
        assert_eq!(code(&answer), "invalid_arguments");
        assert!(text_of(&answer).contains("delay_seconds"), "{answer}");
    }
    assert_eq!(host.world.sandbox.sent_mail().len(), 1);
    assert_clean(session.server);
}

#[test]
fn a_draft_that_is_gone_when_its_time_is_over_is_not_sent_again() {
    let host = Host::new("");
    let mut session = Session::open(&host, Era::Text);
    let draft = json!({ "name": "gmail_create_draft", "arguments": {
        "to": "grace@example.test", "subject": "Go", "body": "We are go." } });
    let (saved, _) = session.with(&draft, Person::new());
    let id = &saved["result"]["structuredContent"]["draft_id"];
    let send = |seconds: u64| {
        json!({ "name": "gmail_send_draft",
                "arguments": { "draft_id": id, "delay_seconds": seconds } })
    };
    begin(&mut session, Era::Text, &send(2));
    let (_, message) = progress(&mut session);
    assert!(message.starts_with("Sends in 2 s."), "{message}");
    assert_finished(&session.alone(&send(0)));
    assert_eq!(code(&session.server.answer("held")), "not_found");
    assert_eq!(host.world.sandbox.sent_mail().len(), 1);
    assert_clean(session.server);
}

#[test]
fn the_user_is_asked_before_a_send_is_held_and_not_again() {
    let host = Host::new("policy: { confirm_sends: always }\n");
    let mut session = Session::open(&host, Era::Text);
    session.with(&send_mail(), Person::new());
    assert_clean(session.server);
    let mut session = Session::open(&host, Era::Request);
    begin(&mut session, Era::Request, &held(1));
    let asked = session
        .server
        .expect(|message| message["method"] == "elicitation/create");
    let decision = progress(&mut session);
    let agreed = json!({ "action": "accept", "content": { "decision": "send" } });
    session
        .server
        .send(&json!({ "jsonrpc": "2.0", "id": asked["id"], "result": agreed }));
    assert_finished(&session.server.answer("held"));
    assert_eq!(host.world.sandbox.sent_mail().len(), 1);
    let questions = session.server.raw.iter();
    let questions = questions.filter(|line| line.contains("elicitation/create"));
    assert_eq!(questions.count(), 1);
    // The question and the hold count on.
    let told = [decision, progress(&mut session)];
    assert!(told[0].0 < told[1].0, "{told:?}");
    assert!(told[1].1.starts_with("Sends in 1 s."), "{told:?}");
    assert_clean(session.server);
}

#[test]
fn a_wait_for_a_rate_limit_is_told_to_who_asked_for_progress() {
    let limited = [
        (Era::Retry, find_mail(), Site::Google, "Gmail"),
        (Era::Request, send_mail(), Site::Google, "Gmail"),
        (Era::Request, search(), Site::GitHub, "GitHub"),
    ];
    for (era, params, site, name) in limited {
        let host = Host::new("");
        let mut session = Session::open(&host, era);
        session.with(&params, Person::new());
        let fault = Fault::RateLimited("2");
        let sandbox = &host.world.sandbox;
        sandbox.fault(site, Endpoint::AnyApi, fault.clone(), Times::Next(1));
        begin(&mut session, era, &params);
        let (_, message) = progress(&mut session);
        let expected = format!("Waiting 2 s: {name} limits how fast this account may call.");
        assert_eq!(message, expected);
        assert_finished(&session.server.answer("held"));

        // Who did not ask is told nothing.
        sandbox.fault(site, Endpoint::AnyApi, fault, Times::Next(1));
        assert_finished(&session.alone(&params));
        let unread = session.server.unread();
        let told = |message: &Value| message["method"] == "notifications/progress";
        assert!(!unread.iter().any(told), "{unread:?}");
        assert_clean(session.server);
    }
}
