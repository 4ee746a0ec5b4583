//! `slack_search`: what Slack is asked, what is shown, and which of its searches answers.

use serde_json::{Value, json};

use super::fake::{Call, Fake, NOW, missing, refusal, workspace};
use crate::error::ErrorCode;

const CONTEXT: &str = "assistant.search.context";

fn results(messages: &Value, files: &Value, next: &str) -> Value {
    json!({"ok": true, "results": {"messages": messages, "files": files},
        "response_metadata": {"next_cursor": next}})
}

fn hit(ago: u64, content: &str) -> Value {
    json!({"author_name": "Ada Lovelace", "author_user_id": "U0000000001", "team_id": "T1",
        "channel_id": "C0000000001", "channel_name": "general", "is_author_bot": false,
        "message_ts": format!("{}.000100", NOW - ago), "content": content,
        "permalink": "https://acme.slack.com/archives/C0000000001/p1777629540000100?thread_ts=1777629500.000100"})
}

fn answer(call: &Call) -> Value {
    match call.method.as_str() {
        CONTEXT => results(
            &json!([hit(60, "go for *launch* <@U0000000002>")]),
            &json!([]),
            "",
        ),
        "search.messages" => {
            let one = |id: &str, ago: u64, flags: Value| {
                let mut channel = json!({"id": id, "name": "launch"});
                channel
                    .as_object_mut()
                    .unwrap()
                    .extend(flags.as_object().unwrap().clone());
                json!({"ts": format!("{}.000100", NOW - ago), "channel": channel, "user": "U0000000002",
                    "username": "bob.b", "text": "so <https://x.example|this>",
                    "permalink": "https://acme.slack.com/archives/C0000000001/p1777629540000100"})
            };
            let page: u64 = call.field("page").parse().unwrap();
            json!({"ok": true, "messages": {"total": 45, "paging": {"pages": 3, "page": page}, "matches": [
                one("C0000000001", 60, json!({})),
                one("C0000000002", 70, json!({"is_private": true})),
                one("D0000000001", 80, json!({"is_im": true, "name": "U0000000002"})),
                one("C0000000001", 7200, json!({})),
            ]}})
        }
        _ => workspace(call),
    }
}

/// A workspace without the newer search.
fn older(call: &Call) -> Value {
    match call.method.as_str() {
        CONTEXT => refusal("feature_not_enabled"),
        _ => answer(call),
    }
}

async fn search(fake: &Fake, arguments: Value) -> (String, Value) {
    let output = fake.run("slack_search", arguments).await.unwrap();
    (output.text, Value::Object(output.structured.unwrap()))
}

#[tokio::test]
async fn messages_are_shown_with_author_place_time_and_link() {
    let fake = Fake::start(answer).await;
    let (text, result) = search(&fake, json!({"query": "launch"})).await;
    assert_eq!(
        text,
        "1 shown. No more pages.\n\
         Searched (assistant.search.context): launch\n\
         \n\
         [2026-05-01T11:59:00+02:00] Ada Lovelace (U0000000001) in #general (C0000000001), in thread 1777629500.000100: go for *launch* @Bob Barker {1777629540.000100}\n\
         https://acme.slack.com/archives/C0000000001/p1777629540000100?thread_ts=1777629500.000100\n\
         \n\
         Account: ada @ Acme"
    );
    assert_eq!(
        result["messages"][0]["channel"],
        json!({"id": "C0000000001", "name": "general"})
    );
    assert_eq!(
        fake.call(CONTEXT).fields(),
        [
            "channel_types=public_channel",
            "content_types=messages",
            "include_bots=true",
            "limit=20",
            "query=launch",
            "sort=score"
        ]
    );
    assert_eq!(fake.methods(), [CONTEXT, "users.info"]);
}

#[tokio::test]
async fn every_filter_reaches_slack_in_its_own_words() {
    for (arguments, field, expected) in [
        (
            json!({"query": "x", "from": "@bob.b"}),
            "query",
            "x from:<@U0000000002>",
        ),
        (json!({"query": "x", "from": "me"}), "query", "x from:me"),
        (
            json!({"query": "", "from": "U0000000003"}),
            "query",
            "from:<@U0000000003>",
        ),
        (
            json!({"query": "x", "in": "#General"}),
            "query",
            "x in:general",
        ),
        (
            json!({"query": "x", "in": "C0000000001"}),
            "query",
            "x in:general",
        ),
        (
            json!({"query": "x", "in": "D0000000001"}),
            "query",
            "x in:<@U0000000002>",
        ),
        (
            json!({"query": "x", "in": "@bob.b", "from": "@ada"}),
            "query",
            "x from:<@U0000000001> in:<@U0000000002>",
        ),
        (
            json!({"query": "x", "where": "private"}),
            "channel_types",
            "private_channel",
        ),
        (
            json!({"query": "x", "where": "dm"}),
            "channel_types",
            "im,mpim",
        ),
        (
            json!({"query": "x", "where": "all"}),
            "channel_types",
            "public_channel,private_channel,im,mpim",
        ),
        (
            json!({"query": "x", "content": "all"}),
            "content_types",
            "messages,files",
        ),
        (json!({"query": "x", "sort": "newest"}), "sort", "timestamp"),
        (
            json!({"query": "x", "keyword_only": true}),
            "disable_semantic_search",
            "true",
        ),
        (
            json!({"query": "x", "since": "2026-05-01"}),
            "after",
            "1777586400",
        ),
        (json!({"query": "x", "until": "1h"}), "before", "1777626000"),
        (json!({"query": "x", "limit": 99}), "limit", "20"),
    ] {
        let fake = Fake::start(answer).await;
        search(&fake, arguments.clone()).await;
        assert_eq!(fake.call(CONTEXT).field(field), expected, "{arguments}");
        assert!(fake.calls_of("users.list").len() <= 1, "{arguments}");
    }
}

#[tokio::test]
async fn files_are_shown_with_the_text_that_fits() {
    let fake = Fake::start(|call: &Call| match call.method.as_str() {
        CONTEXT => results(
            &json!([]),
            &json!([{"file_id": "F0000000001", "title": "Plan\u{200b}", "file_type": "pdf",
                "uploader_user_id": "U0000000001", "author_name": "Ada Lovelace", "date_created": NOW - 60,
                "permalink": "https://acme.slack.com/files/U1/F1/plan", "content": "one\n[x] two"}]),
            "",
        ),
        _ => workspace(call),
    })
    .await;
    let (text, result) = search(&fake, json!({"query": "plan", "content": "files"})).await;
    assert!(
        text.contains(
            "\n\n[file] Plan (F0000000001, pdf, 2026-05-01T11:59:00+02:00) by Ada Lovelace (U0000000001): one\n  | [x] two\n\
             https://acme.slack.com/files/U1/F1/plan\n"
        ),
        "{text}"
    );
    assert_eq!(result["page"]["returned"], 1);
}

#[tokio::test]
async fn pages_go_on_with_a_cursor_of_the_same_search() {
    let fake = Fake::start(
        |call: &Call| match (call.method.as_str(), call.field("cursor")) {
            (CONTEXT, "") => results(&json!([hit(10, "one")]), &json!([]), "on"),
            (CONTEXT, "on") => results(&json!([hit(20, "two")]), &json!([]), ""),
            _ => workspace(call),
        },
    )
    .await;
    let arguments = json!({"query": "x", "from": "@ada", "since": "1d"});
    let (_, first) = search(&fake, arguments).await;
    let cursor = first["page"]["next_cursor"].clone();
    let (_, second) = search(
        &fake,
        json!({"query": "x", "from": "@ada", "since": "1d", "cursor": cursor}),
    )
    .await;
    assert_eq!(second["messages"][0]["text"], "two");
    assert_eq!(second["page"]["next_cursor"], Value::Null);
    assert_eq!(
        fake.calls_of("users.list").len(),
        1,
        "names are resolved once"
    );
    let asked = fake.calls_of(CONTEXT);
    assert_eq!(asked[0].field("after"), asked[1].field("after"));
    assert_eq!(asked[1].field("query"), "x from:<@U0000000001>");

    for other in [
        json!({"query": "y", "from": "@ada", "since": "1d", "cursor": cursor}),
        json!({"query": "x", "cursor": cursor}),
        json!({"query": "x", "cursor": "garbage"}),
    ] {
        let error = fake.run("slack_search", other.clone()).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArguments, "{other}");
    }
}

#[tokio::test]
async fn a_workspace_without_the_newer_search_is_searched_with_the_older_one() {
    let fake = Fake::start(older).await;
    let arguments =
        json!({"query": "x", "since": "1h", "until": "now", "content": "all", "limit": 10});
    let (text, result) = search(&fake, arguments.clone()).await;
    assert_eq!(result["method"], "search.messages");
    assert_eq!(
        result["messages"].as_array().unwrap().len(),
        1,
        "public and in the window"
    );
    assert_eq!(
        fake.call("search.messages").fields(),
        [
            "count=10",
            "page=1",
            "query=x after:2026-04-30 before:2026-05-02",
            "sort=score"
        ]
    );
    assert!(text.starts_with("1 of about 45 shown."), "{text}");
    assert!(
        text.contains("bob.b (U0000000002) in #launch (C0000000001): so this (https://x.example)"),
        "{text}"
    );
    for warning in [
        "were left out: 3.",
        "Files were not searched",
        "Only words were matched",
    ] {
        assert!(text.contains(warning), "{warning}: {text}");
    }
    let mut next = arguments;
    next["cursor"] = result["page"]["next_cursor"].clone();
    search(&fake, next).await;
    assert_eq!(
        fake.calls_of(CONTEXT).len(),
        1,
        "the cursor knows which search it is"
    );
    assert_eq!(fake.calls_of("search.messages")[1].field("page"), "2");
    for (place, expected) in [("private", "C0000000002"), ("dm", "D0000000001")] {
        let fake = Fake::start(older).await;
        let (_, result) = search(&fake, json!({"query": "x", "where": place})).await;
        assert_eq!(result["messages"][0]["channel"]["id"], expected);
        assert_eq!(result["messages"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_missing_scope_is_the_least_that_the_search_needs() {
    const ALL: &str = "search:read.public,search:read.private,search:read.im,search:read.mpim,search:read.files,search:read.users";
    for (arguments, provided, expected) in [
        (json!({"query": "x"}), "", vec!["search:read.public"]),
        (
            json!({"query": "x", "where": "private"}),
            "search:read.public",
            vec!["search:read.private"],
        ),
        (
            json!({"query": "x", "where": "dm"}),
            "search:read.public",
            vec!["search:read.im", "search:read.mpim"],
        ),
        (
            json!({"query": "x", "content": "all"}),
            "search:read.public",
            vec!["search:read.files"],
        ),
        (
            json!({"query": "x", "content": "files"}),
            "search:read",
            vec!["search:read.public", "search:read.files"],
        ),
    ] {
        let fake = Fake::start(move |_: &Call| missing(ALL, provided)).await;
        let error = fake
            .run("slack_search", arguments.clone())
            .await
            .unwrap_err();
        assert_eq!(error.missing_scopes, expected, "{arguments}");
    }
    // Who granted the older search is not asked for the newer one.
    let fake = Fake::start(|call: &Call| match call.method.as_str() {
        CONTEXT => missing(ALL, "search:read,channels:read"),
        _ => answer(call),
    })
    .await;
    let (_, result) = search(&fake, json!({"query": "x"})).await;
    assert_eq!(result["method"], "search.messages");
    // The older one alone needs its own.
    let fake = Fake::start(|call: &Call| match call.method.as_str() {
        CONTEXT => refusal("feature_not_enabled"),
        _ => missing("search:read", "search:read.public"),
    })
    .await;
    let error = fake
        .run("slack_search", json!({"query": "x"}))
        .await
        .unwrap_err();
    assert_eq!(error.missing_scopes, ["search:read"]);
}

#[tokio::test]
async fn a_search_that_fails_for_a_while_asks_for_no_permission() {
    let fake = Fake::start(|call: &Call| match call.method.as_str() {
        CONTEXT => refusal("assistant_search_context_disabled"),
        _ => missing("search:read", "search:read.public"),
    })
    .await;
    let error = fake
        .run("slack_search", json!({"query": "x"}))
        .await
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::Unreachable);
    assert!(error.missing_scopes.is_empty());
    let fake = Fake::start(older).await;
    let files = json!({"query": "x", "content": "files"});
    let error = fake.run("slack_search", files).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Forbidden);
    assert!(fake.calls_of("search.messages").is_empty());
}

#[tokio::test]
async fn arguments_that_search_for_nothing_reach_nobody() {
    for arguments in [
        json!({}),
        json!({"query": " "}),
        json!({"query": "x".repeat(501)}),
        json!({"query": "x", "from": "C0000000001"}),
        json!({"query": "x", "in": "a b"}),
        json!({"query": "x", "since": "whenever"}),
        json!({"query": "x", "since": "1d", "until": "2d"}),
        json!({"query": "x", "where": "everywhere"}),
        json!({"query": "x", "content": "emoji"}),
    ] {
        let fake = Fake::start(answer).await;
        let error = fake
            .run("slack_search", arguments.clone())
            .await
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArguments, "{arguments}");
        assert!(fake.calls().is_empty(), "{arguments}");
    }
}

#[tokio::test]
async fn each_refusal_of_a_search_has_its_kind() {
    for (code, expected) in [
        ("missing_query", ErrorCode::InvalidArguments),
        ("query_too_long", ErrorCode::InvalidArguments),
        ("invalid_cursor", ErrorCode::InvalidArguments),
        ("rate_limited", ErrorCode::RateLimited),
        ("access_denied", ErrorCode::Forbidden),
        ("internal_error", ErrorCode::Unreachable),
    ] {
        let fake = Fake::start(move |_: &Call| refusal(code)).await;
        let error = fake
            .run("slack_search", json!({"query": "x"}))
            .await
            .unwrap_err();
        assert_eq!(error.code, expected, "{code}");
        assert_eq!(fake.methods(), [CONTEXT]);
    }
}

#[tokio::test]
async fn long_texts_are_cut_so_that_every_result_fits() {
    let fake = Fake::start(|call: &Call| match call.method.as_str() {
        CONTEXT => results(&json!(vec![hit(10, &"x".repeat(9000)); 20]), &json!([]), ""),
        _ => workspace(call),
    })
    .await;
    let (text, result) = search(&fake, json!({"query": "x"})).await;
    assert!(text.chars().count() < 20_000, "{}", text.chars().count());
    assert!(text.contains("Warning: Long texts were cut: 20."), "{text}");
    assert_eq!(result["truncated"], true);
    assert_eq!(text.matches("https://acme.slack.com/").count(), 20);
}
