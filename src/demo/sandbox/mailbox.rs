//! The mail of all accounts, and how Gmail shows one.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::demo::sandbox::data::ACCOUNTS;
use crate::demo::sandbox::mime::{self, File, Message, header};

/// Gmail's own labels, and one of a user's.
const LABELS: [(&str, &str); 14] = [
    ("INBOX", "INBOX"),
    ("SENT", "SENT"),
    ("DRAFT", "DRAFT"),
    ("SPAM", "SPAM"),
    ("TRASH", "TRASH"),
    ("UNREAD", "UNREAD"),
    ("STARRED", "STARRED"),
    ("IMPORTANT", "IMPORTANT"),
    ("CATEGORY_PERSONAL", "CATEGORY_PERSONAL"),
    ("CATEGORY_PROMOTIONS", "CATEGORY_PROMOTIONS"),
    ("CATEGORY_SOCIAL", "CATEGORY_SOCIAL"),
    ("CATEGORY_UPDATES", "CATEGORY_UPDATES"),
    ("CATEGORY_FORUMS", "CATEGORY_FORUMS"),
    ("Label_1", "Launch"),
];

/// How much of a message a request asks for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Format<'a> {
    Minimal,
    /// These headers; all of them when none is named.
    Metadata(&'a [&'a str]),
    Full,
}

/// One message in one account's mailbox.
#[derive(Clone, Debug)]
pub(super) struct Mail {
    pub(super) id: String,
    pub(super) thread: String,
    pub(super) owner: usize,
    pub(super) labels: BTreeSet<String>,
    pub(super) date: Timestamp,
    pub(super) headers: Vec<(String, String)>,
    pub(super) text: String,
    pub(super) html: Option<String>,
    pub(super) attachments: Vec<File>,
    /// The message of a draft that was saved here, as it came.
    pub(super) raw: Option<Vec<u8>>,
}

/// The mail of all accounts, oldest first.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    mails: Vec<Mail>,
    sent: Vec<Vec<u8>>,
    /// Labels that were created: whose, and the name. The id is made of the place.
    created: Vec<(usize, String)>,
}

impl Mailbox {
    /// An account's messages, newest first.
    pub(super) fn of(&self, owner: usize) -> impl Iterator<Item = &Mail> {
        self.mails
            .iter()
            .rev()
            .filter(move |mail| mail.owner == owner)
    }

    /// The ids of an account's threads.
    pub(super) fn threads(&self, owner: usize) -> BTreeSet<&str> {
        self.of(owner).map(|mail| mail.thread.as_str()).collect()
    }

    /// Grows with every message.
    pub(super) fn history(&self) -> String {
        (1000 + self.mails.len()).to_string()
    }

    /// Every message that was sent, as it came.
    pub(super) fn sent(&self) -> Vec<Vec<u8>> {
        self.sent.clone()
    }

    /// An account's messages, to be changed.
    pub(super) fn of_mut(&mut self, owner: usize) -> impl Iterator<Item = &mut Mail> {
        let mails = self.mails.iter_mut();
        mails.filter(move |mail| mail.owner == owner)
    }

    /// Takes a message out, for good.
    pub(super) fn remove(&mut self, owner: usize, id: &str) {
        for mail in self.of_mut(owner).filter(|mail| mail.id == id) {
            // The place stays, for ids are made of places.
            mail.owner = usize::MAX;
        }
    }

    /// `labels.list`.
    pub(super) fn labels(&self, owner: usize) -> Vec<Value> {
        let known = LABELS.iter().map(|(id, name)| {
            let kind = if id == name { "system" } else { "user" };
            json!({"id": id, "name": name, "type": kind})
        });
        let created = self.created.iter().enumerate();
        let own = created
            .filter(|(_, (whose, _))| *whose == owner)
            .map(|(place, (_, name))| json!({"id": label_id(place), "name": name, "type": "user"}));
        known.chain(own).collect()
    }

    /// Creates a label and gives its id; none if the name is taken. Names ignore case.
    pub(super) fn create_label(&mut self, owner: usize, name: &str) -> Option<String> {
        let lower = name.to_lowercase();
        let taken = |label: &Value| {
            label["name"]
                .as_str()
                .is_some_and(|known| known.to_lowercase() == lower)
        };
        if self.labels(owner).iter().any(taken) {
            return None;
        }
        self.created.push((owner, name.to_owned()));
        Some(label_id(self.created.len() - 1))
    }

    /// Puts a message into a mailbox; messages come in the order of their dates.
    pub(super) fn put(
        &mut self,
        owner: usize,
        message: Message,
        labels: &[&str],
        thread: Option<&str>,
        date: Timestamp,
    ) -> &mut Mail {
        // As Gmail's ids: sixteen hexadecimal digits.
        let id = format!(
            "{:016x}",
            0x1900_0000_0000_0000_u64 + self.mails.len() as u64
        );
        self.mails.push(Mail {
            thread: thread.unwrap_or(&id).to_owned(),
            id,
            owner,
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            date,
            headers: message.headers,
            text: message.text,
            html: message.html,
            attachments: message.attachments,
            raw: None,
        });
        self.mails.last_mut().expect("a message was just put in")
    }

    /// Sends a message: into the sender's Sent, and to those recipients who have an account here.
    pub(super) fn deliver(
        &mut self,
        sender: usize,
        mut message: Message,
        raw: Vec<u8>,
        thread: Option<&str>,
        now: Timestamp,
    ) -> &Mail {
        self.sent.push(raw);
        let account = &ACCOUNTS[sender];
        // Gmail puts the account's own address in place of any other it does not know.
        let from = message.header("From");
        if from.is_none_or(|from| !from.contains(account.email)) {
            message
                .headers
                .retain(|(name, _)| !name.eq_ignore_ascii_case("From"));
            let own = format!("{} <{}>", account.name, account.email);
            message.headers.insert(0, ("From".to_owned(), own));
        }
        if message.header("Date").is_none() {
            let date = mime::date(now);
            message.headers.push(("Date".to_owned(), date));
        }
        if message.header("Message-ID").is_none() {
            let id = format!("<sandbox-{}@mail.example.test>", self.mails.len());
            message.headers.push(("Message-ID".to_owned(), id));
        }
        let recipients = message.recipients.clone();
        let mut copy = message.clone();
        copy.headers
            .retain(|(name, _)| !name.eq_ignore_ascii_case("Bcc"));
        for (owner, account) in ACCOUNTS.iter().enumerate() {
            if owner != sender && recipients.iter().any(|to| to == account.email) {
                self.put(owner, copy.clone(), &["INBOX", "UNREAD"], None, now);
            }
        }
        let to_self = recipients.iter().any(|to| to == account.email);
        let labels: &[&str] = if to_self {
            &["SENT", "INBOX", "UNREAD"]
        } else {
            &["SENT"]
        };
        self.put(sender, message, labels, thread, now)
    }
}

impl Mail {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    pub(super) fn has(&self, label: &str) -> bool {
        self.labels.contains(label)
    }

    /// Whether it has the label of this name, as searches name it: in lower case, `-` for spaces.
    pub(super) fn has_named(&self, name: &str) -> bool {
        LABELS
            .iter()
            .any(|(id, label)| self.has(id) && label.to_lowercase().replace(' ', "-") == name)
    }

    /// In Spam or Trash, which lists leave out.
    pub(super) fn is_hidden(&self) -> bool {
        self.has("SPAM") || self.has("TRASH")
    }

    pub(super) fn history(&self) -> String {
        u64::from_str_radix(&self.id[8..], 16)
            .map(|number| (1000 + number).to_string())
            .unwrap_or_default()
    }

    /// The first words of the text. Gmail escapes them for HTML.
    pub(super) fn snippet(&self) -> String {
        let words: Vec<&str> = self.text.split_whitespace().collect();
        let short: String = words.join(" ").chars().take(180).collect();
        short
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;")
            .replace('\'', "&#39;")
    }

    /// The message as it travels. Those that were here from the start have text alone.
    pub(super) fn raw(&self) -> Vec<u8> {
        if let Some(raw) = &self.raw {
            return raw.clone();
        }
        let mut raw = String::new();
        for (name, value) in &self.headers {
            raw.extend([name, ": ", value, "\r\n"]);
        }
        raw.push_str("\r\n");
        raw.push_str(&self.text);
        raw.into_bytes()
    }

    /// The message resource.
    pub(super) fn show(&self, format: &Format<'_>) -> Value {
        let mut value = json!({
            "id": self.id,
            "threadId": self.thread,
            "labelIds": self.labels,
            "snippet": self.snippet(),
            "historyId": self.history(),
            "internalDate": self.date.as_millisecond().to_string(),
            "sizeEstimate": 512 + self.text.len() + self.html.as_ref().map_or(0, String::len),
        });
        let wanted = |name: &str| match format {
            Format::Minimal => false,
            Format::Metadata(names) => {
                names.is_empty() || names.iter().any(|wanted| wanted.eq_ignore_ascii_case(name))
            }
            Format::Full => true,
        };
        let headers: Vec<Value> = self
            .headers
            .iter()
            .filter(|(name, _)| wanted(name))
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        match format {
            Format::Minimal => {}
            Format::Metadata(_) => {
                value["payload"] = json!({"mimeType": self.media_type(), "headers": headers});
            }
            Format::Full => value["payload"] = self.payload(&headers),
        }
        value
    }

    fn media_type(&self) -> &'static str {
        if !self.attachments.is_empty() {
            "multipart/mixed"
        } else if self.html.is_some() {
            "multipart/alternative"
        } else {
            "text/plain"
        }
    }

    fn payload(&self, headers: &[Value]) -> Value {
        let mut parts = vec![part("0", "text/plain", &self.text)];
        if let Some(html) = &self.html {
            parts.push(part("1", "text/html", html));
        }
        for (number, file) in self.attachments.iter().enumerate() {
            let id = format!("sandbox-{}-{number}", self.id);
            parts.push(json!({
                "partId": parts.len().to_string(),
                "mimeType": file.media_type,
                "filename": file.name,
                "headers": [],
                "body": {"attachmentId": id, "size": file.bytes.len()},
            }));
        }
        let mut payload = json!({
            "partId": "",
            "mimeType": self.media_type(),
            "filename": "",
            "headers": headers,
            "body": {"size": 0},
        });
        if parts.len() == 1 {
            payload["body"] = parts[0]["body"].take();
        } else {
            payload["parts"] = json!(parts);
        }
        payload
    }
}

fn label_id(place: usize) -> String {
    format!("Label_{}", 100 + place)
}

fn part(number: &str, media_type: &str, text: &str) -> Value {
    json!({
        "partId": number,
        "mimeType": media_type,
        "filename": "",
        "headers": [{"name": "Content-Type", "value": format!("{media_type}; charset=\"UTF-8\"")}],
        "body": {"size": text.len(), "data": URL_SAFE.encode(text)},
    })
}
