//! `valetkey stdio`: one MCP client over standard input and output.

use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use crate::caller::Caller;
use crate::cli::app::App;
use crate::mcp::handler::Handler;
use crate::mcp::stdio;

/// Serves until the input ends, or SIGTERM, SIGINT or SIGHUP comes; all of these are a good end.
pub async fn run(app: App) -> anyhow::Result<ExitCode> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hang_up.recv() => {}
        }
    };
    let handler = Handler::new(app.calls(), app.config, app.tools, Caller::local());
    stdio::serve(handler, stop).await?;
    Ok(ExitCode::SUCCESS)
}
