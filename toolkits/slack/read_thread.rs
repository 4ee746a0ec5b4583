//! `slack_read_thread`: a message and the replies to it.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::allowed;
use super::channels::Channel;
use super::locate::{self, Place};
use super::messages::{self, AROUND_A_TEXT, Message, ResponseFormat, Style, TEXT_BUDGET};
use super::people::Names;
use super::target::Target;
use super::thread::{self, Start};
use super::ts::Ts;
use crate::api::Api;
use crate::cursor;
use crate::error::ToolError;
use crate::output::{Page, Render};

/// How many messages one page has, at most.
const MOST: usize = 200;

/// Read a Slack thread, its first message first, with names instead of ids.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// The `ts` of the thread's first message, or a link to any message of the thread.
    thread_ts: String,
    /// The thread's conversation: #name, @name or an id. Not needed with a link.
    #[serde(default)]
    channel: Option<String>,
    /// How many messages, 1 to 200.
    #[serde(default = "hundred")]
    limit: usize,
    /// `next_cursor` of the page before, with the same `thread_ts`.
    #[serde(default)]
    cursor: Option<String>,
    /// How much to tell.
    #[serde(default)]
    response_format: ResponseFormat,
}

fn hundred() -> usize {
    100
}

/// A page of a thread.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ReadThread {
    /// The conversation.
    channel: Channel,
    /// The `ts` of the thread's first message.
    thread_ts: String,
    /// The messages, oldest first.
    messages: Vec<Message>,
    /// Where it goes on, to newer messages.
    page: Page,
    truncated: bool,
    warnings: Vec<String>,
}

/// Where a page begins. It travels in the cursor.
#[derive(Debug, Serialize, Deserialize)]
struct Position {
    /// The `thread_ts` argument of the first page.
    asked: String,
    channel: Channel,
    parent: Ts,
    start: Start,
}

/// Reads one page.
pub(super) async fn run(api: Api, args: Args) -> Result<ReadThread, ToolError> {
    let mut warnings = Vec::new();
    let limit = args.limit.clamp(1, MOST);
    if limit != args.limit {
        warnings.push(format!(
            "`limit` was changed to {limit}; it can be 1 to {MOST}."
        ));
    }
    let (mut position, person) = match &args.cursor {
        Some(cursor) => {
            let position = resume(cursor, &args)?;
            let channel = Target::Conversation(position.channel.id.clone());
            allowed::target(&api, channel).await?;
            (position, None)
        }
        None => begin(&api, &args).await?,
    };
    let place = Place {
        channel: position.channel.clone(),
        person,
    };
    let describe = async {
        match args.cursor {
            Some(_) => place,
            None => locate::described(&api, place).await,
        }
    };
    let start = position.start.clone();
    let fetch = thread::fetch(&api, &position.channel.id, position.parent, start, limit);
    let (place, fetched) = tokio::join!(describe, fetch);
    let mut fetched = fetched.map_err(|failure| failure.least(position.channel.scope_kinds()))?;
    position.channel = place.channel;

    // The `ts` of a reply may lead to the reply alone; it names its thread.
    if let (Some(first), None) = (fetched.messages.first(), &args.cursor)
        && let Some(Ok(parent)) = first.thread_ts.as_deref().map(str::parse::<Ts>)
    {
        position.parent = parent;
        if first.ts != parent {
            fetched =
                thread::fetch(&api, &position.channel.id, parent, Start::default(), limit).await?;
        }
    }
    warnings.extend(fetched.warning);

    let people = messages::people_of(place.person.as_ref(), fetched.messages.iter());
    let names = Names::look_up(&api, people).await;
    warnings.extend(names.warning);
    if let Some(person) = &place.person {
        position.channel.name = names.by_id.get(person).cloned();
    }
    let style = Style {
        zone: api.zone(),
        names: &names.by_id,
        detailed: args.response_format == ResponseFormat::Detailed,
        replies: true,
    };
    let mut messages: Vec<Message> = fetched
        .messages
        .iter()
        .map(|message| Message {
            // All are of the one thread.
            thread_ts: None,
            ..style.message(message, None)
        })
        .collect();
    let budget = TEXT_BUDGET.saturating_sub(AROUND_A_TEXT * messages.len());
    let cut = messages::fit(&mut messages, budget);
    if cut > 0 {
        warnings.push(format!(
            "Long texts were cut: {cut}. A smaller `limit` leaves more room for each."
        ));
    }
    let kept = messages::fitting(messages.iter(), TEXT_BUDGET);
    let next = if kept < messages.len() {
        // Slack's own cursor is beyond what is left.
        Some(Start::after(fetched.messages[kept - 1].ts))
    } else {
        fetched.next.map(|next| position.start.at(next))
    };
    messages.truncate(kept);
    Ok(ReadThread {
        thread_ts: position.parent.to_string(),
        page: Page {
            next_cursor: next.map(|start| {
                cursor::wrap(&Position {
                    start,
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

/// The first page of a thread, and the person whose direct message it is in.
async fn begin(api: &Api, args: &Args) -> Result<(Position, Option<String>), ToolError> {
    let name = ("thread_ts", args.thread_ts.as_str());
    let spot = locate::message(api, args.channel.as_deref(), name, Some("history")).await?;
    let position = Position {
        asked: args.thread_ts.clone(),
        channel: spot.place.channel,
        parent: spot.thread.unwrap_or(spot.ts),
        start: Start::default(),
    };
    Ok((position, spot.place.person))
}

fn resume(cursor: &str, args: &Args) -> Result<Position, ToolError> {
    let position: Position = cursor::unwrap(cursor)?;
    if position.asked != args.thread_ts {
        return Err(ToolError::invalid_arguments(
            "`cursor` belongs to another `thread_ts`; pass the one it came with, or no cursor.",
        ));
    }
    Ok(position)
}

impl Render for ReadThread {
    fn render(&self) -> String {
        let mut text = format!(
            "Thread {} in {} ({}), oldest first. {}\n",
            self.thread_ts,
            self.channel.shown(),
            self.channel.id,
            self.page.render()
        );
        for message in &self.messages {
            write!(text, "\n{}", messages::render(message)).expect("a string takes every write");
        }
        text.push_str(&messages::render_people(&self.messages));
        text
    }
}
