//! `slack_read_channel`: the messages of a conversation in a window of time.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::allowed;
use super::channels::{self, Channel};
use super::history::{self, Span};
use super::locate::{self, Place};
use super::messages::{self, AROUND_A_TEXT, Message, ResponseFormat, Style, TEXT_BUDGET};
use super::people::Names;
use super::target::Target;
use super::ts::Ts;
use crate::api::Api;
use crate::cursor;
use crate::error::ToolError;
use crate::output::{Page, Render};
use crate::when;

/// How many messages one page has, at most.
const MOST: usize = 200;

/// Read the messages of a Slack channel or direct message in a window of time, with names instead
/// of ids. A page holds the newest messages of the window, oldest first; the next page is older.
/// Replies in threads are counted, not shown.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// A channel as #name, a person as @name (their direct message), an id (C…, G…, D… or U…), or a
    /// link copied from Slack.
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
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Position {
    /// The `channel` argument of the first page.
    asked: String,
    channel: Channel,
    since: Ts,
    until: Ts,
    /// No `until` was given: `until` is the time of the first page, by this server's clock. Slack's
    /// may be ahead, and a message just sent must not be missed.
    open: bool,
    /// Slack's own cursor.
    next: Option<String>,
}

impl Position {
    /// Where Slack's cursor leads.
    fn at(&self, next: String) -> Self {
        Self {
            next: Some(next),
            ..self.clone()
        }
    }

    /// The rest of the window, before a message.
    fn before(&self, message: Ts) -> Self {
        Self {
            until: message.before(),
            open: false,
            next: None,
            ..self.clone()
        }
    }
}

impl Window {
    fn of(position: &Position, api: &Api) -> Self {
        let show = |ts: Ts| {
            ts.time()
                .map_or_else(|| ts.to_string(), |t| when::show(t, api.zone()))
        };
        Self {
            since: show(position.since),
            until: show(position.until),
        }
    }
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
        Some(cursor) => {
            let position = resume(cursor, &args)?;
            let channel = Target::Conversation(position.channel.id.clone());
            allowed::target(&api, channel).await?;
            (position, None)
        }
        None => begin(&api, &args).await?,
    };

    // An id says nothing about its conversation. What it is called is good to know but not needed.
    let unknown = position.channel.name.is_none() && args.cursor.is_none() && person.is_none();
    let describe = async {
        if !unknown {
            return None;
        }
        channels::describe(&api, &position.channel.id).await.ok()
    };
    let span = Span {
        since: position.since,
        until: (!position.open).then_some(position.until),
    };
    let fetch = history::fetch(
        &api,
        &position.channel.id,
        span,
        position.next.clone(),
        limit,
        args.include_joins,
    );
    let (described, fetched) = tokio::join!(describe, fetch);
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
            history::latest_replies(&api, &position.channel.id, &fetched.messages, &mut warnings)
                .await
        }
        ThreadReplies::None | ThreadReplies::Counts => HashMap::new(),
    };
    let shown = fetched.messages.iter().chain(latest.values());
    let names = Names::look_up(&api, messages::people_of(person.as_ref(), shown)).await;
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
            "Long texts were cut: {cut}. A smaller `limit` or window leaves more room for each."
        ));
    }
    let kept = messages::fitting(messages.iter().rev(), TEXT_BUDGET);
    let left = messages.len().saturating_sub(kept);
    messages.drain(..left);
    let next = if left == 0 {
        fetched.next.map(|next| position.at(next))
    } else {
        // Slack's own cursor is beyond what is left: the next page begins before the oldest shown.
        Some(position.before(fetched.messages[messages.len() - 1].ts))
    };
    Ok(ReadChannel {
        window: Window::of(&position, &api),
        order: Order::OldestFirst,
        page: Page {
            next_cursor: next.as_ref().map(cursor::wrap),
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
    let target = Target::parse("channel", &args.channel)?;
    let Place { channel, person } = locate::conversation(api, target, Some("history")).await?;
    let position = Position {
        asked: args.channel.clone(),
        channel,
        since: Ts::of(since),
        until: Ts::of(until),
        open: args.until.is_none(),
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
        text.push_str(&messages::render_people(&self.messages));
        text
    }
}
