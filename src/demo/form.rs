//! The forms of an HTML page, as much as a browser needs to fill them in and send them.

/// A form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// `get` or `post`.
    pub method: String,
    /// Where it goes, as written; empty for the page itself.
    pub action: String,
    /// Its fields in their order.
    pub fields: Vec<Field>,
}

/// A field of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// `name`; fields without one are never sent.
    pub name: String,
    /// `value`.
    pub value: String,
    /// What it is.
    pub kind: Kind,
    /// `checked`.
    pub checked: bool,
    /// `disabled`: shown, not sent.
    pub disabled: bool,
}

/// The kinds of field that differ in how they are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Sent as it stands: hidden and text fields.
    Text,
    /// One of its name is sent.
    Radio,
    /// Sent if ticked.
    Checkbox,
    /// The one that is clicked is sent.
    Button,
}

impl Form {
    /// Whether it has a field of this name.
    pub fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.name == name)
    }
}

/// All forms of a page, in their order.
pub fn forms(html: &str) -> Vec<Form> {
    let mut forms: Vec<Form> = Vec::new();
    let mut open = false;
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let (tag, after) = tag(rest);
        rest = after;
        match tag.name.as_str() {
            "form" => {
                open = true;
                forms.push(Form {
                    method: tag.get("method").unwrap_or("get").to_lowercase(),
                    action: tag.get("action").unwrap_or_default().to_owned(),
                    fields: Vec::new(),
                });
            }
            "/form" => open = false,
            "input" | "button" => {
                if let Some(form) = forms.last_mut().filter(|_| open) {
                    form.fields.extend(field(&tag));
                }
            }
            // What stands in these is no markup.
            "script" | "style" | "textarea" | "title" => {
                let end = format!("</{}", tag.name);
                let found = rest.to_ascii_lowercase().find(&end);
                rest = found.map_or("", |at| &rest[at..]);
            }
            _ => {}
        }
    }
    forms
}

fn field(tag: &Tag) -> Option<Field> {
    let kind = match (tag.name.as_str(), tag.get("type").unwrap_or_default()) {
        ("input", "radio") => Kind::Radio,
        ("input", "checkbox") => Kind::Checkbox,
        ("input", "submit") | ("button", "submit" | "") => Kind::Button,
        ("button", _) | ("input", "button" | "reset" | "file" | "image") => return None,
        _ => Kind::Text,
    };
    let default = match kind {
        Kind::Radio | Kind::Checkbox => "on",
        Kind::Text | Kind::Button => "",
    };
    Some(Field {
        name: tag.get("name").unwrap_or_default().to_owned(),
        value: tag.get("value").unwrap_or(default).to_owned(),
        kind,
        checked: tag.get("checked").is_some(),
        disabled: tag.get("disabled").is_some(),
    })
}

/// A tag's name in lower case, with its slash if it closes, and its attributes.
#[derive(Debug, Default)]
struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    fn get(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Reads a tag after its `<`; also returns what follows its `>`.
fn tag(text: &str) -> (Tag, &str) {
    let is_end = |c: char| c.is_ascii_whitespace() || c == '>';
    let end = text.find(is_end).unwrap_or(text.len());
    let mut tag = Tag {
        name: text[..end].trim_end_matches('/').to_ascii_lowercase(),
        attributes: Vec::new(),
    };
    if tag.name.is_empty() {
        text[..end].clone_into(&mut tag.name);
    }
    let mut rest = &text[end..];
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if rest.is_empty() {
            return (tag, rest);
        }
        if let Some(after) = rest.strip_prefix('>') {
            return (tag, after);
        }
        let end = rest
            .find(|c: char| is_end(c) || c == '=' || c == '/')
            .unwrap_or(rest.len())
            // An attribute cannot begin with `=`, but a broken page can.
            .max(rest.chars().next().map_or(0, char::len_utf8));
        let name = rest[..end].to_ascii_lowercase();
        rest = rest[end..].trim_start();
        let mut value = String::new();
        if let Some(after) = rest.strip_prefix('=') {
            let after = after.trim_start();
            let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''));
            let (raw, next) = if let Some(quote) = quote {
                after[1..].split_once(quote).unwrap_or((&after[1..], ""))
            } else {
                after.split_at(after.find(is_end).unwrap_or(after.len()))
            };
            value = unescape(raw);
            rest = next;
        }
        tag.attributes.push((name, value));
    }
}

/// Character references: the five that templates write by name, and all numbers.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        plain.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.find(';').unwrap_or(0);
        let name = rest.get(1..end).unwrap_or_default();
        let number =
            name.strip_prefix('#')
                .and_then(|digits| match digits.strip_prefix(['x', 'X']) {
                    Some(hex) => u32::from_str_radix(hex, 16).ok(),
                    None => digits.parse().ok(),
                });
        let decoded = match name {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => number.and_then(char::from_u32),
        };
        if let Some(decoded) = decoded {
            plain.push(decoded);
            rest = &rest[end + 1..];
        } else {
            plain.push('&');
            rest = &rest[1..];
        }
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_every_kind_are_read_and_what_is_no_markup_is_not() {
        let html = r#"<!doctype html><style>form{}<form action="/no"></style>
            <!-- <form action="/neither"> --><p a<b>x</p>
            <form method=POST action='/go?a=1&amp;b=&#50;'>
            <input type="hidden" name="csrf" value="&quot;&#x27;&lt;é">
            <label><input type=radio name=account value=ada checked> Ada</label>
            <input type="checkbox" name="scope" disabled value="a/b">
            <button name="decision" value="allow">Go</button><button type="button">No</button>
            </form><input name="outside"><form></form>"#;
        let found = forms(html);
        assert_eq!(found.len(), 2);
        assert_eq!(
            (found[0].method.as_str(), found[1].method.as_str()),
            ("post", "get")
        );
        assert_eq!(found[0].action, "/go?a=1&b=2");
        let field = |name: &str, value: &str, kind, checked, disabled| Field {
            name: name.to_owned(),
            value: value.to_owned(),
            kind,
            checked,
            disabled,
        };
        assert_eq!(
            found[0].fields,
            [
                field("csrf", "\"'<é", Kind::Text, false, false),
                field("account", "ada", Kind::Radio, true, false),
                field("scope", "a/b", Kind::Checkbox, false, true),
                field("decision", "allow", Kind::Button, false, false),
            ]
        );
    }

    #[test]
    fn no_page_makes_it_panic_or_loop() {
        let broken = [
            "<",
            "<form",
            "<form =",
            "<input =é",
            "<form a='",
            "<!--",
            "<style>",
            "&#x;",
        ];
        for html in broken {
            forms(html);
            forms(&format!("<form><input name=\"{html}"));
        }
    }
}
