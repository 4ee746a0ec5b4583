//! `gmail_create_draft`: saves a new mail, an answer or a forwarded mail for the user to look at.

use schemars::JsonSchema;
use serde::Deserialize;

use super::answer::Own;
use super::attachments::{self, Attachment};
use super::body::{self, BodyFormat};
use super::error::Call;
use super::outgoing::{Outgoing, Parent, repeated};
use super::read_message::{self, CALL as READ};
use super::recipients::{self, Recipients};
use super::sent::DraftResult;
use super::threading::{self, Thread};
use super::wire::Message;
use super::{COMPOSE, content, letter, reply, send};
use crate::api::Api;
use crate::arguments::OneOrMany;
use crate::error::ToolError;
use crate::sanitize::visible;

pub(super) const CALL: Call = Call {
    scope: COMPOSE,
    bad_request_fix: "Nothing was saved. Correct the recipients, the subject or the attachments \
                      and call again.",
};

/// Save a draft for the user to review; nothing is sent.
///
/// It is a new e-mail, an answer (`reply_to_message_id`) or a forwarded one
/// (`forward_message_id`, with its text and files below `body`).
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateDraftArgs {
    /// Recipients; an answer has those of the message already.
    #[serde(default)]
    to: OneOrMany,
    /// Recipients of copies.
    #[serde(default)]
    cc: OneOrMany,
    /// Recipients of blind copies.
    #[serde(default)]
    bcc: OneOrMany,
    /// The subject; by default that of the message.
    subject: Option<String>,
    /// The text.
    body: String,
    /// How `body` is written, `markdown` by default.
    body_format: Option<BodyFormat>,
    /// Another sender address that this account may send as.
    from_alias: Option<String>,
    /// Files, at most 18 MB together.
    #[serde(default)]
    attachments: Option<Vec<Attachment>>,
    /// The message to answer.
    reply_to_message_id: Option<String>,
    /// Answer its other recipients, too.
    reply_all: Option<bool>,
    /// The message to forward.
    forward_message_id: Option<String>,
}

pub(super) async fn run(api: Api, args: CreateDraftArgs) -> Result<DraftResult, ToolError> {
    if let Some(subject) = &args.subject {
        send::check_subject(subject)?;
    }
    let from = args
        .from_alias
        .as_deref()
        .map(|text| recipients::one("from_alias", text))
        .transpose()?;
    let mut draft = Outgoing {
        from,
        recipients: Recipients {
            to: recipients::several("to", &args.to.0)?,
            cc: recipients::several("cc", &args.cc.0)?,
            bcc: recipients::several("bcc", &args.bcc.0)?,
        },
        subject: String::new(),
        body: body::read(&args.body, args.body_format.unwrap_or(BodyFormat::Markdown))?,
        files: attachments::read(args.attachments.as_deref().unwrap_or_default())?,
        thread: Thread::default(),
        parent: None,
        warnings: Vec::new(),
    };
    let subject = match (&args.reply_to_message_id, &args.forward_message_id) {
        (Some(_), Some(_)) => {
            return Err(ToolError::invalid_arguments(
                "Give either `reply_to_message_id` or `forward_message_id`.",
            ));
        }
        (Some(id), None) => {
            let parent = read_message::get(&api, id.trim(), &READ).await?;
            let subject = threading::reply_subject(&parent);
            let all = args.reply_all == Some(true);
            answer(&api, parent, all, &mut draft).await?;
            subject
        }
        (None, Some(id)) => {
            let original = read_message::get(&api, id.trim(), &READ).await?;
            forward(&api, &original, &mut draft).await?;
            threading::forward_subject(&original)
        }
        (None, None) => String::new(),
    };
    draft.subject = args.subject.unwrap_or(subject);
    let duplicates = draft.recipients.settle()?;
    draft.warnings.extend(repeated(duplicates));
    draft.save(&api, &CALL).await
}

async fn answer(
    api: &Api,
    parent: Message,
    all: bool,
    draft: &mut Outgoing,
) -> Result<(), ToolError> {
    let (own, warning) = Own::of(api, &READ).await;
    let answer = reply::prepare(&parent, &own, all)?;
    draft.from = draft.from.take().or(answer.from);
    draft.recipients.to.splice(0..0, answer.recipients.to);
    draft.recipients.cc.splice(0..0, answer.recipients.cc);
    draft.thread = answer.thread;
    draft.warnings.extend(answer.warnings);
    draft.warnings.extend(warning);
    draft.parent = Some(Parent {
        message_id: parent.id,
        thread_id: parent.thread_id,
    });
    Ok(())
}

/// Puts the message's header lines, text and files below the draft's own.
async fn forward(api: &Api, original: &Message, draft: &mut Outgoing) -> Result<(), ToolError> {
    let text = reply::original(api, original).await?;
    let fields = visible(&letter::fields(original, api.zone())).text;
    let heading = format!("---------- Forwarded message ---------\n{fields}");
    draft.body.add_original(&heading, &text, true);
    let parts = original.payload.iter().flat_map(content::own_files);
    for part in parts {
        let about = content::describe(part);
        let most = attachments::MAX_BYTES;
        let bytes = content::bytes(api, &original.id, part, most, &READ)
            .await?
            .bytes;
        if bytes.is_empty() && about.size > 0 {
            draft
                .warnings
                .push(format!("“{}” could not be taken along.", about.filename));
            continue;
        }
        let file = attachments::passed_on(&about.filename, &about.mime_type, bytes);
        draft.files.push(file);
        attachments::check_size(&draft.files)?;
    }
    Ok(())
}
