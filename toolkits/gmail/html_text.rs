//! HTML as plain text: paragraphs, lists, quotations, links with their addresses.
//!
//! It leaves out what no reader sees (comments, scripts, styles) and otherwise keeps every word. Of
//! mail that came from others it also leaves out what its styles hide from a person, and takes a
//! bounded time for a page that was made to take long.

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

/// Elements without content and closing tag (HTML, "Void elements").
const VOID: &[&str] = &[
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track",
    "wbr",
];

/// How often a tag may fail to end before every `<` is taken for a sign: each try looks at all
/// that is left.
const UNENDED: usize = 16;

/// Deeper quotations and lists look like this deep ones.
const DEEP: usize = 20;

/// The text of an HTML document or fragment that is ours.
pub(super) fn text(html: &str) -> String {
    write(html, Writer::default()).0
}

/// The text of an HTML document of others, and how many characters it hides from a person. Where
/// links lead is told if `links`.
pub(super) fn received(html: &str, links: bool) -> (String, usize) {
    let foreign = Foreign {
        links,
        coloured: false,
    };
    let writer = Writer {
        foreign: Some(foreign),
        ..Writer::default()
    };
    write(html, writer)
}

fn write(html: &str, mut writer: Writer) -> (String, usize) {
    let mut rest = html;
    let mut hidden = 0;
    let mut unended = 0;
    while let Some(start) = rest.find('<') {
        writer.text(&rest[..start]);
        rest = &rest[start..];
        let found = if unended < UNENDED { tag(rest) } else { None };
        if let Some(comment) = rest.strip_prefix("<!--") {
            let (inside, after) = comment.split_once("-->").unwrap_or((comment, ""));
            // Conditional comments are layout for one mail program.
            if !inside.starts_with("[if") {
                hidden += inside.trim().chars().count();
            }
            rest = after;
        } else if let Some((tag, after)) = found {
            rest = after;
            if HIDDEN.contains(&tag.name.as_str()) && !tag.closing {
                rest = after_closing(rest, &tag.name);
            } else if let Some(foreign) = &mut writer.foreign
                && !tag.closing
                && is_unseen(&tag, &mut foreign.coloured)
            {
                let (inside, after) = element(rest, &tag.name);
                hidden += self::text(inside).chars().count();
                rest = after;
            } else {
                writer.tag(&tag);
            }
        } else {
            unended += usize::from(rest[1..].starts_with(|c: char| c.is_ascii_alphabetic()));
            writer.text("<");
            rest = &rest[1..];
        }
    }
    writer.text(rest);
    writer.out.truncate(writer.out.trim_end().len());
    (writer.out, hidden)
}

/// Whether the element's own attributes hide it from a person. White text counts as hidden until
/// something had another background (`coloured`): it may stand on that.
fn is_unseen(tag: &Tag<'_>, coloured: &mut bool) -> bool {
    *coloured |= tag
        .attribute("bgcolor")
        .is_some_and(|colour| !is_white(&colour.to_ascii_lowercase()));
    if VOID.contains(&tag.name.as_str()) {
        return false;
    }
    if tag.has("hidden") {
        return true;
    }
    let Some(style) = tag.attribute("style") else {
        return false;
    };
    let style: String = style
        .chars()
        .filter(|c| !c.is_whitespace())
        .collect::<String>()
        .to_ascii_lowercase();
    let value = |name: &str| {
        style
            .split(';')
            .filter_map(|rule| rule.split_once(':'))
            .filter(|(property, _)| *property == name)
            .map(|(_, value)| value.trim_end_matches("!important"))
            .next_back()
    };
    let is_tiny = |value: &str| {
        let digits = value.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%');
        let most = if value.ends_with("em") || digits == value {
            0.1
        } else {
            2.0
        };
        digits.parse::<f64>().is_ok_and(|size| size <= most)
    };
    let background = value("background-color").or(value("background"));
    *coloured |= background.is_some_and(|colour| !is_white(colour));
    value("display") == Some("none")
        || value("visibility").is_some_and(|value| matches!(value, "hidden" | "collapse"))
        || value("mso-hide") == Some("all")
        || value("font-size").is_some_and(is_tiny)
        || value("opacity").is_some_and(is_tiny)
        || (value("max-height").is_some_and(is_tiny) && value("overflow") == Some("hidden"))
        || value("color").is_some_and(|color| match background {
            Some(background) => color == background,
            None => (is_white(color) && !*coloured) || color == "transparent",
        })
}

fn is_white(colour: &str) -> bool {
    matches!(
        colour,
        "white" | "#fff" | "#ffffff" | "rgb(255,255,255)" | "transparent"
    )
}

/// What is in an element that has begun, up to the closing tag that is its own, and what follows.
fn element<'a>(html: &'a str, name: &str) -> (&'a str, &'a str) {
    let mut depth = 1;
    let mut unended = 0;
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = &rest[start..];
        let at = html.len() - rest.len();
        if let Some((found, after)) = tag(rest) {
            if found.name == name {
                depth = if found.closing { depth - 1 } else { depth + 1 };
            }
            if depth == 0 {
                return (&html[..at], after);
            }
            rest = after;
        } else {
            unended += usize::from(rest[1..].starts_with(|c: char| c.is_ascii_alphabetic()));
            if unended >= UNENDED {
                break;
            }
            rest = &rest[1..];
        }
    }
    (html, "")
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
    /// Whether an attribute without a value is there.
    fn has(&self, wanted: &str) -> bool {
        self.attributes
            .split(|c: char| c.is_ascii_whitespace() || c == '/')
            .any(|word| {
                let name = word.split('=').next().unwrap_or_default();
                name.eq_ignore_ascii_case(wanted)
            })
    }

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
    /// Whether others wrote it.
    foreign: Option<Foreign>,
}

/// What matters for the text of others only.
struct Foreign {
    links: bool,
    /// Whether something so far had a background other than white.
    coloured: bool,
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
        if self.foreign.as_ref().is_some_and(|foreign| !foreign.links) {
            return;
        }
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
                self.out.push_str(&">".repeat(self.quotes.min(DEEP)));
            }
            if first {
                self.out.push_str(&">".repeat(self.quotes.min(DEEP)));
            }
            if self.quotes > 0 {
                self.out.push(' ');
            }
            let margin = (2 * self.lists.len().min(DEEP)).saturating_sub(out_dent);
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
    fn of_others_mail_only_what_a_person_sees_is_read() {
        for (html, expected, hidden) in [
            ("<p>a</p><!-- b --><p>c</p>", "a\n\nc", 1),
            (
                "a<div style=\"display:none\">b<div>c</div>d</div>e",
                "ae",
                5,
            ),
            (
                "a<span style='display : NONE !important'>b</span>c",
                "ac",
                1,
            ),
            ("a<p hidden>b</p>c", "ac", 1),
            ("a<span style=visibility:hidden>b</span>", "a", 1),
            ("a<span style=\"font-size:0px;x:y\">b</span>", "a", 1),
            ("a<span style=\"font-size:1px\">b</span>", "a", 1),
            ("a<span style=\"font-size:14px\">b</span>", "ab", 0),
            ("a<span style=\"opacity:0\">b</span>", "a", 1),
            ("a<span style=\"opacity:0.9\">b</span>", "ab", 0),
            ("a<font style=\"color:#FFF\">b</font>", "a", 1),
            ("a<p style=\"color:red;background:red\">b</p>", "a", 1),
            (
                "<table bgcolor=\"#1a73e8\"><tr><td style=\"color:#fff\">b</td></tr></table>",
                "b |",
                0,
            ),
            (
                "a<br hidden>b<img style='display:none' alt=''>c",
                "a\nbc",
                0,
            ),
            ("a<div style=display:none>never closed", "a", 12),
            ("<!--[if mso]><p>b</p><![endif]-->a", "a", 0),
        ] {
            assert_eq!(
                received(html, true),
                (expected.to_owned(), hidden),
                "{html}"
            );
        }
        let link = "<a href=\"https://t.example/1\">site</a>";
        assert_eq!(received(link, true).0, "site (https://t.example/1)");
        assert_eq!(received(link, false).0, "site");
    }

    #[test]
    fn a_page_made_to_take_long_does_not() {
        for (part, limit) in [
            ("<a \"", 5_000_000),
            ("<a '<b \"", 5_000_000),
            ("<blockquote>x", 30_000_000),
            ("<ul><li>x", 60_000_000),
            ("<p style=display:none>", 5_000_000),
            ("<script>", 5_000_000),
        ] {
            let page = part.repeat(1_000_000 / part.len());
            assert!(received(&page, true).0.len() < limit, "{part}");
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
