//! `valetkey key`: the keys that seal the vault.

use std::fmt::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;
use jiff::Timestamp;
use tokio::time::sleep;

use crate::broker::Broker;
use crate::cli::app::App;
use crate::cli::output::{BAD, BOLD, DIM, Exit, GOOD, progress, result, styled};
use crate::config;
use crate::seal::keyring::KeyUse;
use crate::store::upkeep::{KeyIds, MasterKeyRotated};

/// Show or replace the keys that seal the vault.
///
/// Data keys seal what is stored. The master key, which is kept outside of the vault, seals the
/// data keys.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Rotate(Rotate),
    ShowId(ShowId),
}

/// Make a new key and seal everything with it, while servers go on running.
///
/// Without --master: a new data key. Everything in the vault is sealed with it, and the old one is
/// dropped. If this is interrupted, Valetkey goes on by itself when the vault is opened next.
///
/// With --master: a new master key takes the place of the old one, at once and safely even if the
/// machine fails. The old key then opens nothing but exports and copies of the vault that were made
/// before. When the key is in `VALETKEY_MASTER_KEY`, set `VALETKEY_NEW_MASTER_KEY` to the new one
/// for this command, and put it in place afterwards.
#[derive(Debug, clap::Args)]
struct Rotate {
    /// Replace the master key instead of the data key.
    #[arg(long)]
    master: bool,

    /// Print the keys as JSON.
    #[arg(long)]
    json: bool,
}

/// Show the names of the keys and when they were made. No key is shown.
///
/// A key's name tells whether two places have the same key, and nothing else.
#[derive(Debug, clap::Args)]
struct ShowId {
    /// Print them as JSON.
    #[arg(long)]
    json: bool,
}

/// How often to look whether the rows are done.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Runs the command.
pub async fn run(app: App, args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::ShowId(args) => {
            let keys = app.broker.key_ids().await?;
            result(args.json, &keys, &shown(&keys))?;
        }
        Command::Rotate(args) if args.master => {
            let new = config::new_master_key()?;
            let done = app.broker.rotate_master_key(new).await?;
            result(args.json, &done, &rotated_master(&done))?;
        }
        Command::Rotate(args) => {
            let keys = app.broker.rotate_key().await?;
            progress("The new data key is in use. Sealing everything with it …");
            let keys = tokio::select! {
                keys = resealed(&app.broker, keys) => keys?,
                _ = tokio::signal::ctrl_c() => {
                    progress("Interrupted. Valetkey goes on with it when the vault is opened next.");
                    return Ok(Exit::Interrupted.into());
                }
            };
            result(args.json, &keys, &rotated(&keys))?;
        }
    }
    Ok(Exit::Done.into())
}

/// Waits until no row needs an older key.
async fn resealed(broker: &Broker, mut keys: KeyIds) -> anyhow::Result<KeyIds> {
    while keys
        .data_keys
        .iter()
        .any(|key| key.used_for == KeyUse::Resealing)
    {
        sleep(LOOK_EVERY).await;
        keys = broker.key_ids().await?;
    }
    Ok(keys)
}

fn shown(keys: &KeyIds) -> String {
    let mut text = format!(
        "master key {}  {}\n",
        styled(BOLD, &keys.master_key),
        styled(DIM, &format!("kept in {}", keys.kept_in))
    );
    for key in &keys.data_keys {
        let used_for = match key.used_for {
            KeyUse::Sealing => styled(GOOD, "seals everything"),
            KeyUse::Resealing => styled(BAD, "on its way out: rows are being sealed anew"),
            KeyUse::Handles => {
                "on its way out: opens what clients hold, for ten minutes".to_owned()
            }
        };
        writeln!(
            text,
            "data key   {}  {used_for}  {}",
            styled(BOLD, &key.id),
            styled(DIM, &format!("made {}", day(key.made_at)))
        )
        .expect("a string takes everything");
    }
    text
}

fn rotated(keys: &KeyIds) -> String {
    let sealing = keys.data_keys.last().map_or("", |key| &key.id);
    format!(
        "{} Everything in the vault is sealed with the data key {}.\n{}",
        styled(GOOD, "Done."),
        styled(BOLD, sealing),
        styled(
            DIM,
            "Sealed bytes of before may be left in the database's files; `valetkey vacuum` removes \
             them."
        )
    )
}

fn rotated_master(done: &MasterKeyRotated) -> String {
    let now_you = match &done.old_kept_in {
        Some(old) => format!(
            "Make a copy of it in another place. The old key {} is in {old}: it opens only exports \
             and copies of the vault that were made before. Remove it when you need none of them.",
            done.replaced
        ),
        None => format!(
            "{} Set VALETKEY_MASTER_KEY to the new key wherever Valetkey is started: the old one, \
             {}, opens the vault no longer. Servers that run now go on until they are restarted.",
            styled(BAD, "Now you:"),
            done.replaced
        ),
    };
    format!(
        "{} The vault's master key is now {}, kept in {}.\n{now_you}",
        styled(GOOD, "Done."),
        styled(BOLD, &done.master_key),
        done.kept_in
    )
}

fn day(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
