//! How a record becomes a row: its key, which tells nothing, and its sealed value.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::caller::Caller;
use crate::seal::keyring::Keyring;
use crate::store::records::ConnectionId;

/// Caller digest and connection digest, 16 bytes each → [`crate::store::records::Connection`].
pub(super) const CONNECTIONS: &str = "connections";
/// Flow id → [`crate::store::records::Flow`].
pub(super) const FLOWS: &str = "flows";
/// SHA-256 of a `state` → the flow id that waits for it.
pub(super) const STATES: &str = "states";
/// Caller digest and digest of tool and key, 16 bytes each →
/// [`crate::store::keyed_call::KeyedCall`].
pub(super) const KEYED_CALLS: &str = "keyed_calls";
/// The audit log; see [`crate::store::audit::trail`].
pub(super) const AUDIT: &str = "audit";
/// What is kept once: [`GENERATION`].
pub(super) const META: &str = "meta";
/// How often the store was opened and exported, a number. It only grows, so a copy that is put back
/// in place of the store has a smaller one than exports made since.
pub(super) const GENERATION: &[u8] = b"generation";

/// The trees whose values are sealed with their tree's name and their key.
pub(super) const SEALED: [&str; 6] = [CONNECTIONS, FLOWS, STATES, KEYED_CALLS, AUDIT, META];

/// A record of more bytes than this is refused; see [`crate::store::open::SEGMENT_BYTES`].
pub(super) const LIMIT: usize = 10 * 1024;

/// Why a record cannot be sealed or, once open, read.
#[derive(Debug, thiserror::Error)]
pub(super) enum RowError {
    #[error("a record is longer than {LIMIT} bytes")]
    TooLong,
    #[error("a record has a form that this program does not know")]
    UnknownForm,
}

/// The first half of the keys of all connections of a caller.
pub(super) fn caller_prefix(caller: &Caller) -> [u8; 16] {
    *caller.digest().first_chunk().expect("16 of 32 bytes")
}

/// The key of a connection.
pub(super) fn connection_key(caller: &Caller, id: ConnectionId) -> [u8; 32] {
    let digest: [u8; 32] = Sha256::digest(id.0).into();
    let mut key = [0; 32];
    key[..16].copy_from_slice(&caller_prefix(caller));
    key[16..].copy_from_slice(&digest[..16]);
    key
}

/// The value of a row that holds `record`.
pub(super) fn seal<R: Serialize>(
    keyring: &Keyring,
    tree: &str,
    key: &[u8],
    record: &R,
) -> Result<Vec<u8>, RowError> {
    // A buffer that cannot grow leaves no copy of a secret behind when it would have to move.
    let mut plaintext = Zeroizing::new(vec![0; LIMIT]);
    let mut rest = &mut plaintext[..];
    serde_json::to_writer(&mut rest, record).map_err(|_| RowError::TooLong)?;
    let len = LIMIT - rest.len();
    Ok(keyring.seal_row(tree, key, &plaintext[..len]))
}

/// The record of a row. One that does not open was altered or moved here from another row; it
/// reads as absent.
pub(super) fn open<R: DeserializeOwned>(
    keyring: &Keyring,
    tree: &str,
    key: &[u8],
    value: &[u8],
) -> Result<Option<R>, RowError> {
    let Some(plaintext) = keyring.open_row(tree, key, value) else {
        tracing::warn!(
            event.kind = "security",
            vault.tree = tree,
            "a row of the vault was altered or moved; it reads as absent"
        );
        return Ok(None);
    };
    // serde_json's error would quote what it found.
    serde_json::from_slice(&plaintext)
        .map(Some)
        .map_err(|_| RowError::UnknownForm)
}
