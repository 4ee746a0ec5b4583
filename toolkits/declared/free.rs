//! Tools of `kind: api`: the model writes the request, within the file's list of methods and paths.

use reqwest::Method;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Built, answer, arguments, common};
use crate::api::{Api, Response};
use crate::error::{ErrorCode, ToolError};
use crate::manifest::{Allowed, FORBIDDEN_OVERRIDES, Pattern, Success};
use crate::output::Render;
use crate::schema;

/// The request that the model wrote, found to be allowed.
#[derive(Debug)]
pub(super) struct Free {
    method: Method,
    path: Vec<String>,
    query: Vec<(String, String)>,
    body: Option<Map<String, Value>>,
}

pub(super) fn input_schema(allowed: &[Allowed]) -> Map<String, Value> {
    let mut methods: Vec<&str> = Vec::new();
    for one in allowed {
        if !methods.contains(&one.method.as_str()) {
            methods.push(one.method.as_str());
        }
    }
    let properties = json!({
        "method": { "type": "string", "enum": methods, "description": "The HTTP method." },
        "path": {
            "type": "string",
            "description": format!(
                "The path without a query, not percent-encoded. Allowed (`*` is one segment, `**` one \
                 or more): {}.",
                list(allowed)
            ),
        },
        "query": {
            "type": "object",
            "description": "Query parameters: strings, numbers, booleans, or lists of strings.",
        },
        "body": { "type": "object", "description": "The JSON body; not with GET." },
    });
    let Value::Object(properties) = properties else {
        unreachable!("the literal above is an object");
    };
    arguments::closed(properties, vec!["method".into(), "path".into()])
}

pub(super) fn output_schema() -> Map<String, Value> {
    let schema = json!({
        "type": "object",
        "properties": {
            "status": { "type": "integer", "description": "The HTTP status." },
            "answer": { "description": "The JSON of the answer; null when it has none." },
        },
        "required": ["status", "answer"],
        "additionalProperties": false,
    });
    let Value::Object(mut schema) = schema else {
        unreachable!("the literal above is an object");
    };
    schema::add_envelope(&mut schema);
    schema
}

/// Reads the arguments; what the list does not allow is refused.
pub(super) fn parse(allowed: &[Allowed], given: Value) -> Result<Free, ToolError> {
    let mut given = common::object(given)?;
    given.retain(|_, value| !value.is_null());
    arguments::refuse_unknown(&given, &["method", "path", "query", "body"])?;
    let text = |name: &str| {
        given
            .get(name)
            .and_then(Value::as_str)
            .ok_or_else(|| invalid(&format!("`{name}`: must be given, as a string.")))
    };
    let method = text("method")?;
    let path = split(text("path")?)?;
    let Some(one) = allowed
        .iter()
        .find(|one| one.method.as_str() == method && matches(&one.path, &path))
    else {
        return Err(ToolError::new(
            ErrorCode::Forbidden,
            "This tool may not send that method to that path; nothing was sent.",
            format!(
                "Allowed (`*` is one segment, `**` one or more): {}.",
                list(allowed)
            ),
        ));
    };
    let free = Free {
        method: one.method.clone(),
        path,
        query: query(given.get("query"))?,
        body: body(given.get("body"))?,
    };
    if free.method == Method::GET && free.body.is_some() {
        return Err(invalid("`body`: a GET has none."));
    }
    Ok(free)
}

/// The segments of a path. Nothing in it may mean another path to a server than it reads here.
fn split(path: &str) -> Result<Vec<String>, ToolError> {
    let Some(rest) = path.strip_prefix('/') else {
        return Err(invalid("`path`: must begin with `/`."));
    };
    if path.contains(['?', '#', '%', '\\']) {
        return Err(invalid(
            "`path`: must have no `?`, `#`, `%` or backslash. Put the query into `query`, and write \
             names as they are.",
        ));
    }
    let segments: Vec<String> = rest.split('/').map(str::to_owned).collect();
    check_segments(&segments)?;
    Ok(segments)
}

/// Refuses empty segments and `.` and `..`, also before a `;`, which some servers cut off with all
/// that follows it in the segment.
pub(super) fn check_segments(segments: &[String]) -> Result<(), ToolError> {
    for segment in segments {
        let name = segment.split(';').next().unwrap_or_default();
        if matches!(name.trim(), "" | "." | "..") || segment.contains(char::is_control) {
            return Err(invalid(
                "`path`: a segment or an id in it is empty, `.` or `..`, or has characters that it \
                 cannot have.",
            ));
        }
    }
    Ok(())
}

fn matches(pattern: &[Pattern], path: &[String]) -> bool {
    match (pattern, path) {
        ([], []) | ([Pattern::Rest], [_, ..]) => true,
        ([Pattern::One, pattern @ ..], [_, path @ ..]) => matches(pattern, path),
        ([Pattern::Literal(literal), pattern @ ..], [segment, path @ ..]) => {
            literal == segment && matches(pattern, path)
        }
        _ => false,
    }
}

fn query(given: Option<&Value>) -> Result<Vec<(String, String)>, ToolError> {
    let Some(given) = given else {
        return Ok(Vec::new());
    };
    let Some(fields) = given.as_object() else {
        return Err(invalid("`query`: must be an object."));
    };
    refuse_overrides(fields)?;
    let mut query = Vec::new();
    for (name, value) in fields {
        let simple = |value: &Value| !(value.is_object() || value.is_array() || value.is_null());
        let fits = match value {
            Value::Array(items) => items.iter().all(simple),
            value => simple(value),
        };
        if !fits {
            return Err(invalid(
                "`query`: its values must be strings, numbers, booleans, or lists of them.",
            ));
        }
        query.extend(
            arguments::texts(value)
                .into_iter()
                .map(|text| (name.clone(), text)),
        );
    }
    Ok(query)
}

fn body(given: Option<&Value>) -> Result<Option<Map<String, Value>>, ToolError> {
    match given {
        None => Ok(None),
        Some(Value::Object(fields)) => {
            refuse_overrides(fields)?;
            Ok(Some(fields.clone()))
        }
        Some(_) => Err(invalid("`body`: must be an object.")),
    }
}

/// Some servers take the method from such a field, and then the list would not hold.
fn refuse_overrides(fields: &Map<String, Value>) -> Result<(), ToolError> {
    let overrides =
        |name: &String| FORBIDDEN_OVERRIDES.contains(&name.trim().to_ascii_lowercase().as_str());
    if fields.keys().any(overrides) {
        return Err(invalid("A field that changes the method may not be sent."));
    }
    Ok(())
}

impl Free {
    pub(super) fn build(self, api: &Api) -> Built {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        let mut request = if self.method == Method::GET {
            api.read(self.method, &path)
        } else {
            api.write(self.method, &path)
        };
        request = request.header("accept", "application/json");
        for (name, value) in &self.query {
            request = request.query(name, value);
        }
        if let Some(body) = &self.body {
            request = request.json(body);
        }
        Built {
            request,
            json: self.body,
        }
    }
}

/// What came back, if it is a success.
pub(super) fn answer(response: &Response) -> Result<Answer, ToolError> {
    answer::judge(response, &Success::default())?;
    let answer = if response.body.is_empty() {
        Value::Null
    } else {
        response.json()?
    };
    Ok(Answer {
        status: response.status.as_u16(),
        answer,
    })
}

/// What came back.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    status: u16,
    answer: Value,
}

impl Render for Answer {
    fn render(&self) -> String {
        let mut text = format!("HTTP status: {}\n", self.status);
        match &self.answer {
            Value::Null => {}
            answer => answer::write_field(&mut text, "", "answer", answer),
        }
        text.truncate(text.trim_end().len());
        text
    }
}

fn list(allowed: &[Allowed]) -> String {
    let shown = allowed.iter().map(|one| {
        let segments = one.path.iter().map(|pattern| match pattern {
            Pattern::Literal(text) => text.as_str(),
            Pattern::One => "*",
            Pattern::Rest => "**",
        });
        let path: Vec<&str> = segments.collect();
        format!("{} /{}", one.method, path.join("/"))
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn invalid(message: &str) -> ToolError {
    ToolError::invalid_arguments(message)
}
