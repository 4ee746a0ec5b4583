//! `valetkey stdio`: one MCP client over standard input and output.

use std::process::ExitCode;
use std::sync::Arc;

use crate::caller::Caller;
use crate::cli::app::App;
use crate::cli::signals;
use crate::mcp::handler::{Handler, Shared};
use crate::mcp::stdio;
use crate::store::kind;

/// Serves until the input ends, or SIGTERM, SIGINT or SIGHUP comes; all of these are a good end.
pub async fn run(app: App) -> anyhow::Result<ExitCode> {
    app.check_patterns()?;
    kind::check_local(&app.config.store_dir)?;
    let stop = signals::end()?;
    let handler = Handler::new(Arc::new(Shared::new(app.toolbox())), Caller::local());
    stdio::serve(handler, stop).await?;
    Ok(ExitCode::SUCCESS)
}
