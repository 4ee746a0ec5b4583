//! What a received message holds: the text that a person reads, and the files.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use reqwest::Method;
use serde::Deserialize;

use super::error::{Call, accept};
use super::html_text;
use super::line::Lines;
use super::wire::{Message, Part};
use crate::api::{Api, Response};
use crate::charset;
use crate::error::{ErrorCode, ToolError};
use crate::rate::Turn;

const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Larger ones do not fit, in base64, into an answer that is read without a turn ([`crate::api`]
/// reads 10 MiB).
const MAX_BYTES: usize = 7_500_000;

/// The largest message that Gmail takes over its API, and so the largest file
/// (`maxSize` of `messages.send` in the API's discovery document).
pub(super) const LARGEST: usize = 36_700_160;

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
        let text = match bytes(api, &message.id, part, MAX_BYTES, call).await {
            Ok(read) => charset::text(part.header("Content-Type"), read.bytes),
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

/// Bytes of a message. While large ones are there, it is few other calls' turn to have some.
pub(super) struct Bytes {
    pub(super) bytes: Vec<u8>,
    _turn: Option<Turn>,
}

/// The bytes of a part, `most` at most, fetched where Gmail keeps them apart.
pub(super) async fn bytes(
    api: &Api,
    message_id: &str,
    part: &Part,
    most: usize,
    call: &Call,
) -> Result<Bytes, ToolError> {
    let id = match (&part.body.data, &part.body.attachment_id) {
        (Some(data), _) => {
            let bytes = BASE64URL.decode(data.trim_end()).map_err(|_| no_base64())?;
            return Ok(Bytes { bytes, _turn: None });
        }
        (None, None) => {
            let bytes = Vec::new();
            return Ok(Bytes { bytes, _turn: None });
        }
        (None, Some(_)) if part.body.size > most => {
            return Err(ToolError::new(
                ErrorCode::TooLarge,
                format!(
                    "The file has {} bytes; at most {most} can be read here.",
                    part.body.size
                ),
                "Ask the user to open it in Gmail.",
            ));
        }
        (None, Some(id)) => id,
    };
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
    let mut request = api.read(Method::GET, &path);
    let mut turn = None;
    if part.body.size > MAX_BYTES {
        turn = Some(api.large().await);
        // Four characters for three bytes, and something around them.
        request = request.up_to(most.div_ceil(3) * 4 + 1024);
    }
    let answer = accept(request.send().await?, call)?;
    let bytes = decoded(answer)?;
    Ok(Bytes { bytes, _turn: turn })
}

/// The field `data` of an answer, decoded where it stands: a large one would else be there twice.
fn decoded(answer: Response) -> Result<Vec<u8>, ToolError> {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow, default)]
        data: Cow<'a, str>,
    }
    let body: Body<'_> = answer.json_borrowed()?;
    let data = match body.data {
        Cow::Owned(data) => return BASE64URL.decode(data.trim_end()).map_err(|_| no_base64()),
        Cow::Borrowed(data) => data.trim_end(),
    };
    let start = data.as_ptr().addr() - answer.body.as_ptr().addr();
    let text = start..start + data.len();
    decode_in_place(answer.body, text).ok_or_else(no_base64)
}

fn decode_in_place(mut body: Vec<u8>, text: Range<usize>) -> Option<Vec<u8>> {
    const STEP: usize = 4096;
    let mut step = [0; STEP / 4 * 3];
    let mut length = 0;
    for from in text.clone().step_by(STEP) {
        let to = text.end.min(from + STEP);
        let decoded = BASE64URL.decode_slice(&body[from..to], &mut step).ok()?;
        // Padding stands at the end only.
        if to < text.end && decoded < step.len() {
            return None;
        }
        body[length..length + decoded].copy_from_slice(&step[..decoded]);
        length += decoded;
    }
    body.truncate(length);
    Some(body)
}

fn no_base64() -> ToolError {
    ToolError::new(
        ErrorCode::BadResponse,
        "Gmail gave a part of the message that is not base64url.",
        "Call again later; if it goes on, tell the operator.",
    )
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

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};

    use super::*;

    #[test]
    fn bytes_of_every_length_are_decoded_where_they_stand() {
        for length in [0, 1, 2, 3, 3071, 3072, 3073, 6143, 6144, 10_000] {
            let bytes: Vec<u8> = (0..=255).cycle().take(length).collect();
            for text in [URL_SAFE.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
                let body = format!("{{\"data\":\"{text}\"}}").into_bytes();
                let found = decode_in_place(body, 9..9 + text.len());
                assert_eq!(found.as_ref(), Some(&bytes), "{length}");
            }
        }
    }

    #[test]
    fn what_is_no_base64url_is_not_decoded() {
        let long = format!("{}=={}", "A".repeat(4094), "A".repeat(100));
        for text in ["+/8A", "a", "AA=A", long.as_str()] {
            let body = text.as_bytes().to_vec();
            assert_eq!(decode_in_place(body, 0..text.len()), None, "{text}");
        }
    }
}
