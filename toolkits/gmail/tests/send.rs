//! `gmail_send_email`.

use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use mail_parser::{HeaderName, Message, MessageParser, MimeHeaders, PartType};
use serde_json::{Value, json};

use super::fake::Gmail;
use crate::api::Api;
use crate::error::ErrorCode;
use crate::fake::{Seen, raw as raw_server, settings};

fn accepted(_: &Seen) -> (u16, Value) {
    (
        200,
        json!({ "id": "m9", "threadId": "t9", "labelIds": ["SENT"] }),
    )
}

/// The message that a request carries.
fn raw(request: &Seen) -> Vec<u8> {
    let body = request.json();
    assert_eq!(body.as_object().unwrap().len(), 1);
    URL_SAFE.decode(body["raw"].as_str().unwrap()).unwrap()
}

/// Sends and gives back the message that arrived.
async fn delivered(arguments: Value) -> Vec<u8> {
    let fake = Gmail::start(accepted).await;
    fake.call("gmail_send_email", arguments).await.unwrap();
    let seen = fake.seen();
    assert_eq!(seen.len(), 1);
    raw(&seen[0])
}

#[tokio::test]
async fn an_account_with_a_name_is_shown_with_it_and_links_use_its_address() {
    const SHOWN: &str = "work (ada@x.example)";
    let shown = Some(SHOWN);
    let letter = json!({ "to": "bob@x.example", "subject": "s", "body": "b" });
    let fake = Gmail::start(accepted).await;
    let sent = fake
        .call_as(shown, "gmail_send_email", letter.clone())
        .await;
    let sent = sent.unwrap();
    let structured = sent.structured.unwrap();
    assert_eq!(structured["account"], SHOWN);
    assert!(
        sent.text.ends_with("Account: work (ada@x.example)"),
        "{}",
        sent.text
    );
    let url = structured["url"].as_str().unwrap();
    assert!(url.contains("authuser=ada%40x.example#"), "{url}");

    let fake = Gmail::start(|_| (403, json!({}))).await;
    let error = fake.call_as(shown, "gmail_send_email", letter).await;
    assert_eq!(error.unwrap_err().account.as_deref(), shown);
}

fn parsed(raw: &[u8]) -> Message<'_> {
    MessageParser::default().parse(raw).unwrap()
}

fn addresses(list: Option<&mail_parser::Address<'_>>) -> Vec<(Option<String>, String)> {
    list.into_iter()
        .flat_map(mail_parser::Address::iter)
        .map(|found| {
            (
                found.name().map(str::to_owned),
                found.address().unwrap().to_owned(),
            )
        })
        .collect()
}

#[tokio::test]
async fn a_mail_is_sent_in_both_forms_and_all_facts_are_told() {
    let fake = Gmail::start(accepted).await;
    let output = fake
        .call(
            "gmail_send_email",
            json!({
                "to": "Bob <bob@x.example>",
                "cc": ["eve@x.example"],
                "subject": "Lunch",
                "body": "Hi **Bob**,\nhow about noon?",
            }),
        )
        .await
        .unwrap();
    let seen = fake.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].method, "POST");
    assert_eq!(seen[0].path, "/gmail/v1/users/me/messages/send");
    assert!(
        seen[0]
            .header("content-type")
            .starts_with("application/json")
    );
    let bytes = raw(&seen[0]);
    let mail = parsed(&bytes);
    assert_eq!(
        addresses(mail.to()),
        [(Some("Bob".to_owned()), "bob@x.example".to_owned())]
    );
    assert_eq!(addresses(mail.cc()), [(None, "eve@x.example".to_owned())]);
    assert_eq!(mail.subject(), Some("Lunch"));
    assert!(mail.is_content_type("multipart", "alternative"));
    assert_eq!(
        mail.body_text(0).unwrap().trim_end(),
        "Hi Bob,\r\nhow about noon?"
    );
    assert!(
        mail.body_html(0)
            .unwrap()
            .starts_with("<p>Hi <strong>Bob</strong>,<br />")
    );
    // Gmail knows them; ours would name this machine.
    for absent in [HeaderName::From, HeaderName::MessageId, HeaderName::Date] {
        assert!(mail.header(absent.clone()).is_none(), "{absent:?}");
    }

    let structured = json!(output.structured);
    assert_eq!(
        structured,
        json!({
            "sent": true,
            "message_id": "m9",
            "thread_id": "t9",
            "labels": ["Sent"],
            "sent_at": "2026-11-23T11:00:00+01:00",
            "url": "https://mail.google.com/mail/u/?authuser=ada%40x.example#all/m9",
            "recipients": {
                "to": [{ "name": "Bob", "email": "bob@x.example" }],
                "cc": [{ "email": "eve@x.example" }],
                "bcc": [],
            },
            "subject": "Lunch",
            "size_bytes": bytes.len(),
            "truncated": false,
            "warnings": [],
            "account": "ada@x.example",
        })
    );
    for fact in [
        "Sent.",
        "To: Bob <bob@x.example>",
        "Cc: eve@x.example",
        "Subject: Lunch",
        "message_id: m9",
        "thread_id: t9",
        "Labels: Sent",
        "Sent at: 2026-11-23T11:00:00+01:00",
        "https://mail.google.com/mail/u/?authuser=ada%40x.example#all/m9",
        &format!("Size: {} bytes", bytes.len()),
        "ada@x.example",
    ] {
        assert!(output.text.contains(fact), "{fact} in:\n{}", output.text);
    }
}

#[tokio::test]
async fn headers_carry_any_language_and_blind_copies() {
    let subject = "Grüße aus 東京 — ".repeat(6);
    let raw = delivered(json!({
        "to": ["\"Müller, Jürgen\" <j@x.example>", "日本 <n@x.example>"],
        "bcc": "eve@x.example",
        "subject": subject,
        "body": "x",
        "from_alias": "Ada at work <ada@work.example>",
    }))
    .await;
    let mail = parsed(&raw);
    assert_eq!(mail.subject().unwrap(), subject);
    assert_eq!(
        addresses(mail.to()),
        [
            (Some("Müller, Jürgen".to_owned()), "j@x.example".to_owned()),
            (Some("日本".to_owned()), "n@x.example".to_owned()),
        ]
    );
    assert_eq!(addresses(mail.bcc()), [(None, "eve@x.example".to_owned())]);
    assert_eq!(
        addresses(mail.from()),
        [(
            Some("Ada at work".to_owned()),
            "ada@work.example".to_owned()
        )]
    );
    let header = String::from_utf8(raw).unwrap();
    let header = header.split("\r\n\r\n").next().unwrap();
    assert!(header.is_ascii());
    assert!(header.lines().all(|line| line.len() <= 78), "{header}");
}

#[tokio::test]
async fn files_arrive_byte_for_byte_with_their_names() {
    let all_bytes: Vec<u8> = (0..=255).collect();
    let csv = "a,b\nÄ,2\r\nlast";
    let raw = delivered(json!({
        "to": "bob@x.example",
        "subject": "Files",
        "body": "See *here*",
        "attachments": [
            { "content_b64": STANDARD.encode(&all_bytes), "filename": "Übersicht \"1\".bin" },
            { "content_b64": STANDARD.encode(csv), "filename": "table.csv", "mime_type": "text/csv" },
        ],
    }))
    .await;
    let mail = parsed(&raw);
    assert!(mail.is_content_type("multipart", "mixed"));
    let PartType::Multipart(children) = &mail.parts[0].body else {
        panic!("a multipart");
    };
    let alternative = &mail.parts[children[0] as usize];
    assert!(alternative.is_content_type("multipart", "alternative"));
    let files: Vec<_> = mail
        .attachments()
        .map(|part| {
            (
                part.attachment_name().unwrap().to_owned(),
                part.content_type().map(|found| {
                    format!("{}/{}", found.ctype(), found.subtype().unwrap_or_default())
                }),
                part.contents().to_vec(),
            )
        })
        .collect();
    assert_eq!(
        files,
        [
            (
                "Übersicht \"1\".bin".to_owned(),
                Some("application/octet-stream".to_owned()),
                all_bytes
            ),
            (
                "table.csv".to_owned(),
                Some("text/csv".to_owned()),
                csv.as_bytes().to_vec()
            ),
        ]
    );
    // RFC 2231 for what is not ASCII.
    assert!(String::from_utf8_lossy(&raw).contains("filename*=UTF-8''%C3%9Cbersicht"));
}

#[tokio::test]
async fn plain_text_goes_alone_and_html_with_a_readable_text() {
    let raw = delivered(json!({
        "to": "bob@x.example", "subject": "s", "body": "*a* <b>\n\nc", "body_format": "plain",
    }))
    .await;
    let mail = parsed(&raw);
    assert!(mail.is_content_type("text", "plain"));
    assert_eq!(mail.body_text(0).unwrap().trim_end(), "*a* <b>\r\n\r\nc");

    let raw = delivered(json!({
        "to": "bob@x.example", "subject": "s", "body_format": "html",
        "body": "<p>See <a href=\"https://x.example\">this</a></p>",
    }))
    .await;
    let mail = parsed(&raw);
    assert_eq!(
        mail.body_text(0).unwrap().trim_end(),
        "See this (https://x.example)"
    );
    assert_eq!(
        mail.body_html(0).unwrap().trim_end(),
        "<p>See <a href=\"https://x.example\">this</a></p>"
    );
}

#[tokio::test]
async fn what_could_add_a_header_or_reach_a_stranger_is_refused_and_nothing_is_sent() {
    let fake = Gmail::start(accepted).await;
    for (field, value) in [
        ("to", json!("a@x.example\r\nBcc: evil@x.example")),
        ("to", json!(["a@x.example\nBcc: evil@x.example"])),
        ("to", json!("\"A\r\nBcc: evil@x.example\" <a@x.example>")),
        (
            "to",
            json!("=?utf-8?B?QQ0KQmNjOiBlQHguZXhhbXBsZQ==?= <a@x.example>"),
        ),
        ("to", json!("boss@x.example <evil@y.example>")),
        ("to", json!("a@b@x.example")),
        ("to", json!("nobody")),
        ("to", json!([])),
        ("cc", json!("a@x.example\rX: y")),
        ("bcc", json!("a\u{0}@x.example")),
        ("subject", json!("Hi\r\nBcc: evil@x.example")),
        ("subject", json!("Hi\nthere")),
        ("subject", json!("Hi\u{7f}")),
        ("subject", json!("=?utf-8?Q?Hi?=")),
        ("subject", json!("x".repeat(1_001))),
        ("from_alias", json!("a@x.example, b@x.example")),
        ("from_alias", json!("a@x.example\r\nX: y")),
        ("body", json!("a\u{0}b")),
        (
            "attachments",
            json!([{ "content_b64": "aGk=", "filename": "a\r\nX: y" }]),
        ),
        (
            "attachments",
            json!([{ "content_b64": "aGk=", "filename": "a", "mime_type": "a/b\r\nX: y" }]),
        ),
        ("attachments", json!([{ "uri": "https://x.example/a" }])),
        ("delay_seconds", json!(121)),
        ("delay_seconds", json!(-1)),
        ("delay_seconds", json!(0.5)),
        ("delay_seconds", json!("10")),
        ("as_draft", json!(true)),
    ] {
        let mut arguments = json!({ "to": "bob@x.example", "subject": "s", "body": "b" });
        arguments[field] = value;
        for dry_run in [false, true] {
            arguments["dry_run"] = json!(dry_run);
            let error = fake
                .call("gmail_send_email", arguments.clone())
                .await
                .unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArguments, "{arguments}");
        }
    }
    let escaped = json!({
        "to": "bob@x.example", "subject": "s", "body": "&lt;div&gt;Hi&lt;/div&gt;",
        "body_format": "html",
    });
    let error = fake.call("gmail_send_email", escaped).await.unwrap_err();
    assert!(error.message.contains("<div>"), "{error}");
    assert!(fake.seen().is_empty());
}

#[tokio::test]
async fn a_dry_run_shows_the_rendered_message_and_sends_nothing() {
    let fake = Gmail::start(accepted).await;
    let output = fake
        .call(
            "gmail_send_email",
            json!({
                "to": ["bob@x.example", "BOB@x.example"],
                "bcc": "Eve <eve@x.example>",
                "subject": "Grüße",
                "body": "# Hi\n\n- one",
                "attachments": [{ "content_b64": "aGk=", "filename": "hi.txt" }],
                "dry_run": true,
            }),
        )
        .await
        .unwrap();
    assert!(fake.seen().is_empty());
    let structured = output.structured.unwrap();
    assert_eq!(structured["sent"], false);
    assert_eq!(structured.get("message_id"), None);
    assert_eq!(structured.get("sent_at"), None);
    let headers = structured["preview"]["headers"].as_str().unwrap();
    for line in [
        "To: <bob@x.example>",
        "Bcc: \"Eve\" <eve@x.example>",
        "Subject: =?utf-8?",
        "MIME-Version: 1.0",
        "Content-Type: multipart/mixed",
    ] {
        assert!(headers.contains(line), "{line} in:\n{headers}");
        assert!(output.text.contains(line), "{line} in:\n{}", output.text);
    }
    assert_eq!(structured["preview"]["text"], "Hi\n\n- one");
    assert_eq!(structured["preview"]["html"], true);
    assert_eq!(
        structured["warnings"],
        json!(["1 repeated recipient was left out."])
    );
    for fact in [
        "Dry run: nothing was sent.",
        "To: bob@x.example\nBcc: Eve <eve@x.example>\n",
        "Subject: Grüße",
        "Hi\n\n- one",
        "Attachment: hi.txt (application/octet-stream, 2 bytes)",
        "1 repeated recipient",
    ] {
        assert!(output.text.contains(fact), "{fact} in:\n{}", output.text);
    }
}

#[tokio::test]
async fn a_large_message_goes_to_the_upload_endpoint_as_it_is() {
    let fake = Gmail::start(accepted).await;
    let bytes = vec![7_u8; 4_000_000];
    fake.call(
        "gmail_send_email",
        json!({
            "to": "bob@x.example", "subject": "Large", "body": "x",
            "attachments": [{ "content_b64": STANDARD.encode(&bytes), "filename": "a.bin" }],
        }),
    )
    .await
    .unwrap();
    let seen = fake.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].path, "/upload/gmail/v1/users/me/messages/send");
    assert_eq!(seen[0].query("uploadType"), "media");
    assert_eq!(seen[0].header("content-type"), "message/rfc822");
    let mail = parsed(&seen[0].body);
    assert_eq!(mail.subject(), Some("Large"));
    assert_eq!(mail.attachment(0).unwrap().contents(), bytes);
}

#[tokio::test]
async fn what_is_too_large_for_gmail_is_not_tried() {
    let fake = Gmail::start(accepted).await;
    let error = fake
        .call(
            "gmail_send_email",
            json!({ "to": "bob@x.example", "subject": "s", "body": "x ".repeat(13_000_000),
                    "body_format": "plain" }),
        )
        .await
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::TooLarge);
    assert!(fake.seen().is_empty());
}

#[tokio::test]
async fn a_send_whose_outcome_is_unknown_is_not_repeated() {
    for answer in [
        (500, json!({})),
        (503, json!({})),
        (200, json!({ "surprise": true })),
    ] {
        let fake = Gmail::start(move |_| answer.clone()).await;
        let error = fake
            .call(
                "gmail_send_email",
                json!({ "to": "bob@x.example", "subject": "s", "body": "b" }),
            )
            .await
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::OutcomeUnknown);
        assert_eq!(fake.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_connection_that_breaks_after_a_send_is_an_unknown_outcome_too() {
    let (url, requests) = raw_server(Vec::new()).await;
    let tools = super::super::tools();
    let send = tools.iter().find(|tool| tool.name == "gmail_send_email");
    let error = send
        .unwrap()
        .run(
            Api::new(settings(&url)),
            json!({ "to": "bob@x.example", "subject": "s", "body": "b" }),
        )
        .await
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::OutcomeUnknown);
    assert_eq!(requests.load(Ordering::SeqCst), 1);
}
