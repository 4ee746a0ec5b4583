//! Text on its way out: whom it may notify, and whom never.
//!
//! `<!channel>`, `<!here>`, `<!everyone>` and `<!subteam^…>` notify crowds. A text that a model
//! wrote, perhaps after reading a stranger's, must not do that, so they are always escaped as
//! Slack's documentation says (<https://docs.slack.dev/messaging/formatting-message-text>).

use std::ops::Range;

use pulldown_cmark::{Event, Parser, Tag};

use super::people::{Everyone, Fit, Person, list};
use super::target::is_person_id;

/// Words after `@` that mean a crowd. They stay text.
const CROWDS: &[&str] = &["channel", "everyone", "group", "here"];

/// A text that notifies nobody but the people it is meant to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Disarmed {
    /// What can be sent.
    pub(super) text: String,
    /// How many mentions of crowds were escaped.
    pub(super) crowds: usize,
    /// How many mentions of people were escaped: all when they are not wanted, else those that
    /// name nobody by an id.
    pub(super) people: usize,
}

/// Escapes every mention in `text`, except `<@U…>` when `keep_people`.
pub(super) fn disarm(text: &str, keep_people: bool) -> Disarmed {
    let mut out = Disarmed {
        text: String::with_capacity(text.len()),
        crowds: 0,
        people: 0,
    };
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, from) = rest.split_at(at);
        out.text.push_str(before);
        let after = &from[1..];
        rest = after;
        // What Slack may drop before it looks must not hide the sign from this look.
        match after.chars().find(|c| !is_ignorable(*c)) {
            Some('!') => out.crowds += 1,
            Some('@') => match person(after).filter(|_| keep_people) {
                Some((id, end)) => {
                    out.text.extend(["<@", id, ">"]);
                    rest = &after[end..];
                    continue;
                }
                None => out.people += 1,
            },
            _ => {
                out.text.push('<');
                continue;
            }
        }
        out.text.push_str("&lt;");
    }
    out.text.push_str(rest);
    out
}

/// The id of `@U…>` or `@U…|label>`, and where it ends.
fn person(after: &str) -> Option<(&str, usize)> {
    let end = after.find('>')?;
    let inside = after[..end].strip_prefix('@')?;
    let id = inside.split_once('|').map_or(inside, |(id, _)| id);
    is_person_id(id).then_some((id, end + 1))
}

/// Spaces, controls and the characters that have no width.
fn is_ignorable(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether `text` has an `@name` to resolve.
pub(super) fn has_names(text: &str) -> bool {
    !places(text).is_empty()
}

/// A text with its `@name`s made mentions.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    /// What can be sent.
    pub(super) text: String,
    /// Who is mentioned now.
    pub(super) people: Vec<Person>,
    /// What was left as text, and why.
    pub(super) warnings: Vec<String>,
}

/// Makes `<@U…>` of each `@name` outside code and links that fits exactly one of `everyone`.
/// `text` is disarmed before.
pub(super) fn resolve(text: &str, everyone: &Everyone) -> Resolved {
    let mut out = Resolved::default();
    let mut done = 0;
    for at in places(text) {
        if at < done {
            continue;
        }
        let name = &text[at + 1..];
        let endings = endings(name);
        let word = &name[..endings.first().copied().unwrap_or(0)];
        if CROWDS.contains(&word.to_lowercase().as_str()) {
            out.warn(format!("@{word} was left as text: it notifies nobody."));
            continue;
        }
        // The longest name that fits: `@Ada Lovelace` before `@Ada`.
        let fit = endings
            .iter()
            .rev()
            .map(|end| (*end, everyone.fit(&name[..*end])));
        match fit.into_iter().find(|(_, fit)| *fit != Fit::Nobody) {
            Some((end, Fit::One(person))) => {
                out.text.push_str(&text[done..at]);
                out.text.extend(["<@", &person.id, ">"]);
                done = at + 1 + end;
                if !out.people.contains(person) {
                    out.people.push(person.clone());
                }
            }
            Some((end, Fit::Unsure(people))) => out.warn(format!(
                "@{} was left as text: it is not certain who is meant of {}. Write <@id> to \
                 mention one.",
                &name[..end],
                list(&people)
            )),
            _ => out.warn(format!(
                "@{word} was left as text: nobody of that name was found."
            )),
        }
    }
    out.text.push_str(&text[done..]);
    out
}

impl Resolved {
    fn warn(&mut self, warning: String) {
        if !self.warnings.contains(&warning) && self.warnings.len() < 10 {
            self.warnings.push(warning);
        }
    }
}

/// Where an `@` begins a name: not within a word or an address, not in code, not in a link.
fn places(text: &str) -> Vec<usize> {
    let mut untouched: Vec<Range<usize>> = Vec::new();
    for (event, range) in Parser::new(text).into_offset_iter() {
        let opaque = matches!(
            event,
            Event::Code(_) | Event::Start(Tag::CodeBlock(_) | Tag::Link { .. } | Tag::Image { .. })
        );
        if opaque {
            untouched.push(range);
        }
    }
    let mut previous = ' ';
    let mut places = Vec::new();
    for (at, c) in text.char_indices() {
        let joined = previous.is_alphanumeric()
            || matches!(previous, '@' | '<' | '/' | '.' | '+' | '-' | '=' | '\\');
        let named = text[at + c.len_utf8()..].starts_with(char::is_alphanumeric);
        if c == '@' && !joined && named && !untouched.iter().any(|range| range.contains(&at)) {
            places.push(at);
        }
        previous = c;
    }
    places
}

/// Where a name that begins `text` may end, the shortest first: up to four words, each without the
/// punctuation that follows it.
fn endings(text: &str) -> Vec<usize> {
    let mut endings = Vec::new();
    let mut start = 0;
    for _ in 0..4 {
        let word = &text[start..];
        let in_name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '\'' | '’');
        let whole = word.find(|c| !in_name(c)).unwrap_or(word.len());
        let bare = word[..whole]
            .trim_end_matches(|c: char| !c.is_alphanumeric())
            .len();
        if bare == 0 {
            break;
        }
        // `@ada's` may be the name with a suffix.
        if let Some(apostrophe) = word[..bare].find(['\'', '’']).filter(|at| *at > 0) {
            endings.push(start + apostrophe);
        }
        endings.push(start + bare);
        if bare < whole || !word[whole..].starts_with(' ') {
            break;
        }
        start += whole + 1;
    }
    endings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_can_notify_a_crowd() {
        for (text, expected) in [
            ("<!channel>", "&lt;!channel>"),
            ("<!here|here> now", "&lt;!here|here> now"),
            ("<!everyone>", "&lt;!everyone>"),
            (
                "<!subteam^S0000000001|@ops>",
                "&lt;!subteam^S0000000001|@ops>",
            ),
            ("<<!channel>>", "<&lt;!channel>>"),
            ("< !channel>", "&lt; !channel>"),
            ("<\n!channel>", "&lt;\n!channel>"),
            ("<\u{200b}!channel>", "&lt;\u{200b}!channel>"),
            ("<\u{202e}\u{e0041}!here>", "&lt;\u{202e}\u{e0041}!here>"),
            ("`<!channel>`", "`&lt;!channel>`"),
            ("```\n<!here>\n```", "```\n&lt;!here>\n```"),
            ("[x](<!channel>)", "[x](&lt;!channel>)"),
            ("\\<!channel>", "\\&lt;!channel>"),
            ("<!-- comment -->", "&lt;!-- comment -->"),
            ("<!CHANNEL>", "&lt;!CHANNEL>"),
        ] {
            let disarmed = disarm(text, true);
            assert_eq!(disarmed.text, expected, "{text:?}");
            assert_eq!((disarmed.crowds, disarmed.people), (1, 0), "{text:?}");
        }
    }

    #[test]
    fn what_notifies_nobody_is_left_alone() {
        for text in [
            "",
            "a < b",
            "1 <2",
            "&lt;!channel&gt;",
            "<https://x.example|a!>",
            "<#C0000000001>",
            "<",
            "!channel",
            "<b>!</b>",
        ] {
            let disarmed = disarm(text, true);
            assert_eq!(
                disarmed,
                Disarmed {
                    text: text.to_owned(),
                    crowds: 0,
                    people: 0
                }
            );
        }
    }

    #[test]
    fn people_stay_mentioned_by_id_unless_the_text_is_literal() {
        for (text, kept, escaped) in [
            ("<@U0000000001>", "<@U0000000001>", "&lt;@U0000000001>"),
            (
                "<@U0000000001|<!channel>",
                "<@U0000000001>",
                "&lt;@U0000000001|&lt;!channel>",
            ),
            (
                "<@W0000000001|ada>, hi",
                "<@W0000000001>, hi",
                "&lt;@W0000000001|ada>, hi",
            ),
            ("<@ada>", "&lt;@ada>", "&lt;@ada>"),
            (
                "< @U0000000001>",
                "&lt; @U0000000001>",
                "&lt; @U0000000001>",
            ),
            ("<@U0000000001", "&lt;@U0000000001", "&lt;@U0000000001"),
        ] {
            assert_eq!(disarm(text, true).text, kept, "{text}");
            assert_eq!(disarm(text, false).text, escaped, "{text}");
        }
    }

    fn resolved(text: &str) -> Resolved {
        let everyone = Everyone::of(&[
            ("U0000000001", "ada", "Ada Lovelace"),
            ("U0000000002", "ada.b", "Ada"),
            ("U0000000003", "grace", "Grace O'Neil"),
            ("U0000000004", "sam", "Sam"),
            ("U0000000005", "sam2", "Sam"),
            ("U0000000006", "here", "Here"),
            ("U0000000007", "jörg-1", "Jörg"),
        ]);
        resolve(text, &everyone)
    }

    #[test]
    fn names_that_fit_one_person_become_mentions() {
        for (text, expected) in [
            ("@grace", "<@U0000000003>"),
            ("hi @Grace, @ADA.B!", "hi <@U0000000003>, <@U0000000002>!"),
            ("@Ada Lovelace and others", "<@U0000000001> and others"),
            ("@ada lovelace.", "<@U0000000001>."),
            (
                "(@grace) **@grace** _@grace_",
                "(<@U0000000003>) **<@U0000000003>** _<@U0000000003>_",
            ),
            ("@grace's plan", "<@U0000000003>'s plan"),
            ("@Grace O'Neil: hi", "<@U0000000003>: hi"),
            ("@jörg-1", "<@U0000000007>"),
            ("@grace\n@grace", "<@U0000000003>\n<@U0000000003>"),
        ] {
            let resolved = resolved(text);
            assert_eq!(resolved.text, expected, "{text}");
            assert_eq!(resolved.warnings, Vec::<String>::new(), "{text}");
        }
        assert_eq!(resolved("@grace @grace").people.len(), 1);
    }

    #[test]
    fn what_is_no_name_is_left_alone_silently() {
        for text in [
            "grace@example.org",
            "`@grace` and\n```\n@grace\n```",
            "    @grace in an indented block",
            "[@grace](https://x.example) <https://x.example/@grace> https://x.example/@grace",
            "<@U0000000003>",
            "@",
            "@ grace",
            "a@@grace",
            "\\@grace",
        ] {
            let resolved = resolved(text);
            assert_eq!(resolved.text, text);
            assert_eq!(resolved.warnings, Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn names_that_are_not_certain_stay_text_and_are_told() {
        for (text, part) in [
            ("@nobody", "nobody of that name"),
            ("@gracefully", "nobody of that name"),
            ("@sam", "@sam (U0000000004), @sam2 (U0000000005)"),
            ("@ada", "@ada (U0000000001), @ada.b (U0000000002)"),
            ("@here", "it notifies nobody"),
            ("@Channel", "it notifies nobody"),
        ] {
            let resolved = resolved(text);
            assert_eq!(resolved.text, text);
            assert_eq!(resolved.warnings.len(), 1);
            assert!(
                resolved.warnings[0].contains(part),
                "{:?}",
                resolved.warnings
            );
        }
    }
}
