//! `github_get_pull_request`: a pull request, and what stands in the way of its merge.

use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::Api;
use crate::arguments::OneOrMany;
use crate::error::ToolError;
use crate::github::checks::{self, Checks};
use crate::github::conversation::{self, Comment, Thread, removal_warning};
use crate::github::issue::WireUser;
use crate::github::pull::{Pull, Wire};
use crate::github::refusal::Asked;
use crate::github::repository::Repository;
use crate::github::{chosen, fetch, get};
use crate::output::Render;
use crate::sanitize::snippet;
use crate::when;

/// More reviews and commits than this are not looked at, in pages of 100.
const REVIEW_PAGES: u64 = 3;
const COMMITS: usize = 50;

/// Read one GitHub pull request: its facts, body, checks, reviews and what blocks its merge.
///
/// The changes themselves: `github_get_pull_request_diff`.
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
    /// Any of `checks`, `reviews`, `comments`, `commits` (default: `checks` and `reviews`).
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

/// A pull request and what was asked for with it.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Read {
    /// The pull request.
    pull_request: Pull,
    /// Whether it can be merged without conflicts; null: GitHub has not worked it out yet.
    mergeable: Option<bool>,
    /// Why it cannot be merged now; empty if nothing is known to be in the way.
    blockers: Vec<String>,
    /// How the checks of its head went; null if not asked for.
    checks: Option<Checks>,
    /// The last verdict of each reviewer.
    reviews: Vec<Review>,
    /// Its commits, oldest first.
    commits: Vec<Commit>,
    /// What its author wrote, a third party; null if it is empty or was read before.
    body: Option<String>,
    /// Comments, newest first, without those on lines.
    comments: Vec<Comment>,
    /// Pass as `cursor` for the rest of the texts; null at the end.
    next_cursor: Option<String>,
    /// What to keep in mind.
    warnings: Vec<String>,
}

/// A verdict.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct Review {
    /// The reviewer's login.
    reviewer: String,
    /// `approved`, `changes_requested`, `commented` or `dismissed`.
    state: String,
    /// RFC 3339; null while it is pending.
    submitted_at: Option<String>,
    /// The beginning of what was written, by a third party.
    excerpt: String,
}

/// A commit.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct Commit {
    /// Its id.
    sha: String,
    /// The first line of its message, written by a third party.
    title: String,
}

#[derive(Deserialize)]
struct WireReview {
    user: Option<WireUser>,
    state: String,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    submitted_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct WireCommit {
    sha: String,
    commit: WireMessage,
}

#[derive(Deserialize)]
struct WireMessage {
    message: String,
}

impl Render for Read {
    fn render(&self) -> String {
        let mut text = self.pull_request.lines();
        let mergeable = match self.mergeable {
            Some(true) => "yes",
            Some(false) => "no",
            None => "not known yet",
        };
        let mut add = |line: String| {
            text.push('\n');
            text.push_str(&line);
        };
        add(format!("Mergeable without conflicts: {mergeable}"));
        for blocker in &self.blockers {
            add(format!("Blocker: {blocker}"));
        }
        if let Some(checks) = &self.checks {
            add(checks.render());
        }
        for review in &self.reviews {
            let time = review.submitted_at.as_deref().unwrap_or("pending");
            add(format!(
                "Review: {} {} {time} {}",
                review.reviewer, review.state, review.excerpt
            ));
        }
        for commit in &self.commits {
            add(format!("Commit: {} {}", commit.sha, commit.title));
        }
        if let Some(body) = &self.body {
            add(format!("\n{body}"));
        }
        for comment in &self.comments {
            add(format!("\n--- {}", comment.render()));
        }
        if let Some(cursor) = &self.next_cursor {
            add(format!("\nMore text: cursor={cursor}"));
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
        &["checks", "reviews", "comments", "commits"],
        &["checks", "reviews"],
    )?;
    let number = arguments.pull_number.to_string();
    let asked = asked(&repository, arguments.pull_number);
    let base = [
        "repos",
        &repository.owner,
        &repository.name,
        "pulls",
        &number,
    ];
    let mut wire: Wire = fetch::json(get(&api, &base), &asked).await?;
    // GitHub works it out in the background once it is asked for.
    for wait in [1, 2] {
        let wait = Duration::from_secs(wait);
        if wire.mergeable.is_some() || wire.state != "open" || !api.spend(wait) {
            break;
        }
        tokio::time::sleep(wait).await;
        wire = fetch::json(get(&api, &base), &asked).await?;
    }

    let mut warnings = Vec::new();
    let mut checks = None;
    if include.contains(&"checks") {
        checks = Some(checks::of(&api, &repository, &wire.head.sha, &mut warnings).await?);
    }
    let reviews = if include.contains(&"reviews") {
        reviews(&api, &base, &asked, &mut warnings).await?
    } else {
        Vec::new()
    };
    let mut commits = Vec::new();
    if include.contains(&"commits") {
        let request = get(&api, &[&base[..], &["commits"]].concat()).query("per_page", COMMITS);
        let (found, more) = fetch::list::<WireCommit>(request, &asked).await?;
        commits.extend(found.iter().take(COMMITS).map(|commit| Commit {
            sha: snippet(&commit.sha, 64),
            title: snippet(
                commit.commit.message.lines().next().unwrap_or_default(),
                100,
            ),
        }));
        if more {
            warnings.push(format!("Only the first {COMMITS} commits are listed."));
        }
    }
    let limit = conversation::limit(include.contains(&"comments"), arguments.comments_limit);
    let thread = Thread {
        api: &api,
        repository: &repository,
        number: arguments.pull_number,
        asked: &asked,
    };
    let cursor = arguments.cursor.as_deref();
    let part = thread
        .read(cursor, wire.body.as_deref(), wire.comments, limit)
        .await?;
    warnings.extend(removal_warning(part.removed));
    Ok(Read {
        pull_request: Pull::of(&wire, &repository, &api),
        mergeable: wire.mergeable,
        blockers: blockers(&wire, checks.as_ref(), &reviews),
        checks,
        reviews,
        commits,
        body: part.body,
        comments: part.comments,
        next_cursor: part.next_cursor,
        warnings,
    })
}

/// How errors name a pull request.
pub(super) fn asked(repository: &Repository, number: u64) -> Asked {
    Asked {
        thing: format!("pull request {number} of {repository}"),
        permission: "Pull requests: read",
        hint: "Correct the arguments and call again.",
    }
}

/// What is known to stand in the way, in words of ours.
fn blockers(wire: &Wire, checks: Option<&Checks>, reviews: &[Review]) -> Vec<String> {
    if wire.state != "open" {
        return Vec::new();
    }
    let mut blockers = Vec::new();
    if wire.draft {
        blockers.push("It is a draft.".to_owned());
    }
    match wire.mergeable_state.as_deref() {
        _ if wire.mergeable == Some(false) => {
            blockers.push("It conflicts with its base branch.".to_owned());
        }
        Some("blocked") => blockers.push(
            "The rules of the base branch are not met: reviews or checks that it requires are \
             missing."
                .to_owned(),
        ),
        Some("behind") => blockers.push("Its branch is behind its base branch.".to_owned()),
        _ => {}
    }
    if let Some(checks) = checks {
        for (count, what) in [(checks.failed, "failed"), (checks.pending, "not ended")] {
            if count > 0 {
                blockers.push(format!("Checks that have {what}: {count}."));
            }
        }
    }
    let refusing = reviews
        .iter()
        .filter(|review| review.state == "changes_requested")
        .count();
    if refusing > 0 {
        blockers.push(format!("Reviewers who ask for changes: {refusing}."));
    }
    blockers
}

/// The last verdict of each reviewer. A comment does not take back an approval or a refusal.
async fn reviews(
    api: &Api,
    base: &[&str],
    asked: &Asked,
    warnings: &mut Vec<String>,
) -> Result<Vec<Review>, ToolError> {
    let mut latest: Vec<Review> = Vec::new();
    for page in 1..=REVIEW_PAGES {
        let request = get(api, &[base, &["reviews"]].concat())
            .query("per_page", 100)
            .query("page", page);
        let (found, more) = fetch::list::<WireReview>(request, asked).await?;
        for wire in found {
            let review = Review {
                reviewer: wire
                    .user
                    .map_or_else(|| "ghost".to_owned(), |user| snippet(&user.login, 100)),
                state: snippet(&wire.state.to_ascii_lowercase(), 40),
                submitted_at: wire.submitted_at.map(|time| when::show(time, api.zone())),
                excerpt: snippet(wire.body.as_deref().unwrap_or_default(), 120),
            };
            let same = |known: &Review| known.reviewer == review.reviewer;
            match latest.iter().position(same) {
                Some(at) if review.state != "commented" || latest[at].state == "commented" => {
                    latest[at] = review;
                }
                Some(_) => {}
                None => latest.push(review),
            }
        }
        if !more {
            break;
        }
        if page == REVIEW_PAGES {
            warnings.push("Later reviews are left out.".to_owned());
        }
    }
    if latest.len() > 20 {
        latest.truncate(20);
        warnings.push("Only 20 reviewers are listed.".to_owned());
    }
    Ok(latest)
}
