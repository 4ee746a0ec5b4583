//! What a declared tool takes: its schema, and the check of what was given.

use serde_json::{Map, Value, json};

use super::common;
use crate::arguments::CURSOR;
use crate::error::ToolError;
use crate::manifest::{Limits, OneRequest, Parameter, ParameterKind};
use crate::sanitize::{shorten, visible};
use crate::schema;

/// The input schema.
pub(super) fn schema(request: &OneRequest) -> Map<String, Value> {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for parameter in &request.parameters {
        properties.insert(parameter.name.clone(), property(parameter).into());
        if parameter.required {
            required.push(Value::from(parameter.name.as_str()));
        }
    }
    if request.page.is_some() {
        let cursor = json!({
            "type": "string",
            "description": "`next_cursor` of an earlier result, for its next page.",
        });
        properties.insert(CURSOR.to_owned(), cursor);
    }
    closed(properties, required)
}

/// An input schema of these properties.
pub(super) fn closed(properties: Map<String, Value>, required: Vec<Value>) -> Map<String, Value> {
    let mut input = Map::new();
    input.insert("type".to_owned(), "object".into());
    input.insert("properties".to_owned(), properties.into());
    if !required.is_empty() {
        input.insert("required".to_owned(), required.into());
    }
    input.insert("additionalProperties".to_owned(), false.into());
    schema::add_account(&mut input);
    input
}

fn property(parameter: &Parameter) -> Map<String, Value> {
    let mut property = Map::new();
    let mut limit = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            property.insert(name.to_owned(), value);
        }
    };
    match &parameter.kind {
        ParameterKind::Text(Limits { least, most }) => {
            limit("type", Some("string".into()));
            limit("minLength", least.map(Into::into));
            limit("maxLength", most.map(Into::into));
        }
        ParameterKind::Integer(Limits { least, most }) => {
            limit("type", Some("integer".into()));
            limit("minimum", least.map(Into::into));
            limit("maximum", most.map(Into::into));
        }
        ParameterKind::Number(Limits { least, most }) => {
            limit("type", Some("number".into()));
            limit("minimum", least.map(Into::into));
            limit("maximum", most.map(Into::into));
        }
        ParameterKind::Boolean => limit("type", Some("boolean".into())),
        ParameterKind::Enum(values) => {
            limit("type", Some("string".into()));
            limit("enum", Some(values.clone().into()));
        }
        ParameterKind::List(Limits { least, most }) => {
            let mut list = json!({ "type": "array", "items": { "type": "string" } });
            if let Some(least) = least {
                list["minItems"] = (*least).into();
            }
            if let Some(most) = most {
                list["maxItems"] = (*most).into();
            }
            // As in the tools in Rust: models send a string for a list of one.
            limit("anyOf", Some(json!([list, { "type": "string" }])));
        }
    }
    limit("description", Some(parameter.description.clone().into()));
    limit("default", parameter.default.clone());
    property
}

/// The arguments, checked, with defaults and without what is `null`.
pub(super) fn parse(one: &OneRequest, given: Value) -> Result<Map<String, Value>, ToolError> {
    let mut given = common::object(given)?;
    given.retain(|_, value| !value.is_null());
    let paged = one.page.is_some();
    let names = one
        .parameters
        .iter()
        .map(|parameter| parameter.name.as_str());
    let names: Vec<&str> = names.chain(paged.then_some(CURSOR)).collect();
    refuse_unknown(&given, &names)?;
    if paged && given.get(CURSOR).is_some_and(|value| !value.is_string()) {
        return Err(ToolError::invalid_arguments("`cursor`: must be a string."));
    }
    for parameter in &one.parameters {
        match given.get(&parameter.name) {
            Some(value) => parameter.accept(value).map_err(|problem| {
                ToolError::invalid_arguments(format!("`{}`: {problem}.", parameter.name))
            })?,
            None if parameter.required => {
                let message = format!("`{}`: is missing.", parameter.name);
                return Err(ToolError::invalid_arguments(message));
            }
            None => {
                if let Some(default) = &parameter.default {
                    given.insert(parameter.name.clone(), default.clone());
                }
            }
        }
    }
    Ok(given)
}

/// Refuses arguments that are not among `names`.
pub(super) fn refuse_unknown(given: &Map<String, Value>, names: &[&str]) -> Result<(), ToolError> {
    let Some(unknown) = given.keys().find(|name| !names.contains(&name.as_str())) else {
        return Ok(());
    };
    let unknown = visible(&shorten(unknown, 60)).text;
    let message = match names {
        [] => format!("unknown field `{unknown}`; there are no arguments but `account`."),
        names => format!(
            "unknown field `{unknown}`, expected one of {}.",
            names.join(", ")
        ),
    };
    Err(ToolError::invalid_arguments(message))
}

/// A single value as text.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A value as the texts that a query or a form repeats.
pub(super) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().map(text).collect(),
        one => vec![text(one)],
    }
}
