//! `github_get_tree`: the files and folders of a repository.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::Api;
use crate::cursor;
use crate::error::ToolError;
use crate::github::refusal::Asked;
use crate::github::repository::Repository;
use crate::github::{fetch, get, place};
use crate::output::{Page, Render};
use crate::sanitize::snippet;

const DEFAULT_LIMIT: usize = 200;
const MAX_LIMIT: usize = 300;
const DEFAULT_DEPTH: usize = 2;

/// The paths of one page together, in characters.
const BUDGET: usize = 10_000;

/// List the files and folders of a GitHub repository, to a depth.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// `owner/name`, or its address on github.com.
    repo: String,
    /// The owner, if `repo` does not name it.
    #[serde(default)]
    owner: Option<String>,
    /// A branch, tag or commit (default: the default branch).
    #[serde(default, rename = "ref")]
    reference: Option<String>,
    /// Only this folder and what is below it.
    #[serde(default)]
    path_prefix: Option<String>,
    /// How many levels below (1 to 50, default 2).
    #[serde(default)]
    #[schemars(range(min = 1, max = 50))]
    depth: Option<usize>,
    /// How many entries (1 to 300, default 200).
    #[serde(default)]
    #[schemars(range(min = 1, max = 300))]
    limit: Option<usize>,
    /// `next_cursor` of the previous page; the other arguments stay the same.
    #[serde(default)]
    cursor: Option<String>,
}

/// A part of the tree.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Tree {
    /// The commit or tree that was read.
    sha: String,
    /// Files and folders, by path; folders end in `/`.
    items: Vec<Entry>,
    /// Where this page is.
    page: Page,
    /// What to keep in mind.
    warnings: Vec<String>,
}

/// A file or folder.
#[derive(Debug, Serialize, JsonSchema)]
struct Entry {
    /// The path within the repository, a third party's words.
    path: String,
    /// The bytes of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    /// `symlink` or `submodule`, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
}

/// A tree of GitHub's Git Data API.
#[derive(Deserialize)]
pub(super) struct Wire {
    sha: String,
    #[serde(default)]
    pub(super) truncated: bool,
    pub(super) tree: Vec<WireEntry>,
}

#[derive(Deserialize)]
pub(super) struct WireEntry {
    pub(super) path: String,
    pub(super) mode: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) sha: String,
    #[serde(default)]
    size: Option<u64>,
}

/// Where a page begins, in which tree.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct At {
    sha: String,
    from: usize,
}

impl Render for Tree {
    fn render(&self) -> String {
        let mut text = format!("Tree {}", self.sha);
        for entry in &self.items {
            write!(text, "\n{}", entry.path).expect("a string takes every write");
            if let Some(size) = entry.size {
                write!(text, "  {size}").expect("a string takes every write");
            }
            if let Some(kind) = entry.kind {
                write!(text, "  {kind}").expect("a string takes every write");
            }
        }
        text.push('\n');
        text.push_str(&self.page.render());
        text
    }
}

/// Runs the tool.
pub(super) async fn run(api: Api, arguments: Arguments) -> Result<Tree, ToolError> {
    let repository = Repository::read(&api, arguments.owner.as_deref(), &arguments.repo)?;
    let reference = arguments.reference.as_deref().unwrap_or("HEAD");
    let reference = place::reference("ref", reference)?;
    let prefix = place::path(arguments.path_prefix.as_deref().unwrap_or_default())?.join("/");
    let at: Option<At> = arguments
        .cursor
        .as_deref()
        .map(cursor::unwrap)
        .transpose()?;
    // The later pages are of the tree that the first was of, whatever was pushed since.
    let reference = match &at {
        Some(at) => place::reference("cursor", &at.sha)?,
        None => reference,
    };
    let asked = Asked {
        thing: format!("`{reference}` in {repository}"),
        permission: "Contents: read",
        hint: "Correct the ref and call again.",
    };
    let wire = read(&api, &repository, reference, &asked).await?;
    let depth = arguments.depth.unwrap_or(DEFAULT_DEPTH).clamp(1, 50);
    let fitting: Vec<&WireEntry> = wire
        .tree
        .iter()
        .filter(|entry| match below(&prefix, &entry.path) {
            Some(rest) => !rest.is_empty() && rest.split('/').count() <= depth,
            None => false,
        })
        .collect();
    let mut warnings = Vec::new();
    if wire.truncated {
        warnings.push(
            "GitHub left out part of this tree, which is too large; `github_get_file` lists one \
             folder."
                .to_owned(),
        );
    }
    if fitting.is_empty() && !prefix.is_empty() {
        warnings.push("There is no such folder in the tree, or it is empty.".to_owned());
    }
    let limit = arguments.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let from = at.map_or(0, |at| at.from);
    let mut left = BUDGET;
    let items: Vec<Entry> = fitting
        .iter()
        .skip(from)
        .take(limit)
        .map(|wire| Entry::of(wire))
        .take_while(|entry| {
            let fits = left > 0;
            left = left.saturating_sub(entry.path.chars().count() + 10);
            fits
        })
        .collect();
    let end = from + items.len();
    let next = (end < fitting.len()).then(|| {
        cursor::wrap(&At {
            sha: snippet(&wire.sha, 64),
            from: end,
        })
    });
    Ok(Tree {
        sha: snippet(&wire.sha, 64),
        page: Page {
            next_cursor: next,
            returned: items.len(),
            total_estimate: Some(fitting.len() as u64),
        },
        items,
        warnings,
    })
}

/// The whole tree of a commit, tree or branch.
pub(super) async fn read(
    api: &Api,
    repository: &Repository,
    reference: &str,
    asked: &Asked,
) -> Result<Wire, ToolError> {
    let path = [
        "repos",
        &repository.owner,
        &repository.name,
        "git",
        "trees",
        reference,
    ];
    fetch::json(get(api, &path).query("recursive", 1), asked).await
}

/// What follows `prefix` in `path`, if it is below it.
fn below<'a>(prefix: &str, path: &'a str) -> Option<&'a str> {
    if prefix.is_empty() {
        return Some(path);
    }
    path.strip_prefix(prefix)?.strip_prefix('/')
}

impl Entry {
    fn of(wire: &WireEntry) -> Self {
        let path = snippet(&wire.path, 400);
        let (path, kind) = match (wire.kind.as_str(), wire.mode.as_str()) {
            ("tree", _) => (format!("{path}/"), None),
            ("commit", _) => (path, Some("submodule")),
            (_, "120000") => (path, Some("symlink")),
            _ => (path, None),
        };
        Self {
            path,
            size: wire.size,
            kind,
        }
    }
}
