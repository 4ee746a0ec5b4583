//! A text on its way to Slack, in the form that is sent: what both sending and editing need.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::mentions;
use super::people::Everyone;
use crate::api::Api;
use crate::error::{ErrorCode, ToolError};
use crate::sanitize::visible;

/// Slack's limit for `markdown_text`
/// (<https://docs.slack.dev/reference/methods/chat.postMessage>).
const LONGEST_TEXT: usize = 12_000;

/// What becomes of the mentions in a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum MentionPolicy {
    /// It mentions and so notifies the person it names.
    #[default]
    Resolve,
    /// It stays text, and the message notifies nobody by a mention.
    Literal,
}

/// Somebody who gets or is mentioned in a message.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Recipient {
    /// `U…` or `W…`.
    pub(super) id: String,
    /// Null when it could not be found out.
    pub(super) name: Option<String>,
}

impl Recipient {
    /// Several of them, names first.
    pub(super) fn shown(people: &[Self]) -> String {
        let one = |one: &Self| match &one.name {
            Some(name) => format!("{name} ({})", one.id),
            None => one.id.clone(),
        };
        people.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

/// A text as it goes to Slack.
pub(super) struct Outgoing {
    pub(super) text: String,
    /// The people it mentions by name.
    pub(super) mentions: Vec<Recipient>,
    /// What was changed, and what could not be resolved.
    pub(super) warnings: Vec<String>,
}

/// Makes `text` one that notifies nobody but those it names. `everyone` is asked for once, when
/// there is a name to resolve.
pub(super) async fn write(
    api: &Api,
    text: &str,
    policy: MentionPolicy,
    everyone: &mut Option<Everyone>,
) -> Result<Outgoing, ToolError> {
    let resolve = policy == MentionPolicy::Resolve;
    // What nobody sees could only hide something from the person who reads the dry run.
    let visible = visible(text);
    let disarmed = mentions::disarm(&visible.text, resolve);
    let mut outgoing = Outgoing {
        text: disarmed.text,
        mentions: Vec::new(),
        warnings: changes(visible.removed, disarmed.crowds, disarmed.people),
    };
    if resolve && mentions::has_names(&outgoing.text) {
        let everyone = match everyone {
            Some(everyone) => everyone,
            None => everyone.insert(Everyone::fetch(api).await?),
        };
        let resolved = mentions::resolve(&outgoing.text, everyone);
        outgoing.text = resolved.text;
        outgoing.warnings.extend(resolved.warnings);
        outgoing.mentions = resolved
            .people
            .into_iter()
            .map(|person| Recipient {
                id: person.id,
                name: Some(person.name),
            })
            .collect();
    }
    check_length(&outgoing.text)?;
    Ok(outgoing)
}

/// Refuses a text that is blank or longer than Slack takes.
pub(super) fn check_length(text: &str) -> Result<(), ToolError> {
    let length = text.chars().count();
    if text.trim().is_empty() {
        return Err(ToolError::invalid_arguments("`text` is blank."));
    }
    if length > LONGEST_TEXT {
        return Err(ToolError::new(
            ErrorCode::TooLarge,
            format!(
                "The message has {length} characters, with its mentions and escapes; Slack takes \
                 {LONGEST_TEXT}."
            ),
            "Shorten it, or send it as several messages.",
        ));
    }
    Ok(())
}

fn changes(invisible: usize, crowds: usize, people: usize) -> Vec<String> {
    let counts = [
        (invisible, "Invisible characters were removed from the text"),
        (
            crowds,
            "Mentions of a channel or a group (<!…>) were made text",
        ),
        (people, "Mentions of people (<@…>) were made text"),
    ];
    let some = counts.into_iter().filter(|(count, _)| *count > 0);
    some.map(|(count, what)| format!("{what}: {count}."))
        .collect()
}
