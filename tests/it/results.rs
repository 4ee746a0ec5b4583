//! Results that are too long for a model: cut, kept, read on and searched; and what is told of each
//! connection.

use std::fs;

use serde_json::{Value, json};
use valetkey::demo::browser::Person;

use crate::frames::{contents, modern};
use crate::host::{Host, assert_clean, text_of, urls};
use crate::session::{Era, Session, find_mail, read_channel};

/// In the subject of every mail that the tests send.
pub(crate) const WORD: &str = "Zanzibar";
pub(crate) const MAILS: usize = 30;

/// `params` of one of the mails.
pub(crate) fn mail(number: usize) -> Value {
    let people = |kind: &str| -> Vec<String> {
        let people = (0..10).map(|n| format!("{kind}-reader-{n}@example.test"));
        people.collect()
    };
    let subject = format!("{WORD} {number}: {}", "all about the island ".repeat(10));
    json!({ "name": "gmail_send_email", "arguments": {
        "to": people("first"), "cc": people("second"), "subject": subject, "body": "As promised. ".repeat(30) } })
}

/// Connects and sends so much mail that a detailed search of it is too long to show.
fn fill(session: &mut Session<'_>) {
    for number in 0..MAILS {
        let params = mail(number);
        let sent = match number {
            0 => session.with(&params, Person::new()).0,
            _ => session.alone(&params),
        };
        assert_eq!(sent["result"]["isError"], false, "{sent}");
    }
    session.with(&find_mail(), Person::new());
}

/// `params` of a search whose result is too long.
pub(crate) fn long() -> Value {
    json!({ "name": "gmail_search", "arguments": {
        "query": WORD, "group_by": "message", "limit": 50, "response_format": "detailed" } })
}

pub(crate) fn read(arguments: &Value) -> Value {
    json!({ "name": "result_read", "arguments": arguments })
}

/// What follows `name` up to the next space, comma or bracket.
fn after<'a>(text: &'a str, name: &str) -> &'a str {
    let (_, rest) = text
        .rsplit_once(name)
        .unwrap_or_else(|| panic!("no {name} in {text}"));
    rest.split([' ', ',', ']', ')', '\n']).next().unwrap()
}

/// The handle and the number of characters shown, as the last line says.
pub(crate) fn cut(answer: &Value) -> (String, usize) {
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    let last = text_of(answer).lines().last().unwrap();
    assert!(last.starts_with("[truncated: "), "{last}");
    assert!(last.contains("for 60 minutes"), "{last}");
    let handle = after(last, "handle=").to_owned();
    assert!(last.ends_with(&format!("result://{handle})]")), "{last}");
    (handle, after(last, "offset=").parse().unwrap())
}

/// All pages of a kept result, one after the other.
fn whole(session: &mut Session<'_>, handle: &str, limit: usize) -> String {
    let mut whole = String::new();
    let mut offset = 0;
    loop {
        let arguments = json!({ "handle": handle, "offset": offset, "limit": limit });
        let page = session.alone(&read(&arguments));
        assert_eq!(page["result"]["_meta"]["valetkey/trust"], "untrusted");
        assert!(
            page["result"].get("structuredContent").is_none(),
            "raw text"
        );
        let (head, part) = text_of(&page).split_once("\n---\n").unwrap();
        assert!(part.chars().count() <= limit);
        whole.push_str(part);
        if head.ends_with("this is the end") {
            return whole;
        }
        offset = after(head, "offset=").parse().unwrap();
    }
}

#[test]
fn a_long_result_is_cut_and_its_pages_are_the_whole_of_it() {
    let host = Host::new("");
    let mut session = Session::open(&host, Era::Retry);
    fill(&mut session);
    let answer = session.alone(&long());
    let (handle, shown) = cut(&answer);
    let text = text_of(&answer);
    assert!(text.chars().count() < 21_000);
    assert!(text.contains("\nAccount: ada"), "the end is not lost");

    // A host that shows only the structure has all of it, and the way to read on.
    let structured = &answer["result"]["structuredContent"];
    assert_eq!(structured["items"].as_array().unwrap().len(), MAILS);
    assert_eq!(structured["truncated"], true);
    let warnings = structured["warnings"].as_array().unwrap();
    assert!(
        warnings
            .iter()
            .any(|one| one.as_str().unwrap().contains(&handle))
    );

    for limit in [1_000, 20_000, 50_000] {
        let whole = whole(&mut session, &handle, limit);
        let beginning: String = whole.chars().take(shown).collect();
        assert!(text.starts_with(&beginning));
        assert!(
            whole.contains(&format!("{WORD} 0: ")),
            "the oldest is the last"
        );
        assert!(!text.contains(&format!("{WORD} 0: ")));
        assert!(
            whole
                .ends_with(&text[text.rfind("\n\nAccount: ").unwrap()..text.rfind("\n[").unwrap()])
        );
    }
    assert_clean(session.server);
}

/// A toolkit of one's own with a tool that returns text.
const EXPORT: &str = "provider: google
toolkit: own
tools:
  - name: own_export_message
    title: Export a message
    description: Exports a message as it is stored.
    scopes: [https://www.googleapis.com/auth/gmail.readonly]
    method: GET
    path: /gmail/v1/users/me/messages/{message_id}
    parameters:
      - { name: message_id, in: path, type: string, required: true, description: Its id. }
    constants: { query: { format: full } }
    output: text
";

#[test]
fn raw_text_of_more_than_60000_characters_is_cut_and_its_pages_are_the_whole_of_it() {
    let host = Host::new("");
    let folder = host.world.home().join(".config/valetkey/toolkits/own");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("toolkit.yaml"), EXPORT).unwrap();
    let mut session = Session::open(&host, Era::Retry);
    // Lines that differ, so that a page in the wrong place is noticed.
    let lines: Vec<String> = (0..9_000).map(|n| format!("line {n}")).collect();
    let mail = json!({ "name": "gmail_send_email", "arguments": {
        "to": "grace@example.test", "subject": WORD, "body_format": "plain", "body": lines.join("\n") } });
    let (sent, _) = session.with(&mail, Person::new());
    let id = &sent["result"]["structuredContent"]["message_id"];
    let export = json!({ "name": "own_export_message", "arguments": { "message_id": id } });
    let (answer, _) = session.with(&export, Person::new());
    let (handle, shown) = cut(&answer);
    let text = text_of(&answer);
    assert_eq!(shown, 60_000, "JSON of one line");
    assert!(text.chars().count() < 61_000, "{}", text.chars().count());
    assert!(text.starts_with("Account: "), "{}", &text[..100]);
    assert!(answer["result"].get("structuredContent").is_none());
    assert_eq!(answer["result"]["_meta"]["valetkey/trust"], "untrusted");
    assert_eq!(schema_of(&mut session, "own_export_message"), Value::Null);

    let whole = whole(&mut session, &handle, 50_000);
    assert!(text.starts_with(&whole.chars().take(shown).collect::<String>()));
    let (_, stored) = whole.split_once("\n\n").unwrap();
    let stored: Value = serde_json::from_str(stored).expect("the whole of the answer");
    assert_eq!(stored["id"], *id);
    assert_clean(session.server);
}

#[test]
fn a_search_of_a_kept_result_finds_what_was_not_shown() {
    let host = Host::new("");
    let mut session = Session::open(&host, Era::Text);
    fill(&mut session);
    let answer = session.alone(&long());
    let (handle, _) = cut(&answer);
    let query = format!("{} 0:", WORD.to_lowercase());
    let found = session.alone(&read(&json!({ "handle": handle, "query": query })));
    let (head, lines) = text_of(&found).split_once("\n---\n").unwrap();
    assert!(head.starts_with("gmail_search: 1 lines match"), "{head}");
    let (offset, line) = lines
        .lines()
        .find_map(|line| line.split_once('@')?.1.split_once(": "))
        .unwrap();
    assert!(line.contains(&format!("{WORD} 0:")), "{lines}");
    let offset: usize = offset.parse().unwrap();
    let there = session.alone(&read(&json!({ "handle": handle, "offset": offset })));
    let (_, page) = text_of(&there).split_once("\n---\n").unwrap();
    assert!(page.starts_with(&line[..20]), "{page}");
    assert_clean(session.server);
}

#[test]
fn a_kept_result_is_read_as_a_resource_in_both_eras_and_not_listed() {
    let host = Host::new("");
    let mut filler = Session::open(&host, Era::Retry);
    fill(&mut filler);
    filler.server.finish();
    for era in [Era::Retry, Era::Text] {
        let mut session = Session::open(&host, era);
        let of_era = |params: Value| match era {
            Era::Retry => modern(params, &urls(), "test"),
            _ => params,
        };
        let (handle, shown) = cut(&session.alone(&long()));
        let server = &mut session.server;
        let listed = server.request("list", "resources/list", &of_era(json!({})));
        assert_eq!(listed["result"]["resources"], json!([]), "{listed}");
        let uri = format!("result://{handle}?offset={shown}");
        let page = server.request("read", "resources/read", &of_era(json!({ "uri": uri })));
        let content = &page["result"]["contents"][0];
        assert_eq!(content["uri"], uri, "{page}");
        let text = content["text"].as_str().unwrap();
        assert!(
            text.starts_with(&format!("gmail_search: characters {shown} to ")),
            "{text}"
        );
        assert_eq!(page["result"]["_meta"]["valetkey/trust"], "untrusted");
        let code = if era == Era::Retry { -32602 } else { -32002 };
        for uri in [
            "result://",
            "result://x?offset=y",
            "file:///etc/passwd",
            "result://AAAA",
        ] {
            let refused = server.request(uri, "resources/read", &of_era(json!({ "uri": uri })));
            assert_eq!(refused["error"]["code"], code, "{refused}");
            assert_eq!(refused["error"]["data"], json!({ "uri": uri }));
        }
        let modern_keys = page["result"].get("ttlMs").is_some();
        assert_eq!(modern_keys, era == Era::Retry, "{page}");
        assert_clean(session.server);
    }
}

#[test]
fn the_file_of_a_kept_result_has_no_name_and_cannot_be_read() {
    let host = Host::new("");
    let mut session = Session::open(&host, Era::Retry);
    fill(&mut session);
    let before = contents(host.world.home());
    let (handle, _) = cut(&session.alone(&long()));
    assert_eq!(contents(host.world.home()), before);
    for (path, bytes) in host.world.files() {
        let text = String::from_utf8_lossy(&bytes);
        assert!(
            !text.contains(WORD) && !text.contains(&handle),
            "{}",
            path.display()
        );
    }
    let open = fs::read_dir(format!("/proc/{}/fd", session.server.id())).unwrap();
    let mut nameless = 0;
    for entry in open.map(|entry| entry.unwrap().path()) {
        let target = fs::read_link(&entry).unwrap_or_default();
        if !target.to_string_lossy().ends_with(" (deleted)") {
            continue;
        }
        nameless += 1;
        let bytes = fs::read(&entry).unwrap();
        assert!(bytes.len() > 20_000, "it is there");
        let text = String::from_utf8_lossy(&bytes);
        for word in [WORD, "island", "example.test", "Account"] {
            assert!(!text.contains(word), "{word} is in the clear");
        }
    }
    assert_eq!(nameless, 1);
    assert_clean(session.server);
}

#[test]
fn a_forged_handle_another_processs_and_the_oldest_of_many_are_unknown() {
    let host = Host::new("");
    let mut session = Session::open(&host, Era::Retry);
    fill(&mut session);
    let (first, _) = cut(&session.alone(&long()));
    let (second, _) = cut(&session.alone(&long()));
    let assert_unknown = |session: &mut Session<'_>, handle: &str| {
        let refused = session.alone(&read(&json!({ "handle": handle })));
        assert_eq!(refused["result"]["isError"], true, "{refused}");
        let error = &refused["result"]["structuredContent"]["error"];
        assert_eq!(error["code"], "not_found");
        assert!(text_of(&refused).contains("Call the tool that returned it again."));
        assert!(refused["result"].get("_meta").is_none(), "our own words");
    };
    assert_unknown(&mut session, &first.to_lowercase());
    assert_unknown(&mut session, "");
    let mut other = Session::open(&host, Era::Retry);
    assert_unknown(&mut other, &first);
    other.server.finish();

    for _ in 0..30 {
        cut(&session.alone(&long()));
    }
    assert_eq!(
        session.alone(&read(&json!({ "handle": first })))["result"]["isError"],
        false
    );
    cut(&session.alone(&long()));
    assert_unknown(&mut session, &first);
    assert_eq!(
        session.alone(&read(&json!({ "handle": second })))["result"]["isError"],
        false
    );
    let empty = session.alone(&read(&json!({ "handle": second, "query": " " })));
    assert_eq!(empty["result"]["isError"], true);
    let beyond = session.alone(&read(&json!({ "handle": second, "offset": 10_000_000 })));
    assert!(text_of(&beyond).contains("beyond"), "{beyond}");
    assert_clean(session.server);
}

#[test]
fn what_cannot_be_kept_is_cut_and_said_to_be() {
    let host = Host::new("");
    let mut session = Session::open(&host, Era::Retry);
    fill(&mut session);
    let aside = host.vault().with_extension("aside");
    fs::rename(host.vault(), &aside).unwrap();
    let answer = session.alone(&long());
    fs::rename(&aside, host.vault()).unwrap();
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    let last = text_of(&answer).lines().last().unwrap();
    assert!(
        last.contains("the rest could not be kept: ask for less"),
        "{last}"
    );
    assert_clean(session.server);
}

#[test]
fn connections_are_listed_with_what_they_let_work_and_connected_on_demand() {
    for era in Era::ALL {
        let host = Host::new("");
        let mut session = Session::open(&host, era);
        let list = json!({ "name": "connections_list", "arguments": {} });
        let nothing = session.alone(&list);
        let facts = &nothing["result"]["structuredContent"];
        assert_eq!(facts["items"], json!([]), "{nothing}");
        let free = facts["not_connected"].as_array().unwrap();
        let free: Vec<_> = free.iter().map(|entry| &entry["provider"]).collect();
        assert!(free.contains(&&json!("Google")) && free.contains(&&json!("GitHub")));

        let connect =
            |arguments: Value| json!({ "name": "connections_connect", "arguments": arguments });
        let search = connect(json!({ "tool": "gmail_search" }));
        let (answer, _) = session.with(&search, Person::new());
        let facts = &answer["result"]["structuredContent"];
        assert_eq!(facts["account"], "ada@example.test", "{answer}");
        assert!(text_of(&answer).starts_with("Google is connected as ada@example.test."));
        // What the tool needed was granted, and it is not asked for again.
        session.alone(&find_mail());
        let again = session.alone(&search);
        assert_eq!(again["result"]["structuredContent"], *facts);
        session.alone(&connect(json!({ "provider": "google" })));
        let slack = connect(json!({ "provider": "slack" }));
        session.with(&slack, Person::new());
        session.alone(&read_channel());

        let listed = session.alone(&list);
        assert_eq!(listed["result"]["_meta"]["valetkey/trust"], "untrusted");
        let facts = &listed["result"]["structuredContent"];
        let google = &facts["items"][0];
        assert_eq!(
            (&google["provider"], &google["state"]),
            (&json!("Google"), &json!("connected"))
        );
        assert!(
            google["tools"]
                .as_array()
                .unwrap()
                .contains(&json!("gmail_search"))
        );
        let lacking = google["lacking"].as_array().unwrap();
        let send = lacking.iter().find(|one| {
            one["tools"]
                .as_array()
                .unwrap()
                .contains(&json!("gmail_send_email"))
        });
        let send = &send.unwrap_or_else(|| panic!("{google}"))["missing_scopes"];
        assert!(send.to_string().contains("gmail.send"), "{send}");
        let text = text_of(&listed);
        for fact in [
            "Google ada@example.test: connected",
            "gmail.send",
            "gmail_send_email",
            google["connection"].as_str().unwrap(),
            "Not connected: GitHub",
        ] {
            assert!(text.contains(fact), "{fact}: {text}");
        }
        let schema = schema_of(&mut session, "connections_list");
        assert!(jsonschema::is_valid(&schema, facts), "{facts}");

        for (arguments, hint) in [
            (json!({}), "either `provider` or `tool`"),
            (
                json!({ "provider": "google", "tool": "gmail_search" }),
                "either",
            ),
            (json!({ "tool": "result_read" }), "`tool`"),
            (json!({ "provider": "nobody" }), "No provider `nobody`"),
            (json!({ "scope": "all" }), "scope"),
        ] {
            let refused = session.alone(&connect(arguments.clone()));
            assert_eq!(refused["result"]["isError"], true, "{arguments}");
            assert!(text_of(&refused).contains(hint), "{refused}");
        }
        let audit = host.wait(crate::cli::run(&host.world, &["audit", "--json"]));
        for line in ["connections_list", "connections_connect"] {
            assert!(audit.stdout.contains(line), "{line} is not recorded");
        }
        assert_clean(session.server);
    }
}

/// The output schema of a tool, as listed.
fn schema_of(session: &mut Session<'_>, name: &str) -> Value {
    let params = modern(json!({}), &urls(), "test");
    let listed = session.server.request("tools", "tools/list", &params);
    let tools = listed["result"]["tools"].as_array().unwrap();
    let tool = tools.iter().find(|tool| tool["name"] == name).unwrap();
    tool["outputSchema"].clone()
}
