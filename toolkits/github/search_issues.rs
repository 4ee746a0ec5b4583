//! `github_search_issues`: issues, pull requests or both, over all of GitHub or within a repository.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::Api;
use crate::arguments::OneOrMany;
use crate::cursor;
use crate::error::ToolError;
use crate::github::allowed;
use crate::github::issue::Issue;
use crate::github::merge::{self, Offsets};
use crate::github::repository::{Repository, is_owner};
use crate::github::search::{Mode, REACH, Search, Sort};
use crate::output::{Page, Render};

const DEFAULT_LIMIT: u64 = 20;
const MAX_LIMIT: u64 = 50;

/// More than this is refused unsent, in bytes: GitHub's own limit leaves the operators out.
const QUERY_LIMIT: usize = 2000;

/// Search issues and pull requests on GitHub.
///
/// `query` takes GitHub's search operators, such as `in:title`, `-label:wontfix`, `created:>2026-01-01`
/// or `is:merged`; the other arguments add operators to it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// Words to look for and search operators.
    #[serde(default)]
    query: Option<String>,
    /// Issues or pull requests (default: issue).
    #[serde(default, rename = "type")]
    kind: Option<Type>,
    /// `owner/name`, or its address on github.com.
    #[serde(default)]
    repo: Option<String>,
    /// The repository's owner; without `repo`, everything of this user or organization.
    #[serde(default)]
    owner: Option<String>,
    /// Everything of this organization.
    #[serde(default)]
    org: Option<String>,
    /// Only open or only closed ones (default: all).
    #[serde(default)]
    state: Option<State>,
    /// Login of who wrote it, or `@me`.
    #[serde(default)]
    author: Option<String>,
    /// Login of who it is assigned to, `@me` or `none`.
    #[serde(default)]
    assignee: Option<String>,
    /// Names of labels that it must all have.
    #[serde(default)]
    labels: OneOrMany,
    /// How `query` is understood (default: lexical).
    #[serde(default)]
    mode: Option<Mode>,
    /// The order, highest or latest first (default: `best_match`).
    #[serde(default)]
    sort: Option<Sort>,
    /// How many to return (1 to 50, default 20).
    #[serde(default)]
    #[schemars(range(min = 1, max = 50))]
    limit: Option<u64>,
    /// `next_cursor` of the previous page; the other arguments stay the same.
    #[serde(default)]
    cursor: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Type {
    Issue,
    Pr,
    Both,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum State {
    Open,
    Closed,
    All,
}

/// What was found.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Found {
    /// Issues and pull requests, best or latest first.
    items: Vec<Issue>,
    /// Where this page is.
    page: Page,
    /// The searches as they were sent to GitHub.
    searched: Vec<String>,
    /// What to keep in mind.
    warnings: Vec<String>,
}

impl Render for Found {
    const DETAILS: Option<&'static str> = Some("each address and the beginning of each body");

    fn render(&self) -> String {
        let mut lines: Vec<String> = self.items.iter().map(Issue::line).collect();
        lines.push(self.page.render());
        lines.push(format!("Searched: {}", self.searched.join(" | ")));
        lines.join("\n")
    }

    fn shorten(&mut self) {
        for item in &mut self.items {
            item.url = None;
            item.excerpt = None;
        }
    }
}

/// Runs the tool.
pub(super) async fn run(api: Api, arguments: Arguments) -> Result<Found, ToolError> {
    let filters = arguments.filters(&api)?;
    let limit = arguments.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let sort = arguments.sort.unwrap_or(Sort::BestMatch);
    let offsets = match &arguments.cursor {
        Some(cursor) => Offsets::resume(cursor)?,
        None => Offsets::start(
            arguments.kind() != Type::Pr,
            arguments.kind() != Type::Issue,
        ),
    };
    let search = Search {
        api: &api,
        sort,
        mode: arguments.mode.unwrap_or(Mode::Lexical),
        limit,
    };
    // A GitHub App's token gets 422 for a search that does not say which of the two it is about
    // ("Search issues and pull requests" in GitHub's REST documentation), so there are two.
    let issues = format!("{filters} is:issue").trim().to_owned();
    let pulls = format!("{filters} is:pull-request").trim().to_owned();
    let (found_issues, found_pulls) = tokio::try_join!(
        search.from(&issues, offsets.issues),
        search.from(&pulls, offsets.pulls),
    )?;

    let mut warnings: Vec<String> = found_issues
        .warnings
        .union(&found_pulls.warnings)
        .map(|warning| (*warning).to_owned())
        .collect();
    let total = offsets
        .ended
        .saturating_add(found_issues.total + found_pulls.total);
    let searched = [(offsets.issues, issues), (offsets.pulls, pulls)]
        .into_iter()
        .filter_map(|(offset, query)| offset.map(|_| query))
        .collect();
    let mut merged = merge::merge(found_issues, found_pulls, offsets, sort, limit);
    if merged.out_of_reach {
        warnings.push(format!(
            "GitHub shows the first {REACH} results of a search; narrow it to see the others."
        ));
    }
    let not_allowed = allowed::keep(&api, &mut merged.items);
    warnings.extend(allowed::left_out(not_allowed));
    let items: Vec<Issue> = merged
        .items
        .iter()
        .map(|wire| Issue::of(wire, &api, true))
        .collect();
    Ok(Found {
        page: Page {
            next_cursor: merged.next.as_ref().map(cursor::wrap),
            returned: items.len(),
            // A total tells of what is left out.
            total_estimate: (!allowed::is_limited(&api)).then_some(total),
        },
        items,
        searched,
        warnings,
    })
}

impl Arguments {
    /// What is searched: as asked, else as the query says, else issues.
    fn kind(&self) -> Type {
        let says = |words: &[&str]| {
            let query = self.query.as_deref().unwrap_or_default();
            query
                .split_whitespace()
                .any(|word| words.contains(&word.to_ascii_lowercase().as_str()))
        };
        self.kind.unwrap_or_else(|| {
            if says(&[
                "is:pr",
                "is:pull-request",
                "type:pr",
                "is:merged",
                "is:draft",
            ]) {
                Type::Pr
            } else {
                Type::Issue
            }
        })
    }

    /// The query with the operators that the other arguments stand for.
    fn filters(&self, api: &Api) -> Result<String, ToolError> {
        let mut parts = Vec::new();
        let query = self.query.as_deref().unwrap_or_default().trim();
        allowed::check_words(api, query)?;
        if query.contains(" OR ") || (allowed::is_limited(api) && !query.is_empty()) {
            // What is added must hold for both sides of an OR.
            parts.push(format!("({query})"));
        } else if !query.is_empty() {
            parts.push(query.to_owned());
        }
        match (&self.repo, &self.owner) {
            (Some(repo), owner) => {
                let repository = Repository::read(api, owner.as_deref(), repo)?;
                parts.push(format!("repo:{repository}"));
            }
            (None, Some(owner)) => parts.push(format!("user:{}", login("owner", owner)?)),
            (None, None) => {}
        }
        if let Some(org) = &self.org {
            parts.push(format!("org:{}", login("org", org)?));
        }
        match self.state {
            Some(State::Open) => parts.push("state:open".to_owned()),
            Some(State::Closed) => parts.push("state:closed".to_owned()),
            Some(State::All) | None => {}
        }
        if let Some(author) = &self.author {
            parts.push(format!("author:{}", person("author", author)?));
        }
        match self.assignee.as_deref().map(str::trim) {
            Some("none") => parts.push("no:assignee".to_owned()),
            Some(assignee) => parts.push(format!("assignee:{}", person("assignee", assignee)?)),
            None => {}
        }
        for label in &self.labels.0 {
            if label.contains('"') || label.contains(char::is_control) || label.trim().is_empty() {
                return Err(ToolError::invalid_arguments(
                    "`labels`: a label cannot be empty or contain quotes or control characters.",
                ));
            }
            parts.push(format!("label:\"{}\"", label.trim()));
        }
        if parts.iter().map(String::len).sum::<usize>() > QUERY_LIMIT {
            return Err(ToolError::invalid_arguments(
                "The search is too long: GitHub takes 256 characters besides operators.",
            ));
        }
        if parts.is_empty() {
            return Err(ToolError::invalid_arguments(
                "Give a `query` or at least one filter, such as `repo` or `author`.",
            ));
        }
        if self.repo.is_none() {
            let owner = self.owner.as_deref().or(self.org.as_deref());
            match allowed::scopes(api, owner.map(str::trim))?.as_slice() {
                [] => {}
                [one] => parts.push(one.clone()),
                several => parts.push(format!("({})", several.join(" OR "))),
            }
        }
        Ok(parts.join(" "))
    }
}

fn login<'a>(argument: &str, text: &'a str) -> Result<&'a str, ToolError> {
    let text = text.trim();
    if is_owner(text) {
        return Ok(text);
    }
    Err(ToolError::invalid_arguments(format!(
        "`{argument}` is not a login that GitHub allows."
    )))
}

/// A login, `@me`, or an app as GitHub searches for it (`app/dependabot`).
fn person<'a>(argument: &str, text: &'a str) -> Result<&'a str, ToolError> {
    let text = text.trim();
    if text == "@me" {
        return Ok(text);
    }
    let text = text.strip_prefix('@').unwrap_or(text);
    login(argument, text.strip_prefix("app/").unwrap_or(text)).map(|_| text)
}
