//! `slack_upload_file`: shares a file in a channel, a direct message or a thread.
//!
//! Three steps (<https://docs.slack.dev/messaging/working-with-files>): Slack names an address for
//! the bytes, takes them there without a token, and shares the file. Until the last one nobody can
//! see it.

use std::fmt::Write as _;

use reqwest::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::call::call;
use super::channels::Channel;
use super::destination::{self, Place, check_thread, open, place};
use super::outgoing::Recipient;
use super::wire::{UploadPlace, Uploaded};
use crate::api::{Api, Effect};
use crate::arguments::OneOrMany;
use crate::error::{ErrorCode, ToolError};
use crate::output::Render;
use crate::sanitize::{snippet, visible};
use crate::upload;

/// More does not come in one call of a tool in earnest.
const MAX_BYTES: usize = 20_000_000;

/// What Slack takes as a comment.
const LONGEST_COMMENT: usize = 4_000;

/// Share a file in Slack as the connected person. It cannot be called back; see `dry_run`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// As in `slack_send_message`.
    to: OneOrMany,
    /// The file's name.
    filename: String,
    /// Its text.
    #[serde(default)]
    content: Option<String>,
    /// Or its bytes in base64.
    #[serde(default)]
    content_b64: Option<String>,
    /// Plain text above it.
    #[serde(default)]
    comment: Option<String>,
    /// As in `slack_send_message`.
    #[serde(default)]
    thread_ts: Option<String>,
    /// Share nothing; return what would be.
    #[serde(default)]
    dry_run: bool,
}

/// What was shared, or would be.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct UploadFile {
    /// False for a dry run.
    shared: bool,
    /// The file's id; null for a dry run.
    file_id: Option<String>,
    /// Its name.
    filename: String,
    /// Its size.
    size_bytes: usize,
    /// The conversation; null for a dry run to people.
    channel: Option<Channel>,
    /// The people it goes to directly.
    recipients: Vec<Recipient>,
    /// The `ts` of the thread's first message.
    thread_ts: Option<String>,
    /// The text above it.
    comment: Option<String>,
    /// A link to the file, where Slack gave one.
    permalink: Option<String>,
    warnings: Vec<String>,
}

/// Shares the file.
pub(super) async fn run(api: Api, args: Args) -> Result<UploadFile, ToolError> {
    let targets = destination::targets(&args.to, args.thread_ts.is_some())?;
    let thread = match &args.thread_ts {
        Some(text) => Some(destination::thread(text, &targets)?),
        None => None,
    };
    let filename = upload::filename("filename", &args.filename)?;
    let bytes = content(args.content, args.content_b64.as_deref())?;
    let (comment, warnings) = comment(args.comment.as_deref())?;
    let mut result = UploadFile {
        shared: false,
        file_id: None,
        filename,
        size_bytes: bytes.len(),
        channel: None,
        recipients: Vec::new(),
        thread_ts: thread.as_ref().map(|thread| thread.parent.to_string()),
        comment,
        permalink: None,
        warnings,
    };
    let mut everyone = None;
    match place(&api, targets, &mut everyone).await? {
        Place::Channel(channel) => result.channel = Some(channel),
        Place::People(people) => {
            result.recipients = people;
            if !args.dry_run {
                result.channel = Some(open(&api, &result.recipients).await?);
            }
        }
    }
    if let Some(channel) = result.channel.clone() {
        check_thread(thread.as_ref(), &channel.id)?;
        if !args.dry_run {
            share(&api, &mut result, &channel, bytes).await?;
        }
    }
    Ok(result)
}

fn content(text: Option<String>, encoded: Option<&str>) -> Result<Vec<u8>, ToolError> {
    let bytes = match (text, encoded) {
        (Some(text), None) => text.into_bytes(),
        (None, Some(encoded)) => upload::decode("content_b64", encoded)?,
        _ => {
            return Err(ToolError::invalid_arguments(
                "Give either `content` or `content_b64`.",
            ));
        }
    };
    if bytes.is_empty() {
        return Err(ToolError::invalid_arguments(
            "The file is empty, which Slack does not take.",
        ));
    }
    if bytes.len() > MAX_BYTES {
        return Err(ToolError::new(
            ErrorCode::TooLarge,
            "The file is larger than the 20 MB that can be shared here.",
            "Share less, or ask the user to upload it.",
        ));
    }
    Ok(bytes)
}

/// The comment as it is meant: `<!channel>` and its like stay text, and notify nobody.
fn comment(text: Option<&str>) -> Result<(Option<String>, Vec<String>), ToolError> {
    let Some(text) = text.filter(|text| !text.trim().is_empty()) else {
        return Ok((None, Vec::new()));
    };
    let seen = visible(text);
    if seen.text.chars().count() > LONGEST_COMMENT {
        return Err(ToolError::new(
            ErrorCode::TooLarge,
            format!("`comment` is longer than {LONGEST_COMMENT} characters."),
            "Shorten it, or put it into a message of its own.",
        ));
    }
    let warnings = match seen.removed {
        0 => Vec::new(),
        some => vec![format!(
            "Invisible characters were removed from the comment: {some}."
        )],
    };
    Ok((Some(seen.text), warnings))
}

/// Slack's escapes (<https://docs.slack.dev/messaging/formatting-message-text>).
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

async fn share(
    api: &Api,
    result: &mut UploadFile,
    channel: &Channel,
    bytes: Vec<u8>,
) -> Result<(), ToolError> {
    let fields = [
        ("filename", result.filename.clone()),
        ("length", bytes.len().to_string()),
    ];
    // It changes nothing that anybody sees, so it may be repeated.
    let taken: UploadPlace = call(api, Effect::Read, "files.getUploadURLExternal", &fields).await?;
    let link = api.link(Method::POST, &taken.upload_url)?;
    link.body("application/octet-stream", bytes)
        .follow()
        .await?;

    let files = json!([{ "id": taken.file_id, "title": result.filename }]);
    let mut fields = vec![
        ("files", files.to_string()),
        ("channel_id", channel.id.clone()),
    ];
    if let Some(comment) = &result.comment {
        fields.push(("initial_comment", escaped(comment)));
    }
    if let Some(parent) = &result.thread_ts {
        fields.push(("thread_ts", parent.clone()));
    }
    let method = "files.completeUploadExternal";
    let shared: Uploaded = call(api, Effect::Write, method, &fields).await?;
    result.shared = true;
    result.file_id = Some(snippet(&taken.file_id, 40));
    let file = shared.files.into_iter().next().unwrap_or_default();
    let link = file.permalink.map(|link| snippet(&link, 400));
    result.permalink = link.filter(|link| !link.is_empty());
    Ok(())
}

impl Render for UploadFile {
    fn render(&self) -> String {
        let mut text = format!(
            "{} {} ({} bytes)",
            if self.shared {
                "Shared"
            } else {
                "Dry run: nothing was shared. It would be"
            },
            self.filename,
            self.size_bytes
        );
        let mut add = |part: String| text.push_str(&part);
        if let Some(channel) = &self.channel {
            add(format!(" in {} ({})", channel.shown(), channel.id));
        }
        if !self.recipients.is_empty() {
            add(format!(" with {}", Recipient::shown(&self.recipients)));
        }
        if let Some(thread) = &self.thread_ts {
            add(format!(" in thread {thread}"));
        }
        add(".".to_owned());
        for (label, value) in [
            ("file_id", &self.file_id),
            ("Link", &self.permalink),
            ("Comment", &self.comment),
        ] {
            if let Some(value) = value {
                write!(text, "\n{label}: {value}").expect("a string takes every write");
            }
        }
        text
    }
}
