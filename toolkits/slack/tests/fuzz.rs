//! The tools against answers of Slack that have gone wrong.

use serde_json::{Value, json};

use super::fake::{Call, history, message, missing, workspace};
use crate::fake::{Seen, garble};
use crate::fuzz;

fn slack(seen: &Seen) -> (u16, Value) {
    let call = Call::of(seen, 0);
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
        _ => workspace(&call),
    };
    (200, answer)
}

fn refusing(_: &Seen) -> (u16, Value) {
    (200, missing("channels:read,groups:read", "users:read"))
}

#[tokio::test(start_paused = true)]
async fn no_answer_of_slack_makes_a_tool_panic_or_quote_much() {
    let cases = fuzz::CASES / 5;
    let base = "https://slack.example/api/";
    let read = json!({ "channel": "#general" });
    let understood = garble("slack_read_channel", base, &read, cases / 3, slack).await;
    assert!(understood > cases / 50);
    let send = json!({ "to": "#general", "text": "Hello @ada" });
    let understood = garble("slack_send_message", base, &send, cases / 3, slack).await;
    assert!(understood > cases / 50);
    let understood = garble("slack_read_channel", base, &read, cases / 3, refusing).await;
    assert_eq!(understood, 0);
}
