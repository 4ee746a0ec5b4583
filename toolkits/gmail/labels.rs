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

/// The names of these labels, without "Unread". The user's own are looked up, if there are any;
/// without them the ids stay and the warning says so.
pub(super) async fn names(
    api: &Api,
    call: &Call,
    ids: impl IntoIterator<Item = &String>,
) -> (Vec<String>, Option<String>) {
    let ids: Vec<&String> = ids.into_iter().filter(|id| *id != "UNREAD").collect();
    let own = ids.iter().any(|id| system_name(id).is_none());
    let mut warning = None;
    let mut known = Vec::new();
    if own {
        match list(request(api).once(), call).await {
            Ok(list) => known = list,
            Err(error) => warning = Some(unnamed(&error)),
        }
    }
    let names = ids.iter().map(|id| name(&known, id)).collect();
    (names, warning)
}

/// The names of system labels, the ids of others: for labels that Gmail itself gave.
pub(super) fn shown(ids: &[String]) -> Vec<String> {
    ids.iter().map(|id| name(&[], id)).collect()
}

/// What a label is called; its id where `list` does not have it.
pub(super) fn name(list: &[Label], id: &str) -> String {
    match system_name(id) {
        Some(name) => name.to_owned(),
        None => list
            .iter()
            .find(|label| label.id == id)
            .map_or_else(|| id.to_owned(), |label| snippet(&label.name, 100)),
    }
}

/// The warning that names could not be had.
pub(super) fn unnamed(error: &ToolError) -> String {
    format!(
        "Some labels are shown by id, because their names could not be read: {}",
        error.message
    )
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
