//! `gmail_send_email`: sends a new mail now, or shows what it would send.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use reqwest::Method;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::attachments::{self, Attachment};
use super::body::{self, BodyFormat};
use super::error::{Call, accept};
use super::labels;
use super::mime::{self, Mail};
use super::recipients::{self, Recipients, single_line};
use super::sent::{Preview, SendResult};
use super::wire::Message;
use crate::api::Api;
use crate::arguments::OneOrMany;
use crate::error::{ErrorCode, ToolError};
use crate::when;

/// Allows sending and nothing else; not even a restricted scope.
pub(super) const SCOPE: &str = "https://www.googleapis.com/auth/gmail.send";

const CALL: Call = Call {
    scope: SCOPE,
    bad_request_fix: "Nothing was sent. Correct the recipients, the subject or the attachments and \
                      call again.",
};

/// Above this a message goes to the upload endpoint, which takes it without JSON around it
/// (<https://developers.google.com/workspace/gmail/api/guides/uploads>).
const MAX_JSON: usize = 5_000_000;

/// What Gmail takes as a whole, encoded.
const MAX_MESSAGE: usize = 25_000_000;

const MAX_SUBJECT: usize = 1_000;

/// Send a new e-mail now. It cannot be called back.
///
/// It begins a new conversation. Use `dry_run` to see exactly what would be sent.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SendArgs {
    /// Recipients: `ada@example.com` or `Ada Lovelace <ada@example.com>`.
    #[serde(default)]
    to: OneOrMany,
    /// Recipients of copies.
    #[serde(default)]
    cc: OneOrMany,
    /// Recipients of blind copies.
    #[serde(default)]
    bcc: OneOrMany,
    /// The subject, on one line.
    subject: String,
    /// The text.
    body: String,
    /// How `body` is written, `markdown` by default.
    body_format: Option<BodyFormat>,
    /// Another sender address that this account may send as, if not its own.
    from_alias: Option<String>,
    /// Files, at most 18 MB together.
    #[serde(default)]
    attachments: Option<Vec<Attachment>>,
    /// Show the rendered message and send nothing.
    dry_run: Option<bool>,
}

pub(super) async fn run(api: Api, args: SendArgs) -> Result<SendResult, ToolError> {
    let (recipients, duplicates) = Recipients::read(&args.to.0, &args.cc.0, &args.bcc.0)?;
    single_line("subject", &args.subject)?;
    if args.subject.chars().count() > MAX_SUBJECT {
        return Err(ToolError::invalid_arguments(format!(
            "`subject` is longer than {MAX_SUBJECT} characters."
        )));
    }
    let from = args
        .from_alias
        .as_deref()
        .map(|text| recipients::one("from_alias", text))
        .transpose()?;
    let body = body::read(&args.body, args.body_format.unwrap_or(BodyFormat::Markdown))?;
    let files = attachments::read(args.attachments.as_deref().unwrap_or_default())?;
    let message = Mail {
        from: from.as_ref(),
        recipients: &recipients,
        subject: &args.subject,
        body: &body,
        files: &files,
    }
    .write();
    if message.len() > MAX_MESSAGE {
        return Err(ToolError::new(
            ErrorCode::TooLarge,
            "The message is larger than the 25 MB that Gmail takes.",
            "Send less, or put files in a shared folder and send their links.",
        ));
    }

    let mut warnings = Vec::new();
    match duplicates {
        0 => {}
        1 => warnings.push("1 repeated recipient was left out.".to_owned()),
        several => warnings.push(format!("{several} repeated recipients were left out.")),
    }
    let mut result = SendResult {
        sent: false,
        message_id: None,
        thread_id: None,
        labels: Vec::new(),
        sent_at: None,
        url: None,
        from,
        recipients,
        subject: args.subject,
        attachments: files.into_iter().map(|file| file.about).collect(),
        size_bytes: message.len(),
        preview: None,
        warnings,
    };
    if args.dry_run == Some(true) {
        result.preview = Some(Preview {
            headers: mime::headers(&message),
            text: body.text,
            html: body.html.is_some(),
        });
        return Ok(result);
    }

    let sent = send(&api, message).await?;
    result.sent = true;
    result.sent_at = Some(when::show(api.now(), api.zone()));
    result.url = Some(page_of(api.account(), &sent.id));
    result.labels = sent
        .label_ids
        .iter()
        .map(|id| labels::system_name(id).unwrap_or(id).to_owned())
        .collect();
    result.message_id = Some(sent.id);
    result.thread_id = Some(sent.thread_id);
    Ok(result)
}

/// `messages.send`, small messages in JSON, large ones as they are.
async fn send(api: &Api, message: Vec<u8>) -> Result<Message, ToolError> {
    let request = if message.len() <= MAX_JSON {
        api.write(
            Method::POST,
            &["gmail", "v1", "users", "me", "messages", "send"],
        )
        .json(&json!({ "raw": URL_SAFE.encode(message) }))
    } else {
        api.write(
            Method::POST,
            &["upload", "gmail", "v1", "users", "me", "messages", "send"],
        )
        .query("uploadType", "media")
        .body("message/rfc822", message)
    };
    accept(request.send().await?, &CALL)?.json()
}

/// The message on Gmail's pages.
fn page_of(account: &str, message_id: &str) -> String {
    let mut url = Url::parse("https://mail.google.com/mail/u/").expect("the literal is a URL");
    url.query_pairs_mut().append_pair("authuser", account);
    url.set_fragment(Some(&format!("all/{message_id}")));
    url.into()
}
