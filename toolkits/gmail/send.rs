//! `gmail_send_email`: sends a new mail now, or shows what it would send.

use schemars::JsonSchema;
use serde::Deserialize;

use super::attachments::{self, Attachment};
use super::body::{self, BodyFormat};
use super::error::Call;
use super::outgoing::{Outgoing, repeated};
use super::recipients::{self, Recipients, single_line};
use super::sent::SendResult;
use super::threading::Thread;
use crate::api::Api;
use crate::arguments::OneOrMany;
use crate::error::ToolError;

/// Allows sending and nothing else; not even a restricted scope.
pub(super) const SCOPE: &str = "https://www.googleapis.com/auth/gmail.send";

/// How refusals of a send are explained.
pub(super) const CALL: Call = Call {
    scope: SCOPE,
    bad_request_fix: "Nothing was sent. Correct the recipients, the subject or the attachments and \
                      call again.",
};

const MAX_SUBJECT: usize = 1_000;

/// Send a new e-mail now. It cannot be called back.
///
/// It begins a new conversation. Use `dry_run` to see exactly what would be sent.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SendArgs {
    /// Recipients: `ada@example.com` or `Ada Lovelace <ada@example.com>`.
    #[serde(default)]
    to: OneOrMany,
    /// Recipients of copies.
    #[serde(default)]
    cc: OneOrMany,
    /// Recipients of blind copies.
    #[serde(default)]
    bcc: OneOrMany,
    /// The subject, on one line.
    subject: String,
    /// The text.
    body: String,
    /// How `body` is written, `markdown` by default.
    body_format: Option<BodyFormat>,
    /// Another sender address that this account may send as, if not its own.
    from_alias: Option<String>,
    /// Files, at most 18 MB together.
    #[serde(default)]
    attachments: Option<Vec<Attachment>>,
    /// Show the rendered message and send nothing.
    dry_run: Option<bool>,
}

pub(super) async fn run(api: Api, args: SendArgs) -> Result<SendResult, ToolError> {
    let (recipients, duplicates) = Recipients::read(&args.to.0, &args.cc.0, &args.bcc.0)?;
    check_subject(&args.subject)?;
    let from = args
        .from_alias
        .as_deref()
        .map(|text| recipients::one("from_alias", text))
        .transpose()?;
    let outgoing = Outgoing {
        from,
        recipients,
        subject: args.subject,
        body: body::read(&args.body, args.body_format.unwrap_or(BodyFormat::Markdown))?,
        files: attachments::read(args.attachments.as_deref().unwrap_or_default())?,
        thread: Thread::default(),
        parent: None,
        warnings: repeated(duplicates),
    };
    outgoing.send(&api, &CALL, args.dry_run == Some(true)).await
}

/// A subject that can travel in a header.
pub(super) fn check_subject(subject: &str) -> Result<(), ToolError> {
    single_line("subject", subject)?;
    if subject.chars().count() > MAX_SUBJECT {
        return Err(ToolError::invalid_arguments(format!(
            "`subject` is longer than {MAX_SUBJECT} characters."
        )));
    }
    Ok(())
}
