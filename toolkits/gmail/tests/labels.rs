//! `gmail_list_labels`.

use serde_json::{Value, json};

use super::fake::{Gmail, path};
use crate::error::ErrorCode;
use crate::fake::Seen;

fn labels(request: &Seen) -> (u16, Value) {
    let answer = match path(request) {
        "/labels" => {
            let mut list = vec![
                json!({ "id": "Label_2", "name": "work/\u{200b}b", "type": "user" }),
                json!({ "id": "Label_1", "name": "Work/A", "type": "user" }),
                json!({ "id": "SENT", "name": "SENT", "type": "system" }),
                json!({ "id": "INBOX", "name": "INBOX", "type": "system" }),
            ];
            list.extend((0..120).map(|number| {
                json!({ "id": format!("Label_x{number}"), "name": format!("x {number:03}") })
            }));
            json!({ "labels": list })
        }
        "/labels/Label_1" => json!({ "id": "Label_1", "name": "Work/A",
                                     "threadsTotal": 12, "threadsUnread": 7 }),
        // Gmail leaves zeros out.
        _ => json!({ "id": "Label_2", "name": "work/b" }),
    };
    (200, answer)
}

#[tokio::test]
async fn labels_have_names_and_ids_gmails_own_first() {
    let fake = Gmail::start(labels).await;
    let output = fake.call("gmail_list_labels", json!({})).await.unwrap();
    let structured = output.structured.unwrap();
    let items = structured["items"].as_array().unwrap();
    assert_eq!(items.len(), 100);
    assert_eq!(
        items[..3],
        [
            json!({ "id": "INBOX", "name": "Inbox", "system": true }),
            json!({ "id": "SENT", "name": "Sent", "system": true }),
            json!({ "id": "Label_1", "name": "Work/A", "system": false }),
        ]
    );
    let cursor = structured["page"]["next_cursor"].clone();
    let rest = fake
        .call("gmail_list_labels", json!({ "cursor": cursor }))
        .await
        .unwrap();
    let structured = rest.structured.unwrap();
    assert_eq!(structured["page"]["returned"], 24);
    assert_eq!(structured["page"]["next_cursor"], Value::Null);
    assert_eq!(structured["page"]["total_estimate"], 124);
    let seen = fake.seen();
    assert!(seen.iter().all(|request| path(request) == "/labels"));
}

#[tokio::test]
async fn counts_are_read_for_the_labels_asked_for() {
    let fake = Gmail::start(labels).await;
    let arguments = json!({ "prefix": "WORK/", "include_counts": true, "own_only": true });
    let output = fake.call("gmail_list_labels", arguments).await.unwrap();
    let structured = output.structured.unwrap();
    assert_eq!(
        structured["items"],
        json!([
            { "id": "Label_1", "name": "Work/A", "system": false, "threads": 12, "unread_threads": 7 },
            { "id": "Label_2", "name": "work/b", "system": false, "threads": 0, "unread_threads": 0 },
        ])
    );
    let paths: Vec<_> = fake
        .seen()
        .iter()
        .map(|seen| path(seen).to_owned())
        .collect();
    assert_eq!(paths, ["/labels", "/labels/Label_1", "/labels/Label_2"]);
}

#[tokio::test]
async fn a_cursor_that_is_none_asks_nothing() {
    let fake = Gmail::start(labels).await;
    let error = fake
        .call("gmail_list_labels", json!({ "cursor": "x" }))
        .await;
    assert_eq!(error.unwrap_err().code, ErrorCode::InvalidArguments);
    assert!(fake.seen().is_empty());
}
