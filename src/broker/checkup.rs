//! What the owner of the vault knows of itself and of the vault, for `valetkey doctor`.

use serde::{Deserialize, Serialize};

use crate::store::facts::Facts;
use crate::store::seen::Memory;
use crate::store::upkeep::KeyIds;

/// How the owner and its vault do. None of this is secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Checkup {
    /// The process that has the vault open.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// The vault's keys.
    pub keys: KeyIds,
    /// The vault's numbers.
    pub facts: Facts,
    /// Whether an older copy of the vault was put in its place.
    pub memory: Memory,
    /// Sign-ins that wait for a person.
    pub pending_flows: usize,
    /// Whether it listens on its callback port.
    pub listens: bool,
    /// Its callback port.
    pub callback_port: u16,
    /// Each provider entry as the owner has it: id and
    /// [`crate::oauth::provider::Provider::fingerprint`].
    pub providers: Vec<(String, [u8; 32])>,
}
