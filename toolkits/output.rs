//! What a tool returns, in the two forms that hosts read.
//!
//! Claude Code and Codex show the model only `structuredContent` when it is there, Gemini CLI and
//! opencode only the text: so every fact is in both.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// A finished result: the text block and the structured form of the same facts.
#[derive(Clone, Debug)]
pub struct Output {
    /// For people and for hosts that show only text.
    pub text: String,
    /// The same facts, valid against the tool's output schema. None for raw-text tools.
    pub structured: Option<Map<String, Value>>,
}

/// How a typed result reads as text. Concise, names first, every fact of the struct included.
pub trait Render {
    /// The text block.
    fn render(&self) -> String;
}

/// The page of a list.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Page {
    /// Pass as `cursor` to get the next page; null at the end.
    pub next_cursor: Option<String>,
    /// How many items this page has.
    pub returned: usize,
    /// The provider's estimate of all items, where it gives one.
    pub total_estimate: Option<u64>,
}
