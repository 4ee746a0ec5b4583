//! The Slack toolkit: tools that act as the person whose user token the connection holds.
//!
//! In reading order: this table, then `read_channel` and `send_message`; `target` (how a
//! conversation is named), `channels` and `people` (names to ids and back), `messages`, `mrkdwn`
//! and `blocks` (messages as text), `mentions` (text as a message); `call`, `errors`, `wire` and `ts` (the way
//! to Slack's methods).

mod blocks;
mod call;
mod channels;
mod errors;
mod mentions;
mod messages;
mod mrkdwn;
mod people;
mod read_channel;
mod send_message;
mod target;
mod ts;
mod wire;

use crate::tool::{Annotations, Declaration, Tool};

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
    ]
}

#[cfg(test)]
mod fake;

#[cfg(test)]
mod tests {
    use super::tools;
    use crate::tool::Annotations;

    #[test]
    fn the_table_says_what_each_tool_may_do_and_the_least_it_needs() {
        let tools = tools();
        let said: Vec<_> = tools
            .iter()
            .map(|tool| (tool.name, tool.annotations, tool.scopes.concat().join(" ")))
            .collect();
        assert_eq!(
            said,
            [
                (
                    "slack_read_channel",
                    Annotations::READ,
                    "channels:history channels:read users:read".to_owned()
                ),
                (
                    "slack_send_message",
                    Annotations::SEND,
                    "chat:write channels:read".to_owned()
                ),
            ]
        );
    }

    #[test]
    fn every_argument_is_described_and_no_other_is_taken() {
        for tool in tools() {
            assert!(tool.description.len() > 60, "{}", tool.name);
            assert_eq!(tool.input_schema["additionalProperties"], false);
            for (name, schema) in tool.input_schema["properties"].as_object().unwrap() {
                assert!(schema["description"].is_string(), "{}: {name}", tool.name);
            }
            let unknown =
                serde_json::json!({"channel": "C1", "to": "C1", "text": "x", "token": "x"});
            assert!(tool.check(unknown).is_err(), "{}", tool.name);
        }
    }
}
