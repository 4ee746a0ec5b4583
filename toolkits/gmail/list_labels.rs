//! `gmail_list_labels`: the labels of the mailbox, and how much mail they are on.

use std::fmt::Write;

use reqwest::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::{Call, accept};
use super::labels;
use super::line::Lines;
use super::wire::Label;
use crate::api::Api;
use crate::cursor;
use crate::error::ToolError;
use crate::output::{Page, Render};

/// Lists labels and nothing more; not a restricted scope.
pub(super) const SCOPE: &str = "https://www.googleapis.com/auth/gmail.labels";

const CALL: Call = Call {
    scope: SCOPE,
    bad_request_fix: "Call again without arguments.",
};

const PAGE: usize = 100;
/// Counts take a request a label.
const COUNTED_PAGE: usize = 25;

/// List labels with their ids.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListLabelsArgs {
    /// Only labels whose names begin so, for example `Work/`.
    prefix: Option<String>,
    /// Count conversations and unread conversations, too; pages have 25 labels then, not 100.
    include_counts: Option<bool>,
    /// Leave out Gmail's own labels such as Inbox.
    own_only: Option<bool>,
    /// `page.next_cursor` of an earlier result with the same arguments.
    cursor: Option<String>,
}

/// Labels.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct LabelList {
    /// Gmail's own first, then the user's by name.
    items: Vec<LabelInfo>,
    page: Page,
}

/// A label.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct LabelInfo {
    pub(super) id: String,
    /// A nested label has its parents in it: `Work/Invoices`.
    pub(super) name: String,
    /// Whether it is one of Gmail's own.
    pub(super) system: bool,
    /// Conversations with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    threads: Option<u64>,
    /// Unread conversations with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    unread_threads: Option<u64>,
}

impl Render for LabelList {
    fn render(&self) -> String {
        let mut text = self.page.render();
        for label in &self.items {
            write!(text, "\n{}", label.line()).expect("a string takes every write");
        }
        text
    }
}

impl LabelInfo {
    pub(super) fn of(label: &Label) -> Self {
        let system = labels::system_name(&label.id);
        Self {
            name: system.map_or_else(|| Lines::default().line(&label.name, 250), str::to_owned),
            system: system.is_some() || label.kind.as_deref() == Some("system"),
            id: label.id.clone(),
            threads: None,
            unread_threads: None,
        }
    }

    pub(super) fn line(&self) -> String {
        let mut line = format!("{} (id {}", self.name, self.id);
        if self.system {
            line.push_str(", Gmail's own");
        }
        line.push(')');
        if let (Some(threads), Some(unread)) = (self.threads, self.unread_threads) {
            write!(line, ": {threads} conversations, {unread} unread")
                .expect("a string takes every write");
        }
        line
    }
}

pub(super) async fn run(api: Api, args: ListLabelsArgs) -> Result<LabelList, ToolError> {
    let start: usize = args
        .cursor
        .as_deref()
        .map(cursor::unwrap)
        .transpose()?
        .unwrap_or(0);
    let prefix = args.prefix.unwrap_or_default().trim().to_lowercase();
    let list = labels::list(labels::request(&api), &CALL).await?;
    let mut items: Vec<LabelInfo> = list
        .iter()
        .map(LabelInfo::of)
        .filter(|label| !(args.own_only == Some(true) && label.system))
        .filter(|label| label.name.to_lowercase().starts_with(&prefix))
        .collect();
    items.sort_by_cached_key(|label| (!label.system, label.name.to_lowercase()));
    let all = items.len();
    let counts = args.include_counts == Some(true);
    let size = if counts { COUNTED_PAGE } else { PAGE };
    let mut items: Vec<LabelInfo> = items.into_iter().skip(start).take(size).collect();
    if counts {
        for label in &mut items {
            let path = ["gmail", "v1", "users", "me", "labels", &label.id];
            let answer = api.read(Method::GET, &path).send().await?;
            let counted: Label = accept(answer, &CALL)?.json()?;
            label.threads = Some(counted.threads_total.unwrap_or(0));
            label.unread_threads = Some(counted.threads_unread.unwrap_or(0));
        }
    }
    let end = start.saturating_add(items.len());
    Ok(LabelList {
        page: Page {
            next_cursor: (end < all).then(|| cursor::wrap(&end)),
            returned: items.len(),
            total_estimate: Some(all as u64),
        },
        items,
    })
}
