//! `valetkey connect`: connects an account without waiting for a tool to need it.

use std::collections::BTreeSet;
use std::process::ExitCode;

use serde::Serialize;

use crate::broker::{Access, ConnectionView, Renamed, Requirement};
use crate::builtin::connections_connect::least;
use crate::caller::Caller;
use crate::cli::alias::parse;
use crate::cli::app::App;
use crate::cli::link;
use crate::cli::output::{Exit, GOOD, Usage, progress, result, styled, visible};
use crate::store::alias::Alias;

/// Connect an account: prints a link, and waits until you have followed it.
///
/// You sign in at the provider, in your browser. Valetkey keeps the permission encrypted, and your
/// MCP clients can use the tools of that provider from then on.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The provider: google, slack, github, or the id of an entry in the configuration.
    provider: String,

    /// The account to connect, for example an e-mail address. Needed for a second account, unless
    /// --as gives it a name.
    #[arg(long)]
    account: Option<String>,

    /// A short name for the account, for example `work`. If an account is called so already, that
    /// one is connected again; else another account is, whichever you sign in with.
    #[arg(long = "as", value_name = "ALIAS", value_parser = parse)]
    alias: Option<Alias>,

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
    alias: Option<&'a str>,
    /// Nothing was asked: it was connected before.
    already: bool,
    /// Asked for and not granted.
    missing_scopes: BTreeSet<String>,
}

/// Runs the command.
pub async fn run(app: App, args: Args) -> anyhow::Result<ExitCode> {
    let caller = Caller::local();
    let before = app.broker.connections(&caller).await?;
    let before = of_provider(&app, &args.provider, before);
    let mut requirement = requirement(&app, &args);
    let mut new = args.alias.clone();
    if let Some(alias) = &args.alias
        && let Some(known) = meant(&before, alias, args.account.as_deref())?
    {
        requirement.account = Some(known.id.to_string());
        new = None;
    }
    let access = match new {
        None => app.broker.access(&caller, &requirement).await?,
        Some(alias) => app.broker.connect_as(&caller, &requirement, alias).await?,
    };
    let consent = match access {
        Access::Denied(denied) => return Err(denied.into()),
        Access::Granted(granted) => {
            let views = app.broker.connections(&caller).await?;
            let made = views.iter().find(|view| view.id == granted.connection);
            let made = called(&app, &caller, made, args.alias.as_ref()).await?;
            let text = format!(
                "{} as {}. Another account is connected with --account or --as.",
                styled(GOOD, "Already connected"),
                visible(&made.shown()),
            );
            result(
                args.json,
                &connected(&app, &args, &made, true, &requirement),
                &text,
            )?;
            return Ok(Exit::Done.into());
        }
        Access::Consent(consent) => consent,
    };
    if let Err(exit) = link::follow(&app.broker, &caller, &consent).await? {
        return Ok(exit.into());
    }
    let after = app.broker.connections(&caller).await?;
    let after = of_provider(&app, &args.provider, after);
    let wanted = Wanted {
        alias: args.alias.as_ref(),
        named: args.account.as_deref(),
        expected: consent.account.as_deref(),
    };
    let made = made(&before, &after, &wanted);
    let made = called(&app, &caller, made, args.alias.as_ref()).await?;
    let connected = connected(&app, &args, &made, false, &requirement);
    let mut text = format!(
        "{} to {} as {}.",
        styled(GOOD, "Connected"),
        made.provider,
        visible(&made.shown())
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

/// The connections with entries that `provider` names.
fn of_provider(app: &App, provider: &str, mut views: Vec<ConnectionView>) -> Vec<ConnectionView> {
    let named = |id: &str| {
        app.broker
            .providers()
            .iter()
            .any(|entry| entry.id() == id && (entry.id() == provider || entry.name() == provider))
    };
    views.retain(|view| named(&view.provider_id));
    views
}

/// The connection that `--as` and `--account` mean, if there is one.
fn meant<'a>(
    views: &'a [ConnectionView],
    alias: &Alias,
    account: Option<&str>,
) -> Result<Option<&'a ConnectionView>, Usage> {
    let called = views.iter().find(|view| {
        view.alias
            .as_ref()
            .is_some_and(|one| one.is(alias.as_str()))
    });
    match (called, account) {
        (Some(view), Some(account)) if !view.is_called(account) => Err(taken(alias, view)),
        (Some(view), _) => Ok(Some(view)),
        (None, Some(account)) => Ok(views.iter().find(|view| view.is_called(account))),
        (None, None) => Ok(None),
    }
}

/// The connection, called `alias` if one is wanted.
async fn called(
    app: &App,
    caller: &Caller,
    made: Option<&ConnectionView>,
    alias: Option<&Alias>,
) -> anyhow::Result<ConnectionView> {
    let ended = || anyhow::anyhow!("The connection was ended again right after it was made.");
    let made = made.ok_or_else(ended)?;
    let Some(alias) = alias.filter(|alias| made.alias.as_ref() != Some(alias)) else {
        return Ok(made.clone());
    };
    match app
        .broker
        .rename(caller, made.id, Some(alias.clone()))
        .await?
    {
        Renamed::Done(view) => Ok(view),
        Renamed::Taken(other) => Err(taken(alias, &other).into()),
        Renamed::Unknown => Err(ended()),
    }
}

fn taken(alias: &Alias, by: &ConnectionView) -> Usage {
    Usage(format!(
        "`{alias}` already means {} {}. Choose another name, or give that one another first with \
         `valetkey alias`.",
        by.provider,
        visible(&by.shown()),
    ))
}

fn connected<'a>(
    app: &App,
    args: &'a Args,
    made: &'a ConnectionView,
    already: bool,
    requirement: &Requirement,
) -> Connected<'a> {
    Connected {
        provider: &args.provider,
        account: &made.account,
        alias: made.alias.as_ref().map(Alias::as_str),
        already,
        missing_scopes: missing(app, requirement, made),
    }
}

/// What the flow connected: what has the new alias, the account that was named or that the flow was
/// minted for, or a new connection. There may be another new one: an account that signed in in place
/// of the expected one, and was kept.
fn made<'a>(
    before: &[ConnectionView],
    after: &'a [ConnectionView],
    wanted: &Wanted<'_>,
) -> Option<&'a ConnectionView> {
    let has_alias =
        |view: &&ConnectionView| wanted.alias.is_some() && view.alias.as_ref() == wanted.alias;
    let is_named = |view: &&ConnectionView| {
        let names = [wanted.named, wanted.expected];
        names.into_iter().flatten().any(|name| view.is_called(name))
    };
    let is_new = |view: &&ConnectionView| before.iter().all(|old| old.id != view.id);
    after
        .iter()
        .find(has_alias)
        .or_else(|| after.iter().find(is_named))
        .or_else(|| after.iter().find(is_new))
}

/// What is known of the account that a flow will connect.
#[derive(Clone, Copy, Debug, Default)]
struct Wanted<'a> {
    /// `--as`.
    alias: Option<&'a Alias>,
    /// `--account`.
    named: Option<&'a str>,
    /// The account of the connection to renew or extend.
    expected: Option<&'a str>,
}

fn requirement(app: &App, args: &Args) -> Requirement {
    let (toolkit, scopes) = least(app.broker.providers(), &app.tools, &args.provider);
    Requirement {
        toolkit,
        provider: args.provider.clone(),
        account: args.account.clone(),
        scopes: if args.scopes.is_empty() {
            scopes
        } else {
            args.scopes.iter().map(|one| vec![one.clone()]).collect()
        },
        read_only: false,
        client_name: Some("valetkey connect".to_owned()),
    }
}

/// What the connection lacks of what was required.
fn missing(app: &App, requirement: &Requirement, made: &ConnectionView) -> BTreeSet<String> {
    let mut entries = app.broker.providers().iter();
    let entry = entries.find(|entry| entry.id() == made.provider_id);
    entry.map_or_else(BTreeSet::new, |entry| {
        entry.missing(&requirement.scopes, &made.scopes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::named::view;

    #[test]
    fn what_was_connected_is_told_apart_from_an_account_that_was_kept_on_the_way() {
        let old = view("aa00000000000001", "ada@example.com", Some("work"));
        let kept = view("aa00000000000002", "bob@example.com", None);
        let new = view("aa00000000000003", "eve@example.com", Some("club"));
        let all = [old.clone(), kept.clone(), new.clone()];
        let alias = Alias::parse("club").unwrap();
        let cases = [
            (Some(&alias), None, None, &new),
            (None, Some("EVE@example.com"), None, &new),
            (None, Some("ada@example.com"), Some("ada@example.com"), &old),
            (None, None, Some("ada@example.com"), &old),
            (None, None, None, &kept),
        ];
        for (alias, named, expected, made_of) in cases {
            let wanted = Wanted {
                alias,
                named,
                expected,
            };
            let found = made(std::slice::from_ref(&old), &all, &wanted).unwrap();
            assert_eq!(found.id, made_of.id, "{wanted:?}");
        }
        assert!(made(&all, &all, &Wanted::default()).is_none());
    }

    #[test]
    fn an_alias_and_an_account_that_contradict_each_other_are_a_wrong_command_line() {
        let views = [
            view("aa00000000000001", "ada@example.com", Some("work")),
            view("aa00000000000002", "bob@example.com", None),
        ];
        let work = Alias::parse("WORK").unwrap();
        let home = Alias::parse("home").unwrap();
        let id = |view: Option<&ConnectionView>| view.map(|view| view.id);
        assert_eq!(id(meant(&views, &work, None).unwrap()), Some(views[0].id));
        let both = meant(&views, &work, Some("ada@example.com")).unwrap();
        assert_eq!(id(both), Some(views[0].id));
        let error = meant(&views, &work, Some("bob@example.com")).unwrap_err();
        assert!(
            error.to_string().contains("already means Google work"),
            "{error}"
        );
        let known = meant(&views, &home, Some("bob@example.com")).unwrap();
        assert_eq!(id(known), Some(views[1].id));
        assert_eq!(id(meant(&views, &home, None).unwrap()), None);
    }
}
