//! What goes wrong before, beside and after the link ends in a message that a person can act on, the
//! same in `content` and in `structuredContent`.

use std::fs;
use std::net::TcpListener;

use serde_json::Value;
use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::Site;
use valetkey::demo::sandbox::faults::Endpoint;

use crate::frames::{Server, contents};
use crate::host::{Host, assert_finished, text_of};
use crate::session::{Era, Session, find_mail, read_channel, send_mail};
use crate::world::SEND;

/// Asserts an error of this code with these phrases, in both forms.
fn assert_says(answer: &Value, code: &str, phrases: &[&str]) {
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    let facts = &answer["result"]["structuredContent"];
    if code == "link" {
        assert!(facts["authorization_required"].is_object(), "{answer}");
    } else {
        assert_eq!(facts["error"]["code"], code, "{answer}");
    }
    let (text, facts) = (text_of(answer), facts.to_string());
    for phrase in phrases {
        assert!(text.contains(phrase), "no `{phrase}` in the text: {text}");
        assert!(
            facts.contains(phrase),
            "no `{phrase}` in the facts: {facts}"
        );
    }
}

#[test]
fn without_a_client_id_the_variables_to_set_are_named() {
    let home = tempfile::tempdir().unwrap();
    let mut server = Server::start(home.path(), &[], &[]);
    server.initialize("2025-06-18", &serde_json::json!({}), "test");
    for (tool, provider) in [(find_mail(), "GOOGLE"), (read_channel(), "SLACK")] {
        let answer = server.request(provider, "tools/call", &tool);
        let variables = [
            format!("{provider}_CLIENT_ID"),
            format!("{provider}_CLIENT_SECRET"),
        ];
        let phrases = [&variables[0], &variables[1], "restart the server"];
        assert_says(&answer, "not_configured", &phrases);
    }
    server.finish();
    assert!(contents(home.path()).is_empty());
}

#[test]
fn slack_without_an_https_address_says_which_two_ways_there_are() {
    let home = tempfile::tempdir().unwrap();
    let variables = [
        ("SLACK_CLIENT_ID", "1.2"),
        ("SLACK_CLIENT_SECRET", "unused"),
    ];
    let mut server = Server::start(home.path(), &[], &variables);
    server.initialize("2025-06-18", &serde_json::json!({}), "test");
    let answer = server.request(1, "tools/call", &read_channel());
    let phrases = [
        "https",
        "server.public_url",
        "tunnel",
        "oauth2.pkce.enabled: true",
        "http://localhost:8419",
        "cannot be undone",
    ];
    assert_says(&answer, "unusable_provider", &phrases);
    server.finish();
}

#[test]
fn a_taken_callback_port_is_named_no_link_is_made_and_the_next_call_works_when_it_is_free() {
    let host = Host::new("");
    let foreign = TcpListener::bind(("127.0.0.1", host.world.port)).unwrap();
    for era in Era::ALL {
        let mut session = Session::open(&host, era);
        let answer = session.alone(&find_mail());
        let port = host.world.port.to_string();
        let phrases = [&port, "taken by another program", "server.callback_port"];
        assert_says(&answer, "port_taken", &phrases);
        assert!(!answer.to_string().contains("/connect/"), "{answer}");
        session.server.finish();
    }
    let mut session = Session::open(&host, Era::Text);
    session.alone(&find_mail());
    assert_eq!(host.world.sandbox.log().len(), 0);
    drop(foreign);
    assert_finished(&session.with(&find_mail(), Person::new()).0);
}

#[test]
fn a_wrong_client_secret_is_told_on_the_page_and_in_the_call() {
    for era in Era::ALL {
        let host = Host::new("");
        let secret = host.world.home().join("google.secret");
        let right = fs::read(&secret).unwrap();
        fs::write(&secret, "not the secret").unwrap();
        let mut session = Session::open(&host, era);
        let (answer, journey) = session.with(&find_mail(), Person::new());
        let page = &journey.last().body;
        let phrases = ["refused the client", "client_secret"];
        for phrase in phrases {
            assert!(page.contains(phrase), "{page}");
        }
        assert_says(&answer, "link", &phrases);
        assert!(!answer.to_string().contains("not the secret"), "{answer}");
        session.server.finish();

        // Corrected, and nothing reminds of it.
        fs::write(&secret, right).unwrap();
        let mut session = Session::open(&host, era);
        assert_finished(&session.with(&find_mail(), Person::new()).0);
    }
}

#[test]
fn who_clicked_deny_is_not_pressed_in_any_era() {
    for era in Era::ALL {
        let host = Host::new("");
        let mut session = Session::open(&host, era);
        let (answer, journey) = session.with(&find_mail(), Person::new().deny());
        assert!(journey.last().body.contains("not connected"));
        let phrases = [
            "declined to connect Google",
            "Do not ask again unless the user wants to",
        ];
        assert_says(&answer, "declined", &phrases);
        assert_says(&session.alone(&find_mail()), "declined", &phrases);
        assert_eq!(
            host.world.sandbox.count(Site::Google, Endpoint::Exchange),
            0
        );
    }
}

#[test]
fn an_unticked_scope_is_named_on_the_page_and_asked_for_when_it_is_needed() {
    for era in Era::ALL {
        let host = Host::new("  hold_s: 1\n");
        let mut session = Session::open(&host, era);
        let asked = session.ask(&send_mail());
        let page = host.follow(Person::new().untick(SEND), asked.link.as_deref().unwrap());
        assert!(page.last().body.contains("send"), "{}", page.last().body);
        let answer = if era == Era::Request {
            // The same call asks once more, and is told no by a client without a person.
            session.server.send(&serde_json::json!({ "jsonrpc": "2.0",
                "id": asked.message["id"], "result": { "action": "accept" } }));
            let again = session
                .server
                .expect(|message| message["method"] == "elicitation/create");
            session
                .server
                .send(&serde_json::json!({ "jsonrpc": "2.0", "id": again["id"],
                "result": { "action": "cancel" } }));
            session.server.answer(1)
        } else {
            session.go_on(&send_mail(), &asked)
        };
        let phrases = ["lacks a permission", "gmail.send", "/connect/"];
        if era == Era::Retry {
            let shown = answer.to_string();
            assert!(
                shown.contains("Allow more for your Google account"),
                "{shown}"
            );
        } else {
            assert_says(&answer, "link", &phrases);
        }
        assert_eq!(host.world.sandbox.sent_mail().len(), 0);
    }
}

#[test]
fn a_lock_without_anybody_behind_it_is_named_and_the_vault_works_when_it_is_released() {
    let host = Host::new("");
    let mut session = Session::open(&host, Era::Text);
    session.with(&find_mail(), Person::new());
    session.server.finish();
    let vault = host.vault();
    let before = fs::read(vault.join("sled/db")).unwrap();
    let lock = fs::File::options()
        .write(true)
        .open(vault.join("owner.lock"))
        .unwrap();
    lock.lock().unwrap();
    fs::write(vault.join("owner.lock"), "4194999\n").unwrap();

    let mut session = Session::open(&host, Era::Text);
    let phrases = ["pid 4194999", vault.to_str().unwrap(), "kill 4194999"];
    assert_says(&session.alone(&find_mail()), "store_unavailable", &phrases);
    assert!(before == fs::read(vault.join("sled/db")).unwrap());
    drop(lock);
    assert_finished(&session.alone(&find_mail()));
}

#[test]
fn without_its_key_or_with_a_wrong_one_a_vault_stays_closed_and_untouched() {
    let host = Host::new("");
    let mut session = Session::open(&host, Era::Text);
    session.with(&find_mail(), Person::new());
    session.server.finish();
    let key = host.world.home().join(".config/valetkey/master.key");
    let right = fs::read(&key).unwrap();
    // Taking the lock leaves its holder's id, which is no part of the vault.
    let vault = || {
        let mut files = host.world.files();
        files.retain(|(path, _)| !path.ends_with("owner.lock"));
        files
    };
    let refused = |phrases: &[&str]| {
        let before = vault();
        let mut session = Session::open(&host, Era::Text);
        assert_says(&session.alone(&find_mail()), "store_unavailable", phrases);
        session.server.finish();
        assert!(before == vault(), "something was written");
    };

    fs::remove_file(&key).unwrap();
    refused(&["master key", key.to_str().unwrap(), "from your backup"]);
    fs::copy(host.world.home().join("google.secret"), &key).unwrap();
    refused(&["does not hold a master key", "Put the vault's own key back"]);
    let mut wrong = right.clone();
    wrong[0] = if wrong[0] == b'A' { b'B' } else { b'A' };
    fs::write(&key, wrong).unwrap();
    refused(&["Nothing was changed", "Set the key that it was made with"]);
    fs::write(&key, right).unwrap();
    let mut session = Session::open(&host, Era::Text);
    assert_finished(&session.alone(&find_mail()));
}
