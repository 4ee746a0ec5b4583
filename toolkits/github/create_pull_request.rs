//! `github_create_pull_request`: a new pull request, with reviewers and the issues that it closes.

use std::fmt::Write as _;

use reqwest::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::Api;
use crate::arguments::OneOrMany;
use crate::error::ToolError;
use crate::github::pull::{Pull, Wire};
use crate::github::refusal::Asked;
use crate::github::repository::{Repository, is_owner};
use crate::github::{BODY_LIMIT, fetch, get, place, post, title};
use crate::output::Render;

const MAX_CLOSES: usize = 20;

/// Open a pull request in a GitHub repository.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// `owner/name`, or its address on github.com.
    repo: String,
    /// The owner, if `repo` does not name it.
    #[serde(default)]
    owner: Option<String>,
    /// The branch with the changes; `user:branch` if it is in a fork.
    head: String,
    /// The branch to change (default: the default branch).
    #[serde(default)]
    base: Option<String>,
    /// The title, one line of at most 256 characters.
    title: String,
    /// The description, in GitHub's Markdown.
    #[serde(default)]
    body: Option<String>,
    /// Open it as a draft.
    #[serde(default)]
    draft: bool,
    /// Logins of people to ask for a review; a team as `org/team`.
    #[serde(default)]
    reviewers: OneOrMany,
    /// Numbers of issues that its merge closes.
    #[serde(default)]
    closes: Vec<u64>,
    /// Only show what would be sent.
    #[serde(default)]
    dry_run: bool,
}

/// The new pull request, or what would be sent for it.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Opened {
    /// Nothing was opened.
    dry_run: bool,
    /// The pull request; null in a dry run.
    pull_request: Option<Pull>,
    /// What would be sent; null unless it is a dry run.
    would_send: Option<NewPull>,
    /// Who is asked for a review.
    reviewers: Vec<String>,
    /// What to keep in mind.
    warnings: Vec<String>,
}

/// The body of "Create a pull request" in GitHub's REST documentation.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct NewPull {
    title: String,
    head: String,
    base: String,
    body: String,
    draft: bool,
}

#[derive(Serialize)]
struct Reviewers<'a> {
    reviewers: Vec<&'a str>,
    team_reviewers: Vec<&'a str>,
}

#[derive(Deserialize)]
struct WireRepository {
    default_branch: String,
}

impl Render for Opened {
    fn render(&self) -> String {
        let mut text = String::new();
        if let Some(pull) = &self.pull_request {
            write!(text, "Opened: {}", pull.lines()).expect("a string takes every write");
        }
        if let Some(new) = &self.would_send {
            let draft = if new.draft { "draft " } else { "" };
            write!(
                text,
                "Dry run, nothing was opened. Would open the {draft}pull request {} -> {}\nTitle: \
                 {}\nBody:\n{}",
                new.head, new.base, new.title, new.body
            )
            .expect("a string takes every write");
        }
        if !self.reviewers.is_empty() {
            write!(text, "\nReview asked of: {}", self.reviewers.join(", "))
                .expect("a string takes every write");
        }
        text
    }
}

/// Runs the tool.
pub(super) async fn run(api: Api, arguments: Arguments) -> Result<Opened, ToolError> {
    let repository = Repository::read(&api, arguments.owner.as_deref(), &arguments.repo)?;
    let head = head(&arguments.head)?;
    let base = arguments.base.as_deref();
    let base = base
        .map(|base| place::reference("base", base))
        .transpose()?;
    let title = title(&arguments.title)?;
    let body = arguments.body()?;
    let (people, teams) = reviewers(&arguments.reviewers)?;
    let path = ["repos", &repository.owner, &repository.name, "pulls"];
    let asked = Asked {
        thing: format!("the repository {repository}"),
        permission: "Pull requests: write",
        hint: "Both branches must exist and differ, and may have no open pull request yet.",
    };
    let base = if let Some(base) = base {
        base.to_owned()
    } else {
        let found: WireRepository = fetch::json(get(&api, &path[..3]), &asked).await?;
        place::reference("base", &found.default_branch)?.to_owned()
    };
    let new = NewPull {
        title,
        head,
        base,
        body,
        draft: arguments.draft,
    };
    let asked_of = people.iter().chain(&teams).cloned().collect();
    if arguments.dry_run {
        return Ok(Opened {
            dry_run: true,
            pull_request: None,
            would_send: Some(new),
            reviewers: asked_of,
            warnings: Vec::new(),
        });
    }
    let request = post(&api, &path).json(&new);
    let response = fetch::written(request, StatusCode::CREATED, &asked).await?;
    let mut wire: Wire = response.json()?;
    let mut opened = Opened {
        dry_run: false,
        pull_request: None,
        would_send: None,
        reviewers: asked_of,
        warnings: Vec::new(),
    };
    if !opened.reviewers.is_empty() {
        let number = wire.number.to_string();
        let request = post(
            &api,
            &[&path[..], &[&number, "requested_reviewers"]].concat(),
        );
        let team_slug = |team: &'_ String| team.split_once('/').map_or(0, |(org, _)| org.len() + 1);
        let request = request.json(&Reviewers {
            reviewers: people.iter().map(String::as_str).collect(),
            team_reviewers: teams.iter().map(|team| &team[team_slug(team)..]).collect(),
        });
        // The pull request is there whatever becomes of this.
        match fetch::json::<Wire>(request, &asked).await {
            Ok(with_reviewers) => wire = with_reviewers,
            Err(error) => {
                opened.reviewers.clear();
                opened.warnings.push(format!(
                    "It is open, but the reviewers could not be asked: {} They must have access to \
                     the repository, and its author cannot review it.",
                    error.message
                ));
            }
        }
    }
    opened.pull_request = Some(Pull::of(&wire, &repository, &api));
    Ok(opened)
}

impl Arguments {
    /// The description, with a line for each issue that the merge closes.
    fn body(&self) -> Result<String, ToolError> {
        let mut body = self
            .body
            .as_deref()
            .unwrap_or_default()
            .trim_end()
            .to_owned();
        if self.closes.len() > MAX_CLOSES || self.closes.contains(&0) {
            return Err(ToolError::invalid_arguments(format!(
                "`closes` are numbers of issues, at most {MAX_CLOSES}."
            )));
        }
        for (at, number) in self.closes.iter().enumerate() {
            let gap = match (at, body.is_empty()) {
                (_, true) => "",
                (0, _) => "\n\n",
                _ => "\n",
            };
            write!(body, "{gap}Closes #{number}.").expect("a string takes every write");
        }
        if body.chars().count() > BODY_LIMIT {
            return Err(ToolError::invalid_arguments(format!(
                "`body` is longer than {BODY_LIMIT} characters, which is all GitHub takes."
            )));
        }
        Ok(body)
    }
}

/// `branch` or `user:branch`.
fn head(text: &str) -> Result<String, ToolError> {
    match text.trim().split_once(':') {
        Some((user, branch)) if is_owner(user) => {
            Ok(format!("{user}:{}", place::reference("head", branch)?))
        }
        _ => place::reference("head", text).map(str::to_owned),
    }
}

/// People, and teams as `org/team`.
fn reviewers(given: &OneOrMany) -> Result<(Vec<String>, Vec<String>), ToolError> {
    let (mut people, mut teams) = (Vec::new(), Vec::new());
    for name in &given.0 {
        let name = name.trim().trim_start_matches('@');
        match name.split_once('/') {
            Some((org, team)) if is_owner(org) && is_owner(team) => teams.push(name.to_owned()),
            None if is_owner(name) => people.push(name.to_owned()),
            _ => {
                return Err(ToolError::invalid_arguments(
                    "`reviewers` are logins, or teams as `org/team`.",
                ));
            }
        }
    }
    Ok((people, teams))
}
