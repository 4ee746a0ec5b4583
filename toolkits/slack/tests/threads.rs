//! `slack_read_thread`: which thread is meant, its pages, what it shows, its refusals.

use serde_json::{Value, json};

use super::fake::{Call, Fake, LINK, TS, history, message, missing, refusal, texts, workspace};
use crate::error::ErrorCode;

const PARENT: &str = TS;
const REPLY_LINK: &str = "https://acme.slack.com/archives/C0000000001/p1777629550000100?thread_ts=1777629500.000100&cid=C0000000001";

fn thread() -> Vec<Value> {
    let mut thread = vec![
        message(100, "U0000000001", "Shall we?"),
        message(50, "U0000000002", "Yes <@U0000000001>"),
        message(20, "U0000000003", "No\nreally"),
    ];
    for one in &mut thread {
        one["thread_ts"] = PARENT.into();
    }
    thread[0]["reply_count"] = 2.into();
    thread
}

fn answer(call: &Call) -> Value {
    match call.method.as_str() {
        "conversations.replies" => history(&thread(), ""),
        _ => workspace(call),
    }
}

async fn read(fake: &Fake, arguments: Value) -> (String, Value) {
    let output = fake.run("slack_read_thread", arguments).await.unwrap();
    (output.text, Value::Object(output.structured.unwrap()))
}

#[tokio::test]
async fn a_thread_reads_parent_first_with_names() {
    let fake = Fake::start(answer).await;
    let (text, result) = read(&fake, json!({"thread_ts": PARENT, "channel": "#general"})).await;
    assert_eq!(
        text,
        "Thread 1777629500.000100 in #general (C0000000001), oldest first. 3 shown. No more pages.\n\
         \n\
         [2026-05-01T11:58:20+02:00] Ada: Shall we? (2 replies) {1777629500.000100}\n\
         [2026-05-01T11:59:10+02:00] Bob Barker: Yes @Ada {1777629550.000100}\n\
         [2026-05-01T11:59:40+02:00] Grace 👩‍💻: No\n  | really {1777629580.000100}\n\
         \n\
         People: U0000000001 = \"Ada\", U0000000002 = \"Bob Barker\", U0000000003 = \"Grace 👩\u{200d}💻\"\n\
         \n\
         Account: ada @ Acme"
    );
    assert_eq!(result["thread_ts"], PARENT);
    assert_eq!(result["messages"][1].get("thread_ts"), None);
    assert_eq!(
        fake.call("conversations.replies").fields(),
        ["channel=C0000000001", "limit=100", "ts=1777629500.000100"]
    );
}

#[tokio::test]
async fn every_way_to_name_a_thread_leads_to_its_parent() {
    for arguments in [
        json!({"thread_ts": LINK}),
        json!({"thread_ts": REPLY_LINK}),
        json!({"thread_ts": LINK, "channel": "#general"}),
        json!({"thread_ts": LINK, "channel": "C0000000001"}),
        json!({"thread_ts": PARENT, "channel": LINK}),
    ] {
        let fake = Fake::start(answer).await;
        let (text, _) = read(&fake, arguments.clone()).await;
        assert!(
            text.starts_with(&format!("Thread {PARENT} in #general")),
            "{arguments}"
        );
        assert_eq!(fake.call("conversations.replies").field("ts"), PARENT);
    }
    let fake = Fake::start(answer).await;
    let (text, _) = read(&fake, json!({"thread_ts": PARENT, "channel": "@bob.b"})).await;
    assert!(
        text.contains("in direct message with Bob Barker (D0000000001)"),
        "{text}"
    );
}

#[tokio::test]
async fn the_ts_of_a_reply_leads_to_its_thread() {
    for alone in [true, false] {
        let fake = Fake::start(move |call: &Call| match call.field("ts") {
            "1777629550.000100" if alone => history(&thread()[1..2], ""),
            _ => answer(call),
        })
        .await;
        let arguments = json!({"thread_ts": "1777629550.000100", "channel": "C0000000001"});
        let (_, result) = read(&fake, arguments).await;
        assert_eq!(result["thread_ts"], PARENT);
        assert_eq!(texts(&result).len(), 3);
    }
}

#[tokio::test]
async fn pages_go_on_with_a_cursor_and_show_the_parent_once() {
    let fake = Fake::start(|call: &Call| {
        let thread = thread();
        match (call.method.as_str(), call.field("cursor")) {
            ("conversations.replies", "") => history(&thread[..2], "on"),
            // Slack repeats the parent on each page.
            ("conversations.replies", "on") => history(&[thread[0].clone(), thread[2].clone()], ""),
            _ => workspace(call),
        }
    })
    .await;
    let arguments = json!({"thread_ts": PARENT, "channel": "#general", "limit": 2});
    let (_, first) = read(&fake, arguments).await;
    assert_eq!(texts(&first), ["Shall we?", "Yes @Ada"]);
    let cursor = first["page"]["next_cursor"].clone();
    let (text, second) = read(
        &fake,
        json!({"thread_ts": PARENT, "limit": 2, "cursor": cursor}),
    )
    .await;
    assert_eq!(texts(&second), ["No\nreally"]);
    assert!(text.contains("in #general"), "the cursor knows the channel");
    assert_eq!(fake.calls_of("users.conversations").len(), 1);

    let other = json!({"thread_ts": "1777629501.000100", "cursor": cursor});
    let error = fake.run("slack_read_thread", other).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidArguments);
}

#[tokio::test]
async fn a_page_asks_a_few_times_at_most_and_keeps_what_came_before_a_failure() {
    let fake = Fake::start(|call: &Call| match (call.method.as_str(), call.nth) {
        ("conversations.replies", 0) => history(&thread()[..1], "on"),
        ("conversations.replies", 1) => history(&[], "on"),
        ("conversations.replies", _) => refusal("ratelimited"),
        _ => workspace(call),
    })
    .await;
    let (text, result) = read(&fake, json!({"thread_ts": LINK})).await;
    assert_eq!(texts(&result).len(), 1);
    assert!(
        text.contains("Warning: Fewer messages than asked"),
        "{text}"
    );
    assert!(result["page"]["next_cursor"].is_string());

    let fake = Fake::start(|call: &Call| match call.method.as_str() {
        "conversations.replies" => history(&[], "on"),
        _ => workspace(call),
    })
    .await;
    read(&fake, json!({"thread_ts": LINK})).await;
    assert_eq!(fake.calls_of("conversations.replies").len(), 5);
}

#[tokio::test]
async fn arguments_that_name_no_thread_reach_nobody() {
    for arguments in [
        json!({"thread_ts": PARENT}),
        json!({"thread_ts": "1777629500", "channel": "#general"}),
        json!({"thread_ts": LINK, "channel": "C0000000002"}),
        json!({"thread_ts": "https://evil.example/archives/C0000000001/p1777629500000100"}),
        json!({"thread_ts": PARENT, "channel": "not a channel"}),
        json!({"thread_ts": LINK, "cursor": "garbage"}),
    ] {
        let fake = Fake::start(answer).await;
        let error = fake
            .run("slack_read_thread", arguments.clone())
            .await
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArguments, "{arguments}");
        assert!(fake.calls().is_empty(), "{arguments}");
    }
    let fake = Fake::start(answer).await;
    let other = json!({"thread_ts": LINK, "channel": "#board"});
    let error = fake.run("slack_read_thread", other).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidArguments);
    assert!(fake.calls_of("conversations.replies").is_empty());
}

#[tokio::test]
async fn each_refusal_has_its_kind_and_a_missing_scope_is_the_conversations() {
    for (code, expected) in [
        ("channel_not_found", ErrorCode::NotFound),
        ("thread_not_found", ErrorCode::NotFound),
        ("invalid_cursor", ErrorCode::InvalidArguments),
        ("method_not_supported_for_channel_type", ErrorCode::Rejected),
        ("ratelimited", ErrorCode::RateLimited),
        ("internal_error", ErrorCode::Unreachable),
    ] {
        let fake = Fake::start(move |call: &Call| match call.method.as_str() {
            "conversations.replies" => refusal(code),
            _ => workspace(call),
        })
        .await;
        let error = fake
            .run("slack_read_thread", json!({"thread_ts": LINK}))
            .await
            .unwrap_err();
        assert_eq!(error.code, expected, "{code}");
    }
    let fake = Fake::start(|call: &Call| match call.method.as_str() {
        "conversations.replies" => missing(
            "channels:history,groups:history,mpim:history,im:history",
            "",
        ),
        _ => workspace(call),
    })
    .await;
    let direct = json!({"thread_ts": PARENT, "channel": "D0000000001"});
    let error = fake.run("slack_read_thread", direct).await.unwrap_err();
    assert_eq!(error.missing_scopes, ["im:history"]);
}

#[tokio::test]
async fn a_page_of_long_messages_ends_where_its_room_does_and_the_next_goes_on_there() {
    const MESSAGES: usize = 120;
    let fake = Fake::start(|call| match call.method.as_str() {
        "conversations.replies" => {
            let oldest = call.field("oldest");
            let size: usize = call.field("limit").parse().unwrap();
            let text = |number| format!("message-{number}-{}", "x".repeat(300));
            let one = |number| {
                json!({"type": "message", "user": "U0000000002", "text": text(number),
                    "ts": format!("{}.000100", 1_795_000_000 + number), "thread_ts": "1795000000.000100"})
            };
            let later = |one: &Value| one["ts"].as_str().unwrap() > oldest;
            let mut messages: Vec<Value> = (1..MESSAGES).map(one).filter(later).take(size - 1).collect();
            messages.insert(0, one(0));
            json!({"ok": true, "messages": messages})
        }
        _ => workspace(call),
    })
    .await;
    let mut arguments =
        json!({"thread_ts": "1795000000.000100", "channel": "C0000000001", "limit": 200});
    let mut seen = Vec::new();
    loop {
        let (text, result) = read(&fake, arguments.clone()).await;
        assert!(text.chars().count() < 20_500);
        for message in result["messages"].as_array().unwrap() {
            let text = message["text"].as_str().unwrap();
            seen.push(text.split('-').nth(1).unwrap().parse::<usize>().unwrap());
        }
        match result["page"]["next_cursor"].as_str() {
            Some(next) => arguments["cursor"] = next.into(),
            None => break,
        }
        assert!(seen.len() < 1_000, "it does not end");
    }
    assert_eq!(seen, (0..MESSAGES).collect::<Vec<_>>());
    assert!(fake.calls_of("conversations.replies").len() > 1);
}
