//! Labels by name: a table of Gmail's own, a lookup for the user's.

use reqwest::Method;

use super::error::{Call, accept};
use super::wire::{Label, Labels};
use crate::api::{Api, Request};
use crate::error::{ErrorCode, ToolError};
use crate::sanitize::snippet;

/// Ids of system labels and the names that Gmail's own pages show
/// (<https://developers.google.com/workspace/gmail/api/guides/labels>).
const SYSTEM: &[(&str, &str)] = &[
    ("INBOX", "Inbox"),
    ("SENT", "Sent"),
    ("DRAFT", "Drafts"),
    ("SPAM", "Spam"),
    ("TRASH", "Trash"),
    ("UNREAD", "Unread"),
    ("STARRED", "Starred"),
    ("IMPORTANT", "Important"),
    ("CHAT", "Chats"),
    ("CATEGORY_PERSONAL", "Primary"),
    ("CATEGORY_SOCIAL", "Social"),
    ("CATEGORY_PROMOTIONS", "Promotions"),
    ("CATEGORY_UPDATES", "Updates"),
    ("CATEGORY_FORUMS", "Forums"),
];

/// The name of a system label, if the id is one.
pub(super) fn system_name(id: &str) -> Option<&'static str> {
    SYSTEM
        .iter()
        .find(|(known, _)| *known == id)
        .map(|(_, name)| *name)
}

/// The id of a system label, by its id or name, whatever the case.
pub(super) fn system_id(wanted: &str) -> Option<&'static str> {
    SYSTEM
        .iter()
        .find(|(id, name)| id.eq_ignore_ascii_case(wanted) || name.eq_ignore_ascii_case(wanted))
        .map(|(id, _)| *id)
}

/// The request for all labels of the mailbox.
pub(super) fn request(api: &Api) -> Request {
    api.read(Method::GET, &["gmail", "v1", "users", "me", "labels"])
}

/// The answer to that request.
pub(super) async fn list(request: Request, call: &Call) -> Result<Vec<Label>, ToolError> {
    let labels: Labels = accept(request.send().await?, call)?.json()?;
    Ok(labels.labels)
}

/// The id of the label that the user calls `wanted`; nested labels by their full name (`Work/Ada`).
pub(super) fn find(labels: &[Label], wanted: &str) -> Result<String, ToolError> {
    let wanted_lower = wanted.to_lowercase();
    if let Some(label) = labels
        .iter()
        .find(|label| label.name.to_lowercase() == wanted_lower || label.id == wanted)
    {
        return Ok(label.id.clone());
    }
    let names: Vec<String> = labels
        .iter()
        .filter(|label| system_name(&label.id).is_none())
        .take(30)
        .map(|label| format!("“{}”", snippet(&label.name, 100)))
        .collect();
    let fix = if names.is_empty() {
        "This mailbox has no labels of its own; leave `label` out or name a system label such as \
         Inbox, Sent or Starred."
            .to_owned()
    } else {
        format!(
            "Use a system label such as Inbox, Sent or Starred, or one of: {}.",
            names.join(", ")
        )
    };
    Err(ToolError::new(
        ErrorCode::NotFound,
        format!(
            "There is no label “{}” in this mailbox.",
            snippet(wanted, 100)
        ),
        fix,
    ))
}
