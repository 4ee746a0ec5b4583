//! A mail that is ready: sent, shown or saved as a draft.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

use super::allowed;
use super::attachments::File;
use super::body::Body;
use super::error::{Call, accept};
use super::labels;
use super::mime::{self, Mail};
use super::recipients::{Mailbox, Recipients};
use super::sent::{DraftResult, Preview, SendResult};
use super::threading::Thread;
use super::wire::{Draft, Message};
use crate::api::{Api, Request};
use crate::error::{ErrorCode, ToolError};
use crate::when;

/// Above this a message goes to the upload endpoint, which takes it without base64 around it
/// (<https://developers.google.com/workspace/gmail/api/guides/uploads>).
const MAX_JSON: usize = 5_000_000;

/// What Gmail takes as a whole, encoded.
const MAX_MESSAGE: usize = 25_000_000;

/// Of which one is not in the message, whatever is in it; the text could hold any one of them.
const BOUNDARIES: [(&str, &str); 3] = [
    ("valetkey-4f1d", "multipart/related; boundary=valetkey-4f1d"),
    ("valetkey-a92c", "multipart/related; boundary=valetkey-a92c"),
    ("valetkey-07be", "multipart/related; boundary=valetkey-07be"),
];

/// Everything in it has been checked.
pub(super) struct Outgoing {
    /// Absent, Gmail puts the account's own address in.
    pub(super) from: Option<Mailbox>,
    pub(super) recipients: Recipients,
    pub(super) subject: String,
    pub(super) body: Body,
    pub(super) files: Vec<File>,
    pub(super) thread: Thread,
    /// The message that it answers.
    pub(super) parent: Option<Parent>,
    pub(super) warnings: Vec<String>,
}

/// Gmail's ids of the message that is answered.
pub(super) struct Parent {
    pub(super) message_id: String,
    pub(super) thread_id: String,
}

/// The note that recipients were named twice.
pub(super) fn repeated(duplicates: usize) -> Vec<String> {
    match duplicates {
        0 => Vec::new(),
        1 => vec!["1 repeated recipient was left out.".to_owned()],
        several => vec![format!("{several} repeated recipients were left out.")],
    }
}

impl Outgoing {
    /// Sends it (`messages.send`), or shows what would be sent. It goes nowhere if the operator does
    /// not allow one of its recipients. (A draft may be for anybody: saving is not sending.)
    pub(super) async fn send(
        self,
        api: &Api,
        call: &Call,
        dry_run: bool,
    ) -> Result<SendResult, ToolError> {
        allowed::check(api, self.recipients.all())?;
        if dry_run {
            return self.show();
        }
        let message = self.write()?;
        let thread_id = self.parent.as_ref().map(|it| it.thread_id.clone());
        let mut result = self.result(message.len());
        let collection = ["messages", "send"];
        let request = request(api, &collection, |message| message, thread_id, message);
        let sent: Message = accept(request.send().await?, call)?.json()?;
        result.sent = true;
        result.sent_at = Some(when::show(api.now(), api.zone()));
        result.url = Some(page_of(api.account(), &format!("all/{}", sent.id)));
        result.labels = labels::shown(&sent.label_ids);
        result.message_id = Some(sent.id);
        result.thread_id = Some(sent.thread_id);
        Ok(result)
    }

    /// The same message saved as a draft, or shown.
    pub(super) async fn save_answer(
        self,
        api: &Api,
        call: &Call,
        dry_run: bool,
    ) -> Result<SendResult, ToolError> {
        if dry_run {
            return self.show();
        }
        Ok(self.save(api, call).await?.into())
    }

    /// What would be sent or saved.
    fn show(mut self) -> Result<SendResult, ToolError> {
        let message = self.write()?;
        let preview = Preview {
            headers: mime::headers(&message),
            text: std::mem::take(&mut self.body.text),
            html: self.body.html.is_some(),
        };
        let thread_id = self.parent.as_ref().map(|it| it.thread_id.clone());
        Ok(SendResult {
            thread_id,
            preview: Some(preview),
            ..self.result(message.len())
        })
    }

    /// What is known before it is sent.
    fn result(self, size_bytes: usize) -> SendResult {
        SendResult {
            sent: false,
            draft_id: None,
            message_id: None,
            thread_id: None,
            reply_to_message_id: self.parent.map(|it| it.message_id),
            labels: Vec::new(),
            sent_at: None,
            url: None,
            from: self.from,
            recipients: self.recipients,
            subject: self.subject,
            attachments: self.files.into_iter().map(|file| file.about).collect(),
            size_bytes,
            preview: None,
            warnings: self.warnings,
        }
    }

    /// Saves it as a draft (`drafts.create`).
    pub(super) async fn save(self, api: &Api, call: &Call) -> Result<DraftResult, ToolError> {
        let message = self.write()?;
        let size_bytes = message.len();
        let (reply_to_message_id, thread_id) = match self.parent {
            Some(parent) => (Some(parent.message_id), Some(parent.thread_id)),
            None => (None, None),
        };
        let wrap = |message| json!({ "message": message });
        let request = request(api, &["drafts"], wrap, thread_id, message);
        let draft: Draft = accept(request.send().await?, call)?.json()?;
        Ok(DraftResult {
            draft_id: draft.id,
            message_id: draft.message.id,
            thread_id: draft.message.thread_id,
            reply_to_message_id,
            url: page_of(api.account(), "drafts"),
            from: self.from,
            recipients: self.recipients,
            subject: self.subject,
            attachments: self.files.into_iter().map(|file| file.about).collect(),
            size_bytes,
            warnings: self.warnings,
        })
    }

    fn write(&self) -> Result<Vec<u8>, ToolError> {
        let message = Mail {
            from: self.from.as_ref(),
            recipients: &self.recipients,
            subject: &self.subject,
            body: &self.body,
            files: &self.files,
            thread: &self.thread,
        }
        .write();
        if message.len() > MAX_MESSAGE {
            return Err(ToolError::new(
                ErrorCode::TooLarge,
                "The message is larger than the 25 MB that Gmail takes.",
                "Send less, or put files in a shared folder and send their links.",
            ));
        }
        Ok(message)
    }
}

/// Small messages in JSON; large ones as they are, beside JSON where there is something to say of
/// them. `wrap` makes the request's body of a message resource.
fn request(
    api: &Api,
    collection: &[&str],
    wrap: impl Fn(Value) -> Value,
    thread_id: Option<String>,
    message: Vec<u8>,
) -> Request {
    let resource = match thread_id {
        Some(id) => json!({ "threadId": id }),
        None => json!({}),
    };
    let mut path = vec!["upload", "gmail", "v1", "users", "me"];
    path.extend(collection);
    if message.len() <= MAX_JSON {
        let mut resource = resource;
        resource["raw"] = URL_SAFE.encode(message).into();
        return api.write(Method::POST, &path[1..]).json(&wrap(resource));
    }
    let request = api.write(Method::POST, &path);
    if resource == json!({}) {
        return request
            .query("uploadType", "media")
            .body("message/rfc822", message);
    }
    let is_free = |mark: &str| {
        !message
            .windows(mark.len())
            .any(|found| found == mark.as_bytes())
    };
    let (boundary, content_type) = BOUNDARIES
        .into_iter()
        .find(|(mark, _)| is_free(mark))
        .unwrap_or(BOUNDARIES[0]);
    let mut body = format!(
        "--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{}\r\n\
         --{boundary}\r\nContent-Type: message/rfc822\r\n\r\n",
        wrap(resource)
    )
    .into_bytes();
    body.extend(message);
    body.extend(format!("\r\n--{boundary}--\r\n").into_bytes());
    request
        .query("uploadType", "multipart")
        .body(content_type, body)
}

/// A place on Gmail's pages.
fn page_of(account: &str, place: &str) -> String {
    let mut url = Url::parse("https://mail.google.com/mail/u/").expect("the literal is a URL");
    url.query_pairs_mut().append_pair("authuser", account);
    url.set_fragment(Some(place));
    url.into()
}
