//! Slack's methods that post, change and react to messages, and name them by links.

use serde_json::json;

use crate::demo::sandbox::server::Call;
use crate::demo::sandbox::slack::{Acting, Answer, No, argument};
use crate::demo::sandbox::workspace::{Conversation, Ts, Workspace};

/// Answers `method`.
pub(super) fn answer(
    method: &str,
    workspace: &mut Workspace,
    call: &Call,
    acting: &Acting<'_>,
) -> Answer {
    match method {
        "chat.postMessage" => post(workspace, call, acting),
        "chat.update" => update(workspace, call, acting),
        "chat.delete" => delete(workspace, call, acting),
        "chat.getPermalink" => permalink(workspace, call, acting),
        "reactions.add" => react(workspace, call, acting, true),
        "reactions.remove" => react(workspace, call, acting, false),
        _ => Err(No::Code("unknown_method")),
    }
}

/// The text that a post or an edit brings.
fn text(call: &Call) -> Result<String, No> {
    let text = argument(call, "text").filter(|text| !text.is_empty());
    let markdown = argument(call, "markdown_text").filter(|text| !text.is_empty());
    let text = match (text, markdown) {
        (Some(_), Some(_)) => return Err(No::Code("markdown_text_conflict")),
        (Some(text), None) | (None, Some(text)) => text,
        (None, None) => return Err(No::Code("no_text")),
    };
    if text.chars().count() > 12_000 {
        return Err(No::Code("msg_too_long"));
    }
    Ok(text)
}

/// The conversation named by `channel`, whatever its kind.
fn conversation<'a>(
    workspace: &'a mut Workspace,
    call: &Call,
    acting: &Acting<'_>,
) -> Result<&'a mut Conversation, No> {
    let id = argument(call, "channel").unwrap_or_default();
    workspace
        .visible(&id, acting.user)
        .ok_or(No::Code("channel_not_found"))
}

/// Where the message named by `name` is among those of its conversation.
fn position(conversation: &Conversation, call: &Call, name: &str) -> Result<usize, No> {
    let asked = argument(call, name).and_then(|ts| Ts::parse(&ts));
    let mut messages = conversation.messages.iter();
    messages
        .position(|message| Some(message.ts) == asked)
        .ok_or(No::Code("message_not_found"))
}

fn post(workspace: &mut Workspace, call: &Call, acting: &Acting<'_>) -> Answer {
    acting.need(&["chat:write".to_owned()])?;
    let text = text(call)?;
    let conversation = conversation(workspace, call, acting)?;
    if conversation.archived {
        return Err(No::Code("is_archived"));
    }
    if !conversation.has(acting.user) {
        return Err(No::Code("not_in_channel"));
    }
    let thread = match argument(call, "thread_ts") {
        None => None,
        Some(ts) => {
            let ts = Ts::parse(&ts).ok_or(No::Code("invalid_arguments"))?;
            let known = conversation
                .messages
                .iter()
                .find(|message| message.ts == ts);
            let parent = known.ok_or(No::Code("thread_not_found"))?;
            Some(parent.thread.unwrap_or(ts))
        }
    };
    let ts = conversation.post(acting.user, &text, thread, acting.now).ts;
    let message = conversation
        .messages
        .iter()
        .find(|message| message.ts == ts);
    let message = message.map(|message| conversation.show_message(message));
    Ok(json!({"channel": conversation.id, "ts": ts.to_string(), "message": message}))
}

fn update(workspace: &mut Workspace, call: &Call, acting: &Acting<'_>) -> Answer {
    acting.need(&["chat:write".to_owned()])?;
    let text = text(call)?;
    let conversation = conversation(workspace, call, acting)?;
    let at = position(conversation, call, "ts")?;
    if conversation.archived {
        return Err(No::Code("is_inactive"));
    }
    let message = &mut conversation.messages[at];
    if message.user != acting.user {
        return Err(No::Code("cant_update_message"));
    }
    message.text.clone_from(&text);
    message.edited = true;
    let ts = message.ts.to_string();
    Ok(json!({"channel": conversation.id, "ts": ts, "text": text}))
}

fn delete(workspace: &mut Workspace, call: &Call, acting: &Acting<'_>) -> Answer {
    acting.need(&["chat:write".to_owned()])?;
    let conversation = conversation(workspace, call, acting)?;
    let at = position(conversation, call, "ts")?;
    if conversation.messages[at].user != acting.user {
        return Err(No::Code("cant_delete_message"));
    }
    let ts = conversation.messages.remove(at).ts.to_string();
    Ok(json!({"channel": conversation.id, "ts": ts}))
}

fn react(workspace: &mut Workspace, call: &Call, acting: &Acting<'_>, add: bool) -> Answer {
    acting.need(&["reactions:write".to_owned()])?;
    let name = argument(call, "name").unwrap_or_default();
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '+' | ':');
    if name.is_empty() || !name.chars().all(fits) {
        return Err(No::Code("invalid_name"));
    }
    let conversation = conversation(workspace, call, acting)?;
    let at = position(conversation, call, "timestamp")?;
    if conversation.archived {
        return Err(No::Code("is_archived"));
    }
    let reactions = &mut conversation.messages[at].reactions;
    let known = reactions.iter_mut().find(|(emoji, _)| *emoji == name);
    let mine = |people: &Vec<String>| people.iter().position(|id| id == acting.user);
    match (known, add) {
        (Some((_, people)), true) if mine(people).is_some() => {
            return Err(No::Code("already_reacted"));
        }
        (Some((_, people)), true) => people.push(acting.user.to_owned()),
        (None, true) => reactions.push((name, vec![acting.user.to_owned()])),
        (Some((_, people)), false) => match mine(people) {
            Some(at) => drop(people.remove(at)),
            None => return Err(No::Code("no_reaction")),
        },
        (None, false) => return Err(No::Code("no_reaction")),
    }
    reactions.retain(|(_, people)| !people.is_empty());
    Ok(json!({}))
}

fn permalink(workspace: &mut Workspace, call: &Call, acting: &Acting<'_>) -> Answer {
    let conversation = conversation(workspace, call, acting)?;
    let at = position(conversation, call, "message_ts")?;
    let link = conversation.link(&conversation.messages[at]);
    Ok(json!({"channel": conversation.id, "permalink": link}))
}
