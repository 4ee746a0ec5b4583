//! Gmail's JSON, as far as the tools read it.
//!
//! Field names and types follow the API's discovery document
//! (<https://gmail.googleapis.com/$discovery/rest?version=v1>). Gmail leaves empty fields out, so
//! every list and number may be absent.

use serde::Deserialize;

/// The answer of `threads.list` or of `messages.list`: one of the two lists is there, or neither.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listing {
    #[serde(default)]
    pub(super) threads: Vec<Reference>,
    #[serde(default)]
    pub(super) messages: Vec<Reference>,
    pub(super) next_page_token: Option<String>,
    pub(super) result_size_estimate: Option<u64>,
}

/// A thread or message in a listing.
#[derive(Deserialize)]
pub(super) struct Reference {
    pub(super) id: String,
}

/// The answer of `threads.get`.
#[derive(Deserialize)]
pub(super) struct Thread {
    pub(super) id: String,
    #[serde(default)]
    pub(super) messages: Vec<Message>,
}

/// A message, as far as the request's `format` shows it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) thread_id: String,
    #[serde(default)]
    pub(super) label_ids: Vec<String>,
    #[serde(default)]
    pub(super) snippet: String,
    /// Milliseconds since the epoch, as a decimal string.
    pub(super) internal_date: Option<String>,
    pub(super) payload: Option<Part>,
}

/// A MIME part: the whole message, or one of the parts in it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part {
    /// Stays the same; empty for the whole message.
    #[serde(default, rename = "partId")]
    pub(super) id: String,
    #[serde(default)]
    pub(super) mime_type: String,
    #[serde(default)]
    pub(super) filename: String,
    #[serde(default)]
    pub(super) headers: Vec<Header>,
    #[serde(default)]
    pub(super) body: PartBody,
    #[serde(default)]
    pub(super) parts: Vec<Part>,
}

/// What is in a part, or the answer of `messages.attachments.get`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PartBody {
    /// Where a large body or an attachment is; another one with every answer.
    pub(super) attachment_id: Option<String>,
    /// In bytes, before base64.
    #[serde(default)]
    pub(super) size: usize,
    /// base64url, with or without padding.
    pub(super) data: Option<String>,
}

/// A header field of a message.
#[derive(Deserialize)]
pub(super) struct Header {
    pub(super) name: String,
    pub(super) value: String,
}

/// The answer of `drafts.list`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Drafts {
    #[serde(default, rename = "drafts")]
    pub(super) items: Vec<Reference>,
    pub(super) next_page_token: Option<String>,
    pub(super) result_size_estimate: Option<u64>,
}

/// A draft.
#[derive(Deserialize)]
pub(super) struct Draft {
    pub(super) id: String,
    pub(super) message: Message,
}

/// The answer of `labels.list`.
#[derive(Deserialize)]
pub(super) struct Labels {
    #[serde(default)]
    pub(super) labels: Vec<Label>,
}

/// A label and its name; for system labels both are the same word.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Label {
    pub(super) id: String,
    pub(super) name: String,
    /// `system` or `user`.
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    /// Only in the answer of `labels.get`, and not where there is none.
    pub(super) threads_total: Option<u64>,
    pub(super) threads_unread: Option<u64>,
}

impl Message {
    /// Whether the message carries the label with this id.
    pub(super) fn has_label(&self, id: &str) -> bool {
        self.label_ids.iter().any(|label| label == id)
    }

    /// The first header field of that name (RFC 5322 names ignore case).
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.payload.iter().find_map(|part| part.header(name))
    }

    /// Every header field of these names.
    pub(super) fn headers(&self, names: &[&str]) -> impl Iterator<Item = &str> {
        let headers = self.payload.iter().flat_map(|part| &part.headers);
        let wanted = headers.filter(|header| {
            let mut names = names.iter();
            names.any(|name| header.name.eq_ignore_ascii_case(name))
        });
        wanted.map(|header| header.value.as_str())
    }
}

impl Part {
    /// The first header field of that name.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value.as_str())
    }
}
