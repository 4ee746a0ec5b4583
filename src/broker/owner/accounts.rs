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
use crate::oauth::token::Identity;
use crate::store::alias::Alias;
use crate::store::error::StoreError;
use crate::store::records::{Connection, ConnectionId, ConnectionState, Flow, Grant};
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
        let store = self.store();
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
        let store = self.store();
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
    pub(super) fn same_provider(&self, one: &Connection, other: &Connection) -> bool {
        let name = |connection: &Connection| {
            let provider = self.provider(&connection.provider_id);
            provider.map(|provider| provider.name().to_owned())
        };
        one.provider_id == other.provider_id
            || name(one).is_some_and(|one| name(other) == Some(one))
    }

    /// Whether the account is one of the flow's caller's already; so it is taken to be when the
    /// store does not say.
    pub(super) async fn is_connected(&self, flow: &Flow, identity: &Identity) -> bool {
        match self.store().connections(&flow.caller).await {
            Ok(connections) => same_account(&connections, flow, identity).is_some(),
            Err(_) => true,
        }
    }

    /// The account's connection with a new grant, ready to be stored, and called `alias` if that is
    /// free.
    pub(super) async fn placed(
        &self,
        store: &Store,
        flow: &Flow,
        identity: Identity,
        mut grant: Grant,
        alias: Option<Alias>,
    ) -> Result<Placed<'_>, StoreError> {
        // Two links for one account may come to their end at the same moment.
        let of_caller = self.0.accounts.lock(&flow.caller).await;
        let connections = store.connections(&flow.caller).await?;
        let id = same_account(&connections, flow, &identity)
            .map_or_else(new_connection_id, |connection| connection.id);
        // Under the grant's lock: a refresh of the old grant must not overwrite the new one.
        let of_grant = self.grant(id).await;
        let old = store.connection(&flow.caller, id).await?;
        // Google gives a refresh token only on the first consent.
        if grant.refresh_token.is_none() {
            grant.refresh_token = old.as_ref().and_then(|old| old.grant.refresh_token.clone());
        }
        let mut asked = flow.scopes.clone();
        asked.extend(old.iter().flat_map(|old| old.asked.iter().cloned()));
        if let Some(provider) = self.provider(&flow.provider_id) {
            asked = provider.without_restrictions(asked);
        }
        let mut connection = Connection {
            version: old.as_ref().map_or(1, |old| old.version + 1),
            id,
            caller: flow.caller.clone(),
            provider_id: flow.provider_id.clone(),
            account_id: identity.id,
            account: identity.label,
            alias: old.as_ref().and_then(|old| old.alias.clone()),
            is_default: old.as_ref().is_some_and(|old| old.is_default),
            asked,
            grant,
            state: ConnectionState::Connected,
            connected_at: old.map_or_else(|| self.now(), |old| old.connected_at),
        };
        if let Some(alias) = alias
            && self
                .named_alike(&connections, &connection, &alias)
                .is_none()
        {
            connection.alias = Some(alias);
        }
        Ok(Placed {
            connection,
            _of_caller: of_caller,
            _of_grant: of_grant,
        })
    }

    /// The grant's lock, held.
    pub(super) async fn grant(&self, id: ConnectionId) -> OwnedMutexGuard<()> {
        self.0.flights.lock(id).lock_owned().await
    }
}

/// A connection that nobody else changes until this is dropped.
pub(super) struct Placed<'a> {
    pub(super) connection: Connection,
    _of_caller: MutexGuard<'a, ()>,
    _of_grant: OwnedMutexGuard<()>,
}

fn same_account<'a>(
    connections: &'a [Connection],
    flow: &Flow,
    identity: &Identity,
) -> Option<&'a Connection> {
    connections.iter().find(|connection| {
        connection.provider_id == flow.provider_id && connection.account_id == identity.id
    })
}

pub(super) fn new_connection_id() -> ConnectionId {
    let mut id = [0; 8];
    getrandom::fill(&mut id).expect("the operating system's random numbers are available");
    ConnectionId(id)
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
