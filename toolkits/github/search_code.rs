//! `github_search_code`: files that contain something, with the places where they do.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::Api;
use crate::error::ToolError;
use crate::github::allowed;
use crate::github::fetch::{self, PageAt};
use crate::github::get;
use crate::github::refusal::Asked;
use crate::github::repository::{Repository, is_owner};
use crate::github::search::is_in_reach;
use crate::output::{Page, Render};
use crate::sanitize::{shorten, snippet, visible};

const DEFAULT_LIMIT: u64 = 15;
const MAX_LIMIT: u64 = 25;

/// Places shown of each file, and the characters of each.
const FRAGMENTS: usize = 2;
const FRAGMENT_LIMIT: usize = 240;

/// GitHub takes 256 characters without the operators.
const QUERY_LIMIT: usize = 1000;

/// Search the code on GitHub.
///
/// Returns files with the lines around each match. GitHub searches default branches and files below
/// 384 KB, 10 times a minute. `query` needs words to look for and may have operators, such as
/// `extension:rs` or `filename:Cargo.toml`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// Words to look for, and operators; an exact phrase in double quotes.
    query: String,
    /// Only in this repository: `owner/name` or its address.
    #[serde(default)]
    repo: Option<String>,
    /// The owner of `repo`; without `repo`, everything of this user or organization.
    #[serde(default)]
    owner: Option<String>,
    /// A language, such as `rust`.
    #[serde(default)]
    language: Option<String>,
    /// Only below this folder.
    #[serde(default)]
    path: Option<String>,
    /// How many files (1 to 25, default 15).
    #[serde(default)]
    #[schemars(range(min = 1, max = 25))]
    limit: Option<u64>,
    /// `next_cursor` of the previous page; the other arguments stay the same.
    #[serde(default)]
    cursor: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    total_count: u64,
    #[serde(default)]
    incomplete_results: bool,
    items: Vec<Wire>,
}

#[derive(Deserialize)]
struct Wire {
    path: String,
    html_url: String,
    repository: WireRepository,
    #[serde(default)]
    text_matches: Vec<WireMatch>,
}

#[derive(Deserialize)]
struct WireRepository {
    full_name: String,
}

#[derive(Deserialize)]
struct WireMatch {
    #[serde(default)]
    property: Option<String>,
    #[serde(default)]
    fragment: String,
}

/// What was found.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Found {
    /// Files, best match first.
    items: Vec<Match>,
    /// Where this page is.
    page: Page,
    /// The search as it was sent to GitHub.
    searched: String,
    /// What to keep in mind.
    warnings: Vec<String>,
}

/// A file.
#[derive(Debug, Serialize, JsonSchema)]
struct Match {
    /// `owner/name`.
    repository: String,
    /// The path within the repository.
    path: String,
    /// Its page on GitHub.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// Parts of the file around matches, written by third parties.
    fragments: Vec<String>,
}

impl Render for Found {
    const DETAILS: Option<&'static str> = Some("each file's address");

    fn shorten(&mut self) {
        for item in &mut self.items {
            item.url = None;
        }
    }

    fn render(&self) -> String {
        let mut text = String::new();
        for item in &self.items {
            let url = item.url.as_deref().unwrap_or_default();
            let line = format!("{}: {} {url}", item.repository, item.path);
            writeln!(text, "{}", line.trim_end()).expect("a string takes every write");
            for fragment in &item.fragments {
                writeln!(text, "{fragment}\n--").expect("a string takes every write");
            }
        }
        write!(text, "{}\nSearched: {}", self.page.render(), self.searched)
            .expect("a string takes every write");
        text
    }
}

/// Runs the tool.
pub(super) async fn run(api: Api, arguments: Arguments) -> Result<Found, ToolError> {
    let at = PageAt::read(
        arguments.cursor.as_deref(),
        arguments.limit,
        DEFAULT_LIMIT,
        MAX_LIMIT,
    )?;
    let searched = arguments.searched(&api)?;
    let request = at
        .ask(get(&api, &["search", "code"]).query("q", &searched))
        .header("accept", "application/vnd.github.text-match+json");
    let asked = Asked {
        thing: "this search".to_owned(),
        permission: "Contents: read",
        hint: "Correct the query and call again. It needs words to look for, not operators alone.",
    };
    let response = fetch::answer(request, &asked).await?;
    let answer: Answer = response.json()?;
    let mut warnings = Vec::new();
    if answer.incomplete_results {
        warnings.push(
            "GitHub ran out of time and gave part of the results; a narrower search gets all."
                .to_owned(),
        );
    }
    if response.headers.contains_key("x-github-sso") {
        warnings.push(
            "Organizations with single sign-on are left out, because this connection is not \
             authorized for them on GitHub (Settings, Applications)."
                .to_owned(),
        );
    }
    let size = usize::try_from(at.size).expect("a page is at most 25");
    let items = answer.items.iter().take(size);
    let shown = items.filter(|it| allowed::has_named(&api, &it.repository.full_name));
    let items: Vec<Match> = shown.map(Match::of).collect();
    warnings.extend(allowed::left_out(
        answer.items.len().min(size) - items.len(),
    ));
    let seen = at.page * at.size;
    let mut next_cursor = None;
    if answer.items.len() >= size && seen < answer.total_count {
        if is_in_reach(seen, at.size) {
            next_cursor = Some(at.next());
        } else {
            warnings.push(
                "GitHub shows the first 1000 results of a search; narrow it to see the others."
                    .to_owned(),
            );
        }
    }
    Ok(Found {
        page: Page {
            next_cursor,
            returned: items.len(),
            // A total tells of what is left out.
            total_estimate: (!allowed::is_limited(&api)).then_some(answer.total_count),
        },
        items,
        searched,
        warnings,
    })
}

impl Match {
    fn of(wire: &Wire) -> Self {
        let fragments = wire.text_matches.iter();
        let fragments = fragments
            .filter(|found| found.property.as_deref() == Some("content"))
            .take(FRAGMENTS)
            .map(|found| shorten(visible(&found.fragment).text.trim_end(), FRAGMENT_LIMIT));
        Self {
            repository: snippet(&wire.repository.full_name, 200),
            path: snippet(&wire.path, 200),
            url: Some(snippet(&wire.html_url, 500)),
            fragments: fragments.collect(),
        }
    }
}

impl Arguments {
    /// The query with the operators that the other arguments stand for.
    fn searched(&self, api: &Api) -> Result<String, ToolError> {
        let query = self.query.trim();
        if query.is_empty() {
            return Err(ToolError::invalid_arguments("`query` is empty."));
        }
        let mut parts = vec![query.to_owned()];
        let owner = self.owner.as_deref().map(str::trim);
        allowed::check_words(api, query)?;
        if allowed::is_limited(api) && allowed::named(query).next().is_some() {
            // Of several of these GitHub's code search takes any one that fits.
            return Err(ToolError::invalid_arguments(
                "Name the repository with `repo` and not within `query`.",
            ));
        }
        match (&self.repo, owner) {
            (Some(repo), owner) => {
                parts.push(format!("repo:{}", Repository::read(api, owner, repo)?));
            }
            (None, _) if allowed::is_limited(api) => parts.extend(allowed::scopes(api, owner)?),
            (None, Some(owner)) if is_owner(owner) => parts.push(format!("user:{owner}")),
            (None, Some(_)) => {
                return Err(ToolError::invalid_arguments(
                    "`owner` is not a login that GitHub allows.",
                ));
            }
            (None, None) => {}
        }
        for (name, value) in [("language", &self.language), ("path", &self.path)] {
            let Some(value) = value.as_deref().map(str::trim) else {
                continue;
            };
            if value.is_empty() || value.contains('"') || value.contains(char::is_control) {
                return Err(ToolError::invalid_arguments(format!(
                    "`{name}` cannot be empty or contain quotes or control characters."
                )));
            }
            parts.push(format!("{name}:\"{value}\""));
        }
        let searched = parts.join(" ");
        if searched.len() > QUERY_LIMIT {
            return Err(ToolError::invalid_arguments(
                "The search is too long: GitHub takes 256 characters besides operators.",
            ));
        }
        Ok(searched)
    }
}
