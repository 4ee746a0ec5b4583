//! `github_submit_review`: one review with its verdict and its comments on lines, all at once.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use reqwest::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::Api;
use crate::error::{ErrorCode, ToolError};
use crate::github::diff::{self, File};
use crate::github::get_pull_request::asked as asked_for;
use crate::github::pull::Wire;
use crate::github::refusal::Asked;
use crate::github::repository::Repository;
use crate::github::{BODY_LIMIT, fetch, get, post};
use crate::output::Render;
use crate::sanitize::{shorten, snippet};

const MAX_COMMENTS: usize = 50;

/// Pages of 100 files that are looked through for the lines.
const PAGES: u64 = 10;

/// Review a GitHub pull request: a verdict, a text and comments on lines, submitted together.
///
/// Lines are checked against the diff first; `github_get_pull_request_diff` shows their numbers.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// `owner/name`, or its address on github.com.
    repo: String,
    /// The owner, if `repo` does not name it.
    #[serde(default)]
    owner: Option<String>,
    /// The pull request's number.
    #[schemars(range(min = 1))]
    pull_number: u64,
    /// The verdict.
    event: Event,
    /// What the review says as a whole; needed for `request_changes`.
    #[serde(default)]
    body: Option<String>,
    /// Comments on lines (up to 50).
    #[serde(default)]
    comments: Vec<Comment>,
    /// The head commit that was read; the review is refused if there is a newer one.
    #[serde(default)]
    commit_id: Option<String>,
    /// Only check the lines and show what would be sent.
    #[serde(default)]
    dry_run: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Event {
    Comment,
    Approve,
    RequestChanges,
}

/// A comment on lines of the diff.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Comment {
    /// The file.
    path: String,
    /// The line, the last one of several.
    #[schemars(range(min = 1))]
    line: u64,
    /// The first line of several.
    #[serde(default)]
    start_line: Option<u64>,
    /// `right` counts lines of the new file (default), `left` of the old.
    #[serde(default)]
    side: Option<Side>,
    /// The comment, in GitHub's Markdown.
    #[serde(default)]
    body: String,
    /// What the lines should be instead; right side only.
    #[serde(default)]
    suggestion: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Side {
    Left,
    Right,
}

/// The review, or what would be sent for it.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Reviewed {
    /// Nothing was submitted.
    dry_run: bool,
    /// The verdict as GitHub calls it.
    state: String,
    /// The commit that was reviewed.
    commit_id: String,
    /// Its page on GitHub; null in a dry run.
    url: Option<String>,
    /// What is said as a whole.
    body: String,
    /// The comments on lines.
    comments: Vec<NewComment>,
}

/// The body of "Create a review for a pull request" in GitHub's REST documentation.
#[derive(Serialize)]
struct NewReview<'a> {
    commit_id: &'a str,
    event: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    body: &'a str,
    comments: &'a [NewComment],
}

/// A comment as it is sent.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct NewComment {
    path: String,
    line: u64,
    side: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_side: Option<&'static str>,
    body: String,
}

#[derive(Deserialize)]
struct WireReview {
    html_url: String,
    state: String,
}

impl Render for Reviewed {
    fn render(&self) -> String {
        let mut text = match &self.url {
            Some(url) => format!("Submitted: {} {url}", self.state),
            None => format!(
                "Dry run, nothing was submitted. Would submit: {}",
                self.state
            ),
        };
        write!(text, "\nCommit {}\n{}", self.commit_id, self.body)
            .expect("a string takes every write");
        for it in &self.comments {
            write!(text, "\n--- {}:", it.path).expect("a string takes every write");
            if let (Some(start), Some(side)) = (it.start_line, it.start_side) {
                write!(text, "{start} ({side}) to ").expect("a string takes every write");
            }
            write!(text, "{} ({})\n{}", it.line, it.side, it.body)
                .expect("a string takes every write");
        }
        text
    }
}

/// Runs the tool.
pub(super) async fn run(api: Api, arguments: Arguments) -> Result<Reviewed, ToolError> {
    let repository = Repository::read(&api, arguments.owner.as_deref(), &arguments.repo)?;
    let body = arguments
        .body
        .as_deref()
        .unwrap_or_default()
        .trim()
        .to_owned();
    let comments = arguments.comments(&body)?;
    let number = arguments.pull_number.to_string();
    let base = [
        "repos",
        &repository.owner,
        &repository.name,
        "pulls",
        &number,
    ];
    let asked = asked_for(&repository, arguments.pull_number);
    let pull: Wire = fetch::json(get(&api, &base), &asked).await?;
    let head = &pull.head.sha;
    if let Some(read) = arguments.commit_id.as_deref().map(str::trim)
        && (read.len() < 7 || !head.starts_with(read))
    {
        return Err(ToolError::new(
            ErrorCode::Rejected,
            format!(
                "The head of {} is {} now; nothing was submitted.",
                asked.thing,
                snippet(head, 64)
            ),
            "Read the diff again, adapt the review and call again.",
        ));
    }
    if !comments.is_empty() {
        let path = [&base[..], &["files"]].concat();
        check_lines(&api, &path, &asked, &comments).await?;
    }
    let event = arguments.event.as_sent();
    let mut reviewed = Reviewed {
        dry_run: arguments.dry_run,
        state: event.to_owned(),
        commit_id: snippet(head, 64),
        url: None,
        body,
        comments,
    };
    if arguments.dry_run {
        return Ok(reviewed);
    }
    let request = post(&api, &[&base[..], &["reviews"]].concat()).json(&NewReview {
        commit_id: head,
        event,
        body: &reviewed.body,
        comments: &reviewed.comments,
    });
    let asked = Asked {
        permission: "Pull requests: write",
        hint: "Nobody can approve their own pull request or ask it for changes; use `comment`.",
        ..asked
    };
    let response = fetch::written(request, StatusCode::OK, &asked).await?;
    let wire: WireReview = response.json()?;
    reviewed.state = snippet(&wire.state, 40);
    reviewed.url = Some(snippet(&wire.html_url, 500));
    Ok(reviewed)
}

impl Event {
    fn as_sent(self) -> &'static str {
        match self {
            Self::Comment => "COMMENT",
            Self::Approve => "APPROVE",
            Self::RequestChanges => "REQUEST_CHANGES",
        }
    }
}

impl Arguments {
    /// The comments as they are sent, if they and the text fit the verdict.
    fn comments(&self, body: &str) -> Result<Vec<NewComment>, ToolError> {
        let invalid = |text: &str| Err(ToolError::invalid_arguments(text));
        if body.chars().count() > BODY_LIMIT {
            return invalid("`body` is longer than GitHub takes.");
        }
        match self.event {
            Event::RequestChanges if body.is_empty() => {
                return invalid("`request_changes` needs a `body` that says what.");
            }
            Event::Comment if body.is_empty() && self.comments.is_empty() => {
                return invalid("`comment` needs a `body` or `comments`.");
            }
            _ => {}
        }
        if self.comments.len() > MAX_COMMENTS {
            return invalid("`comments` are more than 50; submit several reviews.");
        }
        let numbered = self.comments.iter().enumerate();
        numbered
            .map(|(number, comment)| {
                comment.as_sent().map_err(|why| {
                    ToolError::invalid_arguments(format!("`comments[{number}]`: {why}"))
                })
            })
            .collect()
    }
}

impl Comment {
    fn as_sent(&self) -> Result<NewComment, &'static str> {
        let mut body = self.body.trim_end().to_owned();
        if let Some(suggestion) = &self.suggestion {
            if self.side == Some(Side::Left) {
                return Err("a suggestion is for lines of the new file, the right side.");
            }
            // A fence that is longer than any in the suggestion.
            let longest = suggestion
                .split(|c| c != '`')
                .map(str::len)
                .max()
                .unwrap_or(0);
            let fence = "`".repeat(longest.max(2) + 1);
            let gap = if body.is_empty() { "" } else { "\n\n" };
            let lines = suggestion.strip_suffix('\n').unwrap_or(suggestion);
            write!(body, "{gap}{fence}suggestion\n{lines}\n{fence}")
                .expect("a string takes every write");
        }
        if body.trim().is_empty() || body.chars().count() > BODY_LIMIT {
            return Err("give a `body` or a `suggestion` that GitHub takes.");
        }
        if self.line == 0
            || self
                .start_line
                .is_some_and(|start| start == 0 || start > self.line)
        {
            return Err("lines begin at 1, and `start_line` is not after `line`.");
        }
        let side = match self.side {
            Some(Side::Left) => "LEFT",
            _ => "RIGHT",
        };
        let start_line = self.start_line.filter(|start| *start < self.line);
        Ok(NewComment {
            path: self.path.trim_start_matches('/').to_owned(),
            line: self.line,
            side,
            start_line,
            start_side: start_line.map(|_| side),
            body,
        })
    }
}

/// Whether GitHub takes comments on these lines: it refuses the whole review for one that is not in
/// the diff, without saying which.
async fn check_lines(
    api: &Api,
    path: &[&str],
    asked: &Asked,
    comments: &[NewComment],
) -> Result<(), ToolError> {
    let mut wanted: BTreeMap<&str, Vec<&NewComment>> = BTreeMap::new();
    for comment in comments {
        wanted.entry(&comment.path).or_default().push(comment);
    }
    for page in 1..=PAGES {
        let request = get(api, path).query("per_page", 100).query("page", page);
        let (files, more) = fetch::list::<File>(request, asked).await?;
        for file in &files {
            for comment in wanted.remove(file.filename.as_str()).unwrap_or_default() {
                check_line(file, comment)?;
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        if !more {
            break;
        }
    }
    let missing: Vec<String> = wanted
        .keys()
        .take(3)
        .map(|path| shorten(path, 100))
        .collect();
    Err(ToolError::invalid_arguments(format!(
        "The pull request does not change {}; nothing was submitted.",
        missing.join(", ")
    )))
}

fn check_line(file: &File, comment: &NewComment) -> Result<(), ToolError> {
    let patch = file.patch.as_deref().unwrap_or_default();
    let numbers: Vec<u64> = diff::lines(patch)
        .iter()
        .filter_map(|line| {
            if comment.side == "LEFT" {
                line.old
            } else {
                line.new
            }
        })
        .collect();
    let missing = [comment.start_line, Some(comment.line)]
        .into_iter()
        .flatten()
        .find(|line| !numbers.contains(line));
    let Some(line) = missing else {
        return Ok(());
    };
    let ranges = ranges(&numbers);
    let known = if ranges.is_empty() {
        "GitHub shows no lines of it".to_owned()
    } else {
        format!("it has {ranges}")
    };
    Err(ToolError::invalid_arguments(format!(
        "Line {line} of {} is not in the diff on the {} side: {known}. Nothing was submitted.",
        shorten(&comment.path, 200),
        comment.side
    )))
}

/// `3-9, 20-24`, shortened.
fn ranges(numbers: &[u64]) -> String {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for &number in numbers {
        match ranges.last_mut() {
            Some((_, end)) if *end + 1 == number => *end = number,
            _ => ranges.push((number, number)),
        }
    }
    let ranges: Vec<String> = ranges
        .iter()
        .map(|(from, to)| format!("{from}-{to}"))
        .collect();
    shorten(&ranges.join(", "), 200)
}
