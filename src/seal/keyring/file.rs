//! The keyring's file: JSON, with every data key wrapped under the master key.
//!
//! What it says about the use of a key is not sealed: whoever can write this file can as well put
//! an older one in its place.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::seal::SealError;
use crate::seal::cipher::Cipher;
use crate::seal::keyring::{DataKey, FORMAT, KEY_ID_LEN, SEALED_FORMAT};
use crate::seal::master::{MasterKey, MasterKeyId};

/// The file. It holds no secret in the clear.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) format: u64,
    /// [`MasterKeyId`], base64.
    pub(super) master_key_check: String,
    /// Oldest first.
    pub(super) data_keys: Vec<WrappedKey>,
}

/// As much of the file as every format has.
#[derive(Deserialize)]
struct Head {
    format: u64,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrappedKey {
    /// Names the key in every value that it sealed; random, base64.
    pub(super) id: String,
    pub(super) made_at: Timestamp,
    /// When a newer key took over. Since format 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) replaced_at: Option<Timestamp>,
    /// No row is sealed with it any more, so it opens handles only. Since format 2.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) handles_only: bool,
    /// The key, sealed under the master key; base64.
    pub(super) wrapped: String,
}

impl File {
    /// The format of a file. Refuses a later one. Looks at nothing else.
    pub(super) fn format_of(bytes: &[u8]) -> Result<u64, SealError> {
        let head: Head = serde_json::from_slice(bytes).map_err(|_| SealError::DamagedKeyring)?;
        if head.format > FORMAT {
            return Err(SealError::NewerFormat {
                found: head.format,
                known: FORMAT,
            });
        }
        Ok(head.format)
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, SealError> {
        Self::format_of(bytes)?;
        serde_json::from_slice(bytes).map_err(|_| SealError::DamagedKeyring)
    }

    pub(super) fn master_key_id(&self) -> Result<MasterKeyId, SealError> {
        let id = decode(&self.master_key_check)?;
        let id = id.try_into().map_err(|_| SealError::DamagedKeyring)?;
        Ok(MasterKeyId(id))
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes =
            serde_json::to_vec_pretty(self).expect("a struct of strings and numbers is JSON");
        bytes.push(b'\n');
        bytes
    }
}

impl WrappedKey {
    /// Wraps a key that was made at `made_at`.
    pub(super) fn new(
        id: [u8; KEY_ID_LEN],
        made_at: Timestamp,
        key: &[u8; 32],
        master: &MasterKey,
    ) -> Self {
        let wrapped = master.wrapping().seal(&identity(&id, &at(made_at)), key);
        Self {
            id: encode(&id),
            made_at,
            replaced_at: None,
            handles_only: false,
            wrapped: encode(&wrapped),
        }
    }

    /// The key's name.
    pub(super) fn id(&self) -> Result<[u8; KEY_ID_LEN], SealError> {
        decode(&self.id)?
            .try_into()
            .map_err(|_| SealError::DamagedKeyring)
    }

    /// The key itself.
    pub(super) fn unwrap(&self, wrapping: &Cipher) -> Result<Zeroizing<[u8; 32]>, SealError> {
        let id = self.id()?;
        let opened = wrapping
            .open(&identity(&id, &at(self.made_at)), &decode(&self.wrapped)?)
            .filter(|key| key.len() == 32)
            .ok_or(SealError::DamagedKeyring)?;
        let mut key = Zeroizing::new([0; 32]);
        key.copy_from_slice(&opened);
        Ok(key)
    }

    /// The same key under another master key.
    pub(super) fn rewrapped(&self, from: &Cipher, to: &MasterKey) -> Result<Self, SealError> {
        let key = self.unwrap(from)?;
        Ok(Self {
            wrapped: Self::new(self.id()?, self.made_at, &key, to).wrapped,
            ..self.clone()
        })
    }

    pub(super) fn open(self, wrapping: &Cipher) -> Result<DataKey, SealError> {
        let key = self.unwrap(wrapping)?;
        Ok(DataKey::new(self.id()?, self, &key))
    }
}

fn identity<'a>(id: &'a [u8; KEY_ID_LEN], made_at: &'a [u8; 16]) -> [&'a [u8]; 3] {
    [&[SEALED_FORMAT], id, made_at]
}

fn at(time: Timestamp) -> [u8; 16] {
    time.as_nanosecond().to_be_bytes()
}

/// Bytes as the file has them.
pub(super) fn encode(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

fn decode(base64: &str) -> Result<Vec<u8>, SealError> {
    BASE64_STANDARD
        .decode(base64)
        .map_err(|_| SealError::DamagedKeyring)
}
