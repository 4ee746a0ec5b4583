//! The tools against answers of Gmail that have gone wrong.

use serde_json::{Value, json};

use super::fake::{google_error, mailbox, path};
use crate::fake::{Seen, garble};
use crate::fuzz;

fn gmail(request: &Seen) -> (u16, Value) {
    match path(request) {
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
        _ => mailbox(request),
    }
}

fn refusing(_: &Seen) -> (u16, Value) {
    google_error(400, "invalidArgument", "Invalid query")
}

#[tokio::test(start_paused = true)]
async fn no_answer_of_gmail_makes_a_tool_panic_or_quote_much() {
    let cases = fuzz::CASES / 5;
    let base = "https://gmail.example/";
    let search = json!({ "query": "lunch", "group_by": "thread" });
    let understood = garble("gmail_search", base, &search, cases / 3, gmail).await;
    assert!(understood > cases / 50);
    let send = json!({ "to": "bob@x.example", "subject": "Hi", "body": "Text" });
    let understood = garble("gmail_send_email", base, &send, cases / 3, gmail).await;
    assert!(understood > cases / 50);
    let understood = garble("gmail_search", base, &search, cases / 3, refusing).await;
    assert!(understood < cases / 50);
}
