//! `valetkey doctor`: looks at all that can be wrong, and says what to do.

mod report;
mod running;
mod setup;

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};

use crate::cli::app::App;
use crate::cli::doctor::report::{Check, Report, Status};
use crate::cli::output::{BAD, BOLD, DIM, Exit, GOOD, result, styled, visible};
use crate::clock::Clock;
use crate::config::Config;

/// Look at the configuration, the vault and what runs, and say what to do.
///
/// Works while servers run, through the one that has the vault open, and when none does. Makes no
/// vault and no key, asks no provider, and shows no secret.
///
/// The exit code is 0 if everything works, also with warnings, and 1 if something does not, a wrong
/// configuration included.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print what was found as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command. `config_path` is `--config`.
pub async fn run(config_path: Option<&Path>, args: Args) -> anyhow::Result<ExitCode> {
    let report = Report::new(look(config_path).await);
    result(args.json, &report, &text(&report))?;
    Ok(match report.status {
        Status::Ok | Status::Warning => Exit::Done,
        Status::Problem => Exit::Failed,
    }
    .into())
}

async fn look(config_path: Option<&Path>) -> Vec<Check> {
    let now = Clock::system().now();
    let config = match Config::load(config_path) {
        Ok(config) => config.of_command(),
        Err(error) => {
            let check = Check::problem("configuration", setup::sentence(&error.to_string()));
            return vec![check, setup::clock(now, None)];
        }
    };
    let app = App::with(config);
    let mut checks = vec![setup::configuration(&app.config)];
    checks.extend(setup::egress(&app.config));
    checks.extend(setup::patterns(&app));
    checks.extend(setup::providers(&app.broker, &app.config));
    let vault = setup::vault(&app.config).await;
    checks.extend(vault.checks);
    // Before this process may open the vault, and listen for the sign-ins that are pending in it.
    let free = app.broker.callback_port_is_free();
    let mut other = None;
    let mut newest = None;
    if vault.has_vault {
        let answers = running::ask(&app.broker).await;
        checks.extend(answers.checks);
        (other, newest) = (answers.other, answers.newest);
    }
    // An HTTP server has the browser's side on its own listener.
    if !app.config.server.listen.is_on {
        checks.push(setup::port(free, &app.config, other.as_ref()));
    }
    checks.push(setup::clock(now, newest));
    app.broker.leave();
    checks
}

/// What does not work at all.
const BROKEN: Style = AnsiColor::Red.on_default().bold();

fn text(report: &Report) -> String {
    let name = |check: &Check| match &check.subject {
        Some(subject) => format!("{} {subject}", check.name),
        None => check.name.replace('_', " "),
    };
    let names = report
        .checks
        .iter()
        .map(|check| name(check).chars().count());
    let width = names.max().unwrap_or(0);
    let mut text = String::new();
    for check in &report.checks {
        let (style, word) = match check.status {
            Status::Ok => (GOOD, "ok"),
            Status::Warning => (BAD, "warning"),
            Status::Problem => (BROKEN, "problem"),
        };
        let status = styled(style, &format!("{word:7}"));
        let name = styled(BOLD, &format!("{:width$}", name(check)));
        write!(text, "{status}  {name}  {}", visible(&check.message))
            .expect("a string takes everything");
        if let Some(step) = &check.next_step {
            let indent = " ".repeat(width + 11);
            let next = styled(DIM, &format!("Next: {}", visible(step)));
            write!(text, "\n{indent}{next}").expect("a string takes everything");
        }
        text.push('\n');
    }
    text.push('\n');
    text.push_str(&verdict(report));
    text
}

fn verdict(report: &Report) -> String {
    let count = |status, one: &str| match report.count(status) {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {one}s")),
    };
    let told: Vec<String> = [(Status::Problem, "problem"), (Status::Warning, "warning")]
        .into_iter()
        .filter_map(|(status, word)| count(status, word))
        .collect();
    match report.status {
        Status::Ok => styled(GOOD, "All is well."),
        Status::Warning => format!("{}, and everything works.", styled(BAD, &told.join(", "))),
        Status::Problem => styled(BROKEN, &format!("{}.", told.join(", "))),
    }
}
