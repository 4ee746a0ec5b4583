//! One search for issues or pull requests at GitHub, read from any offset on.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::Api;
use crate::error::{ErrorCode, ToolError};
use crate::github::get;
use crate::github::issue::Wire;
use crate::github::refusal::{self, Asked};

/// How many results of a search GitHub shows, "up to 1,000" in its REST documentation.
pub(super) const REACH: u64 = 1000;

/// Whether GitHub shows the whole page of `limit` results that `offset` is in.
pub(super) fn is_in_reach(offset: u64, limit: u64) -> bool {
    offset < REACH && (offset / limit + 1) * limit <= REACH
}

/// One search, asked for in parts.
pub(super) struct Search<'a> {
    pub(super) api: &'a Api,
    pub(super) sort: Sort,
    pub(super) mode: Mode,
    pub(super) limit: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mode {
    /// The words as they are.
    Lexical,
    /// By meaning; 10 searches a minute.
    Semantic,
    /// Both together; 10 searches a minute.
    Hybrid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Sort {
    BestMatch,
    Created,
    Updated,
    Comments,
}

/// What one search found from an offset on.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) items: Vec<Wire>,
    pub(super) total: u64,
    /// GitHub gave fewer than asked for, so there are no more, whatever the total says.
    pub(super) last: bool,
    pub(super) warnings: BTreeSet<&'static str>,
}

/// GitHub's answer to a search.
#[derive(Debug, Deserialize)]
struct Answer {
    total_count: u64,
    #[serde(default)]
    incomplete_results: bool,
    #[serde(default)]
    lexical_fallback_reason: Vec<String>,
    items: Vec<Wire>,
}

impl Search<'_> {
    /// Up to `limit` results from `offset` on; nothing when there is no offset.
    pub(super) async fn from(&self, query: &str, offset: Option<u64>) -> Result<Part, ToolError> {
        let Some(offset) = offset else {
            return Ok(Part::default());
        };
        // Pages are computed, not followed: a link in an answer could lead anywhere.
        let page = offset / self.limit + 1;
        let mut part = self.page(query, page).await?;
        let skipped = part.items.len().min(usize_of(offset % self.limit));
        part.items.drain(..skipped);
        if skipped > 0 && !part.last && is_in_reach(page * self.limit, self.limit) {
            let next = self.page(query, page + 1).await?;
            part.items.extend(next.items);
            part.last = next.last && part.items.len() <= usize_of(self.limit);
            part.warnings.extend(next.warnings);
        }
        part.items.truncate(usize_of(self.limit));
        Ok(part)
    }

    async fn page(&self, query: &str, page: u64) -> Result<Part, ToolError> {
        let mut request = get(self.api, &["search", "issues"])
            .query("q", query)
            .query("per_page", self.limit)
            .query("page", page)
            .query("advanced_search", true);
        let sort = match self.sort {
            Sort::BestMatch => None,
            Sort::Created => Some("created"),
            Sort::Updated => Some("updated"),
            Sort::Comments => Some("comments"),
        };
        if let Some(sort) = sort {
            request = request.query("sort", sort).query("order", "desc");
        }
        request = match self.mode {
            Mode::Lexical => request,
            Mode::Semantic => request.query("search_type", "semantic"),
            Mode::Hybrid => request.query("search_type", "hybrid"),
        };
        let response = request.send().await?;
        if !response.status.is_success() {
            return Err(refusal::explain(
                &response,
                &Asked {
                    thing: "this search".to_owned(),
                    permission: "Issues: read",
                    hint: "Correct the query and call again.",
                },
            ));
        }
        let answer: Answer = response.json()?;
        let count = answer.items.len() as u64;
        if count > self.limit {
            return Err(ToolError::new(
                ErrorCode::BadResponse,
                "GitHub's answer has more results than were asked for.",
                "Call again; if it stays so, the API's address is not GitHub's.",
            ));
        }
        let mut warnings = BTreeSet::new();
        if answer.incomplete_results {
            warnings.insert(
                "GitHub ran out of time and gave part of the results; a narrower search gets all.",
            );
        }
        if !answer.lexical_fallback_reason.is_empty() {
            warnings.insert("GitHub searched for the words as they are, not by meaning.");
        }
        if response.headers.contains_key("x-github-sso") {
            warnings.insert(
                "Organizations with single sign-on are left out, because this connection is not \
                 authorized for them on GitHub (Settings, Applications).",
            );
        }
        Ok(Part {
            items: answer.items,
            total: answer.total_count,
            last: count < self.limit,
            warnings,
        })
    }
}

fn usize_of(number: u64) -> usize {
    usize::try_from(number).expect("a limit is at most 50")
}
