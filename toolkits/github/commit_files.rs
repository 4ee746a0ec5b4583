//! `github_commit_files`: one commit that creates, changes, renames and deletes files, or nothing.
//!
//! The tree and the commit are made first; nobody sees them until the branch is moved to the
//! commit, in one step, and only forward ("Git database" in GitHub's REST documentation).

use std::fmt::Write as _;

use reqwest::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::{Api, Request, Response};
use crate::error::{ErrorCode, ToolError};
use crate::github::changes::{self, Change, NewEntry};
use crate::github::refusal::{self, Asked, lacks_scope};
use crate::github::repository::Repository;
use crate::github::{fetch, get, get_tree, place, post, with_version};
use crate::output::Render;
use crate::sanitize::{shorten, snippet};
use crate::send::outcome_unknown;

const MESSAGE_LIMIT: usize = 10_000;
/// Commit several files to a branch of a GitHub repository at once: all of the changes or none.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// `owner/name`, or its address on github.com.
    repo: String,
    /// The owner, if `repo` does not name it.
    #[serde(default)]
    owner: Option<String>,
    /// The branch that gets the commit.
    branch: String,
    /// The commit message.
    message: String,
    /// The changes (1 to 100).
    changes: Vec<Change>,
    /// The commit that the branch must be at, to overwrite nobody's work.
    #[serde(default)]
    expected_head: Option<String>,
    /// The branch to begin at if `branch` does not exist yet.
    #[serde(default)]
    create_branch_from: Option<String>,
    /// Only check the changes and show what would be done.
    #[serde(default)]
    dry_run: bool,
}

/// The new commit, or what it would be.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Committed {
    /// Nothing was written.
    dry_run: bool,
    /// The branch.
    branch: String,
    /// The branch did not exist before.
    branch_created: bool,
    /// The commit that the branch was at.
    base: String,
    /// The new commit; null in a dry run.
    commit: Option<String>,
    /// Its page on GitHub; null in a dry run.
    url: Option<String>,
    /// The changes in short.
    changes: Vec<String>,
}

impl Render for Committed {
    fn render(&self) -> String {
        let mut text = match (&self.commit, &self.url) {
            (Some(commit), Some(url)) => format!("Committed {commit} {url}"),
            _ => "Dry run, nothing was written.".to_owned(),
        };
        let created = if self.branch_created { "new " } else { "" };
        write!(text, "\n{created}branch {}, on {}", self.branch, self.base)
            .expect("a string takes every write");
        for change in &self.changes {
            write!(text, "\n{change}").expect("a string takes every write");
        }
        text
    }
}

#[derive(Deserialize)]
struct WireRef {
    object: WireObject,
}

#[derive(Deserialize)]
struct WireObject {
    sha: String,
}

#[derive(Deserialize)]
struct WireCommit {
    sha: String,
    #[serde(default)]
    html_url: String,
    tree: WireObject,
}

#[derive(Serialize)]
struct NewTree<'a> {
    base_tree: &'a str,
    tree: Vec<NewEntry<'a>>,
}

#[derive(Serialize)]
struct NewCommit<'a> {
    message: &'a str,
    tree: &'a str,
    parents: [&'a str; 1],
}

#[derive(Serialize)]
struct NewRef<'a> {
    #[serde(rename = "ref")]
    name: String,
    sha: &'a str,
}

#[derive(Serialize)]
struct MovedRef<'a> {
    sha: &'a str,
    force: bool,
}

/// Runs the tool.
pub(super) async fn run(api: Api, arguments: Arguments) -> Result<Committed, ToolError> {
    let repository = Repository::read(&api, arguments.owner.as_deref(), &arguments.repo)?;
    let branch = branch_name("branch", &arguments.branch)?;
    let from = arguments.create_branch_from.as_deref();
    let from = from
        .map(|from| branch_name("create_branch_from", from))
        .transpose()?;
    let message = arguments.message.trim();
    if message.is_empty() || message.chars().count() > MESSAGE_LIMIT {
        return Err(ToolError::invalid_arguments(format!(
            "`message` must have 1 to {MESSAGE_LIMIT} characters."
        )));
    }
    changes::check(&arguments.changes)?;

    let work = Work {
        api: &api,
        repository: &repository,
        workflows: arguments.changes.iter().any(Change::is_workflow),
    };
    let (base, is_new) = work.base(branch, from).await?;
    if let Some(expected) = arguments.expected_head.as_deref().map(str::trim)
        && (expected.len() < 7 || !base.starts_with(expected))
    {
        return Err(moved(branch, &format!("it is at {}", snippet(&base, 64))));
    }
    let asked = work.asked("the files");
    let commit: WireCommit =
        fetch::json(get(&api, &work.path(&["commits", &base])), &asked).await?;
    let tree = get_tree::read(&api, &repository, &commit.tree.sha, &asked).await?;
    let entries = changes::entries(&arguments.changes, &tree)?;
    let mut committed = Committed {
        dry_run: arguments.dry_run,
        branch: branch.to_owned(),
        branch_created: is_new,
        base: snippet(&base, 64),
        commit: None,
        url: None,
        changes: arguments.changes.iter().map(Change::line).collect(),
    };
    if arguments.dry_run {
        return Ok(committed);
    }

    let new_tree = NewTree {
        base_tree: &commit.tree.sha,
        tree: entries,
    };
    let made: WireObject = work.make("trees", &new_tree).await?;
    let new_commit = NewCommit {
        message,
        tree: &made.sha,
        parents: [&base],
    };
    let made: WireCommit = work.make("commits", &new_commit).await?;
    work.publish(branch, is_new, &made.sha).await?;
    committed.commit = Some(snippet(&made.sha, 64));
    committed.url = Some(snippet(&made.html_url, 500));
    Ok(committed)
}

/// One commit in the making.
struct Work<'a> {
    api: &'a Api,
    repository: &'a Repository,
    /// It changes workflows, for which OAuth apps need a scope of its own.
    workflows: bool,
}

impl Work<'_> {
    fn path<'p>(&'p self, last: &[&'p str]) -> Vec<&'p str> {
        let repository = self.repository;
        let mut path = vec!["repos", &repository.owner, &repository.name, "git"];
        path.extend(last);
        path
    }

    fn asked(&self, what: &str) -> Asked {
        Asked {
            thing: format!("{what} of {}", self.repository),
            permission: if self.workflows {
                "Contents: write, Workflows: write"
            } else {
                "Contents: write"
            },
            hint: "Correct the changes and call again; nothing was changed.",
        }
    }

    /// The commit that the branch is at, or shall begin at; whether it is new.
    async fn base(&self, branch: &str, from: Option<&str>) -> Result<(String, bool), ToolError> {
        let at = |branch: &str| {
            let mut path = self.path(&["ref", "heads"]);
            path.extend(branch.split('/'));
            get(self.api, &path)
        };
        let asked = self.asked(&format!("the branch `{}`", shorten(branch, 100)));
        let response = at(branch).send().await?;
        match (response.status, from) {
            (status, _) if status.is_success() => {
                Ok((response.json::<WireRef>()?.object.sha, false))
            }
            (StatusCode::NOT_FOUND, Some(from)) => {
                let asked = self.asked(&format!("the branch `{}`", shorten(from, 100)));
                let found: WireRef = fetch::json(at(from), &asked).await?;
                Ok((found.object.sha, true))
            }
            _ => {
                let mut error = refusal::explain(&response, &asked);
                if error.code == ErrorCode::NotFound {
                    error
                        .fix
                        .push_str(" To make a new branch give `create_branch_from`.");
                }
                Err(error)
            }
        }
    }

    /// Makes a tree or a commit. It may be repeated like a read: nothing points to what it makes.
    async fn make<T: serde::de::DeserializeOwned>(
        &self,
        what: &str,
        body: &impl Serialize,
    ) -> Result<T, ToolError> {
        let path = self.path(&[what]);
        let request = with_version(self.api.read(Method::POST, &path), &path).json(body);
        self.confirmed(request, "the files").await?.json()
    }

    /// Moves the branch to the commit: the one step that others see.
    async fn publish(&self, branch: &str, is_new: bool, sha: &str) -> Result<(), ToolError> {
        let what = format!("the branch `{}`", shorten(branch, 100));
        if is_new {
            let path = self.path(&["refs"]);
            let request = post(self.api, &path);
            let body = NewRef {
                name: format!("refs/heads/{branch}"),
                sha,
            };
            self.confirmed(request.json(&body), &what).await?;
            return Ok(());
        }
        let mut path = self.path(&["refs", "heads"]);
        path.extend(branch.split('/'));
        let request = with_version(self.api.write(Method::PATCH, &path), &path);
        let body = MovedRef { sha, force: false };
        let response = request.json(&body).send().await?;
        if response.status == StatusCode::UNPROCESSABLE_ENTITY
            && String::from_utf8_lossy(&response.body).contains("fast forward")
        {
            return Err(moved(branch, "somebody else committed to it meanwhile"));
        }
        self.judge(response, &what).map(drop)
    }

    async fn confirmed(&self, request: Request, what: &str) -> Result<Response, ToolError> {
        self.judge(request.send().await?, what)
    }

    fn judge(&self, response: Response, what: &str) -> Result<Response, ToolError> {
        match response.status {
            StatusCode::CREATED | StatusCode::OK => Ok(response),
            status if status.is_success() => {
                Err(outcome_unknown("GitHub did not confirm the commit"))
            }
            StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY
                if self.workflows && lacks_scope(&response, "workflow") =>
            {
                Err(ToolError::missing_scopes(vec!["workflow".to_owned()]))
            }
            _ => Err(refusal::explain(&response, &self.asked(what))),
        }
    }
}

fn branch_name<'a>(argument: &str, text: &'a str) -> Result<&'a str, ToolError> {
    let text = text.trim();
    place::reference(argument, text.strip_prefix("refs/heads/").unwrap_or(text))
}

fn moved(branch: &str, how: &str) -> ToolError {
    ToolError::new(
        ErrorCode::Rejected,
        format!(
            "The branch `{}` is not where it was expected: {how}. Nothing was changed.",
            shorten(branch, 100)
        ),
        "Read the files again, adapt the changes and call again.",
    )
}
