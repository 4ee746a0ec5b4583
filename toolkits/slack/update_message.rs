//! `slack_update_message`: replaces the text of a message that the person posted.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::call;
use super::channels::Channel;
use super::locate;
use super::outgoing::{self, MentionPolicy, Recipient};
use super::wire::Done;
use crate::api::{Api, Effect};
use crate::error::ToolError;
use crate::output::Render;

/// Replace the text of a Slack message that the connected person posted. The old text is lost; use
/// `dry_run` to see what the new one would be. It never notifies a whole channel.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// The message's `ts`, or its link copied from Slack.
    ts: String,
    /// The message's conversation: #name, @name or an id. Not needed with a link.
    #[serde(default)]
    channel: Option<String>,
    /// The new text in Markdown, at most 12,000 characters.
    text: String,
    /// What becomes of @name in the text.
    #[serde(default)]
    mention_policy: MentionPolicy,
    /// Change nothing; return what would be sent.
    #[serde(default)]
    dry_run: bool,
}

/// What was changed, or would be.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct UpdateMessage {
    /// False for a dry run.
    updated: bool,
    /// The conversation.
    channel: Channel,
    /// The message's key.
    ts: String,
    /// The people mentioned by @name.
    mentions: Vec<Recipient>,
    /// The text as it goes to Slack.
    text: String,
    warnings: Vec<String>,
}

/// Changes the message.
pub(super) async fn run(api: Api, args: Args) -> Result<UpdateMessage, ToolError> {
    outgoing::check_length(&args.text)?;
    let spot = locate::message(&api, args.channel.as_deref(), ("ts", &args.ts), None).await?;
    let written = outgoing::write(&api, &args.text, args.mention_policy, &mut None).await?;
    let channel = locate::named(&api, spot.place).await;
    if !args.dry_run {
        // Without `blocks`, those of the old text are removed; `parse` and `link_names` are reset to
        // what would make mentions of names (<https://docs.slack.dev/reference/methods/chat.update>).
        let fields = [
            ("channel", channel.id.clone()),
            ("ts", spot.ts.to_string()),
            ("markdown_text", written.text.clone()),
            ("link_names", "false".to_owned()),
            ("parse", "none".to_owned()),
        ];
        let Done {} = call(&api, Effect::Write, "chat.update", &fields).await?;
    }
    Ok(UpdateMessage {
        updated: !args.dry_run,
        channel,
        ts: spot.ts.to_string(),
        mentions: written.mentions,
        text: written.text,
        warnings: written.warnings,
    })
}

impl Render for UpdateMessage {
    fn render(&self) -> String {
        let mut text = String::from(if self.updated {
            "Updated"
        } else {
            "Dry run: nothing was changed. It would update"
        });
        write!(
            text,
            " {} in {} ({}).",
            self.ts,
            self.channel.shown(),
            self.channel.id
        )
        .expect("a string takes every write");
        if !self.mentions.is_empty() {
            write!(text, "\nMentions: {}", Recipient::shown(&self.mentions))
                .expect("a string takes every write");
        }
        write!(text, "\nText:\n{}", self.text).expect("a string takes every write");
        text
    }
}
