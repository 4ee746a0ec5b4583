//! `gmail_reply`.

use mail_parser::MessageParser;
use serde_json::{Value, json};

use super::fake::{Gmail, google_error, message, path, raw};
use crate::error::ErrorCode;
use crate::fake::Seen;

fn parent(id: &str, labels: &[&str], text: &str) -> Value {
    let mut parent = message(
        id,
        labels,
        &[
            ("From", "Bob <bob@x.example>"),
            ("To", "ada@work.example, eve@x.example"),
            ("Cc", "c@x.example"),
            ("Subject", "Lunch"),
            ("Message-ID", "<m1@bob.example>"),
            ("References", "<m0@bob.example>"),
        ],
    );
    parent["payload"]["body"] = json!({ "size": text.len(), "data": "Tm9vbj8KCkJvYg" });
    parent
}

fn conversation(request: &Seen) -> (u16, Value) {
    let answer = match path(request) {
        "/settings/sendAs" => json!({ "sendAs": [
            { "sendAsEmail": "ada@x.example", "isPrimary": true, "isDefault": true },
            { "sendAsEmail": "ada@work.example", "verificationStatus": "accepted" },
            { "sendAsEmail": "eve@x.example", "verificationStatus": "pending" },
        ]}),
        "/messages/send" | "/upload/gmail/v1/users/me/messages/send" => {
            json!({ "id": "m9", "threadId": "t1", "labelIds": ["SENT"] })
        }
        "/drafts" => json!({
            "id": "r7", "message": { "id": "m8", "threadId": "t1", "labelIds": ["DRAFT"] },
        }),
        "/threads/t1" => json!({ "id": "t1", "messages": [
            { "id": "m1", "threadId": "t1", "labelIds": ["INBOX"] },
            { "id": "m2", "threadId": "t1", "labelIds": ["DRAFT"] },
            { "id": "m3", "threadId": "t1", "labelIds": ["TRASH"] },
        ]}),
        "/messages/m1" => parent("m1", &["INBOX"], "Noon?\n\nBob"),
        "/messages/m2" => parent("m2", &["DRAFT"], ""),
        _ => return google_error(404, "notFound", "Not Found"),
    };
    (200, answer)
}

#[tokio::test]
async fn an_answer_is_in_the_conversation_for_every_mail_program() {
    let fake = Gmail::start(conversation).await;
    let arguments = json!({
        "message_id": "m1", "body": "Yes, *gladly*.", "reply_all": true, "quote_original": true,
        "cc": ["d@x.example", "BOB@x.example"],
    });
    let output = fake.call("gmail_reply", arguments).await.unwrap();
    let seen = fake.seen();
    let paths: Vec<_> = seen.iter().map(path).collect();
    assert_eq!(
        paths,
        ["/messages/m1", "/settings/sendAs", "/messages/send"]
    );
    let body = seen[2].json();
    assert_eq!(body["threadId"], "t1");
    let bytes = raw(&body);
    let mail = MessageParser::default().parse(&bytes).unwrap();
    assert_eq!(mail.in_reply_to().as_text(), Some("m1@bob.example"));
    assert_eq!(
        mail.references().as_text_list().unwrap(),
        ["m0@bob.example", "m1@bob.example"]
    );
    assert_eq!(mail.subject(), Some("Re: Lunch"));
    let text = mail.body_text(0).unwrap().replace("\r\n", "\n");
    assert_eq!(
        text.trim_end(),
        "Yes, gladly.\n\nOn 2026-03-01T01:00:00+01:00, Bob <bob@x.example> wrote:\n> Noon?\n>\n> Bob"
    );
    let html = mail.body_html(0).unwrap();
    assert!(html.contains("<em>gladly</em>"), "{html}");
    assert!(html.contains("Bob &lt;bob@x.example&gt; wrote:"), "{html}");
    let structured = output.structured.unwrap();
    assert_eq!(
        structured["recipients"],
        json!({
            "to": [{ "name": "Bob", "email": "bob@x.example" }],
            "cc": [{ "email": "eve@x.example" }, { "email": "c@x.example" }, { "email": "d@x.example" }],
            "bcc": [],
        })
    );
    assert_eq!(structured["from"]["email"], "ada@work.example");
    assert_eq!(structured["reply_to_message_id"], "m1");
    assert_eq!(structured["thread_id"], "t1");
    assert_eq!(
        structured["warnings"],
        json!(["1 repeated recipient was left out."])
    );
}

#[tokio::test]
async fn of_a_conversation_the_last_message_that_counts_is_answered() {
    let fake = Gmail::start(conversation).await;
    let arguments = json!({ "thread_id": "t1", "body": "Yes.", "dry_run": true });
    let output = fake.call("gmail_reply", arguments).await.unwrap();
    let structured = output.structured.unwrap();
    assert_eq!(structured["sent"], false);
    assert_eq!(structured["reply_to_message_id"], "m1");
    let headers = structured["preview"]["headers"].as_str().unwrap();
    assert!(
        headers.contains("In-Reply-To: <m1@bob.example>"),
        "{headers}"
    );
    assert!(
        headers.contains("References: <m0@bob.example> <m1@bob.example>"),
        "{headers}"
    );
    assert!(fake.seen().iter().all(|request| request.method == "GET"));
}

#[tokio::test]
async fn a_large_answer_keeps_its_conversation() {
    let fake = Gmail::start(conversation).await;
    let arguments = json!({
        "message_id": "m1", "body_format": "plain", "body": "valetkey-4f1d ".repeat(400_000),
    });
    fake.call("gmail_reply", arguments).await.unwrap();
    let sent = fake.seen().pop().unwrap();
    assert_eq!(sent.query("uploadType"), "multipart");
    let boundary = "multipart/related; boundary=valetkey-a92c";
    assert_eq!(sent.header("content-type"), boundary);
    let body = String::from_utf8_lossy(&sent.body);
    let parts: Vec<&str> = body.split("--valetkey-a92c").collect();
    assert_eq!(parts.len(), 4);
    assert!(
        parts[1].ends_with("\r\n\r\n{\"threadId\":\"t1\"}\r\n"),
        "{}",
        parts[1]
    );
    assert!(parts[2].starts_with("\r\nContent-Type: message/rfc822\r\n\r\nFrom: <ada@work"));
    assert_eq!(parts[3], "--\r\n");
}

#[tokio::test]
async fn what_cannot_be_answered_is_refused_and_nothing_is_sent() {
    for (arguments, code, says) in [
        (
            json!({ "body": "b" }),
            ErrorCode::InvalidArguments,
            "either `message_id`",
        ),
        (
            json!({ "body": "b", "message_id": "m1", "thread_id": "t1" }),
            ErrorCode::InvalidArguments,
            "either `message_id`",
        ),
        (
            json!({ "body": "b", "message_id": "m2" }),
            ErrorCode::Rejected,
            "draft",
        ),
        (
            json!({ "body": "b", "message_id": "m7" }),
            ErrorCode::NotFound,
            "know",
        ),
        (
            json!({ "body": "b", "message_id": "m1", "cc": "a@x.example\r\nBcc: eve@x.example" }),
            ErrorCode::InvalidArguments,
            "`cc`",
        ),
    ] {
        let fake = Gmail::start(conversation).await;
        let error = fake
            .call("gmail_reply", arguments.clone())
            .await
            .unwrap_err();
        assert_eq!(error.code, code, "{arguments}");
        assert!(error.message.contains(says), "{error}");
        assert!(fake.seen().iter().all(|request| request.method == "GET"));
    }
}

#[tokio::test]
async fn without_the_list_of_own_addresses_it_is_sent_with_a_warning() {
    let fake = Gmail::start(|request| match path(request) {
        "/settings/sendAs" => google_error(403, "domainPolicy", "No"),
        _ => conversation(request),
    })
    .await;
    let arguments = json!({ "message_id": "m1", "body": "Yes." });
    let output = fake.call("gmail_reply", arguments).await.unwrap();
    let structured = output.structured.unwrap();
    assert_eq!(structured["sent"], true);
    let warning = structured["warnings"][0].as_str().unwrap();
    assert!(
        warning.contains("other addresses could not be read"),
        "{warning}"
    );
}

#[tokio::test]
async fn an_answer_whose_outcome_is_unknown_is_not_repeated() {
    let fake = Gmail::start(|request| match path(request) {
        "/messages/send" => (503, json!({})),
        _ => conversation(request),
    })
    .await;
    let arguments = json!({ "message_id": "m1", "body": "Yes." });
    let error = fake.call("gmail_reply", arguments).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::OutcomeUnknown);
    let sends = fake
        .seen()
        .iter()
        .filter(|seen| seen.method == "POST")
        .count();
    assert_eq!(sends, 1);
}

#[tokio::test]
async fn an_answer_is_saved_as_the_same_message_that_would_be_sent() {
    let fake = Gmail::start(conversation).await;
    let arguments = |as_draft: bool| json!({ "message_id": "m1", "body": "Yes.", "reply_all": true, "as_draft": as_draft });
    let output = fake.call("gmail_reply", arguments(true)).await.unwrap();
    let saved = fake.seen().pop().unwrap();
    assert_eq!(path(&saved), "/drafts");
    let structured = output.structured.unwrap();
    assert_eq!(structured["sent"], false);
    assert_eq!(structured["draft_id"], "r7");
    assert_eq!(structured["reply_to_message_id"], "m1");
    for said in ["Saved as a draft; nothing was sent.", "draft_id: r7"] {
        assert!(output.text.contains(said), "{}", output.text);
    }

    fake.call("gmail_reply", arguments(false)).await.unwrap();
    let sent = fake.seen().pop().unwrap();
    assert_eq!(path(&sent), "/messages/send");
    let parsed = |message: &Value| {
        let bytes = raw(message);
        let mail = MessageParser::default().parse(&bytes).unwrap();
        let field = |name: &str| mail.header_raw(name).map(str::to_owned);
        let fields = ["To", "Cc", "From", "Subject", "In-Reply-To", "References"].map(field);
        (fields, mail.body_text(0).unwrap().into_owned())
    };
    assert_eq!(parsed(&saved.json()["message"]), parsed(&sent.json()));
    assert_eq!(saved.json()["message"]["threadId"], "t1");

    let before = fake.seen().len();
    let mut shown = arguments(true);
    shown["dry_run"] = true.into();
    let output = fake.call("gmail_reply", shown).await.unwrap();
    assert!(output.structured.unwrap().get("draft_id").is_none());
    assert!(fake.seen()[before..].iter().all(|it| it.method == "GET"));
    let mut held = arguments(true);
    held["delay_seconds"] = 5.into();
    let error = fake.call("gmail_reply", held).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidArguments);
}

#[test]
fn an_answer_that_is_saved_needs_to_write_drafts_and_not_to_send() {
    let tools = crate::all();
    let tool = tools
        .iter()
        .find(|tool| tool.name == "gmail_reply")
        .unwrap();
    for (arguments, expected) in [
        (json!({}), ["gmail.send", "gmail.readonly"]),
        (
            json!({ "as_draft": false }),
            ["gmail.send", "gmail.readonly"],
        ),
        (
            json!({ "as_draft": true }),
            ["gmail.compose", "gmail.readonly"],
        ),
    ] {
        let groups = tool.scopes_for(arguments.as_object().unwrap());
        let asked: Vec<&str> = groups
            .iter()
            .map(|group| group[0].rsplit('/').next().unwrap())
            .collect();
        assert_eq!(asked, expected, "{arguments}");
    }
}
