//! A client of one era around a server: makes calls, and has a person follow the link when one
//! comes, in whatever way it comes.

use serde_json::{Value, json};
use valetkey::demo::browser::{Journey, Person};

use crate::frames::{Server, modern};
use crate::host::{Host, retry, urls};

/// How a client can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    /// 2026-07-28 with `elicitation.url`: `InputRequiredResult` and a retry.
    Retry,
    /// 2025-11-25 with `elicitation.url`: a request while the call stays open.
    Request,
    /// No elicitation: text with the link, and another call.
    Text,
}

impl Era {
    pub(crate) const ALL: [Self; 3] = [Self::Retry, Self::Request, Self::Text];

    /// The request of a call as a client of this era writes it.
    pub(crate) fn params(self, params: &Value) -> Value {
        match self {
            Self::Retry => modern(params.clone(), &urls(), "test"),
            Self::Request | Self::Text => params.clone(),
        }
    }
}

/// One server with its client.
pub(crate) struct Session<'a> {
    pub(crate) server: Server,
    host: &'a Host,
    era: Era,
    id: i64,
}

/// What a call came to before any person did something.
pub(crate) struct Asked {
    /// The link, if one came.
    pub(crate) link: Option<String>,
    /// The answer, or the question of the server.
    pub(crate) message: Value,
    id: i64,
}

impl<'a> Session<'a> {
    /// Starts a server and opens the session.
    pub(crate) fn open(host: &'a Host, era: Era) -> Self {
        Self::around(host, era, host.server())
    }

    /// The same with a server that runs already.
    pub(crate) fn around(host: &'a Host, era: Era, mut server: Server) -> Self {
        match era {
            Era::Retry => {}
            Era::Request => drop(server.initialize("2025-11-25", &urls(), "test")),
            Era::Text => drop(server.initialize("2025-06-18", &json!({}), "test")),
        }
        Self {
            server,
            host,
            era,
            id: 0,
        }
    }

    /// Calls, and stops where a person is needed.
    pub(crate) fn ask(&mut self, params: &Value) -> Asked {
        self.id += 1;
        let id = self.id;
        let sent = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call",
                           "params": self.era.params(params) });
        self.server.send(&sent);
        let message = self.server.expect(|message| {
            message["id"] == id && message.get("method").is_none()
                || message["method"] == "elicitation/create"
        });
        let places = [
            "/params/url",
            "/result/inputRequests/connect/params/url",
            "/result/structuredContent/authorization_required/url",
        ];
        let link = places.iter().find_map(|place| message.pointer(place));
        Asked {
            link: link.and_then(Value::as_str).map(str::to_owned),
            message,
            id,
        }
    }

    /// The call's final answer, once a person has done what they wanted at the link.
    pub(crate) fn go_on(&mut self, params: &Value, asked: &Asked) -> Value {
        match self.era {
            Era::Retry => self.ask(&retry(params, &asked.message, "accept")).message,
            Era::Request => {
                let accepted = json!({ "jsonrpc": "2.0", "id": asked.message["id"],
                                       "result": { "action": "accept" } });
                self.server.send(&accepted);
                self.server.answer(asked.id)
            }
            Era::Text => self.ask(params).message,
        }
    }

    /// Calls, lets `person` follow the link that must come, and goes on.
    pub(crate) fn with(&mut self, params: &Value, person: Person) -> (Value, Journey) {
        let asked = self.ask(params);
        let link = asked.link.clone();
        let link = link.unwrap_or_else(|| panic!("no link: {}", asked.message));
        let journey = self.host.follow(person, &link);
        (self.go_on(params, &asked), journey)
    }

    /// The answer of a call that needs nobody.
    pub(crate) fn alone(&mut self, params: &Value) -> Value {
        let asked = self.ask(params);
        assert_eq!(asked.link, None, "a link came: {}", asked.message);
        asked.message
    }
}

/// `params` of a read that needs Google.
pub(crate) fn find_mail() -> Value {
    json!({ "name": "gmail_search", "arguments": { "query": "launch" } })
}

/// `params` of a write that needs more of Google.
pub(crate) fn send_mail() -> Value {
    json!({ "name": "gmail_send_email", "arguments": {
        "to": "grace@example.test", "subject": "Go", "body": "We are go." } })
}

/// `params` of a read that needs Slack.
pub(crate) fn read_channel() -> Value {
    json!({ "name": "slack_read_channel", "arguments": { "channel": "#launch", "since": "7d" } })
}

/// `params` of a write that needs more of Slack.
pub(crate) fn post_message() -> Value {
    json!({ "name": "slack_send_message", "arguments": { "to": "#launch", "text": "We are go." } })
}
