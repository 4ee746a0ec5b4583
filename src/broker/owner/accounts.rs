//! Which of a caller's accounts is which: aliases, the default for reads, and one connection per
//! account.
//!
//! What is unique among several rows (an account, an alias, a default) is looked up and stored
//! under the caller's lock. A row itself is changed under its grant's lock as well, so that a
//! refresh under way finds the version that it read.

use std::array;

use tokio::sync::{Mutex, MutexGuard, OwnedMutexGuard};

use crate::broker::owner::Owner;
use crate::broker::{BrokerError, ConnectionView, Renamed};
use crate::caller::Caller;
use crate::store::alias::Alias;
use crate::store::records::{Connection, ConnectionId};
use crate::store::sled::{Change, Store};

/// Locks for callers. Two callers may share one: that costs a wait and nothing else.
#[derive(Debug)]
pub(super) struct AccountLocks([Mutex<()>; 64]);

impl Default for AccountLocks {
    fn default() -> Self {
        Self(array::from_fn(|_| Mutex::default()))
    }
}

impl AccountLocks {
    /// Held while a caller's connections are compared and one of them is stored. Taken before a
    /// grant's lock, never after.
    pub(super) async fn lock(&self, caller: &Caller) -> MutexGuard<'_, ()> {
        let place = usize::from(caller.digest()[0]) % self.0.len();
        self.0[place].lock().await
    }
}

impl Owner {
    /// See [`crate::broker::Broker::rename`].
    pub(in crate::broker) async fn rename(
        &self,
        caller: &Caller,
        id: ConnectionId,
        alias: Option<Alias>,
    ) -> Result<Renamed, BrokerError> {
        let store = self.store().await?;
        let _caller = self.0.accounts.lock(caller).await;
        let connections = store.connections(caller).await?;
        if let Some(alias) = &alias
            && let Some(renamed) = connections.iter().find(|one| one.id == id)
            && let Some(other) = self.named_alike(&connections, renamed, alias)
        {
            return Ok(Renamed::Taken(self.view(other.clone())));
        }
        let _grant = self.grant(id).await;
        let Some(mut connection) = store.connection(caller, id).await? else {
            return Ok(Renamed::Unknown);
        };
        if connection.alias != alias {
            connection.alias = alias;
            put(&store, vec![connection.clone()]).await?;
        }
        Ok(Renamed::Done(self.view(connection)))
    }

    /// See [`crate::broker::Broker::set_default`].
    pub(in crate::broker) async fn set_default(
        &self,
        caller: &Caller,
        id: ConnectionId,
        is_default: bool,
    ) -> Result<Option<ConnectionView>, BrokerError> {
        let store = self.store().await?;
        let _caller = self.0.accounts.lock(caller).await;
        let connections = store.connections(caller).await?;
        let Some(chosen) = connections.iter().find(|one| one.id == id) else {
            return Ok(None);
        };
        let mut ids: Vec<ConnectionId> = connections
            .iter()
            .filter(|one| {
                let replaced = is_default && one.is_default && self.same_provider(one, chosen);
                one.id == id || replaced
            })
            .map(|one| one.id)
            .collect();
        // Always in the same order, so that no two wait for each other.
        ids.sort_unstable();
        let mut guards = Vec::new();
        let mut changed = Vec::new();
        for one in ids {
            guards.push(self.grant(one).await);
            if let Some(connection) = store.connection(caller, one).await? {
                changed.push(connection);
            }
        }
        let Some(view) = changed.iter().find(|one| one.id == id).cloned() else {
            return Ok(None);
        };
        changed.retain_mut(|one| {
            let wanted = is_default && one.id == id;
            std::mem::replace(&mut one.is_default, wanted) != wanted
        });
        put(&store, changed).await?;
        Ok(Some(self.view(Connection { is_default, ..view })))
    }

    /// Another of the connections that a call which says `alias` could mean instead of `this`.
    pub(super) fn named_alike<'a>(
        &self,
        connections: &'a [Connection],
        this: &Connection,
        alias: &Alias,
    ) -> Option<&'a Connection> {
        connections.iter().find(|other| {
            other.id != this.id
                && self.same_provider(other, this)
                && other.is_called(alias.as_str())
        })
    }

    /// Whether the same tools can use both. Entries may share a provider; one that was removed from
    /// the configuration is only its own.
    fn same_provider(&self, one: &Connection, other: &Connection) -> bool {
        let name = |connection: &Connection| {
            let provider = self.provider(&connection.provider_id);
            provider.map(|provider| provider.name().to_owned())
        };
        one.provider_id == other.provider_id
            || name(one).is_some_and(|one| name(other) == Some(one))
    }

    async fn grant(&self, id: ConnectionId) -> OwnedMutexGuard<()> {
        self.0.flights.lock(id).lock_owned().await
    }
}

/// Stores rows that were just read, all or none.
async fn put(store: &Store, connections: Vec<Connection>) -> Result<(), BrokerError> {
    if connections.is_empty() {
        return Ok(());
    }
    let next = |connection: Connection| {
        Change::PutConnection(Connection {
            version: connection.version + 1,
            ..connection
        })
    };
    let changes = connections.into_iter().map(next).collect();
    Ok(store.commit(changes).await?)
}
