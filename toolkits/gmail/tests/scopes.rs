//! What each tool declares is enough for its most common call, and is the least.

use serde_json::json;

use super::fuzz::gmail;
use crate::fake;

#[tokio::test]
async fn each_tools_most_common_call_is_allowed_by_the_least_scopes() {
    let calls = [
        ("gmail_search", json!({ "query": "lunch" })),
        ("gmail_read_message", json!({ "message_id": "m1" })),
        ("gmail_read_thread", json!({ "thread_id": "t1" })),
        (
            "gmail_send_email",
            json!({ "to": "bob@x.example", "subject": "Hi", "body": "Text" }),
        ),
        ("gmail_reply", json!({ "thread_id": "t1", "body": "Yes" })),
        (
            "gmail_create_draft",
            json!({ "to": "bob@x.example", "subject": "Hi", "body": "Text" }),
        ),
        ("gmail_list_labels", json!({})),
        (
            "gmail_modify_messages",
            json!({ "message_ids": "m1", "action": "archive" }),
        ),
        ("gmail_trash", json!({ "thread_ids": "t1" })),
        ("gmail_restore", json!({ "message_ids": "m1" })),
        (
            "gmail_get_attachment",
            json!({ "message_id": "m1", "part_id": "2" }),
        ),
        ("gmail_list_drafts", json!({})),
        ("gmail_send_draft", json!({ "draft_id": "r9" })),
        ("gmail_create_label", json!({ "name": "Work/Lunch" })),
    ];
    fake::check_scopes("gmail", "https://gmail.example/", &calls, gmail).await;
}
