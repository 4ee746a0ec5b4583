//! What `slack_get_message` shows, and its refusals.

use serde_json::{Value, json};

use super::fake::{Call, Fake, LINK, TS, history, message, missing, refusal, workspace};
use crate::error::ErrorCode;

const REPLY_LINK: &str = "https://acme.slack.com/archives/C0000000001/p1777629550000100?thread_ts=1777629500.000100&cid=C0000000001";

fn thread() -> Vec<Value> {
    let mut thread = vec![
        message(100, "U0000000001", "Shall we?"),
        message(70, "U0000000003", "Perhaps"),
        message(50, "U0000000002", "Yes <@U0000000001>"),
    ];
    for one in &mut thread {
        one["thread_ts"] = TS.into();
    }
    thread[0]["reply_count"] = 2.into();
    thread[2]["files"] =
        json!([{"id": "F0000000001", "name": "a.txt", "mimetype": "text/plain", "size": 12}]);
    thread
}

/// Slack's answer to a window of a thread: the parent always.
fn replies(call: &Call) -> Value {
    let within = |one: &Value| {
        let ts = one["ts"].as_str().unwrap();
        let (oldest, latest) = (call.field("oldest"), call.field("latest"));
        ts == TS || ((oldest.is_empty() || ts >= oldest) && (latest.is_empty() || ts <= latest))
    };
    history(&thread().into_iter().filter(within).collect::<Vec<_>>(), "")
}

fn answer(call: &Call) -> Value {
    match call.method.as_str() {
        "conversations.replies" => replies(call),
        "conversations.history" => {
            let mut join = message(130, "U0000000003", "joined");
            join["subtype"] = "channel_join".into();
            history(
                &[
                    message(120, "U0000000002", "So,"),
                    join,
                    message(140, "U0000000002", "Hm"),
                ],
                "",
            )
        }
        _ => workspace(call),
    }
}

async fn get(fake: &Fake, arguments: Value) -> (String, Value) {
    let output = fake.run("slack_get_message", arguments).await.unwrap();
    (output.text, Value::Object(output.structured.unwrap()))
}

#[tokio::test]
async fn a_message_is_shown_with_its_link_and_all_that_is_known() {
    let fake = Fake::start(answer).await;
    let (text, result) = get(&fake, json!({"ts": REPLY_LINK})).await;
    assert_eq!(
        text,
        "In #general (C0000000001).\n\
         Link: https://acme.slack.com/archives/C0000000001/p1777629600000200\n\
         \n\
         [2026-05-01T11:59:10+02:00] Bob Barker: Yes @Ada [file: a.txt, F0000000001, text/plain, 12 bytes] (in thread 1777629500.000100) {1777629550.000100}\n\
         \n\
         People: U0000000002 = \"Bob Barker\"\n\
         \n\
         Account: ada @ Acme"
    );
    assert_eq!(result["message"]["thread_ts"], TS);
    assert_eq!(
        fake.call("conversations.replies").fields(),
        [
            "channel=C0000000001",
            "inclusive=true",
            "latest=1777629550.000100",
            "limit=10",
            "oldest=1777629550.000100",
            "ts=1777629500.000100"
        ]
    );
    assert!(fake.calls_of("conversations.history").is_empty());
}

#[tokio::test]
async fn context_is_what_was_said_right_before_in_the_channel_or_the_thread() {
    for (arguments, expected) in [
        (json!({"ts": LINK, "context": 2}), vec!["Hm", "So,"]),
        (
            json!({"ts": TS, "channel": "#general", "context": 1}),
            vec!["So,"],
        ),
        (json!({"ts": REPLY_LINK, "context": 1}), vec!["Perhaps"]),
        (
            json!({"ts": REPLY_LINK, "context": 5}),
            vec!["Shall we?", "Perhaps"],
        ),
        (json!({"ts": LINK, "context": 0}), vec![]),
    ] {
        let fake = Fake::start(answer).await;
        let (text, result) = get(&fake, arguments.clone()).await;
        let before: Vec<&str> = result["before"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["text"].as_str().unwrap())
            .collect();
        assert_eq!(before, expected, "{arguments}");
        assert_eq!(
            text.contains("\n\nThe message:\n["),
            !expected.is_empty(),
            "{text}"
        );
    }
    let fake = Fake::start(answer).await;
    let (text, _) = get(&fake, json!({"ts": LINK, "context": 21})).await;
    assert!(
        text.contains("Warning: `context` was changed to 20"),
        "{text}"
    );
    let asked = fake.call("conversations.history");
    assert_eq!((asked.field("limit"), asked.field("latest")), ("20", TS));
}

#[tokio::test]
async fn a_message_without_link_or_context_is_shown_with_the_reason() {
    let fake = Fake::start(|call: &Call| match call.method.as_str() {
        "chat.getPermalink" => refusal("message_not_found"),
        "conversations.history" => refusal("not_in_channel"),
        _ => answer(call),
    })
    .await;
    let (text, result) = get(&fake, json!({"ts": LINK, "context": 3})).await;
    assert_eq!(result["permalink"], Value::Null);
    assert!(
        text.contains("Warning: There is no link to the message"),
        "{text}"
    );
    assert!(
        text.contains("Warning: What was said before it could not be read"),
        "{text}"
    );
}

#[tokio::test]
async fn a_message_that_is_not_there_is_not_found() {
    for answered in [
        refusal("thread_not_found"),
        history(&[], ""),
        history(&thread()[..1], ""),
    ] {
        let fake = Fake::start(move |call: &Call| match call.method.as_str() {
            "conversations.replies" => answered.clone(),
            _ => answer(call),
        })
        .await;
        let arguments = json!({"ts": "1777629577.000100", "channel": "C0000000001"});
        let error = fake.run("slack_get_message", arguments).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::NotFound);
        assert!(error.message.contains("this message"), "{error}");
    }
}

#[tokio::test]
async fn each_refusal_of_a_message_has_its_kind() {
    for (code, expected) in [
        ("channel_not_found", ErrorCode::NotFound),
        ("ratelimited", ErrorCode::RateLimited),
        ("access_denied", ErrorCode::Forbidden),
        ("internal_error", ErrorCode::Unreachable),
    ] {
        let fake = Fake::start(move |call: &Call| match call.method.as_str() {
            "conversations.replies" => refusal(code),
            _ => answer(call),
        })
        .await;
        let error = fake
            .run("slack_get_message", json!({"ts": LINK}))
            .await
            .unwrap_err();
        assert_eq!(error.code, expected, "{code}");
    }
    let fake = Fake::start(|call: &Call| match call.method.as_str() {
        "conversations.replies" => missing(
            "channels:history,groups:history,mpim:history,im:history",
            "channels:history",
        ),
        _ => answer(call),
    })
    .await;
    let error = fake
        .run("slack_get_message", json!({"ts": LINK}))
        .await
        .unwrap_err();
    assert_eq!(error.missing_scopes, ["groups:history"]);
    let error = fake
        .run("slack_get_message", json!({"ts": TS}))
        .await
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidArguments);
}
