//! What can be said without the vault: the configuration, the provider entries, the directory, the
//! key, the port, the clock.

use std::io;
use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::timeout;

use crate::broker::{Broker, Checkup};
use crate::cli::app::{App, loose_pattern};
use crate::cli::doctor::report::Check;
use crate::config::Config;
use crate::oauth::provider::{Kind, Provider};
use crate::store::inspect::{self, Directory, Keys};

/// How long the disk, or the desktop's keyring, may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

const MIB: u64 = 1024 * 1024;

/// Below this much free space somebody should know; below 4 MiB nothing is written any more.
const LITTLE: u64 = 64 * MIB;

/// Nobody ran this program before. A machine whose battery is empty wakes up in 1970 or 2000.
const FIRST_DAY: &str = "2026-01-01T00:00:00Z";

/// Clocks of one machine that are set by the network differ by less.
const SLACK: SignedDuration = SignedDuration::from_mins(2);

/// The patterns of `toolkits.tools` that fit no tool.
pub(super) fn patterns(app: &App) -> impl Iterator<Item = Check> {
    app.loose.iter().map(|pattern| {
        let message = format!("{} Line {}.", loose_pattern(pattern), pattern.line);
        let check = if pattern.is_exact() && app.left_out.is_empty() {
            Check::problem("tools", message)
        } else {
            Check::warning("tools", message)
        };
        check.next("Correct the name: a slip in `deny` leaves a tool on.")
    })
}

/// Where the configuration comes from.
pub(super) fn configuration(config: &Config) -> Check {
    let entries = match config.providers.len() {
        1 => "1 provider entry".to_owned(),
        count => format!("{count} provider entries"),
    };
    let none = config.providers.is_empty();
    let (message, step) = match &config.source {
        Some(path) => (
            format!("{} loads, with {entries}.", path.display()),
            "Add an entry to auth.providers in it.",
        ),
        None if none => (
            "There is no configuration file, and none of GOOGLE_CLIENT_ID, SLACK_CLIENT_ID and \
             GITHUB_CLIENT_ID is set."
                .to_owned(),
            "Create an OAuth client at a provider and set its variables, here and in the `env` of \
             your MCP client, or write a configuration file.",
        ),
        None => {
            let ids = config.providers.iter();
            let variables: Vec<String> = ids
                .map(|entry| format!("{}_CLIENT_ID", entry.id.to_ascii_uppercase()))
                .collect();
            let set = variables.join(", ");
            (
                format!("There is no configuration file. Set in the environment: {set}."),
                "",
            )
        }
    };
    let check = if none {
        Check::warning("configuration", message).next(step)
    } else {
        Check::ok("configuration", message)
    };
    let source = config.source.as_ref();
    check
        .fact("file", source.map(|path| path.display().to_string()))
        .fact("providers", config.providers.len())
}

/// The proxy that requests leave by.
pub(super) fn egress(config: &Config) -> Option<Check> {
    let proxy = config.server.egress_proxy.as_ref()?.origin();
    let message = format!("Requests leave by the proxy {proxy}, but for those to this machine.");
    Some(Check::ok("egress", message).fact("proxy", proxy))
}

/// Whether each provider entry can be connected and used.
pub(super) fn providers(broker: &Broker, config: &Config) -> Vec<Check> {
    let entries = broker.providers().iter().zip(&config.providers);
    entries
        .map(|(entry, written)| provider(broker, entry, written.client_secret.is_some()))
        .collect()
}

fn provider(broker: &Broker, entry: &Provider, has_secret: bool) -> Check {
    let needs_secret = match entry.kind() {
        Kind::Google | Kind::GitHub => true,
        Kind::Slack => !entry.pkce(),
        Kind::Custom => false,
    };
    let redirect_uri = broker.redirect_uri(entry);
    let check = if let Some(problem) = broker.problem_of(entry) {
        Check::problem("provider", problem)
    } else if entry.api_base_url().is_none() {
        let message = "It can be connected, but no tool can use it: it has no api.base_url.";
        Check::warning("provider", message).next("Add api.base_url to the entry.")
    } else if needs_secret && !has_secret {
        let message = format!(
            "It has no client secret, without which {} refuses the exchange.",
            entry.title()
        );
        Check::warning("provider", message)
            .next("Set the entry's client_secret, or the variable that ends in _CLIENT_SECRET.")
    } else {
        let message = format!("{} can be connected.", entry.title());
        Check::ok(
            "provider",
            format!("{message} Redirect URI: {redirect_uri}"),
        )
    };
    let kind = match entry.kind() {
        Kind::Google => "google",
        Kind::Slack => "slack",
        Kind::GitHub => "github",
        Kind::Custom => "custom",
    };
    check
        .of(entry.id())
        .fact("kind", kind)
        .fact("redirect_uri", redirect_uri.as_str())
}

/// What can be seen of the vault without opening it.
pub(super) struct Seen {
    pub(super) has_vault: bool,
    pub(super) checks: Vec<Check>,
}

/// The vault's directory and its key.
pub(super) async fn vault(config: &Config) -> Seen {
    let (dir, source) = (config.store_dir.clone(), config.master_key.clone());
    let looked = tokio::task::spawn_blocking({
        let dir = dir.clone();
        move || inspect::directory(&dir)
    });
    let Ok(Ok(found)) = timeout(PATIENCE, looked).await else {
        let message = format!("The disk of {} does not answer.", dir.display());
        let check = Check::problem("vault_directory", message)
            .next("Check that disk, or set `store` to a directory on another one.");
        return Seen {
            has_vault: false,
            checks: vec![check],
        };
    };
    let mut checks = vec![directory(&dir, &found)];
    checks.extend(damaged(&dir, &found));
    let keys = tokio::task::spawn_blocking({
        let dir = dir.clone();
        move || inspect::keys(&dir, &source)
    });
    checks.push(match timeout(PATIENCE, keys).await {
        Ok(Ok(Ok(keys))) => key(&keys),
        Ok(Ok(Err(error))) => Check::problem("master_key", sentence(&error.to_string())),
        Ok(Err(_)) | Err(_) => {
            Check::problem("master_key", "The place of the master key does not answer.")
                .next("If it is the desktop's keyring, unlock it; then run this again.")
        }
    });
    Seen {
        has_vault: found.has_vault,
        checks,
    }
}

fn directory(dir: &Path, found: &Directory) -> Check {
    let shown = dir.display();
    let check = match (&found.problem, found.free) {
        (Some(problem), _) => Check::problem("vault_directory", sentence(&problem.to_string())),
        (None, Some(free)) if free < LITTLE => {
            let message = format!("{shown}: only {} are free on its disk.", size(free));
            Check::warning("vault_directory", message)
                .next("Free some space there: below 4 MiB nothing can be saved.")
        }
        (None, free) => {
            let free = free.map_or_else(String::new, |free| format!(", {} free", size(free)));
            let what = if found.has_vault {
                "yours alone, on a local disk"
            } else {
                "no vault yet; it is made when it is first needed"
            };
            Check::ok("vault_directory", format!("{shown}: {what}{free}."))
        }
    };
    check
        .fact("path", shown.to_string())
        .fact("exists", found.has_vault)
        .fact("free_bytes", found.free)
        .fact("bytes", found.bytes)
}

fn damaged(dir: &Path, found: &Directory) -> Option<Check> {
    let last = found.damaged.last()?;
    let message = format!(
        "The vault was damaged and repaired; the damaged files are in {}.",
        dir.join(last).display()
    );
    let check = Check::warning("repair", message)
        .next("Look at `valetkey connections` for what is missing, then remove that directory.");
    Some(check.fact("kept", found.damaged.clone()))
}

fn key(keys: &Keys) -> Check {
    let kept_in = &keys.kept_in;
    let message = match (&keys.master_key, keys.format) {
        (Some(id), Some(format)) => {
            format!("The key {id} in {kept_in} opens the vault, which has format {format}.")
        }
        (Some(id), None) => format!("The key {id} in {kept_in} is for a new vault."),
        (None, _) => format!("It will be made in {kept_in} with the vault."),
    };
    Check::ok("master_key", message)
        .fact("kept_in", kept_in.as_str())
        .fact("id", keys.master_key.clone())
        .fact("format", keys.format)
}

/// Whether a sign-in could come back. `free` says whether the port could be had, and `owner` is what
/// another process says that has the vault.
pub(super) fn port(free: io::Result<()>, config: &Config, owner: Option<&Checkup>) -> Check {
    let port = config.server.callback_port;
    let owner = owner.filter(|checkup| checkup.listens && checkup.callback_port == port);
    let check = match (free, owner) {
        (Ok(()), _) => Check::ok("callback_port", format!("{port} on 127.0.0.1 is free."))
            .fact("held_by", "nobody"),
        (Err(_), Some(owner)) => {
            let pid = owner.pid;
            let message = format!("{port} is open for a pending sign-in, in process {pid}.");
            Check::ok("callback_port", message).fact("held_by", "valetkey")
        }
        (Err(error), None) if error.kind() == io::ErrorKind::AddrInUse => {
            let message = format!(
                "{port} is taken by another program, or by a Valetkey with another vault. No \
                 sign-in can come back."
            );
            let look = if cfg!(target_os = "linux") {
                format!("ss -ltnp 'sport = :{port}'")
            } else {
                format!("lsof -nP -iTCP:{port} -sTCP:LISTEN")
            };
            Check::problem("callback_port", message)
                .next(format!(
                    "`{look}` shows which one. End it, or set server.callback_port to another \
                     port and register the new redirect URIs."
                ))
                .fact("held_by", "other")
        }
        (Err(error), None) => {
            let message = format!("{port} cannot be used ({}).", error.kind());
            Check::problem("callback_port", message)
                .next(
                    "Set server.callback_port to another port, and register the new redirect URIs.",
                )
                .fact("held_by", "other")
        }
    };
    check.fact("port", port)
}

/// Whether the time can be right. `newest` is the newest time in the vault.
pub(super) fn clock(now: Timestamp, newest: Option<Timestamp>) -> Check {
    let first: Timestamp = FIRST_DAY.parse().expect("a time");
    let shown = now.strftime("%Y-%m-%d %H:%M:%S UTC");
    let message = match newest {
        _ if now < first => format!("It says {shown}, when this program did not exist yet."),
        Some(newest) if now < newest - SLACK => format!(
            "It says {shown}, but the vault has something from {}.",
            newest.strftime("%Y-%m-%d %H:%M:%S UTC")
        ),
        _ => {
            let message = format!("It says {shown}, which is plausible.");
            return Check::ok("clock", message).fact("now", now.to_string());
        }
    };
    Check::problem("clock", message)
        .next("Set the clock, best by the network: tokens and links end by it.")
        .fact("now", now.to_string())
}

/// A size for people.
pub(super) fn size(bytes: u64) -> String {
    const KIB: u64 = 1024;
    const GIB: u64 = 1024 * MIB;
    let (unit, name) = match bytes {
        GIB.. => (GIB, "GiB"),
        MIB.. => (MIB, "MiB"),
        _ => (KIB, "KiB"),
    };
    format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit)
}

/// An error's text with a capital letter.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::report::Status;

    #[test]
    fn a_clock_is_wrong_before_the_program_and_before_what_the_vault_has() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let noon = at("2026-11-23T12:00:00Z");
        let cases = [
            ("1970-01-01T00:00:09Z", None, Status::Problem),
            ("2026-11-23T12:00:00Z", None, Status::Ok),
            ("2026-11-23T11:59:00Z", Some(noon), Status::Ok),
            ("2026-11-23T11:57:00Z", Some(noon), Status::Problem),
            ("2027-11-23T11:57:00Z", Some(noon), Status::Ok),
        ];
        for (now, newest, expected) in cases {
            let check = clock(at(now), newest);
            assert_eq!(check.status, expected, "{now}: {}", check.message);
            assert_eq!(check.next_step.is_some(), expected != Status::Ok);
        }
    }

    #[test]
    fn sizes_have_the_largest_unit_that_fits() {
        let told = [0, 1536, 5 * MIB, 3 * 1024 * MIB + 600 * MIB].map(size);
        assert_eq!(told, ["0.0 KiB", "1.5 KiB", "5.0 MiB", "3.5 GiB"]);
    }
}
