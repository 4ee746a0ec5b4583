//! Which messages a change is for: those that are named, or those that a query finds and a dry run
//! has shown.

use schemars::JsonSchema;
use serde::Serialize;

use super::each::{Failure, Kind, MAX_IDS, Targets};
use super::line::Lines;
use super::listing::{self, GroupBy, Search};
use super::query::{Terms, is_catch_all, mentions};
use super::summary::{Style, Summary};
use super::wire::{Message, Reference, Thread};
use crate::api::Api;
use crate::arguments::OneOrMany;
use crate::error::{ErrorCode, ToolError};

/// The arguments that say which.
pub(super) struct Choice<'a> {
    pub(super) messages: &'a OneOrMany,
    pub(super) threads: &'a OneOrMany,
    pub(super) query: Option<&'a str>,
    pub(super) max_messages: Option<u32>,
    pub(super) dry_run: bool,
}

/// A message or conversation that would be changed.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Shown {
    pub(super) id: String,
    /// Who wrote it.
    pub(super) from: String,
    pub(super) subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) date: Option<String>,
}

/// What a dry run shows.
#[derive(Default)]
pub(super) struct Preview {
    pub(super) shown: Vec<Shown>,
    pub(super) missing: Vec<Failure>,
    /// Whether a query finds more than it may change.
    pub(super) more: Option<bool>,
}

impl Choice<'_> {
    /// The ids to change. Those of a query are the ones that this call's dry run has shown: there
    /// is no change of what nobody has seen.
    pub(super) async fn targets(&self, api: &Api) -> Result<(Targets, Preview), ToolError> {
        let max = self.max()?;
        let Some(query) = self.query else {
            let targets = Targets::read(self.messages, self.threads)?;
            let preview = if self.dry_run {
                preview(api, &targets).await?
            } else {
                Preview::default()
            };
            return Ok((targets, preview));
        };
        if !self.messages.0.is_empty() || !self.threads.0.is_empty() {
            return Err(ToolError::invalid_arguments(
                "Give only one of `message_ids`, `thread_ids` and `query`.",
            ));
        }
        let search = search(query)?;
        if !self.dry_run {
            let targets = Targets::of_messages(api.shown().ok_or_else(unseen)?);
            return Ok((targets, Preview::default()));
        }
        let found = listing::list(api, &search, max, None).await?;
        let ids = found.messages.into_iter().map(|found| found.id);
        let targets = Targets::of_messages(ids.take(max as usize).collect());
        api.show(targets.ids.clone());
        let mut preview = preview(api, &targets).await?;
        preview.more = Some(found.next_page_token.is_some());
        Ok((targets, preview))
    }

    fn max(&self) -> Result<u32, ToolError> {
        let most = u32::try_from(MAX_IDS).unwrap_or(u32::MAX);
        match self.max_messages {
            None => Ok(DEFAULT_MAX),
            Some(max) if (1..=most).contains(&max) => Ok(max),
            Some(_) => Err(ToolError::invalid_arguments(format!(
                "`max_messages` must be 1 to {MAX_IDS}."
            ))),
        }
    }
}

/// How many messages of a query are changed where nothing else is asked for.
const DEFAULT_MAX: u32 = 50;

fn search(query: &str) -> Result<Search, ToolError> {
    if is_catch_all(query) {
        return Err(ToolError::invalid_arguments(
            "`query` would find nearly all mail. Say which mail is meant, for example by sender, \
             subject, label or age.",
        ));
    }
    let drafts = mentions(query, &["in:draft", "is:draft", "label:draft"]);
    let spam_trash = mentions(query, &["in:anywhere", "in:spam", "in:trash"]);
    let terms = Terms {
        query,
        drafts,
        ..Terms::default()
    };
    Ok(Search {
        group_by: GroupBy::Message,
        q: terms.compose()?,
        label: None,
        spam_trash,
        drafts,
        attachment: None,
        after: None,
        before: None,
    })
}

/// Who wrote what is to be changed, and about what.
async fn preview(api: &Api, targets: &Targets) -> Result<Preview, ToolError> {
    let zone = api.zone().clone();
    let style = Style {
        zone: &zone,
        detailed: false,
        drafts: true,
        spam_trash: true,
        attachments: None,
    };
    let mut lines = Lines::default();
    let wanted = targets.ids.iter();
    let wanted = wanted.map(|id| Reference { id: id.clone() }).collect();
    let found: Vec<(String, Summary)> = match targets.kind {
        Kind::Message => {
            let messages =
                listing::fetch::<Message>(api, "messages", wanted, style.headers()).await?;
            let summaries = messages.iter();
            summaries
                .map(|message| (message.id.clone(), style.message(message, &mut lines)))
                .collect()
        }
        Kind::Thread => {
            let threads = listing::fetch::<Thread>(api, "threads", wanted, style.headers()).await?;
            let summaries = threads.iter();
            summaries
                .filter_map(|thread| Some((thread.id.clone(), style.thread(thread, &mut lines)?)))
                .collect()
        }
    };
    let missing = targets.ids.iter();
    let missing = missing.filter(|id| found.iter().all(|(known, _)| known != *id));
    let missing = missing.map(|id| Failure {
        id: id.clone(),
        why: "Gmail does not know this in the account's mailbox.".to_owned(),
    });
    Ok(Preview {
        missing: missing.collect(),
        shown: found
            .into_iter()
            .map(|(id, summary)| Shown {
                id,
                from: summary
                    .from
                    .map_or_else(String::new, |from| from.to_string()),
                subject: summary.subject,
                date: summary.date,
            })
            .collect(),
        more: None,
    })
}

fn unseen() -> ToolError {
    ToolError::new(
        ErrorCode::InvalidArguments,
        "With `query`, only what a dry run has shown is changed; nothing was changed.",
        "Call with `dry_run` first, then with the same arguments and its `preview_id`.",
    )
}
