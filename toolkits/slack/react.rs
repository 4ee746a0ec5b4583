//! `slack_react`: adds an emoji to a message, or takes it away.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::call;
use super::channels::Channel;
use super::locate;
use super::wire::Done;
use crate::api::{Api, Effect};
use crate::error::ToolError;
use crate::output::Render;

/// Add an emoji reaction to a Slack message as the connected person, or remove their own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// The message's `ts`, or its link copied from Slack.
    ts: String,
    /// The message's conversation: #name, @name or an id. Not needed with a link.
    #[serde(default)]
    channel: Option<String>,
    /// The emoji's name in Slack, such as `thumbsup` or `thumbsup::skin-tone-3`.
    emoji: String,
    /// Remove takes away the person's own.
    #[serde(default)]
    action: Action,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Action {
    #[default]
    Add,
    Remove,
}

impl Action {
    fn method(self) -> &'static str {
        match self {
            Self::Add => "reactions.add",
            Self::Remove => "reactions.remove",
        }
    }

    /// The code with which Slack says that it is so already.
    fn nothing_to_do(self) -> &'static str {
        match self {
            Self::Add => "already_reacted",
            Self::Remove => "no_reaction",
        }
    }
}

/// What became of the reaction.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct React {
    /// False when it was so already.
    changed: bool,
    /// What was asked for: `add` or `remove`.
    action: Action,
    /// The emoji's name.
    emoji: String,
    /// The conversation.
    channel: Channel,
    /// The message's key.
    ts: String,
}

/// Adds or removes the emoji.
pub(super) async fn run(api: Api, args: Args) -> Result<React, ToolError> {
    let emoji = emoji(&args.emoji)?;
    let spot = locate::message(&api, args.channel.as_deref(), ("ts", &args.ts), None).await?;
    let channel = locate::named(&api, spot.place).await;
    let fields = [
        ("channel", channel.id.clone()),
        ("timestamp", spot.ts.to_string()),
        ("name", emoji.clone()),
    ];
    let done: Result<Done, _> = call(&api, Effect::Write, args.action.method(), &fields).await;
    let changed = match done {
        Ok(Done {}) => true,
        Err(failure) if failure.slack_code == args.action.nothing_to_do() => false,
        Err(failure) => return Err(failure.into()),
    };
    Ok(React {
        changed,
        action: args.action,
        emoji,
        channel,
        ts: spot.ts.to_string(),
    })
}

/// The name without colons around it: letters of any script for a workspace's own emoji, and one
/// `::skin-tone-2` to `6`.
fn emoji(text: &str) -> Result<String, ToolError> {
    let name = text.trim().trim_matches(':').to_lowercase();
    let (bare, tone) = match name.split_once("::") {
        Some((bare, tone)) => (bare, Some(tone)),
        None => (name.as_str(), None),
    };
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '+' | '\'' | '’' | '.');
    let named = !bare.is_empty() && bare.chars().count() <= 100 && bare.chars().all(fits);
    let toned = tone.is_none_or(|tone| {
        matches!(
            tone,
            "skin-tone-2" | "skin-tone-3" | "skin-tone-4" | "skin-tone-5" | "skin-tone-6"
        )
    });
    if named && toned {
        return Ok(name);
    }
    Err(ToolError::invalid_arguments(
        "`emoji` must be the name that Slack gives the emoji, such as thumbsup, white_check_mark or \
         tada, and not the character.",
    ))
}

impl Render for React {
    fn render(&self) -> String {
        let what = match (self.action, self.changed) {
            (Action::Add, true) => "Added",
            (Action::Add, false) => "Nothing to do: there already is the person's",
            (Action::Remove, true) => "Removed",
            (Action::Remove, false) => "Nothing to do: there is no",
        };
        let (to, action) = match self.action {
            Action::Add => ("on", "add"),
            Action::Remove => ("from", "remove"),
        };
        format!(
            "{what} :{}: {to} {} in {} ({}). Asked for: {action}.",
            self.emoji,
            self.ts,
            self.channel.shown(),
            self.channel.id
        )
    }
}

#[cfg(test)]
mod tests {
    use super::emoji;

    #[test]
    fn an_emoji_is_named_as_slack_names_it() {
        for (text, expected) in [
            ("thumbsup", Some("thumbsup")),
            (" :+1: ", Some("+1")),
            ("Tada", Some("tada")),
            ("thumbsup::skin-tone-3", Some("thumbsup::skin-tone-3")),
            (":wave::skin-tone-6:", Some("wave::skin-tone-6")),
            ("お疲れ", Some("お疲れ")),
            ("👍", None),
            ("", None),
            ("::", None),
            ("a b", None),
            ("a:b", None),
            ("wave::skin-tone-7", None),
            ("a\r\nb", None),
        ] {
            assert_eq!(emoji(text).ok().as_deref(), expected, "{text:?}");
        }
    }
}
