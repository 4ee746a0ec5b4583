//! The list of tools: made once, the same for everyone, in the order of the toolkits' tables.

use std::sync::Arc;

use rmcp::model::{self, CacheScope, ListToolsResult, ToolAnnotations};
use serde_json::{Map, Value, json};

use crate::builtin::{AnyTool, Toolbox};

use crate::audit::{self, Hex};

/// How long a client may keep the list, in milliseconds (`ttlMs`, MCP 2026-07-28). It changes only
/// with the configuration, and so with a new process.
const TTL_MS: u64 = 300_000;

/// The listing of the tools.
#[derive(Debug)]
pub(super) struct Catalog {
    listed: ListToolsResult,
}

impl Catalog {
    pub(super) fn new(toolbox: &Toolbox) -> Self {
        let mut listed = ListToolsResult::with_all_items(toolbox.all().map(list).collect());
        listed.ttl_ms = Some(TTL_MS);
        // The list will depend on the caller where policies do; a shared cache must not keep it.
        listed.cache_scope = Some(CacheScope::Private);
        Self { listed }
    }

    /// The answer to `tools/list`. The schemas in it are shared, not copied.
    pub(super) fn list(&self, modern: bool) -> ListToolsResult {
        let mut listed = self.listed.clone();
        if !modern {
            listed.ttl_ms = None;
            listed.cache_scope = None;
        }
        listed
    }
}

/// SHA-256 of the answer to `tools/list` in one form, for whoever wants to notice a change.
pub fn digest_of_tools(toolbox: &Toolbox) -> Hex<32> {
    let listed: Vec<Value> = toolbox
        .all()
        .map(|tool| serde_json::to_value(list(tool)).expect("a tool's listing is plain data"))
        .collect();
    Hex(audit::digest(&Map::from_iter([(
        "tools".to_owned(),
        Value::Array(listed),
    )])))
}

fn list(tool: AnyTool<'_>) -> model::Tool {
    let description = tool.description().to_owned();
    let mut listed = model::Tool::new(tool.name().to_owned(), description, tool.input_schema());
    listed.title = Some(tool.title().to_owned());
    let output = tool.output_schema();
    listed.output_schema = output.map(|result| Arc::new(or_failure(&result)));
    let hints = tool.annotations();
    listed.annotations = Some(ToolAnnotations::from_raw(
        Some(tool.title().to_owned()),
        Some(hints.read_only),
        Some(hints.destructive),
        Some(hints.idempotent),
        Some(hints.open_world),
    ));
    listed
}

/// The schema of all that `structuredContent` can be: the result, or why there is none.
///
/// The first generation of the TypeScript SDK checks failures too, and drops what does not fit, the
/// link of a sign-in included.
fn or_failure(result: &Map<String, Value>) -> Map<String, Value> {
    let mut schema = result.clone();
    let required = schema.remove("required").unwrap_or_else(|| json!([]));
    let failures = [
        ("error", "Why there is no result."),
        (
            "authorization_required",
            "There is no result before the user has followed the link in `url`.",
        ),
    ];
    let mut cases = vec![json!({ "required": required })];
    for (name, description) in failures {
        schema["properties"][name] = json!({ "type": "object", "description": description });
        cases.push(json!({ "required": [name] }));
    }
    schema.insert("anyOf".to_owned(), cases.into());
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listed_schema_takes_results_and_failures_and_nothing_else() {
        let result = json!({
            "type": "object",
            "properties": { "items": { "type": "array" } },
            "required": ["items"],
            "additionalProperties": false,
        });
        let listed = Value::Object(or_failure(result.as_object().unwrap()));
        let validator = jsonschema::validator_for(&listed).unwrap();
        for (structured, valid) in [
            (json!({ "items": [] }), true),
            (json!({ "error": { "code": "not_found" } }), true),
            (json!({ "authorization_required": { "url": "x" } }), true),
            (json!({}), false),
            (json!({ "items": 1 }), false),
            (json!({ "items": [], "other": 1 }), false),
        ] {
            assert_eq!(validator.is_valid(&structured), valid, "{structured}");
        }
    }
}
