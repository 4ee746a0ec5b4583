//! Drafts.

use mail_parser::{MessageParser, MimeHeaders};
use serde_json::{Value, json};

use super::fake::{Gmail, message, path, raw};
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
