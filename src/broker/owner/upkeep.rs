//! What an operator does with the store, and what it needs by itself.

use std::time::Duration;

use secrecy::SecretString;

use crate::audit::AuditKind;
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
        self.on_record(AuditKind::RotateKey, async {
            store.rotate_key(replacing).await?;
            Ok(store.key_ids().await?)
        })
        .await
    }

    /// See [`crate::broker::Broker::rotate_master_key`].
    pub(super) async fn rotate_master_key(
        &self,
        replacing: String,
        new: Option<&SecretString>,
    ) -> Result<MasterKeyRotated, BrokerError> {
        let store = self.store();
        self.on_record(AuditKind::RotateMasterKey, async {
            Ok(store.rotate_master_key(replacing, new).await?)
        })
        .await
    }

    /// See [`crate::broker::Broker::vacuum`].
    pub(super) async fn vacuum(&self) -> Result<Vacuumed, BrokerError> {
        let store = self.store();
        self.on_record(AuditKind::Vacuum, async { Ok(store.vacuum().await?) })
            .await
    }

    /// Drops keys that nothing needs any more and vacuums when that is worth it: now, and then once
    /// an hour.
    pub(super) async fn maintain(&self) {
        loop {
            if let Err(error) = self.look_after().await {
                tracing::warn!(%error, "the vault was not looked after");
            }
            if let Err(error) = self.sweep_keyed_calls().await {
                tracing::warn!(%error, "old idempotency keys were not forgotten");
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    async fn look_after(&self) -> Result<(), BrokerError> {
        let store = self.store();
        store.drop_expired_keys().await?;
        if store.wants_vacuum().await? {
            self.vacuum().await?;
        }
        Ok(())
    }
}
