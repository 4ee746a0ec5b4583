//! `gmail_reply`: answers a message in its conversation.

use reqwest::Method;
use schemars::JsonSchema;
use serde::Deserialize;

use super::answer::{self, Own};
use super::attachments::{self, Attachment};
use super::body::{self, Body, BodyFormat};
use super::content;
use super::create_draft;
use super::error::accept;
use super::line::Lines;
use super::outgoing::{Outgoing, Parent, repeated};
use super::read_message::{self, CALL as READ};
use super::recipients::{self, Recipients};
use super::send;
use super::sent::SendResult;
use super::summary::{arrived, people};
use super::threading::{self, Thread};
use super::wire::{self, Message};
use crate::api::Api;
use crate::arguments::OneOrMany;
use crate::error::{ErrorCode, ToolError};
use crate::sanitize::visible;

/// What is quoted of the original at most, in characters.
const MAX_QUOTE: usize = 100_000;

/// Answer a message now, in its conversation. It cannot be called back.
///
/// Recipients, subject and threading come from the message. Use `dry_run` to see exactly what
/// would be sent.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplyArgs {
    /// The message to answer.
    message_id: Option<String>,
    /// Or its conversation: the last message is answered.
    thread_id: Option<String>,
    /// The text.
    body: String,
    /// How `body` is written, `markdown` by default.
    body_format: Option<BodyFormat>,
    /// Answer the other recipients, too.
    reply_all: Option<bool>,
    /// More recipients of copies.
    #[serde(default)]
    cc: OneOrMany,
    /// Recipients of blind copies.
    #[serde(default)]
    bcc: OneOrMany,
    /// Repeat the message below the answer.
    quote_original: Option<bool>,
    /// Files, at most 18 MB together.
    #[serde(default)]
    attachments: Option<Vec<Attachment>>,
    /// Save it as a draft instead of sending it.
    as_draft: Option<bool>,
    /// Show the rendered message and send nothing.
    dry_run: Option<bool>,
}

pub(super) async fn run(api: Api, args: ReplyArgs) -> Result<SendResult, ToolError> {
    let mut body = body::read(&args.body, args.body_format.unwrap_or(BodyFormat::Markdown))?;
    let files = attachments::read(args.attachments.as_deref().unwrap_or_default())?;
    let cc = recipients::several("cc", &args.cc.0)?;
    let bcc = recipients::several("bcc", &args.bcc.0)?;
    let parent = match (&args.message_id, &args.thread_id) {
        (Some(id), None) => read_message::get(&api, id.trim(), &READ).await?,
        (None, Some(id)) => last(&api, id.trim()).await?,
        _ => {
            return Err(ToolError::invalid_arguments(
                "Give either `message_id` or `thread_id`.",
            ));
        }
    };
    let (own, warning) = Own::of(&api, &READ).await;
    let mut answer = prepare(&parent, &own, args.reply_all == Some(true))?;
    answer.recipients.cc.extend(cc);
    answer.recipients.bcc.extend(bcc);
    answer
        .warnings
        .extend(repeated(answer.recipients.settle()?));
    answer.warnings.extend(warning);
    if args.quote_original == Some(true) {
        quote(&api, &parent, &mut body).await?;
    }
    let outgoing = Outgoing {
        from: answer.from,
        recipients: answer.recipients,
        subject: threading::reply_subject(&parent),
        body,
        files,
        thread: answer.thread,
        parent: Some(Parent {
            message_id: parent.id,
            thread_id: parent.thread_id,
        }),
        warnings: answer.warnings,
    };
    let dry_run = args.dry_run == Some(true);
    if args.as_draft == Some(true) {
        return outgoing
            .save_answer(&api, &create_draft::CALL, dry_run)
            .await;
    }
    outgoing.send(&api, &send::CALL, dry_run).await
}

/// An answer without its content.
pub(super) struct Answer {
    pub(super) from: Option<recipients::Mailbox>,
    pub(super) recipients: Recipients,
    pub(super) thread: Thread,
    pub(super) warnings: Vec<String>,
}

/// Whom an answer to `parent` goes to, and how it names the mail it answers.
pub(super) fn prepare(parent: &Message, own: &Own, all: bool) -> Result<Answer, ToolError> {
    if parent.has_label("DRAFT") {
        return Err(ToolError::new(
            ErrorCode::Rejected,
            "The message is a draft, which cannot be answered.",
            "Answer the message before it, or send the draft.",
        ));
    }
    let audience = answer::audience(parent, own, all)?;
    let thread = Thread::of(parent);
    let mut warnings = Vec::new();
    if thread.in_reply_to.is_none() {
        warnings.push(
            "The message has no Message-ID, so mail programs other than Gmail may show the answer \
             outside the conversation."
                .to_owned(),
        );
    }
    if audience.unusable > 0 {
        warnings.push(format!(
            "{} of the message's addresses cannot be written to and were left out.",
            audience.unusable
        ));
    }
    Ok(Answer {
        from: audience.from,
        recipients: Recipients {
            to: audience.to,
            cc: audience.cc,
            bcc: Vec::new(),
        },
        thread,
        warnings,
    })
}

/// Puts the parent's text below the answer.
pub(super) async fn quote(api: &Api, parent: &Message, body: &mut Body) -> Result<(), ToolError> {
    let text = original(api, parent).await?;
    let date = arrived(parent, api.zone()).unwrap_or_default();
    let from = people(parent.header("From"), &mut Lines::default())
        .first()
        .map_or_else(|| "unknown".to_owned(), ToString::to_string);
    let heading = visible(&format!("On {date}, {from} wrote:")).text;
    body.add_original(&heading, &text, false);
    Ok(())
}

/// A message's text, to be sent on.
pub(super) async fn original(api: &Api, message: &Message) -> Result<String, ToolError> {
    let content = content::read(api, message, true, &READ).await?;
    Ok(visible(&content.text)
        .text
        .chars()
        .take(MAX_QUOTE)
        .collect())
}

/// The last message of a conversation that is there to be answered.
async fn last(api: &Api, id: &str) -> Result<Message, ToolError> {
    let request = api.read(Method::GET, &["gmail", "v1", "users", "me", "threads", id]);
    let answer = request.query("format", "minimal").send().await?;
    let thread: wire::Thread = accept(answer, &READ)?.json()?;
    let last = thread
        .messages
        .iter()
        .rfind(|message| {
            !["DRAFT", "TRASH", "SPAM"]
                .iter()
                .any(|label| message.has_label(label))
        })
        .ok_or_else(|| {
            ToolError::new(
                ErrorCode::NotFound,
                "The conversation has no message that could be answered.",
                "Name the message with `message_id`.",
            )
        })?;
    read_message::get(api, &last.id, &READ).await
}
