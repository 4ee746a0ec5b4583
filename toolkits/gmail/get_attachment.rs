//! `gmail_get_attachment`: a file of a message, as text or as its bytes.

use schemars::JsonSchema;
use serde::Deserialize;

use super::content;
use super::html_text;
use super::letter::add;
use super::read_message::{self, CALL};
use super::wire::Part;
use crate::api::Api;
use crate::charset::{self, is_text, looks_like_text};
use crate::document::{self, Document};
use crate::error::{ErrorCode, ToolError};
use crate::piece::{self, UNTRUSTED};

const DEFAULT_CHARS: u32 = 20_000;

/// HTML that is larger is shown as it is: its text would take several times its room.
const MAX_HTML: usize = 7_500_000;

/// Read an attachment: text as it is, HTML, PDF and DOCX as their text, other files in base64.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GetAttachmentArgs {
    /// The message.
    message_id: String,
    /// The file's part id, from `gmail_read_message`.
    part_id: Option<String>,
    /// Or its name.
    filename: Option<String>,
    /// How much of it: 100 to 50000 characters, 20000 by default.
    #[schemars(range(min = 100, max = 50000))]
    max_chars: Option<u32>,
    /// The `cursor` of an earlier result, for the next part of the same file.
    cursor: Option<String>,
}

pub(super) async fn run(api: Api, args: GetAttachmentArgs) -> Result<String, ToolError> {
    let id = args.message_id.trim();
    let wanted_part = match (&args.part_id, &args.filename) {
        (Some(part), None) => Wanted::Id(part.trim()),
        (None, Some(name)) => Wanted::Name(name.trim()),
        _ => {
            return Err(ToolError::invalid_arguments(
                "Give either `part_id` or `filename`.",
            ));
        }
    };
    let of = format!("{id} {wanted_part:?}");
    let wanted = piece::wanted(&of, args.max_chars, DEFAULT_CHARS, args.cursor.as_deref())?;
    let message = read_message::get(&api, id, &CALL).await?;
    let root = message.payload.as_ref();
    let part = root
        .and_then(|root| wanted_part.find(root))
        .ok_or_else(|| missing(root))?;
    let about = content::describe(part);
    let read = content::bytes(&api, &message.id, part, content::LARGEST, &CALL).await?;
    let size = read.bytes.len();
    let (bytes, found) = document::read(read.bytes).await;

    let mut out = String::new();
    add(&mut out, "Filename", &about.filename);
    add(&mut out, "Type", &about.mime_type);
    add(&mut out, "Size", &format!("{size} bytes"));
    let ids = format!("{}, message_id: {}", about.part_id, message.id);
    add(&mut out, "part_id", &ids);
    let mime_type = about.mime_type.to_ascii_lowercase();
    let content_type = part.header("Content-Type");
    let is_octets = mime_type == "application/octet-stream";
    let (form, (piece, place)) = if let Some(Document { kind, text }) = found {
        match text {
            Ok(text) => (format!("the text of a {kind}"), wanted.of(&of, &text)),
            Err(why) => {
                let why = why.reason();
                let form = format!("base64. It is a {kind} whose text cannot be read: {why}.");
                (form, wanted.of_base64(&of, &bytes))
            }
        }
    } else if mime_type == "text/html" && bytes.len() <= MAX_HTML {
        let html = charset::text(content_type, bytes);
        let (text, _) = html_text::received(&html, true);
        ("the text of HTML".to_owned(), wanted.of(&of, &text))
    } else if is_text(&mime_type) || (is_octets && looks_like_text(&bytes)) {
        let text = charset::text(content_type, bytes);
        ("text".to_owned(), wanted.of(&of, &text))
    } else {
        ("base64".to_owned(), wanted.of_base64(&of, &bytes))
    };
    add(&mut out, "Shown as", &form);
    out.push_str(&place);
    out.push('\n');
    out.push_str(UNTRUSTED);
    out.push_str("\n\n");
    out.push_str(match piece.as_str() {
        "" if wanted.is_first() => "(The file is empty.)",
        piece => piece,
    });
    Ok(out)
}

#[derive(Debug)]
enum Wanted<'a> {
    Id(&'a str),
    Name(&'a str),
}

impl Wanted<'_> {
    fn find<'a>(&self, root: &'a Part) -> Option<&'a Part> {
        content::part(root, |part| match self {
            Self::Id(id) => content::id(part) == *id,
            Self::Name(name) => {
                !name.is_empty() && content::describe(part).filename.eq_ignore_ascii_case(name)
            }
        })
    }
}

fn missing(root: Option<&Part>) -> ToolError {
    let files = root.map(content::files).unwrap_or_default();
    let ids: Vec<&str> = files
        .iter()
        .take(30)
        .map(|file| file.part_id.as_str())
        .collect();
    let fix = if ids.is_empty() {
        "The message has no files; check `message_id`.".to_owned()
    } else {
        format!(
            "Its files have the part ids {}; `gmail_read_message` names them.",
            ids.join(", ")
        )
    };
    ToolError::new(ErrorCode::NotFound, "The message has no such file.", fix)
}
