//! The tools against answers of Gmail that have gone wrong.

use serde_json::{Value, json};

use super::fake::{google_error, mailbox, message, path};
use crate::fake::{Seen, garble};
use crate::fuzz;

pub(super) fn gmail(request: &Seen) -> (u16, Value) {
    match path(request) {
        "/drafts" if request.method == "GET" => (
            200,
            json!({ "drafts": [{ "id": "r9" }], "nextPageToken": "p2", "resultSizeEstimate": 9 }),
        ),
        "/drafts/r9" => (
            200,
            json!({ "id": "r9", "message": message("m9", &["DRAFT"], &[("To", "b@x.example")]) }),
        ),
        "/labels" if request.method == "POST" => google_error(409, "aborted", "Label name exists"),
        "/messages/m1/modify" | "/messages/m1/untrash" | "/drafts/send" => (
            200,
            json!({ "id": "m1", "threadId": "t1", "labelIds": ["SPAM"] }),
        ),
        "/threads/t1/trash" => (200, json!({ "id": "t1", "messages": [] })),
        "/drafts" => (
            200,
            json!({ "id": "r9", "message": { "id": "m9", "threadId": "t9" } }),
        ),
        "/messages/send" => (
            200,
            json!({ "id": "m9", "threadId": "t9", "labelIds": ["SENT"] }),
        ),
        "/profile" | "/settings/sendAs" => (
            200,
            json!({
                "emailAddress": "ada@x.example",
                "sendAs": [{ "sendAsEmail": "ada@x.example", "isDefault": true }],
            }),
        ),
        "/threads/t1" if request.query("format") == "full" => (
            200,
            json!({ "id": "t1", "messages": [letter("m1"), letter("m2")] }),
        ),
        id @ ("/messages/m1" | "/messages/m2") if request.query("format") == "full" => {
            (200, letter(&id[10..]))
        }
        "/messages/m1/attachments/kept" | "/messages/m2/attachments/kept" => {
            (200, json!({ "size": 2, "data": "aGk" }))
        }
        "/labels/Label_7" | "/labels/INBOX" => (
            200,
            json!({ "id": "Label_7", "name": "Work/Lunch", "threadsTotal": 3, "threadsUnread": 1 }),
        ),
        _ => mailbox(request),
    }
}

fn letter(id: &str) -> Value {
    let mut letter = message(id, &["INBOX", "Label_7"], &[]);
    let from = json!({ "name": "From", "value": "Bob <bob@x.example>" });
    letter["payload"] = json!({ "mimeType": "multipart/mixed", "headers": [from], "parts": [
        { "partId": "0", "mimeType": "multipart/alternative", "parts": [
            { "partId": "0.0", "mimeType": "text/plain", "body": { "size": 2, "data": "aGk=" } },
            { "partId": "0.1", "mimeType": "text/html", "body": { "size": 9, "data": "PHA-aGk8L3A-" } },
        ]},
        { "partId": "1", "mimeType": "text/plain", "body": { "size": 2, "attachmentId": "kept" } },
        { "partId": "2", "mimeType": "text/csv", "filename": "a.csv",
          "body": { "size": 3, "attachmentId": "kept" } },
    ]});
    letter
}

fn refusing(_: &Seen) -> (u16, Value) {
    google_error(400, "invalidArgument", "Invalid query")
}

#[tokio::test(start_paused = true)]
async fn no_answer_of_gmail_makes_a_tool_panic_or_quote_much() {
    let cases = fuzz::CASES / 5;
    let base = "https://gmail.example/";
    let search = json!({ "query": "lunch", "group_by": "thread" });
    let understood = garble("gmail_search", base, &search, cases / 4, gmail).await;
    assert!(understood > cases / 50);
    let send = json!({ "to": "bob@x.example", "subject": "Hi", "body": "Text" });
    let understood = garble("gmail_send_email", base, &send, cases / 4, gmail).await;
    assert!(understood > cases / 50);
    let understood = garble("gmail_search", base, &search, cases / 4, refusing).await;
    assert!(understood < cases / 50);
    for (tool, arguments) in [
        ("gmail_read_message", json!({ "message_id": "m1" })),
        ("gmail_read_thread", json!({ "thread_id": "t1" })),
        (
            "gmail_reply",
            json!({ "thread_id": "t1", "body": "b", "reply_all": true, "quote_original": true }),
        ),
        (
            "gmail_create_draft",
            json!({ "forward_message_id": "m1", "body": "b" }),
        ),
        (
            "gmail_modify_messages",
            json!({ "message_ids": "m1", "add_labels": "Work/Lunch" }),
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
        ("gmail_list_labels", json!({ "include_counts": true })),
    ] {
        let understood = garble(tool, base, &arguments, cases / 40, gmail).await;
        assert!(understood > 0, "{tool}: {understood}");
    }
}
