//! The Gmail toolkit, over the Gmail API v1
//! (<https://developers.google.com/workspace/gmail/api/reference/rest>).
//!
//! In reading order: one file a tool, then what they are made of.
//! Search: `query` (Gmail's search terms), `listing` (the requests), `results` and `summary` (the
//! answer). Reading: `letter` (the header lines), `content` (the MIME parts), `charset`, `html_text`,
//! `quoted`, `piece` (a part of a long text). Send: `recipients`, `allowed` (to whom), `answer` (those of a reply),
//! `threading`, `attachments`, `body` (a text's two forms), `mime`, `outgoing` (the requests), `sent`
//! (the answer). Change: `chosen` (what), `each` (the requests). All: `labels`, `line`, `wire` (Gmail's JSON), `error` (Gmail's
//! refusals).

pub(crate) mod allowed;
mod answer;
mod attachments;
mod body;
mod chosen;
mod content;
pub(crate) mod correspondents;
mod create_draft;
mod create_label;
mod drafts;
mod each;
mod error;
mod get_attachment;
mod html_text;
mod labels;
mod letter;
mod line;
mod list_labels;
mod listing;
mod mime;
mod modify_messages;
mod outgoing;
mod query;
mod quoted;
mod read_message;
mod read_thread;
mod recipients;
mod reply;
mod results;
mod search;
mod send;
mod sent;
mod summary;
mod threading;
mod trash;
mod wire;

#[cfg(test)]
mod tests;

use crate::tool::{Annotations, Declaration, Scopes, Tool};

const MODIFY: &str = "https://www.googleapis.com/auth/gmail.modify";
const METADATA: &str = "https://www.googleapis.com/auth/gmail.metadata";
const COMPOSE: &str = "https://www.googleapis.com/auth/gmail.compose";
const FULL: &str = "https://mail.google.com/";

/// Reads mail with its text.
const READERS: &[&str] = &[listing::SCOPE, MODIFY, FULL];

/// Sends mail.
const SENDERS: &[&str] = &[send::SCOPE, COMPOSE, MODIFY, FULL];

/// Writes and sends drafts; `gmail.send` does neither.
const COMPOSERS: &[&str] = &[COMPOSE, MODIFY, FULL];

/// Changes labels of messages.
const MODIFIERS: Scopes = &[&[MODIFY, FULL]];

/// A change that can be undone, and is the same when repeated.
const CHANGE: Annotations = Annotations {
    read_only: false,
    destructive: false,
    idempotent: true,
    open_world: true,
};

/// The same of what is deleted after a while.
const DISCARD: Annotations = Annotations {
    destructive: true,
    ..CHANGE
};

fn declare(
    name: &'static str,
    title: &'static str,
    scopes: Scopes,
    annotations: Annotations,
) -> Declaration {
    Declaration {
        name,
        toolkit: "gmail",
        provider: "google",
        title,
        scopes,
        annotations,
    }
}

/// The tools of this toolkit, in the order of the list.
pub(crate) fn tools() -> Vec<Tool> {
    const READ: Annotations = Annotations::READ;
    const SEND: Annotations = Annotations::SEND;
    vec![
        Tool::new(
            declare("gmail_search", "Search mail", &[READERS], READ),
            search::run,
        ),
        Tool::raw_text(
            declare("gmail_read_message", "Read a message", &[READERS], READ),
            read_message::run,
        ),
        Tool::raw_text(
            declare("gmail_read_thread", "Read a conversation", &[READERS], READ),
            read_thread::run,
        ),
        Tool::new(
            declare("gmail_send_email", "Send an e-mail", &[SENDERS], SEND),
            send::run,
        )
        .delayed(),
        Tool::new(
            declare(
                "gmail_reply",
                "Answer an e-mail",
                // The message that is answered and the account's own addresses are read first;
                // `gmail.metadata` does not show the addresses.
                &[SENDERS, READERS],
                SEND,
            ),
            reply::run,
        )
        .delayed()
        .draft_needs(&[COMPOSERS, READERS]),
        Tool::new(
            declare(
                "gmail_create_draft",
                "Save a draft",
                // One that answers or forwards reads that message, and asks for that when it does.
                &[COMPOSERS],
                Annotations::ADD,
            ),
            create_draft::run,
        ),
        Tool::new(
            declare(
                "gmail_list_labels",
                "List labels",
                &[&[list_labels::SCOPE, METADATA, listing::SCOPE, MODIFY, FULL]],
                READ,
            ),
            list_labels::run,
        ),
        Tool::new(
            declare(
                "gmail_modify_messages",
                "Archive, mark or label",
                MODIFIERS,
                CHANGE,
            ),
            modify_messages::run,
        ),
        Tool::new(
            declare("gmail_trash", "Move to Trash or Spam", MODIFIERS, DISCARD),
            trash::discard,
        ),
        Tool::new(
            declare("gmail_restore", "Restore from Trash", MODIFIERS, CHANGE),
            trash::restore,
        ),
        Tool::raw_text(
            declare("gmail_get_attachment", "Read a file", &[READERS], READ),
            get_attachment::run,
        ),
        Tool::new(
            declare(
                "gmail_list_drafts",
                "List drafts",
                // `gmail.compose` would do, but it may send, and a read asks for reading alone.
                &[&[listing::SCOPE, COMPOSE, MODIFY, FULL]],
                READ,
            ),
            drafts::list,
        ),
        Tool::new(
            declare("gmail_send_draft", "Send a draft", &[COMPOSERS], SEND),
            drafts::send,
        )
        .delayed(),
        Tool::new(
            declare(
                "gmail_create_label",
                "Create a label",
                &[&[list_labels::SCOPE, MODIFY, FULL]],
                CHANGE,
            ),
            create_label::run,
        ),
    ]
}
