//! Conversations: which one a name means, and what one with an id is.

use std::fmt::Write as _;
use std::ops::ControlFlow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::allowed;
use super::call::{ALL_KINDS, Failure, LISTED, Walk, call, walk};
use super::similar::is_similar;
use super::wire::{Conversation, Conversations, OneConversation, next_cursor};
use crate::api::{Api, Effect};
use crate::error::{ErrorCode, ToolError};
use crate::sanitize::snippet;

/// A conversation of Slack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(super) struct Channel {
    /// `C…`, `G…` or `D…`.
    pub(super) id: String,
    /// A channel's name without `#`, or the name of the other person of a direct message; null
    /// when it could not be found out.
    pub(super) name: Option<String>,
    /// Null when it could not be found out.
    pub(super) kind: Option<Kind>,
}

/// The kinds of conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// Everybody in the workspace can find it.
    PublicChannel,
    /// Only its members know of it.
    PrivateChannel,
    /// A message to several people.
    GroupMessage,
    /// A message to one person.
    DirectMessage,
}

impl Channel {
    /// Nothing is known of it but its id.
    pub(super) fn unknown(id: String) -> Self {
        let kind = id.starts_with('D').then_some(Kind::DirectMessage);
        Self {
            id,
            name: None,
            kind,
        }
    }

    /// As people write it.
    pub(super) fn shown(&self) -> String {
        let name = self.name.as_deref();
        match (self.kind, name) {
            (Some(Kind::DirectMessage), Some(name)) => format!("direct message with {name}"),
            (Some(Kind::DirectMessage), None) => "direct message".to_owned(),
            (Some(Kind::GroupMessage), Some(name)) => format!("group message {name}"),
            (Some(Kind::PrivateChannel), Some(name)) => format!("#{name} (private)"),
            (_, Some(name)) => format!("#{name}"),
            (_, None) => "conversation".to_owned(),
        }
    }

    /// In the names of scopes, the kinds that it may be of, the likeliest first. An id tells
    /// direct messages; private channels and group messages may begin with `C` or `G`.
    pub(super) fn scope_kinds(&self) -> &'static [&'static str] {
        match self.kind {
            Some(Kind::PublicChannel) => &["channels"],
            Some(Kind::PrivateChannel) => &["groups"],
            Some(Kind::GroupMessage) => &["mpim"],
            Some(Kind::DirectMessage) => &["im"],
            None if self.id.starts_with('G') => &["groups", "mpim"],
            None => ALL_KINDS,
        }
    }
}

impl From<Conversation> for Channel {
    fn from(found: Conversation) -> Self {
        let kind = if found.is_im {
            Kind::DirectMessage
        } else if found.is_mpim {
            Kind::GroupMessage
        } else if found.is_private {
            Kind::PrivateChannel
        } else {
            Kind::PublicChannel
        };
        let name = found.name.map(|name| snippet(&name, 80));
        Self {
            id: found.id,
            // Emulations give direct messages names of their own making.
            name: name.filter(|name| !name.is_empty() && kind != Kind::DirectMessage),
            kind: Some(kind),
        }
    }
}

/// Finds the channel called `name`, in lower case and without `#`.
///
/// `for_private` are the scopes that the same call will need if the channel is private: asked for
/// together with the one that finds private channels.
pub(super) async fn by_name(
    api: &Api,
    name: &str,
    for_private: &[String],
) -> Result<Channel, ToolError> {
    let mut search = Search {
        name,
        private_too: true,
        complete: true,
        limited: allowed::is_limited(api),
        similar: Vec::new(),
    };
    // The person's own channels first: they are few, and the one that is meant is among them.
    for (method, exclude_archived) in [("users.conversations", true), ("conversations.list", false)]
    {
        match search.list(api, method, exclude_archived).await {
            Ok(Some(channel)) => return Ok(channel),
            Ok(None) => {}
            // Not every server that speaks Slack's API has it.
            Err(failure)
                if failure.slack_code == "unknown_method" && method == "users.conversations" => {}
            Err(failure) => return Err(failure.least(&["channels"]).into()),
        }
    }
    Err(search.not_found(for_private))
}

struct Search<'n> {
    name: &'n str,
    private_too: bool,
    complete: bool,
    /// Names of other channels are not told.
    limited: bool,
    similar: Vec<String>,
}

impl Search<'_> {
    async fn list(
        &mut self,
        api: &Api,
        method: &'static str,
        exclude_archived: bool,
    ) -> Result<Option<Channel>, Failure> {
        if self.private_too {
            let types = "public_channel,private_channel";
            match self.walk(api, method, exclude_archived, types).await {
                // Slack lists nothing at all when one of the types is not granted.
                Err(failure)
                    if failure.is_missing_scope() || failure.slack_code == "invalid_types" =>
                {
                    self.private_too = false;
                }
                done => return done,
            }
        }
        self.walk(api, method, exclude_archived, "public_channel")
            .await
    }

    async fn walk(
        &mut self,
        api: &Api,
        method: &'static str,
        exclude_archived: bool,
        types: &str,
    ) -> Result<Option<Channel>, Failure> {
        let fields = [
            ("types", types.to_owned()),
            ("exclude_archived", exclude_archived.to_string()),
        ];
        let end = walk(api, method, &fields, |page: Conversations| {
            for found in page.channels {
                let names = [&found.name, &found.name_normalized];
                if names
                    .into_iter()
                    .flatten()
                    .any(|name| name.to_lowercase() == self.name)
                {
                    return ControlFlow::Break(Channel::from(found));
                }
                if let Some(name) = &found.name
                    && !self.limited
                    && self.similar.len() < 5
                    && is_similar(self.name, &name.to_lowercase())
                {
                    let name = format!("#{}", snippet(name, 40));
                    if !self.similar.contains(&name) {
                        self.similar.push(name);
                    }
                }
            }
            ControlFlow::Continue(next_cursor(page.response_metadata))
        })
        .await?;
        Ok(match end {
            Walk::Found(channel) => Some(channel),
            Walk::Ended => None,
            Walk::CutShort => {
                self.complete = false;
                None
            }
        })
    }

    fn not_found(self, for_private: &[String]) -> ToolError {
        let name = self.name;
        if !self.private_too && self.similar.is_empty() {
            let mut scopes = vec!["groups:read".to_owned()];
            scopes.extend_from_slice(for_private);
            return ToolError {
                message: format!(
                    "There is no public channel #{name}, and the connection may not look among \
                     private channels."
                ),
                ..ToolError::missing_scopes(scopes)
            };
        }
        let mut message = format!("No channel #{name} is visible to the acting account.");
        if !self.similar.is_empty() {
            let names = self.similar.join(", ");
            write!(message, " Similar names: {names}.").expect("a string takes every write");
        }
        if !self.complete {
            write!(message, " Only the first {LISTED} channels were looked at.")
                .expect("a string takes every write");
        }
        if !self.private_too {
            message += " Private channels could not be looked at.";
        }
        ToolError::new(
            ErrorCode::NotFound,
            message,
            "Check the name, or pass the channel's id or a link copied from Slack.",
        )
    }
}

/// The direct message with the person of this id.
///
/// It is looked for and not opened: `conversations.open` would need a write scope and would make
/// one, which a read must not do. `for_it` are the scopes that the same call will need then.
pub(super) async fn with_person(
    api: &Api,
    person: &str,
    for_it: &[String],
) -> Result<Channel, ToolError> {
    let fields = [("types", "im".to_owned())];
    let end = walk(api, "conversations.list", &fields, |page: Conversations| {
        let mut found = page.channels.into_iter();
        match found.find(|one| one.user.as_deref() == Some(person)) {
            Some(one) => ControlFlow::Break(one),
            None => ControlFlow::Continue(next_cursor(page.response_metadata)),
        }
    })
    .await
    .map_err(|failure| failure.least(&["im"]).and_then_needs(for_it))?;
    match end {
        Walk::Found(found) => Ok(Channel::from(Conversation {
            is_im: true,
            ..found
        })),
        Walk::Ended | Walk::CutShort => Err(ToolError::new(
            ErrorCode::NotFound,
            format!("The acting account has no direct message with {person}."),
            "There is nothing to read. If you know the conversation's id (D…), pass that.",
        )),
    }
}

/// What the conversation with this id is, and the other person's id of a direct message.
pub(super) async fn describe(api: &Api, id: &str) -> Result<(Channel, Option<String>), Failure> {
    let fields = [("channel", id.to_owned())];
    let found: OneConversation = call(api, Effect::Read, "conversations.info", &fields).await?;
    let person = found.channel.user.clone();
    let channel = Channel::from(found.channel);
    Ok((channel, person))
}
