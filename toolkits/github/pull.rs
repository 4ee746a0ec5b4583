//! A pull request: what GitHub sends, and what is worth showing of it.

use std::fmt::Write as _;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::Api;
use crate::github::issue::{WireLabel, WireUser};
use crate::github::repository::Repository;
use crate::sanitize::{shorten, snippet, visible};
use crate::when;

/// The pull request object of GitHub's REST API.
#[derive(Debug, Deserialize)]
pub(super) struct Wire {
    pub(super) number: u64,
    title: String,
    pub(super) state: String,
    html_url: String,
    user: Option<WireUser>,
    #[serde(default)]
    labels: Vec<WireLabel>,
    #[serde(default)]
    assignees: Vec<WireUser>,
    #[serde(default)]
    requested_reviewers: Vec<WireUser>,
    #[serde(default)]
    pub(super) draft: bool,
    #[serde(default)]
    pub(super) merged_at: Option<Timestamp>,
    pub(super) base: WireEnd,
    pub(super) head: WireEnd,
    #[serde(default)]
    pub(super) mergeable: Option<bool>,
    #[serde(default)]
    pub(super) mergeable_state: Option<String>,
    #[serde(default)]
    pub(super) additions: u64,
    #[serde(default)]
    pub(super) deletions: u64,
    #[serde(default)]
    pub(super) changed_files: u64,
    #[serde(default)]
    pub(super) commits: u64,
    #[serde(default)]
    pub(super) comments: u64,
    #[serde(default)]
    review_comments: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
    pub(super) body: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct WireEnd {
    pub(super) label: Option<String>,
    #[serde(rename = "ref")]
    pub(super) reference: String,
    pub(super) sha: String,
}

/// A pull request.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(super) struct Pull {
    /// Its title, written by a third party.
    title: String,
    /// `owner/name`.
    repository: String,
    /// The number within the repository.
    number: u64,
    /// `open`, `draft`, `closed` or `merged`.
    state: String,
    /// The author's login.
    author: String,
    /// The branch it is for.
    base: String,
    /// The branch it comes from, `owner:branch`.
    head: String,
    /// The commit at its head.
    head_sha: String,
    /// Lines added.
    additions: u64,
    /// Lines removed.
    deletions: u64,
    /// Files changed.
    changed_files: u64,
    /// How many commits.
    commits: u64,
    /// How many comments, without those on lines.
    comments: u64,
    /// How many comments on lines.
    review_comments: u64,
    /// Names of the labels.
    labels: Vec<String>,
    /// Logins.
    assignees: Vec<String>,
    /// Logins of people whose review is awaited.
    requested_reviewers: Vec<String>,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339.
    updated_at: String,
    /// Its page on GitHub.
    url: String,
}

impl Pull {
    /// What is worth showing of `wire`.
    pub(super) fn of(wire: &Wire, repository: &Repository, api: &Api) -> Self {
        let name = |text: &str| snippet(text, 100);
        let logins = |users: &[WireUser]| users.iter().map(|user| name(&user.login)).collect();
        let state = match wire.state.as_str() {
            _ if wire.merged_at.is_some() => "merged",
            "open" if wire.draft => "draft",
            state => state,
        };
        let labels = wire.labels.iter().filter_map(WireLabel::name);
        let head = wire.head.label.as_deref().unwrap_or(&wire.head.reference);
        Self {
            title: shorten(&visible(&wire.title).text.replace('\n', " "), 256),
            repository: repository.to_string(),
            number: wire.number,
            state: name(state),
            author: wire
                .user
                .as_ref()
                .map_or_else(|| "ghost".into(), |user| name(&user.login)),
            base: snippet(&wire.base.reference, 250),
            head: snippet(head, 300),
            head_sha: snippet(&wire.head.sha, 64),
            additions: wire.additions,
            deletions: wire.deletions,
            changed_files: wire.changed_files,
            commits: wire.commits,
            comments: wire.comments,
            review_comments: wire.review_comments,
            labels: labels.map(name).collect(),
            assignees: logins(&wire.assignees),
            requested_reviewers: logins(&wire.requested_reviewers),
            created_at: when::show(wire.created_at, api.zone()),
            updated_at: when::show(wire.updated_at, api.zone()),
            url: snippet(&wire.html_url, 500),
        }
    }

    /// A few lines.
    pub(super) fn lines(&self) -> String {
        let mut text = format!(
            "{} ({}#{}) {}, by {}\n{} -> {}, head {}\n+{} -{} in {} files, {} commits, {} comments, \
             {} comments on lines\ncreated {}, updated {}, {}",
            self.title,
            self.repository,
            self.number,
            self.state,
            self.author,
            self.head,
            self.base,
            self.head_sha,
            self.additions,
            self.deletions,
            self.changed_files,
            self.commits,
            self.comments,
            self.review_comments,
            self.created_at,
            self.updated_at,
            self.url
        );
        let lists = [
            ("Labels", &self.labels),
            ("Assigned", &self.assignees),
            ("Review awaited", &self.requested_reviewers),
        ];
        for (what, names) in lists {
            if !names.is_empty() {
                write!(text, "\n{what}: {}", names.join(", ")).expect("a string takes every write");
            }
        }
        text
    }
}
