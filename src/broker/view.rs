//! Connections as their owner sees them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::store::records::{ConnectionId, ConnectionState};

/// A connection as shown to its owner.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConnectionView {
    /// Its name.
    pub id: ConnectionId,
    /// The provider entry's id.
    pub provider_id: String,
    /// What a person calls the provider.
    pub provider: String,
    /// What a person calls the account.
    pub account: String,
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
