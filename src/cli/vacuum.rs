//! `valetkey vacuum`: rewrites the vault's database.

use std::process::ExitCode;

use serde::Serialize;

use crate::cli::app::App;
use crate::cli::output::{Exit, GOOD, result, styled};

/// Rewrite the vault's database, so that nothing old is left in its files.
///
/// The database keeps what it replaced or deleted, sealed, until it needs the space. After a vacuum
/// the files have only what is there now. It runs by itself when the database has grown far beyond
/// what is in it; running servers wait a moment and go on.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print the sizes as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Outcome {
    bytes_before: u64,
    bytes_after: u64,
}

/// Runs the command.
pub async fn run(app: App, args: Args) -> anyhow::Result<ExitCode> {
    let done = app.broker.vacuum().await?;
    let outcome = Outcome {
        bytes_before: done.before,
        bytes_after: done.after,
    };
    let text = format!(
        "{} The database had {} KiB and has {} KiB now.",
        styled(GOOD, "Rewritten."),
        kib(done.before),
        kib(done.after)
    );
    result(args.json, &outcome, &text)?;
    Ok(Exit::Done.into())
}

fn kib(bytes: u64) -> u64 {
    bytes.div_ceil(1024)
}
