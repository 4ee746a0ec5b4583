//! From the way a call names a conversation or a message to the ids that Slack takes.

use super::allowed;
use super::channels::{self, Channel};
use super::people::{self, Everyone};
use super::target::{MessageName, Target};
use super::ts::Ts;
use crate::api::Api;
use crate::error::ToolError;

/// A conversation that was found.
pub(super) struct Place {
    pub(super) channel: Channel,
    /// The other person of a direct message. Their name is not in `channel`.
    pub(super) person: Option<String>,
}

/// Finds the conversation that `target` names; nothing is opened.
///
/// `action` is what the call will do there, in the names of scopes (`history`): a missing scope is
/// then asked for together with those of finding. One named by its id is not looked up.
pub(super) async fn conversation(
    api: &Api,
    target: Target,
    action: Option<&str>,
) -> Result<Place, ToolError> {
    let scopes = |kind: &str| -> Vec<String> {
        let scope = action.map(|action| format!("{kind}:{action}"));
        scope.into_iter().collect()
    };
    let mut person = None;
    let channel = match allowed::target(api, target).await? {
        Target::Conversation(id) => Channel::unknown(id),
        Target::ChannelName(name) => channels::by_name(api, &name, &scopes("groups")).await?,
        Target::Person(id) => {
            channels::with_person(api, &*person.insert(id), &scopes("im")).await?
        }
        Target::PersonName(name) => {
            let next = [vec!["im:read".to_owned()], scopes("im")].concat();
            let everyone = Everyone::fetch(api)
                .await
                .map_err(|failure| failure.and_then_needs(&next))?;
            let id = everyone.find(&name)?.id.clone();
            channels::with_person(api, &*person.insert(id), &scopes("im")).await?
        }
    };
    api.admit(&channel.id);
    Ok(Place { channel, person })
}

/// A message that was found, or is at least named.
pub(super) struct Spot {
    pub(super) place: Place,
    pub(super) ts: Ts,
    /// The thread's first message, where a link told it.
    pub(super) thread: Option<Ts>,
}

/// Finds the conversation of the message that the arguments `channel` and `name` (`argument`)
/// name; see [`conversation`] for `action`. That there is such a message is not checked.
pub(super) async fn message(
    api: &Api,
    channel: Option<&str>,
    (argument, name): (&str, &str),
    action: Option<&str>,
) -> Result<Spot, ToolError> {
    let name = MessageName::parse(argument, name)?;
    let target = match (channel, &name.conversation) {
        (Some(channel), _) => Target::parse("channel", channel)?,
        (None, Some(id)) => Target::Conversation(id.clone()),
        (None, None) => {
            return Err(ToolError::invalid_arguments(format!(
                "A ts alone does not say where the message is: pass `channel` too, or the \
                 message's link as `{argument}`."
            )));
        }
    };
    let elsewhere = |id: &str| name.conversation.as_deref().is_some_and(|of| of != id);
    let mismatch = || {
        ToolError::invalid_arguments(format!(
            "The link in `{argument}` is of another conversation than `channel`."
        ))
    };
    if matches!(&target, Target::Conversation(id) if elsewhere(id)) {
        return Err(mismatch());
    }
    let place = conversation(api, target, action).await?;
    if elsewhere(&place.channel.id) {
        return Err(mismatch());
    }
    Ok(Spot {
        place,
        ts: name.ts,
        thread: name.thread,
    })
}

/// `place` with what its conversation is called, as far as that can be found out: the id is enough
/// to go on.
pub(super) async fn described(api: &Api, mut place: Place) -> Place {
    if place.channel.name.is_none()
        && place.person.is_none()
        && let Ok((channel, person)) = channels::describe(api, &place.channel.id).await
    {
        place.channel = Channel {
            id: place.channel.id,
            ..channel
        };
        place.person = person;
    }
    place
}

/// The conversation with the other person's name in it, which takes one more request.
pub(super) async fn named(api: &Api, place: Place) -> Channel {
    let Place {
        mut channel,
        person,
    } = described(api, place).await;
    if let Some(person) = person {
        channel.name = people::name(api, &person).await.ok();
    }
    channel
}
