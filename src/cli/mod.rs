//! The command line: one file per command.
//!
//! A command's file has an `Args` struct (`clap::Args`; its doc comment is the help) and an
//! `async fn run(app: App, args: Args) -> anyhow::Result<ExitCode>`, and a line in [`Command`] and
//! in [`run`].

pub mod agent;
pub mod alias;
pub mod app;
pub mod audit;
pub mod call;
pub mod connect;
pub mod connections;
pub mod custom;
pub mod default;
pub mod demo;
pub mod disconnect;
pub mod doctor;
pub mod export;
pub mod http;
pub mod import;
pub mod key;
mod ledger;
pub mod link;
mod memory;
mod named;
pub mod output;
pub mod revoke_user;
mod runtime;
pub mod signals;
pub mod stdio;
pub mod toolkit;
pub mod tools;
pub mod vacuum;
mod version;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::cli::app::App;
use crate::config::Config;

/// MCP server whose Gmail, Slack and GitHub tools act with each user's own OAuth grant.
#[derive(Debug, Parser)]
#[command(
    name = "valetkey",
    disable_version_flag = true,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = output::EXIT_CODES
)]
pub struct Cli {
    /// The configuration file.
    ///
    /// Default: `$VALETKEY_CONFIG`, else `$XDG_CONFIG_HOME/valetkey/valetkey.yaml` (or the same
    /// under `~/.config`). Without a file, `GOOGLE_CLIENT_ID`, `SLACK_CLIENT_ID` and
    /// `GITHUB_CLIENT_ID`, each with its `_CLIENT_SECRET`, configure the built-in providers.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Print the version.
    #[arg(short = 'V', long)]
    pub version: bool,

    /// With `--version`: print the version and a digest of the list of tools as JSON.
    #[arg(long, requires = "version")]
    pub json: bool,

    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The commands.
#[derive(Debug, Subcommand)]
#[expect(
    missing_docs,
    reason = "a command's help is the doc comment of its Args, and one here would hide it"
)]
pub enum Command {
    /// Serve one MCP client over standard input and output.
    Stdio,
    Http(http::Args),
    Agent(agent::Args),
    Connect(connect::Args),
    Connections(connections::Args),
    Alias(alias::Args),
    Default(default::Args),
    Disconnect(disconnect::Args),
    RevokeUser(revoke_user::Args),
    Doctor(doctor::Args),
    Audit(audit::Args),
    Tools(tools::Args),
    Toolkit(toolkit::Args),
    Call(call::Args),
    Key(key::Args),
    Export(export::Args),
    Import(import::Args),
    Vacuum(vacuum::Args),
    Demo(demo::Args),
}

impl Cli {
    /// See [`Command::log_filter`].
    pub fn log_filter(&self) -> Option<&'static str> {
        self.command.as_ref().and_then(Command::log_filter)
    }
}

impl Command {
    /// What is logged when `VALETKEY_LOG` does not say: a command for people tells them itself how
    /// it goes, and logs what went wrong and what they have to keep.
    pub fn log_filter(&self) -> Option<&'static str> {
        match self {
            Self::Stdio | Self::Http(_) | Self::Agent(_) => None,
            // It tells all of it itself.
            Self::Doctor(_) => Some("error"),
            _ => Some("warn,valetkey::store=info"),
        }
    }
}

/// Runs a command. The exit code is 0 when it did what it was asked to.
pub async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    if cli.version {
        return version::run(cli.config.as_deref(), cli.json);
    }
    let Some(wanted) = cli.command else {
        return Err(output::Usage(
            "Say what to do; `valetkey --help` lists the commands.".to_owned(),
        )
        .into());
    };
    match wanted {
        // It brings a configuration of its own.
        Command::Demo(args) => return demo::run(args).await,
        // It tells what is wrong with the configuration.
        Command::Doctor(args) => return doctor::run(cli.config.as_deref(), args).await,
        // It has to know its address before anything else.
        Command::Http(args) => return http::run(Config::load(cli.config.as_deref())?, args).await,
        // Whoever writes a toolkit may have no configuration yet.
        Command::Toolkit(args) => return toolkit::run(cli.config.as_deref(), args),
        _ => {}
    }
    let mut config = Config::load(cli.config.as_deref())?;
    if !matches!(wanted, Command::Stdio) {
        config = config.of_command();
    }
    let app = App::with(config);
    if app.config.lock_memory {
        memory::lock()?;
    }
    let broker = app.broker.clone();
    let ended = command(app, wanted).await;
    // At once, so that another process need not wait for the end of this one.
    broker.leave();
    ended
}

async fn command(app: App, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Stdio => stdio::run(app).await,
        Command::Agent(args) => agent::run(app, args).await,
        Command::Connect(args) => connect::run(app, args).await,
        Command::Connections(args) => connections::run(app, args).await,
        Command::Alias(args) => alias::run(app, args).await,
        Command::Default(args) => default::run(app, args).await,
        Command::Disconnect(args) => disconnect::run(app, args).await,
        Command::RevokeUser(args) => revoke_user::run(app, args).await,
        Command::Audit(args) => audit::run(app, args).await,
        Command::Tools(args) => tools::run(app, args).await,
        Command::Call(args) => call::run(app, args).await,
        Command::Key(args) => key::run(app, args).await,
        Command::Export(args) => export::run(app, args).await,
        Command::Import(args) => import::run(app, args).await,
        Command::Vacuum(args) => vacuum::run(app, args).await,
        Command::Demo(_) | Command::Doctor(_) | Command::Http(_) | Command::Toolkit(_) => {
            unreachable!("they have no app")
        }
    }
}
