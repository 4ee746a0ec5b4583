//! People: who is meant by a name, and what somebody with an id is called.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::call::{Failure, LISTED, Walk, call, walk};
use super::target::is_person_id;
use super::wire::{OneUser, User, Users, next_cursor};
use crate::api::{Api, Effect};
use crate::error::{ErrorCode, ToolError};
use crate::sanitize::{snippet, visible};

/// How many names one call looks up, at most: Slack allows some 100 such requests a minute.
const LOOKUPS: usize = 60;

/// How many of them at a time.
const LOOKUPS_AT_ONCE: usize = 6;

/// Somebody of the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    /// `U…` or `W…`.
    pub(super) id: String,
    /// What other people see.
    pub(super) name: String,
    handle: String,
}

impl Person {
    /// Their handle, as [`key`] makes it.
    pub(super) fn handle_key(&self) -> String {
        key(&self.handle)
    }

    /// Handle and id: the two things that nobody else can have.
    fn unmistakable(&self) -> String {
        format!("@{} ({})", self.handle, self.id)
    }
}

/// Everybody of the workspace, to find people by name.
#[derive(Debug, Default)]
pub(super) struct Everyone {
    people: Vec<Person>,
    /// Handles, display names and full names, as [`key`] makes them.
    by_name: HashMap<String, Vec<usize>>,
    complete: bool,
}

/// Whom a name fits.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fit<'e> {
    /// This person and nobody else.
    One(&'e Person),
    /// Several, or one with a name that people may share among more than could be looked at.
    Unsure(Vec<&'e Person>),
    /// Nobody.
    Nobody,
}

impl Everyone {
    /// Asks Slack for everybody: there is no way to look up a name.
    pub(super) async fn fetch(api: &Api) -> Result<Self, Failure> {
        let mut everyone = Self::default();
        let end: Walk<()> = walk(api, "users.list", &[], |page: Users| {
            page.members.into_iter().for_each(|user| everyone.add(user));
            ControlFlow::Continue(next_cursor(page.response_metadata))
        })
        .await?;
        everyone.complete = end == Walk::Ended;
        Ok(everyone)
    }

    fn add(&mut self, user: User) {
        if user.deleted || !is_person_id(&user.id) {
            return;
        }
        let index = self.people.len();
        for name in names(&user) {
            let entry = self.by_name.entry(key(name)).or_default();
            if entry.last() != Some(&index) {
                entry.push(index);
            }
        }
        self.people.push(Person {
            name: shown_name(&user),
            handle: snippet(&user.name, 40),
            id: user.id,
        });
    }

    /// What the person with this id is called.
    pub(super) fn name_of(&self, id: &str) -> Option<String> {
        let mut people = self.people.iter();
        people
            .find(|person| person.id == id)
            .map(|person| person.name.clone())
    }

    /// The handle of the person with this id, as [`key`] makes it.
    pub(super) fn handle_of(&self, id: &str) -> Option<String> {
        let mut people = self.people.iter();
        people
            .find(|person| person.id == id)
            .map(Person::handle_key)
    }

    /// Whom `name`, without `@`, fits.
    pub(super) fn fit(&self, name: &str) -> Fit<'_> {
        let key = key(name);
        let Some(found) = self.by_name.get(&key).filter(|_| !key.is_empty()) else {
            return Fit::Nobody;
        };
        let found: Vec<&Person> = found.iter().map(|index| &self.people[*index]).collect();
        match found.as_slice() {
            // A handle is unique; the other names are free to choose.
            [one] if self.complete || self::key(&one.handle) == key => Fit::One(one),
            _ => Fit::Unsure(found),
        }
    }

    /// The person whom `name` fits.
    pub(super) fn find(&self, name: &str) -> Result<&Person, ToolError> {
        let shown = snippet(name, 60);
        let found = match self.fit(name) {
            Fit::One(person) => return Ok(person),
            Fit::Unsure(found) => found,
            Fit::Nobody => {
                return Err(ToolError::new(
                    ErrorCode::NotFound,
                    format!(
                        "Nobody called @{shown} was found in the workspace{}.",
                        self.extent()
                    ),
                    "Pass the person's handle, full name or id (U…).",
                ));
            }
        };
        Err(ToolError::new(
            ErrorCode::InvalidArguments,
            format!(
                "It is not certain who @{shown} is: the name fits {}{}.",
                list(&found),
                self.extent()
            ),
            "Pass the id (U…) of the person who is meant.",
        ))
    }

    fn extent(&self) -> String {
        if self.complete {
            String::new()
        } else {
            format!(" (only the first {LISTED} people were looked at)")
        }
    }
}

/// People as `@handle (id)`, a few of them.
pub(super) fn list(people: &[&Person]) -> String {
    let shown: Vec<String> = people.iter().take(5).map(|p| p.unmistakable()).collect();
    let more = if people.len() > shown.len() {
        " and others"
    } else {
        ""
    };
    format!("{}{more}", shown.join(", "))
}

/// What people with an id are called.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Names by id. Two people of one name have their ids added to it.
    pub(super) by_id: HashMap<String, String>,
    /// Why some are missing.
    pub(super) warning: Option<String>,
}

impl Names {
    /// Looks up `ids`, each once and a few at a time. What fails is missing from the result.
    pub(super) async fn look_up(api: &Api, ids: Vec<String>) -> Self {
        let asked = ids.len();
        let gate = Arc::new(Semaphore::new(LOOKUPS_AT_ONCE));
        let mut lookups = JoinSet::new();
        for id in ids.into_iter().take(LOOKUPS) {
            let (api, gate) = (api.clone(), Arc::clone(&gate));
            lookups.spawn(async move {
                let _permit = gate.acquire().await;
                let name = name(&api, &id).await;
                (id, name)
            });
        }
        let mut by_id = HashMap::new();
        let mut reason = String::new();
        while let Some(done) = lookups.join_next().await {
            match done {
                Ok((id, Ok(name))) => drop(by_id.insert(id, name)),
                Ok((_, Err(failure))) => {
                    reason = format!(" {}", failure.error.message);
                    if !matches!(
                        failure.slack_code.as_str(),
                        "user_not_found" | "user_not_visible"
                    ) {
                        // The next lookup would fail for the same reason.
                        lookups.abort_all();
                    }
                }
                Err(_) => {}
            }
        }
        tell_apart(&mut by_id);
        let missing = asked - by_id.len();
        let warning = (missing > 0).then(|| {
            format!("People shown by id instead of by name: {missing} of {asked}.{reason}")
        });
        Self { by_id, warning }
    }
}

/// What the person with this id is called.
pub(super) async fn name(api: &Api, id: &str) -> Result<String, Failure> {
    let fields = [("user", id.to_owned())];
    let found: OneUser = call(api, Effect::Read, "users.info", &fields).await?;
    Ok(shown_name(&found.user))
}

/// The handle of the person with this id, as [`key`] makes it. Unlike a name, nobody else has it.
pub(super) async fn handle(api: &Api, id: &str) -> Result<String, Failure> {
    let fields = [("user", id.to_owned())];
    let found: OneUser = call(api, Effect::Read, "users.info", &fields).await?;
    Ok(key(&found.user.name))
}

fn tell_apart(names: &mut HashMap<String, String>) {
    let mut count: HashMap<String, usize> = HashMap::new();
    for name in names.values() {
        *count.entry(key(name)).or_default() += 1;
    }
    for (id, name) in names.iter_mut() {
        if count[&key(name)] > 1 {
            *name = format!("{name} ({id})");
        }
    }
}

/// Every name a person goes by.
pub(super) fn names(user: &User) -> impl Iterator<Item = &str> {
    let profile = &user.profile;
    [
        Some(&user.name),
        profile.display_name.as_ref(),
        profile.display_name_normalized.as_ref(),
        user.real_name.as_ref(),
        profile.real_name.as_ref(),
        profile.real_name_normalized.as_ref(),
    ]
    .into_iter()
    .flatten()
    .map(String::as_str)
}

/// The name that Slack shows: the display name, else the full name, else the handle.
pub(super) fn shown_name(user: &User) -> String {
    let profile = &user.profile;
    let chosen = [&profile.display_name, &profile.real_name, &user.real_name]
        .into_iter()
        .flatten()
        .map(|name| snippet(name, 80))
        .find(|name| !name.is_empty());
    chosen.unwrap_or_else(|| {
        snippet(
            if user.name.is_empty() {
                &user.id
            } else {
                &user.name
            },
            80,
        )
    })
}

/// What names are compared by: no case, no invisible characters, single spaces.
pub(super) fn key(name: &str) -> String {
    let words: Vec<String> = visible(name)
        .text
        .split_whitespace()
        .map(str::to_lowercase)
        .collect();
    words.join(" ")
}

#[cfg(test)]
impl Everyone {
    /// A workspace of `(id, handle, name)`.
    pub(super) fn of(people: &[(&str, &str, &str)]) -> Self {
        let mut everyone = Self {
            complete: true,
            ..Self::default()
        };
        for (id, handle, name) in people {
            everyone.add(User {
                id: (*id).to_owned(),
                name: (*handle).to_owned(),
                real_name: Some((*name).to_owned()),
                ..User::default()
            });
        }
        everyone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_fits_whatever_its_case_and_spacing_and_no_more() {
        let everyone = Everyone::of(&[("U01", "ada", "Ada  Lovelace"), ("U02", "bob", "Bob")]);
        for (name, expected) in [
            ("ADA", Some("U01")),
            (" ada lovelace ", Some("U01")),
            ("a\u{200b}da", Some("U01")),
            ("Bob", Some("U02")),
            ("lovelace", None),
            ("", None),
        ] {
            let found = everyone.find(name).ok().map(|person| person.id.as_str());
            assert_eq!(found, expected, "{name:?}");
        }
    }

    #[test]
    fn among_more_people_than_were_looked_at_only_a_handle_is_certain() {
        let mut everyone = Everyone::of(&[("U01", "ada", "Ada Lovelace")]);
        everyone.complete = false;
        assert!(everyone.find("ada").is_ok());
        let error = everyone.find("Ada Lovelace").unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArguments);
        assert!(
            error.message.contains("only the first 5000 people"),
            "{error}"
        );
    }
}
