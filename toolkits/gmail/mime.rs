//! The message as it travels (RFC 5322, RFC 2045).

use std::fmt::Write as _;

use mail_builder::headers::HeaderType;
use mail_builder::headers::address::Address;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::message_id::MessageId;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::text::Text;
use mail_builder::mime::MimePart;
use sha2::{Digest, Sha256};

use super::attachments::File;
use super::body::Body;
use super::recipients::{Mailbox, Recipients};
use super::threading::Thread;

/// What a message is made of; everything in it has been checked.
pub(super) struct Mail<'a> {
    /// Absent, Gmail puts the account's own address in.
    pub(super) from: Option<&'a Mailbox>,
    pub(super) recipients: &'a Recipients,
    pub(super) subject: &'a str,
    pub(super) body: &'a Body,
    pub(super) files: &'a [File],
    /// What it answers; empty for a mail that begins a conversation.
    pub(super) thread: &'a Thread,
}

impl Mail<'_> {
    /// Writes `multipart/mixed{ multipart/alternative{ text, html }, files }`, with as few of these
    /// layers as there is need for.
    ///
    /// Date and Message-ID are left to Gmail: a generated one would name this machine or its clock.
    /// The same mail is written the same each time: what was previewed is what goes. Bcc is written: it is where Gmail learns of blind copies, and it removes the field.
    pub(super) fn write(&self) -> Vec<u8> {
        let text = MimePart::new("text/plain", self.body.text.as_str());
        let content = match &self.body.html {
            None => text,
            Some(html) => MimePart::new(
                self.multipart("alternative"),
                vec![text, MimePart::new("text/html", html.as_str())],
            ),
        };
        let mut whole = if self.files.is_empty() {
            content
        } else {
            let files = self.files.iter().map(|file| {
                MimePart::new(file.about.mime_type.as_str(), file.bytes.as_slice())
                    .attachment(file.about.filename.as_str())
            });
            MimePart::new(
                self.multipart("mixed"),
                std::iter::once(content).chain(files).collect::<Vec<_>>(),
            )
        };
        let mut headers: Vec<(_, HeaderType<'_>)> = Vec::new();
        if let Some(from) = self.from {
            headers.push(("From".into(), from.address().into()));
        }
        let Recipients { to, cc, bcc } = self.recipients;
        for (name, list) in [("To", to), ("Cc", cc), ("Bcc", bcc)] {
            if !list.is_empty() {
                let list = list.iter().map(Mailbox::address).collect();
                headers.push((name.into(), Address::new_list(list).into()));
            }
        }
        if let Some(parent) = &self.thread.in_reply_to {
            let parent = MessageId::new(parent.as_str());
            headers.push(("In-Reply-To".into(), parent.into()));
            let ids = self.thread.references.iter().map(String::as_str);
            headers.push(("References".into(), MessageId::new_list(ids).into()));
        }
        headers.push(("Subject".into(), Text::new(self.subject).into()));
        headers.push(("MIME-Version".into(), Raw::new("1.0").into()));
        whole.headers.splice(0..0, headers);
        let mut bytes = Vec::new();
        whole.write_part(&mut bytes);
        bytes
    }
}

impl Mail<'_> {
    /// A content type with a boundary that depends on the content alone, and that nobody can write
    /// into a content whose digest it is (RFC 2046 §5.1.1).
    fn multipart(&self, subtype: &str) -> ContentType<'static> {
        let mut digest = Sha256::new();
        digest.update(subtype);
        digest.update(&self.body.text);
        digest.update(self.body.html.as_deref().unwrap_or_default());
        for file in self.files {
            digest.update(&file.bytes);
        }
        let mut boundary = String::from("valetkey-");
        for byte in &digest.finalize()[..16] {
            write!(boundary, "{byte:02x}").expect("a string takes every write");
        }
        ContentType::new(format!("multipart/{subtype}")).attribute("boundary", boundary)
    }
}

/// The header fields of a written message, as written.
pub(super) fn headers(message: &[u8]) -> String {
    let end = message
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap_or(message.len());
    String::from_utf8_lossy(&message[..end]).replace("\r\n", "\n")
}
