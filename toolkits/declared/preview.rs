//! The dry run of a declared tool that writes: the request that it would send, and nothing else.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Built, Schema};
use crate::arguments::{ACCOUNT, DRY_RUN};
use crate::error::ToolError;
use crate::output::{self, Form, Output, Render};
use crate::schema;

/// The field of a result that has the request.
const WOULD_SEND: &str = "would_send";

/// Adds the arguments and the fields of a result that a preview takes.
pub(super) fn add(input: &mut Schema, mut output: Option<&mut Schema>) {
    input["properties"][DRY_RUN] = json!({
        "type": "boolean",
        "description": "Only show the request that would be sent.",
    });
    schema::add_preview(input, output.as_deref_mut());
    let Some(output) = output else {
        return;
    };
    output["properties"][WOULD_SEND] = json!({
        "type": "object",
        "properties": {
            "method": { "type": "string" },
            "url": { "type": "string" },
            "headers": {
                "type": "object",
                "additionalProperties": { "type": "string" },
                "description": "Without the credential.",
            },
            "body": { "description": "JSON, or the text of a form." },
        },
        "required": ["method", "url", "headers"],
        "additionalProperties": false,
        "description": "Of a dry run, instead of what comes back: the request. Nothing was sent.",
    });
    // What comes back is not there when nothing was sent.
    output.insert(
        "required".to_owned(),
        json!([ACCOUNT, "truncated", "warnings"]),
    );
}

/// Takes `dry_run` out of the arguments.
pub(super) fn take_dry_run(given: &mut Value) -> Result<bool, ToolError> {
    match given
        .as_object_mut()
        .and_then(|given| given.remove(DRY_RUN))
    {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(flag),
        Some(_) => Err(ToolError::invalid_arguments(format!(
            "`{DRY_RUN}`: must be true or false."
        ))),
    }
}

/// What would be sent, of the tool that people see under this name.
pub(super) fn of(
    built: Built,
    shown_as: &str,
    is_text: bool,
    account: &str,
) -> Result<Output, ToolError> {
    let Built { request, json } = built;
    if let Some(problem) = request.problem {
        return Err(problem);
    }
    request.api.check_address(&request.url)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers = request.headers.iter();
    let body = match json {
        Some(fields) => Some(Value::Object(fields)),
        None => request.body.as_deref().map(|body| text(body).into()),
    };
    let preview = Preview {
        shown_as: shown_as.to_owned(),
        would_send: Shown {
            method: request.method.to_string(),
            url: request.url.into(),
            headers: headers
                .map(|(name, value)| (name.to_string(), text(value.as_bytes()).into()))
                .collect(),
            body,
        },
    };
    Ok(if is_text {
        output::raw(&preview.render(), account)
    } else {
        output::typed(preview, Form::Detailed, account)
    })
}

#[derive(Debug, Serialize)]
struct Preview {
    #[serde(skip)]
    shown_as: String,
    would_send: Shown,
}

/// A request.
#[derive(Debug, Serialize)]
struct Shown {
    method: String,
    url: String,
    headers: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
}

impl Render for Preview {
    fn render(&self) -> String {
        let Shown {
            method,
            url,
            headers,
            body,
        } = &self.would_send;
        let mut text = format!(
            "{}. Dry run: nothing was sent. It would send, with the connection's credential:\n\
             {method} {url}",
            self.shown_as
        );
        for (name, value) in headers {
            let value = value.as_str().unwrap_or_default();
            write!(text, "\n{name}: {value}").expect("a string takes every write");
        }
        match body {
            None => text.push_str("\n\n(No body.)"),
            Some(Value::String(form)) => {
                write!(text, "\n\n{form}").expect("a string takes every write");
            }
            // A line for each field, so that a long one hides no other where the text is cut.
            Some(json) => write!(text, "\n\n{json:#}").expect("a string takes every write"),
        }
        text
    }
}
