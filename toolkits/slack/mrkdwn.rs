//! Slack's message markup as plain text: mentions by name, links in full, entities decoded
//! (<https://docs.slack.dev/messaging/formatting-message-text>).

use std::collections::HashMap;

use super::target::is_person_id;

/// The people whose ids stand in `text` as mentions.
pub(super) fn mentioned(text: &str) -> impl Iterator<Item = &str> {
    tokens(text).filter_map(|piece| match piece {
        Piece::Token(inside) => {
            let id = inside.strip_prefix('@')?;
            Some(id.split_once('|').map_or(id, |(id, _)| id)).filter(|id| is_person_id(id))
        }
        Piece::Text(_) => None,
    })
}

/// `text` as a person reads it, with the names of `people` by id.
pub(super) fn plain(text: &str, people: &HashMap<String, String>) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in tokens(text) {
        match piece {
            Piece::Text(text) => out.push_str(&decode(text)),
            Piece::Token(inside) => out.push_str(&token(inside, people)),
        }
    }
    out
}

/// Text that stands for itself in Slack's markup.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

enum Piece<'t> {
    Text(&'t str),
    /// What stands between `<` and `>`.
    Token(&'t str),
}

fn tokens(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some(after) = rest.strip_prefix('<')
            && let Some(end) = after.find(['<', '>', '\n'])
            && after[end..].starts_with('>')
            && is_token(&after[..end])
        {
            rest = &after[end + 1..];
            return Some(Piece::Token(&after[..end]));
        }
        // A `<` that opens nothing is text, up to the next one.
        let mut after_first = rest.char_indices().skip(1);
        let end = after_first.find(|(_, c)| *c == '<');
        let end = end.map_or(rest.len(), |(at, _)| at);
        let (text, after) = rest.split_at(end);
        rest = after;
        Some(Piece::Text(text))
    })
}

fn is_token(inside: &str) -> bool {
    inside.starts_with(['@', '#', '!', '/'])
        || ["://", "mailto:", "tel:"]
            .iter()
            .any(|s| inside.contains(s))
}

fn token(inside: &str, people: &HashMap<String, String>) -> String {
    let (target, label) = match inside.split_once('|') {
        Some((target, label)) => (target, decode(label)),
        None => (inside, String::new()),
    };
    let label = label.trim();
    if let Some(id) = target.strip_prefix('@') {
        return match people.get(id) {
            Some(name) => format!("@{name}"),
            None if label.is_empty() => format!("@{id}"),
            None => format!("@{}", label.trim_start_matches('@')),
        };
    }
    if let Some(id) = target.strip_prefix('#') {
        return format!("#{}", if label.is_empty() { id } else { label });
    }
    if let Some(special) = target.strip_prefix('!') {
        return match special.split_once('^') {
            Some(("subteam", id)) if label.is_empty() => format!("@{id}"),
            Some(("subteam", _)) => format!("@{}", label.trim_start_matches('@')),
            // A date, or whatever Slack adds one day: the label is for those who cannot show it.
            Some((_, rest)) if label.is_empty() => decode(rest),
            Some(_) => label.to_owned(),
            None => format!("@{special}"),
        };
    }
    let target = decode(target);
    let address = target
        .strip_prefix("mailto:")
        .or(target.strip_prefix("tel:"));
    if label.is_empty() || label == target || address == Some(label) {
        return address.unwrap_or(&target).to_owned();
    }
    // The address stays visible: a label may claim to lead elsewhere.
    format!("{label} ({})", address.unwrap_or(&target))
}

/// Only these three entities exist in Slack's markup; decoded once, so that `&amp;lt;` stays a
/// text about an entity.
fn decode(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_reads_as_slack_shows_it() {
        let people = HashMap::from([("U0000000001".to_owned(), "Ada".to_owned())]);
        let cases = [
            ("plain *bold* `code`", "plain *bold* `code`"),
            ("hi <@U0000000001>!", "hi @Ada!"),
            ("hi <@U0000000001|old>!", "hi @Ada!"),
            ("hi <@U0000000002>", "hi @U0000000002"),
            ("hi <@U0000000002|bob>", "hi @bob"),
            ("see <#C0000000001|general>", "see #general"),
            ("see <#C0000000001>", "see #C0000000001"),
            ("see <#C0000000001|>", "see #C0000000001"),
            ("<!here> <!channel> <!everyone>", "@here @channel @everyone"),
            ("<!here|here>", "@here"),
            (
                "<!subteam^S0000000001|@ops> <!subteam^S0000000002>",
                "@ops @S0000000002",
            ),
            ("<!date^1700000000^{date}|14 Nov 2023>", "14 Nov 2023"),
            (
                "<https://example.org/a?b=1&amp;c=2>",
                "https://example.org/a?b=1&c=2",
            ),
            (
                "<https://example.org|the docs>",
                "the docs (https://example.org)",
            ),
            (
                "<https://evil.example|https://bank.example>",
                "https://bank.example (https://evil.example)",
            ),
            (
                "<mailto:ada@example.org|ada@example.org>",
                "ada@example.org",
            ),
            ("<tel:+4930|+4930>", "+4930"),
            ("a &lt;b&gt; &amp;amp; &amp;lt;", "a <b> &amp; &lt;"),
            ("&lt;@U0000000001&gt;", "<@U0000000001>"),
            ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
            ("a <b\nc> d", "a <b\nc> d"),
            ("<", "<"),
            ("<é <@U0000000001>", "<é @Ada"),
            ("é<@U0000000001>é", "é@Adaé"),
            ("", ""),
        ];
        for (markup, expected) in cases {
            assert_eq!(plain(markup, &people), expected, "{markup}");
        }
    }

    #[test]
    fn only_people_count_as_mentioned() {
        let text = "<@U0000000001> <@W0000000002|bob> <#C0000000001> <!here> &lt;@U0000000003&gt; \
                    <@nobody>";
        assert_eq!(
            mentioned(text).collect::<Vec<_>>(),
            ["U0000000001", "W0000000002"]
        );
    }

    #[test]
    fn escaped_text_comes_back_as_it_was() {
        for text in ["<@U0000000001>", "a & b", "&lt;", "<!channel>"] {
            assert_eq!(plain(&escape(text), &HashMap::new()), text);
        }
    }
}
