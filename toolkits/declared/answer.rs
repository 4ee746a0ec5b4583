//! What a declared tool makes of an answer: whether it is a success, and which of its fields are
//! returned.

use std::fmt::Write as _;

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, LINK};
use serde::Serialize;
use serde_json::{Map, Value, json};
use url::Url;

use crate::api::{Effect, Response};
use crate::error::{ErrorCode, ToolError};
use crate::manifest::{Keep, OneRequest, Paging, Success};
use crate::output::{Page, Render};
use crate::piece::UNTRUSTED;
use crate::sanitize::{shorten, visible};
use crate::{charset, cursor, schema as common, send};

/// The longest text of a provider in an error.
const QUOTED: usize = 200;

/// What was kept.
#[derive(Debug, Serialize)]
pub(super) struct Kept {
    #[serde(flatten)]
    fields: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<Page>,
    warnings: Vec<String>,
}

/// The output schema.
pub(super) fn schema(request: &OneRequest) -> Map<String, Value> {
    let mut schema = object(&request.keep);
    if request.keep.is_empty() {
        schema["properties"]["done"] =
            json!({ "type": "boolean", "description": "The provider did it." });
    }
    if request.page.is_some() {
        schema["properties"]["page"] = common::of_page().into();
        schema.insert("required".to_owned(), json!(["page"]));
    }
    common::add_envelope(&mut schema);
    schema
}

/// Nobody declares the type of a field, and one that is absent in the answer is absent here.
fn object(keep: &[Keep]) -> Map<String, Value> {
    let properties = keep.iter().map(|keep| {
        let mut property = match &keep.each {
            Some(each) => json!({ "type": "array", "items": object(each) }),
            None => json!({}),
        };
        if let Some(description) = &keep.description {
            property["description"] = description.as_str().into();
        }
        (keep.name.clone(), property)
    });
    let mut object = Map::new();
    object.insert("type".to_owned(), "object".into());
    object.insert(
        "properties".to_owned(),
        properties.collect::<Map<_, _>>().into(),
    );
    object.insert("additionalProperties".to_owned(), false.into());
    object
}

/// Refuses what is not a success, in our words and at most a line of the provider's.
pub(super) fn judge(response: &Response, success: &Success) -> Result<(), ToolError> {
    let status = response.status;
    let body = || -> Option<Value> {
        let text = std::str::from_utf8(&response.body).ok()?;
        serde_json::from_str(text).ok()
    };
    if status.is_success() {
        let Some(field) = &success.field else {
            return Ok(());
        };
        if get(&response.json()?, field) == Some(&Value::Bool(true)) {
            return Ok(());
        }
    }
    let said = success.error.as_ref().and_then(|field| {
        let body = body()?;
        let text = get(&body, field)?.as_str()?.to_owned();
        let text = visible(&text).text.replace('\n', " ");
        Some(format!(": {}", shorten(text.trim(), QUOTED)))
    });
    let said = said.unwrap_or_else(|| ".".to_owned());
    let number = status.as_u16();
    let (code, message, fix) = match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => (
            ErrorCode::NotFound,
            format!("The provider does not know it, or hides it from this account{said}"),
            "Check the ids and names, then call again.",
        ),
        StatusCode::FORBIDDEN => (
            ErrorCode::Forbidden,
            format!("The provider does not let this account do it{said}"),
            "Ask the user: the account may lack a right, or the connection a permission.",
        ),
        status if status.is_redirection() => (
            ErrorCode::Rejected,
            format!(
                "The provider answered with a redirect (HTTP {number}), which is not followed."
            ),
            "Tell the user: the path in toolkit.yaml or the provider's address has changed.",
        ),
        status if status.is_success() => (
            ErrorCode::Rejected,
            format!("The provider refused it{said}"),
            "Correct the arguments and call again.",
        ),
        _ => (
            ErrorCode::Rejected,
            format!("The provider refused it with HTTP {number}{said}"),
            "Correct the arguments and call again.",
        ),
    };
    Err(ToolError::new(code, message, fix))
}

/// A successful answer as the text that it is.
pub(super) fn text(response: Response) -> Result<String, ToolError> {
    let kind = response.headers.get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).map(str::to_owned);
    let is_text = kind.as_deref().is_some_and(charset::is_text);
    if !is_text && !charset::looks_like_text(&response.body) {
        if response.effect == Effect::Write {
            return Err(send::outcome_unknown("the provider's answer is not text"));
        }
        return Err(ToolError::new(
            ErrorCode::BadResponse,
            "The provider's answer is not text.",
            "Tell the user: `output: text` in toolkit.yaml does not fit this request.",
        ));
    }
    let text = charset::text(kind.as_deref(), response.body);
    let text = match text.as_str() {
        "" => "(The answer is empty.)",
        text => text,
    };
    Ok(format!("{UNTRUSTED}\n\n{text}"))
}

/// The fields that the file keeps of a successful answer.
pub(super) fn keep(response: &Response, request: &OneRequest) -> Result<Kept, ToolError> {
    if request.keep.is_empty() {
        return Ok(Kept {
            fields: Map::from_iter([("done".to_owned(), true.into())]),
            page: None,
            warnings: Vec::new(),
        });
    }
    let body: Value = response.json()?;
    let mut warnings = Vec::new();
    let fields = pick(&body, &request.keep, &mut warnings);
    // An empty list is left out by some APIs.
    let absent = |keep: &Keep| keep.each.is_none() && get(&body, &keep.from).is_none();
    if request.keep.iter().all(absent) {
        warnings.push(
            "None of the fields that the tool returns is in the provider's answer: toolkit.yaml may \
             not fit this API."
                .to_owned(),
        );
    }
    warnings.dedup();
    let page = request.page.as_ref().map(|paging| Page {
        next_cursor: next(response, &body, paging).map(|position| cursor::wrap(&position)),
        returned: request
            .keep
            .iter()
            .find(|keep| keep.each.is_some())
            .and_then(|keep| fields.get(&keep.name)?.as_array().map(Vec::len))
            .unwrap_or(0),
        total_estimate: None,
    });
    Ok(Kept {
        fields,
        page,
        warnings,
    })
}

fn get<'a>(value: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, name| value.get(name))
}

fn pick(value: &Value, keep: &[Keep], warnings: &mut Vec<String>) -> Map<String, Value> {
    let mut fields = Map::new();
    for one in keep {
        let found = get(value, &one.from).filter(|found| !found.is_null());
        let kept = match (&one.each, found) {
            (None, None) => continue,
            (None, Some(found)) => found.clone(),
            (Some(each), Some(Value::Array(items))) => items
                .iter()
                .map(|item| Value::Object(pick(item, each, warnings)))
                .collect(),
            (Some(_), found) => {
                if found.is_some() {
                    warnings.push(format!(
                        "`{}` is not a list in the provider's answer.",
                        one.name
                    ));
                }
                Value::Array(Vec::new())
            }
        };
        fields.insert(one.name.clone(), kept);
    }
    fields
}

/// Where the next page begins.
fn next(response: &Response, body: &Value, paging: &Paging) -> Option<String> {
    let position = if let Some(path) = &paging.cursor {
        match get(body, path)? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        }
    } else {
        let links = response.headers.get_all(LINK).iter();
        let links = links.filter_map(|header| header.to_str().ok());
        let mut links = links.flat_map(|header| header.split(','));
        links.find_map(|link| linked(link, &paging.query))?
    };
    Some(position).filter(|position| !position.is_empty())
}

/// The parameter of a link's address, if the link leads to the next page (RFC 8288 §3). The address
/// itself is not used: it could be anywhere.
fn linked(link: &str, parameter: &str) -> Option<String> {
    let (target, attributes) = link.trim().strip_prefix('<')?.split_once('>')?;
    let mut attributes = attributes.split(';').map(str::trim);
    if !attributes.any(|attribute| matches!(attribute, "rel=\"next\"" | "rel=next")) {
        return None;
    }
    let base = Url::parse("https://relative.invalid/").expect("a constant URL");
    let target = base.join(target).ok()?;
    let mut query = target.query_pairs();
    let found = query.find(|(name, _)| name == parameter)?;
    Some(found.1.into_owned())
}

impl Render for Kept {
    fn render(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.fields {
            write_field(&mut text, "", name, value);
        }
        if let Some(page) = &self.page {
            text.push_str(&page.render());
        }
        text.truncate(text.trim_end().len());
        text
    }
}

/// One field as text, below an indent.
pub(super) fn write_field(out: &mut String, indent: &str, name: &str, value: &Value) {
    let mut line =
        |text: &str| writeln!(out, "{indent}{text}").expect("a string takes every write");
    match value {
        Value::Array(items) if items.iter().any(Value::is_object) => {
            line(&format!("{name} ({}):", items.len()));
            for item in items {
                match item {
                    Value::Object(fields) => write_item(out, indent, fields),
                    other => writeln!(out, "{indent}- {}", plain(other))
                        .expect("a string takes every write"),
                }
            }
        }
        Value::Object(fields) => {
            line(&format!("{name}:"));
            for (name, value) in fields {
                write_field(out, &format!("{indent}  "), name, value);
            }
        }
        value => line(&format!("{name}: {}", plain(value))),
    }
}

/// An item of a list: on one line where that can be read.
fn write_item(out: &mut String, indent: &str, fields: &Map<String, Value>) {
    let simple = |value: &Value| match value {
        Value::String(text) => !text.contains('\n'),
        Value::Array(items) => !items.iter().any(|item| item.is_object() || item.is_array()),
        value => !value.is_object(),
    };
    let mut rest = String::new();
    let mut line = Vec::new();
    for (name, value) in fields {
        if simple(value) {
            line.push(format!("{name}: {}", plain(value)));
        } else {
            write_field(&mut rest, &format!("{indent}  "), name, value);
        }
    }
    writeln!(out, "{indent}- {}", line.join("; ")).expect("a string takes every write");
    out.push_str(&rest);
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
