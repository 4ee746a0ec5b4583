//! What an open store has and how large it is, for a person who wants to know how it does.

use serde::{Deserialize, Serialize};

use crate::store::database::vacuum::vacuum_above;
use crate::store::error::StoreError;
use crate::store::records::ConnectionState;
use crate::store::sled::Store;

/// The numbers of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Bytes that the database takes on the disk.
    pub bytes: u64,
    /// Bytes that its rows have.
    pub live_bytes: u64,
    /// A database of more bytes is vacuumed by itself.
    pub vacuum_above: u64,
    /// Connections of all callers.
    pub connections: usize,
    /// How many of them have to be connected again.
    pub needs_reconnect: usize,
}

impl Store {
    /// Counts. Reads every row.
    pub async fn facts(&self) -> Result<Facts, StoreError> {
        self.on_disk(|database| {
            let live_bytes = database.live()?;
            let connections = database.all_connections()?;
            let lost = connections
                .iter()
                .filter(|connection| connection.state != ConnectionState::Connected);
            Ok(Facts {
                bytes: database.size()?,
                live_bytes,
                vacuum_above: vacuum_above(live_bytes),
                needs_reconnect: lost.count(),
                connections: connections.len(),
            })
        })
        .await
    }
}
