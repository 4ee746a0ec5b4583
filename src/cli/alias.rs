//! `valetkey alias`: gives a connected account a short name.

use std::process::ExitCode;

use crate::broker::Renamed;
use crate::caller::Caller;
use crate::cli::app::App;
use crate::cli::connections::Row;
use crate::cli::named::chosen;
use crate::cli::output::{Exit, GOOD, Usage, result, styled, visible};
use crate::store::alias::{Alias, NotAnAlias};

/// Give a connected account a short name.
///
/// Tools take it as `account`, and results show it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The connection: its alias, its account, its id, or the beginning of its id. See `valetkey
    /// connections`.
    connection: String,

    /// The new name, for example `work`: letters, digits, `.`, `_` and `-`.
    #[arg(value_parser = parse, required_unless_present = "none")]
    alias: Option<Alias>,

    /// Take the name away.
    #[arg(long, conflicts_with = "alias")]
    none: bool,

    /// Print the connection as JSON.
    #[arg(long)]
    json: bool,
}

/// Reads an alias of the command line.
pub(super) fn parse(text: &str) -> Result<Alias, NotAnAlias> {
    Alias::parse(text)
}

/// Runs the command.
pub async fn run(app: App, args: Args) -> anyhow::Result<ExitCode> {
    let caller = Caller::local();
    let views = app.broker.connections(&caller).await?;
    let before = chosen(&views, &args.connection)?;
    let alias = args.alias;
    let renamed = app.broker.rename(&caller, before.id, alias.clone()).await?;
    let view = match renamed {
        Renamed::Done(view) => view,
        Renamed::Taken(other) => {
            let name = alias.as_ref().map_or("", Alias::as_str);
            return Err(Usage(format!(
                "`{name}` already means {} {}. Choose another name, or give that one another \
                 first.",
                other.provider,
                visible(&other.shown()),
            ))
            .into());
        }
        Renamed::Unknown => {
            return Err(Usage("This connection was ended in the meantime.".to_owned()).into());
        }
    };
    let account = visible(&view.account);
    let text = match &view.alias {
        Some(alias) => format!(
            "{} {account} is now called {}.",
            view.provider,
            styled(GOOD, alias.as_str())
        ),
        None => format!("{} {account} has no alias now.", view.provider),
    };
    result(args.json, &Row::new(&view), &text)?;
    Ok(Exit::Done.into())
}
