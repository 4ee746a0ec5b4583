//! `gmail_read_message`: one message, its header lines and its text.

use reqwest::Method;
use schemars::JsonSchema;
use serde::Deserialize;

use super::error::{Call, accept};
use super::letter::{self, add};
use super::wire::Message;
use super::{content, labels, listing};
use crate::api::Api;
use crate::error::ToolError;
use crate::piece::{self, UNTRUSTED};

/// How refusals of a read by id are explained.
pub(super) const CALL: Call = Call {
    scope: listing::SCOPE,
    bad_request_fix: "Use an id from `gmail_search`, of the same account.",
};

const DEFAULT_CHARS: u32 = 20_000;

/// Read one message: header lines, attachments with their part ids, then its text.
///
/// HTML mail is read as text, without what it hides from a person.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadMessageArgs {
    /// The message's id, from `gmail_search`.
    message_id: String,
    /// Say where the links of an HTML mail lead.
    include_links: Option<bool>,
    /// How much text: 100 to 50000 characters, 20000 by default.
    #[schemars(range(min = 100, max = 50000))]
    max_chars: Option<u32>,
    /// The `cursor` of an earlier result, for the next part of the same text.
    cursor: Option<String>,
}

pub(super) async fn run(api: Api, args: ReadMessageArgs) -> Result<String, ToolError> {
    let id = args.message_id.trim();
    let links = args.include_links == Some(true);
    let of = format!("{id} {links}");
    let wanted = piece::wanted(&of, args.max_chars, DEFAULT_CHARS, args.cursor.as_deref())?;
    let message = get(&api, id, &CALL).await?;
    let content = content::read(&api, &message, links, &CALL).await?;
    let (text, place) = wanted.of(&of, &content.text);

    let mut out = letter::header(&message, api.zone());
    if wanted.is_first() {
        let (names, warning) = labels::names(&api, &CALL, &message.label_ids).await;
        let unread = message.has_label("UNREAD").then(|| "unread".to_owned());
        let names: Vec<String> = names.into_iter().chain(unread).collect();
        add(&mut out, "Labels", &names.join(", "));
        add(&mut out, "Warning", &warning.unwrap_or_default());
    }
    let ids = format!("{}, thread_id: {}", message.id, message.thread_id);
    add(&mut out, "message_id", &ids);
    out.push_str(&letter::attachments(&content.files));
    if content.hidden > 0 {
        let hidden = format!(
            "{} characters that its HTML hides from a person are left out.",
            content.hidden
        );
        add(&mut out, "Warning", &hidden);
    }
    out.push_str(&place);
    out.push('\n');
    out.push_str(UNTRUSTED);
    out.push_str("\n\n");
    out.push_str(match text.as_str() {
        "" if wanted.is_first() => "(The message has no text.)",
        text => text,
    });
    Ok(out)
}

/// `messages.get` with everything but large bodies.
pub(super) async fn get(api: &Api, id: &str, call: &Call) -> Result<Message, ToolError> {
    let request = api.read(Method::GET, &["gmail", "v1", "users", "me", "messages", id]);
    accept(request.query("format", "full").send().await?, call)?.json()
}
