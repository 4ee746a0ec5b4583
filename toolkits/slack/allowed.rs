//! Which conversations may be touched: `policy.slack_channels`.
//!
//! A conversation is asked about once, by [`target`], before it is read or written; what that
//! allows is remembered for the call. [`guard`] stands before every method of Slack and lets none
//! pass that names a conversation or a person to write to of whom nothing is remembered, wherever
//! the id came from: an argument, a cursor or an answer.

use std::fmt;
use std::str::FromStr;

use super::call::{ALL_KINDS, Failure};
use super::channels::{self, Channel, Kind};
use super::found::Hit;
use super::people::{self, Everyone, key};
use super::target::{Target, is_person_id};
use crate::allowed::refused;
use crate::api::Api;
use crate::error::{ErrorCode, ToolError};

const KEY: &str = "slack_channels";

/// The methods that are about no conversation, or only tell what one is called. Of a search and a
/// list, what is not allowed is left out of the answer. `files.info` is not among them: a file is
/// found by its id alone, wherever it was shared, so with a list none is read.
const FREE: &[&str] = &[
    "assistant.search.context",
    "auth.test",
    "conversations.info",
    "conversations.list",
    "files.getUploadURLExternal",
    "search.messages",
    "team.info",
    "users.conversations",
    "users.info",
    "users.list",
    "users.lookupByEmail",
];

/// One conversation, or direct messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conversations {
    /// `#launch`: the channel of this name, in lower case.
    Named(String),
    /// `C…`, `G…` or `D…`: the conversation of this id.
    Id(String),
    /// `@ada`: direct messages with the person of this handle, in lower case.
    Handle(String),
    /// `U…` or `W…`: direct messages with the person of this id.
    Person(String),
    /// `@*`: all direct messages, those of several people too.
    Direct,
}

impl FromStr for Conversations {
    type Err = &'static str;

    /// Reads them as the tools' arguments are read, and `@*`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim() == "@*" {
            return Ok(Self::Direct);
        }
        match Target::parse("", text) {
            Ok(Target::ChannelName(name)) => Ok(Self::Named(name)),
            Ok(Target::Conversation(id)) => Ok(Self::Id(id)),
            Ok(Target::Person(id)) => Ok(Self::Person(id)),
            // A handle has no spaces; other names people choose as they like.
            Ok(Target::PersonName(name)) if !name.contains([' ', '*']) => {
                Ok(Self::Handle(key(&name)))
            }
            _ => Err(
                "must be \"#channel\" in quotation marks, a Slack id such as C0123456789, \
                      \"@handle\" for direct messages with a person, or \"@*\" for all of them",
            ),
        }
    }
}

impl fmt::Display for Conversations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => write!(f, "#{name}"),
            Self::Handle(name) => write!(f, "@{name}"),
            Self::Id(id) | Self::Person(id) => f.write_str(id),
            Self::Direct => f.write_str("@*"),
        }
    }
}

/// Whether there is a list at all.
pub(super) fn is_limited(api: &Api) -> bool {
    !api.allowed().slack_channels.is_empty()
}

fn has(api: &Api, wanted: &Conversations) -> bool {
    api.allowed().slack_channels.contains(wanted)
}

fn refusal(api: &Api) -> ToolError {
    let list = &api.allowed().slack_channels;
    refused("this conversation in Slack", KEY, list)
}

/// Asks whether the tools may touch what `target` names. With a list, the answer is the same
/// target as an id that [`guard`] lets pass.
///
/// What is not on the list is refused whether it exists or not: to find out what a name that is not
/// listed means, only conversations that are listed are looked up.
pub(super) async fn target(api: &Api, target: Target) -> Result<Target, ToolError> {
    if !is_limited(api) {
        return Ok(target);
    }
    let target = match target {
        Target::Conversation(id) => {
            by_id(api, &id).await?;
            Target::Conversation(id)
        }
        Target::ChannelName(name) => Target::Conversation(by_name(api, name).await?),
        Target::Person(id) => {
            person(api, &id).await?;
            Target::Person(id)
        }
        Target::PersonName(name) => Target::Person(by_handle(api, &name).await?),
    };
    if let Target::Conversation(id) | Target::Person(id) = &target {
        api.admit(id);
    }
    Ok(target)
}

async fn by_id(api: &Api, id: &str) -> Result<(), ToolError> {
    let listed = has(api, &Conversations::Id(id.to_owned()));
    if listed || (id.starts_with('D') && has(api, &Conversations::Direct)) {
        return Ok(());
    }
    let (channel, with) = match channels::describe(api, id).await {
        Ok(described) => described,
        Err(failure) => return Err(unless_passing(api, failure)),
    };
    if channel.kind == Some(Kind::DirectMessage) {
        return match with {
            Some(with) => person(api, &with).await,
            None => Err(refusal(api)),
        };
    }
    if shows(api, &channel, None, None) {
        return Ok(());
    }
    Err(refusal(api))
}

async fn by_name(api: &Api, name: String) -> Result<String, ToolError> {
    let rule = Conversations::Named(name);
    if let (true, Conversations::Named(name)) = (has(api, &rule), &rule) {
        return Ok(channels::by_name(api, name, &[]).await?.id);
    }
    for listed in &api.allowed().slack_channels {
        let Conversations::Id(id) = listed else {
            continue;
        };
        match channels::describe(api, id).await {
            Ok((
                Channel {
                    name: Some(known), ..
                },
                _,
            )) if Conversations::Named(known.to_lowercase()) == rule => {
                return Ok(id.clone());
            }
            Ok(_) => {}
            Err(failure) => {
                let error = unless_passing(api, failure);
                if error.code != ErrorCode::Policy {
                    return Err(error);
                }
            }
        }
    }
    Err(refusal(api))
}

/// Whether the tools may write to a person and read their direct messages.
async fn person(api: &Api, id: &str) -> Result<(), ToolError> {
    if has(api, &Conversations::Direct) || has(api, &Conversations::Person(id.to_owned())) {
        return Ok(());
    }
    let list = &api.allowed().slack_channels;
    let by_handle = list
        .iter()
        .any(|one| matches!(one, Conversations::Handle(_)));
    if by_handle {
        match people::handle(api, id).await {
            Ok(handle) => {
                if has(api, &Conversations::Handle(handle)) {
                    return Ok(());
                }
            }
            Err(failure) => return Err(unless_passing(api, failure)),
        }
    }
    Err(refusal(api))
}

async fn by_handle(api: &Api, name: &str) -> Result<String, ToolError> {
    let list = &api.allowed().slack_channels;
    let people = |one: &Conversations| {
        matches!(
            one,
            Conversations::Handle(_) | Conversations::Person(_) | Conversations::Direct
        )
    };
    if !list.iter().any(people) {
        return Err(refusal(api));
    }
    let everyone = Everyone::fetch(api).await?;
    let listed = has(api, &Conversations::Direct) || has(api, &Conversations::Handle(key(name)));
    match everyone.find(name) {
        Ok(found)
            if has(api, &Conversations::Direct)
                || has(api, &Conversations::Person(found.id.clone()))
                || has(api, &Conversations::Handle(found.handle_key())) =>
        {
            Ok(found.id.clone())
        }
        Err(error) if listed => Err(error),
        Ok(_) | Err(_) => Err(refusal(api)),
    }
}

/// A failure that says nothing about what was asked for goes on; every other one is the refusal.
fn unless_passing(api: &Api, failure: Failure) -> ToolError {
    let passing = matches!(
        failure.error.code,
        ErrorCode::MissingScopes
            | ErrorCode::Unauthorized
            | ErrorCode::RateLimited
            | ErrorCode::Unreachable
    );
    if passing {
        failure.least(ALL_KINDS).into()
    } else {
        refusal(api)
    }
}

/// Whether a conversation that Slack told of may be shown. `person` is the other one of a direct
/// message, `handle` theirs where it is known.
pub(super) fn shows(
    api: &Api,
    channel: &Channel,
    person: Option<&str>,
    handle: Option<String>,
) -> bool {
    if !is_limited(api) || has(api, &Conversations::Id(channel.id.clone())) {
        return true;
    }
    match channel.kind {
        Some(Kind::DirectMessage) => {
            let person = person.map(|id| Conversations::Person(id.to_owned()));
            let handle = handle.map(Conversations::Handle);
            let mut rules = [Some(Conversations::Direct), person, handle].into_iter();
            rules.any(|rule| rule.is_some_and(|rule| has(api, &rule)))
        }
        Some(Kind::GroupMessage) => has(api, &Conversations::Direct),
        Some(Kind::PublicChannel | Kind::PrivateChannel) | None => {
            let name = channel.name.as_ref();
            name.is_some_and(|name| has(api, &Conversations::Named(name.to_lowercase())))
        }
    }
}

/// The hits that may be shown, and how many there are besides.
pub(super) fn hits(api: &Api, mut hits: Vec<Hit>) -> (Vec<Hit>, usize) {
    let all = hits.len();
    hits.retain(|hit| {
        // What Slack gives a direct message for a name is the other person's id.
        let person = hit.channel_name.as_deref().filter(|id| is_person_id(id));
        let name = hit.channel_name.as_deref().unwrap_or_default();
        let kind = if hit.channel_id.starts_with('D') || person.is_some() {
            Some(Kind::DirectMessage)
        } else if name.starts_with("mpdm-") {
            Some(Kind::GroupMessage)
        } else {
            None
        };
        let channel = Channel {
            id: hit.channel_id.clone(),
            name: hit.channel_name.clone(),
            kind,
        };
        shows(api, &channel, person, None)
    });
    let left_out = all - hits.len();
    (hits, left_out)
}

/// What a search has to say besides `query`, where Slack's search can say it: one channel. Refuses a
/// query that names conversations itself.
pub(super) fn narrowing(api: &Api, query: &str) -> Result<Option<String>, ToolError> {
    let list = &api.allowed().slack_channels;
    let names_some = |word: &str| {
        let word = word
            .trim_start_matches(['-', '"', '('])
            .to_ascii_lowercase();
        word.starts_with("in:") || word.starts_with("group:")
    };
    if is_limited(api) && query.split_whitespace().any(names_some) {
        return Err(ToolError::invalid_arguments(
            "Name the conversation with `in` and not within `query`.",
        ));
    }
    Ok(match list.as_slice() {
        [Conversations::Named(name)] => Some(format!("in:{name}")),
        _ => None,
    })
}

/// Refuses a call of `method` that [`target`] has not allowed.
pub(super) fn guard(api: &Api, method: &str, fields: &[(&str, String)]) -> Result<(), ToolError> {
    if !is_limited(api) || FREE.contains(&method) {
        return Ok(());
    }
    let mut ids = fields
        .iter()
        .filter(|(name, _)| matches!(*name, "channel" | "channel_id" | "channels" | "users"))
        .flat_map(|(_, value)| value.split(','))
        .peekable();
    if ids.peek().is_some() && ids.all(|id| api.is_admitted(id)) {
        return Ok(());
    }
    Err(refusal(api))
}

/// How many results were left out.
pub(super) fn left_out(count: usize) -> Option<String> {
    (count > 0).then(|| {
        format!(
            "Left out, because they are of conversations that the policy of this server does not \
             allow (`policy.slack_channels`): {count}."
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_a_channel_an_id_or_a_person() {
        for (text, expected) in [
            ("#Launch", Conversations::Named("launch".into())),
            ("launch", Conversations::Named("launch".into())),
            ("C0123456789", Conversations::Id("C0123456789".into())),
            ("D0123456789", Conversations::Id("D0123456789".into())),
            ("U0123456789", Conversations::Person("U0123456789".into())),
            ("@Ada", Conversations::Handle("ada".into())),
            (" @* ", Conversations::Direct),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for text in ["", "#", "@", "*", "#*", "@a*", "@Ada Lovelace", "two words"] {
            assert!(text.parse::<Conversations>().is_err(), "{text:?}");
        }
    }
}
