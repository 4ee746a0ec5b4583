//! The limits that providers document, and what each request of ours takes of them.
//!
//! Gmail: units per minute and user, <https://developers.google.com/workspace/gmail/api/reference/quota>
//! (6,000 for projects made since May 2026, more for older ones). Slack: calls per minute, method and
//! workspace, by tiers, <https://docs.slack.dev/apis/web-api/rate-limits> and each method's page.
//! GitHub: "Rate limits for the REST API" and its pages on search.

use std::time::Duration;

use reqwest::Method;

/// So much at once, and as much again in `per`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    /// Those of an account with the same name share a bucket.
    pub(super) name: &'static str,
    pub(super) amount: u32,
    pub(super) per: Duration,
}

/// What a request takes of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Charge {
    pub(super) limit: Limit,
    pub(super) cost: u32,
    /// The field of the form whose every value has a bucket of its own.
    pub(super) each: Option<&'static str>,
}

impl Charge {
    /// How long it takes until as much is there again.
    pub(super) fn time(&self) -> Duration {
        self.limit.per * self.cost / self.limit.amount
    }
}

/// Whose limits they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Table {
    #[default]
    Unknown,
    Gmail,
    Slack,
    GitHub,
}

const fn per_minute(name: &'static str, amount: u32) -> Limit {
    Limit {
        name,
        amount,
        per: Duration::from_mins(1),
    }
}

const GMAIL: Limit = per_minute("gmail", 6_000);

/// Units of the methods that are called; `*` stands for an id.
const UNITS: &[(Method, &[&str], u32)] = &[
    (Method::GET, &["drafts"], 5),
    (Method::POST, &["drafts"], 10),
    (Method::GET, &["drafts", "*"], 5),
    (Method::POST, &["drafts", "send"], 100),
    (Method::GET, &["labels"], 1),
    (Method::POST, &["labels"], 5),
    (Method::GET, &["labels", "*"], 1),
    (Method::GET, &["messages"], 5),
    (Method::POST, &["messages", "batchModify"], 50),
    (Method::POST, &["messages", "send"], 100),
    (Method::GET, &["messages", "*"], 5),
    (Method::GET, &["messages", "*", "attachments", "*"], 5),
    (Method::POST, &["messages", "*", "modify"], 5),
    (Method::POST, &["messages", "*", "trash"], 5),
    (Method::POST, &["messages", "*", "untrash"], 5),
    (Method::GET, &["settings", "sendAs"], 1),
    (Method::GET, &["threads"], 10),
    (Method::GET, &["threads", "*"], 10),
    (Method::POST, &["threads", "*", "modify"], 10),
    (Method::POST, &["threads", "*", "trash"], 10),
    (Method::POST, &["threads", "*", "untrash"], 10),
];

/// The most that a method costs but for sending: what is not in the table is not cheaper than it is.
const OTHER_UNITS: u32 = 50;

const TIER_2: u32 = 20;
const TIER_3: u32 = 50;
const TIER_4: u32 = 100;

/// Calls per minute of the methods that are called. `auth.test` and `chat.getPermalink` allow
/// hundreds.
const TIERS: &[(&str, u32)] = &[
    // "10+" for small workspaces.
    ("assistant.search.context", 10),
    ("chat.delete", TIER_3),
    ("chat.update", TIER_3),
    ("conversations.history", TIER_3),
    ("conversations.info", TIER_3),
    ("conversations.list", TIER_2),
    ("conversations.open", TIER_3),
    ("conversations.replies", TIER_3),
    ("files.completeUploadExternal", TIER_4),
    ("files.getUploadURLExternal", TIER_4),
    ("files.info", TIER_4),
    ("reactions.add", TIER_3),
    ("reactions.remove", TIER_2),
    ("search.messages", TIER_2),
    ("users.conversations", TIER_3),
    ("users.info", TIER_4),
    ("users.list", TIER_2),
    ("users.lookupByEmail", TIER_3),
];

/// One message per second and channel.
const POSTS: Limit = Limit {
    name: "chat.postMessage",
    amount: 1,
    per: Duration::from_secs(1),
};

/// Points of all requests of the REST API: 1 for one that reads, 5 for one that writes.
const POINTS: Limit = per_minute("points", 900);
const SEARCH: Limit = per_minute("search", 30);
const CODE_SEARCH: Limit = per_minute("code search", 10);

/// "If you are making a large number of POST requests, wait at least one second between each": those
/// that people are notified of, which the limit on creating content is about.
const CONTENT: Limit = Limit {
    name: "content",
    amount: 1,
    per: Duration::from_secs(1),
};

impl Table {
    /// The limits of `google`, `slack` or `github`.
    pub(super) fn of(provider: &str) -> Self {
        match provider {
            "google" => Self::Gmail,
            "slack" => Self::Slack,
            "github" => Self::GitHub,
            _ => Self::Unknown,
        }
    }

    pub(super) fn charges(self, method: &Method, path: &[&str]) -> Vec<Charge> {
        match self {
            Self::Unknown => Vec::new(),
            Self::Gmail => vec![charge(GMAIL, units(method, path))],
            Self::Slack => slack(path),
            Self::GitHub => github(method, path),
        }
    }
}

fn charge(limit: Limit, cost: u32) -> Charge {
    Charge {
        limit,
        cost,
        each: None,
    }
}

fn units(method: &Method, path: &[&str]) -> u32 {
    let path = path.strip_prefix(&["upload"]).unwrap_or(path);
    let rest = path.strip_prefix(&["gmail", "v1", "users", "me"]);
    let rest = rest.unwrap_or(path);
    let fits = |pattern: &[&str]| {
        pattern.len() == rest.len() && pattern.iter().zip(rest).all(|(a, b)| *a == "*" || a == b)
    };
    let known = UNITS
        .iter()
        .find(|(of, pattern, _)| of == method && fits(pattern));
    known.map_or(OTHER_UNITS, |(_, _, units)| *units)
}

fn slack(path: &[&str]) -> Vec<Charge> {
    let method = path.first().copied().unwrap_or_default();
    if method == POSTS.name {
        return vec![Charge {
            each: Some("channel"),
            ..charge(POSTS, 1)
        }];
    }
    let known = TIERS.iter().find(|(name, _)| *name == method);
    known.map_or_else(Vec::new, |(name, amount)| {
        vec![charge(per_minute(name, *amount), 1)]
    })
}

fn github(method: &Method, path: &[&str]) -> Vec<Charge> {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let mut charges = vec![charge(POINTS, if reads { 1 } else { 5 })];
    match (path.first(), path.get(1), path.last()) {
        (Some(&"search"), Some(&"code"), _) => charges.push(charge(CODE_SEARCH, 1)),
        (Some(&"search"), ..) => charges.push(charge(SEARCH, 1)),
        (_, _, Some(&("issues" | "comments" | "pulls" | "reviews"))) if *method == Method::POST => {
            charges.push(charge(CONTENT, 1));
        }
        _ => {}
    }
    charges
}

/// Whether Gmail's units for a path are known.
#[cfg(test)]
pub(crate) fn has_units(method: &Method, path: &str) -> bool {
    let path: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    units(method, &path) != OTHER_UNITS || path.last() == Some(&"batchModify")
}
