//! `valetkey import`: brings connections back from an export.

use std::path::PathBuf;
use std::process::ExitCode;

use jiff::tz::TimeZone;
use serde::Serialize;

use crate::broker::Imported;
use crate::cli::app::App;
use crate::cli::export::connections;
use crate::cli::output::{DIM, Exit, GOOD, result, styled};

/// Bring back the connections of a file that `valetkey export` wrote.
///
/// What is connected now stays: of two connections of the same account the one with the newer
/// tokens is kept. Nothing is imported from a file that was altered or is not complete.
///
/// A restored connection is tried once. If the provider has replaced its tokens since the export,
/// the next call gives a link to connect the account again.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file.
    file: PathBuf,

    /// Let the file's connections take the place of newer ones.
    #[arg(long)]
    replace: bool,

    /// The file with the master key that the export was made under. Needed when the vault has
    /// another one, for example on another machine.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,

    /// Print what was imported as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Outcome {
    #[serde(flatten)]
    imported: Imported,
    file: String,
}

/// Runs the command.
pub async fn run(app: App, args: Args) -> anyhow::Result<ExitCode> {
    let file = std::path::absolute(&args.file)?;
    let key_file = args.key_file.map(std::path::absolute).transpose()?;
    let imported = app
        .broker
        .import(&file, key_file.as_deref(), args.replace)
        .await?;
    let text = text(&imported, &TimeZone::system());
    let outcome = Outcome {
        imported,
        file: file.display().to_string(),
    };
    result(args.json, &outcome, &text)?;
    Ok(Exit::Done.into())
}

fn text(imported: &Imported, zone: &TimeZone) -> String {
    let made_at = imported.made_at.to_zoned_datetime(zone.clone());
    let made_at = made_at.strftime("%Y-%m-%d %H:%M");
    let mut text = format!(
        "{} {} from {made_at}.",
        styled(GOOD, "Imported"),
        connections(imported.added + imported.replaced),
    );
    for (number, what) in [
        (imported.replaced, "took the place of what was connected"),
        (
            imported.kept,
            "left out: what is connected is as new or newer",
        ),
    ] {
        if number > 0 {
            text.push('\n');
            text.push_str(&styled(DIM, &format!("{}: {what}", connections(number))));
        }
    }
    text
}
