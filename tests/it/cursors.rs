//! What lists go on with is sealed: for the account that acted, in every process, for every tool
//! that has it.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use valetkey::demo::browser::Person;

use crate::host::{Host, assert_clean, call, link_of, text_of};

/// Two pages of the sandbox's mail, as a declared tool sees them.
const PAGED: &str = "provider: google
toolkit: paged
tools:
  - name: paged_list_mail
    title: List mail
    description: Lists mail.
    scopes: [https://www.googleapis.com/auth/gmail.readonly]
    method: GET
    path: /gmail/v1/users/me/messages
    constants: { query: { maxResults: 1 } }
    keep: [{from: messages, each: [id]}]
    page: { query: pageToken, cursor: nextPageToken }
  - name: paged_own
    title: List mail from there
    description: Lists mail, with a parameter of its own.
    scopes: [https://www.googleapis.com/auth/gmail.readonly]
    method: GET
    path: /gmail/v1/users/me/messages
    parameters: [{name: cursor, type: string, in: query, as: pageToken, description: Where to go on.}]
    keep: [{from: messages, each: [id]}]
";

fn next_of(answer: &Value) -> &str {
    let page = &answer["result"]["structuredContent"]["page"];
    let cursor = page["next_cursor"].as_str();
    cursor.unwrap_or_else(|| panic!("no next page: {answer}"))
}

fn is_unknown(answer: &Value) -> bool {
    answer["result"]["isError"] == true && text_of(answer).contains("Unknown `cursor`")
}

#[test]
fn a_cursor_is_good_in_every_process_and_for_the_account_that_acted_only() {
    let host = Host::new("");
    let folder = host.world.home().join(".config/valetkey/toolkits/paged");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("toolkit.yaml"), PAGED).unwrap();
    let (mut owner, mut follower) = (host.server(), host.server());
    let list = |account: &str, cursor: Option<&str>| json!({ "name": "paged_list_mail", "arguments": { "account": account, "cursor": cursor } });
    for account in ["ada@example.test", "grace@example.test"] {
        let asked = call(&mut owner, 1, list(account, None));
        let journey = host.follow(Person::new().account(account), &link_of(&asked));
        assert!(journey.last().status.is_success());
    }
    let first = call(&mut follower, 2, list("ada@example.test", None));
    let cursor = next_of(&first);
    let text = text_of(&first);
    assert!(text.contains(&format!("cursor={cursor}")), "{text}");
    assert!(cursor.len() < 160, "{} characters", cursor.len());

    let other = call(&mut follower, 3, list("grace@example.test", Some(cursor)));
    assert!(is_unknown(&other), "{other}");
    let plain = URL_SAFE_NO_PAD.encode(r#""page-1""#);
    let made_up = call(&mut owner, 3, list("ada@example.test", Some(&plain)));
    assert!(is_unknown(&made_up), "{made_up}");
    let id = |answer: &Value| {
        let ids = &answer["result"]["structuredContent"]["messages"];
        ids[0]["id"]
            .as_str()
            .unwrap_or_else(|| panic!("{answer}"))
            .to_owned()
    };
    for server in [&mut owner, &mut follower] {
        let second = call(server, 4, list("ada@example.test", Some(cursor)));
        assert_ne!(id(&second), id(&first));
    }
    let own = json!({ "name": "paged_own", "arguments": {
        "account": "ada@example.test", "cursor": "page-1" } });
    let own = call(&mut owner, 5, own);
    assert!(!is_unknown(&own), "a parameter of the toolkit's own: {own}");
    assert_clean(follower);
    assert_clean(owner);
}
