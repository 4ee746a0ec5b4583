//! The toolkit against Slack on loopback; first its table.

mod changing;
mod fake;
mod files;
mod find_channels;
mod find_users;
mod finding;
mod fuzz;
mod one_message;
mod paging;
mod reacting;
mod read_refusals;
mod reading;
mod scopes;
mod searching;
mod send_refusals;
mod sending;
mod threads;
mod whoami;

use super::{OVERWRITE, SET, tools};
use crate::tool::Annotations;

#[test]
fn the_table_says_what_each_tool_may_do_and_the_least_it_needs() {
    let tools = tools();
    let said: Vec<_> = tools
        .iter()
        .map(|tool| {
            (
                &*tool.name,
                tool.annotations,
                tool.scopes.concat().join(" "),
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            ("slack_whoami", Annotations::READ, "users:read".to_owned()),
            (
                "slack_search",
                Annotations::READ,
                "search:read.public search:read".to_owned()
            ),
            (
                "slack_find_channels",
                Annotations::READ,
                "channels:read".to_owned()
            ),
            (
                "slack_find_users",
                Annotations::READ,
                "users:read".to_owned()
            ),
            (
                "slack_read_channel",
                Annotations::READ,
                "channels:history channels:read users:read".to_owned()
            ),
            (
                "slack_read_thread",
                Annotations::READ,
                "channels:history channels:read users:read".to_owned()
            ),
            (
                "slack_get_message",
                Annotations::READ,
                "channels:history channels:read users:read".to_owned()
            ),
            (
                "slack_read_file",
                Annotations::READ,
                "files:read".to_owned()
            ),
            (
                "slack_send_message",
                Annotations::SEND,
                "chat:write channels:read".to_owned()
            ),
            ("slack_react", SET, "reactions:write".to_owned()),
            ("slack_update_message", OVERWRITE, "chat:write".to_owned()),
            ("slack_delete_message", OVERWRITE, "chat:write".to_owned()),
            (
                "slack_upload_file",
                Annotations::SEND,
                "files:write channels:read".to_owned()
            ),
        ]
    );
}

#[test]
fn the_hints_of_changes_tell_loss_from_what_can_be_taken_back() {
    for (hints, destructive) in [(SET, false), (OVERWRITE, true)] {
        assert!(!hints.read_only && hints.idempotent && hints.open_world);
        assert_eq!(hints.destructive, destructive);
    }
}

#[test]
fn every_argument_is_described_and_no_other_is_taken() {
    for tool in tools() {
        assert!(tool.description.len() > 60, "{}", tool.name);
        assert_eq!(tool.input_schema["additionalProperties"], false);
        for (name, schema) in tool.input_schema["properties"].as_object().unwrap() {
            assert!(schema["description"].is_string(), "{}: {name}", tool.name);
        }
        let unknown = serde_json::json!({"channel": "C1", "to": "C1", "text": "x", "token": "x"});
        assert!(tool.check(unknown).is_err(), "{}", tool.name);
    }
}
