//! `github_add_comment`: a comment under an issue or pull request.

use jiff::Timestamp;
use reqwest::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::Api;
use crate::error::ToolError;
use crate::github::refusal::Asked;
use crate::github::repository::Repository;
use crate::github::{BODY_LIMIT, fetch, post};
use crate::output::Render;
use crate::sanitize::snippet;
use crate::when;

/// Comment on a GitHub issue, or on the conversation of a pull request.
///
/// To comment on lines of code use `github_submit_review`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// `owner/name`, or its address on github.com.
    repo: String,
    /// The owner, if `repo` does not name it.
    #[serde(default)]
    owner: Option<String>,
    /// The number of the issue or pull request.
    #[schemars(range(min = 1))]
    issue_number: u64,
    /// The comment, in GitHub's Markdown.
    body: String,
    /// Only show what would be sent.
    #[serde(default)]
    dry_run: bool,
}

/// The new comment, or what would be sent for it.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Commented {
    /// Nothing was written.
    dry_run: bool,
    /// The path within GitHub's API.
    path: String,
    /// The comment.
    body: String,
    /// Its page on GitHub; null in a dry run.
    url: Option<String>,
    /// RFC 3339; null in a dry run.
    created_at: Option<String>,
}

#[derive(Deserialize)]
struct Wire {
    html_url: String,
    created_at: Timestamp,
}

#[derive(Serialize)]
struct NewComment<'a> {
    body: &'a str,
}

impl Render for Commented {
    fn render(&self) -> String {
        match (&self.url, &self.created_at) {
            (Some(url), Some(time)) => {
                format!("Commented on {time}: {url} ({})\n{}", self.path, self.body)
            }
            _ => format!(
                "Dry run, nothing was written. Would send POST {}\n{}",
                self.path, self.body
            ),
        }
    }
}

/// Runs the tool.
pub(super) async fn run(api: Api, arguments: Arguments) -> Result<Commented, ToolError> {
    let repository = Repository::read(&api, arguments.owner.as_deref(), &arguments.repo)?;
    let body = arguments.body.trim_end().to_owned();
    if body.trim().is_empty() || body.chars().count() > BODY_LIMIT {
        return Err(ToolError::invalid_arguments(format!(
            "`body` must have 1 to {BODY_LIMIT} characters."
        )));
    }
    let number = arguments.issue_number.to_string();
    let segments = [
        "repos",
        &repository.owner,
        &repository.name,
        "issues",
        &number,
        "comments",
    ];
    let mut commented = Commented {
        dry_run: arguments.dry_run,
        path: format!("/{}", segments.join("/")),
        body,
        url: None,
        created_at: None,
    };
    if arguments.dry_run {
        return Ok(commented);
    }
    let request = post(&api, &segments).json(&NewComment {
        body: &commented.body,
    });
    let asked = Asked {
        thing: format!("issue or pull request {number} of {repository}"),
        permission: "Issues: write or Pull requests: write",
        hint: "Correct the comment and call again; the conversation may also be locked.",
    };
    let response = fetch::written(request, StatusCode::CREATED, &asked).await?;
    let wire: Wire = response.json()?;
    commented.url = Some(snippet(&wire.html_url, 500));
    commented.created_at = Some(when::show(wire.created_at, api.zone()));
    Ok(commented)
}
