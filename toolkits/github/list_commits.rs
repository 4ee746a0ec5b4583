//! `github_list_commits`: the history of a branch, a file or a person.

use std::fmt::Write as _;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::Api;
use crate::error::ToolError;
use crate::github::fetch::{self, PageAt};
use crate::github::issue::WireUser;
use crate::github::refusal::Asked;
use crate::github::repository::Repository;
use crate::github::{get, place};
use crate::output::{Page, Render};
use crate::sanitize::{shorten, snippet, visible};
use crate::when;

const DEFAULT_LIMIT: u64 = 20;
const MAX_LIMIT: u64 = 50;

/// List commits of a GitHub repository, newest first, by branch, path, author and time.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// `owner/name`, or its address on github.com.
    repo: String,
    /// The owner, if `repo` does not name it.
    #[serde(default)]
    owner: Option<String>,
    /// A branch, tag or commit to begin at (default: the default branch).
    #[serde(default, rename = "ref")]
    reference: Option<String>,
    /// Only commits that change this file or folder.
    #[serde(default)]
    path: Option<String>,
    /// A login or e-mail address.
    #[serde(default)]
    author: Option<String>,
    /// From this time on: a date, RFC 3339, or a span back such as `7d`.
    #[serde(default)]
    since: Option<String>,
    /// Up to this time.
    #[serde(default)]
    until: Option<String>,
    /// How many (1 to 50, default 20).
    #[serde(default)]
    #[schemars(range(min = 1, max = 50))]
    limit: Option<u64>,
    /// `next_cursor` of the previous page; the other arguments stay the same.
    #[serde(default)]
    cursor: Option<String>,
}

/// A part of the history.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct History {
    /// Commits, newest first.
    items: Vec<Commit>,
    /// Where this page is.
    page: Page,
}

/// A commit.
#[derive(Debug, Serialize, JsonSchema)]
struct Commit {
    /// Its id.
    sha: String,
    /// The first line of its message, written by a third party.
    title: String,
    /// The author's login, else the name in the commit, which anyone can choose.
    author: String,
    /// RFC 3339.
    date: String,
    /// How many parents: two for a merge.
    parents: usize,
}

#[derive(Deserialize)]
struct Wire {
    sha: String,
    commit: WireCommit,
    #[serde(default)]
    author: Option<WireAuthor>,
    #[serde(default)]
    parents: Vec<serde::de::IgnoredAny>,
}

/// GitHub sends `{}` where it knows no account.
#[derive(Deserialize)]
#[serde(untagged)]
enum WireAuthor {
    Known(WireUser),
    Unknown {},
}

#[derive(Deserialize)]
struct WireCommit {
    message: String,
    #[serde(default)]
    author: Option<WireSignature>,
}

#[derive(Deserialize)]
struct WireSignature {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    date: Option<Timestamp>,
}

impl Render for History {
    fn render(&self) -> String {
        let mut text = String::new();
        for it in &self.items {
            write!(text, "{} {} {}: {}", it.sha, it.date, it.author, it.title)
                .expect("a string takes every write");
            if it.parents != 1 {
                write!(text, " (parents: {})", it.parents).expect("a string takes every write");
            }
            text.push('\n');
        }
        text.push_str(&self.page.render());
        text
    }
}

/// Runs the tool.
pub(super) async fn run(api: Api, arguments: Arguments) -> Result<History, ToolError> {
    let repository = Repository::read(&api, arguments.owner.as_deref(), &arguments.repo)?;
    let at = PageAt::read(
        arguments.cursor.as_deref(),
        arguments.limit,
        DEFAULT_LIMIT,
        MAX_LIMIT,
    )?;
    let path = ["repos", &repository.owner, &repository.name, "commits"];
    let mut request = at.ask(get(&api, &path));
    if let Some(reference) = arguments.reference.as_deref() {
        request = request.query("sha", place::reference("ref", reference)?);
    }
    if let Some(path) = arguments.path.as_deref() {
        request = request.query("path", place::path(path)?.join("/"));
    }
    if let Some(author) = arguments.author.as_deref() {
        request = request.query("author", author.trim().trim_start_matches('@'));
    }
    for (name, value) in [("since", &arguments.since), ("until", &arguments.until)] {
        if let Some(value) = value {
            request = request.query(name, when::parse(name, value, api.now(), api.zone())?);
        }
    }
    let asked = Asked {
        thing: format!("the history of {repository}"),
        permission: "Contents: read",
        hint: "Correct the ref or the path and call again.",
    };
    let (found, more) = fetch::list::<Wire>(request, &asked).await?;
    let size = usize::try_from(at.size).expect("a page is at most 50");
    let items: Vec<Commit> = found
        .iter()
        .take(size)
        .map(|it| Commit::of(it, &api))
        .collect();
    Ok(History {
        page: Page {
            next_cursor: more.then(|| at.next()),
            returned: items.len(),
            total_estimate: None,
        },
        items,
    })
}

impl Commit {
    fn of(wire: &Wire, api: &Api) -> Self {
        let signature = wire.commit.author.as_ref();
        let author = match &wire.author {
            Some(WireAuthor::Known(user)) => user.login.as_str(),
            _ => signature.and_then(|it| it.name.as_deref()).unwrap_or("?"),
        };
        let title = wire.commit.message.lines().next().unwrap_or_default();
        Self {
            sha: snippet(&wire.sha, 64),
            title: shorten(&visible(title).text, 150),
            author: snippet(author, 100),
            date: signature
                .and_then(|it| it.date)
                .map_or_else(String::new, |date| when::show(date, api.zone())),
            parents: wire.parents.len(),
        }
    }
}
