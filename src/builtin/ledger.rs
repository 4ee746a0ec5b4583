//! What a connection's scopes are good for: what was asked for, what was granted, and which of the
//! enabled tools that lets work.

use std::collections::BTreeSet;

use serde::Serialize;
use valetkey_toolkits::tool::Tool;

use crate::broker::{Broker, ConnectionView};
use crate::config::Config;
use crate::oauth::provider::Provider;

/// The ledger of one connection.
#[derive(Debug, Serialize)]
pub struct Ledger {
    /// Every scope that was asked for or granted.
    pub permissions: Vec<Line>,
    /// Every enabled tool that can use the connection.
    pub tools: Vec<Use>,
    /// What is wrong with the combination of scopes.
    pub warnings: Vec<String>,
}

/// One scope of a connection.
#[derive(Debug, Serialize)]
pub struct Line {
    /// Its name at the provider.
    pub scope: String,
    /// In plain words.
    pub allows: String,
    /// None: the row is of a version that did not note it.
    pub asked: Option<bool>,
    /// Whether it was granted.
    pub granted: bool,
    /// The tools that need it, or could do with it.
    pub unlocks: Vec<String>,
}

/// One tool that can use a connection.
#[derive(Debug, Serialize)]
pub struct Use {
    /// Its name.
    pub tool: String,
    /// Whether the scopes are enough.
    pub works: bool,
    /// What it lacks.
    pub missing_scopes: BTreeSet<String>,
}

impl Ledger {
    /// The ledger of a connection with the enabled tools.
    pub fn new(broker: &Broker, config: &Config, tools: &[Tool], view: &ConnectionView) -> Self {
        let mut entries = broker.providers().iter();
        let Some(entry) = entries.find(|entry| entry.id() == view.provider_id) else {
            let gone = format!(
                "The configuration has no provider entry `{}` any more, so no tool can use this \
                 connection. Add the entry again, or disconnect.",
                view.provider_id
            );
            return Self {
                permissions: Vec::new(),
                tools: Vec::new(),
                warnings: vec![gone],
            };
        };
        let chosen = &config.toolkits.providers;
        let serves = |tool: &&Tool| match chosen.get(&*tool.toolkit) {
            Some(id) => entry.id() == id,
            None => entry.name() == tool.provider || entry.id() == tool.provider,
        };
        let tools: Vec<&Tool> = tools.iter().filter(serves).collect();
        Self::of(entry, view, &tools)
    }

    /// The ledger of a connection with `entry` and these tools.
    pub fn of(entry: &Provider, view: &ConnectionView, tools: &[&Tool]) -> Self {
        let scopes = view.asked.union(&view.scopes);
        let needs = |tool: &&&Tool, scope: &str| {
            let mut all = tool.scopes.iter().flat_map(|group| group.iter());
            all.any(|one| *one == scope)
        };
        let restrictions = entry.restrictions(&view.scopes);
        Self {
            permissions: scopes
                .map(|scope| Line {
                    allows: entry.describe_scope(scope),
                    asked: (!view.asked.is_empty()).then(|| view.asked.contains(scope)),
                    granted: view.scopes.contains(scope),
                    unlocks: tools
                        .iter()
                        .filter(|tool| needs(tool, scope))
                        .map(|tool| tool.name.to_string())
                        .collect(),
                    scope: scope.clone(),
                })
                .collect(),
            tools: tools
                .iter()
                .map(|tool| {
                    let missing_scopes = entry.missing(&tool.scopes, &view.scopes);
                    Use {
                        tool: tool.name.to_string(),
                        works: missing_scopes.is_empty(),
                        missing_scopes,
                    }
                })
                .collect(),
            warnings: restrictions
                .map(|restriction| {
                    format!(
                        "With {} in it {} refuses {}, whatever else is granted. A tool that needs \
                         that asks for the other permissions anew, without this one.",
                        restriction.scope, view.provider, restriction.refused
                    )
                })
                .collect(),
        }
    }
}
