//! `github_create_issue`: one new issue, after a look for others like it.

use std::fmt::Write as _;

use reqwest::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::Api;
use crate::arguments::OneOrMany;
use crate::error::ToolError;
use crate::github::issue::{Issue, Wire};
use crate::github::refusal::Asked;
use crate::github::repository::Repository;
use crate::github::{BODY_LIMIT, duplicates, fetch, post, title};
use crate::output::Render;

/// Create an issue in a GitHub repository.
///
/// Looks for issues with a similar title first and lists them in the result; they do not stop it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// `owner/name`, or its address on github.com.
    repo: String,
    /// The owner, if `repo` does not name it.
    #[serde(default)]
    owner: Option<String>,
    /// The title, one line of at most 256 characters.
    title: String,
    /// The description, in GitHub's Markdown.
    #[serde(default)]
    body: Option<String>,
    /// Names of labels that exist in the repository.
    #[serde(default)]
    labels: OneOrMany,
    /// Logins of people to assign.
    #[serde(default)]
    assignees: OneOrMany,
    /// A milestone's number.
    #[serde(default)]
    #[schemars(range(min = 1))]
    milestone: Option<u64>,
    /// An issue type of the organization, such as `Bug`.
    #[serde(default, rename = "type")]
    kind: Option<String>,
    /// Look for similar issues first.
    #[serde(default = "yes")]
    check_duplicates: bool,
    /// Only show what would be sent.
    #[serde(default)]
    dry_run: bool,
}

fn yes() -> bool {
    true
}

/// The new issue, or what would be sent for it.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Created {
    /// Nothing was created.
    dry_run: bool,
    /// The issue as GitHub created it; null in a dry run.
    issue: Option<Issue>,
    /// The request of a dry run.
    would_send: Option<WouldSend>,
    /// Issues of the repository with a similar title, written by third parties.
    possible_duplicates: Vec<Issue>,
    /// What to keep in mind.
    warnings: Vec<String>,
}

/// A request that was not sent.
#[derive(Debug, Serialize, JsonSchema)]
struct WouldSend {
    /// The HTTP method.
    method: String,
    /// The path within GitHub's API.
    path: String,
    /// The body.
    body: NewIssue,
}

/// The body of "Create an issue" in GitHub's REST documentation.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
struct NewIssue {
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    labels: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    assignees: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    milestone: Option<u64>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
}

impl Render for Created {
    fn render(&self) -> String {
        let mut text = String::new();
        if let Some(issue) = &self.issue {
            write!(text, "Created: {}", issue.line()).expect("a string takes every write");
        }
        if let Some(request) = &self.would_send {
            let body = &request.body;
            write!(
                text,
                "Dry run, nothing was created. Would send {} {}\nTitle: {}",
                request.method, request.path, body.title
            )
            .expect("a string takes every write");
            let fields = [
                ("Labels", Some(body.labels.join(", "))),
                ("Assignees", Some(body.assignees.join(", "))),
                ("Milestone", body.milestone.map(|number| number.to_string())),
                ("Type", body.kind.clone()),
                ("Body", body.body.as_ref().map(|body| format!("\n{body}"))),
            ];
            for (name, value) in fields {
                if let Some(value) = value.filter(|value| !value.is_empty()) {
                    write!(text, "\n{name}: {value}").expect("a string takes every write");
                }
            }
        }
        if !self.possible_duplicates.is_empty() {
            text.push_str("\nPossible duplicates:");
        }
        for issue in &self.possible_duplicates {
            write!(text, "\n- {}", issue.line()).expect("a string takes every write");
        }
        text
    }
}

/// Runs the tool.
pub(super) async fn run(api: Api, arguments: Arguments) -> Result<Created, ToolError> {
    let repository = Repository::read(&api, arguments.owner.as_deref(), &arguments.repo)?;
    let dry_run = arguments.dry_run;
    let check_duplicates = arguments.check_duplicates;
    let new = NewIssue::of(arguments)?;

    let mut warnings = Vec::new();
    let mut possible_duplicates = Vec::new();
    if check_duplicates {
        match duplicates::find(&api, &repository, &new.title).await {
            Some(found) => possible_duplicates = found,
            None => warnings.push("The search for similar issues failed.".to_owned()),
        }
        match possible_duplicates.len() {
            0 => {}
            1 => warnings.push("1 issue with a similar title exists already.".to_owned()),
            several => warnings.push(format!(
                "{several} issues with a similar title exist already."
            )),
        }
    }

    let path = ["repos", &repository.owner, &repository.name, "issues"];
    if dry_run {
        return Ok(Created {
            dry_run,
            issue: None,
            would_send: Some(WouldSend {
                method: "POST".to_owned(),
                path: format!("/{}", path.join("/")),
                body: new,
            }),
            possible_duplicates,
            warnings,
        });
    }

    let asked = Asked {
        thing: format!("the repository {repository}"),
        permission: "Issues: write",
        hint: "Correct what it names and call again. Labels, assignees, milestone and type must \
               exist in the repository or its organization.",
    };
    let request = post(&api, &path).json(&new);
    let response = fetch::written(request, StatusCode::CREATED, &asked).await?;
    let wire: Wire = response.json()?;
    warnings.extend(new.dropped(&wire));
    Ok(Created {
        dry_run,
        issue: Some(Issue::of(&wire, &api, false)),
        would_send: None,
        possible_duplicates,
        warnings,
    })
}

impl NewIssue {
    fn of(arguments: Arguments) -> Result<Self, ToolError> {
        let title = title(&arguments.title)?;
        let body = arguments.body.filter(|body| !body.is_empty());
        if body
            .as_ref()
            .is_some_and(|body| body.chars().count() > BODY_LIMIT)
        {
            return Err(ToolError::invalid_arguments(format!(
                "`body` is longer than {BODY_LIMIT} characters, which is all GitHub takes."
            )));
        }
        Ok(Self {
            title,
            body,
            labels: arguments.labels.0,
            assignees: arguments.assignees.0,
            milestone: arguments.milestone,
            kind: arguments.kind,
        })
    }

    /// GitHub drops these without a word when the account may not push to the repository.
    fn dropped(&self, created: &Wire) -> Vec<String> {
        let has_label = |name: &String| {
            created
                .label_names()
                .any(|known| known.eq_ignore_ascii_case(name))
        };
        let has_assignee = |login: &String| {
            created
                .assignees
                .iter()
                .any(|known| known.login.eq_ignore_ascii_case(login))
        };
        let mut dropped = Vec::new();
        if !self.labels.iter().all(has_label) {
            dropped.push("labels");
        }
        if !self.assignees.iter().all(has_assignee) {
            dropped.push("assignees");
        }
        let milestone = created.milestone.as_ref().map(|milestone| milestone.number);
        if self.milestone.is_some() && self.milestone != milestone {
            dropped.push("the milestone");
        }
        let kind = created.kind.as_ref().map(|kind| kind.name.as_str());
        if let Some(wanted) = &self.kind
            && !kind.is_some_and(|kind| kind.eq_ignore_ascii_case(wanted))
        {
            dropped.push("the type");
        }
        dropped
            .into_iter()
            .map(|what| {
                format!(
                    "GitHub did not set {what} as asked; that needs push access to the repository."
                )
            })
            .collect()
    }
}
