//! `github_get_failed_logs`: what the logs of failed jobs say about why.
//!
//! GitHub answers with a redirect to a storage host, to a signed address that is good for a minute
//! ("Download job logs for a workflow run" in its REST documentation). It is followed without the
//! token.

use std::fmt::Write as _;

use reqwest::Method;
use reqwest::StatusCode;
use reqwest::header::LOCATION;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::{Api, Keep};
use crate::error::{ErrorCode, ToolError};
use crate::github::list_workflow_runs::{WireJob, WireJobs, WireRuns, has_failed};
use crate::github::refusal::{self, Asked};
use crate::github::repository::Repository;
use crate::github::{failed_log, fetch, get, get_pull_request, pull};
use crate::sanitize::snippet;

const DEFAULT_TAIL: usize = 40;
const MAX_TAIL: usize = 2_000;

const DEFAULT_CHARS: usize = 20_000;
const MIN_CHARS: usize = 2_000;
const MAX_CHARS: usize = 55_000;

/// So many failed runs of a pull request are looked into, and so many failed jobs of all.
const RUNS: usize = 3;
const JOBS: usize = 4;

/// Of a log at least so many bytes from its end are looked at. What failed is near the end.
const LOOKED_AT: usize = 4 * 1024 * 1024;

/// Read why GitHub Actions jobs failed: the errors in their logs with the lines around them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// `owner/name`, or its address on github.com.
    repo: String,
    /// The owner, if `repo` does not name it.
    #[serde(default)]
    owner: Option<String>,
    /// All failed jobs of this run.
    #[serde(default)]
    run_id: Option<u64>,
    /// Or this job.
    #[serde(default)]
    job_id: Option<u64>,
    /// Or the failed runs for the head of this pull request.
    #[serde(default)]
    pull_number: Option<u64>,
    /// Lines before the last error (0 to 2000, default 40).
    #[serde(default)]
    #[schemars(range(min = 0, max = 2000))]
    tail_lines: Option<usize>,
    /// How many characters in all (2000 to 55000, default 20000).
    #[serde(default)]
    #[schemars(range(min = 2000, max = 55000))]
    max_chars: Option<usize>,
}

/// Runs the tool.
pub(super) async fn run(api: Api, arguments: Arguments) -> Result<String, ToolError> {
    let repository = Repository::read(&api, arguments.owner.as_deref(), &arguments.repo)?;
    let work = Work {
        api: &api,
        repository: &repository,
        asked: Asked {
            thing: format!("the workflow runs of {repository}"),
            permission: "Actions: read",
            hint: "Correct the arguments and call again.",
        },
    };
    let mut notes = Vec::new();
    let jobs = match (arguments.run_id, arguments.job_id, arguments.pull_number) {
        (Some(run), None, None) => work.failed_jobs(run).await?,
        (None, Some(job), None) => vec![work.job(job).await?],
        (None, None, Some(pull)) => work.failed_of_pull(pull, &mut notes).await?,
        _ => {
            return Err(ToolError::invalid_arguments(
                "Give one of `run_id`, `job_id` and `pull_number`.",
            ));
        }
    };
    if jobs.is_empty() {
        notes.push("No job has failed.".to_owned());
    }
    if jobs.len() > JOBS {
        let rest = jobs[JOBS..].iter().map(|job| job.id.to_string());
        let rest: Vec<String> = rest.take(30).collect();
        notes.push(format!(
            "{} jobs have failed; not shown here, get them with job_id: {}.",
            jobs.len(),
            rest.join(", ")
        ));
    }
    let tail = arguments.tail_lines.unwrap_or(DEFAULT_TAIL).min(MAX_TAIL);
    let mut left = arguments
        .max_chars
        .unwrap_or(DEFAULT_CHARS)
        .clamp(MIN_CHARS, MAX_CHARS);
    let mut text = format!("Failed jobs of {repository}");
    for note in &notes {
        write!(text, "\n{note}").expect("a string takes every write");
    }
    let shown = jobs.len().min(JOBS);
    for (before, job) in jobs.iter().take(JOBS).enumerate() {
        let part = work.part(job, tail, left / (shown - before)).await?;
        left = left.saturating_sub(part.chars().count());
        text.push_str("\n\n");
        text.push_str(&part);
    }
    Ok(text)
}

struct Work<'a> {
    api: &'a Api,
    repository: &'a Repository,
    asked: Asked,
}

impl Work<'_> {
    fn path<'p>(&'p self, last: &[&'p str]) -> Vec<&'p str> {
        let mut path = vec!["repos", &self.repository.owner, &self.repository.name];
        path.extend(last);
        path
    }

    async fn failed_of_pull(
        &self,
        number: u64,
        notes: &mut Vec<String>,
    ) -> Result<Vec<WireJob>, ToolError> {
        let asked = get_pull_request::asked(self.repository, number);
        let request = get(self.api, &self.path(&["pulls", &number.to_string()]));
        let pull: pull::Wire = fetch::json(request, &asked).await?;
        let request = get(self.api, &self.path(&["actions", "runs"]))
            .query("head_sha", &pull.head.sha)
            .query("per_page", 100);
        let found: WireRuns = fetch::json(request, &self.asked).await?;
        let failed = |run: &&_| is_failed_run(run);
        let failed: Vec<u64> = found
            .workflow_runs
            .iter()
            .filter(failed)
            .map(|run| run.id)
            .collect();
        let ids: Vec<String> = failed.iter().map(u64::to_string).collect();
        notes.push(match ids.as_slice() {
            [] => "No run has failed for the head of the pull request.".to_owned(),
            ids => format!(
                "Failed runs for its head, newest first: {}.",
                ids.join(", ")
            ),
        });
        if failed.len() > RUNS {
            notes.push(format!(
                "Only the first {RUNS} are looked into; get the others with run_id."
            ));
        }
        let mut jobs = Vec::new();
        for run in failed.into_iter().take(RUNS) {
            jobs.extend(self.failed_jobs(run).await?);
        }
        Ok(jobs)
    }

    async fn failed_jobs(&self, run: u64) -> Result<Vec<WireJob>, ToolError> {
        let run = run.to_string();
        let request = get(self.api, &self.path(&["actions", "runs", &run, "jobs"]));
        let found: WireJobs = fetch::json(request.query("per_page", 100), &self.asked).await?;
        let mut jobs = found.jobs;
        jobs.retain(|job| has_failed(job.conclusion.as_deref()));
        Ok(jobs)
    }

    async fn job(&self, id: u64) -> Result<WireJob, ToolError> {
        let request = get(self.api, &self.path(&["actions", "jobs", &id.to_string()]));
        fetch::json(request, &self.asked).await
    }

    /// What is shown of one job, in about `room` characters.
    async fn part(&self, job: &WireJob, tail: usize, room: usize) -> Result<String, ToolError> {
        let steps = job.steps.iter();
        let steps = steps.filter(|step| has_failed(step.conclusion.as_deref()));
        let steps: Vec<String> = steps.take(5).map(|step| snippet(&step.name, 100)).collect();
        let mut part = format!("=== job {} {}", job.id, snippet(&job.name, 100));
        if !steps.is_empty() {
            write!(part, " (failed: {})", steps.join(", ")).expect("a string takes every write");
        }
        match self.log(job.id).await? {
            Err(why) => write!(part, ": {why}"),
            Ok((log, left_out)) => {
                let room = room.saturating_sub(part.chars().count() + 100);
                let shown = failed_log::relevant(&log, tail, room);
                let before = match left_out {
                    0 => String::new(),
                    bytes => format!(" after {bytes} bytes that were not looked at"),
                };
                write!(
                    part,
                    ": {} of {} lines{before}\n{}",
                    shown.lines, shown.all, shown.text
                )
            }
        }
        .expect("a string takes every write");
        Ok(part)
    }

    /// The end of a job's log, and how many bytes are before it; or why there is none.
    async fn log(&self, job: u64) -> Result<Result<(String, u64), &'static str>, ToolError> {
        let job = job.to_string();
        let request = get(self.api, &self.path(&["actions", "jobs", &job, "logs"]));
        let response = request.send().await?;
        let address = match response.status {
            StatusCode::FOUND | StatusCode::TEMPORARY_REDIRECT => response.headers.get(LOCATION),
            StatusCode::GONE => return Ok(Err("its log is no longer kept")),
            StatusCode::NOT_FOUND => {
                let error = refusal::explain(&response, &self.asked);
                if error.code == ErrorCode::MissingScopes {
                    return Err(error);
                }
                return Ok(Err("it has no log (yet, or no longer)"));
            }
            _ => return Err(refusal::explain(&response, &self.asked)),
        };
        let address = address.and_then(|value| value.to_str().ok());
        let link = self.api.link(Method::GET, address.unwrap_or_default())?;
        let log = link.keep(Keep::End(LOOKED_AT)).follow().await?;
        let text = String::from_utf8_lossy(&log.body).into_owned();
        Ok(Ok((text, log.left_out)))
    }
}

fn is_failed_run(run: &super::list_workflow_runs::WireRun) -> bool {
    has_failed(run.conclusion.as_deref())
}
