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
    /// Whether the message was sent; false for a dry run.
    pub(super) sent: bool,
    /// Gmail's id of the sent message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message_id: Option<String>,
    /// The conversation that it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thread_id: Option<String>,
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
        } else {
            writeln!(text, "Dry run: nothing was sent.")?;
        }
        if let Some(from) = &self.from {
            writeln!(text, "From: {from}")?;
        }
        let Recipients { to, cc, bcc } = &self.recipients;
        for (name, list) in [("To", to), ("Cc", cc), ("Bcc", bcc)] {
            if !list.is_empty() {
                let names: Vec<String> = list.iter().map(ToString::to_string).collect();
                writeln!(text, "{name}: {}", names.join(", "))?;
            }
        }
        writeln!(text, "Subject: {}", self.subject)?;
        for file in &self.attachments {
            writeln!(
                text,
                "Attachment: {} ({}, {} bytes)",
                file.filename, file.mime_type, file.size
            )?;
        }
        writeln!(text, "Size: {} bytes", self.size_bytes)?;
        for (name, value) in [
            ("Sent at", &self.sent_at),
            ("message_id", &self.message_id),
            ("thread_id", &self.thread_id),
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
