//! `valetkey export`: a sealed copy of what is connected.

use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use crate::cli::app::App;
use crate::cli::output::{BOLD, DIM, Exit, GOOD, result, styled};

/// Write every connection to a file, sealed under the vault's master key.
///
/// Copying the vault's directory while Valetkey runs does not give a usable copy; this does, also
/// while servers run. The file is useless without the master key: keep a copy of the key too, in
/// another place. `valetkey import` reads it.
///
/// Providers that replace refresh tokens accept the old ones no longer. So an old export brings
/// such an account back only until its next refresh, and then asks to connect it again.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to write it. An existing file is never overwritten.
    file: PathBuf,

    /// Print what was exported as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Outcome {
    file: String,
    connections: u64,
    generation: u64,
    master_key: String,
}

/// Runs the command.
pub async fn run(app: App, args: Args) -> anyhow::Result<ExitCode> {
    // The process that has the vault writes it, and may have another current directory.
    let file = std::path::absolute(&args.file)?;
    let done = app.broker.export(&file).await?;
    let outcome = Outcome {
        file: file.display().to_string(),
        connections: done.connections,
        generation: done.generation,
        master_key: done.master_key,
    };
    let text = format!(
        "{} {} to {}.\n{}",
        styled(GOOD, "Exported"),
        connections(done.connections),
        styled(BOLD, &outcome.file),
        styled(
            DIM,
            &format!(
                "generation {}; only the master key {} reads it",
                outcome.generation, outcome.master_key
            )
        ),
    );
    result(args.json, &outcome, &text)?;
    Ok(Exit::Done.into())
}

/// A number of connections in words.
pub(super) fn connections(number: u64) -> String {
    match number {
        1 => "1 connection".to_owned(),
        number => format!("{number} connections"),
    }
}
