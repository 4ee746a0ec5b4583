//! The Gmail toolkit, over the Gmail API v1
//! (<https://developers.google.com/workspace/gmail/api/reference/rest>).
//!
//! In reading order: `search` and `send` (one tool each), then what they are made of.
//! Search: `query` (Gmail's search terms), `listing` (the requests), `results` and `summary` (the
//! answer), `labels`, `line`. Send: `recipients`, `attachments`, `body` and `html_text` (a text's two
//! forms), `mime`, `sent` (the answer). Both: `wire` (Gmail's JSON), `error` (Gmail's refusals).

mod attachments;
mod body;
mod error;
mod html_text;
mod labels;
mod line;
mod listing;
mod mime;
mod query;
mod recipients;
mod results;
mod search;
mod send;
mod sent;
mod summary;
mod wire;

#[cfg(test)]
mod tests;

use crate::tool::{Annotations, Declaration, Tool};

/// The tools of this toolkit, in the order of the list.
pub(crate) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            Declaration {
                name: "gmail_search",
                toolkit: "gmail",
                provider: "google",
                title: "Search mail",
                scopes: &[&[
                    listing::SCOPE,
                    "https://www.googleapis.com/auth/gmail.modify",
                    "https://mail.google.com/",
                ]],
                annotations: Annotations::READ,
            },
            search::run,
        ),
        Tool::new(
            Declaration {
                name: "gmail_send_email",
                toolkit: "gmail",
                provider: "google",
                title: "Send an e-mail",
                scopes: &[&[
                    send::SCOPE,
                    "https://www.googleapis.com/auth/gmail.compose",
                    "https://www.googleapis.com/auth/gmail.modify",
                    "https://mail.google.com/",
                ]],
                annotations: Annotations::SEND,
            },
            send::run,
        ),
    ]
}
