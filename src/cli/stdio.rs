//! `valetkey stdio`: one MCP client over standard input and output.

use std::process::ExitCode;

use crate::caller::Caller;
use crate::cli::app::App;
use crate::cli::signals;
use crate::mcp::handler::Handler;
use crate::mcp::stdio;

/// Serves until the input ends, or SIGTERM, SIGINT or SIGHUP comes; all of these are a good end.
pub async fn run(app: App) -> anyhow::Result<ExitCode> {
    app.check_patterns()?;
    let stop = signals::end()?;
    let handler = Handler::new(app.toolbox(), Caller::local());
    stdio::serve(handler, stop).await?;
    Ok(ExitCode::SUCCESS)
}
