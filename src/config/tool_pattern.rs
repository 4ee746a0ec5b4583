//! Names of tools with `*` in them: `toolkits.tools.allow` and `deny`.

use std::fmt;

/// A name in which each `*` stands for any characters, also none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolPattern {
    /// The key that it is of: `toolkits.tools.deny`.
    pub key: &'static str,
    /// Its line in the file.
    pub line: u64,
    text: String,
}

impl ToolPattern {
    /// Reads one of `a-z`, `0-9`, `_` and `*`.
    pub(super) fn parse(key: &'static str, line: u64, text: &str) -> Result<Self, &'static str> {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'*');
        if text.is_empty() || text.len() > 64 || !text.bytes().all(fits) {
            return Err("must be the name of a tool, in which * may stand for any part");
        }
        Ok(Self {
            key,
            line,
            text: text.to_owned(),
        })
    }

    /// Whether it is the name of one tool.
    pub fn is_exact(&self) -> bool {
        !self.text.contains('*')
    }

    /// Whether the tool of this name is meant.
    pub fn fits(&self, name: &str) -> bool {
        let mut parts = self.text.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = name.strip_prefix(first) else {
            return false;
        };
        let Some(last) = parts.next_back() else {
            return rest.is_empty();
        };
        // The earliest place for each part leaves the most for those after it.
        for part in parts {
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

impl fmt::Display for ToolPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::ToolPattern;

    #[test]
    fn a_star_is_any_part_of_a_name() {
        for (pattern, name, expected) in [
            ("gmail_search", "gmail_search", true),
            ("gmail_search", "gmail_search_all", false),
            ("gmail_*", "gmail_search", true),
            ("gmail_*", "slack_search", false),
            ("*_delete_*", "slack_delete_message", true),
            ("*_delete_*", "slack_delete", false),
            ("*_search", "gmail_search", true),
            ("*_search", "github_search_code", false),
            ("*", "anything", true),
            ("**", "", true),
            ("a*b*a", "aba", true),
            ("a*b*a", "ab", false),
            ("a*a", "a", false),
            ("*ab*ab", "abab", true),
            ("*ab*ab", "ab", false),
        ] {
            let pattern = ToolPattern::parse("k", 1, pattern).unwrap();
            assert_eq!(pattern.fits(name), expected, "{pattern} {name}");
        }
        for wrong in ["", "Gmail_*", "gmail-?", "a b", "gmail_[a-z]"] {
            assert!(ToolPattern::parse("k", 1, wrong).is_err(), "{wrong}");
        }
    }
}
