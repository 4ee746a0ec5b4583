//! The provider entries, and which of them may serve a call.

use std::sync::Arc;

use crate::broker::{BrokerError, Requirement};
use crate::config::Config;
use crate::oauth::provider::Provider;

/// The provider entries of the configuration.
#[derive(Debug)]
pub(super) struct Directory {
    config: Arc<Config>,
    providers: Vec<Provider>,
}

impl Directory {
    pub(super) fn new(config: Arc<Config>) -> Self {
        let entries = config.providers.iter().cloned();
        Self {
            providers: entries.map(Provider::new).collect(),
            config,
        }
    }

    /// All entries, in the order of the configuration.
    pub(super) fn providers(&self) -> &[Provider] {
        &self.providers
    }

    /// The entry with this id.
    pub(super) fn provider(&self, id: &str) -> Option<&Provider> {
        self.providers.iter().find(|provider| provider.id() == id)
    }

    /// The entries that may serve the requirement, at least one.
    pub(super) fn candidates(
        &self,
        requirement: &Requirement,
    ) -> Result<Vec<&Provider>, BrokerError> {
        let chosen = self.config.toolkits.providers.get(&requirement.toolkit);
        let candidates: Vec<&Provider> = self
            .providers
            .iter()
            .filter(|provider| match chosen {
                Some(id) => provider.id() == id,
                None => {
                    provider.name() == requirement.provider || provider.id() == requirement.provider
                }
            })
            .collect();
        if candidates.is_empty() {
            return Err(BrokerError::NotConfigured(not_configured(
                &requirement.provider,
                self.config.source.as_deref(),
            )));
        }
        Ok(candidates)
    }
}

fn not_configured(provider: &str, source: Option<&std::path::Path>) -> String {
    let variable = provider.to_ascii_uppercase().replace('-', "_");
    let file = match source {
        Some(path) => format!("to auth.providers in {}", path.display()),
        None => "to auth.providers in a configuration file".to_owned(),
    };
    let title = match provider {
        "google" => "Google",
        "slack" => "Slack",
        "github" => "GitHub",
        other => other,
    };
    match provider {
        "google" | "slack" | "github" => format!(
            "No {title} client is configured. Create an OAuth client at {title}, then set \
             {variable}_CLIENT_ID and {variable}_CLIENT_SECRET in the environment of this server \
             (the `env` of the MCP client's configuration) or add an entry with `provider_id: \
             {provider}` {file}, and restart the server."
        ),
        _ => format!(
            "No provider `{provider}` is configured. Add an entry with this id {file}, and restart \
             the server."
        ),
    }
}
