//! How a call that was answered with a link goes on: retries, replays, restarts, refusals.

use serde_json::{Value, json};
use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::Site;
use valetkey::demo::sandbox::faults::Endpoint;

use crate::frames::modern;
use crate::host::{
    Host, assert_clean, assert_finished, call, create, link_as_text, link_of, retry, search, urls,
};

const CREATED: Endpoint = Endpoint::Api("issues/create");

#[test]
fn a_state_of_another_call_or_an_altered_one_is_an_error_and_nothing_runs() {
    let host = Host::new("  hold_s: 0");
    let mut server = host.server();
    let asked = call(&mut server, 1, create());
    host.connect(&link_of(&asked));
    let good = retry(&create(), &asked, "accept");
    let state = good["requestState"].as_str().unwrap().to_owned();
    let mut other_title = good.clone();
    other_title["arguments"]["title"] = json!("The bell is too quiet");
    let mut other_tool = retry(&search(), &asked, "accept");
    other_tool["requestState"] = json!(state);
    let altered = |state: String| {
        let mut params = good.clone();
        params["requestState"] = json!(state);
        params
    };
    let cases = [
        other_title,
        other_tool,
        altered(format!("{state}-TAMPERED")),
        altered(state[..state.len() - 1].to_owned()),
        altered(state.replacen(
            &state[..1],
            if state.starts_with('A') { "B" } else { "A" },
            1,
        )),
        altered(String::new()),
        altered("A".repeat(1 << 20)),
    ];
    for (at, params) in cases.into_iter().enumerate() {
        let refused = call(&mut server, 10 + i64::try_from(at).unwrap(), params);
        assert_eq!(refused["error"]["code"], -32602, "case {at}: {refused}");
        assert_eq!(refused["error"]["data"]["reason"], "invalid", "case {at}");
    }
    assert_eq!(host.world.sandbox.count(Site::GitHub, CREATED), 0);
    assert_eq!(call(&mut server, 99, good)["result"]["isError"], false);
    assert_clean(server);
}

#[test]
fn ten_replays_of_a_write_write_once() {
    let host = Host::new("");
    let mut server = host.server();
    let asked = call(&mut server, 1, create());
    let params = modern(retry(&create(), &asked, "accept"), &urls(), "test");
    for id in 10..20 {
        server
            .send(&json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params }));
    }
    host.connect(&link_of(&asked));
    let answers: Vec<Value> = (10..20).map(|id| server.answer(id)).collect();
    let done = answers
        .iter()
        .filter(|answer| answer["result"]["isError"] == false)
        .count();
    let used = answers
        .iter()
        .filter(|answer| answer["error"]["data"]["reason"] == "used")
        .count();
    assert_eq!((done, used), (1, 9), "{answers:?}");
    assert_eq!(host.world.sandbox.count(Site::GitHub, CREATED), 1);
    assert_clean(server);
}

#[test]
fn a_cancelled_call_is_answered_with_nothing_and_its_flow_stays() {
    let host = Host::new("");
    let mut server = host.server();
    server.initialize("2025-11-25", &urls(), "test");
    server.send(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": search() }));
    let asked = server.expect(|message| message["method"] == "elicitation/create");
    server.send(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 1 } }));
    server.request(2, "ping", &json!({}));
    host.connect(asked["params"]["url"].as_str().unwrap());
    assert_finished(&server.request(3, "tools/call", &search()));
    assert_eq!(server.unread(), Vec::<Value>::new());
    assert_clean(server);
}

#[test]
fn a_thousand_calls_share_one_link_and_all_go_on() {
    let host = Host::new("");
    let mut server = host.server();
    let asked = call(&mut server, 0, search());
    for id in 1..=1000 {
        let params = modern(retry(&search(), &asked, "accept"), &urls(), "test");
        server
            .send(&json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params }));
    }
    host.connect(&link_of(&asked));
    for id in 1..=1000 {
        assert_finished(&server.answer(id));
    }
    assert_eq!(
        host.world.sandbox.count(Site::GitHub, Endpoint::Exchange),
        1
    );
    assert_clean(server);
}

#[test]
fn a_held_call_does_not_keep_the_process_and_its_retry_works_in_the_next_one() {
    for signal in [None, Some("TERM"), Some("INT")] {
        let host = Host::new("");
        let mut server = host.server();
        let asked = call(&mut server, 1, search());
        let params = modern(retry(&search(), &asked, "accept"), &urls(), "test");
        server
            .send(&json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params }));
        server.request(3, "tools/list", &modern(json!({}), &urls(), "test"));
        let end = std::time::Instant::now();
        match signal {
            Some(signal) => crate::stdio::kill(signal, server.id()),
            None => server.close_input(),
        }
        assert_eq!(server.ended().code(), Some(0));
        // The SDK alone would wait for 5 s, or for 2.
        assert!(
            end.elapsed().as_millis() < 1500,
            "{signal:?}: {:?}",
            end.elapsed()
        );

        let mut next = host.server();
        next.request(1, "tools/list", &modern(json!({}), &urls(), "test"));
        // The list does not wait for the port, so the person may have to reload.
        host.connect_when_open(&link_of(&asked));
        assert_finished(&call(&mut next, 2, retry(&search(), &asked, "accept")));
        assert_clean(next);
    }
}

#[test]
fn a_token_that_the_provider_refuses_leads_to_a_new_link_that_says_why() {
    let host = Host::new("");
    let mut server = host.server();
    let asked = call(&mut server, 1, search());
    host.connect(&link_of(&asked));
    assert_finished(&call(&mut server, 2, search()));
    host.world.sandbox.end_access_tokens(Site::GitHub);
    let asked = call(&mut server, 3, search());
    let message = &asked["result"]["inputRequests"]["connect"]["params"]["message"];
    assert!(message.as_str().unwrap().contains("Reconnect"), "{asked}");
    let cancelled = call(&mut server, 4, retry(&search(), &asked, "cancel"));
    assert_eq!(link_as_text(&cancelled), link_of(&asked));
    host.connect(&link_of(&asked));
    assert_finished(&call(&mut server, 5, retry(&search(), &asked, "accept")));
    assert_clean(server);
}

#[test]
fn a_person_who_unticks_the_scope_each_time_is_asked_twice_and_then_told() {
    let host = Host::new("  hold_s: 0");
    let mut server = host.server();
    let params = json!({ "name": "gmail_search", "arguments": { "query": "launch" } });
    let mut answer = call(&mut server, 1, params.clone());
    let scope = "https://www.googleapis.com/auth/gmail.readonly";
    for id in 2..4 {
        host.follow(Person::new().untick(scope), &link_of(&answer));
        answer = call(&mut server, id, retry(&params, &answer, "accept"));
    }
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    let required = &answer["result"]["structuredContent"]["authorization_required"];
    assert!(
        required["scopes"]
            .as_array()
            .unwrap()
            .contains(&json!(scope)),
        "{answer}"
    );
    assert_eq!(host.world.sandbox.count(Site::Google, Endpoint::AnyApi), 0);
    host.connect(required["url"].as_str().unwrap());
    assert_eq!(call(&mut server, 9, params)["result"]["isError"], false);
    assert_clean(server);
}
