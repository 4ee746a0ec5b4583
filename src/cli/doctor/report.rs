//! What `valetkey doctor` found.

use serde::Serialize;
use serde_json::{Map, Value};

/// How something does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    Ok,
    /// It works, and somebody should know or do something.
    Warning,
    /// It does not work.
    Problem,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Check {
    /// What was looked at: a name that stays the same across versions.
    #[serde(rename = "check")]
    pub(super) name: &'static str,
    /// Which of several: the id of a provider entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) subject: Option<String>,
    pub(super) status: Status,
    pub(super) message: String,
    /// What to do; none if there is nothing to do, or if the message says it.
    pub(super) next_step: Option<String>,
    /// The same for programs: numbers, names, times.
    pub(super) facts: Map<String, Value>,
}

impl Check {
    pub(super) fn ok(name: &'static str, message: impl Into<String>) -> Self {
        Self {
            name,
            subject: None,
            status: Status::Ok,
            message: message.into(),
            next_step: None,
            facts: Map::new(),
        }
    }

    pub(super) fn warning(name: &'static str, message: impl Into<String>) -> Self {
        Self {
            status: Status::Warning,
            ..Self::ok(name, message)
        }
    }

    pub(super) fn problem(name: &'static str, message: impl Into<String>) -> Self {
        Self {
            status: Status::Problem,
            ..Self::ok(name, message)
        }
    }

    pub(super) fn of(mut self, subject: &str) -> Self {
        self.subject = Some(subject.to_owned());
        self
    }

    pub(super) fn next(mut self, step: impl Into<String>) -> Self {
        self.next_step = Some(step.into());
        self
    }

    pub(super) fn fact(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.facts.insert(name.to_owned(), value.into());
        self
    }
}

/// All that was looked at.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// The worst of all.
    pub(super) status: Status,
    pub(super) version: &'static str,
    pub(super) checks: Vec<Check>,
}

impl Report {
    pub(super) fn new(checks: Vec<Check>) -> Self {
        let worst = checks.iter().map(|check| check.status).max();
        Self {
            status: worst.unwrap_or(Status::Ok),
            version: env!("CARGO_PKG_VERSION"),
            checks,
        }
    }

    pub(super) fn count(&self, status: Status) -> usize {
        let such = self.checks.iter().filter(|check| check.status == status);
        such.count()
    }
}
