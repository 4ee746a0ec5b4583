//! `gmail_trash` and `gmail_restore`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::each::{self, Change, Changed, Targets};
use crate::api::Api;
use crate::arguments::OneOrMany;
use crate::error::ToolError;

/// Move messages or whole conversations to Trash, where Gmail deletes them after 30 days, or to
/// Spam. `gmail_restore` brings them back.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TrashArgs {
    /// Messages, at most 100.
    #[serde(default)]
    message_ids: OneOrMany,
    /// Or conversations, at most 100, with all their messages.
    #[serde(default)]
    thread_ids: OneOrMany,
    /// Where to, `trash` by default.
    destination: Option<Destination>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Destination {
    Trash,
    Spam,
}

pub(super) async fn discard(api: Api, args: TrashArgs) -> Result<Changed, ToolError> {
    let targets = Targets::read(&args.message_ids, &args.thread_ids)?;
    let (change, done) = match args.destination {
        Some(Destination::Spam) => {
            let change = Change::Labels {
                add: vec!["SPAM".to_owned()],
                remove: vec!["INBOX".to_owned()],
            };
            (change, "Moved to Spam")
        }
        Some(Destination::Trash) | None => (Change::Trash, "Moved to Trash"),
    };
    each::run(&api, targets, change, done.to_owned()).await
}

/// Bring messages or whole conversations back from Trash or Spam.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RestoreArgs {
    /// Messages, at most 100.
    #[serde(default)]
    message_ids: OneOrMany,
    /// Or conversations, at most 100, with all their messages.
    #[serde(default)]
    thread_ids: OneOrMany,
    /// Put received mail into the inbox: true by default.
    to_inbox: Option<bool>,
}

pub(super) async fn restore(api: Api, args: RestoreArgs) -> Result<Changed, ToolError> {
    let targets = Targets::read(&args.message_ids, &args.thread_ids)?;
    let change = Change::Restore(args.to_inbox.unwrap_or(true));
    each::run(&api, targets, change, "Restored".to_owned()).await
}
