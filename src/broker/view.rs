//! Connections as their owner sees them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::store::alias::{Alias, shown};
use crate::store::records::{ConnectionId, ConnectionState, is_called};

/// A connection as shown to its owner.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConnectionView {
    /// Its name.
    pub id: ConnectionId,
    /// The provider entry's id.
    pub provider_id: String,
    /// What a person calls the provider.
    pub provider: String,
    /// Stable id of the account at the provider.
    pub account_id: String,
    /// What a person calls the account.
    pub account: String,
    /// The short name that the person gave it.
    pub alias: Option<Alias>,
    /// Whether reads use it when several accounts fit and none is named.
    pub is_default: bool,
    /// Every scope that was asked for; empty when a row of an older version does not say.
    pub asked: BTreeSet<String>,
    /// The scopes granted.
    pub scopes: BTreeSet<String>,
    /// Whether it works.
    pub state: ConnectionState,
    /// When the access token ends.
    pub expires_at: Option<Timestamp>,
    /// Whether it can be refreshed without the person.
    pub refreshable: bool,
    /// When it was first made.
    pub connected_at: Timestamp,
}

impl ConnectionView {
    /// Its name for people and models: `work (ada@example.com)`, or the account alone.
    pub fn shown(&self) -> String {
        shown(self.alias.as_ref(), &self.account)
    }

    /// Whether a person who says `name` means this connection; see [`is_called`].
    pub fn is_called(&self, name: &str) -> bool {
        let alias = self.alias.as_ref();
        is_called(name, self.id, alias, (&self.account_id, &self.account))
    }
}

/// What became of a new alias.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Renamed {
    /// It is stored.
    Done(ConnectionView),
    /// A connection of the same provider is called so already, or its account is.
    Taken(ConnectionView),
    /// The caller has no such connection.
    Unknown,
}

/// What an import did with the connections of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// The generation of the store when the file was written.
    pub generation: u64,
    /// When that was.
    pub made_at: Timestamp,
    /// How many were not here.
    pub added: u64,
    /// How many took the place of an older one, or of any one if that was asked for.
    pub replaced: u64,
    /// How many are here in the same or a newer form, which was left alone.
    pub kept: u64,
}

/// Both outcomes of a disconnect. The local one is always done when this is returned.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Disconnected {
    /// What was disconnected.
    pub connection: ConnectionView,
    /// What the provider said to the revocation: `Ok(true)` revoked, `Ok(false)` it has no way to,
    /// `Err` why it was not.
    pub revoked: Result<bool, String>,
}

/// What a caller had.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RevokedUser {
    /// The connections, each with both outcomes.
    pub connections: Vec<Disconnected>,
    /// How many sign-ins were pending.
    pub flows: usize,
}
