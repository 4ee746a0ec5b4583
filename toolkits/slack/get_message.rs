//! `slack_get_message`: one message, and what was said right before it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::{Failure, call, call_once};
use super::channels::Channel;
use super::history;
use super::locate;
use super::messages::{self, AROUND_A_TEXT, Message, Style, TEXT_BUDGET};
use super::people::Names;
use super::ts::Ts;
use super::wire::{self, PermalinkAnswer};
use crate::api::{Api, Effect};
use crate::error::{ErrorCode, ToolError};
use crate::output::Render;

/// How many messages before it are shown, at most.
const MOST: usize = 20;

/// Get one Slack message or reply with its link, reactions and files, and optionally what was said
/// right before it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// The message's `ts`, or its link copied from Slack.
    ts: String,
    /// The message's conversation: #name, @name or an id. Not needed with a link.
    #[serde(default)]
    channel: Option<String>,
    /// How many messages before it to show, 0 to 20; before a reply, those of its thread.
    #[serde(default)]
    context: usize,
}

/// One message.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct GetMessage {
    /// The conversation.
    channel: Channel,
    /// The message.
    message: Message,
    /// A link to it; null when Slack gave none.
    permalink: Option<String>,
    /// The messages right before it, oldest first.
    before: Vec<Message>,
    truncated: bool,
    warnings: Vec<String>,
}

/// Gets the message.
pub(super) async fn run(api: Api, args: Args) -> Result<GetMessage, ToolError> {
    let mut warnings = Vec::new();
    let context = args.context.min(MOST);
    if context != args.context {
        warnings.push(format!(
            "`context` was changed to {context}; it can be 0 to {MOST}."
        ));
    }
    let name = ("ts", args.ts.as_str());
    let spot = locate::message(&api, args.channel.as_deref(), name, Some("history")).await?;
    let kinds = spot.place.channel.scope_kinds();
    let id = spot.place.channel.id.clone();
    let link_fields = [("channel", id.clone()), ("message_ts", spot.ts.to_string())];
    let (message, place, link) = tokio::join!(
        one(&api, &id, spot.thread.unwrap_or(spot.ts), spot.ts),
        locate::described(&api, spot.place),
        call_once::<PermalinkAnswer>(&api, "chat.getPermalink", &link_fields),
    );
    let message = message
        .map_err(|failure| failure.least(kinds))?
        .ok_or_else(|| {
            ToolError::new(
                ErrorCode::NotFound,
                "Slack does not find this message in this conversation.",
                "Check the ts and the conversation. For a reply, pass its link.",
            )
        })?;
    let permalink = match link {
        Ok(link) => Some(link.permalink),
        Err(failure) => {
            warnings.push(format!(
                "There is no link to the message: {}",
                failure.error.message
            ));
            None
        }
    };
    let before = match before(&api, &id, &message, context).await {
        Ok(before) => before,
        Err(failure) => {
            warnings.push(format!(
                "What was said before it could not be read: {}",
                failure.error.message
            ));
            Vec::new()
        }
    };

    let shown = std::iter::once(&message).chain(&before);
    let people = messages::people_of(place.person.as_ref(), shown);
    let names = Names::look_up(&api, people).await;
    warnings.extend(names.warning);
    let mut channel = place.channel;
    if let Some(person) = &place.person {
        channel.name = names.by_id.get(person).cloned();
    }
    let style = Style {
        zone: api.zone(),
        names: &names.by_id,
        detailed: true,
        replies: true,
    };
    let mut all: Vec<Message> = before
        .iter()
        .chain([&message])
        .map(|message| style.message(message, None))
        .collect();
    let budget = TEXT_BUDGET - AROUND_A_TEXT * all.len();
    let cut = messages::fit(&mut all, budget);
    if cut > 0 {
        warnings.push(format!("Long texts were cut: {cut}."));
    }
    let message = all.pop().expect("the message itself is the last");
    Ok(GetMessage {
        channel,
        message,
        permalink,
        before: all,
        truncated: cut > 0,
        warnings,
    })
}

/// The message `ts` of the thread of `parent`, or itself its own thread of one.
///
/// The history has no replies. A thread asked for from a message to the same message has that one,
/// and the parent always (<https://docs.slack.dev/reference/methods/conversations.replies>).
async fn one(
    api: &Api,
    channel: &str,
    parent: Ts,
    ts: Ts,
) -> Result<Option<wire::Message>, Failure> {
    let fields = [
        ("channel", channel.to_owned()),
        ("ts", parent.to_string()),
        ("oldest", ts.to_string()),
        ("latest", ts.to_string()),
        ("inclusive", "true".to_owned()),
        ("limit", "10".to_owned()),
    ];
    let found = call::<wire::History>(api, Effect::Read, "conversations.replies", &fields).await;
    match found {
        Ok(thread) => Ok(thread.messages.into_iter().find(|one| one.ts == ts)),
        Err(failure) if failure.slack_code == "thread_not_found" => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// At most `count` messages right before `message`, oldest first.
async fn before(
    api: &Api,
    channel: &str,
    message: &wire::Message,
    count: usize,
) -> Result<Vec<wire::Message>, Failure> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let thread = message.thread_ts.as_deref();
    let parent = thread.filter(|parent| *parent != message.ts.to_string());
    let mut found = match parent {
        None => history::before(api, channel, message.ts, count).await?,
        // A thread pages from its beginning, and one page of it is long.
        Some(parent) => {
            let fields = [
                ("channel", channel.to_owned()),
                ("ts", parent.to_owned()),
                ("latest", message.ts.to_string()),
                ("limit", "900".to_owned()),
            ];
            call::<wire::History>(api, Effect::Read, "conversations.replies", &fields)
                .await?
                .messages
        }
    };
    found.retain(|one| one.ts < message.ts);
    found.sort_by_key(|one| one.ts);
    let more = found.len().saturating_sub(count);
    Ok(found.split_off(more))
}

impl Render for GetMessage {
    fn render(&self) -> String {
        let mut text = format!("In {} ({}).\n", self.channel.shown(), self.channel.id);
        if let Some(link) = &self.permalink {
            text = format!("{text}Link: {link}\n");
        }
        if !self.before.is_empty() {
            text.push_str("\nBefore it:");
            for message in &self.before {
                text = format!("{text}\n{}", messages::render(message));
            }
            text.push_str("\n\nThe message:");
        }
        text = format!("{text}\n{}", messages::render(&self.message));
        let all = self.before.iter().chain([&self.message]);
        text.push_str(&messages::render_people(all));
        text
    }
}
