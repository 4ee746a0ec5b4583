//! Google's description of its APIs
//! (<https://developers.google.com/discovery/v1/reference/apis>).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::peers::{Body, Described, Parameter};
use super::{TABLES, short};

pub(super) struct Document {
    /// JSON Schemas, by name.
    schemas: Map<String, Value>,
    /// By method and path.
    operations: BTreeMap<String, Value>,
    /// Parameters that every method takes.
    common: Map<String, Value>,
}

impl Document {
    pub(super) fn new(document: &Value) -> Self {
        let mut operations = BTreeMap::new();
        collect(document, &mut operations);
        let schemas = document["schemas"].as_object().unwrap().iter();
        let schemas = schemas
            .map(|(name, schema)| (name.clone(), json_schema(schema)))
            .collect();
        let this = Self {
            schemas,
            operations,
            common: document["parameters"].as_object().unwrap().clone(),
        };
        this.check_what_contains_what();
        this
    }

    pub(super) fn operation(&self, name: &str) -> Option<Described> {
        let method = self.operations.get(name)?;
        let own = method["parameters"].as_object().into_iter().flatten();
        let parameters = own
            .chain(&self.common)
            .map(|(name, it)| {
                let parameter = Parameter {
                    in_path: it["location"] == "path",
                    required: it["required"] == true,
                    repeated: it["repeated"] == true,
                    schema: json_schema(it),
                };
                (name.clone(), parameter)
            })
            .collect();
        let body = method["request"]["$ref"].as_str().map(|schema| Body {
            required: true,
            schema: jsonschema::validator_for(&json!({
                "$ref": format!("#/$defs/{schema}"),
                "$defs": self.schemas,
            }))
            .unwrap(),
        });
        let upload = &method["mediaUpload"];
        let mail = name.contains(" /upload/").then(|| {
            assert_eq!(upload["accept"], json!(["message/*"]), "{name}");
            upload["maxSize"].as_str().unwrap().parse().unwrap()
        });
        Some(Described {
            parameters,
            body,
            mail,
            scopes: Some(scopes(method)),
        })
    }

    /// That a scope contains another means that it allows whatever the other does.
    fn check_what_contains_what(&self) {
        let mut allowed: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for (name, method) in &self.operations {
            for scope in scopes(method) {
                allowed.entry(scope).or_default().insert(name);
            }
        }
        for (scope, methods) in &allowed {
            let below: BTreeSet<String> = allowed
                .iter()
                .filter(|(other, less)| *other != scope && less.is_subset(methods))
                .map(|(other, _)| other.clone())
                .collect();
            let table = TABLES["google"].contains.get(scope);
            assert_eq!(table.cloned().unwrap_or_default(), below, "{scope}");
        }
    }
}

/// The scopes that a method takes, without those of add-ons, which only Google's own clients have.
fn scopes(method: &Value) -> BTreeSet<String> {
    let all = method["scopes"].as_array().into_iter().flatten();
    all.map(|scope| short(scope.as_str().unwrap()))
        .filter(|scope| !scope.contains("addons"))
        .map(str::to_owned)
        .collect()
}

fn collect(resource: &Value, operations: &mut BTreeMap<String, Value>) {
    for method in resource["methods"].as_object().into_iter().flatten() {
        let verb = method.1["httpMethod"].as_str().unwrap();
        let path = method.1["flatPath"].as_str().unwrap();
        operations.insert(format!("{verb} /{path}"), method.1.clone());
        let upload = &method.1["mediaUpload"]["protocols"]["simple"]["path"];
        if let Some(path) = upload.as_str() {
            operations.insert(format!("{verb} {path}"), method.1.clone());
        }
    }
    for below in resource["resources"].as_object().into_iter().flatten() {
        collect(below.1, operations);
    }
}

/// The JSON Schema of one of Google's schemas, which are an old draft of it: `any` is a type, and a
/// 64-bit number is a string. No other fields than those published are allowed.
fn json_schema(schema: &Value) -> Value {
    let mut out = Map::new();
    for (keyword, value) in schema.as_object().unwrap() {
        match (keyword.as_str(), value) {
            ("$ref", Value::String(name)) => {
                out.insert("$ref".to_owned(), format!("#/$defs/{name}").into());
            }
            ("type", Value::String(name)) if name == "any" => {}
            ("properties", Value::Object(fields)) => {
                let fields = fields
                    .iter()
                    .map(|(name, it)| (name.clone(), json_schema(it)));
                out.insert("properties".to_owned(), Value::Object(fields.collect()));
                out.insert("additionalProperties".to_owned(), false.into());
            }
            ("items" | "additionalProperties", Value::Object(_)) => {
                out.insert(keyword.clone(), json_schema(value));
            }
            ("pattern" | "type" | "enum", _) => {
                out.insert(keyword.clone(), value.clone());
            }
            ("minimum" | "maximum", Value::String(number)) => {
                let number: Value = serde_json::from_str(number).unwrap();
                out.insert(keyword.clone(), number);
            }
            _ => {}
        }
    }
    Value::Object(out)
}
