//! `valetkey agent`: the owner of the vault, alone.

use std::process::ExitCode;
use std::time::Duration;

use tokio::time::sleep;

use crate::cli::app::App;
use crate::cli::output::{Exit, progress};
use crate::cli::signals;

/// Hold the vault open for the Valetkey processes that MCP clients start.
///
/// Not needed: the first of them holds it for the others, and when that ends another does. An agent
/// helps where each process lives for one call only, so that nobody would be there when the browser
/// comes back: start it once, for example as a service of your login.
///
/// While another process has the vault, the agent waits, and takes it over when that one ends.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// End when no other process has been connected and no sign-in pending for this long, for
    /// example `10m` or `1h30m`. Default: run until ended.
    #[arg(long, value_name = "TIME", value_parser = time)]
    idle_exit: Option<Duration>,
}

/// How often the agent looks whether it is needed.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Runs until SIGTERM, SIGINT or SIGHUP, or until it has been idle for as long as asked.
pub async fn run(app: App, args: Args) -> anyhow::Result<ExitCode> {
    let stop = signals::end()?;
    let owner = app.broker.attend().await?;
    let vault = app.config.store_dir.display();
    progress(&if owner == std::process::id() {
        format!("Holding the vault at {vault} open for other Valetkey processes. Ctrl-C ends it.")
    } else {
        format!("Process {owner} has the vault at {vault}; waiting to take over. Ctrl-C ends it.")
    });
    let idle = async {
        loop {
            let limit = args.idle_exit;
            let unused = app.broker.unused_for().await;
            if unused
                .zip(limit)
                .is_some_and(|(unused, limit)| unused >= limit)
            {
                break;
            }
            sleep(limit.map_or(LOOK_EVERY, |limit| limit.min(LOOK_EVERY))).await;
        }
    };
    tokio::select! {
        () = stop => {}
        () = idle => progress("Nobody needed the vault for a while; ending."),
    }
    Ok(Exit::Done.into())
}

fn time(text: &str) -> Result<Duration, String> {
    let time: Option<jiff::SignedDuration> = text.parse().ok();
    time.and_then(|time| Duration::try_from(time).ok())
        .filter(|time| !time.is_zero())
        .ok_or_else(|| "write a time like `30s`, `10m` or `2h`".to_owned())
}
