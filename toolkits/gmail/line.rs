//! Texts of others, each on one line of limited length.

use crate::sanitize::shorten;

/// Cuts lines and remembers whether it had to.
#[derive(Default)]
pub(super) struct Lines {
    pub(super) cut: bool,
}

impl Lines {
    /// The text on one line of at most `max` characters.
    ///
    /// One line, because the text form of a result has one fact per line: a subject with a line
    /// break in it could otherwise pose as a line of ours. Invisible characters are removed and
    /// counted where the result leaves ([`crate::output`]).
    pub(super) fn line(&mut self, text: &str, max: usize) -> String {
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let short = shorten(&line, max);
        self.cut |= short != line;
        short
    }
}
