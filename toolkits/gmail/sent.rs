//! The result of sending, structured and as text.

use std::fmt::{Result, Write};

use schemars::JsonSchema;
use serde::Serialize;

use super::attachments::AboutFile;
use super::recipients::{Mailbox, Recipients};
use crate::output::Render;

/// What was sent, or would be.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SendResult {
    /// Whether the message was sent; false for a dry run and for a draft.
    pub(super) sent: bool,
    /// The draft, if it was saved as one: for `gmail_send_draft`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) draft_id: Option<String>,
    /// Gmail's id of the sent message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message_id: Option<String>,
    /// The conversation that it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thread_id: Option<String>,
    /// The message that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reply_to_message_id: Option<String>,
    /// The labels that Gmail gave it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) labels: Vec<String>,
    /// When the call was made: RFC 3339 in the user's time zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sent_at: Option<String>,
    /// The message on Gmail's pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) url: Option<String>,
    /// The alias it was sent from; absent, the account's own address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<Mailbox>,
    /// Who gets it.
    pub(super) recipients: Recipients,
    /// The subject.
    pub(super) subject: String,
    /// The attached files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) attachments: Vec<AboutFile>,
    /// The size of the encoded message.
    pub(super) size_bytes: usize,
    /// What a dry run would have sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) preview: Option<Preview>,
    /// What else to know about this result.
    pub(super) warnings: Vec<String>,
}

/// A rendered message.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Preview {
    /// The header fields as they would travel. Gmail adds the sender, if no alias was named, the
    /// date and the message id.
    pub(super) headers: String,
    /// The plain text.
    pub(super) text: String,
    /// Whether the same text would go as HTML, too.
    pub(super) html: bool,
}

/// A draft that was saved.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DraftResult {
    /// For `gmail_send_draft`.
    pub(super) draft_id: String,
    /// Gmail's id of the message; each change of the draft gives it another.
    pub(super) message_id: String,
    /// The conversation that it is in.
    pub(super) thread_id: String,
    /// The message that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reply_to_message_id: Option<String>,
    /// The drafts on Gmail's pages.
    pub(super) url: String,
    /// The alias it would be sent from; absent, the account's own address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<Mailbox>,
    /// Who would get it.
    pub(super) recipients: Recipients,
    /// The subject.
    pub(super) subject: String,
    /// The attached files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) attachments: Vec<AboutFile>,
    /// The size of the encoded message.
    pub(super) size_bytes: usize,
    /// What else to know about this result.
    pub(super) warnings: Vec<String>,
}

const SAVED: &str = "Saved as a draft; nothing was sent.";

impl From<DraftResult> for SendResult {
    fn from(saved: DraftResult) -> Self {
        Self {
            sent: false,
            draft_id: Some(saved.draft_id),
            message_id: Some(saved.message_id),
            thread_id: Some(saved.thread_id),
            reply_to_message_id: saved.reply_to_message_id,
            labels: Vec::new(),
            sent_at: None,
            url: Some(saved.url),
            from: saved.from,
            recipients: saved.recipients,
            subject: saved.subject,
            attachments: saved.attachments,
            size_bytes: saved.size_bytes,
            preview: None,
            warnings: saved.warnings,
        }
    }
}

impl Render for DraftResult {
    fn render(&self) -> String {
        let mut text = format!("{SAVED}\n");
        self.write(&mut text).expect("a string takes every write");
        text
    }
}

impl DraftResult {
    fn write(&self, text: &mut String) -> Result {
        write_mail(
            text,
            self.from.as_ref(),
            &self.recipients,
            &self.subject,
            &self.attachments,
        )?;
        writeln!(text, "Size: {} bytes", self.size_bytes)?;
        writeln!(text, "draft_id: {}", self.draft_id)?;
        writeln!(text, "message_id: {}", self.message_id)?;
        writeln!(text, "thread_id: {}", self.thread_id)?;
        if let Some(parent) = &self.reply_to_message_id {
            writeln!(text, "Answers message_id: {parent}")?;
        }
        write!(text, "URL: {}", self.url)
    }
}

/// Who, what and which files.
fn write_mail(
    text: &mut String,
    from: Option<&Mailbox>,
    recipients: &Recipients,
    subject: &str,
    attachments: &[AboutFile],
) -> Result {
    if let Some(from) = from {
        writeln!(text, "From: {from}")?;
    }
    let Recipients { to, cc, bcc } = recipients;
    for (name, list) in [("To", to), ("Cc", cc), ("Bcc", bcc)] {
        if !list.is_empty() {
            let names: Vec<String> = list.iter().map(ToString::to_string).collect();
            writeln!(text, "{name}: {}", names.join(", "))?;
        }
    }
    writeln!(text, "Subject: {subject}")?;
    for file in attachments {
        writeln!(
            text,
            "Attachment: {} ({}, {} bytes)",
            file.filename, file.mime_type, file.size
        )?;
    }
    Ok(())
}

impl Render for SendResult {
    fn render(&self) -> String {
        let mut text = String::new();
        self.write(&mut text).expect("a string takes every write");
        text.truncate(text.trim_end().len());
        text
    }
}

impl SendResult {
    fn write(&self, text: &mut String) -> Result {
        if self.sent {
            writeln!(text, "Sent.")?;
        } else if self.draft_id.is_some() {
            writeln!(text, "{SAVED}")?;
        } else {
            writeln!(text, "Dry run: nothing was sent.")?;
        }
        write_mail(
            text,
            self.from.as_ref(),
            &self.recipients,
            &self.subject,
            &self.attachments,
        )?;
        writeln!(text, "Size: {} bytes", self.size_bytes)?;
        for (name, value) in [
            ("Sent at", &self.sent_at),
            ("draft_id", &self.draft_id),
            ("message_id", &self.message_id),
            ("thread_id", &self.thread_id),
            ("Answers message_id", &self.reply_to_message_id),
            ("URL", &self.url),
        ] {
            if let Some(value) = value {
                writeln!(text, "{name}: {value}")?;
            }
        }
        if !self.labels.is_empty() {
            writeln!(text, "Labels: {}", self.labels.join(", "))?;
        }
        if let Some(preview) = &self.preview {
            let html = if preview.html {
                " The same goes as HTML, too."
            } else {
                ""
            };
            write!(
                text,
                "\nHeader fields; Gmail adds the date, the message id and the sender if there is \
                 none:\n{}\n\nText:{html}\n{}",
                preview.headers, preview.text
            )?;
        }
        Ok(())
    }
}
