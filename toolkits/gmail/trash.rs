//! `gmail_trash` and `gmail_restore`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::chosen::Choice;
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
    /// Or what this search finds, after a `dry_run`: needs its `preview_id`.
    query: Option<String>,
    /// How many of the search, newest first: 50 by default.
    #[schemars(range(min = 1, max = 100))]
    max_messages: Option<u32>,
    /// Where to, `trash` by default.
    destination: Option<Destination>,
    /// Show what would be changed and change nothing.
    dry_run: Option<bool>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Destination {
    Trash,
    Spam,
}

pub(super) async fn discard(api: Api, args: TrashArgs) -> Result<Changed, ToolError> {
    let choice = Choice {
        messages: &args.message_ids,
        threads: &args.thread_ids,
        query: args.query.as_deref(),
        max_messages: args.max_messages,
        dry_run: args.dry_run == Some(true),
    };
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
    each::choose(&api, choice, change, done).await
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
