//! The checks of a commit: check runs and the older commit statuses, as one list.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::Api;
use crate::error::{ErrorCode, ToolError};
use crate::github::refusal::Asked;
use crate::github::repository::Repository;
use crate::github::{fetch, get};
use crate::sanitize::snippet;

/// Checks that did not pass are listed up to here.
const SHOWN: usize = 20;

/// How the checks of a commit went.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub(super) struct Checks {
    /// How many passed.
    passed: u64,
    /// How many failed.
    pub(super) failed: u64,
    /// How many have not ended.
    pub(super) pending: u64,
    /// How many were skipped or do not matter.
    skipped: u64,
    /// Those that failed or have not ended, the failed ones first.
    items: Vec<Check>,
}

/// A check that did not pass.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct Check {
    /// Its name.
    name: String,
    /// `failure`, `timed_out`, `queued`, `in_progress` and others of GitHub's words.
    state: String,
    /// What it says, written by a third party.
    summary: String,
    /// Its page.
    url: String,
}

#[derive(Deserialize)]
struct Runs {
    total_count: u64,
    check_runs: Vec<WireRun>,
}

#[derive(Deserialize)]
struct WireRun {
    name: String,
    status: String,
    conclusion: Option<String>,
    html_url: Option<String>,
    #[serde(default)]
    output: Option<WireOutput>,
}

#[derive(Deserialize)]
struct WireOutput {
    title: Option<String>,
}

#[derive(Deserialize)]
struct Combined {
    total_count: u64,
    statuses: Vec<WireStatus>,
}

#[derive(Deserialize)]
struct WireStatus {
    context: String,
    state: String,
    description: Option<String>,
    target_url: Option<String>,
}

impl Checks {
    /// Lines of text.
    pub(super) fn render(&self) -> String {
        let mut text = format!(
            "Checks: {} passed, {} failed, {} pending, {} skipped",
            self.passed, self.failed, self.pending, self.skipped
        );
        for check in &self.items {
            write!(
                text,
                "\n- {}: {} {} {}",
                check.name, check.state, check.summary, check.url
            )
            .expect("a string takes every write");
        }
        text
    }

    fn add(&mut self, name: &str, state: &str, summary: Option<&str>, url: Option<&str>) {
        let failed = match state {
            "success" => {
                self.passed += 1;
                return;
            }
            "neutral" | "skipped" | "stale" => {
                self.skipped += 1;
                return;
            }
            "failure" | "error" | "cancelled" | "timed_out" | "action_required"
            | "startup_failure" => true,
            _ => false,
        };
        let check = Check {
            name: snippet(name, 100),
            state: snippet(state, 40),
            summary: snippet(summary.unwrap_or_default(), 150),
            url: snippet(url.unwrap_or_default(), 200),
        };
        if failed {
            let failed = usize::try_from(self.failed).unwrap_or(usize::MAX);
            self.items.insert(failed.min(self.items.len()), check);
            self.failed += 1;
        } else {
            self.items.push(check);
            self.pending += 1;
        }
    }
}

/// The checks of the commit `sha`. What the connection may not read is a warning.
pub(super) async fn of(
    api: &Api,
    repository: &Repository,
    sha: &str,
    warnings: &mut Vec<String>,
) -> Result<Checks, ToolError> {
    let asked = |permission| Asked {
        thing: format!("the checks of {repository}"),
        permission,
        hint: "Call again without `checks`.",
    };
    let path = |last| {
        [
            "repos",
            &repository.owner,
            &repository.name,
            "commits",
            sha,
            last,
        ]
    };
    let (for_runs, for_statuses) = (asked("Checks: read"), asked("Commit statuses: read"));
    let (runs, statuses) = tokio::join!(
        fetch::json::<Runs>(
            get(api, &path("check-runs")).query("per_page", 100),
            &for_runs
        ),
        fetch::json::<Combined>(
            get(api, &path("status")).query("per_page", 100),
            &for_statuses
        ),
    );
    let mut checks = Checks::default();
    if let Some(runs) = readable(runs, warnings)? {
        for run in runs.check_runs.iter().take(100) {
            let state = run.conclusion.as_deref().unwrap_or(&run.status);
            let title = run
                .output
                .as_ref()
                .and_then(|output| output.title.as_deref());
            checks.add(&run.name, state, title, run.html_url.as_deref());
        }
        if runs.total_count > 100 {
            warnings.push("Only the first 100 check runs are counted.".to_owned());
        }
    }
    if let Some(combined) = readable(statuses, warnings)? {
        for status in combined.statuses.iter().take(100) {
            let (summary, url) = (&status.description, &status.target_url);
            checks.add(
                &status.context,
                &status.state,
                summary.as_deref(),
                url.as_deref(),
            );
        }
        if combined.total_count > 100 {
            warnings.push("Only the first 100 commit statuses are counted.".to_owned());
        }
    }
    if checks.items.len() > SHOWN {
        checks.items.truncate(SHOWN);
        warnings.push(format!(
            "Only {SHOWN} of the checks that did not pass are listed."
        ));
    }
    Ok(checks)
}

fn readable<T>(
    result: Result<T, ToolError>,
    warnings: &mut Vec<String>,
) -> Result<Option<T>, ToolError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.code, ErrorCode::Forbidden | ErrorCode::NotFound) => {
            warnings.push(format!("Some checks are left out. {error}"));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
