//! Gmail's search language, an honest part of it
//! (<https://support.google.com/mail/answer/7190>).
//!
//! Words and quoted phrases; `from:`, `to:`, `cc:`, `subject:`, `label:`, `in:`, `is:`, `has:`,
//! `category:`, `after:`, `before:`, `newer_than:`, `older_than:`; `-`, `OR`, parentheses and
//! braces. An operator it does not know is looked for as text.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::demo::sandbox::mailbox::Mail;

/// A parsed query.
#[derive(Debug)]
pub(super) struct Query {
    node: Node,
    now: Timestamp,
}

#[derive(Debug)]
enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Term(Option<String>, String),
}

impl Query {
    /// Reads a query. There is no wrong one: Gmail never complains either.
    pub(super) fn parse(text: &str, now: Timestamp) -> Self {
        let tokens = tokens(text);
        let mut at = 0;
        let mut nodes = Vec::new();
        while at < tokens.len() {
            nodes.push(sequence(&tokens, &mut at));
            // A closing mark that nothing opened.
            at += 1;
        }
        Self {
            node: Node::All(nodes),
            now,
        }
    }

    /// Whether the mail fits.
    pub(super) fn matches(&self, mail: &Mail) -> bool {
        self.node.matches(mail, self.now)
    }

    /// Whether it names a place that a search leaves out otherwise.
    pub(super) fn looks_in_spam_or_trash(&self) -> bool {
        self.node.looks_in_spam_or_trash()
    }
}

impl Node {
    fn matches(&self, mail: &Mail, now: Timestamp) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|node| node.matches(mail, now)),
            Self::Any(nodes) => nodes.iter().any(|node| node.matches(mail, now)),
            Self::Not(node) => !node.matches(mail, now),
            Self::Term(operator, value) => term(operator.as_deref(), value, mail, now),
        }
    }

    fn looks_in_spam_or_trash(&self) -> bool {
        match self {
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().any(Self::looks_in_spam_or_trash),
            Self::Not(_) => false,
            Self::Term(operator, value) => {
                matches!(operator.as_deref(), Some("in" | "label" | "is"))
                    && matches!(value.as_str(), "anywhere" | "spam" | "trash")
            }
        }
    }
}

fn term(operator: Option<&str>, value: &str, mail: &Mail, now: Timestamp) -> bool {
    let has = |text: &str| text.to_lowercase().contains(value);
    let header = |name: &str| mail.header(name).is_some_and(has);
    match operator {
        Some("from") => header("From"),
        Some("to") => ["To", "Cc", "Bcc"].into_iter().any(header),
        Some("cc") => header("Cc"),
        Some("subject") => header("Subject"),
        Some("in" | "label" | "is" | "category") => place(value, mail),
        Some("has") => value == "attachment" && !mail.attachments.is_empty(),
        Some("after" | "newer") => moment(value).is_some_and(|from| mail.date >= from),
        Some("before" | "older") => moment(value).is_some_and(|until| mail.date < until),
        Some("newer_than") => span(value).is_some_and(|span| mail.date >= now - span),
        Some("older_than") => span(value).is_some_and(|span| mail.date < now - span),
        Some(other) => has_text(mail, &format!("{other}:{value}")),
        None => has_text(mail, value),
    }
}

fn has_text(mail: &Mail, value: &str) -> bool {
    ["From", "To", "Cc", "Subject"]
        .into_iter()
        .filter_map(|name| mail.header(name))
        .chain([mail.text.as_str()])
        .any(|text| text.to_lowercase().contains(value))
}

fn place(value: &str, mail: &Mail) -> bool {
    match value {
        "anywhere" => true,
        "read" => !mail.has("UNREAD"),
        "drafts" => mail.has("DRAFT"),
        "promotions" | "social" | "updates" | "forums" => {
            mail.has(&format!("CATEGORY_{}", value.to_uppercase()))
        }
        label => mail.has(&label.to_uppercase()) || mail.has_named(label),
    }
}

/// Seconds since the epoch, or a date, which Gmail takes as midnight in Pacific time; here in UTC.
fn moment(value: &str) -> Option<Timestamp> {
    if let Ok(seconds) = value.parse() {
        return Timestamp::from_second(seconds).ok();
    }
    let mut parts = value.split(['/', '-']);
    let year = parts.next()?.parse().ok()?;
    let month = parts.next()?.parse().ok()?;
    let day = parts.next()?.parse().ok()?;
    let midnight = Date::new(year, month, day)
        .ok()?
        .to_zoned_datetime(TimeZone::UTC);
    let midnight = midnight.ok()?;
    Some(midnight.timestamp())
}

/// `7d`, `2m`, `1y`.
fn span(value: &str) -> Option<Duration> {
    let unit = value.chars().last()?;
    let days = match unit {
        'd' => 1,
        'm' => 30,
        'y' => 365,
        _ => return None,
    };
    let number: u32 = value.trim_end_matches(unit).parse().ok()?;
    Some(Duration::from_hours(24) * days * number)
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Open(char),
    Close,
    Minus,
    Or,
    /// An operator and its value, or a value alone.
    Term(Option<String>, String),
    /// `subject:(…)`: what follows in brackets belongs to the operator.
    Operator(String),
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let mut taken = first.len_utf8();
        match first {
            '(' | '{' => tokens.push(Token::Open(first)),
            ')' | '}' => tokens.push(Token::Close),
            '|' => tokens.push(Token::Or),
            '-' => tokens.push(Token::Minus),
            '+' => {}
            _ => {
                let (term, length) = word(rest);
                tokens.push(term);
                taken = length;
            }
        }
        rest = rest[taken..].trim_start();
    }
    tokens
}

fn word(rest: &str) -> (Token, usize) {
    let (value, length) = value(rest);
    if rest.starts_with('"') {
        return (Token::Term(None, value), length);
    }
    if value == "OR" {
        return (Token::Or, length);
    }
    let Some(colon) = rest[..length].find(':') else {
        return (Token::Term(None, value.to_lowercase()), length);
    };
    let operator = rest[..colon].to_lowercase();
    let after = &rest[colon + 1..];
    if after.starts_with(['(', '{']) {
        return (Token::Operator(operator), colon + 1);
    }
    let (value, length) = self::value(after);
    (
        Token::Term(Some(operator), value.to_lowercase()),
        colon + 1 + length,
    )
}

/// A quoted phrase or what reaches to the next space or bracket, and how long it is in the text.
fn value(rest: &str) -> (String, usize) {
    if let Some(quoted) = rest.strip_prefix('"') {
        let end = quoted.find('"').unwrap_or(quoted.len());
        let length = (1 + end + 1).min(rest.len());
        return (quoted[..end].to_lowercase(), length);
    }
    let end = rest
        .find(|c: char| c.is_whitespace() || "(){}|\"".contains(c))
        .unwrap_or(rest.len());
    (rest[..end].to_owned(), end)
}

/// Terms up to the next closing mark; `OR` binds its neighbours, as in Gmail.
fn sequence(tokens: &[Token], at: &mut usize) -> Node {
    let mut all: Vec<Node> = Vec::new();
    let mut alternative = false;
    while let Some(token) = tokens.get(*at) {
        if *token == Token::Close {
            break;
        }
        if *token == Token::Or {
            *at += 1;
            alternative = !all.is_empty();
            continue;
        }
        let Some(node) = single(tokens, at) else {
            continue;
        };
        match all.last_mut() {
            Some(Node::Any(nodes)) if alternative => nodes.push(node),
            Some(_) if alternative => {
                let before = all.pop().expect("the list has a last element");
                all.push(Node::Any(vec![before, node]));
            }
            _ => all.push(node),
        }
        alternative = false;
    }
    Node::All(all)
}

fn single(tokens: &[Token], at: &mut usize) -> Option<Node> {
    let token = tokens.get(*at)?;
    *at += 1;
    match token {
        Token::Minus => Some(Node::Not(Box::new(single(tokens, at)?))),
        Token::Term(operator, value) => Some(Node::Term(operator.clone(), value.clone())),
        Token::Open(bracket) => Some(group(*bracket, tokens, at)),
        Token::Operator(operator) => {
            let Some(Token::Open(bracket)) = tokens.get(*at) else {
                return None;
            };
            *at += 1;
            let mut node = group(*bracket, tokens, at);
            give(&mut node, operator);
            Some(node)
        }
        Token::Or | Token::Close => None,
    }
}

fn group(bracket: char, tokens: &[Token], at: &mut usize) -> Node {
    let inside = sequence(tokens, at);
    *at += 1;
    match (bracket, inside) {
        ('{', Node::All(nodes)) => Node::Any(nodes),
        (_, node) => node,
    }
}

/// Gives an operator to every bare word in brackets.
fn give(node: &mut Node, operator: &str) {
    match node {
        Node::All(nodes) | Node::Any(nodes) => {
            for node in nodes {
                give(node, operator);
            }
        }
        Node::Not(node) => give(node, operator),
        Node::Term(own, _) => {
            own.get_or_insert_with(|| operator.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::sandbox::data;

    fn subjects(query: &str) -> Vec<String> {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let query = Query::parse(query, now);
        data::start(now)
            .0
            .of(0)
            .filter(|mail| query.matches(mail))
            .map(|mail| mail.header("Subject").unwrap().to_owned())
            .collect()
    }

    #[test]
    fn operators_alternatives_and_negations_find_what_they_say() {
        let all = subjects("").len();
        let launch = subjects("subject:launch").len();
        assert!(launch > 1 && launch < all, "{launch} of {all}");
        assert_eq!(subjects("-subject:launch").len(), all - launch);
        assert_eq!(
            subjects("subject:\"launch checklist\" OR from:nobody").len(),
            3
        );
        assert_eq!(
            subjects("{from:\"grace\" from:\"katherine\"} -in:drafts").len(),
            subjects("from:grace OR from:katherine").len(),
        );
        assert_eq!(subjects("subject:(launch checklist)").len(), 3);
        assert_eq!(subjects("(from:grace subject:launch)").len(), 3);
        assert_eq!(subjects("is:unread").len() + subjects("is:read").len(), all);
        assert_eq!(subjects("after:1795435200 before:1795435200"), [""; 0]);
        assert_eq!(
            subjects("after:2026/11/22").len() + subjects("before:2026/11/22").len(),
            all
        );
        assert_eq!(
            subjects("newer_than:1d").len() + subjects("older_than:1d").len(),
            all
        );
        assert_eq!(subjects("has:attachment").len(), 1);
        assert_eq!(subjects("in:nowhere"), [""; 0]);
    }

    #[test]
    fn no_query_makes_it_panic() {
        for query in [
            "(",
            ")",
            "{{",
            "-",
            "OR OR",
            "a:",
            ":",
            "\"",
            "from:(",
            "-(a OR) | }",
            "é:ü",
        ] {
            subjects(query);
        }
    }
}
