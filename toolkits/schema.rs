//! JSON Schemas of arguments and results, in the plain form that every host copes with.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::arguments::{
    ACCOUNT, DELAY_SECONDS, IDEMPOTENCY_KEY, MAX_DELAY, PREVIEW_ID, RESPONSE_FORMAT,
};
use crate::output::Page;

/// The description and the input schema of an argument struct.
///
/// Hosts treat `["string","null"]`, `oneOf` of constants and unusual formats each in their own way,
/// so optional arguments are plain types that need not be there, and enums are `enum`s.
pub(crate) fn of_arguments<A: JsonSchema>() -> (String, Map<String, Value>) {
    let mut schema = generate::<A>(SchemaSettings::draft2020_12());
    let description = match schema.remove("description") {
        Some(Value::String(text)) => text,
        _ => String::new(),
    };
    drop_null(&mut schema);
    add_account(&mut schema);
    (description, schema)
}

/// Adds the argument that every tool has.
pub(crate) fn add_account(schema: &mut Map<String, Value>) {
    properties(schema).insert(
        ACCOUNT.to_owned(),
        json!({
            "type": "string",
            // Each of these words is in every tool.
            "description": "Who acts, if several accounts are connected: alias, address or login.",
        }),
    );
}

/// The output schema of a result struct, with the fields that every result has.
pub(crate) fn of_result<R: JsonSchema>() -> Map<String, Value> {
    let mut schema = generate::<R>(SchemaSettings::draft2020_12().for_serialize());
    schema.remove("description");
    add_envelope(&mut schema);
    schema
}

/// The schema of [`Page`], for a result that is not a struct.
pub(crate) fn of_page() -> Map<String, Value> {
    let mut schema = generate::<Page>(SchemaSettings::draft2020_12().for_serialize());
    schema.remove("description");
    schema
}

/// Adds the fields that every result has.
pub(crate) fn add_envelope(schema: &mut Map<String, Value>) {
    let envelope = [
        (
            ACCOUNT,
            json!({ "type": "string", "description": "The account that acted." }),
        ),
        (
            "truncated",
            json!({ "type": "boolean", "description": "Something was left out for its length." }),
        ),
        (
            "warnings",
            json!({
                "type": "array",
                "items": { "type": "string" },
                "description": "What to keep in mind about this result.",
            }),
        ),
    ];
    for (name, field) in envelope {
        properties(schema).insert(name.to_owned(), field);
        let required = schema
            .entry("required")
            .or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(required) = required
            && !required.iter().any(|known| known == name)
        {
            required.push(name.into());
        }
    }
}

/// Adds what a write that can be previewed has: `preview_id`, to be named and to be told.
pub(crate) fn add_preview(input: &mut Map<String, Value>, output: Option<&mut Map<String, Value>>) {
    let about = "Of an equal `dry_run`: do exactly what it showed.";
    let named = json!({ "type": "string", "description": about });
    properties(input).insert(PREVIEW_ID.to_owned(), named);
    if let Some(output) = output {
        let about = "Of a dry run: names what it showed.";
        let told = json!({ "type": "string", "description": about });
        properties(output).insert(PREVIEW_ID.to_owned(), told);
    }
}

/// Adds what a write has that would be done twice when repeated.
pub(crate) fn add_idempotency_key(input: &mut Map<String, Value>) {
    let about = "Your own name for this call: for 24 hours a repetition with it does nothing.";
    let property = json!({ "type": "string", "maxLength": 64, "description": about });
    properties(input).insert(IDEMPOTENCY_KEY.to_owned(), property);
}

/// Adds what a send has that can be held.
pub(crate) fn add_delay(input: &mut Map<String, Value>) {
    let about = "Wait before sending; cancelling the call stops it.";
    let property =
        json!({ "type": "integer", "minimum": 0, "maximum": MAX_DELAY, "description": about });
    properties(input).insert(DELAY_SECONDS.to_owned(), property);
}

/// Adds the choice between the two forms of a result, of which the long one tells `details`.
pub(crate) fn add_response_format(input: &mut Map<String, Value>, details: &str) {
    let property = json!({
        "type": "string",
        "enum": ["concise", "detailed"],
        "description": format!("`detailed` adds {details} (default: concise)."),
    });
    properties(input).insert(RESPONSE_FORMAT.to_owned(), property);
}

/// The `properties` of an object schema.
fn properties(schema: &mut Map<String, Value>) -> &mut Map<String, Value> {
    schema
        .entry("properties")
        .or_insert_with(|| Value::Object(Map::new()))
        .as_object_mut()
        .expect("`properties` is an object in every JSON Schema")
}

fn generate<T: JsonSchema>(mut settings: SchemaSettings) -> Map<String, Value> {
    settings.meta_schema = None;
    settings.inline_subschemas = true;
    let schema = settings.into_generator().into_root_schema_for::<T>();
    let Value::Object(mut schema) = schema.to_value() else {
        panic!("arguments and results are structs, and a struct's schema is an object");
    };
    tidy(&mut schema);
    schema.insert("type".to_owned(), "object".into());
    schema.insert("additionalProperties".to_owned(), Value::Bool(false));
    schema
}

/// Applies `change` to every schema directly below `schema`.
fn each_subschema(schema: &mut Map<String, Value>, change: fn(&mut Map<String, Value>)) {
    for (keyword, value) in schema.iter_mut() {
        match (keyword.as_str(), value) {
            ("properties" | "$defs" | "patternProperties", Value::Object(named)) => {
                named
                    .values_mut()
                    .filter_map(Value::as_object_mut)
                    .for_each(change);
            }
            ("anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(list)) => {
                list.iter_mut()
                    .filter_map(Value::as_object_mut)
                    .for_each(change);
            }
            ("items" | "additionalProperties", Value::Object(one)) => change(one),
            _ => {}
        }
    }
}

fn tidy(schema: &mut Map<String, Value>) {
    schema.remove("title");
    // `uint32` and its like are not formats of JSON Schema, and some hosts refuse unknown ones.
    let foreign = |format: &Value| {
        format.as_str().is_some_and(|name| {
            ["int", "uint", "float", "double"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
        })
    };
    if schema.get("format").is_some_and(foreign) {
        schema.remove("format");
    }
    if schema.contains_key("properties") {
        schema
            .entry("additionalProperties")
            .or_insert(Value::Bool(false));
    }
    flatten_constants(schema);
    if let Some(Value::String(description)) = schema.get_mut("description") {
        *description = unwrap_lines(description);
    }
    each_subschema(schema, tidy);
}

/// `oneOf` of string constants, as documented enums are described, becomes one `enum`; what the
/// variants mean goes into the description.
fn flatten_constants(schema: &mut Map<String, Value>) {
    let Some(Value::Array(variants)) = schema.get("oneOf") else {
        return;
    };
    let mut names = Vec::new();
    let mut meanings = Vec::new();
    for variant in variants {
        match (variant.get("const"), variant.get("enum")) {
            (Some(Value::String(name)), _) => {
                if let Some(Value::String(meaning)) = variant.get("description") {
                    meanings.push(format!("`{name}`: {}", unwrap_lines(meaning)));
                }
                names.push(Value::from(name.as_str()));
            }
            (None, Some(Value::Array(several))) => names.extend(several.iter().cloned()),
            _ => return,
        }
    }
    schema.remove("oneOf");
    schema.insert("type".to_owned(), "string".into());
    schema.insert("enum".to_owned(), Value::Array(names));
    if !meanings.is_empty() {
        let about = schema
            .get("description")
            .and_then(Value::as_str)
            .map(|text| format!("{} ", unwrap_lines(text)))
            .unwrap_or_default();
        let description = about + &meanings.join(" ");
        schema.insert("description".to_owned(), description.into());
    }
}

/// Doc comments are wrapped for the source; a model reads paragraphs.
fn unwrap_lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines().map(str::trim) {
        let new_block = line.is_empty() || line.starts_with("- ");
        if !out.is_empty() {
            out.push(if new_block || out.ends_with('\n') {
                '\n'
            } else {
                ' '
            });
        }
        out.push_str(line);
    }
    out
}

/// An optional argument is one that may be left out. (`null` is still accepted.)
fn drop_null(schema: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if schema.get("default").is_some_and(Value::is_null) {
        schema.remove("default");
    }
    if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
        choices.retain(|choice| choice.get("type").is_none_or(|name| name != "null"));
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            schema.remove("anyOf");
            let meanings = only.get("description").and_then(Value::as_str);
            if let (Some(meanings), Some(Value::String(about))) =
                (meanings, schema.get_mut("description"))
                && only.contains_key("enum")
            {
                *about = format!("{about} {meanings}");
            }
            for (keyword, value) in only {
                schema.entry(keyword).or_insert(value);
            }
        }
    }
    each_subschema(schema, drop_null);
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};
    use serde_json::{Value, json};

    use super::{of_arguments, of_result};
    use crate::arguments::OneOrMany;

    /// What to look at.
    #[derive(Deserialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    enum Which {
        /// Those that are
        /// open.
        Open,
        /// All of them.
        All,
    }

    /// Finds things.
    ///
    /// Says what it
    /// found.
    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Arguments {
        /// The words.
        query: String,
        /// How many (1 to 50).
        #[schemars(range(min = 1, max = 50))]
        limit: Option<u32>,
        /// Which ones.
        which: Option<Which>,
        /// Their labels.
        #[serde(default)]
        labels: OneOrMany,
    }

    #[test]
    fn arguments_are_described_in_the_plainest_form() {
        let (description, schema) = of_arguments::<Arguments>();
        assert_eq!(description, "Finds things.\n\nSays what it found.");
        assert_eq!(schema["type"], "object");
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["required"], json!(["query"]));
        assert_eq!(
            schema["properties"]["limit"],
            json!({ "type": "integer", "minimum": 1, "maximum": 50, "description": "How many (1 to 50)." })
        );
        assert_eq!(
            schema["properties"]["which"],
            json!({
                "type": "string",
                "enum": ["open", "all"],
                "description": "Which ones. What to look at. `open`: Those that are open. `all`: All of them.",
            })
        );
        assert_eq!(
            schema["properties"]["labels"]["anyOf"],
            json!([{ "type": "array", "items": { "type": "string" } }, { "type": "string" }])
        );
        assert_eq!(schema["properties"]["account"]["type"], "string");
        for keyword in ["$schema", "title", "description", "$defs"] {
            assert!(!schema.contains_key(keyword), "{keyword}");
        }
    }

    /// A result.
    #[derive(Serialize, JsonSchema)]
    struct Result {
        /// May be missing.
        next: Option<String>,
        /// Inner.
        inner: Inner,
        /// Its own.
        warnings: Vec<String>,
    }

    /// Inner.
    #[derive(Serialize, JsonSchema)]
    struct Inner {
        /// A number.
        number: u64,
    }

    #[test]
    fn results_are_objects_with_the_common_fields_and_may_be_null_inside() {
        let schema = of_result::<Result>();
        assert_eq!(schema["type"], "object");
        assert_eq!(
            schema["properties"]["next"]["type"],
            json!(["string", "null"])
        );
        assert_eq!(
            schema["properties"]["inner"]["additionalProperties"],
            Value::Bool(false)
        );
        let required = schema["required"].as_array().expect("required is a list");
        for name in ["account", "truncated", "warnings", "next", "inner"] {
            assert_eq!(
                required.iter().filter(|known| *known == name).count(),
                1,
                "{name}"
            );
        }
    }
}
