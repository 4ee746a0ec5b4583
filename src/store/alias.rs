//! The short name that a person gives to a connected account.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Characters of an alias.
const LONGEST: usize = 32;

/// The short name of a connection: `work`. ASCII letters, digits, `.`, `_` and `-`, at most 32, the
/// first a letter or a digit; upper and lower case mean the same.
///
/// So it needs no quotes in a shell, cannot be taken for a sentence by a model, and is neither an
/// e-mail address nor a connection's id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Alias(String);

/// It cannot be an alias.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "An alias is made of the letters a to z, digits, `.`, `_` and `-`, begins with a letter or a digit, has at most 32 characters, and is not 16 hex digits, which are a connection's id. Example: work"
)]
pub struct NotAnAlias;

impl Alias {
    /// Reads one.
    pub fn parse(text: &str) -> Result<Self, NotAnAlias> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let is_id = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let fits = text.len() <= LONGEST
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.chars().all(allowed)
            && !is_id;
        fits.then(|| Self(text.to_owned())).ok_or(NotAnAlias)
    }

    /// Whether `name` means this alias.
    pub fn is(&self, name: &str) -> bool {
        self.0.eq_ignore_ascii_case(name)
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of an account for people and models: `work (ada@example.com)`, or the account alone.
pub fn shown(alias: Option<&Alias>, account: &str) -> String {
    match alias {
        Some(alias) => format!("{alias} ({account})"),
        None => account.to_owned(),
    }
}

impl TryFrom<String> for Alias {
    type Error = NotAnAlias;

    fn try_from(text: String) -> Result<Self, NotAnAlias> {
        Self::parse(&text)
    }
}

impl From<Alias> for String {
    fn from(alias: Alias) -> Self {
        alias.0
    }
}

impl fmt::Display for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_a_short_plain_word() {
        let longest = "x".repeat(32);
        for good in ["work", "Work-2", "a", "0", "ada.home_1", &longest] {
            assert_eq!(Alias::parse(good).unwrap().as_str(), good);
        }
        let too_long = "x".repeat(33);
        for bad in [
            "",
            " ",
            "my work",
            "-none",
            ".hidden",
            "_x",
            "ada@example.com",
            "a/b",
            "a\nb",
            "a\u{202e}b",
            "büro",
            "work (ada)",
            "00ff00ff00ff00FF",
            &too_long,
        ] {
            assert_eq!(Alias::parse(bad), Err(NotAnAlias), "{bad:?}");
        }
    }

    #[test]
    fn upper_and_lower_case_mean_the_same_alias() {
        let alias = Alias::parse("Work").unwrap();
        assert!(alias.is("work") && alias.is("WORK") && !alias.is("works"));
    }
}
