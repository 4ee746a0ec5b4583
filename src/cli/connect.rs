//! `valetkey connect`: connects an account without waiting for a tool to need it.

use std::process::ExitCode;

use serde::Serialize;
use valetkey_toolkits::tool::Tool;

use crate::broker::{Access, ConnectionView, Consent, Requirement};
use crate::caller::Caller;
use crate::cli::app::App;
use crate::cli::link;
use crate::cli::output::{Exit, GOOD, progress, result, styled, visible};

/// Connect an account: prints a link, and waits until you have followed it.
///
/// You sign in at the provider, in your browser. Valetkey keeps the permission encrypted, and your
/// MCP clients can use the tools of that provider from then on.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The provider: google, slack, github, or the id of an entry in the configuration.
    provider: String,

    /// The account to connect, for example an e-mail address. Needed for a second account.
    #[arg(long)]
    account: Option<String>,

    /// The permissions to ask for, as the provider names them, separated by commas.
    ///
    /// Default: the least that the enabled tools of this provider need.
    #[arg(long, value_delimiter = ',', value_name = "SCOPE")]
    scopes: Vec<String>,

    /// Print the connection as JSON.
    #[arg(long)]
    json: bool,
}

/// What was connected.
#[derive(Debug, Serialize)]
struct Connected<'a> {
    provider: &'a str,
    account: &'a str,
    /// Nothing was asked: it was connected before.
    already: bool,
    /// Asked for and not granted.
    missing_scopes: Vec<&'a str>,
}

/// Runs the command.
pub async fn run(app: App, args: Args) -> anyhow::Result<ExitCode> {
    let caller = Caller::local();
    let requirement = requirement(&app, &args);
    let before = app.broker.connections(&caller).await?;
    let consent = match app.broker.access(&caller, &requirement).await? {
        Access::Denied(denied) => return Err(denied.into()),
        Access::Granted(granted) => {
            let account = visible(&granted.account);
            let connected = Connected {
                provider: &args.provider,
                account: &account,
                already: true,
                missing_scopes: Vec::new(),
            };
            let text = format!(
                "{} as {account}. Another account is connected with --account.",
                styled(GOOD, "Already connected"),
            );
            result(args.json, &connected, &text)?;
            return Ok(Exit::Done.into());
        }
        Access::Consent(consent) => consent,
    };
    if let Err(exit) = link::follow(&app.broker, &caller, &consent).await? {
        return Ok(exit.into());
    }
    let after = app.broker.connections(&caller).await?;
    let made = made(&before, &after, &consent).ok_or_else(|| {
        anyhow::anyhow!("The connection was ended again right after it was made.")
    })?;
    let account = visible(&made.account);
    let connected = Connected {
        provider: &args.provider,
        account: &account,
        already: false,
        missing_scopes: missing(&requirement, made),
    };
    let mut text = format!(
        "{} to {} as {account}.",
        styled(GOOD, "Connected"),
        made.provider
    );
    for scope in &connected.missing_scopes {
        text.push_str("\nNot granted: ");
        text.push_str(scope);
    }
    result(args.json, &connected, &text)?;
    progress("You can close the page in the browser.");
    link::farewell(&app.broker).await;
    Ok(Exit::Done.into())
}

/// What the flow connected: a new connection, or the one it was minted for.
fn made<'a>(
    before: &[ConnectionView],
    after: &'a [ConnectionView],
    consent: &Consent,
) -> Option<&'a ConnectionView> {
    let is_new = |view: &&ConnectionView| before.iter().all(|old| old.id != view.id);
    let is_renewed = |view: &&ConnectionView| {
        view.provider == consent.provider && Some(&view.account) == consent.account.as_ref()
    };
    after
        .iter()
        .find(is_new)
        .or_else(|| after.iter().find(is_renewed))
}

fn requirement(app: &App, args: &Args) -> Requirement {
    let entries = app.broker.providers();
    let named = entries
        .iter()
        .find(|entry| entry.id() == args.provider || entry.name() == args.provider);
    let tools: Vec<&Tool> = app
        .tools
        .iter()
        .filter(|tool| named.is_some_and(|entry| entry.name() == tool.provider))
        .collect();
    let is_id = entries.iter().any(|entry| entry.id() == args.provider);
    Requirement {
        // A toolkit may have an entry of its own; an entry that is named is meant.
        toolkit: match tools.first() {
            Some(tool) if !is_id => tool.toolkit.to_owned(),
            _ => String::new(),
        },
        provider: args.provider.clone(),
        account: args.account.clone(),
        scopes: if args.scopes.is_empty() {
            least_scopes(&tools)
        } else {
            args.scopes.iter().map(|one| vec![one.clone()]).collect()
        },
        read_only: false,
        client_name: Some("valetkey connect".to_owned()),
    }
}

/// Every group of scopes that one of the tools needs, once.
fn least_scopes(tools: &[&Tool]) -> Vec<Vec<String>> {
    let mut groups: Vec<Vec<String>> = Vec::new();
    for group in tools.iter().flat_map(|tool| tool.scopes) {
        let group: Vec<String> = group.iter().map(|&scope| scope.to_owned()).collect();
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    groups
}

/// The first scope of each group that the connection does not cover.
fn missing<'a>(requirement: &'a Requirement, made: &ConnectionView) -> Vec<&'a str> {
    requirement
        .scopes
        .iter()
        .filter(|group| !group.iter().any(|scope| made.scopes.contains(scope)))
        .filter_map(|group| group.first().map(String::as_str))
        .collect()
}
