//! `github_get_issue`: one issue with its body, comments and links to others.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::Api;
use crate::arguments::OneOrMany;
use crate::error::ToolError;
use crate::github::allowed;
use crate::github::conversation::{self, Comment, Thread, removal_warning};
use crate::github::issue::{Issue, Wire};
use crate::github::refusal::Asked;
use crate::github::repository::Repository;
use crate::github::{chosen, fetch, get};
use crate::output::Render;
use crate::sanitize::snippet;

/// More issues are not shown of one kind of link.
const LINKED: usize = 20;

/// Read one GitHub issue: its facts, body and newest comments.
///
/// Long texts and older comments come with `cursor`. For a pull request use
/// `github_get_pull_request`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// `owner/name`, or its address on github.com.
    repo: String,
    /// The owner, if `repo` does not name it.
    #[serde(default)]
    owner: Option<String>,
    /// The issue's number.
    #[schemars(range(min = 1))]
    issue_number: u64,
    /// Any of `comments`, `sub_issues`, `parent`, `linked_pulls` (default: `comments`).
    #[serde(default)]
    include: OneOrMany,
    /// How many comments, newest first (1 to 50, default 20).
    #[serde(default)]
    #[schemars(range(min = 1, max = 50))]
    comments_limit: Option<u64>,
    /// `next_cursor` of the previous answer, for the rest of the texts.
    #[serde(default)]
    cursor: Option<String>,
}

/// An issue and what was asked for with it.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Read {
    /// The issue.
    issue: Issue,
    /// Why it is closed: `completed`, `not_planned`, `duplicate`; null if it is not.
    state_reason: Option<String>,
    /// What its author wrote, a third party; null if it is empty or was read before.
    body: Option<String>,
    /// Comments, newest first.
    comments: Vec<Comment>,
    /// Pass as `cursor` for the rest of the texts; null at the end.
    next_cursor: Option<String>,
    /// The issue that it is a part of.
    parent: Option<Issue>,
    /// The issues that are parts of it.
    sub_issues: Vec<Issue>,
    /// Pull requests that mention it.
    linked_pulls: Vec<Issue>,
    /// What to keep in mind.
    warnings: Vec<String>,
}

#[derive(Deserialize)]
struct WireEvent {
    #[serde(default)]
    source: Option<WireSource>,
}

#[derive(Deserialize)]
struct WireSource {
    #[serde(default)]
    issue: Option<Wire>,
}

impl Render for Read {
    fn render(&self) -> String {
        let mut text = self.issue.line();
        if let Some(reason) = &self.state_reason {
            write!(text, "\nClosed as: {reason}").expect("a string takes every write");
        }
        let parent: Vec<&Issue> = self.parent.iter().collect();
        let lists = [
            ("Part of", parent),
            ("Sub-issues", self.sub_issues.iter().collect()),
            ("Linked pull requests", self.linked_pulls.iter().collect()),
        ];
        for (what, issues) in lists {
            if !issues.is_empty() {
                write!(text, "\n{what}:").expect("a string takes every write");
            }
            for issue in issues {
                write!(text, "\n- {}", issue.line()).expect("a string takes every write");
            }
        }
        if let Some(body) = &self.body {
            write!(text, "\n\n{body}").expect("a string takes every write");
        }
        for comment in &self.comments {
            write!(text, "\n\n--- {}", comment.render()).expect("a string takes every write");
        }
        if let Some(cursor) = &self.next_cursor {
            write!(text, "\n\nMore text: cursor={cursor}").expect("a string takes every write");
        }
        text
    }
}

/// Runs the tool.
pub(super) async fn run(api: Api, arguments: Arguments) -> Result<Read, ToolError> {
    let repository = Repository::read(&api, arguments.owner.as_deref(), &arguments.repo)?;
    let include = chosen(
        "include",
        &arguments.include,
        &["comments", "sub_issues", "parent", "linked_pulls"],
        &["comments"],
    )?;
    let number = arguments.issue_number.to_string();
    let asked = Asked {
        thing: format!("issue {number} of {repository}"),
        permission: "Issues: read",
        hint: "Correct the arguments and call again.",
    };
    let base = [
        "repos",
        &repository.owner,
        &repository.name,
        "issues",
        &number,
    ];
    let below = |last| [&base[..], &[last]].concat();
    let wire: Wire = fetch::json(get(&api, &base), &asked).await?;

    let thread = Thread {
        api: &api,
        repository: &repository,
        number: arguments.issue_number,
        asked: &asked,
    };
    let limit = conversation::limit(include.contains(&"comments"), arguments.comments_limit);
    let cursor = arguments.cursor.as_deref();
    let part = thread
        .read(cursor, wire.body.as_deref(), wire.comments, limit)
        .await?;
    let mut warnings: Vec<String> = removal_warning(part.removed).into_iter().collect();

    let mut left_out = 0;
    let mut parent = None;
    if include.contains(&"parent") {
        let response = get(&api, &below("parent")).send().await?;
        // 404: it is a part of no other.
        if response.status.is_success() {
            let found: Wire = response.json()?;
            if allowed::shows(&api, &found) {
                parent = Some(Issue::of(&found, &api, false));
            } else {
                left_out += 1;
            }
        }
    }
    let mut sub_issues = Vec::new();
    if include.contains(&"sub_issues") {
        let request = get(&api, &below("sub_issues")).query("per_page", LINKED);
        let (mut found, more) = fetch::list::<Wire>(request, &asked).await?;
        left_out += allowed::keep(&api, &mut found);
        sub_issues.extend(
            found
                .iter()
                .take(LINKED)
                .map(|it| Issue::of(it, &api, false)),
        );
        if more {
            warnings.push(format!("Only the first {LINKED} sub-issues are listed."));
        }
    }
    let mut linked_pulls: Vec<Issue> = Vec::new();
    if include.contains(&"linked_pulls") {
        let request = get(&api, &below("timeline")).query("per_page", 100);
        let (events, more) = fetch::list::<WireEvent>(request, &asked).await?;
        let sources = events.iter().filter_map(|event| event.source.as_ref());
        for source in sources.filter_map(|source| source.issue.as_ref()) {
            if !allowed::shows(&api, source) {
                left_out += 1;
                continue;
            }
            let pull = Issue::of(source, &api, false);
            if source.pull_request.is_some() && !linked_pulls.contains(&pull) {
                linked_pulls.push(pull);
            }
        }
        if more || linked_pulls.len() > LINKED {
            linked_pulls.truncate(LINKED);
            warnings.push("Later pull requests that mention it are left out.".to_owned());
        }
    }
    warnings.extend(allowed::left_out(left_out));
    Ok(Read {
        issue: Issue::of(&wire, &api, false),
        state_reason: wire
            .state_reason
            .as_deref()
            .filter(|_| wire.state == "closed")
            .map(|reason| snippet(reason, 40)),
        body: part.body,
        comments: part.comments,
        next_cursor: part.next_cursor,
        parent,
        sub_issues,
        linked_pulls,
        warnings,
    })
}
