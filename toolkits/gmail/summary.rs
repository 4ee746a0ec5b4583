//! One line of a search result: who, what and when, made of a message's or a thread's metadata.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use mail_parser::HeaderValue;
use mail_parser::parsers::MessageStream;
use schemars::JsonSchema;
use serde::Serialize;

use super::line::Lines;
use super::wire::{Message, Thread};
use crate::when;

/// A person or address in a mail header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) struct Person {
    /// The display name, if the header has one. Anybody can write any name here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    /// The e-mail address; absent when the header holds none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) email: Option<String>,
}

impl std::fmt::Display for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.name, &self.email) {
            (Some(name), Some(email)) => write!(f, "{name} <{email}>"),
            (Some(name), None) => f.write_str(name),
            (None, Some(email)) => f.write_str(email),
            (None, None) => f.write_str("unknown"),
        }
    }
}

/// A conversation or a message, without its body. Names, subject and snippet are text that others
/// wrote.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Summary {
    /// The conversation.
    pub(super) thread_id: String,
    /// The message; of a conversation, the newest.
    pub(super) message_id: String,
    /// The sender of that message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<Person>,
    /// Recipients: the first 3, or the first 10 when detailed.
    pub(super) to: Vec<Person>,
    /// How many more recipients there are, if any.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) to_more: usize,
    /// Recipients of copies: the first 10 when detailed, otherwise not told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) cc: Vec<Person>,
    /// How many more recipients of copies there are, if any; when detailed.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) cc_more: usize,
    /// The subject; of a conversation, of its first message.
    pub(super) subject: String,
    /// When that message arrived: RFC 3339 in the user's time zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) date: Option<String>,
    /// The beginning of that message's text: 120 characters, 300 when detailed.
    pub(super) snippet: String,
    /// Names of labels; of a conversation, of all its messages. "Unread" is left to `unread`.
    pub(super) labels: Vec<String>,
    /// Whether the message, or any of the conversation, is unread.
    pub(super) unread: bool,
    /// Whether there are attachments. Known when the search asked for it. Otherwise read off the
    /// outermost MIME type: true for multipart/mixed (a mailing list's footer can cause that,
    /// too), false for text alone, absent when that does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) has_attachments: Option<bool>,
    /// How many messages the conversation has, drafts not counted; absent for a single message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message_count: Option<usize>,
}

/// How summaries are made in one call.
pub(super) struct Style<'a> {
    pub(super) zone: &'a TimeZone,
    pub(super) detailed: bool,
    /// Whether drafts count as messages of a conversation.
    pub(super) drafts: bool,
    /// Whether messages in Spam and Trash do.
    pub(super) spam_trash: bool,
    /// What the search itself says about attachments of every result.
    pub(super) attachments: Option<bool>,
}

impl Style<'_> {
    /// The header fields to ask Gmail for.
    pub(super) fn headers(&self) -> &'static [&'static str] {
        if self.detailed {
            &["From", "To", "Cc", "Subject"]
        } else {
            &["From", "To", "Subject"]
        }
    }

    /// The summary of a single message. `labels` holds label ids until they are named.
    pub(super) fn message(&self, message: &Message, lines: &mut Lines) -> Summary {
        let (shown, snippet) = if self.detailed { (10, 300) } else { (3, 120) };
        let (to, to_more) = first(people(message.header("To"), lines), shown);
        let cc = message.header("Cc").filter(|_| self.detailed);
        let (cc, cc_more) = first(people(cc, lines), shown);
        Summary {
            thread_id: message.thread_id.clone(),
            message_id: message.id.clone(),
            from: people(message.header("From"), lines).into_iter().next(),
            to,
            to_more,
            cc,
            cc_more,
            subject: lines.line(&decoded(message.header("Subject").unwrap_or_default()), 250),
            date: arrived(message, self.zone),
            // Gmail's snippet is an excerpt to begin with: cutting it is nothing to report.
            snippet: Lines::default().line(
                &html_escape::decode_html_entities(&message.snippet),
                snippet,
            ),
            labels: message
                .label_ids
                .iter()
                .filter(|id| *id != "UNREAD")
                .cloned()
                .collect(),
            unread: message.has_label("UNREAD"),
            has_attachments: self.attachments.or_else(|| attachments(message)),
            message_count: None,
        }
    }

    /// The summary of a conversation; none if Gmail gave no message of it.
    pub(super) fn thread(&self, thread: &Thread, lines: &mut Lines) -> Option<Summary> {
        let mut messages: Vec<&Message> = thread
            .messages
            .iter()
            .filter(|message| {
                (self.drafts || !message.has_label("DRAFT"))
                    && (self.spam_trash
                        || !(message.has_label("SPAM") || message.has_label("TRASH")))
            })
            .collect();
        if messages.is_empty() {
            messages = thread.messages.iter().collect();
        }
        let (first, last) = (messages.first()?, messages.last()?);
        let mut summary = self.message(last, lines);
        summary.thread_id.clone_from(&thread.id);
        summary.subject = lines.line(&decoded(first.header("Subject").unwrap_or_default()), 250);
        summary.unread = messages.iter().any(|message| message.has_label("UNREAD"));
        summary.message_count = Some(messages.len());
        summary.labels = Vec::new();
        for id in messages.iter().flat_map(|message| &message.label_ids) {
            if id != "UNREAD" && !summary.labels.contains(id) {
                summary.labels.push(id.clone());
            }
        }
        summary.has_attachments = self.attachments.or_else(|| {
            let known: Vec<_> = messages
                .iter()
                .map(|message| attachments(message))
                .collect();
            if known.contains(&Some(true)) {
                Some(true)
            } else if known.contains(&None) {
                None
            } else {
                Some(false)
            }
        });
        Some(summary)
    }
}

/// When a message arrived: RFC 3339 in `zone`.
pub(super) fn arrived(message: &Message, zone: &TimeZone) -> Option<String> {
    let text = message.internal_date.as_deref()?;
    let time = Timestamp::from_millisecond(text.parse().ok()?).ok()?;
    Some(when::show(time, zone))
}

fn first(mut people: Vec<Person>, shown: usize) -> (Vec<Person>, usize) {
    let more = people.len().saturating_sub(shown);
    people.truncate(shown);
    (people, more)
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference to `skip_serializing_if`"
)]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// What the outermost MIME type tells; `format=metadata` gives no more.
fn attachments(message: &Message) -> Option<bool> {
    let mime_type = &message.payload.as_ref()?.mime_type;
    match mime_type.as_str() {
        "multipart/mixed" => Some(true),
        "text/plain" | "text/html" => Some(false),
        _ => None,
    }
}

/// The mailboxes of an address header (RFC 5322 §3.4), names decoded (RFC 2047).
pub(super) fn people(header: Option<&str>, lines: &mut Lines) -> Vec<Person> {
    let Some(value) = header else {
        return Vec::new();
    };
    let field = on_one_line(value);
    let HeaderValue::Address(addresses) = MessageStream::new(field.as_bytes()).parse_address()
    else {
        return Vec::new();
    };
    addresses
        .iter()
        .map(|address| Person {
            name: address
                .name()
                .map(|name| lines.line(name, 100))
                .filter(|name| !name.is_empty()),
            email: address
                .address()
                .map(|email| lines.line(email, 254))
                .filter(|email| !email.is_empty()),
        })
        .collect()
}

/// An unstructured header with its encoded words decoded (RFC 2047). Gmail usually has done it.
pub(super) fn decoded(value: &str) -> String {
    let field = on_one_line(value);
    match MessageStream::new(field.as_bytes()).parse_unstructured() {
        HeaderValue::Text(text) => text.into_owned(),
        _ => String::new(),
    }
}

/// The parser ends a field at a line break, and only there.
fn on_one_line(value: &str) -> String {
    let mut line = value.replace(['\r', '\n'], " ");
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(name: Option<&str>, email: Option<&str>) -> Person {
        Person {
            name: name.map(str::to_owned),
            email: email.map(str::to_owned),
        }
    }

    #[test]
    fn people_are_read_as_rfc_5322_has_them() {
        let mut lines = Lines::default();
        for (header, expected) in [
            (
                "Ada <ada@x.example>",
                vec![person(Some("Ada"), Some("ada@x.example"))],
            ),
            ("ada@x.example", vec![person(None, Some("ada@x.example"))]),
            (
                "\"Lovelace, Ada\" <ada@x.example>, bob@x.example",
                vec![
                    person(Some("Lovelace, Ada"), Some("ada@x.example")),
                    person(None, Some("bob@x.example")),
                ],
            ),
            (
                "=?utf-8?Q?J=C3=BCrgen_M=C3=BCller?= <j@x.example>",
                vec![person(Some("Jürgen Müller"), Some("j@x.example"))],
            ),
            (
                "Jürgen Müller <j@x.example>",
                vec![person(Some("Jürgen Müller"), Some("j@x.example"))],
            ),
            (
                "Friends: ada@x.example, bob@x.example;",
                vec![
                    person(None, Some("ada@x.example")),
                    person(None, Some("bob@x.example")),
                ],
            ),
            ("undisclosed-recipients:;", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(people(Some(header), &mut lines), expected, "{header}");
        }
    }

    #[test]
    fn subjects_are_decoded_once_and_stay_on_one_line() {
        for (value, expected) in [
            ("Grüße", "Grüße"),
            ("=?utf-8?B?R3LDvMOfZQ==?=", "Grüße"),
            ("a\r\n b", "a b"),
            ("", ""),
        ] {
            let mut lines = Lines::default();
            assert_eq!(lines.line(&decoded(value), 250), expected, "{value}");
        }
    }
}
