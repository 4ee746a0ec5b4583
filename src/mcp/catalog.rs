//! The list of tools: made once, the same for everyone, in the order of the toolkits' tables.

use std::sync::Arc;

use rmcp::model::{self, CacheScope, ListToolsResult, ToolAnnotations};
use valetkey_toolkits::tool::Tool;

/// How long a client may keep the list, in milliseconds (`ttlMs`, MCP 2026-07-28). It changes only
/// with the configuration, and so with a new process.
const TTL_MS: u64 = 300_000;

/// The tools and their listing.
#[derive(Debug)]
pub(super) struct Catalog {
    tools: Arc<Vec<Tool>>,
    listed: ListToolsResult,
}

impl Catalog {
    pub(super) fn new(tools: Arc<Vec<Tool>>) -> Self {
        let mut listed = ListToolsResult::with_all_items(tools.iter().map(list).collect());
        listed.ttl_ms = Some(TTL_MS);
        // The list will depend on the caller where policies do; a shared cache must not keep it.
        listed.cache_scope = Some(CacheScope::Private);
        Self { tools, listed }
    }

    /// The tool with this name.
    pub(super) fn get(&self, name: &str) -> Option<&Tool> {
        self.tools.iter().find(|tool| tool.name == name)
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

fn list(tool: &Tool) -> model::Tool {
    let mut listed = model::Tool::new(
        tool.name,
        tool.description.clone(),
        Arc::clone(&tool.input_schema),
    );
    listed.title = Some(tool.title.to_owned());
    listed.output_schema.clone_from(&tool.output_schema);
    listed.annotations = Some(ToolAnnotations::from_raw(
        Some(tool.title.to_owned()),
        Some(tool.annotations.read_only),
        Some(tool.annotations.destructive),
        Some(tool.annotations.idempotent),
        Some(tool.annotations.open_world),
    ));
    listed
}
