//! HTML as plain text: paragraphs, lists, quotations, links with their addresses.
//!
//! It serves mail that this tool sends, so it need not know what a hostile page could do: it leaves
//! out what no reader sees (comments, scripts, styles) and otherwise keeps every word.

/// Elements that begin and end a line; those with `true` also want an empty line around them.
const BLOCKS: &[(&str, bool)] = &[
    ("address", false),
    ("article", false),
    ("blockquote", true),
    ("body", false),
    ("center", false),
    ("dd", false),
    ("div", false),
    ("dl", true),
    ("dt", false),
    ("footer", false),
    ("form", false),
    ("h1", true),
    ("h2", true),
    ("h3", true),
    ("h4", true),
    ("h5", true),
    ("h6", true),
    ("header", false),
    ("li", false),
    ("main", false),
    ("ol", true),
    ("p", true),
    ("pre", true),
    ("section", false),
    ("table", true),
    ("tr", false),
    ("ul", true),
];

/// Elements whose content is not text.
const HIDDEN: &[&str] = &["head", "script", "style", "template", "title"];

/// Whether there is a tag in it.
pub(super) fn has_tag(html: &str) -> bool {
    html.match_indices('<')
        .any(|(at, _)| tag(&html[at..]).is_some())
}

/// The text of an HTML document or fragment.
pub(super) fn text(html: &str) -> String {
    let mut writer = Writer::default();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        writer.text(&rest[..start]);
        rest = &rest[start..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
        } else if let Some((tag, after)) = tag(rest) {
            rest = after;
            if HIDDEN.contains(&tag.name.as_str()) && !tag.closing {
                rest = after_closing(rest, &tag.name);
            } else {
                writer.tag(&tag);
            }
        } else {
            writer.text("<");
            rest = &rest[1..];
        }
    }
    writer.text(rest);
    writer.out.truncate(writer.out.trim_end().len());
    writer.out
}

struct Tag<'a> {
    name: String,
    closing: bool,
    attributes: &'a str,
}

/// The tag that `html` begins with, and what follows it. Declarations count as tags without effect.
fn tag(html: &str) -> Option<(Tag<'_>, &str)> {
    let inside = html.strip_prefix('<')?;
    let (closing, inside) = match inside.strip_prefix('/') {
        Some(inside) => (true, inside),
        None => (false, inside),
    };
    if !inside.starts_with(|c: char| c.is_ascii_alphabetic() || c == '!') {
        return None;
    }
    let mut quote = None;
    let end = inside.find(|c| match (quote, c) {
        (None, '"' | '\'') => {
            quote = Some(c);
            false
        }
        (None, '>') => true,
        (Some(open), c) if open == c => {
            quote = None;
            false
        }
        _ => false,
    })?;
    let (content, after) = (&inside[..end], &inside[end + 1..]);
    let name_end = content
        .find(|c: char| c.is_ascii_whitespace() || c == '/')
        .unwrap_or(content.len());
    let tag = Tag {
        name: content[..name_end].to_ascii_lowercase(),
        closing,
        attributes: &content[name_end..],
    };
    Some((tag, after))
}

/// What follows the closing tag of an element that has begun.
fn after_closing<'a>(html: &'a str, name: &str) -> &'a str {
    html.match_indices("</")
        .find_map(|(at, _)| tag(&html[at..]).filter(|(found, _)| found.name == name))
        .map_or("", |(_, after)| after)
}

impl Tag<'_> {
    /// The decoded value of an attribute.
    fn attribute(&self, wanted: &str) -> Option<String> {
        let mut rest = self.attributes;
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
            if rest.is_empty() {
                return None;
            }
            let name_end = rest
                .find(|c: char| c.is_ascii_whitespace() || c == '=' || c == '/')
                .unwrap_or(rest.len());
            let (name, after) = rest.split_at(name_end.max(1));
            let Some(value) = after.trim_start().strip_prefix('=') else {
                rest = after;
                continue;
            };
            let value = value.trim_start();
            let (value, after) = match value.chars().next() {
                Some(quote @ ('"' | '\'')) => {
                    value[1..].split_once(quote).unwrap_or((&value[1..], ""))
                }
                _ => value.split_at(
                    value
                        .find(|c: char| c.is_ascii_whitespace())
                        .unwrap_or(value.len()),
                ),
            };
            if name.eq_ignore_ascii_case(wanted) {
                return Some(html_escape::decode_html_entities(value).trim().to_owned());
            }
            rest = after;
        }
    }
}

#[derive(Default)]
struct Writer {
    out: String,
    /// Line breaks wanted before the next word.
    breaks: usize,
    /// Whether a space is wanted before the next word.
    space: bool,
    /// Whether a list marker has just been written, which the next block continues.
    marked: bool,
    quotes: usize,
    pre: usize,
    /// The open lists; the number of the next item in those that count.
    lists: Vec<Option<u64>>,
    /// The open links: their address, and where their text begins.
    links: Vec<(String, usize)>,
}

impl Writer {
    fn text(&mut self, html: &str) {
        let text = html_escape::decode_html_entities(html);
        if self.pre > 0 {
            for (index, line) in text.split('\n').enumerate() {
                if index > 0 {
                    self.breaks += 1;
                }
                if !line.is_empty() {
                    self.write(line, 0);
                }
            }
            return;
        }
        for piece in text.split_inclusive(|c: char| c.is_ascii_whitespace()) {
            let word = piece.trim_end_matches(|c: char| c.is_ascii_whitespace());
            if !word.is_empty() {
                self.write(word, 0);
            }
            self.space |= word.len() < piece.len();
        }
    }

    fn tag(&mut self, tag: &Tag<'_>) {
        match (tag.name.as_str(), tag.closing) {
            ("br", _) => {
                self.breaks += 1;
                self.space = false;
                self.marked = false;
                return;
            }
            ("hr", _) => {
                self.block(2);
                self.write("---", 0);
                self.block(2);
            }
            ("td" | "th", true) => {
                self.space = true;
                self.write("|", 0);
                self.space = true;
            }
            ("img", _) => {
                if let Some(alt) = tag.attribute("alt").filter(|alt| !alt.is_empty()) {
                    self.write(&alt, 0);
                }
            }
            ("a", false) => {
                let address = tag.attribute("href").unwrap_or_default();
                self.links.push((address, self.out.len()));
            }
            ("a", true) => self.end_link(),
            _ => {}
        }
        let Some((_, wide)) = BLOCKS.iter().find(|(name, _)| *name == tag.name) else {
            return;
        };
        // Lists in lists stay together.
        let breaks = if *wide && self.lists.is_empty() { 2 } else { 1 };
        self.block(breaks);
        match (tag.name.as_str(), tag.closing) {
            ("blockquote", false) => self.quotes += 1,
            ("blockquote", true) => self.quotes = self.quotes.saturating_sub(1),
            ("pre", false) => self.pre += 1,
            ("pre", true) => self.pre = self.pre.saturating_sub(1),
            ("ul", false) => self.lists.push(None),
            ("ol", false) => {
                let start = tag.attribute("start").and_then(|text| text.parse().ok());
                self.lists.push(Some(start.unwrap_or(1)));
            }
            ("ul" | "ol", true) => {
                self.lists.pop();
                if self.lists.is_empty() {
                    self.block(2);
                }
            }
            ("li", false) => {
                let marker = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{}.", *number - 1)
                    }
                    _ => "-".to_owned(),
                };
                self.marked = false;
                self.write(&marker, 2);
                self.space = true;
                self.marked = true;
            }
            _ => {}
        }
    }

    /// The address after the text of a link, unless it is the text.
    fn end_link(&mut self) {
        let Some((address, start)) = self.links.pop() else {
            return;
        };
        let shown = self.out.get(start..).unwrap_or_default().trim();
        let plain = address.strip_prefix("mailto:").unwrap_or(&address);
        if !plain.is_empty() && !plain.starts_with('#') && shown != plain {
            self.space = true;
            self.write(&format!("({address})"), 0);
        }
    }

    fn block(&mut self, breaks: usize) {
        if !self.marked {
            self.breaks = self.breaks.max(breaks);
            self.space = false;
        }
    }

    /// Writes a word after the breaks, margins or space that are due; a list marker hangs `out_dent`
    /// columns to the left of the list's text.
    fn write(&mut self, word: &str, out_dent: usize) {
        let first = self.out.is_empty();
        if self.breaks > 0 || first {
            for _ in 0..if first { 0 } else { self.breaks } {
                self.out.push('\n');
                self.out.push_str(&">".repeat(self.quotes));
            }
            if first {
                self.out.push_str(&">".repeat(self.quotes));
            }
            if self.quotes > 0 {
                self.out.push(' ');
            }
            let margin = (2 * self.lists.len()).saturating_sub(out_dent);
            self.out.push_str(&" ".repeat(margin));
        } else if self.space {
            self.out.push(' ');
        }
        self.out.push_str(word);
        self.breaks = 0;
        self.space = false;
        self.marked = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_reads_as_text() {
        for (html, expected) in [
            ("", ""),
            ("plain &amp; simple", "plain & simple"),
            ("<p>a\n b</p><p>c</p>", "a b\n\nc"),
            ("<div>a</div><div>b</div>", "a\nb"),
            ("a<br>b<br><br>c", "a\nb\n\nc"),
            ("<b>a</b>b <i>c</i>", "ab c"),
            ("<h1>T</h1><p>a</p>", "T\n\na"),
            ("<ul><li>a</li><li>b</li></ul><p>c</p>", "- a\n- b\n\nc"),
            (
                "<ol start=\"3\"><li><p>a</p></li><li>b<ul><li>c</li></ul></li></ol>d",
                "3. a\n4. b\n  - c\n\nd",
            ),
            (
                "<blockquote><p>a</p><p>b</p></blockquote>c",
                "> a\n>\n> b\n\nc",
            ),
            ("<pre>a\n  b\n\nc</pre>", "a\n  b\n\nc"),
            (
                "<a class=x href='https://x.example/?a&amp;b'>site</a>!",
                "site (https://x.example/?a&b)!",
            ),
            (
                "<a href=https://x.example>https://x.example</a>",
                "https://x.example",
            ),
            (
                "<a href=\"mailto:a@x.example\">a@x.example</a>",
                "a@x.example",
            ),
            ("<img src=x alt=\"a cat\">", "a cat"),
            (
                "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td><td>d</td></tr></table>",
                "a | b |\nc | d |",
            ),
            ("a<hr>b", "a\n\n---\n\nb"),
            (
                "<html><head><title>t</title></head><style>p{}</style><body>a<!-- b --></body>",
                "a",
            ),
            ("<script>if (a < b) {}</script >c", "c"),
            ("1 < 2 and <3", "1 < 2 and <3"),
            ("<p title=\"a > b\">c</p>", "c"),
            ("a <unclosed", "a <unclosed"),
            ("<!-- unclosed", ""),
            ("&lt;b&gt;", "<b>"),
        ] {
            assert_eq!(text(html), expected, "{html}");
        }
    }

    #[test]
    fn tags_are_told_from_other_signs() {
        for (html, expected) in [
            ("<p>", true),
            ("a</p>", true),
            ("a < b > c", false),
            ("<3>", false),
            ("&lt;p&gt;", false),
        ] {
            assert_eq!(has_tag(html), expected, "{html}");
        }
    }
}
