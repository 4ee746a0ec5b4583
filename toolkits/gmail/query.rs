//! Gmail's search terms, composed so that no value can add an operator.
//!
//! The language is the one of the search box (<https://support.google.com/mail/answer/7190>).
//! It has no escape inside quotation marks, so a value that is more than a word is quoted after its
//! own marks are removed.

use jiff::Timestamp;

use crate::error::ToolError;

/// What is looked for, before it is written in Gmail's language.
#[derive(Default)]
pub(super) struct Terms<'a> {
    /// Gmail's own syntax, as the model wrote it.
    pub(super) query: &'a str,
    pub(super) from: &'a [String],
    pub(super) to: &'a [String],
    pub(super) subject: Option<&'a str>,
    pub(super) after: Option<Timestamp>,
    pub(super) before: Option<Timestamp>,
    pub(super) has_attachment: Option<bool>,
    pub(super) unread: Option<bool>,
    pub(super) exclude_automated: bool,
    /// Whether a label is asked for beside the query; then an empty query is not the inbox.
    pub(super) label: bool,
    /// Whether drafts may be among the results.
    pub(super) drafts: bool,
}

/// Gmail's categories of automated mail, and the usual senders of notifications.
const NOT_AUTOMATED: &str = "-category:promotions -category:social -category:updates \
     -category:forums -from:noreply -from:no-reply -from:donotreply -from:notifications";

/// Gmail refuses longer requests; nobody needs them.
const MAX_QUERY: usize = 2_000;

impl Terms<'_> {
    /// The value of the API's `q` parameter.
    pub(super) fn compose(&self) -> Result<String, ToolError> {
        let mut terms = Vec::new();
        let query = own_query(self.query)?;
        if !query.is_empty() {
            terms.push(query);
        }
        terms.extend(any_of("from", self.from)?);
        terms.extend(any_of("to", self.to)?);
        if let Some(subject) = self.subject {
            terms.push(format!("subject:{}", quote("subject", subject)?));
        }
        // Gmail reads a date as midnight in Pacific time; seconds since the epoch are exact.
        if let Some(after) = self.after {
            terms.push(format!("after:{}", after.as_second()));
        }
        if let Some(before) = self.before {
            terms.push(format!("before:{}", before.as_second()));
        }
        match self.has_attachment {
            Some(true) => terms.push("has:attachment".to_owned()),
            Some(false) => terms.push("-has:attachment".to_owned()),
            None => {}
        }
        match self.unread {
            Some(true) => terms.push("is:unread".to_owned()),
            Some(false) => terms.push("is:read".to_owned()),
            None => {}
        }
        if terms.is_empty() && !self.label {
            terms.push("in:inbox".to_owned());
        }
        if self.exclude_automated {
            terms.push(NOT_AUTOMATED.to_owned());
        }
        if !self.drafts {
            terms.push("-in:drafts".to_owned());
        }
        let composed = terms.join(" ");
        if composed.len() > MAX_QUERY {
            return Err(ToolError::invalid_arguments(format!(
                "The search terms together are longer than {MAX_QUERY} bytes."
            )));
        }
        Ok(composed)
    }
}

/// Whether a query names one of these places, such as `in:draft`, without excluding it.
pub(super) fn mentions(query: &str, places: &[&str]) -> bool {
    query
        .to_lowercase()
        .split(|c: char| c.is_whitespace() || "(){}|".contains(c))
        .any(|term| places.iter().any(|place| term.starts_with(place)))
}

/// Whether a query leaves nearly everything in: it names only places that have all mail, or only
/// what it leaves out.
pub(super) fn is_catch_all(query: &str) -> bool {
    query
        .to_lowercase()
        .split(|c: char| c.is_whitespace() || c.is_control() || "(){}|\"".contains(c))
        .all(|term| {
            term.starts_with('-') || ["", "*", "or", "and", "in:anywhere", "in:all"].contains(&term)
        })
}

/// The model's query on one line; in parentheses when it holds an alternative, which would
/// otherwise swallow the terms that follow.
fn own_query(query: &str) -> Result<String, ToolError> {
    let line = query
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    if !balanced(&line) {
        return Err(ToolError::invalid_arguments(
            "`query` has an unclosed quotation mark, parenthesis or brace.",
        ));
    }
    if line.contains("OR") || line.contains('|') {
        Ok(format!("({line})"))
    } else {
        Ok(line)
    }
}

fn balanced(query: &str) -> bool {
    let mut open = Vec::new();
    let mut in_quotes = false;
    for c in query.chars() {
        match c {
            '"' => in_quotes = !in_quotes,
            _ if in_quotes => {}
            '(' => open.push(')'),
            '{' => open.push('}'),
            ')' | '}' if open.pop() != Some(c) => return false,
            _ => {}
        }
    }
    open.is_empty() && !in_quotes
}

/// `operator:"value"`, or several in braces, which is Gmail's "any of these".
fn any_of(operator: &str, values: &[String]) -> Result<Option<String>, ToolError> {
    let quoted: Vec<String> = values
        .iter()
        .map(|value| Ok(format!("{operator}:{}", quote(operator, value)?)))
        .collect::<Result<_, ToolError>>()?;
    Ok(match quoted.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        several => Some(format!("{{{}}}", several.join(" "))),
    })
}

/// The value as one term. Everything that could end a quotation is removed: marks of any style,
/// since search boxes fold the typographic ones, and control characters.
fn quote(argument: &str, value: &str) -> Result<String, ToolError> {
    let inner = value
        .split(|c: char| c.is_whitespace() || c.is_control() || "\"\\“”„‟〝〞〟＂«»".contains(c))
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    if inner.is_empty() {
        return Err(ToolError::invalid_arguments(format!(
            "`{argument}` has an empty value."
        )));
    }
    let is_plain = inner.starts_with(char::is_alphanumeric)
        && inner
            .chars()
            .all(|c| c.is_alphanumeric() || "@.-_+".contains(c))
        && !["OR", "AND", "AROUND"].contains(&inner.as_str());
    Ok(if is_plain {
        inner
    } else {
        format!("\"{inner}\"")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    #[test]
    fn what_leaves_nearly_everything_in_is_a_catch_all() {
        for (query, expected) in [
            ("", true),
            (" \n", true),
            ("*", true),
            ("(in:Anywhere)", true),
            ("{* OR in:all}", true),
            ("-from:ada", true),
            ("\"\"", true),
            ("in:inbox", false),
            ("from:ada -in:inbox", false),
            ("lunch", false),
        ] {
            assert_eq!(is_catch_all(query), expected, "{query:?}");
        }
    }

    #[test]
    fn terms_are_written_in_gmails_language() {
        let one = strings(&["Ada Lovelace"]);
        let two = strings(&["ada@x.example", "bob@x.example"]);
        let at = |seconds| Timestamp::from_second(seconds).ok();
        let cases = [
            (Terms::default(), "in:inbox -in:drafts"),
            (
                Terms {
                    label: true,
                    ..Terms::default()
                },
                "-in:drafts",
            ),
            (
                Terms {
                    drafts: true,
                    query: "in:drafts",
                    ..Terms::default()
                },
                "in:drafts",
            ),
            (
                Terms {
                    query: "  from:ada\n newer_than:7d ",
                    ..Terms::default()
                },
                "from:ada newer_than:7d -in:drafts",
            ),
            (
                Terms {
                    query: "invoice OR receipt",
                    unread: Some(true),
                    ..Terms::default()
                },
                "(invoice OR receipt) is:unread -in:drafts",
            ),
            (
                Terms {
                    from: &one,
                    to: &two,
                    subject: Some("Lunch"),
                    ..Terms::default()
                },
                "from:\"Ada Lovelace\" {to:ada@x.example to:bob@x.example} subject:Lunch -in:drafts",
            ),
            (
                Terms {
                    after: at(1_772_319_600),
                    before: at(1_772_406_000),
                    has_attachment: Some(false),
                    unread: Some(false),
                    ..Terms::default()
                },
                "after:1772319600 before:1772406000 -has:attachment is:read -in:drafts",
            ),
            (
                Terms {
                    exclude_automated: true,
                    ..Terms::default()
                },
                "in:inbox -category:promotions -category:social -category:updates \
                 -category:forums -from:noreply -from:no-reply -from:donotreply \
                 -from:notifications -in:drafts",
            ),
        ];
        for (terms, expected) in cases {
            assert_eq!(terms.compose().unwrap(), expected);
        }
    }

    #[test]
    fn a_value_cannot_add_an_operator() {
        for (value, expected) in [
            (
                "x\" OR in:anywhere \"",
                "subject:\"x OR in:anywhere\" -in:drafts",
            ),
            ("x” is:starred “", "subject:\"x is:starred\" -in:drafts"),
            ("OR", "subject:\"OR\" -in:drafts"),
            ("-secret", "subject:\"-secret\" -in:drafts"),
            ("a:b", "subject:\"a:b\" -in:drafts"),
            ("a\r\nlabel:secret", "subject:\"a label:secret\" -in:drafts"),
            (
                "(a) {b} -in:inbox",
                "subject:\"(a) {b} -in:inbox\" -in:drafts",
            ),
        ] {
            let terms = Terms {
                subject: Some(value),
                ..Terms::default()
            };
            assert_eq!(terms.compose().unwrap(), expected);
        }
    }

    #[test]
    fn a_query_that_would_leave_its_place_is_refused() {
        for query in [
            "\"open", "a) OR (b", "(a", "{a", "(a}", "a)", "\"a\" \"", "{(a})",
        ] {
            let terms = Terms {
                query,
                ..Terms::default()
            };
            assert!(terms.compose().is_err(), "{query}");
        }
        for query in ["\"a) (b\"", "{from:a from:b}", "((a))", "subject:(x y)"] {
            let terms = Terms {
                query,
                ..Terms::default()
            };
            assert!(terms.compose().is_ok(), "{query}");
        }
    }

    #[test]
    fn empty_values_and_endless_terms_are_refused() {
        let blank = strings(&["\"\""]);
        let terms = Terms {
            from: &blank,
            ..Terms::default()
        };
        assert!(terms.compose().is_err());
        let long = "x".repeat(MAX_QUERY);
        let terms = Terms {
            query: &long,
            ..Terms::default()
        };
        assert!(terms.compose().is_err());
    }

    #[test]
    fn a_place_is_mentioned_only_when_it_is_not_excluded() {
        let drafts = ["in:draft", "is:draft"];
        for (query, expected) in [
            ("in:drafts", true),
            ("from:ada (IN:Draft)", true),
            ("-in:drafts", false),
            ("drafts", false),
        ] {
            assert_eq!(mentions(query, &drafts), expected, "{query}");
        }
    }
}
