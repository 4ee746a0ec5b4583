//! Gmail's tools through the whole server.

use serde_json::{Value, json};
use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::Site;
use valetkey::demo::sandbox::faults::Endpoint;

use crate::host::{Host, assert_clean, assert_finished};
use crate::session::{Era, Session, find_mail};

fn code(answer: &Value) -> &str {
    let code = &answer["result"]["structuredContent"]["error"]["code"];
    code.as_str()
        .unwrap_or_else(|| panic!("no error: {answer}"))
}

fn facts(answer: &Value) -> &Value {
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    &answer["result"]["structuredContent"]
}

#[test]
fn a_query_changes_exactly_what_its_dry_run_showed() {
    const MODIFY: Endpoint = Endpoint::Api("gmail.users.messages.modify");
    let host = Host::new("");
    let sandbox = &host.world.sandbox;
    let mut session = Session::open(&host, Era::Text);
    let call = |more: Value| {
        let mut arguments = json!({ "query": "launch", "action": "star" });
        let more = more.as_object().unwrap().clone();
        arguments.as_object_mut().unwrap().extend(more);
        json!({ "name": "gmail_modify_messages", "arguments": arguments })
    };
    let (shown, _) = session.with(&call(json!({ "dry_run": true })), Person::new());
    let shown = facts(&shown).clone();
    let count = shown["count"].as_u64().unwrap();
    assert!(count > 1, "{shown}");
    let preview = &shown["preview_id"];

    assert_eq!(code(&session.alone(&call(json!({})))), "invalid_arguments");
    let forged = call(json!({ "preview_id": "0".repeat(32) }));
    assert_eq!(code(&session.alone(&forged)), "preview_changed");
    let other = call(json!({ "preview_id": preview, "max_messages": 1 }));
    assert_eq!(code(&session.alone(&other)), "preview_changed");
    assert_eq!(sandbox.count(Site::Google, MODIFY), 0);

    let answer = session.alone(&call(json!({ "preview_id": preview })));
    let changed = facts(&answer);
    assert_eq!(changed["count"], count);
    let listed = shown["shown"].as_array().unwrap();
    let listed: Vec<_> = listed.iter().map(|one| one["id"].clone()).collect();
    assert_eq!(changed["ids"], json!(listed));
    assert_eq!(sandbox.count(Site::Google, MODIFY) as u64, count);

    // One that is gone from what the query finds makes it another change.
    let trash = json!({ "name": "gmail_trash", "arguments": { "message_ids": listed[0] } });
    facts(&session.alone(&trash));
    let again = session.alone(&call(json!({ "preview_id": preview })));
    assert_eq!(code(&again), "preview_changed");
    assert_eq!(sandbox.count(Site::Google, MODIFY) as u64, count);
    assert_clean(session.server);
}

#[test]
fn an_answer_that_is_saved_as_a_draft_asks_nobody_and_not_for_leave_to_send() {
    let host = Host::new("policy: { confirm_sends: always }\n");
    let mut session = Session::open(&host, Era::Text);
    let (found, _) = session.with(&find_mail(), Person::new());
    let message = &facts(&found)["items"][0]["message_id"];
    let reply = |as_draft: bool| {
        json!({ "name": "gmail_reply",
                "arguments": { "message_id": message, "body": "Yes.", "as_draft": as_draft } })
    };
    let asked = session.ask(&reply(true));
    let scopes = &asked.message["result"]["structuredContent"]["authorization_required"]["scopes"];
    let scopes = scopes.to_string();
    assert!(scopes.contains("gmail.compose"), "{scopes}");
    assert!(!scopes.contains("gmail.send"), "{scopes}");
    host.connect(asked.link.as_deref().unwrap());
    let saved = session.alone(&reply(true));
    assert_finished(&saved);
    assert!(facts(&saved)["draft_id"].is_string(), "{saved}");

    // The same as a send: gmail.compose allows it, and the user would have to be asked.
    let shown = session.alone(&reply(false));
    assert_eq!(facts(&shown)["sent"], false);
    assert!(facts(&shown)["preview"].is_object(), "{shown}");
    assert_eq!(host.world.sandbox.sent_mail().len(), 0);
    assert_clean(session.server);
}
