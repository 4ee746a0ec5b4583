//! What an operator does with the store, and what it needs by itself.

use std::time::Duration;

use secrecy::SecretString;

use crate::broker::BrokerError;
use crate::broker::owner::Owner;
use crate::store::upkeep::{KeyIds, MasterKeyRotated, Vacuumed};

/// How often the store is looked after.
const EVERY: Duration = Duration::from_hours(1);

impl Owner {
    /// See [`crate::broker::Broker::key_ids`].
    pub(super) async fn key_ids(&self) -> Result<KeyIds, BrokerError> {
        Ok(self.store().key_ids().await?)
    }

    /// See [`crate::broker::Broker::rotate_key`].
    pub(super) async fn rotate_key(&self, replacing: String) -> Result<KeyIds, BrokerError> {
        let store = self.store();
        store.rotate_key(replacing).await?;
        Ok(store.key_ids().await?)
    }

    /// See [`crate::broker::Broker::rotate_master_key`].
    pub(super) async fn rotate_master_key(
        &self,
        replacing: String,
        new: Option<&SecretString>,
    ) -> Result<MasterKeyRotated, BrokerError> {
        let store = self.store();
        Ok(store.rotate_master_key(replacing, new).await?)
    }

    /// See [`crate::broker::Broker::vacuum`].
    pub(super) async fn vacuum(&self) -> Result<Vacuumed, BrokerError> {
        Ok(self.store().vacuum().await?)
    }

    /// Drops keys that nothing needs any more and vacuums when that is worth it: now, and then once
    /// an hour.
    pub(super) async fn maintain(&self) {
        loop {
            let store = self.0.vault.store().clone();
            if let Err(error) = store.maintain().await {
                tracing::warn!(%error, "the vault was not looked after");
            }
            drop(store);
            if let Err(error) = self.sweep_keyed_calls().await {
                tracing::warn!(%error, "old idempotency keys were not forgotten");
            }
            tokio::time::sleep(EVERY).await;
        }
    }
}
