//! `policy.confirm_sends`: nothing goes out that the person did not agree to.

use serde_json::{Value, json};
use valetkey::demo::browser::Person;

use crate::frames::{Server, modern};
use crate::host::{Host, assert_clean, text_of, urls};
use crate::session::{Era, Session, find_mail, post_message, send_mail};

const ALWAYS: &str = "policy: { confirm_sends: always }\n";

fn policy(word: &str) -> Host {
    Host::new(&format!("policy: {{ confirm_sends: {word} }}\n"))
}

/// Connects what sending needs, in a session that is never asked to confirm.
fn connect(host: &Host, params: &Value) {
    let mut session = Session::open(host, Era::Text);
    let (answer, _) = session.with(params, Person::new());
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    assert_clean(session.server);
}

fn code(answer: &Value) -> &str {
    let code = &answer["result"]["structuredContent"]["error"]["code"];
    code.as_str()
        .unwrap_or_else(|| panic!("no error: {answer}"))
}

/// The form that a 2026-07-28 client gets.
fn form(answer: &Value) -> &Value {
    let form = &answer["result"]["inputRequests"]["confirm"]["params"];
    assert_eq!(form["mode"], "form", "{answer}");
    assert_eq!(form["requestedSchema"]["required"], json!(["decision"]));
    form
}

fn modern_call(server: &mut Server, id: i64, params: &Value) -> Value {
    server.request(id, "tools/call", &modern(params.clone(), &urls(), "test"))
}

fn decided(params: &Value, asked: &Value, response: &Value) -> Value {
    let mut params = params.clone();
    params["requestState"] = asked["result"]["requestState"].clone();
    params["inputResponses"] = json!({ "confirm": response });
    params
}

fn agree() -> Value {
    json!({ "action": "accept", "content": { "decision": "send" } })
}

#[test]
fn a_client_that_retries_sends_what_was_agreed_to_once_and_nothing_else() {
    let host = Host::new(ALWAYS);
    connect(&host, &send_mail());
    assert_eq!(
        host.world.sandbox.sent_mail().len(),
        0,
        "without a form nothing goes"
    );
    let mut server = host.server();
    let asked = modern_call(&mut server, 1, &send_mail());
    let message = form(&asked)["message"].as_str().unwrap();
    for part in ["grace@example.test", "Subject: Go", "We are go."] {
        assert!(message.contains(part), "{message}");
    }

    let mut other = send_mail();
    other["arguments"]["to"] = json!("eve@example.test");
    let forged = modern_call(&mut server, 2, &decided(&other, &asked, &agree()));
    assert_eq!(forged["error"]["code"], -32602, "{forged}");
    assert_eq!(host.world.sandbox.sent_mail().len(), 0);

    let sent = modern_call(&mut server, 3, &decided(&send_mail(), &asked, &agree()));
    assert_eq!(sent["result"]["isError"], false, "{sent}");
    assert_eq!(host.world.sandbox.sent_mail().len(), 1);
    let again = modern_call(&mut server, 4, &decided(&send_mail(), &asked, &agree()));
    assert_eq!(again["error"]["data"]["reason"], "used", "{again}");
    assert_eq!(host.world.sandbox.sent_mail().len(), 1);

    let asked = modern_call(&mut server, 5, &send_mail());
    for (response, expected) in [
        (json!({ "action": "decline" }), "not_confirmed"),
        (
            json!({ "action": "accept", "content": { "decision": "do not send" } }),
            "not_confirmed",
        ),
    ] {
        let answer = modern_call(&mut server, 6, &decided(&send_mail(), &asked, &response));
        assert_eq!(code(&answer), expected);
    }
    let asked = modern_call(&mut server, 7, &send_mail());
    let cancelled = decided(&send_mail(), &asked, &json!({ "action": "cancel" }));
    let shown = modern_call(&mut server, 8, &cancelled);
    assert_eq!(
        shown["result"]["structuredContent"]["sent"], false,
        "{shown}"
    );
    assert!(
        text_of(&shown).starts_with("Note: Nothing was done."),
        "{shown}"
    );
    assert_eq!(host.world.sandbox.sent_mail().len(), 1);
    assert_clean(server);
}

#[test]
fn a_client_that_is_asked_in_the_call_gets_the_same_question() {
    let host = Host::new(ALWAYS);
    connect(&host, &post_message());
    // Forms are older than links in elicitations.
    for version in ["2025-11-25", "2025-06-18"] {
        let mut server = host.server();
        server.initialize(version, &json!({ "elicitation": {} }), "test");
        for (id, response, expected) in [
            (1, agree(), Ok(true)),
            (2, json!({ "action": "decline" }), Err("not_confirmed")),
            (
                3,
                json!({ "action": "accept", "content": {} }),
                Err("not_confirmed"),
            ),
            (4, json!({ "action": "cancel" }), Ok(false)),
        ] {
            let call = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call",
                               "params": post_message() });
            server.send(&call);
            let asked = server.expect(|message| message["method"] == "elicitation/create");
            let message = asked["params"]["message"].as_str().unwrap();
            assert!(message.contains("#launch") && message.contains("We are go."));
            assert!(asked["params"].get("url").is_none(), "{asked}");
            server.send(&json!({ "jsonrpc": "2.0", "id": asked["id"], "result": response }));
            let answer = server.answer(id);
            match expected {
                Ok(sent) => {
                    assert_eq!(
                        answer["result"]["structuredContent"]["sent"], sent,
                        "{answer}"
                    );
                }
                Err(expected) => assert_eq!(code(&answer), expected),
            }
        }
        assert_clean(server);
    }
}

#[test]
fn a_call_that_needs_a_grant_and_an_agreement_asks_for_one_after_the_other() {
    let host = Host::new(ALWAYS);
    let mut session = Session::open(&host, Era::Retry);
    let asked = session.ask(&send_mail());
    host.connect(asked.link.as_deref().unwrap());
    let asked = session.go_on(&send_mail(), &asked);
    form(&asked);
    let sent = session.alone(&decided(&send_mail(), &asked, &agree()));
    assert_eq!(sent["result"]["structuredContent"]["sent"], true, "{sent}");
    // Reading asks nobody.
    let (found, _) = session.with(&find_mail(), Person::new());
    assert_eq!(found["result"]["isError"], false, "{found}");
    assert_clean(session.server);
}

#[test]
fn external_and_new_recipients_are_asked_about_and_others_are_not() {
    let to = |address: &str| {
        let mut params = send_mail();
        params["arguments"]["to"] = json!(address);
        params
    };
    let is_asked = |session: &mut Session<'_>, params: &Value| {
        let answer = session.alone(params);
        let asked = answer["result"].get("inputRequests").is_some();
        assert!(
            asked || answer["result"]["structuredContent"]["sent"] == true,
            "{answer}"
        );
        asked
    };
    let host = policy("external");
    connect(&host, &to("grace@example.test"));
    let mut session = Session::open(&host, Era::Retry);
    assert!(!is_asked(&mut session, &to("grace@example.test")));
    assert!(is_asked(&mut session, &to("eve@elsewhere.test")));
    let mut both = to("grace@example.test");
    both["arguments"]["bcc"] = json!("eve@elsewhere.test");
    assert!(is_asked(&mut session, &both));
    assert_clean(session.server);

    let host = policy("new_recipient");
    connect(&host, &to("grace@example.test"));
    let mut session = Session::open(&host, Era::Retry);
    assert!(
        is_asked(&mut session, &to("grace@example.test")),
        "mail cannot be read yet"
    );
    session.with(&find_mail(), Person::new());
    let asked = session.alone(&to("newcomer@example.test"));
    let sent = session.alone(&decided(&to("newcomer@example.test"), &asked, &agree()));
    assert_eq!(sent["result"]["structuredContent"]["sent"], true, "{sent}");
    assert!(!is_asked(&mut session, &to("newcomer@example.test")));
    assert_clean(session.server);
}

#[test]
fn without_the_policy_a_dry_run_and_a_send_ask_nobody() {
    let host = policy("never");
    connect(&host, &send_mail());
    assert_eq!(host.world.sandbox.sent_mail().len(), 1);
}

#[test]
fn after_something_private_was_read_what_everybody_would_see_is_asked_about() {
    let host = Host::new("policy: { confirm_public_after_private_m: 30 }\n");
    let comment = |repo: &str| {
        json!({ "name": "github_create_issue", "arguments": {
            "repo": repo, "title": "From the plans", "check_duplicates": false } })
    };
    let (public, private) = (
        comment("lovelace-labs/engine"),
        comment("lovelace-labs/plans"),
    );
    let read = |repo: &str| json!({ "name": "github_get_tree", "arguments": { "repo": repo } });
    let mut session = Session::open(&host, Era::Retry);
    session.with(&public, Person::new());
    session.alone(&read("lovelace-labs/engine"));
    let done = session.alone(&public);
    assert_eq!(
        done["result"]["isError"], false,
        "nothing private was read: {done}"
    );

    session.with(&read("lovelace-labs/plans"), Person::new());
    let asked = session.alone(&public);
    assert!(
        form(&asked)["message"]
            .as_str()
            .unwrap()
            .contains("From the plans")
    );
    let done = session.alone(&private);
    assert_eq!(
        done["result"]["isError"], false,
        "it stays among those who may: {done}"
    );
    let done = session.alone(&decided(&public, &asked, &agree()));
    assert_eq!(done["result"]["isError"], false, "{done}");
    assert_clean(session.server);

    // Mail is private too, and another process has read nothing yet.
    let mut session = Session::open(&host, Era::Retry);
    assert_eq!(session.alone(&public)["result"]["isError"], false);
    let (found, _) = session.with(&find_mail(), Person::new());
    form(&session.alone(&public));
    let thread = &found["result"]["structuredContent"]["items"][0]["thread_id"];
    let answer = json!({ "name": "gmail_reply", "arguments": {
        "thread_id": thread, "body": "Yes.", "quote_original": true, "dry_run": true } });
    session.with(&answer, Person::new());
    assert_clean(session.server);

    // So is what a preview quotes.
    let mut session = Session::open(&host, Era::Retry);
    assert_eq!(session.alone(&public)["result"]["isError"], false);
    let shown = session.alone(&answer);
    assert_eq!(shown["result"]["isError"], false, "{shown}");
    form(&session.alone(&public));
    assert_clean(session.server);
}

const OWN: &str = "provider: google
toolkit: own
tools:
  - name: own_create_label
    title: Create a label
    description: Creates a label.
    scopes: [https://www.googleapis.com/auth/gmail.labels]
    method: POST
    path: /gmail/v1/users/me/labels
    body: json
    parameters:
      - { name: colour, in: body, type: string, description: Its colour. }
      - { name: name, in: body, type: string, required: true, description: Its name. }
    keep: [id, name]
  - name: own_replace_label
    title: Replace a label
    description: Replaces a label.
    scopes: [https://www.googleapis.com/auth/gmail.labels]
    method: PUT
    path: /gmail/v1/users/me/labels/{label_id}
    parameters:
      - { name: label_id, in: path, type: string, required: true, description: Its id. }
";

fn own_toolkit(host: &Host, text: &str) {
    let folder = host.world.home().join(".config/valetkey/toolkits/own");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("toolkit.yaml"), text).unwrap();
}

#[test]
fn a_dry_run_of_a_toolkit_of_ones_own_reads_nothing_private() {
    let host = Host::new("policy: { confirm_public_after_private_m: 30 }\n");
    own_toolkit(
        &host,
        "provider: github
toolkit: own
tools:
  - name: own_lock_issue
    title: Lock an issue
    description: Locks an issue.
    scopes: [public_repo]
    method: PUT
    path: /repos/lovelace-labs/plans/issues/1/lock
",
    );
    let mut session = Session::open(&host, Era::Retry);
    let public = json!({ "name": "github_create_issue", "arguments": {
        "repo": "lovelace-labs/engine", "title": "Hello", "check_duplicates": false } });
    session.with(&public, Person::new());
    let lock = json!({ "name": "own_lock_issue", "arguments": { "dry_run": true } });
    let shown = session.alone(&lock);
    let method = &shown["result"]["structuredContent"]["would_send"]["method"];
    assert_eq!(method, "PUT", "{shown}");
    let done = session.alone(&public);
    assert_eq!(done["result"]["isError"], false, "{done}");
    assert_clean(session.server);
}

#[test]
fn a_write_of_a_toolkit_of_ones_own_is_asked_about_with_the_request_it_sends() {
    let host = Host::new(ALWAYS);
    own_toolkit(&host, OWN);
    let create = json!({ "name": "own_create_label",
                         "arguments": { "name": "Odd\u{202e}ities", "colour": "x".repeat(20_000) } });
    let mut session = Session::open(&host, Era::Retry);
    let asked = session.ask(&create);
    host.connect(asked.link.as_deref().unwrap());
    let asked = session.go_on(&create, &asked);
    let message = form(&asked)["message"].as_str().unwrap();
    for part in [
        "Create a label (own_create_label)",
        "\nPOST http://127.0.0.1:",
        "/gmail/v1/users/me/labels\n",
        "\"name\": \"Oddities\"",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert!(
        !message.to_lowercase().contains("authorization"),
        "{message}"
    );
    let mut other = create.clone();
    other["arguments"]["name"] = json!("Others");
    let refused = session.ask(&decided(&other, &asked, &agree())).message;
    assert_eq!(refused["error"]["code"], -32602, "{refused}");
    let done = session.alone(&decided(&create, &asked, &agree()));
    assert_eq!(done["result"]["isError"], false, "{done}");

    // A write that can be repeated is asked about, too.
    let replace = json!({ "name": "own_replace_label", "arguments": { "label_id": "L 1" } });
    let asked = session.alone(&replace);
    let message = form(&asked)["message"].as_str().unwrap();
    assert!(message.contains("/labels/L%201\n"), "{message}");
    assert_clean(session.server);
}
