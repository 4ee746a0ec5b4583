//! Documents as text: PDF and DOCX.
//!
//! The files are hostile. Whatever one says of itself, reading it takes a bounded number of steps and
//! a bounded amount of memory: that is why the readers here are small ones of our own, and nothing of
//! a file becomes an object before it is needed and its size known. (The libraries that were looked
//! at inflate streams without a bound, or keep every object of the file, at fifty times its size.)

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::Semaphore;
use tokio::task;

mod docx;
mod pdf;
#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;

/// How many documents are read at a time in this process: each may take [`MOST_DECODED`] of memory.
static READERS: Semaphore = Semaphore::const_new(2);

/// So much of one stream is decoded, in bytes.
const MOST_DECODED: usize = 16 << 20;

/// So much text a document gives, in bytes; what is behind it is left out, and the text says so.
const MOST_TEXT: usize = 4 << 20;

/// Ends a text that is not all.
const CUT: &str = "\n[The document goes on; more of it cannot be read here.]\n";

/// Why a document has no text to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It is not a document of these kinds.
    Other,
    Encrypted,
    /// There are pages, without a letter on them.
    NoText,
    Broken,
    /// A stream of it decodes to more than can be read here.
    TooLarge,
}

impl Unreadable {
    /// The reason, to stand after "its text cannot be read: ".
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Other => "it is not a document whose text can be read here",
            Self::Encrypted => "it is encrypted",
            Self::NoText => "there is no text in it, probably scanned images",
            Self::Broken => "it is damaged",
            Self::TooLarge => "it unpacks to more than can be read here",
        }
    }
}

/// What a document is, and its text.
pub(crate) struct Document {
    /// `PDF` or `DOCX`.
    pub(crate) kind: &'static str,
    pub(crate) text: Result<String, Unreadable>,
}

/// Whether a media type is one of documents that are read here.
pub(crate) fn is_document(media_type: &str) -> bool {
    let kind = media_type.split(';').next().unwrap_or_default().trim();
    [
        "application/pdf",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ]
    .iter()
    .any(|known| kind.eq_ignore_ascii_case(known))
}

/// Reads a document, on a thread for such work, and hands its bytes back. None: the bytes are of no
/// document, whatever they are called.
pub(crate) async fn read(bytes: Vec<u8>) -> (Vec<u8>, Option<Document>) {
    let kind = match &bytes[..] {
        [b'%', b'P', b'D', b'F', b'-', ..] => "PDF",
        [b'P', b'K', 3, 4, ..] => "DOCX",
        _ => return (bytes, None),
    };
    let turn = READERS.acquire().await.expect("it is never closed");
    let work = task::spawn_blocking(move || {
        // A caller that is gone does not end the work: the turn ends with it.
        let _turn = turn;
        // The hook logs the place of a panic and nothing of its message.
        let text = catch_unwind(AssertUnwindSafe(|| match kind {
            "PDF" => pdf::text(&bytes),
            _ => docx::text(&bytes),
        }));
        (bytes, text.unwrap_or(Err(Unreadable::Broken)))
    });
    let (bytes, text) = work.await.expect("its panics are caught");
    let document = match text {
        Err(Unreadable::Other) => None,
        text => Some(Document { kind, text }),
    };
    (bytes, document)
}
