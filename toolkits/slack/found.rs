//! What a search finds, as the model gets it.

use std::collections::HashMap;
use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use super::messages::{Author, TEXT_BUDGET, cut_to_fit, inset, shown};
use super::mrkdwn;
use super::people::Names;
use super::target::{MessageName, is_person_id};
use super::ts::Ts;
use crate::api::Api;
use crate::sanitize::snippet;
use crate::when;

/// What each result needs besides its text.
const AROUND_A_TEXT: usize = 250;

/// A message that was found.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct FoundMessage {
    /// The message's key in its conversation.
    pub(super) ts: String,
    /// When it was posted, RFC 3339.
    pub(super) time: String,
    /// Who posted it.
    pub(super) author: Author,
    /// Where.
    pub(super) channel: FoundIn,
    /// What it says, as plain text.
    pub(super) text: String,
    /// The parent's `ts`, for a reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thread_ts: Option<String>,
    /// A link to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) permalink: Option<String>,
}

/// The conversation of a message that was found.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct FoundIn {
    /// `C…`, `G…` or `D…`.
    pub(super) id: String,
    /// Null for a direct message.
    pub(super) name: Option<String>,
}

/// A file that was found.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct FoundFile {
    /// `F…`.
    pub(super) id: String,
    /// What it is called.
    pub(super) title: String,
    /// What Slack takes it for, such as `pdf`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file_type: Option<String>,
    /// Who uploaded it.
    pub(super) author: Author,
    /// When it was uploaded, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) time: Option<String>,
    /// A link to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) permalink: Option<String>,
    /// The part of its text that fits. Written by its author.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<String>,
}

/// A message as either search tells of it.
pub(super) struct Hit {
    pub(super) ts: Ts,
    pub(super) author_id: Option<String>,
    pub(super) author_name: Option<String>,
    pub(super) bot: bool,
    pub(super) channel_id: String,
    pub(super) channel_name: Option<String>,
    /// In Slack's markup.
    pub(super) markup: String,
    pub(super) permalink: Option<String>,
}

/// The hits made readable, with the names of the people that a text mentions without one. A name
/// that cannot be looked up stays an id: that needs a permission which searching does not.
pub(super) async fn messages(api: &Api, hits: Vec<Hit>) -> Vec<FoundMessage> {
    let mut unnamed: Vec<String> = hits
        .iter()
        .flat_map(|hit| {
            let nameless = hit.author_name.is_none().then(|| hit.author_id.clone());
            let mentioned = mrkdwn::mentioned(&hit.markup).map(str::to_owned);
            let mentioned = mentioned.filter(|id| hit.markup.contains(&format!("<@{id}>")));
            mentioned.chain(nameless.flatten()).collect::<Vec<_>>()
        })
        .filter(|id| is_person_id(id))
        .collect();
    unnamed.sort_unstable();
    unnamed.dedup();
    let names = Names::look_up(api, unnamed).await.by_id;
    hits.into_iter()
        .map(|hit| message(api, hit, &names))
        .collect()
}

fn message(api: &Api, hit: Hit, names: &HashMap<String, String>) -> FoundMessage {
    let permalink = hit.permalink.map(|link| snippet(&link, 300));
    let thread = permalink
        .as_deref()
        .and_then(|link| MessageName::parse("permalink", link).ok())
        .and_then(|name| name.thread)
        .filter(|parent| *parent != hit.ts);
    FoundMessage {
        ts: hit.ts.to_string(),
        time: match hit.ts.time() {
            Some(time) => when::show(time, api.zone()),
            None => hit.ts.to_string(),
        },
        author: author(hit.author_id, hit.author_name, hit.bot, names),
        channel: FoundIn {
            id: snippet(&hit.channel_id, 30),
            // What Slack gives a direct message for a name is the other person's id.
            name: hit
                .channel_name
                .map(|name| snippet(&name, 80))
                .filter(|name| !name.is_empty() && !is_person_id(name)),
        },
        text: mrkdwn::plain(&hit.markup, names),
        thread_ts: thread.map(String::from),
        permalink,
    }
}

/// Who wrote something that was found.
pub(super) fn author(
    id: Option<String>,
    name: Option<String>,
    bot: bool,
    names: &HashMap<String, String>,
) -> Author {
    let id = id.map(|id| snippet(&id, 30)).filter(|id| !id.is_empty());
    let name = name.map(|name| snippet(&name, 80));
    let name = name.filter(|name| !name.is_empty());
    let known = id.as_ref().and_then(|id| names.get(id).cloned());
    Author {
        name: name
            .or(known)
            .or_else(|| id.clone())
            .unwrap_or_else(|| "unknown".to_owned()),
        id,
        bot,
    }
}

/// Shortens the texts so that all results fit, and says how many were cut.
pub(super) fn fit(messages: &mut [FoundMessage], files: &mut [FoundFile]) -> usize {
    let results = messages.len() + files.len();
    let texts = messages
        .iter_mut()
        .map(|message| &mut message.text)
        .chain(files.iter_mut().filter_map(|file| file.text.as_mut()));
    let budget = TEXT_BUDGET.saturating_sub(AROUND_A_TEXT * results);
    cut_to_fit(texts.collect(), budget)
}

impl FoundMessage {
    /// A head line and the text, whose further lines are set off.
    pub(super) fn render(&self) -> String {
        let place = match &self.channel.name {
            Some(name) => format!("#{name} ({})", self.channel.id),
            None => self.channel.id.clone(),
        };
        let mut text = format!("[{}] {} in {place}", self.time, with_id(&self.author));
        if let Some(parent) = &self.thread_ts {
            write!(text, ", in thread {parent}").expect("a string takes every write");
        }
        write!(text, ": {} {{{}}}", inset(&self.text), self.ts)
            .expect("a string takes every write");
        if let Some(link) = &self.permalink {
            write!(text, "\n{link}").expect("a string takes every write");
        }
        text
    }
}

impl FoundFile {
    /// A head line and the text, whose further lines are set off.
    pub(super) fn render(&self) -> String {
        let mut text = format!("[file] {} ({}", self.title, self.id);
        for fact in [&self.file_type, &self.time].into_iter().flatten() {
            write!(text, ", {fact}").expect("a string takes every write");
        }
        write!(text, ") by {}", with_id(&self.author)).expect("a string takes every write");
        if let Some(said) = &self.text {
            write!(text, ": {}", inset(said)).expect("a string takes every write");
        }
        if let Some(link) = &self.permalink {
            write!(text, "\n{link}").expect("a string takes every write");
        }
        text
    }
}

fn with_id(author: &Author) -> String {
    match &author.id {
        Some(id) if !author.bot && *id != author.name => format!("{} ({id})", author.name),
        _ => shown(author),
    }
}
