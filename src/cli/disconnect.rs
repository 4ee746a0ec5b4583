//! `valetkey disconnect`: takes a connection back, at the provider and here.

use std::process::ExitCode;

use serde::Serialize;

use crate::broker::Disconnected;
use crate::caller::Caller;
use crate::cli::app::App;
use crate::cli::connections::Row;
use crate::cli::named::chosen;
use crate::cli::output::{BAD, Exit, GOOD, Usage, result, styled, visible};

/// Disconnect an account: revoke the permission at the provider and delete it here.
///
/// It is deleted here whatever the provider answers. The exit code is 1 if the provider did not
/// take the permission back.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The connection: its alias, its account, its id, or the beginning of its id. See `valetkey
    /// connections`.
    connection: String,

    /// Print both outcomes as JSON.
    #[arg(long)]
    json: bool,
}

/// Both outcomes.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    connection: Row,
    /// The provider took the permission back.
    revoked: bool,
    /// Why it did not.
    not_revoked_because: Option<String>,
    deleted: bool,
}

/// Runs the command.
pub async fn run(app: App, args: Args) -> anyhow::Result<ExitCode> {
    let caller = Caller::local();
    let views = app.broker.connections(&caller).await?;
    let id = chosen(&views, &args.connection)?.id;
    let Some(done) = app.broker.disconnect(&caller, id).await? else {
        return Err(Usage("This connection was ended in the meantime.".to_owned()).into());
    };
    let exit = match &done.revoked {
        Ok(_) => Exit::Done,
        Err(_) => Exit::Failed,
    };
    result(args.json, &outcome(&done), &text(&done))?;
    Ok(exit.into())
}

pub(super) fn outcome(done: &Disconnected) -> Outcome {
    Outcome {
        connection: Row::new(&done.connection),
        revoked: done.revoked == Ok(true),
        not_revoked_because: match &done.revoked {
            Ok(true) => None,
            Ok(false) => Some("the provider has no way to revoke it".to_owned()),
            Err(why) => Some(why.clone()),
        },
        deleted: true,
    }
}

pub(super) fn text(done: &Disconnected) -> String {
    let provider = &done.connection.provider;
    let account = visible(&done.connection.account);
    let at_provider = match &done.revoked {
        Ok(true) => format!("{} at {provider}.", styled(GOOD, "Revoked")),
        Ok(false) => format!(
            "{} at {provider}, which has no way to. Remove the access in the settings of your \
             account there.",
            styled(BAD, "Not revoked")
        ),
        Err(error) => format!(
            "{} at {provider}: {error} Remove the access in the settings of your account there.",
            styled(BAD, "Not revoked")
        ),
    };
    format!(
        "{provider} {account} is disconnected.\n{at_provider}\n{} here.",
        styled(GOOD, "Deleted")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::named::view;

    #[test]
    fn both_outcomes_are_told_in_words_and_as_json() {
        let unreachable = "no answer in time".to_owned();
        let cases = [
            (Ok(true), true, "Revoked"),
            (Ok(false), false, "no way to"),
            (Err(unreachable), false, "no answer in time"),
        ];
        for (revoked, at_provider, words) in cases {
            let done = Disconnected {
                connection: view("aa00000000000001", "alice@example.com", None),
                revoked,
            };
            let text = anstream::adapter::strip_str(&text(&done)).to_string();
            assert!(
                text.contains(words) && text.contains("Deleted here."),
                "{text}"
            );
            let json = serde_json::to_value(outcome(&done)).unwrap();
            assert_eq!(json["revoked"], at_provider);
            assert_eq!(json["not_revoked_because"].is_null(), at_provider);
            assert_eq!(json["deleted"], true);
        }
    }
}
