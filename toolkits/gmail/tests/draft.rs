//! Drafts.

use mail_parser::{MessageParser, MimeHeaders};
use serde_json::{Value, json};

use super::fake::{Gmail, google_error, message, path, raw};
use crate::error::ErrorCode;
use crate::fake::Seen;

fn gmail(request: &Seen) -> (u16, Value) {
    let answer = match path(request) {
        "/drafts" => json!({ "id": "r9", "message": { "id": "m9", "threadId": "t9" } }),
        "/settings/sendAs" => json!({ "sendAs": [] }),
        "/messages/m1/attachments/kept" => json!({ "size": 2, "data": "aGk" }),
        _ => {
            let mut original = message(
                "m1",
                &["INBOX"],
                &[
                    ("From", "Bob <bob@x.example>"),
                    ("To", "ada@x.example"),
                    ("Subject", "Plans"),
                    ("Message-ID", "<m1@x.example>"),
                ],
            );
            original["payload"]["mimeType"] = json!("multipart/mixed");
            original["payload"]["parts"] = json!([
                { "partId": "0", "mimeType": "text/html", "body": { "data": "PGI-PDM8L2I-PHNjcmlwdD54PC9zY3JpcHQ-" } },
                { "partId": "1", "mimeType": "text/csv", "filename": "../a.csv",
                  "body": { "size": 2, "attachmentId": "kept" } },
                { "partId": "2", "mimeType": "message/rfc822", "filename": "b.eml",
                  "body": { "size": 2, "attachmentId": "kept" },
                  "parts": [{ "partId": "2.0", "mimeType": "text/plain", "body": { "data": "eA" } }] },
            ]);
            original
        }
    };
    (200, answer)
}

async fn saved(arguments: Value) -> (Value, Value, Vec<u8>) {
    let fake = Gmail::start(gmail).await;
    let output = fake.call("gmail_create_draft", arguments).await.unwrap();
    let last = fake.seen().pop().unwrap();
    assert_eq!((path(&last), last.method.as_str()), ("/drafts", "POST"));
    let body = last.json();
    assert_eq!(body.as_object().unwrap().len(), 1);
    let bytes = raw(&body["message"]);
    (json!(output.structured), body["message"].clone(), bytes)
}

#[tokio::test]
async fn a_new_draft_may_still_lack_recipients_and_subject() {
    let (result, message, bytes) = saved(json!({ "body": "So far" })).await;
    assert_eq!(result["draft_id"], "r9");
    assert_eq!(result["message_id"], "m9");
    assert_eq!(message.get("threadId"), None);
    let mail = MessageParser::default().parse(&bytes).unwrap();
    assert!(mail.to().is_none());
    assert_eq!(mail.body_text(0).unwrap().trim_end(), "So far");
}

#[tokio::test]
async fn an_answer_is_saved_in_its_conversation() {
    let arguments = json!({ "body": "Yes", "reply_to_message_id": "m1", "cc": "c@x.example" });
    let (result, message, bytes) = saved(arguments).await;
    assert_eq!(message["threadId"], "t1");
    let mail = MessageParser::default().parse(&bytes).unwrap();
    assert_eq!(mail.in_reply_to().as_text(), Some("m1@x.example"));
    assert_eq!(mail.subject(), Some("Re: Plans"));
    assert_eq!(result["recipients"]["to"][0]["email"], "bob@x.example");
    assert_eq!(result["recipients"]["cc"][0]["email"], "c@x.example");
    assert_eq!(result["reply_to_message_id"], "m1");
}

#[tokio::test]
async fn a_forwarded_mail_takes_its_text_and_files_along() {
    let arguments = json!({ "body": "FYI", "forward_message_id": "m1", "to": "eve@x.example" });
    let (result, message, bytes) = saved(arguments).await;
    assert_eq!(message.get("threadId"), None);
    let mail = MessageParser::default().parse(&bytes).unwrap();
    assert_eq!(mail.subject(), Some("Fwd: Plans"));
    assert!(mail.in_reply_to().as_text().is_none());
    let text = mail.body_text(0).unwrap().replace("\r\n", "\n");
    let expected = "FYI\n\n---------- Forwarded message ---------\nSubject: Plans\n\
        From: Bob <bob@x.example>\nTo: ada@x.example\nDate: 2026-03-01T01:00:00+01:00\n\n<3";
    assert_eq!(text.trim_end(), expected);
    let html = mail.body_html(0).unwrap();
    assert!(html.contains("<div>&lt;3</div>"), "{html}");
    assert!(!html.contains("script"), "{html}");
    let files: Vec<_> = mail
        .attachments()
        .map(|part| {
            let kind = part.content_type().unwrap();
            (
                part.attachment_name().unwrap().to_owned(),
                format!("{}/{}", kind.ctype(), kind.subtype().unwrap()),
                part.contents().to_vec(),
            )
        })
        .collect();
    let file = |name: &str, kind: &str| (name.to_owned(), kind.to_owned(), b"hi".to_vec());
    assert_eq!(
        files,
        [
            file(".._a.csv", "text/csv"),
            file("b.eml", "application/octet-stream"),
        ]
    );
    assert_eq!(result["attachments"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_fits_no_draft_is_refused_and_nothing_is_saved() {
    for arguments in [
        json!({ "body": "b", "reply_to_message_id": "m1", "forward_message_id": "m1" }),
        json!({ "body": "b", "subject": "a\r\nBcc: eve@x.example" }),
        json!({ "body": "b", "to": "nobody" }),
        json!({ "body": "b", "from_alias": "a@x.example, b@x.example" }),
    ] {
        let fake = Gmail::start(gmail).await;
        let error = fake
            .call("gmail_create_draft", arguments.clone())
            .await
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArguments, "{arguments}");
        assert!(fake.seen().is_empty());
    }
}

fn drafts(request: &Seen) -> (u16, Value) {
    let draft = |id: &str, headers: &[(&str, &str)]| {
        let message = message("m5", &["DRAFT"], headers);
        (200, json!({ "id": id, "message": message }))
    };
    match path(request) {
        "/drafts" => (
            200,
            json!({ "drafts": [{ "id": "r1" }, { "id": "gone" }, { "id": "r2" }],
                    "nextPageToken": "p2", "resultSizeEstimate": 7 }),
        ),
        "/drafts/r1" => draft(
            "r1",
            &[
                ("To", "Bob <bob@x.example>"),
                ("Bcc", "eve@x.example"),
                ("Subject", "Lunch"),
            ],
        ),
        "/drafts/r2" => draft("r2", &[]),
        "/drafts/send" => (
            200,
            json!({ "id": "m9", "threadId": "t1", "labelIds": ["SENT"] }),
        ),
        _ => google_error(404, "notFound", "Not Found"),
    }
}

#[tokio::test]
async fn drafts_are_listed_with_whom_they_are_for() {
    let fake = Gmail::start(drafts).await;
    let arguments = json!({ "query": "lunch", "limit": 3 });
    let output = fake.call("gmail_list_drafts", arguments).await.unwrap();
    let structured = output.structured.unwrap();
    assert_eq!(
        structured["items"][0],
        json!({
            "draft_id": "r1", "message_id": "m5", "thread_id": "t1",
            "to": [{ "name": "Bob", "email": "bob@x.example" }], "to_more": 0,
            "subject": "Lunch", "date": "2026-03-01T01:00:00+01:00", "snippet": "Text of m5",
        })
    );
    assert_eq!(structured["page"]["returned"], 2);
    assert_eq!(structured["page"]["total_estimate"], 7);
    let cursor = structured["page"]["next_cursor"].clone();
    fake.call("gmail_list_drafts", json!({ "cursor": cursor }))
        .await
        .unwrap();
    let seen = fake.seen();
    assert_eq!(seen[0].query("maxResults"), "3");
    assert_eq!(seen[1].query("format"), "metadata");
    let last = seen
        .iter()
        .rfind(|request| path(request) == "/drafts")
        .unwrap();
    assert_eq!((last.query("q"), last.query("pageToken")), ("lunch", "p2"));

    let error = fake.call("gmail_list_drafts", json!({ "limit": 51 })).await;
    assert_eq!(error.unwrap_err().code, ErrorCode::InvalidArguments);
}

#[tokio::test]
async fn a_draft_is_sent_as_it_is_or_only_shown() {
    for dry_run in [true, false] {
        let fake = Gmail::start(drafts).await;
        let arguments = json!({ "draft_id": "r1", "dry_run": dry_run });
        let output = fake.call("gmail_send_draft", arguments).await.unwrap();
        let structured = output.structured.unwrap();
        assert_eq!(structured["sent"], !dry_run);
        assert_eq!(
            structured["recipients"],
            json!([{ "name": "Bob", "email": "bob@x.example" }, { "email": "eve@x.example" }])
        );
        let sends: Vec<_> = fake
            .seen()
            .into_iter()
            .filter(|request| request.method == "POST")
            .collect();
        assert_eq!(sends.len(), usize::from(!dry_run));
        if let [send] = sends.as_slice() {
            assert_eq!(path(send), "/drafts/send");
            assert_eq!(send.json(), json!({ "id": "r1" }));
            assert_eq!(structured["message_id"], "m9");
            assert_eq!(structured["labels"], json!(["Sent"]));
        }
    }
}

#[tokio::test]
async fn a_draft_that_cannot_go_is_not_sent_and_a_lost_answer_is_not_repeated() {
    let fake = Gmail::start(drafts).await;
    for (id, code) in [("r2", ErrorCode::Rejected), ("gone", ErrorCode::NotFound)] {
        let error = fake
            .call("gmail_send_draft", json!({ "draft_id": id }))
            .await;
        assert_eq!(error.unwrap_err().code, code);
    }
    assert!(fake.seen().iter().all(|request| request.method == "GET"));

    let fake = Gmail::start(|request| match path(request) {
        "/drafts/send" => (502, json!({})),
        _ => drafts(request),
    })
    .await;
    let error = fake
        .call("gmail_send_draft", json!({ "draft_id": "r1" }))
        .await;
    assert_eq!(error.unwrap_err().code, ErrorCode::OutcomeUnknown);
    assert_eq!(fake.seen().len(), 2);
}
