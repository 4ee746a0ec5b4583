//! `slack_delete_message`: deletes a message that the person posted.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::call;
use super::channels::Channel;
use super::locate;
use super::wire::Done;
use crate::api::{Api, Effect};
use crate::error::ToolError;
use crate::output::Render;

/// Delete a Slack message that the connected person posted. It cannot be brought back.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// The message's `ts`, or its link copied from Slack.
    ts: String,
    /// The message's conversation: #name, @name or an id. Not needed with a link.
    #[serde(default)]
    channel: Option<String>,
}

/// What was deleted.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DeleteMessage {
    /// The conversation.
    channel: Channel,
    /// The key that the message had.
    ts: String,
}

/// Deletes the message.
pub(super) async fn run(api: Api, args: Args) -> Result<DeleteMessage, ToolError> {
    let spot = locate::message(&api, args.channel.as_deref(), ("ts", &args.ts), None).await?;
    let channel = locate::named(&api, spot.place).await;
    let fields = [("channel", channel.id.clone()), ("ts", spot.ts.to_string())];
    let Done {} = call(&api, Effect::Write, "chat.delete", &fields).await?;
    Ok(DeleteMessage {
        channel,
        ts: spot.ts.to_string(),
    })
}

impl Render for DeleteMessage {
    fn render(&self) -> String {
        format!(
            "Deleted {} in {} ({}).",
            self.ts,
            self.channel.shown(),
            self.channel.id
        )
    }
}
