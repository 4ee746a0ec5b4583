//! What `gmail_search` asks of Gmail.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Barrier;

use super::fake::{Gmail, list_requests, mailbox, message, path};
use crate::api::Api;
use crate::error::ErrorCode;
use crate::fake::settings;

#[tokio::test]
async fn filters_become_terms_and_times_are_exact_seconds_in_the_users_zone() {
    for (arguments, q) in [
        (
            json!({
                "from": ["ada@x.example", "Bob"],
                "to": "eve@x.example",
                "subject": "Lunch \" OR in:anywhere \"",
                "has_attachment": true,
                "unread": true,
            }),
            "{from:ada@x.example from:Bob} to:eve@x.example \
             subject:\"Lunch OR in:anywhere\" has:attachment is:unread -in:drafts",
        ),
        // Midnight in Berlin, in winter and in summer.
        (
            json!({ "after": "2026-03-01", "before": "2026-07-01" }),
            "after:1772319600 before:1782856800 -in:drafts",
        ),
        (json!({ "after": "7d" }), "after:1794823200 -in:drafts"),
        (
            json!({ "query": "a OR b", "from": "c" }),
            "(a OR b) from:c -in:drafts",
        ),
        (json!({ "query": "in:drafts" }), "in:drafts"),
        (json!({ "label": "drafts" }), ""),
        (json!({ "label": "starred" }), "-in:drafts"),
    ] {
        let fake = Gmail::start(|_| (200, json!({ "resultSizeEstimate": 0 }))).await;
        fake.call("gmail_search", arguments.clone()).await.unwrap();
        assert_eq!(list_requests(&fake)[0].query("q"), q, "{arguments}");
    }
}

#[tokio::test]
async fn the_resolved_window_is_told() {
    let fake = Gmail::start(|_| (200, json!({}))).await;
    let output = fake
        .call(
            "gmail_search",
            json!({ "after": "7d", "before": "2026-11-23" }),
        )
        .await
        .unwrap();
    assert_eq!(
        output.structured.unwrap()["window"],
        json!({ "after": "2026-11-16T11:00:00+01:00", "before": "2026-11-23T00:00:00+01:00" })
    );
    assert!(output.text.contains("After: 2026-11-16T11:00:00+01:00"));
    assert!(output.text.contains("Before: 2026-11-23T00:00:00+01:00"));
}

#[tokio::test]
async fn spam_and_trash_are_searched_only_when_asked_for() {
    for (arguments, expected) in [
        (json!({}), "false"),
        (json!({ "query": "-in:spam lunch" }), "false"),
        (json!({ "include_spam_trash": true }), "true"),
        (json!({ "query": "in:anywhere lunch" }), "true"),
        (json!({ "label": "Trash" }), "true"),
    ] {
        let fake = Gmail::start(|_| (200, json!({}))).await;
        fake.call("gmail_search", arguments.clone()).await.unwrap();
        let list = &list_requests(&fake)[0];
        assert_eq!(list.query("includeSpamTrash"), expected, "{arguments}");
    }
}

#[tokio::test]
async fn a_label_is_found_by_its_name() {
    for (label, id, lookups) in [
        ("Inbox", "INBOX", 0),
        ("category_promotions", "CATEGORY_PROMOTIONS", 0),
        ("work/lunch", "Label_7", 1),
    ] {
        let fake = Gmail::start(mailbox).await;
        fake.call(
            "gmail_search",
            json!({ "label": label, "group_by": "message" }),
        )
        .await
        .unwrap();
        assert_eq!(list_requests(&fake)[0].query("labelIds"), id);
        let found = fake
            .seen()
            .iter()
            .filter(|seen| path(seen) == "/labels")
            .count();
        assert_eq!(found, lookups, "{label}");
    }

    let fake = Gmail::start(mailbox).await;
    let error = fake
        .call("gmail_search", json!({ "label": "Play" }))
        .await
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::NotFound);
    assert!(error.fix.contains("“Work/Lunch”"), "{error}");
    assert!(list_requests(&fake).is_empty());
}

#[tokio::test]
async fn a_cursor_goes_on_with_exactly_the_same_search() {
    let fake = Gmail::start(|_| (200, json!({ "nextPageToken": "p2" }))).await;
    let output = fake
        .call(
            "gmail_search",
            json!({ "query": "lunch", "after": "7d", "label": "Inbox", "group_by": "message" }),
        )
        .await
        .unwrap();
    let structured = output.structured.unwrap();
    let cursor = structured["page"]["next_cursor"].as_str().unwrap();
    assert!(output.text.contains(cursor));
    let next = fake
        .call("gmail_search", json!({ "cursor": cursor, "limit": 5 }))
        .await
        .unwrap();
    assert_eq!(next.structured.unwrap()["window"], structured["window"]);

    let lists = list_requests(&fake);
    for name in ["q", "labelIds", "includeSpamTrash"] {
        assert_eq!(lists[0].query(name), lists[1].query(name), "{name}");
    }
    assert_eq!(path(&lists[1]), "/messages");
    assert_eq!(lists[1].query("pageToken"), "p2");
    assert_eq!(lists[1].query("maxResults"), "5");
}

#[tokio::test]
async fn a_count_walks_the_pages_and_fetches_nothing() {
    let fake = Gmail::start(|request| {
        let threads: Vec<_> = (0..3).map(|n| json!({ "id": format!("t{n}") })).collect();
        let next = match request.query("pageToken") {
            "" => json!("p2"),
            _ => Value::Null,
        };
        (
            200,
            json!({ "threads": threads, "nextPageToken": next, "resultSizeEstimate": 999 }),
        )
    })
    .await;
    let output = fake
        .call("gmail_search", json!({ "count_only": true }))
        .await
        .unwrap();
    let structured = output.structured.unwrap();
    assert_eq!(
        structured["count"],
        json!({ "results": 6, "complete": true })
    );
    assert_eq!(structured["items"], json!([]));
    assert!(output.text.starts_with("6 results."));
    let seen = fake.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].query("maxResults"), "500");

    let endless = Gmail::start(|_| {
        (
            200,
            json!({ "threads": [{ "id": "t" }], "nextPageToken": "more" }),
        )
    })
    .await;
    let output = endless
        .call("gmail_search", json!({ "count_only": true }))
        .await
        .unwrap();
    assert_eq!(
        output.structured.unwrap()["count"],
        json!({ "results": 10, "complete": false })
    );
    assert!(output.text.starts_with("10 or more results."));
    assert_eq!(endless.seen().len(), 10);
}

#[tokio::test]
async fn eight_are_fetched_at_a_time_and_their_order_is_kept() {
    let (running, most) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    let peak = most.clone();
    let eight = Arc::new(Barrier::new(8));
    let app = axum::Router::new().fallback(async move |uri: axum::http::Uri| {
        if uri.path().ends_with("/threads") {
            let ids: Vec<_> = (0..24).map(|n| json!({ "id": format!("t{n}") })).collect();
            return axum::Json(json!({ "threads": ids }));
        }
        let now = running.fetch_add(1, Ordering::SeqCst) + 1;
        most.fetch_max(now, Ordering::SeqCst);
        // Fewer than eight would wait here for ever; a ninth has time to show itself.
        eight.wait().await;
        // The later ones answer first.
        let id = uri.path().rsplit_once('t').unwrap().1.to_owned();
        let place = id.parse::<u64>().unwrap() % 8;
        tokio::time::sleep(Duration::from_millis(100 - 10 * place)).await;
        running.fetch_sub(1, Ordering::SeqCst);
        axum::Json(json!({ "id": id, "messages": [message("m", &[], &[])] }))
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, app).await });
    let api = Api::new(settings(&url.parse().unwrap()));
    let tools = super::super::tools();
    let output = tools[0].run(api, json!({ "limit": 24 })).await.unwrap();
    assert_eq!(peak.load(Ordering::SeqCst), 8);
    let ids: Vec<_> = output.structured.unwrap()["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["thread_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids, (0..24).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn wrong_arguments_cost_no_request() {
    let fake = Gmail::start(|_| (200, json!({}))).await;
    for arguments in [
        json!({ "after": "soon" }),
        json!({ "after": "2026-03-02", "before": "2026-03-01" }),
        json!({ "query": "\"open", "label": "Work" }),
        json!({ "from": "" }),
        json!({ "label": " " }),
        json!({ "cursor": "nonsense" }),
        json!({ "group_by": "sender" }),
        json!({ "limit": "many" }),
        json!({ "quarry": "lunch" }),
    ] {
        let error = fake
            .call("gmail_search", arguments.clone())
            .await
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArguments, "{arguments}");
    }
    assert!(fake.seen().is_empty());
}
