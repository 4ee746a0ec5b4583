//! A provider that misbehaves, through the whole stack. That a hanging one ends in a typed error is
//! tested with the toolkits, on a clock that can be turned: its time limits are 15 s and more.

use std::io::Read;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};
use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::faults::{Endpoint, Fault, Times};
use valetkey::demo::sandbox::{RefreshTokens, SandboxSettings, Site, Tokens};

use crate::host::{Host, assert_clean, assert_finished, create, search, text_of};
use crate::session::{Era, Session, find_mail, post_message, read_channel, send_mail};

/// Another host, which answers nothing and keeps what it gets.
struct Elsewhere {
    address: String,
    received: Arc<Mutex<Vec<u8>>>,
}

impl Elsewhere {
    fn listen() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&received);
        thread::spawn(move || {
            for stream in listener.incoming() {
                kept.lock().unwrap().extend(b"connection ");
                let mut part = [0; 4096];
                if let Ok(length) = stream.and_then(|mut stream| stream.read(&mut part)) {
                    kept.lock().unwrap().extend(&part[..length]);
                }
            }
        });
        Self { address, received }
    }

    fn assert_untouched(&self) {
        let received = self.received.lock().unwrap();
        assert!(
            received.is_empty(),
            "{}",
            String::from_utf8_lossy(&received)
        );
    }
}

/// Tokens that can be refreshed, as a GitHub App has them.
fn refreshable() -> SandboxSettings {
    SandboxSettings {
        marker: "canary".to_owned(),
        github: Tokens {
            lifetime: Some(std::time::Duration::from_hours(8)),
            refresh: RefreshTokens::Rotating,
        },
        ..SandboxSettings::default()
    }
}

/// The code of a tool's error, which is in both forms of the answer with message and fix.
fn code(answer: &Value) -> &str {
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    let error = &answer["result"]["structuredContent"]["error"];
    for fact in ["code", "message"] {
        let fact = error[fact].as_str().unwrap_or_else(|| panic!("{answer}"));
        assert!(text_of(answer).contains(fact), "{answer}");
    }
    error["code"].as_str().unwrap()
}

#[test]
fn no_request_follows_a_redirect_whatever_it_carries() {
    let host = Host::new("  hold_text_s: 1\n");
    let elsewhere = Elsewhere::listen();
    let redirect = |site, endpoint| {
        let fault = Fault::Redirect(elsewhere.address.clone());
        host.world
            .sandbox
            .fault(site, endpoint, fault, Times::Always);
    };
    let mut session = Session::open(&host, Era::Text);
    for endpoint in [Endpoint::Exchange, Endpoint::Identity] {
        redirect(Site::Google, endpoint);
        let asked = session.ask(&find_mail());
        let journey = host.follow(Person::new(), asked.link.as_deref().unwrap());
        let page = &journey.last().body;
        assert!(page.contains("could not be connected"), "{page}");
        host.world.sandbox.clear_faults();
    }
    for (site, read) in [
        (Site::Google, find_mail()),
        (Site::Slack, read_channel()),
        (Site::GitHub, search()),
    ] {
        session.with(&read, Person::new());
        redirect(site, Endpoint::AnyApi);
        code(&session.alone(&read));
        host.world.sandbox.clear_faults();
    }
    redirect(Site::Google, Endpoint::Refresh);
    host.world.sandbox.end_access_tokens(Site::Google);
    assert_eq!(code(&session.alone(&find_mail())), "provider_error");
    elsewhere.assert_untouched();
    assert_clean(session.server);
}

#[test]
fn no_argument_leads_a_token_to_another_host() {
    let host = Host::new("");
    let elsewhere = Elsewhere::listen();
    let mut session = Session::open(&host, Era::Text);
    session.with(&search(), Person::new());
    session.with(&read_channel(), Person::new());
    let requests = host.world.sandbox.count(Site::GitHub, Endpoint::AnyApi)
        + host.world.sandbox.count(Site::Slack, Endpoint::AnyApi);
    let there = elsewhere.address.trim_start_matches("http://");
    let repos = [
        "../../evil".to_owned(),
        "lovelace-labs/..".to_owned(),
        format!("{there}x"),
        format!("@{there}"),
        elsewhere.address.clone(),
        format!("lovelace-labs/engine@{there}"),
        "lovelace-labs/%2e%2e".to_owned(),
        "lovelace-labs/engine?x=#".to_owned(),
    ];
    for repo in repos {
        let mut params = create();
        params["arguments"]["repo"] = json!(repo);
        let answer = session.alone(&params);
        assert_eq!(code(&answer), "invalid_arguments", "{repo}");
    }
    for channel in [
        format!("{}archives/C0LAUNCH02", elsewhere.address),
        format!("//{there}"),
    ] {
        let mut params = read_channel();
        params["arguments"]["channel"] = json!(channel);
        code(&session.alone(&params));
    }
    elsewhere.assert_untouched();
    let after = host.world.sandbox.count(Site::GitHub, Endpoint::AnyApi);
    assert!(after <= requests, "a request was sent");
    assert_clean(session.server);
}

#[test]
fn a_401_means_one_refresh_and_the_same_call_succeeds() {
    let host = Host::with(refreshable(), "");
    let mut session = Session::open(&host, Era::Retry);
    for (site, params) in [(Site::Google, find_mail()), (Site::GitHub, search())] {
        session.with(&params, Person::new());
        let sandbox = &host.world.sandbox;
        sandbox.fault(site, Endpoint::AnyApi, Fault::Unauthorized, Times::Next(1));
        assert_finished(&session.alone(&params));
        assert_eq!(sandbox.count(site, Endpoint::Refresh), 1);
        sandbox.end_access_tokens(site);
        assert_finished(&session.alone(&params));
        assert_eq!(sandbox.count(site, Endpoint::Refresh), 2);
    }
    assert_clean(session.server);
}

#[test]
fn a_refused_token_that_cannot_be_renewed_just_now_is_not_called_dead() {
    let host = Host::with(refreshable(), "");
    let mut session = Session::open(&host, Era::Text);
    for (site, params) in [(Site::Google, find_mail()), (Site::GitHub, search())] {
        session.with(&params, Person::new());
        let sandbox = &host.world.sandbox;
        sandbox.end_access_tokens(site);
        sandbox.fault(site, Endpoint::Refresh, Fault::Status(503), Times::Always);
        let answer = session.alone(&params);
        assert_eq!(code(&answer), "provider_error");
        assert!(
            text_of(&answer).contains("could not be reached"),
            "{answer}"
        );
        assert_eq!(sandbox.count(site, Endpoint::Refresh), 1);
        sandbox.clear_faults();
    }
    session.server.finish();
    // The next process does not wait out the pause after a failure.
    let mut session = Session::open(&host, Era::Text);
    assert_finished(&session.alone(&find_mail()));
    assert_finished(&session.alone(&search()));
    assert_clean(session.server);
}

#[test]
fn a_rate_limit_of_a_second_is_waited_out_and_a_long_one_is_told() {
    let host = Host::new("");
    let mut session = Session::open(&host, Era::Text);
    for (site, params) in [
        (Site::Google, find_mail()),
        (Site::Slack, read_channel()),
        (Site::GitHub, search()),
    ] {
        session.with(&params, Person::new());
        let sandbox = &host.world.sandbox;
        let limited = |wait, times| {
            sandbox.fault(site, Endpoint::AnyApi, Fault::RateLimited(wait), times);
        };
        limited("1", Times::Next(1));
        let answer = session.alone(&params);
        assert_eq!(answer["result"]["isError"], false, "{answer}");
        limited("99", Times::Always);
        let before = sandbox.count(site, Endpoint::AnyApi);
        let answer = session.alone(&params);
        assert_eq!(code(&answer), "rate_limited");
        assert_eq!(
            answer["result"]["structuredContent"]["error"]["retry_after_s"],
            99
        );
        assert!(text_of(&answer).contains("99"), "{answer}");
        assert_eq!(sandbox.count(site, Endpoint::AnyApi), before + 1);
        sandbox.clear_faults();
    }
    assert_clean(session.server);
}

#[test]
fn a_write_whose_answer_is_lost_is_sent_once_and_its_outcome_called_unknown() {
    let host = Host::new("");
    let mut session = Session::open(&host, Era::Text);
    let cases = [
        (Site::Google, "gmail.users.messages.send", send_mail()),
        (Site::Slack, "chat.postMessage", post_message()),
        (Site::GitHub, "issues/create", create()),
    ];
    for (site, door, params) in cases {
        let sandbox = &host.world.sandbox;
        let door = Endpoint::Api(door);
        sandbox.fault(site, door, Fault::LoseAnswer, Times::Next(1));
        let (answer, _) = session.with(&params, Person::new());
        assert_eq!(code(&answer), "outcome_unknown");
        assert!(text_of(&answer).contains("may have happened"), "{answer}");
        assert_eq!(sandbox.count(site, door), 1);
    }
    assert_eq!(host.world.sandbox.sent_mail().len(), 1);
    assert_clean(session.server);
}

#[test]
fn garbage_ends_in_a_typed_error_without_a_word_of_it_and_the_next_call_works() {
    let host = Host::new("");
    let mut session = Session::open(&host, Era::Text);
    let reads = [
        (Site::Google, find_mail()),
        (Site::Slack, read_channel()),
        (Site::GitHub, search()),
    ];
    for (_, params) in &reads {
        session.with(params, Person::new());
    }
    let cases = [
        (Fault::Html, "bad_response"),
        (Fault::Empty, "bad_response"),
        (Fault::WrongTypes, "bad_response"),
        (Fault::NotUtf8, "bad_response"),
        (Fault::Big(11 << 20), "too_large"),
        (Fault::GzipBomb(64 << 20), "too_large"),
        (Fault::CutBody, "unreachable"),
        (Fault::HangUp, "unreachable"),
        (Fault::Status(502), "unreachable"),
    ];
    for (fault, expected) in cases {
        for (site, params) in &reads {
            let sandbox = &host.world.sandbox;
            sandbox.fault(*site, Endpoint::AnyApi, fault.clone(), Times::Always);
            let answer = session.alone(params);
            assert_eq!(code(&answer), expected, "{site} {fault:?}: {answer}");
            assert!(!answer.to_string().contains("Please sign in"), "{answer}");
            sandbox.clear_faults();
        }
    }
    for (_, params) in &reads {
        assert_eq!(session.alone(params)["result"]["isError"], false);
    }
    assert_clean(session.server);
}

#[test]
fn a_token_error_of_github_in_a_200_leads_to_a_reconnect_and_nothing_of_it_is_stored() {
    let host = Host::with(refreshable(), "");
    let mut session = Session::open(&host, Era::Text);
    session.with(&search(), Person::new());
    let sandbox = &host.world.sandbox;
    sandbox.end_access_tokens(Site::GitHub);
    sandbox.fault(
        Site::GitHub,
        Endpoint::Refresh,
        Fault::DeadGrant,
        Times::Always,
    );
    let asked = session.ask(&search());
    let answer = &asked.message;
    let facts = answer["result"]["structuredContent"].to_string();
    for phrase in ["bad_refresh_token", "Reconnect your GitHub"] {
        assert!(text_of(answer).contains(phrase), "{answer}");
        assert!(facts.contains(phrase), "{answer}");
    }
    assert_eq!(session.ask(&search()).link, asked.link);
    assert_eq!(sandbox.count(Site::GitHub, Endpoint::Refresh), 1);
    sandbox.clear_faults();
    host.connect(asked.link.as_deref().unwrap());
    assert_finished(&session.alone(&search()));
    assert_clean(session.server);
}
