//! What a received message holds: the text that a person reads, and the files.

use std::collections::HashMap;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use reqwest::Method;

use super::error::{Call, accept};
use super::line::Lines;
use super::wire::{Message, Part, PartBody};
use super::{charset, html_text};
use crate::api::Api;
use crate::error::{ErrorCode, ToolError};

const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Larger ones do not fit into an answer that is read ([`crate::api`] reads 10 MiB), in base64.
pub(super) const MAX_BYTES: usize = 7_500_000;

/// How many parts of a message's text are read.
const MAX_TEXTS: usize = 40;

/// The text of a message and what is to be known of it.
pub(super) struct Content {
    pub(super) text: String,
    /// How many characters the HTML hides from a person.
    pub(super) hidden: usize,
    pub(super) files: Vec<FileInfo>,
}

/// A file in a message.
pub(super) struct FileInfo {
    /// Stays the same, unlike Gmail's attachment id.
    pub(super) part_id: String,
    pub(super) filename: String,
    pub(super) mime_type: String,
    pub(super) size: usize,
}

impl std::fmt::Display for FileInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self.filename.as_str() {
            "" => "(no name)",
            name => name,
        };
        let FileInfo {
            part_id,
            mime_type,
            size,
            ..
        } = self;
        write!(f, "part_id {part_id}: {name} ({mime_type}, {size} bytes)")
    }
}

/// Reads the text of a message; what Gmail keeps apart for its size is fetched.
pub(super) async fn read(
    api: &Api,
    message: &Message,
    links: bool,
    call: &Call,
) -> Result<Content, ToolError> {
    let Some(root) = &message.payload else {
        return Ok(Content {
            text: String::new(),
            hidden: 0,
            files: Vec::new(),
        });
    };
    let mut parts = Vec::new();
    collect(root, false, &mut parts);
    let mut texts = HashMap::new();
    for (part, _) in parts.iter().filter(|(_, is_text)| *is_text).take(MAX_TEXTS) {
        let text = match bytes(api, &message.id, part, call).await {
            Ok(bytes) => charset::text(part, &bytes),
            Err(error) if error.code == ErrorCode::TooLarge => {
                format!(
                    "[{} bytes of text are too large to be read here]",
                    part.body.size
                )
            }
            Err(error) => return Err(error),
        };
        texts.insert(part.id.as_str(), text);
    }
    let mut reading = Reading {
        texts,
        links,
        hidden: 0,
    };
    let text = reading.text(root).map(|(text, _)| text).unwrap_or_default();
    Ok(Content {
        text,
        hidden: reading.hidden,
        files: files(root),
    })
}

/// The files of a message.
pub(super) fn files(root: &Part) -> Vec<FileInfo> {
    let mut parts = Vec::new();
    collect(root, false, &mut parts);
    parts
        .iter()
        .filter(|(_, is_text)| !is_text)
        .map(|(part, _)| describe(part))
        .collect()
}

/// The files that a message itself brings, without those in attached messages.
pub(super) fn own_files(root: &Part) -> Vec<&Part> {
    fn walk<'a>(part: &'a Part, into: &mut Vec<&'a Part>) {
        if part.parts.is_empty() || part.mime_type.starts_with("message/") {
            if !is_text(part) {
                into.push(part);
            }
        } else {
            part.parts.iter().for_each(|below| walk(below, into));
        }
    }
    let mut files = Vec::new();
    walk(root, &mut files);
    files
}

/// What is told of a part.
pub(super) fn describe(part: &Part) -> FileInfo {
    let mut lines = Lines::default();
    FileInfo {
        part_id: id(part).to_owned(),
        filename: lines.line(&part.filename, 255),
        mime_type: lines.line(&part.mime_type, 100),
        size: part.body.size,
    }
}

/// The first part that is wanted.
pub(super) fn part(root: &Part, wanted: impl Fn(&Part) -> bool) -> Option<&Part> {
    let mut parts = Vec::new();
    collect(root, false, &mut parts);
    let mut parts = parts.into_iter().map(|(part, _)| part);
    parts.find(|part| wanted(part))
}

/// The id of a part. A message of one part has an empty one, which nobody could name; `0` is free
/// then.
pub(super) fn id(part: &Part) -> &str {
    match part.id.as_str() {
        "" => "0",
        id => id,
    }
}

/// The bytes of a part, fetched where Gmail keeps them apart.
pub(super) async fn bytes(
    api: &Api,
    message_id: &str,
    part: &Part,
    call: &Call,
) -> Result<Vec<u8>, ToolError> {
    let fetched;
    let data = match (&part.body.data, &part.body.attachment_id) {
        (Some(data), _) => data,
        (None, None) => return Ok(Vec::new()),
        (None, Some(_)) if part.body.size > MAX_BYTES => {
            return Err(ToolError::new(
                ErrorCode::TooLarge,
                format!(
                    "The file has {} bytes; at most {MAX_BYTES} can be read here.",
                    part.body.size
                ),
                "Ask the user to open it in Gmail.",
            ));
        }
        (None, Some(id)) => {
            let path = [
                "gmail",
                "v1",
                "users",
                "me",
                "messages",
                message_id,
                "attachments",
                id,
            ];
            let answer = api.read(Method::GET, &path).send().await?;
            let body: PartBody = accept(answer, call)?.json()?;
            fetched = body.data.unwrap_or_default();
            &fetched
        }
    };
    BASE64URL.decode(data.trim_end()).map_err(|_| {
        ToolError::new(
            ErrorCode::BadResponse,
            "Gmail gave a part of the message that is not base64url.",
            "Call again later; if it goes on, tell the operator.",
        )
    })
}

/// The leaves of a message in their order, and whether each is text of the message itself. All
/// that is within an attached message is a file, and so is that message.
fn collect<'a>(part: &'a Part, attached: bool, into: &mut Vec<(&'a Part, bool)>) {
    let is_message = part.mime_type.starts_with("message/");
    if part.parts.is_empty() || is_message {
        into.push((part, !attached && is_text(part)));
    }
    for below in &part.parts {
        collect(below, attached || is_message, into);
    }
}

fn is_text(part: &Part) -> bool {
    let disposition = part.header("Content-Disposition").unwrap_or_default();
    matches!(part.mime_type.as_str(), "text/plain" | "text/html")
        && part.filename.is_empty()
        && !disposition
            .trim_start()
            .to_ascii_lowercase()
            .starts_with("attachment")
}

struct Reading<'a> {
    texts: HashMap<&'a str, String>,
    links: bool,
    hidden: usize,
}

impl Reading<'_> {
    /// The text of a part and of those below it, and whether it was plain text from the start.
    fn text(&mut self, part: &Part) -> Option<(String, bool)> {
        if part.parts.is_empty() {
            let text = self.texts.get(part.id.as_str()).filter(|_| is_text(part))?;
            if part.mime_type == "text/plain" {
                let text = text.replace("\r\n", "\n");
                return Some((text.trim_end().to_owned(), true));
            }
            let (text, hidden) = html_text::received(text, self.links);
            self.hidden += hidden;
            return Some((text, false));
        }
        if part.mime_type.starts_with("message/") {
            return None;
        }
        let below: Vec<(String, bool)> = part
            .parts
            .iter()
            .filter_map(|part| self.text(part))
            .filter(|(text, _)| !text.trim().is_empty())
            .collect();
        if part.mime_type == "multipart/alternative" {
            let plain = below.iter().find(|(_, plain)| *plain);
            let other = below.iter().rfind(|(_, plain)| !*plain);
            return match (plain, other) {
                (Some((text, _)), Some((full, _))) if is_stub(text, full) => {
                    Some((full.clone(), false))
                }
                (Some(plain), _) => Some(plain.clone()),
                (None, other) => other.cloned(),
            };
        }
        let plain = below.iter().all(|(_, plain)| *plain);
        let texts: Vec<String> = below.into_iter().map(|(text, _)| text).collect();
        Some((texts.join("\n\n"), plain))
    }
}

/// "Your mail program cannot show this message": a plain text that says much less than the HTML.
fn is_stub(plain: &str, html: &str) -> bool {
    let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).count();
    4 * letters(plain) < letters(html)
}
