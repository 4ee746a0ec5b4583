//! The Slack toolkit: tools that act as the person whose user token the connection holds.
//!
//! In reading order: this table, then one file a tool; `target` (how a conversation or a message is
//! named), `allowed` (which of them may be touched), `locate`, `channels` and `people` (names to ids and back), `similar`; `history`, `thread`,
//! `found`, `search_context` and `search_messages` (what is read), `messages`, `mrkdwn` and `blocks`
//! (messages as text), `destination`, `outgoing` and `mentions` (where a message goes, and text as
//! one); `call`, `errors`, `wire` and `ts` (the way to Slack's methods).

pub(crate) mod allowed;
mod blocks;
mod call;
mod channels;
mod delete_message;
mod destination;
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
mod read_file;
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
mod upload_file;
mod whoami;
mod wire;

use crate::tool::{Annotations, Declaration, Scopes, Tool};

/// What reading a public channel by its name with the names of its people needs.
const READING: Scopes = &[&["channels:history"], &["channels:read"], &["users:read"]];

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
/// once. `#general` is how channels are named, hence `channels:read` to read and to send; a message to
/// change or react to is mostly named by what was read before. The names of the authors make a
/// conversation readable, hence `users:read` for reading; who acts can be told without a scope, but
/// Slack grants no empty list. What only some calls need is asked for when such a call is made, as
/// Slack's `missing_scope` says: `groups:*` for private channels, `im:*` and `mpim:*` for direct
/// messages, and `users:read` to send to a person or mention one. Nobody grants access to their direct
/// messages to read `#general`.
pub(crate) fn tools() -> Vec<Tool> {
    [reading(), changing()].concat()
}

fn reading() -> Vec<Tool> {
    vec![
        Tool::new(
            declare(
                "slack_whoami",
                "Who acts in Slack",
                &[&["users:read"]],
                Annotations::READ,
            ),
            whoami::run,
        ),
        Tool::new(
            declare(
                "slack_search",
                "Search Slack",
                &[&["search:read.public", "search:read"]],
                Annotations::READ,
            ),
            search::run,
        ),
        Tool::new(
            declare(
                "slack_find_channels",
                "Find Slack channels",
                &[&["channels:read"]],
                Annotations::READ,
            ),
            find_channels::run,
        ),
        Tool::new(
            declare(
                "slack_find_users",
                "Find people in Slack",
                &[&["users:read"]],
                Annotations::READ,
            ),
            find_users::run,
        ),
        Tool::new(
            declare(
                "slack_read_channel",
                "Read a Slack channel",
                READING,
                Annotations::READ,
            ),
            read_channel::run,
        ),
        Tool::new(
            declare(
                "slack_read_thread",
                "Read a Slack thread",
                READING,
                Annotations::READ,
            ),
            read_thread::run,
        ),
        Tool::new(
            declare(
                "slack_get_message",
                "Get a Slack message",
                READING,
                Annotations::READ,
            ),
            get_message::run,
        ),
        Tool::raw_text(
            declare(
                "slack_read_file",
                "Read a file in Slack",
                &[&["files:read"]],
                Annotations::READ,
            ),
            read_file::run,
        ),
    ]
}

fn changing() -> Vec<Tool> {
    vec![
        Tool::new(
            declare(
                "slack_send_message",
                "Send a Slack message",
                &[&["chat:write"], &["channels:read"]],
                Annotations::SEND,
            ),
            send_message::run,
        ),
        Tool::new(
            declare(
                "slack_react",
                "React to a Slack message",
                &[&["reactions:write"]],
                SET,
            ),
            react::run,
        ),
        Tool::new(
            declare(
                "slack_update_message",
                "Edit a Slack message",
                &[&["chat:write"]],
                OVERWRITE,
            ),
            update_message::run,
        ),
        Tool::new(
            declare(
                "slack_delete_message",
                "Delete a Slack message",
                &[&["chat:write"]],
                OVERWRITE,
            ),
            delete_message::run,
        ),
        Tool::new(
            declare(
                "slack_upload_file",
                "Share a file in Slack",
                &[&["files:write"], &["channels:read"]],
                Annotations::SEND,
            ),
            upload_file::run,
        ),
    ]
}

fn declare(
    name: &'static str,
    title: &'static str,
    scopes: Scopes,
    annotations: Annotations,
) -> Declaration {
    Declaration {
        name,
        toolkit: "slack",
        provider: "slack",
        title,
        scopes,
        annotations,
    }
}

#[cfg(test)]
mod tests;
