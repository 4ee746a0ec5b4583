//! Third-party text, made safe to show to a model: invisible, bidirectional and tag characters and
//! hidden HTML are removed and counted.

/// Text of strangers after the filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sanitized {
    /// What is left.
    pub text: String,
    /// How many characters were removed.
    pub removed: usize,
}

/// Removes what a person would not see: zero-width and other format characters, bidirectional
/// controls, Unicode tag characters (U+E0000–U+E007F), control characters other than line breaks
/// and tabs, and HTML comments.
pub fn sanitize(text: &str) -> Sanitized {
    let _ = text;
    todo!("toolkits core")
}
