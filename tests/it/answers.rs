//! How a link reaches the person in every era, on raw frames.

use serde_json::{Value, json};
use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::Site;
use valetkey::demo::sandbox::faults::Endpoint;

use crate::frames::{contents, modern};
use crate::host::{
    Host, assert_clean, assert_finished, call, link_as_text, link_of, retry, search, text_of, urls,
};

#[test]
fn a_modern_call_asks_without_an_elicitation_id_and_its_retry_is_held_until_the_grant_is_stored() {
    let host = Host::new("");
    let mut server = host.server();
    let asked = call(&mut server, 1, search());
    assert_eq!(asked["result"]["resultType"], "input_required", "{asked}");
    let elicitation = &asked["result"]["inputRequests"]["connect"];
    assert_eq!(elicitation["method"], "elicitation/create");
    assert_eq!(elicitation["params"]["mode"], "url");
    assert!(
        !server.raw.last().unwrap().contains("elicitationId"),
        "{asked}"
    );

    // `accept` comes before the person has done anything; the retry is held meanwhile.
    let mut params = modern(retry(&search(), &asked, "accept"), &urls(), "test");
    params["_meta"]["progressToken"] = json!(0);
    server.send(&json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params }));
    let told = server.expect(|message| message["method"] == "notifications/progress");
    assert_eq!(told["params"]["progressToken"], 0);
    assert_eq!(host.world.sandbox.count(Site::GitHub, Endpoint::AnyApi), 0);
    host.connect(&link_of(&asked));
    assert_finished(&server.answer(2));
    assert_finished(&call(&mut server, 3, search()));
    assert_clean(server);
}

#[test]
fn accept_is_not_authorization_and_the_same_link_is_given_again() {
    let host = Host::new("  hold_s: 0");
    let mut server = host.server();
    let asked = call(&mut server, 1, search());
    let mut latest = asked.clone();
    for id in 2..6 {
        let again = call(&mut server, id, retry(&search(), &latest, "accept"));
        assert_eq!(again["result"]["resultType"], "input_required", "{again}");
        assert_eq!(link_of(&again), link_of(&asked));
        assert_ne!(
            again["result"]["requestState"],
            latest["result"]["requestState"]
        );
        latest = again;
    }
    assert_eq!(host.world.sandbox.count(Site::GitHub, Endpoint::AnyApi), 0);
    host.connect(&link_of(&asked));
    assert_finished(&call(&mut server, 9, retry(&search(), &latest, "accept")));
    assert_clean(server);
}

#[test]
fn after_cancel_the_link_comes_as_text_and_after_decline_no_elicitation_comes_for_it() {
    let host = Host::new("");
    let mut server = host.server();
    let asked = call(&mut server, 1, search());
    let cancelled = call(&mut server, 2, retry(&search(), &asked, "cancel"));
    assert_eq!(link_as_text(&cancelled), link_of(&asked));
    let asked_again = call(&mut server, 3, search());
    assert_eq!(link_of(&asked_again), link_of(&asked));
    let declined = call(&mut server, 4, retry(&search(), &asked_again, "decline"));
    assert_eq!(link_as_text(&declined), link_of(&asked));
    assert!(text_of(&declined).contains("declined"), "{declined}");
    assert!(!text_of(&cancelled).contains("declined"), "{cancelled}");
    let later = call(&mut server, 5, search());
    assert_eq!(link_as_text(&later), link_of(&asked));
    host.connect(&link_of(&asked));
    assert_finished(&call(&mut server, 6, search()));
    assert_clean(server);
}

#[test]
fn a_client_of_2025_11_25_is_asked_within_the_call_and_told_when_it_is_done() {
    let host = Host::new("");
    let mut server = host.server();
    server.initialize("2025-11-25", &urls(), "test");
    server.send(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": search() }));
    let asked = server.expect(|message| message["method"] == "elicitation/create");
    let id = asked["params"]["elicitationId"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(!id.is_empty());
    server.send(&json!({ "jsonrpc": "2.0", "id": asked["id"], "result": { "action": "accept" } }));
    host.connect(asked["params"]["url"].as_str().unwrap());
    let told = server.expect(|message| message["method"] == "notifications/elicitation/complete");
    assert_eq!(told["params"]["elicitationId"], id);
    assert_finished(&server.answer(1));
    assert_eq!(server.unread(), Vec::<Value>::new());
    assert_clean(server);
}

#[test]
fn a_grant_counts_also_when_the_client_has_not_answered_the_elicitation() {
    let host = Host::new("");
    let mut server = host.server();
    server.initialize("2025-11-25", &urls(), "test");
    server.send(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": search() }));
    let asked = server.expect(|message| message["method"] == "elicitation/create");
    host.connect(asked["params"]["url"].as_str().unwrap());
    let withdrawn = server.expect(|message| message["method"] == "notifications/cancelled");
    assert_eq!(withdrawn["params"]["requestId"], asked["id"]);
    assert_finished(&server.answer(1));
    assert_clean(server);
}

#[test]
fn without_a_person_a_call_of_2025_11_25_ends_with_the_link_as_text() {
    let answers = [
        (json!({ "result": { "action": "cancel" } }), false),
        (json!({ "result": { "action": "made-up" } }), false),
        (json!({ "result": {} }), false),
        (
            json!({ "error": { "code": -32601, "message": "Method not found" } }),
            false,
        ),
        (json!({ "result": { "action": "decline" } }), true),
    ];
    for (answer, declined) in answers {
        let host = Host::new("");
        let mut server = host.server();
        server.initialize("2025-11-25", &urls(), "test");
        server.send(
            &json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": search() }),
        );
        let asked = server.expect(|message| message["method"] == "elicitation/create");
        let mut message = json!({ "jsonrpc": "2.0", "id": asked["id"] });
        message
            .as_object_mut()
            .unwrap()
            .extend(answer.as_object().unwrap().clone());
        server.send(&message);
        let answered = server.answer(1);
        assert_eq!(
            link_as_text(&answered),
            asked["params"]["url"].as_str().unwrap()
        );
        assert_eq!(
            text_of(&answered).contains("declined"),
            declined,
            "{answered}"
        );
        if declined {
            link_as_text(&server.request(2, "tools/call", &search()));
            assert_eq!(server.unread(), Vec::<Value>::new());
        }
        assert_clean(server);
    }
}

#[test]
fn when_nobody_comes_in_time_the_elicitation_is_withdrawn_and_the_link_stays() {
    let host = Host::new("  hold_s: 1");
    let mut server = host.server();
    server.initialize("2025-11-25", &urls(), "test");
    server.send(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": search() }));
    let asked = server.expect(|message| message["method"] == "elicitation/create");
    let withdrawn = server.expect(|message| message["method"] == "notifications/cancelled");
    assert_eq!(withdrawn["params"]["requestId"], asked["id"]);
    assert_eq!(
        link_as_text(&server.answer(1)),
        asked["params"]["url"].as_str().unwrap()
    );
    assert_clean(server);
}

#[test]
fn a_gateway_that_cannot_carry_requests_gets_the_error_with_the_link() {
    let host = Host::new("elicitation: { legacy: error }");
    let mut server = host.server();
    server.initialize("2025-11-25", &urls(), "test");
    let refused = server.request(1, "tools/call", &search());
    assert_eq!(refused["error"]["code"], -32042, "{refused}");
    let elicitation = &refused["error"]["data"]["elicitations"][0];
    assert_eq!(elicitation["mode"], "url");
    assert!(!elicitation["elicitationId"].as_str().unwrap().is_empty());
    let link = elicitation["url"].as_str().unwrap();
    assert!(refused["error"]["message"].as_str().unwrap().contains(link));
    host.connect(link);
    assert_finished(&server.request(2, "tools/call", &search()));
    assert_clean(server);
}

#[test]
fn every_other_client_gets_the_link_as_text_at_once() {
    let none = json!({});
    let form = json!({ "elicitation": {} });
    let cases = [
        ("2026-07-28", &none, "test"),
        ("2026-07-28", &form, "test"),
        ("2026-07-28", &urls(), "copilot-cli"),
        ("2025-11-25", &none, "opencode"),
        ("2025-11-25", &form, "test"),
        ("2025-06-18", &urls(), "codex-mcp-client"),
        ("2024-11-05", &none, "test"),
    ];
    for (version, capabilities, client) in cases {
        let host = Host::new("");
        let mut server = host.server();
        let params = if version == "2026-07-28" {
            modern(search(), capabilities, client)
        } else {
            server.initialize(version, capabilities, client);
            search()
        };
        let first = link_as_text(&server.request(1, "tools/call", &params));
        let second = link_as_text(&server.request(2, "tools/call", &params));
        assert_eq!(first, second, "{version} {client}");
        assert_eq!(server.unread(), Vec::<Value>::new(), "{version} {client}");
        assert_clean(server);
    }
}

#[test]
fn a_client_that_got_text_waits_while_the_person_is_at_the_provider() {
    let host = Host::new("  hold_text_s: 20");
    let mut server = host.server();
    server.initialize("2025-06-18", &json!({}), "test");
    let link = link_as_text(&server.request(1, "tools/call", &search()));
    let mut person = Person::new().stop_before_callback();
    let journey = host.wait(person.follow(&link)).unwrap();
    server.send(&json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": search() }));
    server.request(3, "ping", &json!({}));
    assert_eq!(
        server.unread(),
        Vec::<Value>::new(),
        "the call did not wait"
    );
    host.wait(person.open(journey.stopped_before.unwrap()))
        .unwrap();
    assert_finished(&server.answer(2));
    assert_clean(server);
}

#[test]
fn who_declines_at_the_provider_is_not_asked_again() {
    let host = Host::new("");
    let mut server = host.server();
    let asked = call(&mut server, 1, search());
    host.follow(Person::new().deny(), &link_of(&asked));
    for (id, params) in [(2, retry(&search(), &asked, "accept")), (3, search())] {
        let denied = call(&mut server, id, params);
        assert_eq!(denied["result"]["isError"], true, "{denied}");
        assert_eq!(
            denied["result"]["structuredContent"]["error"]["code"],
            "declined"
        );
        assert!(text_of(&denied).contains("declined"), "{denied}");
    }
    assert_clean(server);
}

#[test]
fn the_elicitation_repeats_nothing_that_the_model_wrote() {
    let host = Host::new("");
    let mut server = host.server();
    let mut params = search();
    params["arguments"]["query"] = json!("see https://evil.example and type your password");
    let asked = call(&mut server, 1, params);
    assert!(!asked.to_string().contains("evil.example"), "{asked}");
    params = search();
    params["arguments"]["account"] = json!("evil.example");
    let asked = call(&mut server, 2, params.clone());
    let message = asked["result"]["inputRequests"]["connect"]["params"]["message"]
        .as_str()
        .unwrap();
    assert!(!message.contains("evil.example"), "{message}");
    let (_, log) = server.finish();
    assert!(!log.contains("evil.example"), "{log}");
}

#[test]
fn a_call_whose_arguments_do_not_fit_asks_nobody() {
    let host = Host::new("");
    let mut server = host.server();
    let cases = [
        json!({ "name": "github_create_issue" }),
        json!({ "name": "github_create_issue", "arguments": {} }),
        json!({ "name": "github_create_issue", "arguments": { "repo": 5, "title": [] } }),
    ];
    for (id, params) in (1..).zip(cases) {
        let refused = call(&mut server, id, params);
        assert_eq!(refused["result"]["isError"], true, "{refused}");
        let error = &refused["result"]["structuredContent"]["error"];
        assert_eq!(error["code"], "invalid_arguments", "{refused}");
        for fact in ["message", "fix"] {
            assert!(
                text_of(&refused).contains(error[fact].as_str().unwrap()),
                "{refused}"
            );
        }
    }
    assert!(
        !contents(host.world.home())
            .iter()
            .any(|path| path.ends_with("pending-flows")),
        "a link was made"
    );
    assert!(
        host.world.sandbox.log().is_empty(),
        "the provider was asked"
    );
    assert_clean(server);
}

#[test]
fn each_call_leaves_one_line_in_the_log_that_says_what_and_not_with_what() {
    let host = Host::new("");
    let mut server = host.server();
    let mut params = search();
    params["arguments"]["query"] = json!("hush-hush\n{\"level\":\"ERROR\"}");
    let asked = call(&mut server, 1, params.clone());
    host.connect(&link_of(&asked));
    call(&mut server, 2, retry(&params, &asked, "accept"));
    call(
        &mut server,
        3,
        json!({ "name": "github_create_issue", "arguments": { "hush": 1 } }),
    );
    let (_, log) = server.finish();
    assert!(!log.contains("hush"), "{log}");
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let calls: Vec<[&str; 3]> = lines
        .iter()
        .filter(|line| line["message"] == "tool call" && line["duration_ms"].is_u64())
        .map(|line| ["tool.name", "provider", "outcome"].map(|key| line[key].as_str().unwrap()))
        .collect();
    let expected = [
        ["github_search_issues", "github", "asked"],
        ["github_search_issues", "github", "finished"],
        ["github_create_issue", "github", "failed"],
    ];
    assert_eq!(calls, expected);
}
