//! `valetkey default`: chooses the account that reads use.

use std::process::ExitCode;

use crate::caller::Caller;
use crate::cli::app::App;
use crate::cli::connections::Row;
use crate::cli::named::chosen;
use crate::cli::output::{Exit, GOOD, Usage, result, styled, visible};

/// Choose the account that reads use when several are connected and none is named.
///
/// What writes or sends never uses it: with several accounts, such a call has to name one.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The connection: its alias, its account, its id, or the beginning of its id. See `valetkey
    /// connections`.
    connection: String,

    /// Let it be the default no longer. Reads have to name an account then, too.
    #[arg(long)]
    none: bool,

    /// Print the connection as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(app: App, args: Args) -> anyhow::Result<ExitCode> {
    let caller = Caller::local();
    let views = app.broker.connections(&caller).await?;
    let id = chosen(&views, &args.connection)?.id;
    let Some(view) = app.broker.set_default(&caller, id, !args.none).await? else {
        return Err(Usage("This connection was ended in the meantime.".to_owned()).into());
    };
    let account = visible(&view.shown());
    let provider = &view.provider;
    let text = if view.is_default {
        format!(
            "Calls that read from {provider} and name no account now use {}.",
            styled(GOOD, &account)
        )
    } else {
        format!("{account} is not the default of {provider}.")
    };
    result(args.json, &Row::new(&view), &text)?;
    Ok(Exit::Done.into())
}
