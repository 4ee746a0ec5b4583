//! The tools against answers of Slack that have gone wrong.

use serde_json::{Value, json};

use super::fake::{Call, LINK, history, message, missing, workspace};
use crate::fake::{Seen, garble};
use crate::fuzz;

pub(super) fn slack(seen: &Seen) -> (u16, Value) {
    if !seen.path.starts_with("/api/") {
        return (200, json!("a,b\n1,2"));
    }
    let call = Call::of(seen, 0);
    let hit = json!({"author_name": "Ada", "author_user_id": "U0000000001", "channel_id": "C0000000001",
        "channel_name": "general", "message_ts": "1777629540.000100", "content": "Hello <@U0000000002>",
        "permalink": LINK});
    let file =
        json!({"file_id": "F0000000001", "title": "Plan", "content": "text", "date_created": 1});
    let answer = match call.method.as_str() {
        "conversations.history" => history(
            &[
                message(
                    60,
                    "U0000000001",
                    "Hello <@U0000000002>, see <https://x.example|this>",
                ),
                message(120, "U0000000002", "*Yes* &amp; no"),
            ],
            "",
        ),
        "conversations.replies" => {
            let mut parent = message(100, "U0000000001", "Shall we?");
            parent["thread_ts"] = parent["ts"].clone();
            history(&[parent, message(20, "U0000000002", "Yes")], "on")
        }
        "assistant.search.context" => {
            json!({"ok": true, "results": {"messages": [hit], "files": [file]},
                "response_metadata": {"next_cursor": "on"}})
        }
        "files.info" => json!({"ok": true, "file": {"id": "F0000000001", "name": "plan.csv",
            "mimetype": "text/csv", "size": 12, "user": "U0000000001", "created": 1_777_629_600,
            "url_private": "https://slack.example/files/plan.csv"}}),
        "files.getUploadURLExternal" => json!({"ok": true, "file_id": "F0000000002",
            "upload_url": "https://files.slack.example/upload/1"}),
        "files.completeUploadExternal" => {
            json!({"ok": true, "files": [{"id": "F0000000002", "permalink": LINK}]})
        }
        _ => workspace(&call),
    };
    (200, answer)
}

fn refusing(_: &Seen) -> (u16, Value) {
    (200, missing("channels:read,groups:read", "users:read"))
}

#[tokio::test(start_paused = true)]
async fn no_answer_of_slack_makes_a_tool_panic_or_quote_much() {
    let base = "https://slack.example/api/";
    let calls = [
        ("slack_read_channel", json!({ "channel": "#general" })),
        (
            "slack_send_message",
            json!({ "to": "#general", "text": "Hello @ada" }),
        ),
        ("slack_whoami", json!({})),
        (
            "slack_search",
            json!({ "query": "hello", "content": "all", "in": "C0000000001" }),
        ),
        ("slack_find_channels", json!({ "types": ["public", "dm"] })),
        ("slack_find_users", json!({ "query": "ada" })),
        ("slack_find_users", json!({ "user_ids": "U0000000001" })),
        ("slack_read_thread", json!({ "thread_ts": LINK })),
        ("slack_react", json!({ "ts": LINK, "emoji": "tada" })),
        ("slack_get_message", json!({ "ts": LINK, "context": 3 })),
        (
            "slack_update_message",
            json!({ "ts": LINK, "text": "Hello @ada" }),
        ),
        ("slack_delete_message", json!({ "ts": LINK })),
        ("slack_read_file", json!({ "file_id": "F0000000001" })),
        (
            "slack_upload_file",
            json!({ "to": "#general", "filename": "a.txt", "content": "x" }),
        ),
    ];
    let cases = fuzz::CASES / 5 / (calls.len() + 1);
    for (tool, arguments) in &calls {
        let understood = garble(tool, base, arguments, cases, slack).await;
        assert!(understood > cases / 50, "{tool}: {understood} of {cases}");
    }
    let (tool, arguments) = &calls[0];
    assert_eq!(garble(tool, base, arguments, cases, refusing).await, 0);
}
