//! Reading a tool's arguments, and saying what is wrong with them.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{DeserializeOwned, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::error::ToolError;
use crate::sanitize::{shorten, visible};

/// The argument that every tool has: it names the connection that acts.
pub const ACCOUNT: &str = "account";
/// The argument of writes that show what they would do when it is true.
pub const DRY_RUN: &str = "dry_run";
/// The argument of the same writes that binds them to what a dry run showed.
pub const PREVIEW_ID: &str = "preview_id";
/// The argument of writes that would be done twice when repeated.
pub const IDEMPOTENCY_KEY: &str = "idempotency_key";
/// The argument of sends that can be held for so many seconds before they go.
pub const DELAY_SECONDS: &str = "delay_seconds";
/// The argument of sends that are saved instead when it is true.
pub const AS_DRAFT: &str = "as_draft";
/// The argument of what is read page by page, or part by part: where to go on.
pub const CURSOR: &str = "cursor";
/// The longest time that a send is held, in seconds.
pub(crate) const MAX_DELAY: u64 = 120;
/// The argument of reads whose result has a short and a long form.
pub(crate) const RESPONSE_FORMAT: &str = "response_format";

/// A list of strings that may also be given as a single string, which is what models send for a
/// list of one. Not given or `null` is the empty list (with `#[serde(default)]`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OneOrMany(pub Vec<String>);

impl JsonSchema for OneOrMany {
    fn schema_name() -> Cow<'static, str> {
        "OneOrMany".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [{ "type": "array", "items": { "type": "string" } }, { "type": "string" }]
        })
    }
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrManyVisitor)
    }
}

struct OneOrManyVisitor;

impl<'de> Visitor<'de> for OneOrManyVisitor {
    type Value = OneOrMany;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a list of strings")
    }

    fn visit_unit<E>(self) -> Result<OneOrMany, E> {
        Ok(OneOrMany::default())
    }

    fn visit_str<E>(self, one: &str) -> Result<OneOrMany, E> {
        Ok(OneOrMany(vec![one.to_owned()]))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<OneOrMany, S::Error> {
        let mut many = Vec::new();
        while let Some(one) = list.next_element()? {
            many.push(one);
        }
        Ok(OneOrMany(many))
    }
}

/// Takes `name` out, which the server reads and no tool does: a short text of visible characters.
pub(crate) fn take_shared(arguments: &mut Map<String, Value>, name: &str) -> Result<(), ToolError> {
    let fits = match arguments.remove(name) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => {
            (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
        }
        Some(_) => false,
    };
    if fits {
        return Ok(());
    }
    Err(ToolError::invalid_arguments(format!(
        "`{name}`: must be 1 to 64 visible ASCII characters without spaces."
    )))
}

/// Takes [`DELAY_SECONDS`] out, which the server reads and no tool does.
pub(crate) fn take_delay(arguments: &mut Map<String, Value>) -> Result<(), ToolError> {
    let seconds = match arguments.remove(DELAY_SECONDS) {
        None | Some(Value::Null) => Some(0),
        Some(value) => value.as_u64().filter(|seconds| *seconds <= MAX_DELAY),
    };
    match seconds {
        None => Err(ToolError::invalid_arguments(format!(
            "`{DELAY_SECONDS}`: must be a whole number from 0 to {MAX_DELAY}."
        ))),
        Some(1..) if is_set(arguments, AS_DRAFT) => Err(ToolError::invalid_arguments(format!(
            "`{DELAY_SECONDS}`: a draft is saved at once; leave it out or leave `{AS_DRAFT}` out."
        ))),
        Some(_) => Ok(()),
    }
}

/// Whether the argument `name` is true.
pub(crate) fn is_set(arguments: &Map<String, Value>, name: &str) -> bool {
    arguments.get(name) == Some(&Value::Bool(true))
}

/// The arguments of a tool. `account` is not the tool's: it chose the `Api`.
pub(crate) fn object(arguments: Value) -> Result<Map<String, Value>, ToolError> {
    let mut object = match arguments {
        Value::Object(object) => object,
        Value::Null => Map::new(),
        _ => {
            return Err(ToolError::invalid_arguments(
                "The arguments must be a JSON object.",
            ));
        }
    };
    if let Some(account) = object.remove(ACCOUNT)
        && !(account.is_string() || account.is_null())
    {
        return Err(ToolError::invalid_arguments("`account`: must be a string."));
    }
    Ok(object)
}

/// Reads the arguments of a tool into its type. [`ToolError::invalid_arguments`] names the path of
/// what does not fit.
pub fn parse<A: DeserializeOwned>(arguments: Value) -> Result<A, ToolError> {
    let arguments = Value::Object(object(arguments)?);
    serde_path_to_error::deserialize(arguments).map_err(|error| {
        let path = visible(&shorten(&error.path().to_string(), 80)).text;
        let what = explain(&error.inner().to_string());
        ToolError::invalid_arguments(if path == "." {
            format!("{what}.")
        } else {
            format!("`{path}`: {what}.")
        })
    })
}

/// serde's words, less most of the value they quote: `invalid type: string "…", expected u32`.
fn explain(words: &str) -> String {
    let words = visible(words).text.replace('\n', " ");
    match words.rsplit_once(", expected ") {
        Some((found, expected)) => {
            format!(
                "{}, expected {}",
                shorten(found, 60),
                shorten(expected, 400)
            )
        }
        None => shorten(&words, 200),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::{OneOrMany, parse};
    use crate::error::ErrorCode;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        name: String,
        #[serde(default)]
        labels: OneOrMany,
        point: Option<Point>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Point {
        x: u32,
    }

    #[test]
    fn a_list_may_be_one_string_or_nothing() {
        for (labels, expected) in [
            (json!("bug"), vec!["bug"]),
            (json!(["bug", "p1"]), vec!["bug", "p1"]),
            (json!([]), vec![]),
            (Value::Null, vec![]),
        ] {
            let arguments = json!({
                "name": "n", "labels": labels, "account": "me", "point": { "x": 1 },
            });
            let expected = Arguments {
                name: "n".into(),
                labels: OneOrMany(expected.into_iter().map(str::to_owned).collect()),
                point: Some(Point { x: 1 }),
            };
            assert_eq!(parse::<Arguments>(arguments).unwrap(), expected);
        }
    }

    #[test]
    fn a_misfit_is_named_with_its_path_and_what_was_expected() {
        for (arguments, parts) in [
            (json!({}), vec!["missing field `name`"]),
            (json!(null), vec!["missing field `name`"]),
            (json!([1]), vec!["must be a JSON object"]),
            (json!({ "name": 7 }), vec!["`name`", "expected a string"]),
            (
                json!({ "name": "n", "point": { "x": "a" } }),
                vec!["`point.x`", "expected u32"],
            ),
            (
                json!({ "name": "n", "nmae": 1 }),
                vec!["nmae", "expected one of `name`"],
            ),
            (
                json!({ "name": "n", "labels": 5 }),
                vec!["`labels`", "a string or a list of strings"],
            ),
            (
                json!({ "name": "n", "labels": ["a", 5] }),
                vec!["`labels[1]`", "expected a string"],
            ),
            (json!({ "name": "n", "account": 5 }), vec!["`account`"]),
        ] {
            let error = parse::<Arguments>(arguments.clone()).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArguments);
            for part in parts {
                assert!(error.message.contains(part), "{arguments}: {error}");
            }
        }
    }

    #[test]
    fn a_long_value_is_not_echoed() {
        let long = "secret ".repeat(10_000);
        for arguments in [
            json!({ "name": "n", "point": { "x": long } }),
            json!({ "name": "n", "point": long }),
            json!({ "name": "n", (long.clone()): 1 }),
            json!({ "name": "n", "point": format!("{long}, expected {long}") }),
        ] {
            let error = parse::<Arguments>(arguments).unwrap_err();
            assert!(error.message.chars().count() < 600, "{error}");
        }
    }
}
