//! Messages as the model gets them: who, when, what, and what came of it.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::target::is_person_id;
use super::ts::Ts;
use super::{blocks, mrkdwn, wire};
use crate::sanitize::{snippet, visible};
use crate::when;

/// The texts of a page together have at most this many characters, less what each message needs
/// besides, so that the text block holds all of them.
pub(super) const TEXT_BUDGET: usize = 17_000;
/// What each message needs besides its text.
pub(super) const AROUND_A_TEXT: usize = 70;

/// How much to tell of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ResponseFormat {
    /// Who, when and what.
    #[default]
    Concise,
    /// Also file types and sizes, edits, and what kind of message it is.
    Detailed,
}

/// One message of a conversation.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Message {
    /// The message's key in its conversation; pass it on unchanged.
    pub(super) ts: String,
    /// When it was posted, RFC 3339.
    pub(super) time: String,
    /// Who posted it.
    pub(super) author: Author,
    /// What it says, as plain text. Written by its author, not by Slack or this server.
    pub(super) text: String,
    /// The parent's `ts`, for a reply that was also sent to the channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thread_ts: Option<String>,
    /// How many replies its thread has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reply_count: Option<u64>,
    /// The newest reply of its thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) latest_reply: Option<Reply>,
    /// The emoji under it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) reactions: Vec<Reaction>,
    /// The files shared with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) files: Vec<File>,
    /// Detailed only: it was edited after it was posted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) edited: Option<bool>,
    /// Detailed only: Slack's word for a message that is not plain, such as `channel_topic`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) subtype: Option<String>,
}

/// Who posted a message.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(super) struct Author {
    /// `U…` or `W…` of a person, `B…` of an app; null when Slack does not tell.
    pub(super) id: Option<String>,
    /// The name that Slack shows, or the id when there is none.
    pub(super) name: String,
    /// An app posted it under a name of its choice.
    pub(super) bot: bool,
}

/// The newest reply of a thread.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Reply {
    /// The reply's key.
    pub(super) ts: String,
    /// When it was posted, RFC 3339.
    pub(super) time: String,
    /// Who posted it.
    pub(super) author: Author,
    /// What it says, as plain text.
    pub(super) text: String,
}

/// An emoji under a message.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Reaction {
    /// The emoji's name, without colons.
    pub(super) name: String,
    /// How many people chose it.
    pub(super) count: u64,
}

/// A file shared with a message.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct File {
    /// Its name, or why there is none.
    pub(super) name: String,
    /// `F…`, for `slack_read_file`.
    pub(super) id: String,
    /// Detailed only: its media type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mimetype: Option<String>,
    /// Detailed only: its size in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) size: Option<u64>,
}

/// How messages are shown.
pub(super) struct Style<'s> {
    /// The user's zone.
    pub(super) zone: &'s TimeZone,
    /// The names of people by id.
    pub(super) names: &'s HashMap<String, String>,
    /// Everything that is known, not only what matters.
    pub(super) detailed: bool,
    /// Whether threads are counted.
    pub(super) replies: bool,
}

impl Style<'_> {
    /// Makes `message` readable; `latest` is the newest reply of its thread.
    pub(super) fn message(
        &self,
        message: &wire::Message,
        latest: Option<&wire::Message>,
    ) -> Message {
        let thread = message
            .thread_ts
            .as_deref()
            .and_then(|ts| ts.parse::<Ts>().ok());
        let text = |text: &Option<String>| text.as_deref().map(|text| snippet(text, 60));
        Message {
            ts: message.ts.to_string(),
            time: self.time(message.ts),
            author: self.author(message),
            text: self.text(message),
            thread_ts: thread.filter(|ts| *ts != message.ts).map(String::from),
            reply_count: message
                .reply_count
                .filter(|count| self.replies && *count > 0),
            latest_reply: latest.map(|reply| Reply {
                ts: reply.ts.to_string(),
                time: self.time(reply.ts),
                author: self.author(reply),
                text: self.text(reply),
            }),
            reactions: message
                .reactions
                .iter()
                .map(|reaction| Reaction {
                    name: snippet(&reaction.name, 60),
                    count: reaction.count,
                })
                .collect(),
            files: message.files.iter().map(|file| self.file(file)).collect(),
            edited: (self.detailed && message.edited.is_some()).then_some(true),
            subtype: text(&message.subtype).filter(|_| self.detailed),
        }
    }

    fn time(&self, ts: Ts) -> String {
        match ts.time() {
            Some(time) => when::show(time, self.zone),
            None => ts.to_string(),
        }
    }

    fn author(&self, message: &wire::Message) -> Author {
        if let Some(id) = message.user.as_deref().filter(|id| is_person_id(id)) {
            return Author {
                id: Some(id.to_owned()),
                name: self.names.get(id).cloned().unwrap_or_else(|| id.to_owned()),
                bot: false,
            };
        }
        let profile = message
            .bot_profile
            .as_ref()
            .and_then(|bot| bot.name.as_ref());
        let id = message.bot_id.as_deref().map(|id| snippet(id, 30));
        let name = [message.username.as_ref(), profile, id.as_ref()]
            .into_iter()
            .flatten()
            .map(|name| snippet(name, 80))
            .find(|name| !name.is_empty());
        Author {
            name: name.unwrap_or_else(|| "unknown".to_owned()),
            id,
            bot: true,
        }
    }

    fn text(&self, message: &wire::Message) -> String {
        mrkdwn::plain(&blocks::markup(message), self.names)
    }

    fn file(&self, file: &wire::File) -> File {
        let name = match file.mode.as_deref() {
            Some("tombstone") => Some("deleted".to_owned()),
            Some("hidden_by_limit") => Some("hidden by the limits of the plan".to_owned()),
            _ => [&file.name, &file.title]
                .into_iter()
                .flatten()
                .map(|name| snippet(name, 100))
                .find(|name| !name.is_empty()),
        };
        let id = snippet(&file.id, 30);
        File {
            name: name.unwrap_or_else(|| id.clone()),
            id,
            mimetype: file
                .mimetype
                .as_deref()
                .filter(|_| self.detailed)
                .map(|t| snippet(t, 80)),
            size: file.size.filter(|_| self.detailed),
        }
    }
}

/// The people whose names `message` needs: its author and those it mentions.
fn people(message: &wire::Message) -> Vec<String> {
    let author = message.user.as_deref().filter(|id| is_person_id(id));
    let markup = blocks::markup(message);
    let mentioned = mrkdwn::mentioned(&markup).map(str::to_owned);
    author
        .map(str::to_owned)
        .into_iter()
        .chain(mentioned)
        .collect()
}

/// The people whose names `messages` need, each once; before them `person`, whose direct message it
/// is.
pub(super) fn people_of<'m>(
    person: Option<&String>,
    messages: impl Iterator<Item = &'m wire::Message>,
) -> Vec<String> {
    let mut people: Vec<String> = person.cloned().into_iter().collect();
    people.extend(messages.flat_map(self::people));
    let mut seen = HashSet::new();
    people.retain(|id| seen.insert(id.clone()));
    people
}

/// Shortens the texts until together they fit `budget` characters, and says how many were cut.
pub(super) fn fit(messages: &mut [Message], budget: usize) -> usize {
    let texts = messages.iter_mut().flat_map(|m| {
        std::iter::once(&mut m.text).chain(m.latest_reply.as_mut().map(|r| &mut r.text))
    });
    cut_to_fit(texts.collect(), budget)
}

/// How many of these messages, from the first on, have lines that together fit `budget` characters:
/// one at least.
pub(super) fn fitting<'m>(messages: impl Iterator<Item = &'m Message>, budget: usize) -> usize {
    let mut left = budget;
    let fits = |message: &&Message| {
        let length = render(message).chars().count() + 1;
        let fits = length <= left;
        left = left.saturating_sub(length);
        fits
    };
    messages.take_while(fits).count().max(1)
}

/// Shortens `texts` until together they fit `budget` characters, the longest ones only, and says
/// how many were cut.
pub(super) fn cut_to_fit(mut texts: Vec<&mut String>, budget: usize) -> usize {
    let lengths: Vec<usize> = texts.iter().map(|text| text.chars().count()).collect();
    let caps = [4000, 2000, 1000, 500, 250, 120];
    let fits = |cap: &usize| lengths.iter().map(|length| length.min(cap)).sum::<usize>() <= budget;
    let cap = caps.into_iter().find(fits).unwrap_or(caps[caps.len() - 1]);
    let mut cut = 0;
    for (text, length) in texts.iter_mut().zip(lengths) {
        if length > cap {
            let end = text
                .char_indices()
                .nth(cap)
                .map_or(text.len(), |(end, _)| end);
            text.truncate(end);
            write!(text, "… [{} more characters]", length - cap)
                .expect("a string takes every write");
            cut += 1;
        }
    }
    cut
}

/// One line a message, with the rest of its lines set off so that no text can pass for another
/// message: `[time] Name: text (3 replies, :+1:×2) {ts}`.
pub(super) fn render(message: &Message) -> String {
    let mut line = format!(
        "[{}] {}: {}",
        message.time,
        shown(&message.author),
        inset(&message.text)
    );
    for file in &message.files {
        let facts = [
            Some(file.name.clone()),
            Some(file.id.clone()),
            file.mimetype.clone(),
            file.size.map(|size| format!("{size} bytes")),
        ];
        push(&mut line, &format!("[file: {}]", joined(facts)));
    }
    let mut notes: Vec<Option<String>> = vec![
        message.subtype.clone(),
        message.edited.map(|_| "edited".to_owned()),
        message
            .thread_ts
            .as_ref()
            .map(|ts| format!("in thread {ts}")),
        message.reply_count.map(|count| match count {
            1 => "1 reply".to_owned(),
            _ => format!("{count} replies"),
        }),
    ];
    notes.extend(
        message
            .reactions
            .iter()
            .map(|r| Some(format!(":{}:×{}", r.name, r.count))),
    );
    let notes = joined(notes);
    if !notes.is_empty() {
        push(&mut line, &format!("({notes})"));
    }
    push(&mut line, &format!("{{{}}}", message.ts));
    if let Some(reply) = &message.latest_reply {
        write!(
            line,
            "\n  ↳ [{}] {}: {} {{{}}}",
            reply.time,
            shown(&reply.author),
            inset(&reply.text),
            reply.ts
        )
        .expect("a string takes every write");
    }
    line
}

/// The ids of the authors, below a list of messages that has only their names.
pub(super) fn render_people<'m>(messages: impl IntoIterator<Item = &'m Message>) -> String {
    let authors = messages.into_iter().flat_map(|message| {
        let reply = message.latest_reply.as_ref().map(|reply| &reply.author);
        std::iter::once(&message.author).chain(reply)
    });
    let mut people: Vec<(&str, &str)> = authors
        .filter(|author| !author.bot)
        .filter_map(|author| Some((author.id.as_deref()?, author.name.as_str())))
        .collect();
    people.sort_unstable();
    people.dedup();
    let mut text = String::new();
    for (index, (id, name)) in people.iter().enumerate() {
        let before = if index == 0 { "\n\nPeople: " } else { ", " };
        let name = name.replace('"', "'");
        write!(text, "{before}{id} = \"{name}\"").expect("a string takes every write");
    }
    text
}

/// An author in a line of text.
pub(super) fn shown(author: &Author) -> String {
    let id = author.id.as_deref();
    match (author.bot, id) {
        (true, Some(id)) => format!("{} (bot {id})", author.name),
        (true, None) => format!("{} (bot)", author.name),
        (false, _) => author.name.clone(),
    }
}

/// Every kind of line break becomes one before the lines are set off.
pub(super) fn inset(text: &str) -> String {
    visible(text).text.trim().replace('\n', "\n  | ")
}

fn joined(facts: impl IntoIterator<Item = Option<String>>) -> String {
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    facts.join(", ")
}

fn push(line: &mut String, part: &str) {
    if !line.ends_with(' ') {
        line.push(' ');
    }
    line.push_str(part);
}
