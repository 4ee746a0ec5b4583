//! Where a message or a file goes: a channel, a person or several people, and a thread there.

use super::allowed;
use super::call::call;
use super::channels::{self, Channel, Kind};
use super::outgoing::Recipient;
use super::people::{self, Everyone};
use super::target::{Target, Thread};
use super::wire::OneConversation;
use crate::api::{Api, Effect};
use crate::arguments::OneOrMany;
use crate::error::ToolError;

/// Slack's limit for a group message, besides the sender
/// (<https://docs.slack.dev/reference/methods/conversations.open>).
const MOST_PEOPLE: usize = 8;

/// Where a message goes.
pub(super) enum Place {
    Channel(Channel),
    People(Vec<Recipient>),
}

/// Reads the argument `to`; `in_thread` says whether a thread is named beside it.
pub(super) fn targets(to: &OneOrMany, in_thread: bool) -> Result<Vec<Target>, ToolError> {
    let to = &to.0;
    let targets = to
        .iter()
        .map(|one| Target::parse("to", one))
        .collect::<Result<Vec<_>, _>>()?;
    if !in_thread && to.iter().any(|one| Thread::parse("to", one).is_ok()) {
        return Err(ToolError::invalid_arguments(
            "`to` is the link of a message: to reply to it, pass the link as `thread_ts` too; to \
             post outside its thread, pass the channel as `to`.",
        ));
    }
    let people = targets
        .iter()
        .filter(|one| matches!(one, Target::Person(_) | Target::PersonName(_)))
        .count();
    match targets.len() {
        0 => Err(ToolError::invalid_arguments("`to` names nobody.")),
        1 => Ok(targets),
        several if people < several => Err(ToolError::invalid_arguments(
            "A list in `to` is for people only; send to one channel at a time.",
        )),
        several if several > MOST_PEOPLE => Err(ToolError::invalid_arguments(format!(
            "A group message goes to at most {MOST_PEOPLE} people."
        ))),
        _ => Ok(targets),
    }
}

/// Reads the argument `thread_ts`, a thread of where `targets` lead.
pub(super) fn thread(text: &str, targets: &[Target]) -> Result<Thread, ToolError> {
    let thread = Thread::parse("thread_ts", text)?;
    if let [Target::Conversation(id)] = targets {
        check_thread(Some(&thread), id)?;
    }
    Ok(thread)
}

/// Refuses a thread whose link is of another conversation.
pub(super) fn check_thread(thread: Option<&Thread>, conversation: &str) -> Result<(), ToolError> {
    let of_link = thread.and_then(|thread| thread.conversation.as_deref());
    if of_link.is_some_and(|of_link| of_link != conversation) {
        return Err(ToolError::invalid_arguments(
            "The link in `thread_ts` is of another conversation than `to`.",
        ));
    }
    Ok(())
}

/// Finds out where the message goes. Nothing is opened or posted.
pub(super) async fn place(
    api: &Api,
    targets: Vec<Target>,
    everyone: &mut Option<Everyone>,
) -> Result<Place, ToolError> {
    let scope = if targets.len() > 1 {
        "mpim:write"
    } else {
        "im:write"
    };
    let mut recipients: Vec<Recipient> = Vec::new();
    for target in targets {
        let recipient = match allowed::target(api, target).await? {
            Target::Conversation(id) => {
                // Its name is for the person who reads the result; the id is enough to post.
                let described = channels::describe(api, &id).await.ok();
                let channel = match described {
                    Some((channel, _)) => Channel { id, ..channel },
                    None => Channel::unknown(id),
                };
                return Ok(Place::Channel(channel));
            }
            Target::ChannelName(name) => {
                return Ok(Place::Channel(channels::by_name(api, &name, &[]).await?));
            }
            Target::Person(id) => Recipient {
                name: people::name(api, &id).await.ok(),
                id,
            },
            Target::PersonName(name) => {
                let everyone = match everyone {
                    Some(everyone) => everyone,
                    None => everyone.insert(
                        Everyone::fetch(api)
                            .await
                            .map_err(|failure| failure.and_then_needs(&[scope]))?,
                    ),
                };
                let person = everyone.find(&name)?;
                Recipient {
                    id: person.id.clone(),
                    name: Some(person.name.clone()),
                }
            }
        };
        if recipients.iter().all(|known| known.id != recipient.id) {
            recipients.push(recipient);
        }
    }
    Ok(Place::People(recipients))
}

/// Opens the conversation with these people, whom [`place`] found.
pub(super) async fn open(api: &Api, recipients: &[Recipient]) -> Result<Channel, ToolError> {
    let ids: Vec<&str> = recipients.iter().map(|one| one.id.as_str()).collect();
    let (kind, scope) = match ids.len() {
        1 => (Kind::DirectMessage, "im"),
        _ => (Kind::GroupMessage, "mpim"),
    };
    let fields = [("users", ids.join(","))];
    let opened: OneConversation = call(api, Effect::Write, "conversations.open", &fields)
        .await
        .map_err(|failure| failure.least(&[scope]))?;
    api.admit(&opened.channel.id);
    let names: Vec<String> = recipients
        .iter()
        .map(|one| one.name.clone().unwrap_or_else(|| one.id.clone()))
        .collect();
    Ok(Channel {
        id: opened.channel.id,
        name: Some(names.join(", ")),
        kind: Some(kind),
    })
}
