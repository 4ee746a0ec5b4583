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

/// A message, with `format=metadata` or as `messages.send` answers it.
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

/// The outermost MIME part.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part {
    #[serde(default)]
    pub(super) mime_type: String,
    #[serde(default)]
    pub(super) headers: Vec<Header>,
}

/// A header field of a message.
#[derive(Deserialize)]
pub(super) struct Header {
    pub(super) name: String,
    pub(super) value: String,
}

/// The answer of `labels.list`.
#[derive(Deserialize)]
pub(super) struct Labels {
    #[serde(default)]
    pub(super) labels: Vec<Label>,
}

/// A label and its name; for system labels both are the same word.
#[derive(Deserialize)]
pub(super) struct Label {
    pub(super) id: String,
    pub(super) name: String,
}

impl Message {
    /// Whether the message carries the label with this id.
    pub(super) fn has_label(&self, id: &str) -> bool {
        self.label_ids.iter().any(|label| label == id)
    }

    /// The first header field of that name (RFC 5322 names ignore case).
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.payload
            .iter()
            .flat_map(|part| &part.headers)
            .find(|header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value.as_str())
    }
}
