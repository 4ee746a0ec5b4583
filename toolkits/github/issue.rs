//! An issue or pull request: what GitHub sends, and the few facts of it that are worth showing.

use std::fmt::Write as _;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::Api;
use crate::sanitize::{shorten, snippet, visible};
use crate::when;

const TITLE_LIMIT: usize = 256;
const EXCERPT_LIMIT: usize = 300;

/// GitHub's issue object, which is also the pull request's in a search.
#[derive(Debug, Deserialize)]
pub(super) struct Wire {
    pub(super) number: u64,
    pub(super) title: String,
    pub(super) state: String,
    #[serde(default)]
    pub(super) state_reason: Option<String>,
    pub(super) html_url: String,
    pub(super) repository_url: String,
    pub(super) user: Option<WireUser>,
    #[serde(default)]
    pub(super) labels: Vec<WireLabel>,
    #[serde(default)]
    pub(super) assignees: Vec<WireUser>,
    #[serde(default)]
    pub(super) comments: u64,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) body: Option<String>,
    #[serde(default)]
    pub(super) draft: bool,
    pub(super) pull_request: Option<WirePull>,
    pub(super) milestone: Option<WireMilestone>,
    #[serde(rename = "type")]
    pub(super) kind: Option<WireType>,
}

#[derive(Debug, Deserialize)]
pub(super) struct WireUser {
    pub(super) login: String,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum WireLabel {
    Object { name: Option<String> },
    Name(String),
}

#[derive(Debug, Deserialize)]
pub(super) struct WirePull {
    merged_at: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
pub(super) struct WireMilestone {
    pub(super) number: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct WireType {
    pub(super) name: String,
}

/// An issue or a pull request.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(super) struct Issue {
    /// Its title, written by a third party.
    pub(super) title: String,
    /// `owner/name`.
    pub(super) repository: String,
    /// The number within the repository.
    pub(super) number: u64,
    /// What it is.
    pub(super) kind: Kind,
    /// `open`, `closed`, `draft` or `merged`.
    pub(super) state: String,
    /// The author's login.
    pub(super) author: String,
    /// Names of the labels.
    pub(super) labels: Vec<String>,
    /// Logins.
    pub(super) assignees: Vec<String>,
    /// How many comments.
    pub(super) comments: u64,
    /// RFC 3339.
    pub(super) created_at: String,
    /// RFC 3339.
    pub(super) updated_at: String,
    /// Its page on GitHub.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) url: Option<String>,
    /// The beginning of its body, written by a third party.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) excerpt: Option<String>,
}

/// Issue or pull request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Issue,
    PullRequest,
}

impl Wire {
    /// `owner/name`; empty when its address is of another form.
    pub(super) fn repository(&self) -> String {
        repository_of(&self.repository_url)
    }
}

impl Issue {
    /// What is worth showing of `wire`; with the beginning of the body if asked for.
    pub(super) fn of(wire: &Wire, api: &Api, with_excerpt: bool) -> Self {
        let name = |text: &str| snippet(text, 100);
        let login = |user: &WireUser| name(&user.login);
        let merged = wire
            .pull_request
            .as_ref()
            .is_some_and(|pull| pull.merged_at.is_some());
        let state = match wire.state.as_str() {
            _ if merged => "merged",
            "open" if wire.draft => "draft",
            state => state,
        };
        Self {
            // A title is shown as it is written: what looks like HTML in it is text.
            title: shorten(&visible(&wire.title).text.replace('\n', " "), TITLE_LIMIT),
            repository: wire.repository(),
            number: wire.number,
            kind: if wire.pull_request.is_some() {
                Kind::PullRequest
            } else {
                Kind::Issue
            },
            state: name(state),
            // GitHub shows the account of deleted users as "ghost".
            author: wire.user.as_ref().map_or_else(|| "ghost".into(), login),
            labels: wire.label_names().map(name).collect(),
            assignees: wire.assignees.iter().map(login).collect(),
            comments: wire.comments,
            created_at: when::show(wire.created_at, api.zone()),
            updated_at: when::show(wire.updated_at, api.zone()),
            url: Some(snippet(&wire.html_url, 500)),
            excerpt: wire
                .body
                .as_deref()
                .filter(|_| with_excerpt)
                .map(|body| snippet(body, EXCERPT_LIMIT))
                .filter(|excerpt| !excerpt.is_empty()),
        }
    }

    /// One line, and one for the excerpt.
    pub(super) fn line(&self) -> String {
        let kind = match self.kind {
            Kind::Issue => "issue",
            Kind::PullRequest => "pull_request",
        };
        let mut line = format!(
            "{} ({}#{}) {kind}, {}, by {}",
            self.title, self.repository, self.number, self.state, self.author
        );
        let lists = [("labels", &self.labels), ("assigned", &self.assignees)];
        for (what, names) in lists {
            if !names.is_empty() {
                write!(line, ", {what}: {}", names.join(", ")).expect("a string takes every write");
            }
        }
        write!(
            line,
            ", comments: {}, created {}, updated {}",
            self.comments, self.created_at, self.updated_at
        )
        .expect("a string takes every write");
        if let Some(url) = &self.url {
            write!(line, ", {url}").expect("a string takes every write");
        }
        if let Some(excerpt) = &self.excerpt {
            write!(line, "\n    {excerpt}").expect("a string takes every write");
        }
        line
    }
}

impl Wire {
    /// The labels' names.
    pub(super) fn label_names(&self) -> impl Iterator<Item = &str> {
        self.labels.iter().filter_map(WireLabel::name)
    }
}

impl WireLabel {
    /// Its name, which GitHub does not promise.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Object { name } => name.as_deref(),
            Self::Name(name) => Some(name),
        }
    }
}

/// `owner/name` from the last two segments of the API's address of a repository.
fn repository_of(url: &str) -> String {
    let mut segments = url.trim_end_matches('/').rsplit('/');
    match (segments.next(), segments.next()) {
        (Some(name), Some(owner)) => snippet(&format!("{owner}/{name}"), 200),
        _ => String::new(),
    }
}
