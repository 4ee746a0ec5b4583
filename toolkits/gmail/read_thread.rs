//! `gmail_read_thread`: a conversation from its first message to its last.

use reqwest::Method;
use schemars::JsonSchema;
use serde::Deserialize;

use super::error::accept;
use super::letter::{self, add};
use super::read_message::CALL;
use super::wire::{Message, Thread};
use super::{content, quoted};
use crate::api::Api;
use crate::error::{ErrorCode, ToolError};
use crate::piece::{self, UNTRUSTED};

const DEFAULT_CHARS: u32 = 20_000;

/// Read a whole conversation, oldest message first, with the text that replies repeat left out.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadThreadArgs {
    /// The conversation's id, from `gmail_search`.
    thread_id: String,
    /// Keep what replies repeat of earlier messages.
    include_quoted: Option<bool>,
    /// How much text: 100 to 50000 characters, 20000 by default.
    #[schemars(range(min = 100, max = 50000))]
    max_chars: Option<u32>,
    /// The `cursor` of an earlier result, for the next part of the same text.
    cursor: Option<String>,
}

pub(super) async fn run(api: Api, args: ReadThreadArgs) -> Result<String, ToolError> {
    let id = args.thread_id.trim();
    let whole = args.include_quoted == Some(true);
    let of = format!("{id} {whole}");
    let wanted = piece::wanted(&of, args.max_chars, DEFAULT_CHARS, args.cursor.as_deref())?;
    let thread = get(&api, id).await?;

    let mut text = String::new();
    let mut hidden = 0;
    for (index, message) in thread.messages.iter().enumerate() {
        let content = content::read(&api, message, false, &CALL).await?;
        hidden += content.hidden;
        // What the first message quotes is nowhere else in the conversation.
        let body = if index == 0 || whole {
            content.text
        } else {
            quoted::collapse(&content.text)
        };
        let heading = format!(
            "=== Message {} of {}: message_id {}{}\n",
            index + 1,
            thread.messages.len(),
            message.id,
            state(message)
        );
        text.push_str(&heading);
        text.push_str(&letter::header(message, api.zone()));
        text.push_str(&letter::attachments(&content.files));
        text.push('\n');
        for line in body.lines() {
            // So that no text can pose as the next message.
            if line.trim_start().starts_with("===") {
                text.push_str("| ");
            }
            text.push_str(line);
            text.push('\n');
        }
        text.push('\n');
    }
    let (part, place) = wanted.of(&of, text.trim_end());

    let mut out = String::new();
    add(&mut out, "thread_id", &thread.id);
    add(&mut out, "Messages", &thread.messages.len().to_string());
    add(&mut out, "Last message", &last_word(&thread));
    if hidden > 0 {
        let hidden = format!("{hidden} characters that HTML hides from a person are left out.");
        add(&mut out, "Warning", &hidden);
    }
    out.push_str(&place);
    out.push('\n');
    out.push_str(UNTRUSTED);
    out.push_str("\n\n");
    out.push_str(&part);
    Ok(out)
}

/// `threads.get` with everything but large bodies.
async fn get(api: &Api, id: &str) -> Result<Thread, ToolError> {
    let request = api.read(Method::GET, &["gmail", "v1", "users", "me", "threads", id]);
    let sent = request.query("format", "full").send().await;
    let response = sent.map_err(|error| match error.code {
        ErrorCode::TooLarge => ToolError::new(
            ErrorCode::TooLarge,
            "The conversation is too large to be read at once.",
            "List its messages with `gmail_search` (`group_by`: message) and read them one by one \
             with `gmail_read_message`.",
        ),
        _ => error,
    })?;
    accept(response, &CALL)?.json()
}

/// What sets a message apart from others of its conversation.
fn state(message: &Message) -> String {
    [
        ("DRAFT", ", draft"),
        ("UNREAD", ", unread"),
        ("STARRED", ", starred"),
        ("SPAM", ", in Spam"),
        ("TRASH", ", in Trash"),
    ]
    .into_iter()
    .filter(|(label, _)| message.has_label(label))
    .map(|(_, words)| words)
    .collect()
}

/// Who wrote last: it is for the others to answer.
fn last_word(thread: &Thread) -> String {
    let last = thread.messages.iter().rfind(|message| {
        !["DRAFT", "TRASH", "SPAM"]
            .iter()
            .any(|label| message.has_label(label))
    });
    match last {
        None => String::new(),
        Some(message) if message.has_label("SENT") => "sent by this account".to_owned(),
        Some(_) => "received from others".to_owned(),
    }
}
