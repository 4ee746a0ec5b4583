//! `github_list_workflow_runs`: runs of GitHub Actions, and what failed in them.

use std::fmt::Write as _;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::Api;
use crate::error::{ErrorCode, ToolError};
use crate::github::fetch::{self, PageAt};
use crate::github::get_pull_request;
use crate::github::issue::WireUser;
use crate::github::pull;
use crate::github::refusal::Asked;
use crate::github::repository::Repository;
use crate::github::{get, place};
use crate::output::{Page, Render};
use crate::sanitize::snippet;
use crate::when;

const DEFAULT_LIMIT: u64 = 10;
const MAX_LIMIT: u64 = 30;

/// So many failed runs are looked into, so many failed jobs of each, so many annotations of each.
const LOOKED_INTO: usize = 3;
const JOBS: usize = 4;
const ANNOTATIONS: usize = 5;

/// List GitHub Actions runs of a repository, newest first, with failed jobs, steps and error messages
/// on request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// `owner/name`, or its address on github.com.
    repo: String,
    /// The owner, if `repo` does not name it.
    #[serde(default)]
    owner: Option<String>,
    /// Only this workflow: its file name, such as `ci.yml`, or its id.
    #[serde(default)]
    workflow: Option<String>,
    /// Only of this branch.
    #[serde(default)]
    branch: Option<String>,
    /// Only with this status or conclusion, such as `failure`.
    #[serde(default)]
    status: Option<Status>,
    /// Only for the head of this pull request.
    #[serde(default)]
    pull_number: Option<u64>,
    /// Say what failed in the newest failed runs (up to 3).
    #[serde(default)]
    failures: bool,
    /// How many (1 to 30, default 10).
    #[serde(default)]
    #[schemars(range(min = 1, max = 30))]
    limit: Option<u64>,
    /// `next_cursor` of the previous page; the other arguments stay the same.
    #[serde(default)]
    cursor: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    Completed,
    ActionRequired,
    Cancelled,
    Failure,
    Neutral,
    Skipped,
    Stale,
    Success,
    TimedOut,
    InProgress,
    Queued,
    Requested,
    Waiting,
    Pending,
}

/// Runs.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Listed {
    /// Runs, newest first.
    items: Vec<Run>,
    /// Where this page is.
    page: Page,
    /// What to keep in mind.
    warnings: Vec<String>,
}

/// A run.
#[derive(Debug, Serialize, JsonSchema)]
struct Run {
    /// Its id.
    id: u64,
    /// The workflow's name.
    workflow: String,
    /// What it runs for, written by a third party.
    title: String,
    /// `success`, `failure`, `in_progress` and others of GitHub's words.
    state: String,
    /// What started it.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    /// The branch.
    branch: String,
    /// The commit.
    head_sha: String,
    /// The login of who started it.
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<String>,
    /// RFC 3339.
    created_at: String,
    /// Its page on GitHub.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// Jobs that failed, where asked for.
    failed_jobs: Vec<FailedJob>,
}

/// A job that failed.
#[derive(Debug, Serialize, JsonSchema)]
struct FailedJob {
    /// Its id.
    id: u64,
    /// Its name.
    name: String,
    /// Names of the steps that failed.
    steps: Vec<String>,
    /// Messages with their place, written by the job.
    annotations: Vec<String>,
    /// Its page on GitHub, with the log.
    url: String,
}

#[derive(Deserialize)]
pub(super) struct WireRuns {
    total_count: u64,
    pub(super) workflow_runs: Vec<WireRun>,
}

#[derive(Deserialize)]
pub(super) struct WireRun {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    display_title: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    pub(super) conclusion: Option<String>,
    event: String,
    #[serde(default)]
    head_branch: Option<String>,
    head_sha: String,
    #[serde(default)]
    actor: Option<WireUser>,
    created_at: Timestamp,
    html_url: String,
}

#[derive(Deserialize)]
pub(super) struct WireJobs {
    pub(super) jobs: Vec<WireJob>,
}

#[derive(Deserialize)]
pub(super) struct WireJob {
    pub(super) id: u64,
    pub(super) name: String,
    #[serde(default)]
    pub(super) conclusion: Option<String>,
    #[serde(default)]
    pub(super) html_url: Option<String>,
    #[serde(default)]
    pub(super) steps: Vec<WireStep>,
}

#[derive(Deserialize)]
pub(super) struct WireStep {
    pub(super) name: String,
    #[serde(default)]
    pub(super) conclusion: Option<String>,
}

#[derive(Deserialize)]
struct WireAnnotation {
    #[serde(default)]
    path: String,
    #[serde(default)]
    start_line: u64,
    #[serde(default)]
    annotation_level: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

impl Render for Listed {
    const DETAILS: Option<&'static str> = Some("who or what started each run, and its address");

    fn shorten(&mut self) {
        for run in &mut self.items {
            run.event = None;
            run.actor = None;
            run.url = None;
        }
    }

    fn render(&self) -> String {
        let mut text = String::new();
        for it in &self.items {
            let mut started = String::new();
            for who in [&it.event, &it.actor].into_iter().flatten() {
                write!(started, ", by {who}").expect("a string takes every write");
            }
            writeln!(
                text,
                "{} {}: {} ({} {}{started}, {}) {}",
                it.id, it.workflow, it.state, it.branch, it.head_sha, it.created_at, it.title,
            )
            .expect("a string takes every write");
            if let Some(url) = &it.url {
                writeln!(text, "  {url}").expect("a string takes every write");
            }
            for job in &it.failed_jobs {
                let steps = job.steps.join(", ");
                writeln!(
                    text,
                    "  failed job {} {}: {steps} {}",
                    job.id, job.name, job.url
                )
                .expect("a string takes every write");
                for annotation in &job.annotations {
                    writeln!(text, "    {annotation}").expect("a string takes every write");
                }
            }
        }
        text.push_str(&self.page.render());
        text
    }
}

pub(super) fn has_failed(conclusion: Option<&str>) -> bool {
    matches!(
        conclusion,
        Some("failure" | "timed_out" | "startup_failure")
    )
}

/// Runs the tool.
pub(super) async fn run(api: Api, arguments: Arguments) -> Result<Listed, ToolError> {
    let repository = Repository::read(&api, arguments.owner.as_deref(), &arguments.repo)?;
    let at = PageAt::read(
        arguments.cursor.as_deref(),
        arguments.limit,
        DEFAULT_LIMIT,
        MAX_LIMIT,
    )?;
    let work = Work {
        api: &api,
        repository: &repository,
        asked: Asked {
            thing: format!("the workflow runs of {repository}"),
            permission: "Actions: read",
            hint: "Correct the arguments and call again.",
        },
    };
    let mut path = vec!["actions"];
    if let Some(workflow) = arguments.workflow.as_deref().map(str::trim) {
        // GitHub takes the name of the file, without its folder.
        let name = workflow
            .strip_prefix(".github/workflows/")
            .unwrap_or(workflow);
        if name.contains('/') {
            return Err(ToolError::invalid_arguments(
                "`workflow` is the file name of a workflow, such as `ci.yml`, or its id.",
            ));
        }
        path.extend(["workflows", name]);
    }
    path.push("runs");
    let mut request = at.ask(get(&api, &work.path(&path)));
    if let Some(branch) = arguments.branch.as_deref() {
        request = request.query("branch", place::reference("branch", branch)?);
    }
    if let Some(status) = arguments.status {
        let status = serde_json::to_value(status).expect("a status is a word");
        request = request.query("status", status.as_str().unwrap_or_default());
    }
    if let Some(number) = arguments.pull_number {
        let of_pull = get_pull_request::asked(&repository, number);
        let pull = get(&api, &work.path(&["pulls", &number.to_string()]));
        let pull: pull::Wire = fetch::json(pull, &of_pull).await?;
        request = request.query("head_sha", &pull.head.sha);
    }
    let found: WireRuns = fetch::json(request, &work.asked).await?;
    let size = usize::try_from(at.size).expect("a page is at most 30");
    let full = found.workflow_runs.len() >= size;
    let mut warnings = Vec::new();
    let mut items = Vec::new();
    let mut looked_into = 0;
    for wire in found.workflow_runs.iter().take(size) {
        let mut run = Run::of(wire, &api);
        if arguments.failures && has_failed(wire.conclusion.as_deref()) && looked_into < LOOKED_INTO
        {
            looked_into += 1;
            run.failed_jobs = work.failed_jobs(wire.id, &mut warnings).await?;
        }
        items.push(run);
    }
    let more = full && at.page * at.size < found.total_count;
    Ok(Listed {
        page: Page {
            next_cursor: more.then(|| at.next()),
            returned: items.len(),
            total_estimate: Some(found.total_count),
        },
        items,
        warnings,
    })
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

    async fn failed_jobs(
        &self,
        run: u64,
        warnings: &mut Vec<String>,
    ) -> Result<Vec<FailedJob>, ToolError> {
        let run = run.to_string();
        let request = get(self.api, &self.path(&["actions", "runs", &run, "jobs"]));
        let found: WireJobs = fetch::json(request.query("per_page", 100), &self.asked).await?;
        let failed = found
            .jobs
            .iter()
            .filter(|job| has_failed(job.conclusion.as_deref()));
        let mut jobs = Vec::new();
        for job in failed {
            if jobs.len() == JOBS {
                warnings.push(format!(
                    "Only the first {JOBS} failed jobs of run {run} are listed."
                ));
                break;
            }
            let steps = job
                .steps
                .iter()
                .filter(|step| has_failed(step.conclusion.as_deref()));
            jobs.push(FailedJob {
                id: job.id,
                name: snippet(&job.name, 100),
                steps: steps.take(5).map(|step| snippet(&step.name, 100)).collect(),
                annotations: self.annotations(job.id, warnings).await?,
                url: snippet(job.html_url.as_deref().unwrap_or_default(), 300),
            });
        }
        Ok(jobs)
    }

    /// The messages of a job, whose check run has the same id.
    async fn annotations(
        &self,
        job: u64,
        warnings: &mut Vec<String>,
    ) -> Result<Vec<String>, ToolError> {
        let job = job.to_string();
        let request = get(self.api, &self.path(&["check-runs", &job, "annotations"]));
        let asked = Asked {
            thing: format!("the annotations of a job of {}", self.repository),
            permission: "Checks: read",
            hint: "Call again without `failures`.",
        };
        match fetch::list::<WireAnnotation>(request.query("per_page", 30), &asked).await {
            Ok((found, _)) => {
                let failures = found
                    .iter()
                    .filter(|it| it.annotation_level.as_deref() == Some("failure"));
                Ok(failures
                    .take(ANNOTATIONS)
                    .map(WireAnnotation::line)
                    .collect())
            }
            Err(error) if matches!(error.code, ErrorCode::Forbidden | ErrorCode::NotFound) => {
                let warning = format!("Error messages are left out. {error}");
                if !warnings.contains(&warning) {
                    warnings.push(warning);
                }
                Ok(Vec::new())
            }
            Err(error) => Err(error),
        }
    }
}

impl WireAnnotation {
    fn line(&self) -> String {
        format!(
            "{}:{} {}",
            snippet(&self.path, 150),
            self.start_line,
            snippet(self.message.as_deref().unwrap_or_default(), 250)
        )
    }
}

impl Run {
    fn of(wire: &WireRun, api: &Api) -> Self {
        let short = |text: Option<&str>, limit| snippet(text.unwrap_or("?"), limit);
        let state = wire.conclusion.as_deref().or(wire.status.as_deref());
        let actor = wire.actor.as_ref().map(|user| user.login.as_str());
        Self {
            id: wire.id,
            workflow: short(wire.name.as_deref(), 100),
            title: short(wire.display_title.as_deref(), 100),
            state: short(state, 40),
            event: Some(snippet(&wire.event, 40)),
            branch: short(wire.head_branch.as_deref(), 100),
            head_sha: snippet(&wire.head_sha, 64),
            actor: Some(short(actor, 100)),
            created_at: when::show(wire.created_at, api.zone()),
            url: Some(snippet(&wire.html_url, 200)),
            failed_jobs: Vec::new(),
        }
    }
}
