//! The text of messages that have it only in blocks or attachments, as apps send them
//! (<https://docs.slack.dev/reference/block-kit/blocks>).
//!
//! Everything becomes Slack's markup, so that one place (`mrkdwn`) makes it readable. Shapes that
//! are not known are passed over.

use serde_json::Value;

use super::mrkdwn::escape;
use super::wire::Message;

/// A message's markup: its text, or its blocks where it has none; then its attachments.
///
/// Previews of links are left out where there is a text: they repeat what it links to.
pub(super) fn markup(message: &Message) -> String {
    let text = message.text.as_deref().unwrap_or_default().trim();
    let mut parts = vec![if text.is_empty() {
        lines(message.blocks.iter().map(block))
    } else {
        text.to_owned()
    }];
    for one in &message.attachments {
        let preview = ["from_url", "original_url"]
            .iter()
            .any(|key| one.get(key).is_some());
        if text.is_empty() || !preview {
            parts.push(attachment(one));
        }
    }
    lines(parts.into_iter())
}

fn block(block: &Value) -> String {
    match kind(block) {
        "section" => lines(
            std::iter::once(object(block.get("text")))
                .chain(list(block, "fields").map(|f| object(Some(f)))),
        ),
        "header" => object(block.get("text")),
        "markdown" => string(block, "text").to_owned(),
        "context" | "actions" => words(list(block, "elements").map(element)),
        "image" => element(block),
        "video" => format!("[video: {}]", object(block.get("title"))),
        "rich_text" => lines(list(block, "elements").map(rich)),
        "table" => lines(list(block, "rows").map(row)),
        _ => String::new(),
    }
}

/// A part of a context or actions block.
fn element(element: &Value) -> String {
    match kind(element) {
        "image" => {
            let title = object(element.get("title"));
            let alt = plain(string(element, "alt_text"));
            format!("[image: {}]", if title.is_empty() { alt } else { title })
        }
        "button" | "workflow_button" => format!("[button: {}]", object(element.get("text"))),
        "mrkdwn" | "plain_text" => object(Some(element)),
        _ => String::new(),
    }
}

/// A text object: `mrkdwn` is markup, `plain_text` is not.
fn object(object: Option<&Value>) -> String {
    let Some(object) = object else {
        return String::new();
    };
    let text = string(object, "text");
    if kind(object) == "mrkdwn" {
        text.to_owned()
    } else {
        plain(text)
    }
}

/// A section, list, quote or code block of a rich text.
fn rich(part: &Value) -> String {
    let inside = || list(part, "elements").map(inline).collect::<String>();
    match kind(part) {
        "rich_text_list" => {
            let indent = part
                .get("indent")
                .and_then(Value::as_u64)
                .unwrap_or(0)
                .min(8);
            let indent = "  ".repeat(usize::try_from(indent).unwrap_or(0));
            let ordered = string(part, "style") == "ordered";
            let first = part.get("offset").and_then(Value::as_u64).unwrap_or(0);
            lines(
                (first + 1..)
                    .zip(list(part, "elements"))
                    .map(|(number, item)| {
                        let item = rich(item);
                        if ordered {
                            format!("{indent}{number}. {item}")
                        } else {
                            format!("{indent}• {item}")
                        }
                    }),
            )
        }
        "rich_text_quote" => lines(inside().lines().map(|line| format!("> {line}"))),
        "rich_text_preformatted" => format!("```\n{}\n```", inside()),
        _ => inside(),
    }
}

/// A run of text, a mention, a link or an emoji within a rich text.
fn inline(run: &Value) -> String {
    match kind(run) {
        "text" => {
            let text = escape(string(run, "text"));
            let code = run.pointer("/style/code").and_then(Value::as_bool) == Some(true);
            if code { format!("`{text}`") } else { text }
        }
        "link" => {
            let url = url(string(run, "url"));
            match string(run, "text") {
                "" => format!("<{url}>"),
                text => format!("<{url}|{}>", escape(text)),
            }
        }
        "user" => format!("<@{}>", id(run, "user_id")),
        "channel" => format!("<#{}>", id(run, "channel_id")),
        "usergroup" => format!("<!subteam^{}>", id(run, "usergroup_id")),
        "broadcast" => format!("<!{}>", id(run, "range")),
        "emoji" => format!(":{}:", plain(string(run, "name"))),
        "date" => plain(string(run, "fallback")),
        "color" => plain(string(run, "value")),
        _ => String::new(),
    }
}

fn row(row: &Value) -> String {
    let cell = |cell: &Value| match kind(cell) {
        "rich_text" => block(cell).replace('\n', " "),
        _ => plain(string(cell, "text")),
    };
    let cells: Vec<String> = row.as_array().into_iter().flatten().map(cell).collect();
    cells.join(" | ")
}

/// <https://docs.slack.dev/reference/messaging/attachments>, the older form of blocks.
fn attachment(one: &Value) -> String {
    let title = plain(string(one, "title"));
    let title = match string(one, "title_link") {
        link if link.is_empty() || title.is_empty() => title,
        link => format!("<{}|{title}>", url(link)),
    };
    let author = plain(string(one, "author_name"));
    let field = |field: &Value| match (plain(string(field, "title")), scalar(field.get("value"))) {
        (title, value) if title.is_empty() => value,
        (title, value) => format!("{title}: {value}"),
    };
    let image = one.get("image_url").map(|_| "[image]".to_owned());
    let body = lines(
        [
            string(one, "pretext").to_owned(),
            author,
            title,
            string(one, "text").to_owned(),
        ]
        .into_iter()
        .chain(list(one, "fields").map(field))
        .chain(list(one, "blocks").map(block))
        .chain(image),
    );
    if body.is_empty() {
        plain(string(one, "fallback"))
    } else {
        body
    }
}

fn kind(value: &Value) -> &str {
    string(value, "type")
}

fn string<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// Apps put numbers where Slack asks for text.
fn scalar(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
        _ => String::new(),
    }
}

/// Text that is not markup but already has its entities.
fn plain(text: &str) -> String {
    text.replace('<', "&lt;").replace('>', "&gt;")
}

/// A URL that cannot end its own token.
fn url(url: &str) -> String {
    url.replace('<', "%3C")
        .replace('>', "%3E")
        .replace('|', "%7C")
}

/// An id or a keyword that cannot end its own token.
fn id<'v>(value: &'v Value, key: &str) -> &'v str {
    let id = string(value, key);
    if id.bytes().all(|b| b.is_ascii_alphanumeric()) {
        id
    } else {
        ""
    }
}

fn lines(parts: impl Iterator<Item = String>) -> String {
    join(parts, "\n")
}

fn words(parts: impl Iterator<Item = String>) -> String {
    join(parts, " ")
}

fn join(parts: impl Iterator<Item = String>, separator: &str) -> String {
    let parts: Vec<String> = parts.filter(|part| !part.trim().is_empty()).collect();
    parts.join(separator)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde_json::json;

    use super::super::mrkdwn;
    use super::*;

    fn read(message: Value) -> String {
        let mut message = message;
        message["ts"] = "1700000000.000100".into();
        let message: Message = serde_json::from_value(message).unwrap();
        let people = HashMap::from([("U0000000001".to_owned(), "Ada".to_owned())]);
        mrkdwn::plain(&markup(&message), &people)
    }

    #[test]
    fn a_message_without_text_is_read_from_its_blocks() {
        let cases = [
            (
                json!({"type": "section", "text": {"type": "mrkdwn", "text": "*Build* <https://ci.example|42>"},
                       "fields": [{"type": "plain_text", "text": "a <b> &amp; c"}]}),
                "*Build* 42 (https://ci.example)\na <b> & c",
            ),
            (
                json!({"type": "header", "text": {"type": "plain_text", "text": "Alert"}}),
                "Alert",
            ),
            (json!({"type": "markdown", "text": "**bold**"}), "**bold**"),
            (
                json!({"type": "context", "elements": [{"type": "mrkdwn", "text": "by <@U0000000001>"},
                       {"type": "image", "alt_text": "a face", "image_url": "https://x.example"}]}),
                "by @Ada [image: a face]",
            ),
            (
                json!({"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "Approve"}}]}),
                "[button: Approve]",
            ),
            (
                json!({"type": "video", "title": {"type": "plain_text", "text": "Demo"}}),
                "[video: Demo]",
            ),
            (
                json!({"type": "rich_text", "elements": [
                    {"type": "rich_text_section", "elements": [
                        {"type": "text", "text": "hi "}, {"type": "user", "user_id": "U0000000001"},
                        {"type": "text", "text": " <@U0000000001> "},
                        {"type": "link", "url": "https://x.example/|>", "text": "x"},
                        {"type": "emoji", "name": "tada"},
                        {"type": "broadcast", "range": "here"},
                        {"type": "text", "text": "let", "style": {"code": true}}]},
                    {"type": "rich_text_list", "style": "ordered", "elements": [
                        {"type": "rich_text_section", "elements": [{"type": "text", "text": "one"}]},
                        {"type": "rich_text_section", "elements": [{"type": "text", "text": "two"}]}]},
                    {"type": "rich_text_list", "style": "bullet", "indent": 1, "elements": [
                        {"type": "rich_text_section", "elements": [{"type": "text", "text": "dot"}]}]},
                    {"type": "rich_text_quote", "elements": [{"type": "text", "text": "q1\nq2"}]},
                    {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "a<b"}]}]}),
                "hi @Ada <@U0000000001> x (https://x.example/%7C%3E):tada:@here`let`\n1. one\n2. two\n  • dot\n> q1\n> q2\n```\na<b\n```",
            ),
            (
                json!({"type": "table", "rows": [[{"type": "raw_text", "text": "a"}, {"type": "rich_text", "elements": [
                    {"type": "rich_text_section", "elements": [{"type": "text", "text": "b"}]}]}]]}),
                "a | b",
            ),
            (json!({"type": "divider"}), ""),
            (json!({"type": "tomorrow", "text": 5}), ""),
            (json!("not even an object"), ""),
        ];
        for (block, expected) in cases {
            assert_eq!(
                read(json!({"text": "", "blocks": [block.clone()]})),
                expected,
                "{block}"
            );
        }
    }

    #[test]
    fn a_message_with_text_needs_no_blocks_and_no_link_previews() {
        let message = json!({
            "text": "look <https://x.example>",
            "blocks": [{"type": "markdown", "text": "look"}],
            "attachments": [{"from_url": "https://x.example", "text": "preview"}, {"text": "kept"}],
        });
        assert_eq!(read(message), "look https://x.example\nkept");
    }

    #[test]
    fn attachments_are_read_with_title_text_fields_and_fallback() {
        let message = json!({"text": "", "attachments": [
            {"pretext": "New", "author_name": "ci", "title": "Build | 42", "title_link": "https://ci.example",
             "text": "failed", "fields": [{"title": "Tries", "value": 3}, {"value": "x"}],
             "image_url": "https://ci.example/i.png", "fallback": "unused"},
            {"fallback": "only this"},
        ]});
        assert_eq!(
            read(message),
            "New\nci\nBuild | 42 (https://ci.example)\nfailed\nTries: 3\nx\n[image]\nonly this"
        );
    }
}
