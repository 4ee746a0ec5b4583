//! GitHub's description of its REST API, in `OpenAPI` 3.0
//! (<https://github.com/github/rest-api-description>).

use serde_json::{Map, Value};

use super::peers::{Body, Described, Parameter};

pub(super) struct Document(Value);

impl Document {
    pub(super) fn new(document: Value) -> Self {
        assert_eq!(document["openapi"], "3.0.3");
        Self(document)
    }

    /// The operation of a name such as `GET /users/{id}`.
    pub(super) fn operation(&self, name: &str) -> Option<Described> {
        let (method, path) = name.split_once(' ')?;
        let operation = self.0["paths"][path].get(method.to_ascii_lowercase())?;
        let all = operation["parameters"].as_array().into_iter().flatten();
        let parameters = all
            .map(|parameter| self.resolve(parameter))
            .filter(|parameter| parameter["in"] != "header")
            .map(|parameter| {
                let schema = self.json_schema(&parameter["schema"], true);
                let name = parameter["name"].as_str().unwrap().to_owned();
                let found = Parameter {
                    in_path: parameter["in"] == "path",
                    required: parameter["required"] == true,
                    repeated: false,
                    schema,
                };
                (name, found)
            })
            .collect();
        let body = operation.get("requestBody").map(|body| {
            let body = self.resolve(body);
            let schema = &body["content"]["application/json"]["schema"];
            let schema = self.json_schema(schema, true);
            Body {
                required: body["required"] == true,
                schema: jsonschema::validator_for(&schema).unwrap(),
            }
        });
        Some(Described {
            parameters,
            body,
            mail: None,
            scopes: None,
        })
    }

    /// What a reference refers to.
    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => {
                let pointer = reference.strip_prefix('#').unwrap();
                self.resolve(self.0.pointer(pointer).unwrap())
            }
            None => value,
        }
    }

    /// The JSON Schema of a schema of `OpenAPI` 3.0, in which `nullable` adds a type. A `closed` object
    /// has no other fields than those published; parts of a choice cannot tell by themselves.
    fn json_schema(&self, schema: &Value, closed: bool) -> Value {
        let mut out = Map::new();
        let schema = self.resolve(schema).as_object().unwrap();
        for (keyword, value) in schema {
            let converted = match (keyword.as_str(), value) {
                ("properties", Value::Object(fields)) => {
                    let fields = fields.iter();
                    let fields =
                        fields.map(|(name, it)| (name.clone(), self.json_schema(it, true)));
                    Value::Object(fields.collect())
                }
                ("items" | "additionalProperties", Value::Object(_)) => {
                    self.json_schema(value, true)
                }
                ("oneOf" | "anyOf" | "allOf", Value::Array(parts)) => {
                    // GitHub's `oneOf` has parts that a value fits several of.
                    let parts = parts.iter().map(|it| self.json_schema(it, false)).collect();
                    let keyword = if keyword == "allOf" { "allOf" } else { "anyOf" };
                    out.insert(keyword.to_owned(), Value::Array(parts));
                    continue;
                }
                (
                    "type"
                    | "enum"
                    | "required"
                    | "pattern"
                    | "minimum"
                    | "maximum"
                    | "minItems"
                    | "maxItems"
                    | "minLength"
                    | "maxLength"
                    | "additionalProperties",
                    _,
                ) => value.clone(),
                _ => continue,
            };
            out.insert(keyword.clone(), converted);
        }
        let choice = ["oneOf", "anyOf", "allOf"]
            .iter()
            .any(|it| schema.contains_key(*it));
        if closed && !choice && out.contains_key("properties") {
            out.entry("additionalProperties").or_insert(false.into());
        }
        let out = Value::Object(out);
        if schema.get("nullable") == Some(&Value::Bool(true)) {
            return serde_json::json!({ "anyOf": [out, { "type": "null" }] });
        }
        out
    }
}
