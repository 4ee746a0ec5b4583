//! What holds for every tool of the table.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::all;

/// Verbs of tools that change nothing. Every other verb is a change.
const READING: &[&str] = &["search", "list", "get", "read", "find", "whoami"];

/// Calls `look` with every schema within `schema` and its place.
fn walk(
    place: &str,
    schema: &Map<String, Value>,
    look: &mut impl FnMut(&str, &Map<String, Value>),
) {
    look(place, schema);
    for (keyword, value) in schema {
        let below: Vec<(String, &Value)> = match value {
            Value::Object(named) if keyword == "properties" || keyword == "$defs" => named
                .iter()
                .map(|(name, below)| (format!("{place}.{name}"), below))
                .collect(),
            Value::Object(_) if keyword == "items" => vec![(format!("{place}[]"), value)],
            Value::Array(list) if ["anyOf", "oneOf", "allOf"].contains(&keyword.as_str()) => {
                list.iter().map(|below| (place.to_owned(), below)).collect()
            }
            _ => continue,
        };
        for (place, below) in below {
            if let Value::Object(below) = below {
                walk(&place, below, look);
            }
        }
    }
}

#[test]
fn names_are_unique_short_and_of_one_form() {
    let mut names = BTreeSet::new();
    for tool in all() {
        let name = &*tool.name;
        assert!(names.insert(name.to_owned()), "{name} is there twice");
        assert!(name.len() <= 40, "{name}");
        let words: Vec<&str> = name.split('_').collect();
        assert!((2..=6).contains(&words.len()), "{name}");
        assert!(name.starts_with(|c: char| c.is_ascii_lowercase()), "{name}");
        for word in &words {
            assert!(
                !word.is_empty()
                    && word
                        .bytes()
                        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()),
                "{name}"
            );
        }
        assert_eq!(words[0], tool.toolkit, "{name}");
    }
    assert!(!names.is_empty());
}

#[test]
fn the_table_is_in_order_and_the_same_each_time() {
    let describe = || -> Vec<String> {
        all()
            .iter()
            .map(|tool| {
                format!(
                    "{} {} {:?} {:?}",
                    tool.name, tool.description, tool.input_schema, tool.output_schema
                )
            })
            .collect()
    };
    assert_eq!(describe(), describe());
    let all = all();
    let mut toolkits: Vec<&str> = all.iter().map(|tool| &*tool.toolkit).collect();
    toolkits.dedup();
    let distinct: BTreeSet<&str> = toolkits.iter().copied().collect();
    assert_eq!(toolkits.len(), distinct.len(), "{toolkits:?}");
}

#[test]
fn every_tool_and_every_parameter_is_described() {
    for tool in all() {
        assert!(tool.description.len() > 20, "{}", tool.name);
        assert!(!tool.title.is_empty(), "{}", tool.name);
        let input = &tool.input_schema;
        walk(&tool.name, input, &mut |place, schema| {
            let Some(Value::Object(properties)) = schema.get("properties") else {
                return;
            };
            for (name, property) in properties {
                let described = property["description"]
                    .as_str()
                    .is_some_and(|text| text.ends_with(['.', ')', '`']) && !text.contains("[`"));
                assert!(described, "{place}.{name}");
            }
        });
        assert!(input["properties"]["account"].is_object(), "{}", tool.name);
    }
}

#[test]
fn schemas_are_closed_and_plain() {
    for tool in all() {
        let output = tool.output_schema.as_deref();
        for (side, schema) in [("in", Some(&*tool.input_schema)), ("out", output)] {
            let Some(schema) = schema else { continue };
            assert_eq!(schema["type"], "object", "{} {side}", tool.name);
            jsonschema::meta::validate(&Value::Object(schema.clone()))
                .unwrap_or_else(|e| panic!("{} {side}: {e}", tool.name));
            walk(&tool.name, schema, &mut |place, schema| {
                if schema.contains_key("properties") {
                    assert_eq!(schema["additionalProperties"], false, "{place} {side}");
                }
                for keyword in ["$schema", "$ref", "$defs", "title"] {
                    assert!(!schema.contains_key(keyword), "{place} {side} {keyword}");
                }
                if side == "in" {
                    let one_type = schema.get("type").is_none_or(Value::is_string);
                    assert!(one_type, "{place} has several types");
                    assert!(!schema.contains_key("oneOf"), "{place} has oneOf");
                }
            });
        }
        let unknown = tool
            .check(json!({ "no_such_argument": 1 }))
            .expect_err(&tool.name);
        assert!(unknown.message.contains("no_such_argument"), "{unknown}");
    }
}

#[test]
fn results_have_the_common_fields_unless_they_are_raw_text() {
    for tool in all() {
        let Some(schema) = &tool.output_schema else {
            continue;
        };
        let required = schema["required"].as_array().unwrap();
        for name in ["account", "truncated", "warnings"] {
            assert!(required.iter().any(|known| known == name), "{}", tool.name);
        }
    }
}

#[test]
fn the_hints_fit_the_verb_and_each_other() {
    for tool in all() {
        let hints = tool.annotations;
        let verb = tool.name.split('_').nth(1).unwrap();
        assert_eq!(hints.read_only, READING.contains(&verb), "{}", tool.name);
        assert!(hints.open_world, "{}", tool.name);
        if hints.read_only {
            assert!(!hints.destructive && hints.idempotent, "{}", tool.name);
        }
        if verb == "send" {
            assert!(hints.destructive && !hints.idempotent, "{}", tool.name);
        }
        if verb == "delete" {
            assert!(hints.destructive, "{}", tool.name);
        }
    }
}

#[test]
fn every_tool_names_a_provider_and_no_empty_choice_of_scopes() {
    for tool in all() {
        let provider = match &*tool.toolkit {
            "gmail" => "google",
            toolkit => toolkit,
        };
        assert_eq!(tool.provider, provider, "{}", tool.name);
        for group in tool.scopes.iter() {
            assert!(!group.is_empty(), "{}", tool.name);
            let distinct: BTreeSet<_> = group.iter().collect();
            assert_eq!(distinct.len(), group.len(), "{}", tool.name);
        }
    }
}

/// All tools together may take 15,000 tokens of a model's context, which `tests/it/tools_list.rs` counts
/// with a tokenizer. Without one: a token of such text is a little more than four characters.
#[test]
fn the_list_of_tools_stays_within_its_share_of_a_models_context() {
    let length = |tool: &crate::tool::Tool| {
        let schema = Value::Object((*tool.input_schema).clone()).to_string();
        tool.name.len() + tool.title.len() + tool.description.len() + schema.len()
    };
    let lengths: Vec<_> = all()
        .iter()
        .map(|it| (it.name.clone(), length(it)))
        .collect();
    let whole: usize = lengths.iter().map(|(_, length)| length).sum();
    assert!(whole <= 4 * 15_000, "{whole}: {lengths:?}");
}
