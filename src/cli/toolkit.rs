//! `valetkey toolkit`: writes the beginning of a toolkit, and says what is wrong with one.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use serde::Serialize;
use valetkey_toolkits::tool::Tool;

use crate::cli::custom::{self, Complaint, FILE};
use crate::cli::output::{Exit, Usage, progress, result, visible};
use crate::config::Config;

/// What `new` writes, with another name for the toolkit.
const EXAMPLE: &str = include_str!("toolkit/example.yaml");

/// Write tools of your own: a file that declares HTTP requests, without programming.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Write a small toolkit that works, with comments. Nothing is overwritten.
    New {
        /// The folder; it is made if it is not there. Its name becomes the toolkit's.
        dir: PathBuf,
    },
    /// Say everything that is wrong with a toolkit: file, line and remedy.
    ///
    /// Exit codes: 0 nothing is wrong, 1 something is, 2 there is no such folder.
    Check {
        /// The folder with the `toolkit.yaml`.
        dir: PathBuf,

        /// Print the result as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// What `check` found, as programs read it.
#[derive(Debug, Serialize)]
struct Checked {
    /// Nothing is wrong.
    ok: bool,
    /// The names of the tools; none when something is wrong.
    tools: Vec<String>,
    mistakes: Vec<Complaint>,
}

/// Runs the command. The configuration is only looked at for what else there is.
pub fn run(config: Option<&Path>, args: Args) -> anyhow::Result<ExitCode> {
    match args.what {
        What::New { dir } => new(&dir),
        What::Check { dir, json } => check(config, &dir, json),
    }
}

fn new(dir: &Path) -> anyhow::Result<ExitCode> {
    let file = dir.join(FILE);
    let cannot = |error: std::io::Error| {
        Usage(match error.kind() {
            ErrorKind::AlreadyExists => format!(
                "{} is there already and stays as it is. Choose another folder.",
                file.display()
            ),
            kind => format!("{} cannot be written ({kind}).", file.display()),
        })
    };
    std::fs::create_dir_all(dir).map_err(cannot)?;
    let mut opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&file)
        .map_err(cannot)?;
    let text = EXAMPLE.replace("TOOLKIT", &name_for(dir));
    opened.write_all(text.as_bytes())?;
    let shown = dir.display();
    let text = format!(
        "Wrote {}. Change it to your needs, then run:\n  valetkey toolkit check '{shown}'",
        file.display()
    );
    result(false, &(), &text)?;
    Ok(Exit::Done.into())
}

/// The folder's name where a toolkit can have it and none has it yet.
fn name_for(dir: &Path) -> String {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let mut name = name.to_ascii_lowercase();
    name.retain(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let fits = name.len() <= 20
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !custom::built_in().contains(&name);
    if fits { name } else { "mytools".to_owned() }
}

fn check(config: Option<&Path>, dir: &Path, json: bool) -> anyhow::Result<ExitCode> {
    if !dir.is_dir() {
        return Err(Usage(format!(
            "{} is no folder. Name the folder that has the {FILE}.",
            dir.display()
        ))
        .into());
    }
    let config = Config::load(config);
    let mut taken = custom::built_in();
    if let Ok(config) = &config {
        taken.extend(others(&config.toolkits.paths, dir));
    }
    let checked = custom::check(dir, &taken);
    let (tools, mistakes) = match &checked {
        Ok(tools) => (tools.as_slice(), Vec::new()),
        Err(mistakes) => (Default::default(), mistakes.clone()),
    };
    if let (Some(tool), Ok(config)) = (tools.first(), &config) {
        look_for_provider(config, tool);
    }
    let checked = Checked {
        ok: mistakes.is_empty(),
        tools: tools.iter().map(|tool| tool.name.to_string()).collect(),
        mistakes,
    };
    result(json, &checked, &visible(&text(&checked)))?;
    Ok(if checked.ok { Exit::Done } else { Exit::Failed }.into())
}

/// The names of the toolkits of the configuration, but for the one in `dir`.
fn others(paths: &[PathBuf], dir: &Path) -> Vec<String> {
    let this = dir.canonicalize().ok();
    let folders = paths.iter().filter_map(|path| custom::folders(path).ok());
    let others = folders
        .flatten()
        .filter(|folder| folder.canonicalize().ok() != this);
    let tools = others.filter_map(|folder| custom::check(&folder, &custom::built_in()).ok());
    tools
        .filter_map(|tools| Some(tools.first()?.toolkit.to_string()))
        .collect()
}

/// A toolkit may be written before its provider is configured, so that is no mistake of it.
fn look_for_provider(config: &Config, tool: &Tool) {
    let name = &tool.provider;
    let serves = |entry: &crate::config::provider::ProviderEntry| {
        entry.id == **name || entry.provider_id.as_deref() == Some(&**name)
    };
    if !config.providers.iter().any(serves) {
        progress(&format!(
            "Note: the configuration has no provider entry `{name}` yet; its tools will say so when \
             they are called.",
        ));
    }
}

fn text(checked: &Checked) -> String {
    if checked.ok {
        return format!("Nothing is wrong. Tools: {}.", checked.tools.join(", "));
    }
    let mut lines: Vec<String> = checked.mistakes.iter().map(ToString::to_string).collect();
    lines.push(match lines.len() {
        1 => "1 mistake.".to_owned(),
        many => format!("{many} mistakes."),
    });
    lines.join("\n")
}
