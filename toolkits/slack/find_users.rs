//! `slack_find_users`: people by name, e-mail address or id.

use std::fmt::Write as _;
use std::ops::ControlFlow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::{Failure, LISTED, Walk, call, walk};
use super::people::{key, names, shown_name};
use super::similar;
use super::target::is_person_id;
use super::wire::{self, OneUser, Users, next_cursor};
use crate::api::{Api, Effect};
use crate::arguments::OneOrMany;
use crate::error::ToolError;
use crate::output::Render;
use crate::sanitize::snippet;

/// How many people one call returns, at most, and how many addresses or ids it takes.
const MOST: usize = 50;

/// Find people in the Slack workspace by name, handle, e-mail address or id. Pass exactly one of
/// `query`, `emails` and `user_ids`. Their id or @handle is what other tools take.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// A name or handle, or part of one.
    #[serde(default)]
    query: Option<String>,
    /// E-mail addresses, at most 50.
    #[serde(default)]
    emails: OneOrMany,
    /// Ids (U…), at most 50.
    #[serde(default)]
    user_ids: OneOrMany,
    /// With `query`: also apps.
    #[serde(default)]
    include_bots: bool,
    /// With `query`: how many people, 1 to 50.
    #[serde(default = "ten")]
    limit: usize,
}

fn ten() -> usize {
    10
}

/// The people found.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct FindUsers {
    /// The people, the best fit first.
    users: Vec<User>,
    /// The addresses and ids that nobody visible has.
    not_found: Vec<String>,
    /// How many people fit the query in all.
    matches: usize,
    truncated: bool,
    warnings: Vec<String>,
}

/// Somebody of the workspace.
#[derive(Debug, Serialize, JsonSchema)]
struct User {
    /// `U…` or `W…`.
    id: String,
    /// Unique in the workspace, without `@`.
    handle: String,
    /// The name that Slack shows.
    name: String,
    /// The full name, where it is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    real_name: Option<String>,
    /// What they do.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// Where the connection may see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// The name of their time zone, such as `Europe/Berlin`.
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone: Option<String>,
    /// What is unusual about them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<Note>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Note {
    /// An app.
    Bot,
    /// Can no longer sign in.
    Deactivated,
    /// Of another organization.
    External,
}

impl Note {
    fn word(self) -> &'static str {
        match self {
            Self::Bot => "bot",
            Self::Deactivated => "deactivated",
            Self::External => "external",
        }
    }
}

impl From<wire::User> for User {
    fn from(user: wire::User) -> Self {
        let text = |text: &Option<String>| {
            let text = text.as_deref().map(|text| snippet(text, 100));
            text.filter(|text| !text.is_empty())
        };
        let name = shown_name(&user);
        let real_name = text(&user.profile.real_name).or_else(|| text(&user.real_name));
        let notes = [
            (user.is_bot, Note::Bot),
            (user.deleted, Note::Deactivated),
            (user.is_stranger, Note::External),
        ];
        Self {
            handle: snippet(&user.name, 80),
            real_name: real_name.filter(|real| *real != name),
            title: text(&user.profile.title),
            email: text(&user.profile.email),
            time_zone: text(&user.tz),
            notes: notes
                .into_iter()
                .filter_map(|(is, note)| is.then_some(note))
                .collect(),
            id: snippet(&user.id, 30),
            name,
        }
    }
}

/// Finds them.
pub(super) async fn run(api: Api, args: Args) -> Result<FindUsers, ToolError> {
    let query = args.query.as_deref().map(str::trim).unwrap_or_default();
    let (emails, ids) = (&args.emails.0, &args.user_ids.0);
    let ways = [!query.is_empty(), !emails.is_empty(), !ids.is_empty()];
    if ways.into_iter().filter(|way| *way).count() != 1 {
        return Err(ToolError::invalid_arguments(
            "Pass exactly one of `query`, `emails` and `user_ids`.",
        ));
    }
    if emails.len() > MOST || ids.len() > MOST {
        return Err(ToolError::invalid_arguments(format!(
            "At most {MOST} addresses or ids at a time."
        )));
    }
    if !emails.is_empty() {
        let fits = |email: &String| email.contains('@') && email.len() <= 254;
        if let Some(wrong) = emails.iter().find(|email| !fits(email)) {
            return Err(ToolError::invalid_arguments(format!(
                "`emails`: {} is no e-mail address.",
                snippet(wrong, 60)
            )));
        }
        return one_by_one(&api, ("users.lookupByEmail", "email"), emails).await;
    }
    if !ids.is_empty() {
        if let Some(wrong) = ids.iter().find(|id| !is_person_id(id)) {
            return Err(ToolError::invalid_arguments(format!(
                "`user_ids`: {} is no id of a person (U… or W…).",
                snippet(wrong, 60)
            )));
        }
        return one_by_one(&api, ("users.info", "user"), ids).await;
    }
    search(&api, query, &args).await
}

/// Asks for each of `wanted`, one after another: Slack has no method for several.
async fn one_by_one(
    api: &Api,
    (method, field): (&'static str, &'static str),
    wanted: &[String],
) -> Result<FindUsers, ToolError> {
    let mut found = FindUsers {
        users: Vec::new(),
        not_found: Vec::new(),
        matches: 0,
        truncated: false,
        warnings: Vec::new(),
    };
    for (nth, one) in wanted.iter().enumerate() {
        let fields = [(field, one.clone())];
        match call::<OneUser>(api, Effect::Read, method, &fields).await {
            Ok(one) => found.users.push(one.user.into()),
            Err(Failure { slack_code, .. })
                if matches!(
                    slack_code.as_str(),
                    "users_not_found" | "user_not_found" | "user_not_visible"
                ) =>
            {
                found.not_found.push(snippet(one, 254));
            }
            Err(failure) if nth == 0 => return Err(failure.into()),
            Err(failure) => {
                let rest = wanted.len() - nth;
                found.truncated = true;
                found.warnings.push(format!(
                    "The last {rest} were not looked up: {}",
                    failure.error.message
                ));
                break;
            }
        }
    }
    found.matches = found.users.len();
    Ok(found)
}

async fn search(api: &Api, query: &str, args: &Args) -> Result<FindUsers, ToolError> {
    let wanted = key(query.trim_start_matches('@'));
    if wanted.is_empty() {
        return Err(ToolError::invalid_arguments("`query` names nobody."));
    }
    let limit = args.limit.clamp(1, MOST);
    let mut warnings = Vec::new();
    if limit != args.limit {
        warnings.push(format!(
            "`limit` was changed to {limit}; it can be 1 to {MOST}."
        ));
    }
    let mut found = Vec::new();
    let end: Walk<()> = walk(api, "users.list", &[], |page: Users| {
        for user in page.members {
            let wanted_kind = !user.deleted && (args.include_bots || !user.is_bot);
            if !wanted_kind || !is_person_id(&user.id) {
                continue;
            }
            let fit = names(&user).filter_map(|name| similar::fit(&wanted, &key(name)));
            if let Some(fit) = fit.min() {
                found.push((fit, user));
            }
        }
        ControlFlow::Continue(next_cursor(page.response_metadata))
    })
    .await?;
    similar::keep_best(&mut found);
    if end == Walk::CutShort {
        warnings.push(format!("Only the first {LISTED} people were looked at."));
    }
    let matches = found.len();
    found.truncate(limit);
    Ok(FindUsers {
        users: found.into_iter().map(|(_, user)| user.into()).collect(),
        not_found: Vec::new(),
        matches,
        truncated: matches > limit,
        warnings,
    })
}

impl Render for FindUsers {
    fn render(&self) -> String {
        let mut text = format!("{} of {} shown.", self.users.len(), self.matches);
        for user in &self.users {
            write!(text, "\n{} (@{}, {})", user.name, user.handle, user.id)
                .expect("a string takes every write");
            let facts = [&user.real_name, &user.title, &user.email, &user.time_zone];
            let facts = facts.into_iter().flatten().map(String::as_str);
            for fact in facts.chain(user.notes.iter().map(|note| note.word())) {
                write!(text, ", {fact}").expect("a string takes every write");
            }
        }
        if !self.not_found.is_empty() {
            write!(text, "\nNot found: {}", self.not_found.join(", "))
                .expect("a string takes every write");
        }
        text
    }
}
