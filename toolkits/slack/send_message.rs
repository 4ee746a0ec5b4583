//! `slack_send_message`: posts to a channel, a person, several people or a thread.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::{call, call_once};
use super::channels::Channel;
use super::destination::{self, Place, check_thread, open, place};
use super::outgoing::{self, MentionPolicy, Recipient};
use super::target::{Target, Thread};
use super::wire::{PermalinkAnswer, Posted};
use crate::api::{Api, Effect};
use crate::arguments::OneOrMany;
use crate::error::ToolError;
use crate::output::Render;

/// Post a Slack message as the connected person to a channel, to one person, to several people as
/// a group message, or to a thread. It cannot be called back: use `dry_run` to see what would be
/// sent. It never notifies a whole channel.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// A channel as #name, a person as @name, an id (C…, G…, D… or U…), or a channel link copied
    /// from Slack; or a list of two to eight people for a group message.
    to: OneOrMany,
    /// The message in Markdown, at most 12,000 characters.
    text: String,
    /// Post as a reply: the `ts` of the thread's first message, or a link to a message of the
    /// thread.
    #[serde(default)]
    thread_ts: Option<String>,
    /// With `thread_ts`: also show the reply in the channel.
    #[serde(default)]
    also_to_channel: bool,
    /// Let Slack fetch previews of the links in the text. Off, because a link may carry data out
    /// when it is fetched.
    #[serde(default)]
    unfurl: bool,
    /// What becomes of @name in the text.
    #[serde(default)]
    mention_policy: MentionPolicy,
    /// Send nothing; return what would be sent.
    #[serde(default)]
    dry_run: bool,
}

/// What was sent, or would be.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SendMessage {
    /// False for a dry run.
    sent: bool,
    /// The message's key; null for a dry run.
    ts: Option<String>,
    /// The conversation; null for a dry run to people, since their conversation is not opened.
    channel: Option<Channel>,
    /// The people written to directly.
    recipients: Vec<Recipient>,
    /// The people mentioned by @name.
    mentions: Vec<Recipient>,
    /// The `ts` of the thread's first message.
    thread_ts: Option<String>,
    /// Whether a reply also shows in the channel.
    also_to_channel: bool,
    /// Whether Slack fetches previews of links.
    unfurl: bool,
    /// A link to the message; null for a dry run, and when Slack gave none.
    permalink: Option<String>,
    /// The text as it goes to Slack.
    text: String,
    warnings: Vec<String>,
}

/// Posts the message.
pub(super) async fn run(api: Api, args: Args) -> Result<SendMessage, ToolError> {
    let targets = destination::targets(&args.to, args.thread_ts.is_some())?;
    let thread = thread(&args, &targets)?;
    outgoing::check_length(&args.text)?;
    let mut everyone = None;
    let place = place(&api, targets, &mut everyone).await?;
    let written = outgoing::write(&api, &args.text, args.mention_policy, &mut everyone).await?;
    let mut message = SendMessage {
        sent: false,
        ts: None,
        channel: None,
        recipients: Vec::new(),
        mentions: written.mentions,
        thread_ts: thread.as_ref().map(|thread| thread.parent.to_string()),
        also_to_channel: args.also_to_channel,
        unfurl: args.unfurl,
        permalink: None,
        text: written.text,
        warnings: written.warnings,
    };
    message.channel = match place {
        Place::Channel(channel) => {
            check_thread(thread.as_ref(), &channel.id)?;
            Some(channel)
        }
        Place::People(people) => {
            message.recipients = people;
            if args.dry_run {
                None
            } else {
                let channel = open(&api, &message.recipients).await?;
                check_thread(thread.as_ref(), &channel.id)?;
                Some(channel)
            }
        }
    };
    if let (false, Some(channel)) = (args.dry_run, message.channel.clone()) {
        post(&api, &mut message, &channel).await?;
    }
    Ok(message)
}

fn thread(args: &Args, targets: &[Target]) -> Result<Option<Thread>, ToolError> {
    let Some(text) = &args.thread_ts else {
        if args.also_to_channel {
            return Err(ToolError::invalid_arguments(
                "`also_to_channel` is for a reply: pass `thread_ts` with it.",
            ));
        }
        return Ok(None);
    };
    destination::thread(text, targets).map(Some)
}

async fn post(api: &Api, message: &mut SendMessage, channel: &Channel) -> Result<(), ToolError> {
    let mut fields = vec![
        ("channel", channel.id.clone()),
        ("markdown_text", message.text.clone()),
        ("unfurl_links", message.unfurl.to_string()),
        ("unfurl_media", message.unfurl.to_string()),
        // No `@group` of the text becomes a mention either.
        ("link_names", "false".to_owned()),
    ];
    if let Some(parent) = &message.thread_ts {
        fields.push(("thread_ts", parent.clone()));
        fields.push(("reply_broadcast", message.also_to_channel.to_string()));
    }
    let posted: Posted = call(api, Effect::Write, "chat.postMessage", &fields).await?;
    if let (Some(asked), Some(became)) = (&message.thread_ts, &posted.message)
        && became.thread_ts.as_ref() != Some(asked)
    {
        message.warnings.push(format!(
            "Slack did not put the reply into the thread {asked}: it may be the ts of a reply and \
             not of the thread's first message, or of a message that is gone."
        ));
    }
    message.sent = true;
    message.ts = Some(posted.ts.to_string());

    let fields = [
        ("channel", posted.channel),
        ("message_ts", posted.ts.to_string()),
    ];
    // The message is out: nothing may hold up the answer that says so, or it is sent again.
    let link = call_once::<PermalinkAnswer>(api, "chat.getPermalink", &fields).await;
    match link {
        Ok(link) => message.permalink = Some(link.permalink),
        Err(failure) => message.warnings.push(format!(
            "The message was sent, but there is no link to it: {}",
            failure.error.message
        )),
    }
    Ok(())
}

impl Render for SendMessage {
    fn render(&self) -> String {
        let mut text = String::from(if self.sent {
            "Sent"
        } else {
            "Dry run: nothing was sent. It would go"
        });
        if let Some(channel) = &self.channel {
            write!(text, " to {} ({})", channel.shown(), channel.id)
                .expect("a string takes every write");
        }
        if !self.recipients.is_empty() {
            write!(text, " to {}", Recipient::shown(&self.recipients))
                .expect("a string takes every write");
        }
        if let Some(thread) = &self.thread_ts {
            let also = if self.also_to_channel {
                ", also shown in the channel"
            } else {
                ""
            };
            write!(text, " in thread {thread}{also}").expect("a string takes every write");
        }
        text.push('.');
        if let Some(ts) = &self.ts {
            write!(text, "\nts: {ts}").expect("a string takes every write");
        }
        if let Some(link) = &self.permalink {
            write!(text, "\nLink: {link}").expect("a string takes every write");
        }
        if !self.mentions.is_empty() {
            write!(text, "\nMentions: {}", Recipient::shown(&self.mentions))
                .expect("a string takes every write");
        }
        let previews = if self.unfurl { "on" } else { "off" };
        write!(text, "\nLink previews: {previews}\nText:\n{}", self.text)
            .expect("a string takes every write");
        text
    }
}
