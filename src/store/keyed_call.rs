//! Calls that were made with an idempotency key, so that a repetition is recognized.
//!
//! The words are those of draft-ietf-httpapi-idempotency-key-header: the *key* is the client's, the
//! *fingerprint* says whether a request is the same as the one that the key was first used for.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::caller::Caller;
use crate::store::rows;

/// How long a key is remembered.
pub const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);

/// A call that has not ended after so long never will: its process ended. Nobody knows then how far
/// it came. No call of a tool takes so long.
pub const LOST_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// Names a keyed call. Two tools, or two callers, may use the same key for different things.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyedCallKey {
    /// Who calls.
    pub caller: Caller,
    /// Which tool.
    pub tool: String,
    /// The client's key.
    pub idempotency_key: String,
}

/// A call that was made with an idempotency key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyedCall {
    /// Version of the row; see [`crate::store::records`].
    pub version: u64,
    /// Its name.
    pub key: KeyedCallKey,
    /// SHA-256 of the arguments and the connection.
    pub fingerprint: [u8; 32],
    /// Random; tells the call itself from its repetitions.
    pub attempt: [u8; 16],
    /// How far it came.
    pub state: KeyedCallState,
    /// When it began.
    pub began_at: Timestamp,
}

/// How far a keyed call came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyedCallState {
    /// It has begun.
    Running,
    /// It did what it should.
    Done {
        /// What it answered; none if that was too long to keep.
        answer: Option<String>,
    },
    /// Its request was sent and the answer lost.
    Unknown,
}

impl KeyedCall {
    /// How far it came, as far as can be said now.
    pub fn state(&self, now: Timestamp) -> KeyedCallState {
        match &self.state {
            KeyedCallState::Running if self.began_at + LOST_AFTER <= now => KeyedCallState::Unknown,
            state => state.clone(),
        }
    }

    /// Its key may be used anew.
    pub fn is_forgotten(&self, now: Timestamp) -> bool {
        self.began_at + REMEMBERED <= now
    }
}

impl KeyedCallKey {
    /// The key of its row.
    pub(super) fn row(&self) -> [u8; 32] {
        let digest: [u8; 32] = Sha256::new()
            .chain_update((self.tool.len() as u64).to_be_bytes())
            .chain_update(&self.tool)
            .chain_update(&self.idempotency_key)
            .finalize()
            .into();
        let mut row = [0; 32];
        row[..16].copy_from_slice(&rows::caller_prefix(&self.caller));
        row[16..].copy_from_slice(&digest[..16]);
        row
    }
}

/// Without the key: clients put into it what they like.
impl fmt::Debug for KeyedCallKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyedCallKey({})", self.tool)
    }
}
