//! What each tool declares is enough for its most common call, and is the least.

use serde_json::json;

use super::fake::LINK;
use super::fuzz::slack;
use crate::fake;

#[tokio::test]
async fn each_tools_most_common_call_is_allowed_by_the_least_scopes() {
    let calls = [
        ("slack_whoami", json!({})),
        ("slack_search", json!({ "query": "hello" })),
        ("slack_find_channels", json!({ "query": "general" })),
        ("slack_find_users", json!({ "query": "ada" })),
        (
            "slack_read_channel",
            json!({ "channel": "#general", "since": "2026-04-30" }),
        ),
        (
            "slack_read_thread",
            json!({ "channel": "#general", "thread_ts": "1777629500.000100" }),
        ),
        ("slack_get_message", json!({ "ts": LINK })),
        ("slack_read_file", json!({ "file_id": "F0000000001" })),
        (
            "slack_send_message",
            json!({ "to": "#general", "text": "Hello" }),
        ),
        ("slack_react", json!({ "ts": LINK, "emoji": "tada" })),
        (
            "slack_update_message",
            json!({ "ts": LINK, "text": "Hello" }),
        ),
        ("slack_delete_message", json!({ "ts": LINK })),
        (
            "slack_upload_file",
            json!({ "to": "#general", "filename": "a.txt", "content": "x" }),
        ),
    ];
    fake::check_scopes("slack", "https://slack.example/api/", &calls, slack).await;
}
