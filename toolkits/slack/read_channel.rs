//! `slack_read_channel`: the messages of a conversation in a window of time.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::call::{Failure, call};
use super::channels::{self, Channel};
use super::messages::{self, Message, Style};
use super::people::{Everyone, Names};
use super::target::Target;
use super::ts::Ts;
use super::wire::{self, next_cursor};
use crate::api::{Api, Effect};
use crate::cursor;
use crate::error::ToolError;
use crate::output::{Page, Render};
use crate::when;

/// How many messages one page has, at most.
const MOST: usize = 200;

/// How often the history is asked for one page: Slack may answer with fewer messages than asked,
/// and the messages of people who joined or left are not shown.
const REQUESTS: usize = 5;

/// How many threads one page asks for their newest reply, and how many at a time.
const THREADS: usize = 20;
const THREADS_AT_ONCE: usize = 4;

/// The texts of a page together have at most this many characters, less what each message needs
/// besides, so that the text block holds all of them.
const TEXT_BUDGET: usize = 17_000;
const AROUND_A_TEXT: usize = 70;

/// Read the messages of a Slack channel or direct message in a window of time, with names instead
/// of ids. A page holds the newest messages of the window, oldest first; the next page is older.
/// Replies in threads are counted, not shown.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// #name, @person (their direct message), an id (C…, G…, D… or U…) or a link copied from Slack.
    channel: String,
    /// Start of the window: a span back from now (3h, 1d, 2w), a date or an RFC 3339 time.
    #[serde(default = "one_day")]
    since: String,
    /// End of the window, in the same forms; now when left out. A date means its first moment.
    #[serde(default)]
    until: Option<String>,
    /// How many messages, 1 to 200.
    #[serde(default = "fifty")]
    limit: usize,
    /// What to tell of threads.
    #[serde(default)]
    include_thread_replies: ThreadReplies,
    /// Also show who joined and left.
    #[serde(default)]
    include_joins: bool,
    /// `next_cursor` of the page before, with the same `channel`; the window stays that page's.
    #[serde(default)]
    cursor: Option<String>,
    /// How much to tell.
    #[serde(default)]
    response_format: ResponseFormat,
}

fn one_day() -> String {
    "1d".to_owned()
}

fn fifty() -> usize {
    50
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ThreadReplies {
    /// Nothing.
    None,
    /// How many replies each has.
    #[default]
    Counts,
    /// That, and the newest reply of each.
    Latest,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ResponseFormat {
    /// Who, when and what.
    #[default]
    Concise,
    /// Also file ids, types and sizes, edits, and what kind of message it is.
    Detailed,
}

/// A page of a conversation.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ReadChannel {
    /// The conversation.
    channel: Channel,
    /// The window that was read.
    window: Window,
    /// How the messages are sorted.
    order: Order,
    /// The messages.
    messages: Vec<Message>,
    /// Where it goes on, to older messages.
    page: Page,
    truncated: bool,
    warnings: Vec<String>,
}

/// A window of time, both ends included.
#[derive(Debug, Serialize, JsonSchema)]
struct Window {
    /// RFC 3339.
    since: String,
    /// RFC 3339.
    until: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Order {
    OldestFirst,
}

/// Where a page begins. It travels in the cursor.
#[derive(Debug, Serialize, Deserialize)]
struct Position {
    /// The `channel` argument of the first page.
    asked: String,
    channel: Channel,
    since: Ts,
    until: Ts,
    /// Slack's own cursor.
    next: Option<String>,
}

/// Reads one page.
pub(super) async fn run(api: Api, args: Args) -> Result<ReadChannel, ToolError> {
    let mut warnings = Vec::new();
    let limit = args.limit.clamp(1, MOST);
    if limit != args.limit {
        warnings.push(format!(
            "`limit` was changed to {limit}; it can be 1 to {MOST}."
        ));
    }
    let (mut position, mut person) = match &args.cursor {
        Some(cursor) => (resume(cursor, &args)?, None),
        None => begin(&api, &args).await?,
    };

    // An id says nothing about its conversation. What it is called is good to know but not needed.
    let unknown = position.channel.name.is_none() && args.cursor.is_none() && person.is_none();
    let describe = async {
        match unknown {
            true => channels::describe(&api, &position.channel.id).await.ok(),
            false => None,
        }
    };
    let (described, fetched) =
        tokio::join!(describe, fetch(&api, &position, limit, args.include_joins));
    if let Some((channel, other)) = described {
        position.channel = Channel {
            id: position.channel.id,
            ..channel
        };
        person = other;
    }
    let fetched = fetched.map_err(|failure| failure.least(position.channel.scope_kinds()))?;
    warnings.extend(fetched.warning);

    let latest = match args.include_thread_replies {
        ThreadReplies::Latest => {
            latest_replies(&api, &position.channel.id, &fetched.messages, &mut warnings).await
        }
        ThreadReplies::None | ThreadReplies::Counts => HashMap::new(),
    };
    let mut wanted: Vec<String> = person.iter().cloned().collect();
    wanted.extend(
        fetched
            .messages
            .iter()
            .chain(latest.values())
            .flat_map(messages::people),
    );
    let mut seen = std::collections::HashSet::new();
    wanted.retain(|id| seen.insert(id.clone()));
    let names = Names::look_up(&api, wanted).await;
    warnings.extend(names.warning);
    if let Some(person) = person {
        position.channel.name = names.by_id.get(&person).cloned();
    }

    let style = Style {
        zone: api.zone(),
        names: &names.by_id,
        detailed: args.response_format == ResponseFormat::Detailed,
        replies: args.include_thread_replies != ThreadReplies::None,
    };
    let mut messages: Vec<Message> = fetched
        .messages
        .iter()
        .rev()
        .map(|message| style.message(message, latest.get(&message.ts)))
        .collect();
    let budget = TEXT_BUDGET.saturating_sub(AROUND_A_TEXT * messages.len());
    let cut = messages::fit(&mut messages, budget);
    if cut > 0 {
        warnings.push(format!(
            "{cut} long texts were cut. A smaller `limit` or window leaves more room for each."
        ));
    }
    let show = |ts: Ts| {
        ts.time()
            .map_or_else(|| ts.to_string(), |t| when::show(t, api.zone()))
    };
    Ok(ReadChannel {
        window: Window {
            since: show(position.since),
            until: show(position.until),
        },
        order: Order::OldestFirst,
        page: Page {
            next_cursor: fetched.next.map(|next| {
                cursor::wrap(&Position {
                    next: Some(next),
                    channel: position.channel.clone(),
                    ..position
                })
            }),
            returned: messages.len(),
            total_estimate: None,
        },
        channel: position.channel,
        messages,
        truncated: cut > 0,
        warnings,
    })
}

/// The first page of a window, and the person whose direct message it is.
async fn begin(api: &Api, args: &Args) -> Result<(Position, Option<String>), ToolError> {
    let (now, zone) = (api.now(), api.zone());
    let since = when::parse("since", &args.since, now, zone)?;
    let until = match &args.until {
        Some(until) => when::parse("until", until, now, zone)?,
        None => now,
    };
    if since >= until {
        return Err(ToolError::invalid_arguments(
            "The window is empty: `since` must be before `until`.",
        ));
    }
    let mut person = None;
    let channel = match Target::parse("channel", &args.channel)? {
        Target::Conversation(id) => Channel::unknown(id),
        Target::ChannelName(name) => channels::by_name(api, &name, &["groups:history"]).await?,
        Target::Person(id) => channels::with_person(api, &*person.insert(id)).await?,
        Target::PersonName(name) => {
            let everyone = Everyone::fetch(api)
                .await
                .map_err(|failure| failure.and_then_needs(&["im:read", "im:history"]))?;
            let id = everyone.find(&name)?.id.clone();
            channels::with_person(api, &*person.insert(id)).await?
        }
    };
    let position = Position {
        asked: args.channel.clone(),
        channel,
        since: Ts::of(since),
        until: Ts::of(until),
        next: None,
    };
    Ok((position, person))
}

fn resume(cursor: &str, args: &Args) -> Result<Position, ToolError> {
    let position: Position = cursor::unwrap(cursor)?;
    if position.asked != args.channel {
        return Err(ToolError::invalid_arguments(
            "`cursor` belongs to another `channel`; pass the one it came with, or no cursor.",
        ));
    }
    Ok(position)
}

/// What the history gave, newest first.
struct Fetched {
    messages: Vec<wire::Message>,
    /// Slack's cursor to older messages of the window.
    next: Option<String>,
    warning: Option<String>,
}

/// Asks for the history until the page is full or the window is read.
///
/// Slack pages from the newest message back, and a page with fewer messages than asked is not the
/// last (<https://docs.slack.dev/reference/methods/conversations.history>). The window is checked
/// here too, for servers that do not.
async fn fetch(
    api: &Api,
    position: &Position,
    limit: usize,
    include_joins: bool,
) -> Result<Fetched, Failure> {
    let mut fetched = Fetched {
        messages: Vec::new(),
        next: position.next.clone(),
        warning: None,
    };
    for request in 0..REQUESTS {
        let mut fields = vec![
            ("channel", position.channel.id.clone()),
            ("limit", (limit - fetched.messages.len()).to_string()),
            ("oldest", position.since.to_string()),
            ("latest", position.until.to_string()),
            ("inclusive", "true".to_owned()),
        ];
        fields.extend(fetched.next.clone().map(|next| ("cursor", next)));
        let page: wire::History =
            match call(api, Effect::Read, "conversations.history", &fields).await {
                Ok(page) => page,
                Err(failure) if request == 0 => return Err(failure),
                Err(failure) => {
                    fetched.warning = Some(format!(
                        "Fewer messages than asked: {} Go on with the cursor.",
                        failure.error.message
                    ));
                    return Ok(fetched);
                }
            };
        fetched.next = next_cursor(page.response_metadata);
        if page.has_more && fetched.next.is_none() {
            fetched.warning = Some(
                "There are older messages, but Slack gave no cursor to them; call again with an \
                 earlier `until`."
                    .to_owned(),
            );
        }
        for message in page.messages {
            if message.ts < position.since {
                fetched.next = None;
            } else if message.ts <= position.until && (include_joins || !is_join(&message)) {
                fetched.messages.push(message);
            }
        }
        if fetched.next.is_none() || fetched.messages.len() >= limit {
            break;
        }
    }
    fetched.messages.sort_by(|a, b| b.ts.cmp(&a.ts));
    Ok(fetched)
}

fn is_join(message: &wire::Message) -> bool {
    matches!(
        message.subtype.as_deref(),
        Some("channel_join" | "channel_leave" | "group_join" | "group_leave")
    )
}

/// The newest reply of each thread, by the parent's `ts`.
async fn latest_replies(
    api: &Api,
    channel: &str,
    messages: &[wire::Message],
    warnings: &mut Vec<String>,
) -> HashMap<Ts, wire::Message> {
    let threads: Vec<(Ts, Ts)> = messages
        .iter()
        .filter(|message| message.reply_count.unwrap_or(0) > 0)
        .map(|message| {
            let latest = message
                .latest_reply
                .as_deref()
                .and_then(|ts| ts.parse().ok());
            (message.ts, latest.unwrap_or(message.ts))
        })
        .collect();
    let asked = threads.len();
    let gate = Arc::new(Semaphore::new(THREADS_AT_ONCE));
    let mut requests = JoinSet::new();
    for (parent, latest) in threads.into_iter().take(THREADS) {
        let (api, gate, channel) = (api.clone(), Arc::clone(&gate), channel.to_owned());
        requests.spawn(async move {
            let _permit = gate.acquire().await;
            (parent, newest_reply(&api, channel, parent, latest).await)
        });
    }
    let mut found = HashMap::new();
    let mut reason = String::new();
    while let Some(done) = requests.join_next().await {
        match done {
            Ok((parent, Ok(Some(reply)))) => drop(found.insert(parent, reply)),
            Ok((_, Err(failure))) => reason = format!(": {}", failure.error.message),
            Ok((_, Ok(None))) | Err(_) => {}
        }
    }
    if found.len() < asked {
        let missing = asked - found.len();
        warnings.push(format!(
            "The newest reply of {missing} threads is not shown{reason}"
        ));
    }
    found
}

/// Slack returns a thread oldest first and its parent always: from the newest reply on, there is
/// one other message (<https://docs.slack.dev/reference/methods/conversations.replies>).
async fn newest_reply(
    api: &Api,
    channel: String,
    parent: Ts,
    latest: Ts,
) -> Result<Option<wire::Message>, Failure> {
    let fields = [
        ("channel", channel),
        ("ts", parent.to_string()),
        ("oldest", latest.to_string()),
        ("inclusive", "true".to_owned()),
        ("limit", "10".to_owned()),
    ];
    let thread: wire::History = call(api, Effect::Read, "conversations.replies", &fields).await?;
    let replies = thread
        .messages
        .into_iter()
        .filter(|reply| reply.ts != parent);
    Ok(replies.max_by_key(|reply| reply.ts))
}

impl Render for ReadChannel {
    fn render(&self) -> String {
        let Window { since, until } = &self.window;
        let mut text = format!(
            "{} ({}), {since} to {until}, oldest first. {}\n",
            self.channel.shown(),
            self.channel.id,
            self.page.render()
        );
        for message in &self.messages {
            text.push('\n');
            text.push_str(&messages::render(message));
        }
        let authors = self.messages.iter().flat_map(|message| {
            let reply = message.latest_reply.as_ref().map(|reply| &reply.author);
            std::iter::once(&message.author).chain(reply)
        });
        let mut people: Vec<(&str, &str)> = authors
            .filter(|author| !author.bot)
            .filter_map(|author| Some((author.id.as_deref()?, author.name.as_str())))
            .collect();
        people.sort_unstable();
        people.dedup();
        for (index, (id, name)) in people.iter().enumerate() {
            let before = if index == 0 { "\n\nPeople: " } else { ", " };
            let name = name.replace('"', "'");
            write!(text, "{before}{id} = \"{name}\"").expect("a string takes every write");
        }
        text
    }
}

#[cfg(test)]
mod tests;
