//! `gmail_modify_messages`: archives, marks and labels.

use schemars::JsonSchema;
use serde::Deserialize;

use super::chosen::Choice;
use super::each::{self, CALL, Change, Changed};
use super::labels;
use crate::api::Api;
use crate::arguments::OneOrMany;
use crate::error::ToolError;

/// Archive, mark, star or label messages or whole conversations.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ModifyArgs {
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
    /// What to do.
    action: Option<Action>,
    /// Names or ids of labels to add.
    #[serde(default)]
    add_labels: OneOrMany,
    /// Names or ids of labels to remove.
    #[serde(default)]
    remove_labels: OneOrMany,
    /// Show what would be changed and change nothing.
    dry_run: Option<bool>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Action {
    Archive,
    Unarchive,
    MarkRead,
    MarkUnread,
    Star,
    Unstar,
    Important,
    NotImportant,
    NotSpam,
}

impl Action {
    /// The labels that it adds and removes.
    fn labels(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Self::Archive => (&[], &["INBOX"]),
            Self::Unarchive => (&["INBOX"], &[]),
            Self::MarkRead => (&[], &["UNREAD"]),
            Self::MarkUnread => (&["UNREAD"], &[]),
            Self::Star => (&["STARRED"], &[]),
            Self::Unstar => (&[], &["STARRED"]),
            Self::Important => (&["IMPORTANT"], &[]),
            Self::NotImportant => (&[], &["IMPORTANT"]),
            Self::NotSpam => (&["INBOX"], &["SPAM"]),
        }
    }
}

pub(super) async fn run(api: Api, args: ModifyArgs) -> Result<Changed, ToolError> {
    let choice = Choice {
        messages: &args.message_ids,
        threads: &args.thread_ids,
        query: args.query.as_deref(),
        max_messages: args.max_messages,
        dry_run: args.dry_run == Some(true),
    };
    let (mut add, mut remove): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    if let Some(action) = args.action {
        let (adds, removes) = action.labels();
        add.extend(adds.iter().map(|id| (*id).to_owned()));
        remove.extend(removes.iter().map(|id| (*id).to_owned()));
    }
    add.extend(ids(&api, "add_labels", &args.add_labels.0).await?);
    remove.extend(ids(&api, "remove_labels", &args.remove_labels.0).await?);
    if add.is_empty() && remove.is_empty() {
        return Err(ToolError::invalid_arguments(
            "Nothing is to be changed: give `action`, `add_labels` or `remove_labels`.",
        ));
    }
    if let Some(both) = add.iter().find(|id| remove.contains(id)) {
        let name = labels::name(&[], both);
        return Err(ToolError::invalid_arguments(format!(
            "“{name}” would be both added and removed."
        )));
    }
    let change = Change::Labels { add, remove };
    each::choose(&api, choice, change, "Labels changed").await
}

/// The ids of labels that are named. What only a mailbox itself may give or take is refused, and
/// Trash, which has a tool of its own.
async fn ids(api: &Api, argument: &str, names: &[String]) -> Result<Vec<String>, ToolError> {
    let mut ids = Vec::new();
    let mut own = Vec::new();
    for name in names {
        let name = name.trim();
        match labels::system_id(name) {
            Some("SENT" | "DRAFT" | "CHAT") => {
                return Err(ToolError::invalid_arguments(format!(
                    "`{argument}` has a label that Gmail alone gives and takes: {name}."
                )));
            }
            Some("TRASH" | "SPAM") => {
                return Err(ToolError::invalid_arguments(format!(
                    "`{argument}` has {name}: use `gmail_trash` or `gmail_restore`."
                )));
            }
            Some(id) => ids.push(id.to_owned()),
            None if name.is_empty() => {
                return Err(ToolError::invalid_arguments(format!(
                    "`{argument}` has an empty name."
                )));
            }
            None => own.push(name),
        }
    }
    if !own.is_empty() {
        let list = labels::list(labels::request(api), &CALL).await?;
        for name in own {
            ids.push(labels::find(&list, name)?);
        }
    }
    Ok(ids)
}
