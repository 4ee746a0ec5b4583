//! The Slack toolkit: tools that act as the person whose user token the connection holds.
//!
//! In reading order: this table, then `read_channel` and `send_message`; `target` (how a
//! conversation is named), `channels` and `people` (names to ids and back), `history`, `messages`, `mrkdwn`
//! and `blocks` (messages as text), `mentions` (text as a message); `call`, `errors`, `wire` and `ts` (the way
//! to Slack's methods).

mod blocks;
mod call;
mod channels;
mod delete_message;
mod errors;
mod find_channels;
mod find_users;
mod found;
mod get_message;
mod history;
mod locate;
mod mentions;
mod messages;
mod mrkdwn;
mod outgoing;
mod people;
mod react;
mod read_channel;
mod read_thread;
mod search;
mod search_context;
mod search_messages;
mod send_message;
mod similar;
mod target;
mod thread;
mod ts;
mod update_message;
mod whoami;
mod wire;

use crate::tool::{Annotations, Declaration, Tool};

/// A write that can be taken back, and changes nothing more when repeated.
const SET: Annotations = Annotations {
    read_only: false,
    destructive: false,
    idempotent: true,
    open_world: true,
};

/// A write that loses what was there, and changes nothing more when repeated.
const OVERWRITE: Annotations = Annotations {
    destructive: true,
    ..SET
};

/// The tools, in the order of the list.
///
/// A tool declares the scopes that its most common call needs, so that this call asks the person
/// once. `#general` is how channels are named, hence `channels:read` for both; the names of the
/// authors make a conversation readable, hence `users:read` for reading. What only some calls
/// need is asked for when such a call is made, as Slack's `missing_scope` says: `groups:*` for
/// private channels, `im:*` and `mpim:*` for direct messages, and `users:read` to send to a person
/// or mention one. Nobody grants access to their direct messages to read `#general`.
pub(crate) fn tools() -> Vec<Tool> {
    vec![
        Tool::new::<whoami::Args, whoami::Whoami, _, _>(
            Declaration {
                name: "slack_whoami",
                toolkit: "slack",
                provider: "slack",
                title: "Who acts in Slack",
                scopes: &[&["users:read"]],
                annotations: Annotations::READ,
            },
            whoami::run,
        ),
        Tool::new::<search::Args, search::Search, _, _>(
            Declaration {
                name: "slack_search",
                toolkit: "slack",
                provider: "slack",
                title: "Search Slack",
                scopes: &[&["search:read.public", "search:read"]],
                annotations: Annotations::READ,
            },
            search::run,
        ),
        Tool::new::<find_channels::Args, find_channels::FindChannels, _, _>(
            Declaration {
                name: "slack_find_channels",
                toolkit: "slack",
                provider: "slack",
                title: "Find Slack channels",
                scopes: &[&["channels:read"]],
                annotations: Annotations::READ,
            },
            find_channels::run,
        ),
        Tool::new::<find_users::Args, find_users::FindUsers, _, _>(
            Declaration {
                name: "slack_find_users",
                toolkit: "slack",
                provider: "slack",
                title: "Find people in Slack",
                scopes: &[&["users:read"]],
                annotations: Annotations::READ,
            },
            find_users::run,
        ),
        Tool::new::<read_channel::Args, read_channel::ReadChannel, _, _>(
            Declaration {
                name: "slack_read_channel",
                toolkit: "slack",
                provider: "slack",
                title: "Read a Slack channel",
                scopes: &[&["channels:history"], &["channels:read"], &["users:read"]],
                annotations: Annotations::READ,
            },
            read_channel::run,
        ),
        Tool::new::<read_thread::Args, read_thread::ReadThread, _, _>(
            Declaration {
                name: "slack_read_thread",
                toolkit: "slack",
                provider: "slack",
                title: "Read a Slack thread",
                scopes: &[&["channels:history"], &["channels:read"], &["users:read"]],
                annotations: Annotations::READ,
            },
            read_thread::run,
        ),
        Tool::new::<send_message::Args, send_message::SendMessage, _, _>(
            Declaration {
                name: "slack_send_message",
                toolkit: "slack",
                provider: "slack",
                title: "Send a Slack message",
                scopes: &[&["chat:write"], &["channels:read"]],
                annotations: Annotations::SEND,
            },
            send_message::run,
        ),
        Tool::new::<react::Args, react::React, _, _>(
            Declaration {
                name: "slack_react",
                toolkit: "slack",
                provider: "slack",
                title: "React to a Slack message",
                scopes: &[&["reactions:write"]],
                annotations: SET,
            },
            react::run,
        ),
        Tool::new::<get_message::Args, get_message::GetMessage, _, _>(
            Declaration {
                name: "slack_get_message",
                toolkit: "slack",
                provider: "slack",
                title: "Get a Slack message",
                scopes: &[&["channels:history"], &["channels:read"], &["users:read"]],
                annotations: Annotations::READ,
            },
            get_message::run,
        ),
        Tool::new::<update_message::Args, update_message::UpdateMessage, _, _>(
            Declaration {
                name: "slack_update_message",
                toolkit: "slack",
                provider: "slack",
                title: "Edit a Slack message",
                scopes: &[&["chat:write"]],
                annotations: OVERWRITE,
            },
            update_message::run,
        ),
        Tool::new::<delete_message::Args, delete_message::DeleteMessage, _, _>(
            Declaration {
                name: "slack_delete_message",
                toolkit: "slack",
                provider: "slack",
                title: "Delete a Slack message",
                scopes: &[&["chat:write"]],
                annotations: OVERWRITE,
            },
            delete_message::run,
        ),
    ]
}

#[cfg(test)]
mod tests;
