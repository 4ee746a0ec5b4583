//! Every Slack tool in one conversation, with a server process and a provider that enforces scopes:
//! what a tool declares is enough for its most common call.

use serde_json::{Value, json};

use crate::host::{Host, assert_clean, text_of};
use crate::session::{Era, Session};

/// Somebody who agrees to whatever they are asked for, and counts it.
struct Talk<'a> {
    session: Session<'a>,
    host: &'a Host,
    links: usize,
    last: String,
}

impl Talk<'_> {
    fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        let params = json!({ "name": tool, "arguments": arguments });
        let asked = self.session.ask(&params);
        let answer = match &asked.link {
            None => asked.message,
            Some(link) => {
                self.links += 1;
                self.host.connect(link);
                self.session.go_on(&params, &asked)
            }
        };
        assert_eq!(answer["result"]["isError"], false, "{tool}: {answer}");
        text_of(&answer).clone_into(&mut self.last);
        assert!(self.last.contains("ada"), "{tool}: {answer}");
        answer["result"]["structuredContent"].clone()
    }
}

#[test]
fn what_is_found_is_read_answered_changed_and_taken_back_each_with_one_consent_at_most() {
    let host = Host::new("");
    let mut talk = Talk {
        session: Session::open(&host, Era::Request),
        host: &host,
        links: 0,
        last: String::new(),
    };
    let me = talk.call("slack_whoami", &json!({}));
    assert_eq!(me["user"]["id"], "U0ADALOVE1");
    assert_eq!(me["scopes"], json!(["users:read"]));
    assert_eq!(talk.links, 1);

    let people = talk.call("slack_find_users", &json!({ "query": "hopper" }));
    assert_eq!(people["users"][0]["handle"], "grace");
    assert_eq!(talk.links, 1, "names are granted already");

    let channels = talk.call("slack_find_channels", &json!({ "query": "first run" }));
    assert_eq!(channels["channels"][0]["channel"]["name"], "launch");
    assert_eq!(talk.links, 2);

    let found = talk.call(
        "slack_search",
        &json!({ "query": "final go", "from": "@charles", "in": "#launch" }),
    );
    let link = found["messages"][0]["permalink"].clone();
    assert_eq!(found["method"], "assistant.search.context");
    assert_eq!(talk.links, 3);

    let thread = talk.call("slack_read_thread", &json!({ "thread_ts": link }));
    let texts: Vec<&Value> = thread["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| &message["text"])
        .collect();
    assert_eq!(
        texts,
        [
            "Do we have a final go from @ada?",
            "Reading the notes once more.",
            "No pressure. :smile:"
        ]
    );
    assert_eq!(talk.links, 4);

    let done = talk.call("slack_react", &json!({ "ts": link, "emoji": "eyes" }));
    assert_eq!(done["changed"], true);
    assert_eq!(talk.links, 5);
    let again = talk.call("slack_react", &json!({ "ts": link, "emoji": "eyes" }));
    assert_eq!(again["changed"], false);

    let reply = json!({ "to": "#launch", "text": "Go!", "thread_ts": thread["thread_ts"] });
    let sent = talk.call("slack_send_message", &reply);
    let own = sent["permalink"].clone();
    assert_eq!(talk.links, 6);
    let edit = json!({ "ts": own, "text": "Go, @charles!" });
    assert_eq!(talk.call("slack_update_message", &edit)["updated"], true);
    let got = talk.call("slack_get_message", &json!({ "ts": own, "context": 1 }));
    assert_eq!(got["message"]["text"], "Go, @charles!");
    assert_eq!(got["message"]["edited"], true);
    assert_eq!(got["before"][0]["text"], "No pressure. :smile:");
    talk.call("slack_delete_message", &json!({ "ts": own }));
    let left = talk.call("slack_read_thread", &json!({ "thread_ts": link }));
    assert_eq!(left["page"]["returned"], 3);
    assert_eq!(left["messages"][0]["reactions"][0]["name"], "eyes");
    assert_eq!(talk.links, 6, "the rest was granted already");

    let file = json!({ "to": "#launch", "filename": "plan.txt", "content": "Count down." });
    let shared = talk.call("slack_upload_file", &file);
    assert_eq!(shared["size_bytes"], 11);
    talk.call("slack_read_file", &json!({ "file_id": shared["file_id"] }));
    assert_eq!(talk.links, 8);
    let read = talk.last.clone();
    assert!(read.ends_with("\n\nCount down."), "{read}");
    assert_clean(talk.session.server);
}
