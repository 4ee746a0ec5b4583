//! What the providers publish about the requests that the tools make, as data, and the check of
//! each request against it.
//!
//! A provider's table is a file beside this one, `published/<provider>.json`: which operations the
//! tools use, the page that describes each, and the scopes that it takes. Slack's has the arguments
//! too. With the feature `peers`, the tables are held to Google's discovery document and GitHub's
//! `OpenAPI` description, and so are the parameters and bodies of the requests.

mod arguments;
mod least;
mod request;

#[cfg(feature = "peers")]
mod discovery;
#[cfg(feature = "peers")]
mod openapi;
#[cfg(feature = "peers")]
mod peers;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::Deserialize;

use crate::fake::Seen;
use crate::tool::Tool;
use arguments::Argument;
pub(crate) use least::check as least;

/// A provider's table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(rename = "about")]
    _about: String,
    /// By method and path, such as `GET /users/{id}`.
    operations: BTreeMap<String, Operation>,
    /// Which scopes each scope includes.
    #[serde(default)]
    contains: BTreeMap<String, BTreeSet<String>>,
    /// By tool, what only some of its calls need, and ask for when they are made.
    asked_later: BTreeMap<String, Because>,
    /// By tool, what its most common call does not need and is declared, or could use and is not.
    exceptions: BTreeMap<String, Because>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Operation {
    /// Its documentation.
    page: String,
    /// Any one of them is enough; none is needed where there are none.
    scopes: BTreeSet<String>,
    /// Scopes that are not enough for a request with one of these parameters, `name` or
    /// `name=value`.
    #[serde(default)]
    unless: BTreeMap<String, Vec<String>>,
    /// Slack's rate limit.
    tier: Option<String>,
    /// Slack's arguments.
    arguments: Option<BTreeMap<String, Argument>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Because {
    scopes: BTreeSet<String>,
    why: String,
}

static TABLES: LazyLock<BTreeMap<&str, Table>> = LazyLock::new(|| {
    let files = [
        ("google", include_str!("published/google.json")),
        ("slack", include_str!("published/slack.json")),
        ("github", include_str!("published/github.json")),
    ];
    let parse = |(provider, text)| match serde_json::from_str(text) {
        Ok(table) => (provider, table),
        Err(error) => panic!("{provider}: {error}"),
    };
    files.into_iter().map(parse).collect()
});

impl Operation {
    /// The scopes that are enough for `request`.
    fn scopes_for(&self, request: &Seen) -> BTreeSet<&str> {
        let has = |wanted: &String| {
            request.query.iter().any(|(name, value)| {
                wanted == name || wanted.split_once('=') == Some((name, value))
            })
        };
        let lacking = |scope: &&str| {
            self.unless
                .get(*scope)
                .is_some_and(|parameters| parameters.iter().any(has))
        };
        let mut scopes: BTreeSet<&str> = self.scopes.iter().map(String::as_str).collect();
        scopes.retain(|scope| !lacking(scope));
        scopes
    }
}

/// Checks a request that `tool` made.
pub(crate) fn check(tool: &Tool, request: &Seen) {
    if let Err(problem) = problem(tool, request) {
        panic!(
            "{}: {} {}: {problem}\n{request:#?}",
            tool.name, request.method, request.path
        );
    }
}

fn problem(tool: &Tool, request: &Seen) -> Result<(), String> {
    if !is_of_api(tool, request) {
        return Ok(());
    }
    let table = &TABLES[&*tool.provider];
    let (name, operation) = table
        .of(request)
        .ok_or("the provider's table has no such operation")?;
    sufficient(tool, table, &operation.scopes_for(request))?;
    if let Some(arguments) = &operation.arguments {
        arguments::check(arguments, request)?;
    }
    #[cfg(feature = "peers")]
    peers::check(&tool.provider, name, request)?;
    let _ = name;
    Ok(())
}

/// Slack keeps files beside its API, at addresses that it tells.
fn is_of_api(tool: &Tool, request: &Seen) -> bool {
    tool.provider != "slack" || request.path.starts_with("/api/")
}

/// Whether each grant that `tool` runs with can make a request which any of `accepted` allows; or
/// it is one that asks for more when it is made.
fn sufficient(tool: &Tool, table: &Table, accepted: &BTreeSet<&str>) -> Result<(), String> {
    let declared = |group: &Vec<Cow<str>>| group.iter().all(|it| accepted.contains(short(it)));
    let later = table.asked_later.get(&*tool.name);
    let later = later.is_some_and(|later| later.scopes.iter().any(|it| accepted.contains(&**it)));
    if accepted.is_empty() || tool.scopes.iter().any(declared) || later {
        return Ok(());
    }
    Err(format!(
        "{:?} may not be enough, one of {accepted:?} is needed",
        tool.scopes
    ))
}

/// A scope as the tables have it.
fn short(scope: &str) -> &str {
    scope
        .strip_prefix("https://www.googleapis.com/auth/")
        .unwrap_or(scope)
}

impl Table {
    /// The operation that a request is of.
    fn of(&self, request: &Seen) -> Option<(&str, &Operation)> {
        self.operations
            .iter()
            .filter(|(name, _)| {
                name.split_once(' ').is_some_and(|(method, template)| {
                    request.method == method
                        && request::parameters_of(template, &request.path).is_some()
                })
            })
            .max_by_key(|(name, _)| {
                name.split('/')
                    .filter(|part| !part.starts_with('{'))
                    .count()
            })
            .map(|(name, operation)| (name.as_str(), operation))
    }
}

#[test]
fn every_operation_has_a_page_and_what_its_provider_states() {
    for (provider, table) in &*TABLES {
        for (name, operation) in &table.operations {
            assert!(operation.page.starts_with("https://"), "{name}");
            let slack = *provider == "slack";
            assert_eq!(operation.arguments.is_some(), slack, "{name}");
            assert_eq!(operation.tier.is_some(), slack, "{name}");
        }
        for (tool, because) in table.asked_later.iter().chain(&table.exceptions) {
            assert!(because.why.ends_with('.') && !because.scopes.is_empty());
            let known = crate::all().into_iter().find(|known| known.name == **tool);
            assert_eq!(known.unwrap().provider, *provider, "{tool}");
        }
    }
}
