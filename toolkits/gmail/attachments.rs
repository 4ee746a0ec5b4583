//! Files that come with a call, decoded and checked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::recipients::single_line;
use crate::error::{ErrorCode, ToolError};
use crate::upload;

/// Gmail takes messages of 25 MB, encoded; base64 makes a third more of every file.
pub(super) const MAX_BYTES: usize = 18_000_000;

const OCTETS: &str = "application/octet-stream";

/// A file to attach.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Attachment {
    /// The file's bytes in base64.
    content_b64: String,
    /// The file's name, without a folder.
    filename: String,
    /// The media type, such as `application/pdf`; `application/octet-stream` by default.
    mime_type: Option<String>,
}

/// A decoded attachment.
pub(super) struct File {
    pub(super) bytes: Vec<u8>,
    pub(super) about: AboutFile,
}

/// What is told about an attachment.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(super) struct AboutFile {
    /// The file's name.
    pub(super) filename: String,
    /// The media type.
    pub(super) mime_type: String,
    /// The size in bytes, before it is encoded.
    pub(super) size: usize,
}

/// Decodes the attachments, at most 18 MB together.
pub(super) fn read(attachments: &[Attachment]) -> Result<Vec<File>, ToolError> {
    let mut files = Vec::new();
    for (index, attachment) in attachments.iter().enumerate() {
        let argument = |field| format!("attachments[{index}].{field}");
        single_line(&argument("filename"), &attachment.filename)?;
        let filename = upload::filename(&argument("filename"), &attachment.filename)?;
        let mime_type = match &attachment.mime_type {
            None => OCTETS.to_owned(),
            Some(text) => media_type(&argument("mime_type"), text)?,
        };
        let bytes = upload::decode(&argument("content_b64"), &attachment.content_b64)?;
        let about = AboutFile {
            filename,
            mime_type,
            size: bytes.len(),
        };
        files.push(File { bytes, about });
        check_size(&files)?;
    }
    Ok(files)
}

/// A file of a received mail, to be sent on. Its name and type were chosen by others.
pub(super) fn passed_on(filename: &str, mime_type: &str, bytes: Vec<u8>) -> File {
    let name: String = filename
        .chars()
        .map(|c| {
            if matches!(c, '/' | '\\') || c.is_control() {
                '_'
            } else {
                c
            }
        })
        .take(100)
        .collect();
    let about = AboutFile {
        filename: match name.trim() {
            "" | "." | ".." => "file".to_owned(),
            name => name.to_owned(),
        },
        mime_type: media_type("", mime_type).unwrap_or_else(|_| OCTETS.to_owned()),
        size: bytes.len(),
    };
    File { bytes, about }
}

/// Refuses more than Gmail takes.
pub(super) fn check_size(files: &[File]) -> Result<(), ToolError> {
    if files.iter().map(|file| file.about.size).sum::<usize>() > MAX_BYTES {
        return Err(ToolError::new(
            ErrorCode::TooLarge,
            "The attachments are larger than 18 MB together; Gmail takes messages of 25 MB, \
             encoded.",
            "Attach less, or put the file in a shared folder and send its link.",
        ));
    }
    Ok(())
}

/// `type/subtype` (RFC 2045 §5.1, RFC 6838 §4.2), of a kind that may be encoded in base64: not
/// multipart, and not message (RFC 2046 §5).
fn media_type(argument: &str, text: &str) -> Result<String, ToolError> {
    let is_name = |name: &str| {
        (1..=127).contains(&name.len())
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "!#$&-^_.+".contains(c))
    };
    let lower = text.trim().to_ascii_lowercase();
    match lower.split_once('/') {
        Some(("multipart" | "message", _)) => Err(ToolError::invalid_arguments(format!(
            "`{argument}` cannot be multipart or message; use application/octet-stream."
        ))),
        Some((kind, subtype)) if is_name(kind) && is_name(subtype) => Ok(lower),
        _ => Err(ToolError::invalid_arguments(format!(
            "`{argument}` must be a media type such as application/pdf, without parameters."
        ))),
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn file(content: &str, filename: &str, mime_type: Option<&str>) -> Attachment {
        Attachment {
            content_b64: content.to_owned(),
            filename: filename.to_owned(),
            mime_type: mime_type.map(str::to_owned),
        }
    }

    #[test]
    fn both_alphabets_are_decoded_with_or_without_padding() {
        for content in ["+/8A", "-_8A", "+/8A\r\n", " +/ 8A"] {
            let files = read(&[file(content, "a.bin", None)]).unwrap();
            assert_eq!(files[0].bytes, [0xfb, 0xff, 0x00], "{content}");
            assert_eq!(files[0].about.mime_type, "application/octet-stream");
        }
        for content in ["aGk=", "aGk"] {
            assert_eq!(read(&[file(content, "a", None)]).unwrap()[0].bytes, b"hi");
        }
    }

    #[test]
    fn a_bad_attachment_is_refused_by_its_place() {
        for (attachment, place) in [
            (
                file("data:text/plain;base64,aGk=", "a", None),
                "content_b64",
            ),
            (file("", "a", None), "content_b64"),
            (file("aGk=", "", None), "filename"),
            (file("aGk=", "..", None), "filename"),
            (file("aGk=", "a/b.txt", None), "filename"),
            (file("aGk=", "c:\\b.txt", None), "filename"),
            (file("aGk=", "a\r\nX: y", None), "filename"),
            (file("aGk=", &"x".repeat(256), None), "filename"),
            (file("aGk=", "a", Some("text")), "mime_type"),
            (
                file("aGk=", "a", Some("text/plain; charset=x")),
                "mime_type",
            ),
            (file("aGk=", "a", Some("text/plain\r\nX: y")), "mime_type"),
            (file("aGk=", "a", Some("message/rfc822")), "mime_type"),
            (file("aGk=", "a", Some("multipart/mixed")), "mime_type"),
        ] {
            let good = file("aGk=", "good.txt", Some("Text/Plain"));
            let error = read(&[good, attachment]).err().expect(place);
            let start = format!("`attachments[1].{place}`");
            assert!(error.message.starts_with(&start), "{error}");
        }
    }

    #[test]
    fn eighteen_megabytes_are_the_limit_of_all_together() {
        let half = STANDARD.encode(vec![0; MAX_BYTES / 2]);
        let one = || file(&half, "half.bin", None);
        assert_eq!(read(&[one(), one()]).unwrap().len(), 2);
        let error = read(&[one(), one(), file("AA==", "more.bin", None)]).err();
        assert_eq!(error.unwrap().code, ErrorCode::TooLarge);
    }
}
