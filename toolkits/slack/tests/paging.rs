//! Windows, pages and cursors of `slack_read_channel`.

use serde_json::{Value, json};

use super::fake::{Call, Fake, history, message, read, refusal, texts, with_messages, workspace};

#[tokio::test]
async fn short_pages_are_followed_until_the_page_is_full_or_the_window_read() {
    let fake = Fake::start(
        |call: &Call| match (call.method.as_str(), call.field("cursor")) {
            ("conversations.history", "") => history(
                &[
                    message(10, "U0000000001", "e"),
                    message(20, "U0000000001", "d"),
                ],
                "one",
            ),
            ("conversations.history", "one") => history(&[], "two"),
            ("conversations.history", "two") => {
                history(&[message(30, "U0000000001", "c")], "three")
            }
            ("conversations.history", "three") => history(
                &[
                    message(40, "U0000000001", "b"),
                    message(50, "U0000000001", "a"),
                ],
                "",
            ),
            _ => workspace(call),
        },
    )
    .await;

    let (text, result) = read(
        &fake,
        json!({"channel": "#general", "limit": 3, "since": "2h"}),
    )
    .await;
    assert_eq!(texts(&result), ["c", "d", "e"]);
    let cursor = result["page"]["next_cursor"].as_str().unwrap();
    assert!(text.contains(cursor), "the text has the cursor too");
    let limits: Vec<_> = fake
        .calls()
        .into_iter()
        .filter(|c| c.method == "conversations.history")
        .map(|c| c.field("limit").to_owned())
        .collect();
    assert_eq!(limits, ["3", "1", "1"]);

    // The window stays the first page's, whatever `since` says now.
    let (_, result) = read(
        &fake,
        json!({"channel": "#general", "limit": 3, "cursor": cursor}),
    )
    .await;
    assert_eq!(texts(&result), ["a", "b"]);
    assert_eq!(result["page"]["next_cursor"], Value::Null);
    assert_eq!(result["window"]["since"], "2026-05-01T10:00:00+02:00");
    let last = fake
        .calls()
        .into_iter()
        .rfind(|c| c.method == "conversations.history")
        .unwrap();
    assert_eq!(
        (last.field("cursor"), last.field("oldest")),
        ("three", "1777622400.000000")
    );
    let named = fake
        .methods()
        .iter()
        .filter(|m| *m == "users.conversations")
        .count();
    assert_eq!(named, 1, "the cursor knows the channel");
}

#[tokio::test]
async fn a_page_asks_for_the_history_a_few_times_at_most() {
    let fake = Fake::start(|call: &Call| match call.method.as_str() {
        "conversations.history" => history(&[], "on"),
        _ => workspace(call),
    })
    .await;
    let (_, result) = read(&fake, json!({"channel": "C0000000001"})).await;
    assert_eq!(result["page"]["returned"], 0);
    assert!(result["page"]["next_cursor"].is_string());
    assert_eq!(
        fake.methods()
            .iter()
            .filter(|m| *m == "conversations.history")
            .count(),
        5
    );
}

#[tokio::test]
async fn what_came_before_a_failure_is_kept_with_a_cursor() {
    let fake = Fake::start(|call: &Call| match (call.method.as_str(), call.nth) {
        ("conversations.history", 0) => history(&[message(10, "U0000000001", "a")], "one"),
        ("conversations.history", 1) => refusal("ratelimited"),
        ("conversations.history", _) => history(&[message(20, "U0000000001", "b")], ""),
        _ => workspace(call),
    })
    .await;
    let (text, result) = read(&fake, json!({"channel": "C0000000001"})).await;
    assert_eq!(texts(&result), ["a"]);
    assert!(
        text.contains("Warning: Fewer messages than asked"),
        "{text}"
    );
    let cursor = result["page"]["next_cursor"].clone();
    let (_, result) = read(&fake, json!({"channel": "C0000000001", "cursor": cursor})).await;
    assert_eq!(texts(&result), ["b"]);
}

#[tokio::test]
async fn a_server_that_ignores_the_window_shows_nothing_from_outside() {
    let messages = vec![
        message(10, "U0000000001", "too new"),
        message(3600, "U0000000001", "first moment"),
        message(5000, "U0000000001", "inside"),
        message(7200, "U0000000001", "last moment"),
        message(7201, "U0000000001", "too old"),
    ];
    let fake = Fake::start(move |call: &Call| match call.method.as_str() {
        "conversations.history" => history(&messages, "on"),
        _ => workspace(call),
    })
    .await;
    let window = json!({"channel": "C0000000001", "since": "2026-05-01T08:00:00Z", "until": "2026-05-01T09:00:00.000100Z"});
    let (_, result) = read(&fake, window).await;
    assert_eq!(texts(&result), ["last moment", "inside", "first moment"]);
    assert_eq!(
        result["page"]["next_cursor"],
        Value::Null,
        "what follows is older still"
    );
    assert_eq!(
        fake.call("conversations.history").field("latest"),
        "1777626000.000100"
    );
}

#[tokio::test]
async fn a_page_without_a_cursor_to_the_rest_says_how_to_go_on() {
    let fake = Fake::start(|call: &Call| match call.method.as_str() {
        "conversations.history" => {
            json!({"ok": true, "messages": [message(10, "U0000000001", "a")], "has_more": true})
        }
        _ => workspace(call),
    })
    .await;
    let (text, _) = read(&fake, json!({"channel": "C0000000001"})).await;
    assert!(text.contains("earlier `until`"), "{text}");
}

#[tokio::test]
async fn the_limit_is_kept_within_bounds_and_a_change_is_said() {
    for (limit, asked, warned) in [(0, "1", true), (200, "200", false), (1000, "200", true)] {
        let fake = with_messages(vec![]).await;
        let (text, _) = read(&fake, json!({"channel": "C0000000001", "limit": limit})).await;
        assert_eq!(fake.call("conversations.history").field("limit"), asked);
        assert_eq!(text.contains("`limit` was changed"), warned);
    }
}

#[tokio::test]
async fn a_message_that_slack_dates_after_this_servers_now_is_not_missed() {
    let ahead = json!({"type": "message", "ts": "1777629605.000100", "user": "U0000000001", "text": "just sent"});
    for (until, expected) in [(None, vec!["just sent"]), (Some("now"), vec![])] {
        let fake = with_messages(vec![ahead.clone()]).await;
        let (_, result) = read(&fake, json!({"channel": "C0000000001", "until": until})).await;
        assert_eq!(texts(&result), expected);
        assert_eq!(result["window"]["until"], "2026-05-01T12:00:00+02:00");
        let asked = fake.call("conversations.history");
        assert_eq!(asked.field("latest").is_empty(), until.is_none());
    }
}
