//! The two forms of a mail's text: HTML for most readers, plain text for the others.

use std::fmt::Write;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use schemars::JsonSchema;
use serde::Deserialize;

use super::html_text;
use crate::error::ToolError;

// No doc comment: the schema puts it beside that of the argument.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum BodyFormat {
    /// Markdown; HTML in it is shown as text, line breaks are kept.
    Markdown,
    /// Plain text, sent as it is.
    Plain,
    /// HTML.
    Html,
}

/// A text in the forms that are sent.
pub(super) struct Body {
    pub(super) text: String,
    pub(super) html: Option<String>,
}

impl Body {
    /// Adds an earlier mail below, each line marked as quoted, or as it is when it is forwarded.
    pub(super) fn add_original(&mut self, heading: &str, original: &str, forwarded: bool) {
        let escaped = |text: &str| html_escape::encode_text(text).replace('\n', "<br>\n");
        let (quoted, open, close) = if forwarded {
            (original.to_owned(), "<div>", "</div>")
        } else {
            let lines: Vec<String> = original.lines().map(quoted).collect();
            (
                lines.join("\n"),
                "<blockquote type=\"cite\">",
                "</blockquote>",
            )
        };
        self.text = format!("{}\n\n{heading}\n{quoted}", self.text.trim_end());
        if let Some(html) = &mut self.html {
            let heading = escaped(heading);
            let below = escaped(original);
            write!(html, "<br>\n<div>{heading}</div>\n{open}{below}{close}\n")
                .expect("a string takes every write");
        }
    }
}

fn quoted(line: &str) -> String {
    if line.is_empty() || line.starts_with('>') {
        format!(">{line}")
    } else {
        format!("> {line}")
    }
}

/// Makes the forms of a text.
pub(super) fn read(body: &str, format: BodyFormat) -> Result<Body, ToolError> {
    // A lone CR is no line break in a message (RFC 5322 §2.3), but it is meant as one.
    let body = body.replace("\r\n", "\n").replace('\r', "\n");
    if body
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\n' | '\t'))
    {
        return Err(ToolError::invalid_arguments(
            "`body` has a control character other than a line break or a tab.",
        ));
    }
    Ok(match format {
        BodyFormat::Plain => Body {
            text: body,
            html: None,
        },
        BodyFormat::Markdown => {
            let html = html_of(&body);
            Body {
                text: html_text::text(&html),
                html: Some(html),
            }
        }
        BodyFormat::Html => {
            if !html_text::has_tag(&body)
                && html_text::has_tag(&html_escape::decode_html_entities(&body))
            {
                return Err(ToolError::invalid_arguments(
                    "`body` is HTML whose tags are escaped (&lt;div&gt;); readers would see the \
                     tags. Write the tags themselves (<div>), or choose another `body_format`.",
                ));
            }
            Body {
                text: html_text::text(&body),
                html: Some(body),
            }
        }
    })
}

/// `CommonMark` with tables, task lists and strikethrough.
fn html_of(markdown: &str) -> String {
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let events = Parser::new_ext(markdown, options).map(|event| match event {
        // Only this tool's own tags reach the reader, whatever a pasted text brings along.
        Event::Html(html) | Event::InlineHtml(html) => Event::Text(html),
        Event::Start(Tag::HtmlBlock) => Event::Start(Tag::Paragraph),
        Event::End(TagEnd::HtmlBlock) => Event::End(TagEnd::Paragraph),
        // In a mail a line break is meant: "Best wishes,⏎Ada".
        Event::SoftBreak => Event::HardBreak,
        // Mail readers drop form controls.
        Event::TaskListMarker(done) => Event::Text(if done { "☑ " } else { "☐ " }.into()),
        other => other,
    });
    let mut html = String::new();
    pulldown_cmark::html::push_html(&mut html, events);
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_becomes_html_and_a_readable_text() {
        for (markdown, html, text) in [
            ("Hi *Bob*,", "<p>Hi <em>Bob</em>,</p>\n", "Hi Bob,"),
            ("Best,\nAda", "<p>Best,<br />\nAda</p>\n", "Best,\nAda"),
            (
                "[site](https://x.example/?a=1&b=2)",
                "<p><a href=\"https://x.example/?a=1&amp;b=2\">site</a></p>\n",
                "site (https://x.example/?a=1&b=2)",
            ),
            (
                "- [x] a\n- [ ] b",
                "<ul>\n<li>☑ a</li>\n<li>☐ b</li>\n</ul>\n",
                "- ☑ a\n- ☐ b",
            ),
        ] {
            let body = read(markdown, BodyFormat::Markdown).unwrap();
            assert_eq!(body.html.as_deref(), Some(html), "{markdown}");
            assert_eq!(body.text, text, "{markdown}");
        }
    }

    #[test]
    fn html_in_markdown_is_shown_and_not_obeyed() {
        for markdown in [
            "a <script>alert(1)</script> b",
            "<script>\nalert(1)\n</script>",
            "<div onclick=\"x\">\n\nhello\n\n</div>",
            "<!-- hidden -->",
            "<img src=x onerror=y>",
        ] {
            let body = read(markdown, BodyFormat::Markdown).unwrap();
            let html = body.html.unwrap();
            let tags = html
                .replace("<p>", "")
                .replace("</p>", "")
                .replace("<br />", "");
            assert!(!tags.contains('<'), "{html}");
            assert!(body.text.contains('<'), "{}", body.text);
        }
    }

    #[test]
    fn plain_text_stays_as_it_is() {
        let body = read("*a*\r\n<b>\rc", BodyFormat::Plain).unwrap();
        assert_eq!(body.text, "*a*\n<b>\nc");
        assert!(body.html.is_none());
    }

    #[test]
    fn escaped_html_is_refused_and_real_html_is_not() {
        for (html, accepted) in [
            ("&lt;div&gt;Hello&lt;/div&gt;", false),
            ("&#60;p&#62;Hello", false),
            ("<p>Write &lt;div&gt;</p>", true),
            ("1 &lt; 2", true),
            ("Hello", true),
        ] {
            assert_eq!(read(html, BodyFormat::Html).is_ok(), accepted, "{html}");
        }
    }

    #[test]
    fn control_characters_are_refused() {
        for body in ["a\u{0}b", "a\u{1b}[1mb", "a\u{85}b"] {
            assert!(read(body, BodyFormat::Plain).is_err(), "{body:?}");
        }
    }
}
