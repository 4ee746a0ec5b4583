//! `connections_list`: what is connected, and what that is good for.

use std::fmt::Write;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use valetkey_toolkits::arguments;
use valetkey_toolkits::output::Output;
use valetkey_toolkits::sanitize::snippet;

use crate::broker::ConnectionView;
use crate::builtin::ledger::Ledger;
use crate::builtin::{AnyCall, Toolbox};
use crate::call::Outcome;
use crate::store::records::ConnectionState;

/// What the model reads.
pub(super) const DESCRIPTION: &str = "List the connected accounts: alias, default, granted \
    scopes, whether each works, and which tools it lets work or lacks a scope for.";

/// The longest name of an account that is shown.
const NAME: usize = 200;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {}

#[derive(Debug, Serialize)]
struct Listed {
    items: Vec<Item>,
    not_connected: Vec<Entry>,
}

/// A connection.
#[derive(Debug, Serialize)]
pub(super) struct Item {
    connection: String,
    provider: String,
    provider_id: String,
    account: String,
    alias: Option<String>,
    default: bool,
    state: &'static str,
    reason: Option<String>,
    scopes: Vec<String>,
    tools: Vec<String>,
    pub(super) lacking: Vec<Lacking>,
    warnings: Vec<String>,
}

/// The tools that lack the same scopes.
#[derive(Debug, Serialize)]
pub(super) struct Lacking {
    missing_scopes: Vec<String>,
    tools: Vec<String>,
}

/// A provider without a connection.
#[derive(Debug, Serialize)]
struct Entry {
    provider: String,
    provider_id: String,
}

pub(super) fn input_schema() -> Value {
    json!({ "type": "object", "properties": {}, "additionalProperties": false })
}

pub(super) fn output_schema() -> Value {
    let text = json!({ "type": "string" });
    let text_or_null = json!({ "type": ["string", "null"] });
    let texts = json!({ "type": "array", "items": text });
    json!({
        "type": "object",
        "properties": {
            "items": { "type": "array", "items": closed(&json!({
                "connection": text,
                "provider": text,
                "provider_id": text,
                "account": text,
                "alias": text_or_null,
                "default": { "type": "boolean", "description": "Reads that name no account use it." },
                "state": { "type": "string", "enum": ["connected", "needs_reconnect"] },
                "reason": text_or_null,
                "scopes": texts,
                "tools": texts,
                "lacking": lacking_schema(),
                "warnings": texts,
            })) },
            "not_connected": { "type": "array", "items": closed(&json!({
                "provider": text,
                "provider_id": text,
            })) },
        },
        "required": ["items", "not_connected"],
        "additionalProperties": false,
    })
}

/// The schema of a list of [`Lacking`].
pub(super) fn lacking_schema() -> Value {
    let texts = json!({ "type": "array", "items": { "type": "string" } });
    json!({ "type": "array", "items": closed(&json!({ "missing_scopes": texts, "tools": texts })) })
}

/// An object with all of these properties and no others.
fn closed(properties: &Value) -> Value {
    let names = properties
        .as_object()
        .into_iter()
        .flat_map(|all| all.keys());
    json!({
        "type": "object",
        "properties": properties,
        "required": names.collect::<Vec<_>>(),
        "additionalProperties": false,
    })
}

pub(super) async fn run(toolbox: &Toolbox, call: AnyCall<'_>) -> Outcome {
    if let Err(error) = arguments::parse::<Arguments>(Value::Object(call.arguments.clone())) {
        return Outcome::Failed(error);
    }
    let broker = &toolbox.calls.broker;
    // Without a provider there is nothing to list, and no vault is made to say so.
    let views = if broker.providers().is_empty() {
        Vec::new()
    } else {
        match broker.connections(call.caller).await {
            Ok(views) => views,
            Err(error) => return Outcome::Broken(error),
        }
    };
    let free = broker.providers().iter();
    let free = free.filter(|entry| views.iter().all(|view| view.provider_id != entry.id()));
    let listed = Listed {
        items: views.iter().map(|view| Item::new(toolbox, view)).collect(),
        not_connected: free
            .map(|entry| Entry {
                provider: entry.title().to_owned(),
                provider_id: entry.id().to_owned(),
            })
            .collect(),
    };
    let Ok(Value::Object(structured)) = serde_json::to_value(&listed) else {
        panic!("a struct of plain values is an object");
    };
    Outcome::Finished(Output::new(listed.text(), Some(structured)))
}

impl Item {
    pub(super) fn new(toolbox: &Toolbox, view: &ConnectionView) -> Self {
        let broker = &toolbox.calls.broker;
        let ledger = Ledger::new(broker, &toolbox.config, &toolbox.tools, view);
        let (state, reason) = match &view.state {
            ConnectionState::Connected => ("connected", None),
            ConnectionState::NeedsReconnect { reason } => ("needs_reconnect", Some(reason.clone())),
        };
        let mut lacking: Vec<Lacking> = Vec::new();
        for tool in ledger.tools.iter().filter(|tool| !tool.works) {
            let missing: Vec<String> = tool.missing_scopes.iter().cloned().collect();
            match lacking.iter_mut().find(|one| one.missing_scopes == missing) {
                Some(one) => one.tools.push(tool.tool.clone()),
                None => lacking.push(Lacking {
                    missing_scopes: missing,
                    tools: vec![tool.tool.clone()],
                }),
            }
        }
        let works = ledger.tools.iter().filter(|tool| tool.works);
        Self {
            connection: view.id.to_string(),
            provider: view.provider.clone(),
            provider_id: view.provider_id.clone(),
            account: snippet(&view.account, NAME),
            alias: view.alias.as_ref().map(ToString::to_string),
            default: view.is_default,
            state,
            reason,
            scopes: view
                .scopes
                .iter()
                .map(|scope| snippet(scope, NAME))
                .collect(),
            tools: works.map(|tool| tool.tool.clone()).collect(),
            lacking,
            warnings: ledger.warnings,
        }
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        write!(text, "{} ", self.provider)?;
        match &self.alias {
            Some(alias) => write!(text, "{alias} ({})", self.account)?,
            None => text.push_str(&self.account),
        }
        match &self.reason {
            None => text.push_str(": connected"),
            Some(reason) => write!(text, ": needs to be connected again. {reason}")?,
        }
        if self.default {
            text.push_str(", the default of reads");
        }
        writeln!(
            text,
            " (connection {}, entry {})",
            self.connection, self.provider_id
        )?;
        writeln!(text, "  scopes: {}", or_none(&self.scopes.join(" ")))?;
        writeln!(text, "  tools: {}", or_none(&self.tools.join(", ")))?;
        for one in &self.lacking {
            writeln!(text, "  {}", one.text())?;
        }
        for warning in &self.warnings {
            writeln!(text, "  Warning: {warning}")?;
        }
        Ok(())
    }
}

impl Lacking {
    /// One line.
    pub(super) fn text(&self) -> String {
        format!(
            "lacks {}, and asks for it when called: {}",
            self.missing_scopes.join(" and "),
            self.tools.join(", ")
        )
    }
}

impl Listed {
    fn text(&self) -> String {
        let mut text = String::new();
        for item in &self.items {
            item.write(&mut text).expect("a string takes every write");
        }
        if self.items.is_empty() {
            text.push_str("Nothing is connected.\n");
        }
        let free = self.not_connected.iter();
        let free: Vec<String> = free
            .map(|entry| format!("{} ({})", entry.provider, entry.provider_id))
            .collect();
        write!(text, "Not connected: {}", or_none(&free.join(", ")))
            .expect("a string takes every write");
        text
    }
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}
