//! `gmail_list_drafts` and `gmail_send_draft`.

use std::fmt::Write;

use reqwest::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::error::{Call, accept};
use super::letter::named;
use super::line::Lines;
use super::summary::{Person, Style};
use super::wire::{Draft, Drafts, Message};
use super::{COMPOSE, allowed, labels, listing};
use crate::api::Api;
use crate::cursor;
use crate::error::{ErrorCode, ToolError};
use crate::output::{Page, Render};
use crate::when;

const LIST: Call = Call {
    scope: listing::SCOPE,
    bad_request_fix: "Correct the query. A cursor works only with the account that gave it: leave \
                      it out to start again.",
};

const SEND: Call = Call {
    scope: COMPOSE,
    bad_request_fix: "Nothing was sent. Ask the user to complete the draft: it may lack a \
                      recipient.",
};

const DEFAULT_LIMIT: u32 = 20;
const MAX_LIMIT: u32 = 50;

/// List drafts, newest first, without their text.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListDraftsArgs {
    /// Gmail search syntax.
    query: Option<String>,
    /// How many drafts a page has: 20 by default, at most 50.
    #[schemars(range(min = 1, max = 50))]
    limit: Option<u32>,
    /// `page.next_cursor` of an earlier result; the query comes from it.
    cursor: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Position {
    query: Option<String>,
    page: String,
}

/// Drafts.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DraftList {
    items: Vec<DraftInfo>,
    page: Page,
    /// Whether names or subjects were cut short.
    truncated: bool,
}

/// A draft.
#[derive(Debug, Serialize, JsonSchema)]
struct DraftInfo {
    /// For `gmail_send_draft`.
    draft_id: String,
    /// For `gmail_read_message`.
    message_id: String,
    thread_id: String,
    /// The first 3 recipients.
    to: Vec<Person>,
    /// How many more there are.
    to_more: usize,
    subject: String,
    /// When it was last changed: RFC 3339 in the user's time zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<String>,
    /// The beginning of the text.
    snippet: String,
}

impl Render for DraftList {
    fn render(&self) -> String {
        let mut text = self.page.render();
        for draft in &self.items {
            text.push('\n');
            draft.write(&mut text).expect("a string takes every write");
        }
        text
    }
}

impl DraftInfo {
    fn of(draft: &Draft, style: &Style<'_>, lines: &mut Lines) -> Self {
        let summary = style.message(&draft.message, lines);
        Self {
            draft_id: draft.id.clone(),
            message_id: summary.message_id,
            thread_id: summary.thread_id,
            to: summary.to,
            to_more: summary.to_more,
            subject: summary.subject,
            date: summary.date,
            snippet: summary.snippet,
        }
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let subject = match self.subject.as_str() {
            "" => "(no subject)",
            subject => subject,
        };
        writeln!(text, "\n{subject}")?;
        if !self.to.is_empty() {
            writeln!(text, "   To: {}", named(&self.to))?;
        }
        if self.to_more > 0 {
            writeln!(text, "   and {} more", self.to_more)?;
        }
        if let Some(date) = &self.date {
            writeln!(text, "   Changed: {date}")?;
        }
        if !self.snippet.is_empty() {
            writeln!(text, "   Begins: {}", self.snippet)?;
        }
        write!(
            text,
            "   draft_id {}, message_id {}, thread_id {}",
            self.draft_id, self.message_id, self.thread_id
        )
    }
}

pub(super) async fn list(api: Api, args: ListDraftsArgs) -> Result<DraftList, ToolError> {
    let limit = args.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(ToolError::invalid_arguments(format!(
            "`limit` must be 1 to {MAX_LIMIT}."
        )));
    }
    let (query, page) = match &args.cursor {
        None => (args.query, None),
        Some(cursor) => {
            let Position { query, page } = cursor::unwrap(cursor)?;
            (query, Some(page))
        }
    };
    let path = ["gmail", "v1", "users", "me", "drafts"];
    let mut request = api.read(Method::GET, &path).query("maxResults", limit);
    if let Some(query) = query.as_deref().filter(|query| !query.trim().is_empty()) {
        request = request.query("q", query);
    }
    if let Some(page) = &page {
        request = request.query("pageToken", page);
    }
    let drafts: Drafts = accept(request.send().await?, &LIST)?.json()?;
    let zone = api.zone().clone();
    let style = Style {
        zone: &zone,
        detailed: false,
        drafts: true,
        spam_trash: false,
        attachments: None,
    };
    let mut lines = Lines::default();
    let mut items = Vec::new();
    for reference in drafts.items {
        match get(&api, &reference.id, &LIST).await {
            Ok(draft) => items.push(DraftInfo::of(&draft, &style, &mut lines)),
            // Sent or deleted meanwhile.
            Err(error) if error.code == ErrorCode::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(DraftList {
        page: Page {
            next_cursor: drafts
                .next_page_token
                .map(|page| cursor::wrap(&Position { query, page })),
            returned: items.len(),
            total_estimate: drafts.result_size_estimate,
        },
        items,
        truncated: lines.cut,
    })
}

/// `drafts.get` without the text.
async fn get(api: &Api, id: &str, call: &Call) -> Result<Draft, ToolError> {
    let request = api.read(Method::GET, &["gmail", "v1", "users", "me", "drafts", id]);
    accept(request.query("format", "metadata").send().await?, call)?.json()
}

/// Send a draft now, as it is. It cannot be called back.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SendDraftArgs {
    /// The draft, from `gmail_list_drafts`.
    draft_id: String,
    /// Show whom it would go to and send nothing.
    dry_run: Option<bool>,
}

/// A draft that was sent, or would be.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SentDraft {
    /// Whether it was sent; false for a dry run.
    sent: bool,
    /// The draft; once sent, it is gone.
    draft_id: String,
    /// The message; sending gives it another id.
    message_id: String,
    /// The conversation that it is in.
    thread_id: String,
    /// All recipients, blind copies included.
    recipients: Vec<Person>,
    subject: String,
    /// The labels that Gmail gave it.
    labels: Vec<String>,
    /// When the call was made: RFC 3339 in the user's time zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_at: Option<String>,
}

impl Render for SentDraft {
    fn render(&self) -> String {
        let mut text = String::new();
        self.write(&mut text).expect("a string takes every write");
        text
    }
}

impl SentDraft {
    fn write(&self, text: &mut String) -> std::fmt::Result {
        text.push_str(if self.sent {
            "Sent.\n"
        } else {
            "Dry run: nothing was sent.\n"
        });
        let recipients: Vec<String> = self.recipients.iter().map(ToString::to_string).collect();
        writeln!(text, "Recipients: {}", recipients.join(", "))?;
        writeln!(text, "Subject: {}", self.subject)?;
        if let Some(time) = &self.sent_at {
            writeln!(text, "Sent at: {time}")?;
        }
        if !self.labels.is_empty() {
            writeln!(text, "Labels: {}", self.labels.join(", "))?;
        }
        write!(
            text,
            "draft_id: {}\nmessage_id: {}\nthread_id: {}",
            self.draft_id, self.message_id, self.thread_id
        )
    }
}

pub(super) async fn send(api: Api, args: SendDraftArgs) -> Result<SentDraft, ToolError> {
    let draft = get(&api, args.draft_id.trim(), &SEND).await?;
    allowed::check_draft(&api, &draft.message)?;
    let mut lines = Lines::default();
    let recipients: Vec<Person> = ["To", "Cc", "Bcc"]
        .into_iter()
        .flat_map(|name| super::summary::people(draft.message.header(name), &mut lines))
        .collect();
    if recipients.is_empty() {
        return Err(ToolError::new(
            ErrorCode::Rejected,
            "The draft has no recipient; nothing was sent.",
            "Ask the user to complete it in Gmail, or write a new one with `gmail_create_draft`.",
        ));
    }
    let subject = super::summary::decoded(draft.message.header("Subject").unwrap_or_default());
    let mut result = SentDraft {
        sent: false,
        draft_id: draft.id,
        message_id: draft.message.id,
        thread_id: draft.message.thread_id,
        recipients,
        subject: lines.line(&subject, 500),
        labels: labels::shown(&draft.message.label_ids),
        sent_at: None,
    };
    if args.dry_run == Some(true) {
        return Ok(result);
    }
    let path = ["gmail", "v1", "users", "me", "drafts", "send"];
    let request = api.write(Method::POST, &path);
    let request = request.json(&json!({ "id": result.draft_id }));
    let sent: Message = accept(request.send().await?, &SEND)?.json()?;
    result.sent = true;
    result.sent_at = Some(when::show(api.now(), api.zone()));
    result.labels = labels::shown(&sent.label_ids);
    result.message_id = sent.id;
    result.thread_id = sent.thread_id;
    Ok(result)
}
