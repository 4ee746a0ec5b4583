//! What a tool returns, in the two forms that hosts read.
//!
//! Claude Code and Codex show the model only `structuredContent` when it is there, Gemini CLI and
//! opencode only the text: so every fact is in both.

use std::fmt::Write as _;
use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::arguments::{CURSOR, PREVIEW_ID, RESPONSE_FORMAT};
use crate::error::ToolError;
use crate::sanitize::visible;

/// So much of a typed result's text is shown, in characters: a page of a list is meant to fit.
const TEXT_LIMIT: usize = 20_000;

/// The field of a structure that has a cursor.
const NEXT_CURSOR: &str = "next_cursor";

/// So much raw text is shown: 60,000 characters are about 15,000 tokens, and hosts cut at 25,000.
const RAW_LIMIT: usize = 60_000;

/// A finished result: the text block and the structured form of the same facts.
///
/// Both carry text of third parties, without its invisible characters: whoever passes it on marks
/// it as untrusted.
#[derive(Clone, Debug)]
pub struct Output {
    /// For people and for hosts that show only text: all of it.
    pub text: String,
    /// What to show a model instead of `text`, if that is too long for its context.
    pub excerpt: Option<Excerpt>,
    /// The same facts, valid against the tool's output schema. None for raw-text tools.
    pub structured: Option<Map<String, Value>>,
    /// The cursors in it, plain as [`crate::cursor`] wraps them. Whoever passes the result on first
    /// puts sealed ones in their places.
    pub cursors: Vec<String>,
}

impl Output {
    /// A result of this text, with the beginning of it if it is too long.
    pub fn new(text: String, structured: Option<Map<String, Value>>) -> Self {
        let limit = match structured {
            Some(_) => TEXT_LIMIT,
            None => RAW_LIMIT,
        };
        Self {
            excerpt: excerpt(&text, limit),
            text,
            structured,
            cursors: Vec::new(),
        }
    }

    /// Puts `new` in the place of a cursor: at `cursor=` in the text, in fields `next_cursor` of the
    /// structure. Elsewhere the same letters are somebody's text, for a plain cursor can be short.
    pub fn replace_cursor(&mut self, old: &str, new: &str) {
        let places = cursor_places(&self.text, old);
        let replaced = |text: &str| {
            let (mut done, mut from) = (String::new(), 0);
            for place in places.iter().take_while(|place| place.end <= text.len()) {
                done.push_str(&text[from..place.start]);
                done.push_str(new);
                from = place.end;
            }
            done + &text[from..]
        };
        if let Some(excerpt) = &mut self.excerpt {
            let cut = byte_at(&self.text, excerpt.shown);
            // A cursor that the cut divides belongs to the rest.
            let divided = places.iter().find(|at| at.start < cut && cut < at.end);
            let beginning = replaced(&self.text[..divided.map_or(cut, |place| place.start)]);
            let end = &excerpt.text[byte_at(&excerpt.text, excerpt.shown)..];
            excerpt.shown = beginning.chars().count();
            excerpt.text = beginning + end;
        }
        self.text = replaced(&self.text);
        if let Some(excerpt) = &mut self.excerpt {
            excerpt.all = self.text.chars().count();
        }
        for (name, value) in self.structured.iter_mut().flatten() {
            replace_field(name, value, old, new);
        }
    }

    /// Adds a word of ours about the result.
    pub fn warn(&mut self, warning: &str) {
        if let Some(structured) = &mut self.structured
            && let Some(Value::Array(warnings)) = structured.get_mut("warnings")
        {
            warnings.push(warning.into());
        }
        let note = format!("Note: {warning}\n\n");
        self.text.insert_str(0, &note);
        if let Some(excerpt) = &mut self.excerpt {
            excerpt.text.insert_str(0, &note);
            excerpt.shown += note.chars().count();
            excerpt.all += note.chars().count();
        }
    }

    /// Says what the call has to name that is to do what this dry run showed.
    pub fn name_preview(&mut self, id: &str) {
        if let Some(structured) = &mut self.structured {
            structured.insert(PREVIEW_ID.to_owned(), id.into());
        }
        let name = format!("\n{PREVIEW_ID}: {id}");
        self.text.push_str(&name);
        if let Some(excerpt) = &mut self.excerpt {
            excerpt.text.push_str(&name);
            excerpt.all += name.chars().count();
        }
    }
}

/// The beginning of a text that is too long. Nothing in it says so: whoever shows it knows whether
/// the rest can be had.
#[derive(Clone, Debug)]
pub struct Excerpt {
    /// The first `shown` characters; of a typed result, with its warnings and account after them.
    pub text: String,
    /// Where to read on in the whole text, in characters.
    pub shown: usize,
    /// How many characters the whole text has.
    pub all: usize,
}

/// How a typed result reads as text. Concise, names first, every fact of the struct included,
/// except `warnings`, `truncated` and `account`, which are appended to every text.
pub trait Render {
    /// What only the detailed form tells, in a few words for the model: then the tool has the
    /// argument `response_format`. None: there is one form.
    const DETAILS: Option<&'static str> = None;

    /// The text block.
    fn render(&self) -> String;

    /// Drops [`Render::DETAILS`]: leaves empty what need not be there by the output schema.
    fn shorten(&mut self) {}
}

/// How much a result tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Form {
    #[default]
    Concise,
    Detailed,
}

/// Takes `response_format` out of the arguments of a tool whose result has two forms.
pub(crate) fn take_form<R: Render>(arguments: &mut Value) -> Result<Form, ToolError> {
    let given = arguments.as_object_mut().filter(|_| R::DETAILS.is_some());
    match given.and_then(|given| given.remove(RESPONSE_FORMAT)) {
        None | Some(Value::Null) => Ok(Form::default()),
        Some(form) => serde_json::from_value(form).map_err(|_| {
            ToolError::invalid_arguments(format!(
                "`{RESPONSE_FORMAT}` must be `concise` or `detailed`."
            ))
        }),
    }
}

/// The page of a list.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Page {
    /// Pass as `cursor` to get the next page; null at the end.
    pub next_cursor: Option<String>,
    /// How many items this page has.
    pub returned: usize,
    /// The provider's estimate of all items, where it gives one.
    pub total_estimate: Option<u64>,
}

impl Render for Page {
    fn render(&self) -> String {
        let mut line = match self.total_estimate {
            Some(total) => format!("{} of about {total} shown.", self.returned),
            None => format!("{} shown.", self.returned),
        };
        match &self.next_cursor {
            Some(cursor) => write!(line, " Next page: cursor={cursor}"),
            None => write!(line, " No more pages."),
        }
        .expect("a string takes every write");
        line
    }
}

/// The output of a typed result.
pub(crate) fn typed<R: Serialize + Render>(mut result: R, form: Form, account: &str) -> Output {
    if form == Form::Concise {
        result.shorten();
    }
    let value = serde_json::to_value(&result).expect("a result is a struct of plain values");
    let Value::Object(mut structured) = value else {
        panic!("a result is a struct, and a struct is an object");
    };
    let removed: usize = structured.values_mut().map(clean).sum();
    let mut text = visible(&result.render()).text;

    let mut warnings = match structured.remove("warnings") {
        Some(Value::Array(warnings)) => warnings,
        _ => Vec::new(),
    };
    if removed > 0 {
        warnings.push(removal_note(removed).into());
    }
    let mut end = String::from("\n");
    for warning in warnings.iter().filter_map(Value::as_str) {
        end.push_str("\nWarning: ");
        end.push_str(warning);
    }
    end.push_str("\nAccount: ");
    end.push_str(account);
    let mut excerpt = excerpt(&text, TEXT_LIMIT);
    if let Some(excerpt) = &mut excerpt {
        excerpt.text.push_str(&end);
        excerpt.all += end.chars().count();
    }
    text.push_str(&end);

    let truncated = structured.get("truncated").and_then(Value::as_bool) == Some(true);
    let truncated = truncated || excerpt.is_some();
    structured.insert("truncated".to_owned(), Value::Bool(truncated));
    structured.insert("warnings".to_owned(), Value::Array(warnings));
    structured.insert("account".to_owned(), account.into());
    Output {
        text,
        excerpt,
        structured: Some(structured),
        cursors: Vec::new(),
    }
}

/// The output of a raw-text tool.
pub(crate) fn raw(text: &str, account: &str) -> Output {
    let cleaned = visible(text);
    let mut out = format!("Account: {account}\n");
    if cleaned.removed > 0 {
        out.push_str("Warning: ");
        out.push_str(&removal_note(cleaned.removed));
        out.push('\n');
    }
    out.push_str(&cleaned.text);
    Output::new(out, None)
}

fn removal_note(removed: usize) -> String {
    format!(
        "{removed} invisible character{} left out here; somebody may have hidden something.",
        if removed == 1 { " is" } else { "s are" }
    )
}

/// Cleans every string of a result: a tool that forgets to is covered.
fn clean(value: &mut Value) -> usize {
    match value {
        Value::String(text) => {
            let cleaned = visible(text);
            *text = cleaned.text;
            cleaned.removed
        }
        Value::Array(items) => items.iter_mut().map(clean).sum(),
        Value::Object(fields) => fields.values_mut().map(clean).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// Where a text gives the cursor to its reader.
fn cursor_places(text: &str, cursor: &str) -> Vec<Range<usize>> {
    let given = format!("{CURSOR}={cursor}");
    let goes_on = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    text.match_indices(&given)
        .map(|(at, _)| at + given.len() - cursor.len()..at + given.len())
        .filter(|place| !text[place.end..].starts_with(goes_on))
        .collect()
}

fn replace_field(name: &str, value: &mut Value, old: &str, new: &str) {
    match value {
        Value::String(text) if name == NEXT_CURSOR && text == old => new.clone_into(text),
        Value::Object(fields) => fields
            .iter_mut()
            .for_each(|(name, value)| replace_field(name, value, old, new)),
        _ => {}
    }
}

/// Where the character with that number begins.
fn byte_at(text: &str, number: usize) -> usize {
    let mut characters = text.char_indices();
    characters.nth(number).map_or(text.len(), |(at, _)| at)
}

/// The whole lines of a text that fit into `limit` characters; none if all of it does.
fn excerpt(text: &str, limit: usize) -> Option<Excerpt> {
    let (end, _) = text.char_indices().nth(limit)?;
    // A very long line is cut in the middle rather than dropped.
    let end = match text[..end].rfind('\n') {
        Some(line) if line > end / 2 => line,
        _ => end,
    };
    Some(Excerpt {
        text: text[..end].to_owned(),
        shown: text[..end].chars().count(),
        all: text.chars().count(),
    })
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde_json::json;

    use super::{Form, Page, Render, raw, take_form, typed};

    #[derive(Serialize)]
    struct Letter {
        body: String,
        lines: Vec<String>,
        warnings: Vec<String>,
    }

    impl Render for Letter {
        fn render(&self) -> String {
            format!("{}\n{}", self.body, self.lines.join("\n"))
        }
    }

    #[test]
    fn text_and_structure_both_name_the_account_and_the_warnings() {
        let output = typed(
            Letter {
                body: "Hello".into(),
                lines: vec![],
                warnings: vec!["Half of it is missing.".into()],
            },
            Form::Concise,
            "ada@example.org",
        );
        assert!(output.text.starts_with("Hello"));
        assert!(output.text.contains("Warning: Half of it is missing."));
        assert!(output.text.ends_with("Account: ada@example.org"));
        let structured = output.structured.unwrap();
        assert_eq!(structured["account"], "ada@example.org");
        assert_eq!(structured["warnings"], json!(["Half of it is missing."]));
        assert_eq!(structured["truncated"], false);
    }

    #[test]
    fn invisible_characters_are_removed_everywhere_and_counted_once() {
        let output = typed(
            Letter {
                body: "He\u{200b}llo".into(),
                lines: vec!["\u{e0041}x".into()],
                warnings: vec![],
            },
            Form::Concise,
            "a",
        );
        let structured = output.structured.unwrap();
        assert_eq!(structured["body"], "Hello");
        assert_eq!(structured["lines"], json!(["x"]));
        assert!(
            structured["warnings"][0]
                .as_str()
                .unwrap()
                .starts_with("2 invisible characters")
        );
        assert!(output.text.starts_with("Hello\nx"));
        assert!(output.text.contains("Warning: 2 invisible characters"));
    }

    #[test]
    fn a_long_text_is_whole_beside_an_excerpt_of_whole_lines_with_the_same_end() {
        let output = typed(
            Letter {
                body: String::new(),
                lines: vec!["é".repeat(99); 1000],
                warnings: vec!["Mind this.".into()],
            },
            Form::Concise,
            "a",
        );
        let end = "\n\nWarning: Mind this.\nAccount: a";
        assert!(output.text.ends_with(&format!("é{end}")));
        let excerpt = output.excerpt.unwrap();
        assert_eq!(excerpt.shown, 19_900);
        assert_eq!(excerpt.all, output.text.chars().count());
        let beginning = excerpt.text.strip_suffix(end).unwrap();
        assert_eq!(beginning.chars().count(), excerpt.shown);
        let rest = output.text.strip_prefix(beginning).unwrap();
        assert!(rest.starts_with("\né"), "cut at a line");
        assert_eq!(output.structured.unwrap()["truncated"], true);
    }

    #[test]
    fn a_cursor_is_replaced_where_it_is_given_and_nowhere_else() {
        let long = "é".repeat(59_000);
        for (text, shown) in [
            ("More: cursor=old\nx".to_owned(), None),
            (
                "old, cursor=older: old. Next page: cursor=old".to_owned(),
                None,
            ),
            (format!("More: cursor=old\n{long}\n{long}"), Some(59_037)),
            (
                format!("{}cursor=old {long}", "é".repeat(59_975)),
                Some(59_999),
            ),
            (
                format!("{}cursor=old {long}", "é".repeat(59_973)),
                Some(60_003),
            ),
        ] {
            let mut output = raw(&text, "octocat");
            output.structured = json!({
                "page": { "next_cursor": "old" },
                "told": "old",
                "all": [{ "next_cursor": "old" }],
            })
            .as_object()
            .cloned();
            output.replace_cursor("old", "sealed");
            let whole = text.replace("cursor=old", "cursor=sealed");
            let whole = whole.replace("sealeder", "older");
            assert_eq!(output.text, format!("Account: octocat\n{whole}"));
            assert_eq!(
                output.structured.map(serde_json::Value::Object),
                Some(json!({
                    "page": { "next_cursor": "sealed" },
                    "told": "old",
                    "all": [{ "next_cursor": "old" }],
                }))
            );
            let Some(excerpt) = output.excerpt else {
                assert_eq!(shown, None);
                continue;
            };
            assert_eq!(excerpt.shown, shown.unwrap(), "{}", excerpt.text);
            assert_eq!(excerpt.all, output.text.chars().count());
            assert!(output.text.starts_with(&excerpt.text));
        }
    }

    #[test]
    fn raw_text_stays_raw_with_a_header_and_a_hard_limit() {
        let output = raw("diff --git a b\n+\u{202e}x", "octocat");
        assert!(output.structured.is_none());
        assert_eq!(
            output.text.lines().collect::<Vec<_>>(),
            [
                "Account: octocat",
                "Warning: 1 invisible character is left out here; somebody may have hidden something.",
                "diff --git a b",
                "+x",
            ]
        );
        let long = raw(&"x".repeat(70_000), "octocat");
        let excerpt = long.excerpt.unwrap();
        assert_eq!((excerpt.shown, excerpt.all), (60_000, 70_017));
        assert_eq!(excerpt.text, long.text[..60_000]);
        assert!(raw(&"x".repeat(59_000), "octocat").excerpt.is_none());
    }

    #[test]
    fn a_page_reads_as_one_line() {
        let mut page = Page {
            next_cursor: Some("abc".into()),
            returned: 20,
            total_estimate: Some(45),
        };
        assert_eq!(page.render(), "20 of about 45 shown. Next page: cursor=abc");
        page.next_cursor = None;
        page.total_estimate = None;
        assert_eq!(page.render(), "20 shown. No more pages.");
    }

    #[derive(Serialize)]
    struct Person {
        name: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<String>,
    }

    impl Render for Person {
        const DETAILS: Option<&'static str> = Some("what they do");

        fn render(&self) -> String {
            let title = self.title.iter().map(|title| format!(", {title}"));
            title.fold(self.name.clone(), |text, title| text + &title)
        }

        fn shorten(&mut self) {
            self.title = None;
        }
    }

    #[test]
    fn details_are_in_both_forms_of_the_detailed_result_and_in_neither_of_the_concise_one() {
        for (form, told) in [
            (json!({}), false),
            (json!({ "response_format": null }), false),
            (json!({ "response_format": "concise" }), false),
            (json!({ "response_format": "detailed" }), true),
        ] {
            let mut arguments = form;
            let form = take_form::<Person>(&mut arguments).unwrap();
            assert_eq!(arguments, json!({}), "the tool does not get it");
            let person = Person {
                name: "Ada".into(),
                title: Some("countess".into()),
            };
            let output = typed(person, form, "a");
            assert_eq!(output.text.contains("countess"), told);
            assert_eq!(output.structured.unwrap().contains_key("title"), told);
        }
        let wrong = take_form::<Person>(&mut json!({ "response_format": "long" })).unwrap_err();
        assert!(wrong.message.contains("`detailed`"), "{wrong}");
        let mut own = json!({ "response_format": "long" });
        take_form::<Page>(&mut own).unwrap();
        assert_eq!(
            own["response_format"], "long",
            "left to a tool with its own"
        );
    }
}
