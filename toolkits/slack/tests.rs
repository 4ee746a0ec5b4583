//! The toolkit against Slack on loopback; first its table.

mod fake;
mod finding;
mod fuzz;
mod paging;
mod read_refusals;
mod reading;
mod send_refusals;
mod sending;
mod threads;
mod whoami;

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
            ("slack_whoami", Annotations::READ, "users:read".to_owned()),
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
        let unknown = serde_json::json!({"channel": "C1", "to": "C1", "text": "x", "token": "x"});
        assert!(tool.check(unknown).is_err(), "{}", tool.name);
    }
}
