//! `valetkey disconnect`: takes a connection back, at the provider and here.

use std::process::ExitCode;

use serde::Serialize;

use crate::broker::{ConnectionView, Disconnected};
use crate::caller::Caller;
use crate::cli::app::App;
use crate::cli::connections::Row;
use crate::cli::output::{BAD, Exit, GOOD, Usage, result, styled, visible};

/// Disconnect an account: revoke the permission at the provider and delete it here.
///
/// It is deleted here whatever the provider answers. The exit code is 1 if the provider did not
/// take the permission back.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The connection: its account, its id, or the beginning of its id. See `valetkey connections`.
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

/// The one connection that `name` means: an account or an id before the beginning of an id.
fn chosen<'a>(views: &'a [ConnectionView], name: &str) -> Result<&'a ConnectionView, Usage> {
    let exact: Vec<&ConnectionView> = views
        .iter()
        .filter(|view| view.account.eq_ignore_ascii_case(name) || view.id.to_string() == name)
        .collect();
    let fitting = if exact.is_empty() && !name.is_empty() {
        let begins = |view: &&ConnectionView| view.id.to_string().starts_with(name);
        views.iter().filter(begins).collect()
    } else {
        exact
    };
    match fitting.as_slice() {
        [one] => Ok(one),
        [] => Err(Usage(format!(
            "No connection is called `{}`. `valetkey connections` lists them.",
            visible(name)
        ))),
        several => {
            let ids: Vec<String> = several
                .iter()
                .map(|view| format!("{} ({} {})", view.id, view.provider, visible(&view.account)))
                .collect();
            Err(Usage(format!(
                "Several connections fit: {}. Name one by its id.",
                ids.join(", ")
            )))
        }
    }
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
    use std::collections::BTreeSet;

    use jiff::Timestamp;

    use super::*;
    use crate::store::records::{ConnectionId, ConnectionState};

    fn view(id: &str, account: &str) -> ConnectionView {
        ConnectionView {
            id: ConnectionId::parse(id).unwrap(),
            provider_id: "google".to_owned(),
            provider: "Google".to_owned(),
            account: account.to_owned(),
            scopes: BTreeSet::new(),
            state: ConnectionState::Connected,
            expires_at: None,
            refreshable: true,
            connected_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_connection_is_named_by_account_id_or_the_beginning_of_its_id_if_only_one_fits() {
        let views = [
            view("aa00000000000001", "alice@example.com"),
            view("aa00000000000002", "bob@example.com"),
            view("bb00000000000003", "Bob@example.com"),
            view("cc00000000000004", "aa"),
        ];
        let cases = [
            ("alice@example.com", Some("aa00000000000001")),
            ("ALICE@example.com", Some("aa00000000000001")),
            ("aa00000000000002", Some("aa00000000000002")),
            ("aa00000000000001", Some("aa00000000000001")),
            ("bb", Some("bb00000000000003")),
            ("aa", Some("cc00000000000004")),
            ("aa0", None),
            ("bob@example.com", None),
            ("carol", None),
            ("", None),
        ];
        for (name, id) in cases {
            let found = chosen(&views, name).ok().map(|view| view.id.to_string());
            assert_eq!(found.as_deref(), id, "{name}");
        }
    }

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
                connection: view("aa00000000000001", "alice@example.com"),
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
