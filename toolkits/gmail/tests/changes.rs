//! `gmail_modify_messages`, `gmail_trash`, `gmail_restore` and `gmail_create_label`.

use serde_json::{Value, json};

use super::fake::{Gmail, google_error, message, path};
use crate::error::ErrorCode;
use crate::fake::Seen;

fn gmail(request: &Seen) -> (u16, Value) {
    let labels = match path(request) {
        "/labels" => {
            let list = json!({ "labels": [
                { "id": "Label_7", "name": "Work/Lunch" }, { "id": "Label_8", "name": "Old" },
            ]});
            return (200, list);
        }
        "/threads/t1/untrash" => {
            let message = json!({ "id": "m1", "threadId": "t1", "labelIds": ["SPAM"] });
            return (200, json!({ "id": "t1", "messages": [message] }));
        }
        "/messages/sent/untrash" => vec!["SENT"],
        "/messages/in/untrash" => vec!["INBOX"],
        gone if gone.contains("/gone/") => return google_error(404, "notFound", "Not Found"),
        _ => vec![],
    };
    (
        200,
        json!({ "id": "m1", "threadId": "t1", "labelIds": labels }),
    )
}

/// Method, path and body of each request.
fn asked(fake: &Gmail) -> Vec<(String, Value)> {
    let mut asked: Vec<_> = fake
        .seen()
        .iter()
        .map(|seen| {
            let body = serde_json::from_slice(&seen.body).unwrap_or(Value::Null);
            (format!("{} {}", seen.method, path(seen)), body)
        })
        .collect();
    asked.sort_by(|a, b| a.0.cmp(&b.0));
    asked
}

fn labels(add: &[&str], remove: &[&str]) -> Value {
    json!({ "addLabelIds": add, "removeLabelIds": remove })
}

#[tokio::test]
async fn each_action_is_the_labels_that_it_stands_for() {
    for (action, add, remove) in [
        ("archive", &[][..], &["INBOX"][..]),
        ("unarchive", &["INBOX"], &[]),
        ("mark_read", &[], &["UNREAD"]),
        ("mark_unread", &["UNREAD"], &[]),
        ("star", &["STARRED"], &[]),
        ("unstar", &[], &["STARRED"]),
        ("important", &["IMPORTANT"], &[]),
        ("not_important", &[], &["IMPORTANT"]),
        ("not_spam", &["INBOX"], &["SPAM"]),
    ] {
        let fake = Gmail::start(gmail).await;
        let arguments = json!({ "thread_ids": "t1", "action": action });
        fake.call("gmail_modify_messages", arguments).await.unwrap();
        let expected = ("POST /threads/t1/modify".to_owned(), labels(add, remove));
        assert_eq!(asked(&fake), [expected], "{action}");
    }
}

#[tokio::test]
async fn labels_are_given_by_name_and_what_failed_is_told() {
    let fake = Gmail::start(gmail).await;
    let arguments = json!({
        "message_ids": ["m1", "gone", "m1", "m2"],
        "action": "archive", "add_labels": ["work/lunch", "Starred"], "remove_labels": "Label_8",
    });
    let output = fake.call("gmail_modify_messages", arguments).await.unwrap();
    let structured = output.structured.unwrap();
    assert_eq!(structured["count"], 2);
    assert_eq!(structured["ids"], json!(["m1", "m2"]));
    assert_eq!(structured["failed"][0]["id"], "gone");
    let why = structured["failed"][0]["why"].as_str().unwrap();
    assert!(why.contains("does not know"), "{why}");
    let body = labels(&["STARRED", "Label_7"], &["INBOX", "Label_8"]);
    let posts: Vec<_> = asked(&fake)
        .into_iter()
        .filter(|(what, _)| what.starts_with("POST"))
        .collect();
    assert_eq!(
        posts,
        ["gone", "m1", "m2"].map(|id| (format!("POST /messages/{id}/modify"), body.clone()))
    );
}

#[tokio::test]
async fn when_all_fail_it_is_an_error() {
    let fake = Gmail::start(gmail).await;
    let arguments = json!({ "message_ids": ["gone", "gone"], "action": "star" });
    let error = fake.call("gmail_modify_messages", arguments).await;
    assert_eq!(error.unwrap_err().code, ErrorCode::NotFound);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_nothing_is_changed() {
    let many: Vec<String> = (0..101).map(|n| format!("m{n}")).collect();
    for (arguments, says) in [
        (json!({ "action": "star" }), "either `message_ids`"),
        (
            json!({ "action": "star", "message_ids": "m1", "thread_ids": "t1" }),
            "either `message_ids`",
        ),
        (json!({ "message_ids": "m1" }), "Nothing is to be changed"),
        (
            json!({ "message_ids": many, "action": "star" }),
            "at most 100",
        ),
        (
            json!({ "message_ids": "m1", "action": "star", "remove_labels": "starred" }),
            "both added and removed",
        ),
        (
            json!({ "message_ids": "m1", "add_labels": "Sent" }),
            "Gmail alone",
        ),
        (
            json!({ "message_ids": "m1", "add_labels": "trash" }),
            "gmail_trash",
        ),
        (
            json!({ "message_ids": "m1", "add_labels": " " }),
            "empty name",
        ),
        (
            json!({ "message_ids": "m1", "add_labels": "Nowhere" }),
            "no label “Nowhere”",
        ),
        (
            json!({ "message_ids": "..", "action": "star" }),
            "id is empty",
        ),
    ] {
        let fake = Gmail::start(gmail).await;
        let error = fake.call("gmail_modify_messages", arguments.clone()).await;
        let error = error.unwrap_err();
        assert!(
            error.message.contains(says) || error.fix.contains(says),
            "{error}"
        );
        assert!(
            fake.seen().iter().all(|request| request.method == "GET"),
            "{arguments}"
        );
    }
}

#[tokio::test]
async fn mail_goes_to_trash_or_spam() {
    let fake = Gmail::start(gmail).await;
    fake.call("gmail_trash", json!({ "thread_ids": ["t1"] }))
        .await
        .unwrap();
    let arguments = json!({ "message_ids": ["m1"], "destination": "spam" });
    fake.call("gmail_trash", arguments).await.unwrap();
    assert_eq!(
        asked(&fake),
        [
            (
                "POST /messages/m1/modify".to_owned(),
                labels(&["SPAM"], &["INBOX"])
            ),
            ("POST /threads/t1/trash".to_owned(), Value::Null),
        ]
    );
}

#[tokio::test]
async fn restored_mail_comes_out_of_trash_and_spam_and_received_mail_into_the_inbox() {
    for (arguments, expected) in [
        (
            json!({ "message_ids": "m1" }),
            vec![
                ("POST /messages/m1/modify", labels(&["INBOX"], &[])),
                ("POST /messages/m1/untrash", Value::Null),
            ],
        ),
        (
            json!({ "message_ids": "m1", "to_inbox": false }),
            vec![("POST /messages/m1/untrash", Value::Null)],
        ),
        (
            json!({ "message_ids": ["sent", "in"] }),
            vec![
                ("POST /messages/in/untrash", Value::Null),
                ("POST /messages/sent/untrash", Value::Null),
            ],
        ),
        (
            json!({ "thread_ids": "t1", "to_inbox": false }),
            vec![
                ("POST /threads/t1/modify", labels(&[], &["SPAM"])),
                ("POST /threads/t1/untrash", Value::Null),
            ],
        ),
    ] {
        let fake = Gmail::start(gmail).await;
        fake.call("gmail_restore", arguments.clone()).await.unwrap();
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(what, body)| (what.to_owned(), body))
            .collect();
        assert_eq!(asked(&fake), expected, "{arguments}");
    }
}

#[tokio::test]
async fn a_label_is_created_once() {
    let fake = Gmail::start(|request| match request.method.as_str() {
        "POST" if request.json()["name"] == "Work/New" => {
            (200, json!({ "id": "Label_9", "name": "Work/New" }))
        }
        "POST" => google_error(409, "aborted", "Label name exists or conflicts"),
        _ => gmail(request),
    })
    .await;
    let arguments = json!({ "name": " Work/New " });
    let output = fake.call("gmail_create_label", arguments).await.unwrap();
    let label = json!({ "id": "Label_9", "name": "Work/New", "system": false });
    let structured = output.structured.unwrap();
    assert_eq!(structured["created"], true);
    assert_eq!(structured["label"], label);
    assert_eq!(
        fake.seen()[0].json(),
        json!({
            "name": "Work/New",
            "labelListVisibility": "labelShow",
            "messageListVisibility": "show",
        })
    );

    let arguments = json!({ "name": "WORK/LUNCH" });
    let output = fake.call("gmail_create_label", arguments).await.unwrap();
    let structured = output.structured.unwrap();
    assert_eq!(structured["created"], false);
    assert_eq!(structured["label"]["id"], "Label_7");

    let error = fake
        .call("gmail_create_label", json!({ "name": "Work" }))
        .await;
    assert_eq!(error.unwrap_err().code, ErrorCode::Rejected);

    let asked = fake.seen().len();
    for name in ["", "Inbox", "a//b", "/a", "a\nb", &"x".repeat(226)] {
        let error = fake
            .call("gmail_create_label", json!({ "name": name }))
            .await;
        assert_eq!(
            error.unwrap_err().code,
            ErrorCode::InvalidArguments,
            "{name}"
        );
    }
    assert_eq!(fake.seen().len(), asked);
}

/// A mailbox in which a query finds two messages and knows of more.
fn found(request: &Seen) -> (u16, Value) {
    match path(request) {
        "/messages" => (
            200,
            json!({
                "messages": [{ "id": "m1", "threadId": "t1" }, { "id": "m2", "threadId": "t2" }],
                "nextPageToken": "more",
            }),
        ),
        "/messages/m1" | "/messages/m2" if request.method == "GET" => {
            let id = path(request).rsplit('/').next().unwrap();
            let headers = [("From", "News <news@x.example>"), ("Subject", "Issue 7")];
            (200, message(id, &["INBOX"], &headers))
        }
        "/threads/t1" => (
            200,
            json!({ "id": "t1", "messages": [message("m1", &["INBOX"], &[("Subject", "Hi")])] }),
        ),
        "/messages/gone" => google_error(404, "notFound", "Not Found"),
        _ => gmail(request),
    }
}

#[tokio::test]
async fn a_dry_run_shows_what_a_query_finds_and_changes_nothing() {
    for (tool, more) in [
        ("gmail_modify_messages", json!({ "action": "archive" })),
        ("gmail_trash", json!({})),
    ] {
        let fake = Gmail::start(found).await;
        let mut arguments = json!({ "query": "from:news", "max_messages": 2, "dry_run": true });
        for (name, value) in more.as_object().unwrap() {
            arguments[name] = value.clone();
        }
        let output = fake.call(tool, arguments).await.unwrap();
        let seen = fake.seen();
        assert!(seen.iter().all(|request| request.method == "GET"));
        let listing = seen.iter().find(|request| path(request) == "/messages");
        let listing = listing.unwrap();
        assert_eq!(listing.query("q"), "from:news -in:drafts");
        assert_eq!(listing.query("maxResults"), "2");
        assert_eq!(listing.query("includeSpamTrash"), "false");
        let structured = output.structured.unwrap();
        assert_eq!(structured["count"], 2);
        assert_eq!(structured["ids"], json!([]));
        assert_eq!(structured["more"], true);
        for at in 0..2 {
            let shown = &structured["shown"][at];
            assert_eq!(shown["id"], format!("m{}", at + 1));
            assert_eq!(shown["from"], "News <news@x.example>");
            assert_eq!(shown["subject"], "Issue 7");
        }
        for said in ["nothing was changed", "m2: News", "finds more"] {
            assert!(output.text.contains(said), "{}", output.text);
        }
    }
}

#[tokio::test]
async fn a_dry_run_with_ids_shows_them_and_those_that_are_not_there() {
    let fake = Gmail::start(found).await;
    let arguments = json!({ "message_ids": ["m1", "gone"], "action": "star", "dry_run": true });
    let output = fake.call("gmail_modify_messages", arguments).await.unwrap();
    let structured = output.structured.unwrap();
    assert_eq!(structured["count"], 1);
    assert_eq!(structured["failed"][0]["id"], "gone");
    assert!(structured.get("more").is_none());
    let arguments = json!({ "thread_ids": "t1", "dry_run": true });
    let output = fake.call("gmail_trash", arguments).await.unwrap();
    assert_eq!(output.structured.unwrap()["shown"][0]["id"], "t1");
    assert!(fake.seen().iter().all(|request| request.method == "GET"));
}

#[tokio::test]
async fn a_query_changes_nothing_that_was_not_shown_and_a_catch_all_nothing_at_all() {
    for (arguments, says) in [
        (
            json!({ "query": "from:news" }),
            "only what a dry run has shown",
        ),
        (
            json!({ "query": "from:news", "dry_run": false }),
            "only what a dry run has shown",
        ),
        (
            json!({ "query": "from:news", "message_ids": "m1", "dry_run": true }),
            "only one of",
        ),
        (
            json!({ "query": "from:news", "thread_ids": "t1", "dry_run": true }),
            "only one of",
        ),
        (json!({ "query": "", "dry_run": true }), "nearly all mail"),
        (
            json!({ "query": "in:anywhere", "dry_run": true }),
            "nearly all mail",
        ),
        (json!({ "query": "\"from", "dry_run": true }), "unclosed"),
        (
            json!({ "query": "from:news", "max_messages": 101, "dry_run": true }),
            "1 to 100",
        ),
        (
            json!({ "query": "from:news", "max_messages": 0, "dry_run": true }),
            "1 to 100",
        ),
    ] {
        let fake = Gmail::start(found).await;
        let error = fake
            .call("gmail_trash", arguments.clone())
            .await
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArguments, "{arguments}");
        assert!(error.message.contains(says), "{error}");
        assert_eq!(fake.seen().len(), 0, "{arguments}");
    }
}
