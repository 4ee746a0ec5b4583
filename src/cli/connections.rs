//! `valetkey connections`: what is connected.

use std::fmt::Write;
use std::process::ExitCode;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::broker::ConnectionView;
use crate::builtin::ledger::Ledger;
use crate::caller::Caller;
use crate::cli::app::App;
use crate::cli::ledger;
use crate::cli::output::{BAD, BOLD, DIM, Exit, GOOD, progress, result, styled, visible};
use crate::store::records::ConnectionState;

/// List the connected accounts, and which tools each permission lets work.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print the list as JSON.
    #[arg(long)]
    json: bool,
}

/// A connection as programs read it.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    id: String,
    provider: String,
    provider_id: String,
    account: String,
    alias: Option<String>,
    /// Both, for people.
    #[serde(skip)]
    shown: String,
    /// Reads use it when they name none.
    default: bool,
    state: &'static str,
    reason: Option<String>,
    scopes: Vec<String>,
    connected_at: Timestamp,
    access_token_expires_at: Option<Timestamp>,
    refreshable: bool,
}

impl Row {
    pub(super) fn new(view: &ConnectionView) -> Self {
        let (state, reason) = match &view.state {
            ConnectionState::Connected => ("connected", None),
            ConnectionState::NeedsReconnect { reason } => ("needs_reconnect", Some(reason.clone())),
        };
        Self {
            id: view.id.to_string(),
            provider: view.provider.clone(),
            provider_id: view.provider_id.clone(),
            account: visible(&view.account),
            alias: view.alias.as_ref().map(ToString::to_string),
            shown: visible(&view.shown()),
            default: view.is_default,
            state,
            reason,
            scopes: view.scopes.iter().cloned().collect(),
            connected_at: view.connected_at,
            access_token_expires_at: view.expires_at,
            refreshable: view.refreshable,
        }
    }
}

/// A connection with what its scopes are good for.
#[derive(Debug, Serialize)]
struct Listed {
    #[serde(flatten)]
    row: Row,
    #[serde(flatten)]
    ledger: Ledger,
}

/// Runs the command.
pub async fn run(app: App, args: Args) -> anyhow::Result<ExitCode> {
    let views = app.broker.connections(&Caller::local()).await?;
    let rows: Vec<Listed> = views
        .iter()
        .map(|view| Listed {
            row: Row::new(view),
            ledger: Ledger::new(&app.broker, &app.config, &app.tools, view),
        })
        .collect();
    let text = if rows.is_empty() {
        "Nothing is connected. `valetkey connect <provider>` connects an account.".to_owned()
    } else {
        let texts: Vec<String> = rows
            .iter()
            .map(|listed| text(listed, &TimeZone::system()))
            .collect();
        texts.join("\n")
    };
    // When it cannot be had, the next command tells it.
    if let Ok(Some(notice)) = app.broker.notice().await {
        progress(&notice);
    }
    result(args.json, &rows, &text)?;
    Ok(Exit::Done.into())
}

fn text(Listed { row, ledger }: &Listed, zone: &TimeZone) -> String {
    let state = match &row.reason {
        None => styled(GOOD, "works"),
        Some(_) => styled(BAD, "has to be connected again"),
    };
    let mut text = format!(
        "{} {}  {state}{}\n",
        styled(BOLD, &row.provider),
        styled(BOLD, &row.shown),
        if row.default {
            ", used by reads that name none"
        } else {
            ""
        }
    );
    if let Some(reason) = &row.reason {
        writeln!(
            text,
            "  {reason} Run: valetkey connect {} --account '{}'",
            row.provider_id, row.account
        )
        .expect("a string takes everything");
    }
    let since = row
        .connected_at
        .to_zoned_datetime(zone.clone())
        .strftime("%Y-%m-%d %H:%M");
    let facts = format!(
        "id {}, entry {}, connected {since}",
        row.id, row.provider_id
    );
    writeln!(text, "  {}", styled(DIM, &facts)).expect("a string takes everything");
    text.push_str(&ledger::text(ledger, row.reason.is_none()));
    text
}
