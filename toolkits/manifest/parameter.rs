//! The parameters of a tool: what a file may say of them, and what an argument must be like.

use std::collections::BTreeSet;

use reqwest::header::HeaderName;
use serde_json::Value;

use super::yaml::{Fields, Node, Place, Reader, Tree, quoted};
use super::{Limits, Parameter, ParameterKind, Target, keep};
use crate::arguments::{ACCOUNT, DRY_RUN, IDEMPOTENCY_KEY, PREVIEW_ID};

const KEYS: [&str; 12] = [
    "name",
    "type",
    "in",
    "as",
    "description",
    "required",
    "default",
    "values",
    "min",
    "max",
    "min_length",
    "max_length",
];

/// Names that make some servers take a request for one of another method, whatever its own is, in
/// headers, queries and forms. What they would do is not what the annotations say.
pub(crate) const FORBIDDEN_OVERRIDES: [&str; 6] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "_method",
    "$httpmethod",
    "httpmethod",
];

/// Headers that are not a tool's to set: credentials, what the HTTP client writes, and what says
/// who sent the request or where it goes.
const FORBIDDEN_HEADERS: [&str; 17] = [
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "origin",
    "referer",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// The parameters of a tool, in the order of the file.
pub(super) fn read_all(reader: &mut Reader, fields: &Fields<'_>, paged: bool) -> Vec<Parameter> {
    let Some(node) = fields.get("parameters") else {
        return Vec::new();
    };
    let mut names = BTreeSet::new();
    let mut wires = BTreeSet::new();
    let mut parameters = Vec::new();
    for item in reader.list(node, "parameters") {
        let Some(parameter) = read(reader, item) else {
            continue;
        };
        let ours = [ACCOUNT, DRY_RUN, IDEMPOTENCY_KEY, PREVIEW_ID].contains(&&*parameter.name);
        if ours || (paged && parameter.name == "cursor") {
            let problem = format!(
                "The parameter `{}` is Valetkey's own, so it is never sent.",
                parameter.name
            );
            let fix = "Give this one another name, and its name in the request as `as`.";
            reader.wrong(item.place, problem, fix);
        }
        if !names.insert(parameter.name.clone()) {
            let problem = format!("There is a parameter `{}` above already.", parameter.name);
            reader.wrong(item.place, problem, "Give this one another name.");
        }
        let place = match &parameter.target {
            Target::Path => "path",
            Target::Query => "query",
            Target::Body => "body",
            Target::Header(_) => "header",
        };
        if !wires.insert((place, parameter.wire.to_ascii_lowercase())) {
            let problem = format!("Two parameters are `{}` in the {place}.", parameter.wire);
            reader.wrong(
                item.place,
                problem,
                "Give one of them another name with `as`.",
            );
        }
        parameters.push(parameter);
    }
    parameters
}

fn read(reader: &mut Reader, node: &Node) -> Option<Parameter> {
    let fields = reader.fields(node, "a parameter", &KEYS)?;
    let fix = "Write `name: item_id`; the model gives the argument under this name.";
    let name = reader.required(&fields, "name", fix);
    if let Some(name) = name
        && !keep::is_snake(name)
    {
        let fix = "Write small letters, digits and `_`; its name in the request goes to `as`.";
        let problem = format!("`{}` cannot be a parameter's name.", quoted(name));
        reader.wrong(fields.place_of("name"), problem, fix);
    }
    let fix = "Say what it is for and how it is written; the model reads it.";
    let description = reader.required(&fields, "description", fix);
    let required = reader.flag(&fields, "required").unwrap_or(false);
    let kind = kind(reader, &fields);
    let wire = match fields.get("as") {
        Some(node) => reader.text(node, "as"),
        None => name,
    };
    let target = target(reader, &fields, wire);
    if target == Some(Target::Path) {
        if !required {
            let problem = "A parameter in the path must be given, but this one is not required.";
            reader.wrong(fields.place, problem, "Write `required: true`.");
        }
        if fields.get("as").is_some() {
            let problem = "A parameter in the path has no other name.";
            reader.wrong(fields.place_of("as"), problem, "Remove `as`.");
        }
    }
    if matches!(kind, Some(ParameterKind::List(_)))
        && matches!(target, Some(Target::Path | Target::Header(_)))
    {
        let problem = "A list can only go to the query or the body.";
        reader.wrong(fields.place_of("type"), problem, "Use `type: string` here.");
    }
    let parameter = Parameter {
        name: name?.to_owned(),
        wire: wire?.to_owned(),
        target: target?,
        kind: kind?,
        description: description?.trim().to_owned(),
        required,
        default: fields.get("default").map(Node::json),
    };
    if let Some(default) = &parameter.default {
        let place = fields.place_of("default");
        if required {
            let problem = "A parameter that must be given needs no default.";
            reader.wrong(place, problem, "Remove `default`, or `required`.");
        } else if let Err(problem) = parameter.accept(default) {
            let problem = format!("`default` does not fit: it {problem}.");
            reader.wrong(place, problem, "Correct it, or the type and its limits.");
        }
    }
    Some(parameter)
}

fn target(reader: &mut Reader, fields: &Fields<'_>, wire: Option<&str>) -> Option<Target> {
    let fix = "Write `in: path`, `query`, `body` or `header`: where the request carries it.";
    let text = reader.required(fields, "in", fix)?;
    let place = fields.place_of("in");
    match text {
        "path" => Some(Target::Path),
        "query" | "body" => {
            let overrides = |name: &str| FORBIDDEN_OVERRIDES.contains(&&*name.to_ascii_lowercase());
            if wire.is_some_and(overrides) {
                let problem = "Some servers take the request for another method because of it.";
                reader.wrong(place, problem, "Set the method with `method` alone.");
            }
            Some(if text == "query" {
                Target::Query
            } else {
                Target::Body
            })
        }
        "header" => header_name(reader, place, wire?).map(Target::Header),
        _ => {
            let problem = format!("`in: {}` is not known.", quoted(text));
            reader.wrong(place, problem, fix);
            None
        }
    }
}

/// The name of a header that a tool may set.
pub(super) fn header_name(reader: &mut Reader, place: Place, text: &str) -> Option<HeaderName> {
    let Ok(name) = HeaderName::from_bytes(text.as_bytes()) else {
        let problem = format!("`{}` is not a header's name.", quoted(text));
        reader.wrong(place, problem, "Write a name such as `X-Request-Id`.");
        return None;
    };
    let forbidden = FORBIDDEN_HEADERS.contains(&name.as_str())
        || FORBIDDEN_OVERRIDES.contains(&name.as_str())
        || ["proxy-", "sec-", "x-forwarded-"]
            .iter()
            .any(|prefix| name.as_str().starts_with(prefix));
    if forbidden {
        reader.wrong(
            place,
            format!("The header `{name}` is not a tool's to set."),
            "Remove it: Valetkey sends the credential and what HTTP needs itself.",
        );
        return None;
    }
    Some(name)
}

fn kind(reader: &mut Reader, fields: &Fields<'_>) -> Option<ParameterKind> {
    let fix = "Write `type: string`, integer, number, boolean, enum or list.";
    let text = reader.required(fields, "type", fix)?;
    let limits: &[&str] = match text {
        "string" | "list" => &["min_length", "max_length"],
        "integer" | "number" => &["min", "max"],
        "enum" => &["values"],
        "boolean" => &[],
        _ => {
            let problem = format!("`type: {}` is not known.", quoted(text));
            reader.wrong(fields.place_of("type"), problem, fix);
            return None;
        }
    };
    for key in ["values", "min", "max", "min_length", "max_length"] {
        if !limits.contains(&key)
            && let Some(node) = fields.get(key)
        {
            let problem = format!("`{key}` does not go with `type: {text}`.");
            reader.wrong(node.place, problem, "Remove it, or change the type.");
        }
    }
    Some(match text {
        "string" => ParameterKind::Text(lengths(reader, fields)),
        "list" => ParameterKind::List(lengths(reader, fields)),
        "integer" => ParameterKind::Integer(bounds(reader, fields, ["min", "max"], Value::as_i64)),
        "number" => ParameterKind::Number(bounds(reader, fields, ["min", "max"], Value::as_f64)),
        "enum" => ParameterKind::Enum(values(reader, fields)),
        _ => ParameterKind::Boolean,
    })
}

fn lengths(reader: &mut Reader, fields: &Fields<'_>) -> Limits<usize> {
    let length = |value: &Value| {
        value
            .as_u64()
            .and_then(|length| usize::try_from(length).ok())
    };
    bounds(reader, fields, ["min_length", "max_length"], length)
}

fn bounds<T: Copy + PartialOrd>(
    reader: &mut Reader,
    fields: &Fields<'_>,
    [min, max]: [&str; 2],
    read: impl Fn(&Value) -> Option<T>,
) -> Limits<T> {
    let mut bound = |key: &str| {
        let node = fields.get(key)?;
        let value = read(&node.json());
        if value.is_none() {
            let problem = format!("`{key}` is not a number that fits the type.");
            reader.wrong(node.place, problem, "Write a number, without quotes.");
        }
        value
    };
    let limits = Limits {
        least: bound(min),
        most: bound(max),
    };
    if let (Some(least), Some(most)) = (limits.least, limits.most)
        && least > most
    {
        let problem = format!("`{min}` is more than `{max}`.");
        reader.wrong(fields.place_of(min), problem, "Exchange the two.");
    }
    limits
}

fn values(reader: &mut Reader, fields: &Fields<'_>) -> Vec<String> {
    let fix = "List what may be given: `values: [open, closed]`.";
    let Some(node) = fields.get("values") else {
        reader.wrong(fields.place, "An enum needs `values`.", fix);
        return Vec::new();
    };
    let items = reader.list(node, "texts");
    if items.is_empty() {
        reader.wrong(node.place, "An enum needs `values`.", fix);
    }
    let mut values: Vec<String> = Vec::new();
    for item in items {
        let Tree::Text(text) = &item.tree else {
            let problem = "A value of an enum must be a text.";
            reader.wrong(
                item.place,
                problem,
                "Put it in quotes: YAML takes it for something else.",
            );
            continue;
        };
        if values.contains(text) {
            let problem = format!("The value `{}` is here twice.", quoted(text));
            reader.wrong(item.place, problem, "Remove one of the two.");
        }
        values.push(text.clone());
    }
    values
}

impl Parameter {
    /// What is wrong with this value of it, as in `limit` …: "must be at most 50".
    pub(crate) fn accept(&self, value: &Value) -> Result<(), String> {
        match &self.kind {
            ParameterKind::Text(limits) => match value.as_str() {
                Some(text) => within(text.chars().count(), *limits, " characters"),
                None => Err("must be a string".to_owned()),
            },
            ParameterKind::Integer(limits) => match value.as_i64() {
                Some(number) => within(number, *limits, ""),
                None => Err("must be a whole number".to_owned()),
            },
            ParameterKind::Number(limits) => match value.as_f64() {
                Some(number) => within(number, *limits, ""),
                None => Err("must be a number".to_owned()),
            },
            ParameterKind::Boolean => match value {
                Value::Bool(_) => Ok(()),
                _ => Err("must be true or false".to_owned()),
            },
            ParameterKind::Enum(values) => {
                if values.iter().any(|known| value == known) {
                    Ok(())
                } else {
                    Err(format!("must be one of {}", values.join(", ")))
                }
            }
            ParameterKind::List(limits) => {
                let all_text = |items: &Vec<Value>| items.iter().all(Value::is_string);
                match value {
                    Value::String(_) => within(1, *limits, " items"),
                    Value::Array(items) if all_text(items) => {
                        within(items.len(), *limits, " items")
                    }
                    _ => Err("must be a string or a list of strings".to_owned()),
                }
            }
        }
    }
}

fn within<T: Copy + PartialOrd + std::fmt::Display>(
    value: T,
    limits: Limits<T>,
    unit: &str,
) -> Result<(), String> {
    match (limits.least, limits.most) {
        (Some(least), _) if value < least => Err(format!("must be at least {least}{unit}")),
        (_, Some(most)) if value > most => Err(format!("must be at most {most}{unit}")),
        _ => Ok(()),
    }
}
