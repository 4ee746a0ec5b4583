//! How this process and its vault do.

use crate::broker::BrokerError;
use crate::broker::checkup::Checkup;
use crate::broker::owner::Owner;
use crate::store::records::Flow;

impl Owner {
    /// See [`crate::broker::Broker::checkup`].
    pub(super) async fn checkup(&self) -> Result<Checkup, BrokerError> {
        let store = self.store();
        let is_pending = |flow: &&Flow| flow.is_open() && !self.is_over(flow);
        let flows = store.flows().await?;
        let providers = self.0.directory.providers().iter();
        Ok(Checkup {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            keys: store.key_ids().await?,
            facts: store.facts().await?,
            memory: self.0.vault.memory().clone(),
            pending_flows: flows.iter().filter(is_pending).count(),
            listens: self.0.port.listens().await,
            callback_port: self.0.settings.config.server.callback_port,
            providers: providers
                .map(|provider| (provider.id().to_owned(), provider.fingerprint()))
                .collect(),
        })
    }
}
