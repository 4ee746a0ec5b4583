//! Exports and what becomes of them: merging old connections with those that are here.

use std::path::Path;

use jiff::Timestamp;

use crate::audit::AuditKind;
use crate::broker::owner::Owner;
use crate::broker::owner::accounts::new_connection_id;
use crate::broker::{BrokerError, Imported};
use crate::store::alias::Alias;
use crate::store::export::Exported;
use crate::store::records::Connection;
use crate::store::sled::{Change, Store};

/// What became of one connection of an export.
enum Outcome {
    Added,
    Replaced,
    /// The one that is here is as new, or newer.
    Kept,
}

impl Owner {
    /// See [`crate::broker::Broker::export`].
    pub(super) async fn export(&self, path: &Path) -> Result<Exported, BrokerError> {
        let store = self.store();
        self.on_record(AuditKind::Export, async { Ok(store.export(path).await?) })
            .await
    }

    /// See [`crate::broker::Broker::import`].
    pub(super) async fn import(
        &self,
        path: &Path,
        key_file: Option<&Path>,
        replace: bool,
    ) -> Result<Imported, BrokerError> {
        let import = self.restore_all(path, key_file, replace);
        self.on_record(AuditKind::Import, import).await
    }

    async fn restore_all(
        &self,
        path: &Path,
        key_file: Option<&Path>,
        replace: bool,
    ) -> Result<Imported, BrokerError> {
        let store = self.store();
        let export = store.read_export(path, key_file).await?;
        let mut imported = Imported {
            generation: export.generation,
            made_at: export.made_at,
            added: 0,
            replaced: 0,
            kept: 0,
        };
        for connection in export.connections {
            let outcome = self
                .restore(&store, connection, export.made_at, replace)
                .await?;
            match outcome {
                Outcome::Added => imported.added += 1,
                Outcome::Replaced => imported.replaced += 1,
                Outcome::Kept => imported.kept += 1,
            }
        }
        Ok(imported)
    }

    /// Puts one connection of an export made at `made_at` into the store, unless the caller has a
    /// newer one of the same account.
    async fn restore(
        &self,
        store: &Store,
        mut old: Connection,
        made_at: Timestamp,
        replace: bool,
    ) -> Result<Outcome, BrokerError> {
        old.grant.restored_from = Some(made_at);
        // A refresh that was under way when the export was made did not end in it.
        old.grant.refreshing_since = None;
        // As for a sign-in: the account, its alias and the default are looked up and stored alone.
        let _caller = self.0.accounts.lock(&old.caller).await;
        let here = store.connections(&old.caller).await?;
        let same = here
            .iter()
            .find(|here| here.provider_id == old.provider_id && here.account_id == old.account_id);
        let id = match same {
            Some(same) => same.id,
            None if here.iter().any(|other| other.id == old.id) => new_connection_id(),
            None => old.id,
        };
        let _grant = self.grant(id).await;
        let (version, outcome) = match store.connection(&old.caller, id).await? {
            None => (1, Outcome::Added),
            Some(now) if replace || now.grant.obtained_at < old.grant.obtained_at => {
                // What the person called it since then stays.
                old.alias = now.alias;
                old.is_default = now.is_default;
                old.connected_at = now.connected_at.min(old.connected_at);
                (now.version + 1, Outcome::Replaced)
            }
            Some(_) => return Ok(Outcome::Kept),
        };
        let mut restored = Connection { version, id, ..old };
        if let Outcome::Added = outcome {
            let taken = |alias: &Alias| self.named_alike(&here, &restored, alias).is_some();
            if restored.alias.as_ref().is_some_and(taken) {
                restored.alias = None;
            }
            let mut others = here.iter().filter(|here| here.is_default);
            restored.is_default &= !others.any(|other| self.same_provider(other, &restored));
        }
        store.commit(vec![Change::PutConnection(restored)]).await?;
        Ok(outcome)
    }
}
