//! `valetkey revoke-user`: takes back all that a user has, when they leave.

use std::process::ExitCode;

use serde::Serialize;

use crate::broker::RevokedUser;
use crate::caller::Caller;
use crate::cli::app::App;
use crate::cli::disconnect::{self, Outcome};
use crate::cli::output::{Exit, result};

/// Take back all that a user has: every connection, and every sign-in that is pending.
///
/// Each permission is revoked at its provider and deleted here; it is deleted here whatever the
/// provider answers. The exit code is 1 if a provider did not take a permission back. The user can
/// connect again as long as they can reach this server.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Who vouches for the user: the issuer of their tokens, or `local` for users of this computer.
    issuer: String,

    /// The user: the subject (`sub`) of their tokens, or the number of the local user (`id -u`).
    subject: String,

    /// Print all outcomes as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Revoked {
    connections: Vec<Outcome>,
    /// How many sign-ins were pending.
    sign_ins_dropped: usize,
}

/// Runs the command.
pub async fn run(app: App, args: Args) -> anyhow::Result<ExitCode> {
    let caller = Caller::verified(args.issuer, args.subject);
    let done = app.broker.revoke_user(&caller).await?;
    let exit = if done.connections.iter().any(|done| done.revoked.is_err()) {
        Exit::Failed
    } else {
        Exit::Done
    };
    let revoked = Revoked {
        connections: done.connections.iter().map(disconnect::outcome).collect(),
        sign_ins_dropped: done.flows,
    };
    result(args.json, &revoked, &text(&done))?;
    Ok(exit.into())
}

fn text(done: &RevokedUser) -> String {
    let flows = match done.flows {
        0 => "No sign-in was pending.".to_owned(),
        1 => "One pending sign-in was dropped.".to_owned(),
        many => format!("{many} pending sign-ins were dropped."),
    };
    let mut parts: Vec<String> = done.connections.iter().map(disconnect::text).collect();
    if parts.is_empty() {
        parts.push("The user has no connection.".to_owned());
    }
    parts.push(flows);
    parts.join("\n\n")
}
