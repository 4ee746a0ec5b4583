//! `slack_read_file`: a file's text, or what is to be known of it.

use std::fmt::Write as _;

use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::call::call;
use super::people;
use super::wire::{FileInfo, OneFile};
use crate::api::{Api, Effect};
use crate::charset::{self, is_text, looks_like_text};
use crate::document::{self, Document};
use crate::error::{ErrorCode, ToolError};
use crate::piece::{self, UNTRUSTED, Wanted};
use crate::sanitize::snippet;
use crate::when;

const DEFAULT_CHARS: u32 = 20_000;

/// As much as an answer may have ([`crate::api`]).
const MAX_BYTES: u64 = 10 * 1024 * 1024;

/// Read a file in Slack: text, code, CSV and snippets as they are, PDF and DOCX as their text; of
/// others, what they are.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// The file's id (F…) or link.
    file_id: String,
    /// How much: 100 to 50000 characters, 20000 by default.
    #[schemars(range(min = 100, max = 50000))]
    max_chars: Option<u32>,
    /// The `cursor` of an earlier result, for the next part.
    cursor: Option<String>,
}

/// Reads the file.
pub(super) async fn run(api: Api, args: Args) -> Result<String, ToolError> {
    let id = file_id(&args.file_id)?;
    let wanted = piece::wanted(&id, args.max_chars, DEFAULT_CHARS, args.cursor.as_deref())?;
    let fields = [("file", id.clone())];
    let found: OneFile = call(&api, Effect::Read, "files.info", &fields).await?;
    let file = found.file;
    let mut out = header(&api, &id, &file, wanted.is_first()).await;
    match not_readable(&file) {
        Some(why) => {
            out.push_str("Not shown: ");
            out.push_str(&why);
        }
        None => text(&api, &id, &file, &wanted, &mut out).await?,
    }
    Ok(out)
}

/// An id, or the one in `https://acme.slack.com/files/U…/F…/name`. Nothing is fetched from the link.
fn file_id(text: &str) -> Result<String, ToolError> {
    let text = text.trim();
    let of_link = Url::parse(text).ok().and_then(|url| {
        let mut segments = url.path_segments()?;
        let (files, _, id) = (segments.next()?, segments.next()?, segments.next()?);
        (files == "files").then(|| id.to_owned())
    });
    let id = of_link.unwrap_or_else(|| text.to_owned());
    let rest = id.strip_prefix('F').unwrap_or_default();
    let fits = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    if (6..=30).contains(&rest.len()) && rest.bytes().all(fits) {
        return Ok(id);
    }
    Err(ToolError::invalid_arguments(
        "`file_id` must be a file's id, such as F0123456789, or its link copied from Slack.",
    ))
}

async fn header(api: &Api, id: &str, file: &FileInfo, first: bool) -> String {
    let mut out = String::new();
    let mut add = |label: &str, text: Option<&str>, limit: usize| {
        let text = snippet(text.unwrap_or_default(), limit);
        if !text.is_empty() {
            writeln!(out, "{label}: {text}").expect("a string takes every write");
        }
    };
    add("File", file.name.as_deref(), 255);
    add("file_id", Some(id), 40);
    add("Type", file.mimetype.as_deref(), 100);
    if first {
        let title = file.title.as_deref().filter(|_| file.title != file.name);
        add("Title", title, 255);
        if let Some(user) = file.user.as_deref().filter(|user| !user.is_empty()) {
            // The name is for the person who reads; the file can be read without it.
            let from = match people::name(api, user).await {
                Ok(name) => format!("{name} ({user})"),
                Err(_) => user.to_owned(),
            };
            add("From", Some(&from), 150);
        }
        if let Ok(created) = Timestamp::from_second(file.created)
            && file.created > 0
        {
            add("Created", Some(&when::show(created, api.zone())), 40);
        }
        add("Link", file.permalink.as_deref(), 400);
    }
    add("Size", Some(&format!("{} bytes", file.size)), 40);
    out
}

/// Why the text of a file cannot be had, if so.
fn not_readable(file: &FileInfo) -> Option<String> {
    let kind = file.mimetype.as_deref().unwrap_or_default();
    let snippet_or_octets =
        file.mode.as_deref() == Some("snippet") || kind == "application/octet-stream";
    match file.mode.as_deref() {
        Some("tombstone") => Some("it was deleted.".to_owned()),
        Some("hidden_by_limit") => Some("the limits of the workspace's plan hide it.".to_owned()),
        _ if file.is_external => {
            Some("it is kept outside Slack; ask the user to open its link.".to_owned())
        }
        _ if !is_text(kind) && !document::is_document(kind) && !snippet_or_octets => {
            Some("it is not text; ask the user to open it in Slack.".to_owned())
        }
        _ if file.size > MAX_BYTES => Some(format!(
            "it is larger than the {MAX_BYTES} bytes that can be read here; ask the user to open it \
             in Slack, or to share the part that matters."
        )),
        _ => None,
    }
}

async fn text(
    api: &Api,
    id: &str,
    file: &FileInfo,
    wanted: &Wanted,
    out: &mut String,
) -> Result<(), ToolError> {
    let address = file.url_private_download.as_deref();
    let address = address.or(file.url_private.as_deref()).unwrap_or_default();
    let response = api.file(address)?.send().await?;
    let kind = response.headers.get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).map(str::to_owned);
    let is_html = |kind: Option<&str>| kind.is_some_and(|kind| kind.starts_with("text/html"));
    // Whom Slack does not let have the file, it sends to its sign-in page, or shows that at once.
    let page = is_html(kind.as_deref()) && !is_html(file.mimetype.as_deref());
    match response.status {
        StatusCode::OK if !page => {}
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            return Err(ToolError::new(
                ErrorCode::NotFound,
                "Slack knows this file and no longer has its content.",
                "Ask the user to share it again.",
            ));
        }
        _ => {
            return Err(ToolError::new(
                ErrorCode::Forbidden,
                "Slack did not give the file's content to the acting account.",
                "Ask the user to open the file in Slack, or to connect Slack again.",
            ));
        }
    }
    let (body, found) = document::read(response.body).await;
    let media_type = file.mimetype.as_deref().unwrap_or_default();
    let is_binary = media_type == "application/octet-stream" && !looks_like_text(&body);
    let whole = match found {
        Some(Document {
            kind,
            text: Err(why),
        }) => {
            let why = why.reason();
            write!(out, "Not shown: it is a {kind} whose text cannot be read: {why}; ask the user to open it in Slack.")
                .expect("a string takes every write");
            return Ok(());
        }
        Some(Document {
            kind,
            text: Ok(text),
        }) => {
            writeln!(out, "Shown as: the text of a {kind}").expect("a string takes every write");
            text
        }
        None if is_binary || document::is_document(media_type) => {
            out.push_str("Not shown: it is not text; ask the user to open it in Slack.");
            return Ok(());
        }
        None => charset::text(kind.as_deref(), body),
    };
    let (piece, place) = wanted.of(id, &whole);
    write!(out, "{place}\n{UNTRUSTED}\n\n").expect("a string takes every write");
    out.push_str(match piece.as_str() {
        "" if wanted.is_first() => "(The file is empty.)",
        piece => piece,
    });
    Ok(())
}
