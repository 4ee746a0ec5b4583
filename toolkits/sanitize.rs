//! Third-party text, made safe to show to a model: invisible, bidirectional and tag characters and
//! hidden HTML are removed and counted.

/// Text of strangers after the filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sanitized {
    /// What is left.
    pub text: String,
    /// How many characters were removed.
    pub removed: usize,
}

/// Removes what a person would not see where Markdown or HTML is rendered: what [`visible`]
/// removes, and HTML comments.
///
/// A comment that is not closed hides the rest of the text where it begins a line (an HTML block
/// of `CommonMark`); elsewhere it is shown as it is written, and stays.
pub fn sanitize(text: &str) -> Sanitized {
    let Sanitized { text, mut removed } = visible(text);
    if !text.contains("<!--") {
        return Sanitized { text, removed };
    }
    let mut out = String::with_capacity(text.len());
    let mut line_start = 0;
    let mut may_close = true;
    let mut rest = text.as_str();
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        out.push(c);
        if c == '\n' {
            line_start = out.len();
        }
        // Looking at what is kept, not at the input, also finds an opening that only the removal
        // of another comment puts together.
        let Some(before) = out.strip_suffix("<!--") else {
            continue;
        };
        // Looking for an end once it was not found would take quadratic time.
        let end = if may_close { rest.find("-->") } else { None };
        may_close = end.is_some();
        let indent = before.get(line_start..).unwrap_or_default();
        let begins_line = indent.len() <= 3 && indent.trim().is_empty();
        let hidden = if rest.starts_with('>') {
            1
        } else if rest.starts_with("->") {
            2
        } else if let Some(end) = end {
            end + 3
        } else if begins_line {
            rest.len()
        } else {
            continue;
        };
        removed += 4 + rest[..hidden].chars().count();
        out.truncate(out.len() - 4);
        rest = &rest[hidden..];
    }
    Sanitized { text: out, removed }
}

/// Removes what a person never sees: zero-width and other format characters, bidirectional
/// controls, Unicode tag characters (U+E0000–U+E007F), terminal escape sequences, and control
/// characters other than line breaks and tabs. Line breaks of every kind become `\n`.
///
/// Kept are the joiners and variation selectors that make an emoji, and the joiners between
/// letters of scripts that are written with them. For titles, names and plain text, where nothing
/// is rendered and an HTML comment is seen like any other text.
pub fn visible(text: &str) -> Sanitized {
    let mut out = String::with_capacity(text.len());
    let mut removed = 0;
    let mut previous = None;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = escape_sequence(rest);
        if length > 0 {
            removed += rest[..length].chars().count();
            rest = &rest[length..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        let next = rest.chars().next();
        match c {
            '\r' if next == Some('\n') => continue,
            '\r' | '\u{2028}' | '\u{2029}' => out.push('\n'),
            _ if is_seen(c, previous, next) => out.push(c),
            _ => {
                removed += 1;
                continue;
            }
        }
        previous = Some(c);
    }
    Sanitized { text: out, removed }
}

/// At most `max_chars` characters; a text that is cut ends in `…`.
pub fn shorten(text: &str, max_chars: usize) -> String {
    if text.chars().nth(max_chars).is_none() {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(max_chars.saturating_sub(1)).collect();
    short.truncate(short.trim_end().len());
    short.push('…');
    short
}

/// A third party's text in one line of at most `max_chars` characters, sanitized.
pub fn snippet(text: &str, max_chars: usize) -> String {
    let words: Vec<String> = sanitize(text)
        .text
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    shorten(&words.join(" "), max_chars)
}

/// The length in bytes of the terminal escape sequence (ECMA-48) that `text` begins with, else 0.
fn escape_sequence(text: &str) -> usize {
    let (introducer, rest) = if let Some(rest) = text.strip_prefix('\u{9b}') {
        ('[', rest)
    } else if let Some(rest) = text.strip_prefix('\u{1b}') {
        match rest.chars().next() {
            Some(c @ ('[' | ']' | 'P' | 'X' | '^' | '_')) => (c, &rest[1..]),
            _ => return 0,
        }
    } else {
        return 0;
    };
    let start = text.len() - rest.len();
    if introducer == '[' {
        let parameters = rest
            .find(|c: char| !(' '..='?').contains(&c))
            .unwrap_or(rest.len());
        let complete = rest[parameters..].starts_with(|c: char| ('@'..='~').contains(&c));
        return start + if complete { parameters + 1 } else { 0 };
    }
    // A string sequence goes on to BEL or ESC \. One that does not end on its line hides nothing.
    match rest.find(['\u{7}', '\u{1b}', '\n']) {
        Some(end) if rest[end..].starts_with('\u{7}') => start + end + 1,
        Some(end) if rest[end..].starts_with("\u{1b}\\") => start + end + 2,
        _ => start,
    }
}

fn is_seen(c: char, previous: Option<char>, next: Option<char>) -> bool {
    let between = |test: fn(char) -> bool| previous.is_some_and(test) && next.is_some_and(test);
    match c {
        '\n' | '\t' => true,
        '\u{200c}' => between(is_joining_script),
        '\u{200d}' => between(is_joining_script) || between(is_emoji_part),
        '\u{fe0e}' | '\u{fe0f}' => previous.is_some_and(|base| {
            is_pictograph(base)
                || (matches!(base, '0'..='9' | '#' | '*') && next == Some('\u{20e3}'))
        }),
        _ => !c.is_control() && !is_ignorable(c),
    }
}

/// Unicode's `Default_Ignorable_Code_Point` (DerivedCoreProperties.txt), which fonts show as
/// nothing, and the interlinear annotation controls.
fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Scripts whose letters change shape with U+200C and U+200D: Arabic and its neighbours, the
/// scripts of India.
fn is_joining_script(c: char) -> bool {
    matches!(c, '\u{620}'..='\u{8ff}' | '\u{900}'..='\u{dff}')
}

fn is_emoji_part(c: char) -> bool {
    is_pictograph(c) || c == '\u{fe0f}'
}

fn is_pictograph(c: char) -> bool {
    matches!(c,
        '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}'
        | '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{23ff}' | '\u{24c2}'
        | '\u{25a0}'..='\u{27bf}' | '\u{2900}'..='\u{297f}' | '\u{2b00}'..='\u{2bff}'
        | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}' | '\u{1f000}'..='\u{1faff}')
}

#[cfg(test)]
mod tests {
    use super::{sanitize, shorten, snippet, visible};

    #[test]
    fn what_nobody_sees_is_removed_and_counted() {
        for (text, expected, removed) in [
            ("plain é 漢字", "plain é 漢字", 0),
            ("zero\u{200b}width", "zerowidth", 1),
            ("\u{feff}bom", "bom", 1),
            ("soft\u{ad}hyphen", "softhyphen", 1),
            ("a\u{202e}b\u{202c}c\u{2066}d\u{2069}\u{200f}", "abcd", 5),
            ("tag\u{e0001}\u{e0041}\u{e0042}\u{e007f}", "tag", 4),
            ("vs\u{e0100}\u{e01ef}", "vs", 2),
            ("filler\u{3164}\u{115f}\u{ffa0}", "filler", 3),
            ("math\u{2062}\u{2064}", "math", 2),
            ("a\0b\u{8}c\u{7f}d\u{85}e", "abcde", 4),
            ("tab\tand\nbreak", "tab\tand\nbreak", 0),
            ("one\r\ntwo\rthree\u{2028}four", "one\ntwo\nthree\nfour", 0),
        ] {
            let seen = visible(text);
            assert_eq!((seen.text.as_str(), seen.removed), (expected, removed));
            assert_eq!(sanitize(text), seen, "{text:?}");
        }
    }

    #[test]
    fn terminal_escapes_go_as_a_whole() {
        for (text, expected, removed) in [
            ("\u{1b}[1;31mred\u{1b}[0m", "red", 11),
            ("\u{9b}31mred", "red", 4),
            ("\u{1b}]8;;https://evil.example\u{1b}\\link", "link", 27),
            ("\u{1b}]0;title\u{7}x", "x", 10),
            ("\u{1b}]never closed", "never closed", 2),
            ("\u{1b}]x\nnext line\u{7}", "x\nnext line", 3),
            ("\u{1b}[31", "31", 2),
            ("\u{1b}c", "c", 1),
            ("end\u{1b}", "end", 1),
            ("\u{1b}[\u{e9}", "é", 2),
        ] {
            let seen = visible(text);
            assert_eq!(
                (seen.text.as_str(), seen.removed),
                (expected, removed),
                "{text:?}"
            );
        }
    }

    #[test]
    fn emoji_and_joined_letters_stay_whole() {
        for text in [
            "❤\u{fe0f}",
            "©\u{fe0f}",
            "1\u{fe0f}\u{20e3}",
            "👩\u{200d}💻",
            "👩🏽\u{200d}❤\u{fe0f}\u{200d}👨",
            "می\u{200c}خواهم",
            "क\u{94d}\u{200d}ष",
        ] {
            assert_eq!(visible(text).text, text);
        }
        for (text, expected) in [
            ("a\u{fe0f}", "a"),
            ("1\u{fe0f}2", "12"),
            ("❤\u{fe0f}\u{fe0f}\u{fe01}", "❤\u{fe0f}"),
            ("a\u{200d}b", "ab"),
            ("👩\u{200d}\u{200d}💻", "👩\u{200d}💻"),
            ("a\u{200c}b", "ab"),
            ("\u{200d}", ""),
        ] {
            assert_eq!(visible(text).text, expected, "{text:?}");
        }
    }

    #[test]
    fn comments_go_where_they_would_be_hidden() {
        for (text, expected, removed) in [
            ("a<!-- x -->b", "ab", 10),
            ("a<!---->b<!-->c<!--->d", "abcd", 18),
            ("a <!-- 1\n2 --> b <!-- 3 -->", "a  b ", 22),
            ("seen\n<!-- hides the rest", "seen\n", 19),
            ("<!-- hides\nall", "", 14),
            ("why does `<!--` stay", "why does `<!--` stay", 0),
            ("<!<!-- x -->-- y -->z", "z", 20),
            ("a<\u{200b}!-- x -->b", "ab", 11),
            ("é <!-- é -->", "é ", 10),
            ("a --> b <! -- c", "a --> b <! -- c", 0),
        ] {
            let seen = sanitize(text);
            assert_eq!(
                (seen.text.as_str(), seen.removed),
                (expected, removed),
                "{text:?}"
            );
            assert_eq!(sanitize(&seen.text).removed, 0, "{text:?} twice");
        }
        assert_eq!(visible("a<!-- x -->b").text, "a<!-- x -->b");
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        for (text, max, expected) in [
            ("", 3, ""),
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("éàü漢", 3, "éà…"),
            ("ab cd", 4, "ab…"),
            ("abc", 0, "…"),
        ] {
            assert_eq!(shorten(text, max), expected);
        }
        assert_eq!(snippet(" a\n\n b<!-- c -->\u{200b} d ", 10), "a b d");
        assert_eq!(snippet(&"word ".repeat(100), 12), "word word w…");
    }
}
