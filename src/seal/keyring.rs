//! The data keys: what they seal, and the file that keeps them wrapped.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::seal::SealError;
use crate::seal::cipher::Cipher;
use crate::seal::master::MasterKey;

/// The format of the vault: of the keyring's file, of sealed values and of the rows in them. A
/// change that this program's earlier versions would misread raises it.
pub const FORMAT: u64 = 1;

/// The first byte of every sealed value.
const SEALED_FORMAT: u8 = 1;

const KEY_ID_LEN: usize = 8;

/// The data keys of a vault. All of them open; the last one seals.
pub struct Keyring(Vec<DataKey>);

struct DataKey {
    id: [u8; KEY_ID_LEN],
    rows: Cipher,
    handles: Cipher,
}

/// The keyring's file, JSON. It holds no secret in the clear.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u64,
    /// [`MasterKey::check_value`], base64.
    master_key_check: String,
    /// Oldest first.
    data_keys: Vec<WrappedKey>,
}

/// As much of the file as every format has.
#[derive(Deserialize)]
struct Head {
    format: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrappedKey {
    /// Names the key in every value that it sealed; random, base64.
    id: String,
    made_at: Timestamp,
    /// The key, sealed under the master key; base64.
    wrapped: String,
}

impl Keyring {
    /// A keyring of one new data key, and the bytes of its file.
    pub fn create(master: &MasterKey, now: Timestamp) -> (Self, Vec<u8>) {
        let mut id = [0; KEY_ID_LEN];
        let mut key = Zeroizing::new([0; 32]);
        for random in [&mut id[..], &mut key[..]] {
            getrandom::fill(random).expect("the operating system's random numbers are available");
        }
        let file = File {
            format: FORMAT,
            master_key_check: BASE64_STANDARD.encode(master.check_value()),
            data_keys: vec![WrappedKey {
                id: BASE64_STANDARD.encode(id),
                made_at: now,
                wrapped: BASE64_STANDARD.encode(
                    master
                        .wrapping()
                        .seal(&[&[SEALED_FORMAT], &id, &nanoseconds(now)], &*key),
                ),
            }],
        };
        let mut bytes =
            serde_json::to_vec_pretty(&file).expect("a struct of strings and numbers is JSON");
        bytes.push(b'\n');
        (Self(vec![DataKey::new(id, &key)]), bytes)
    }

    /// Refuses a file of a later format. Looks at nothing else.
    pub fn check_format(file: &[u8]) -> Result<(), SealError> {
        let head: Head = serde_json::from_slice(file).map_err(|_| SealError::DamagedKeyring)?;
        if head.format > FORMAT {
            return Err(SealError::NewerFormat {
                found: head.format,
                known: FORMAT,
            });
        }
        Ok(())
    }

    /// Unwraps the data keys of a file.
    pub fn open(file: &[u8], master: &MasterKey) -> Result<Self, SealError> {
        Self::check_format(file)?;
        let file: File = serde_json::from_slice(file).map_err(|_| SealError::DamagedKeyring)?;
        if decode(&file.master_key_check)? != master.check_value() {
            return Err(SealError::WrongMasterKey);
        }
        let wrapping = master.wrapping();
        let keys = file
            .data_keys
            .iter()
            .map(|wrapped| wrapped.open(&wrapping))
            .collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err(SealError::DamagedKeyring);
        }
        Ok(Self(keys))
    }

    /// Seals a row's plaintext to its place: format, key id, nonce, ciphertext. It opens in the
    /// same row of the same tree only.
    pub fn seal_row(&self, tree: &str, key: &[u8], plaintext: &[u8]) -> Vec<u8> {
        self.seal(
            |data_key| &data_key.rows,
            &[tree.as_bytes(), key],
            plaintext,
        )
    }

    /// What [`Keyring::seal_row`] sealed; none if it was altered or comes from another row.
    pub fn open_row(&self, tree: &str, key: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.open_with(|data_key| &data_key.rows, &[tree.as_bytes(), key], sealed)
    }

    /// Seals bytes that leave the process and come back, bound to `context`.
    pub fn seal_handle(&self, context: &[u8], plaintext: &[u8]) -> Vec<u8> {
        self.seal(|data_key| &data_key.handles, &[context], plaintext)
    }

    /// What [`Keyring::seal_handle`] sealed; none if it was altered or has another context.
    pub fn open_handle(&self, context: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.open_with(|data_key| &data_key.handles, &[context], sealed)
    }

    fn seal(
        &self,
        cipher: impl Fn(&DataKey) -> &Cipher,
        identity: &[&[u8]],
        plaintext: &[u8],
    ) -> Vec<u8> {
        let data_key = self.0.last().expect("a keyring has at least one key");
        let sealed = cipher(data_key).seal(&associated(&data_key.id, identity), plaintext);
        [&[SEALED_FORMAT], &data_key.id[..], &sealed].concat()
    }

    fn open_with(
        &self,
        cipher: impl Fn(&DataKey) -> &Cipher,
        identity: &[&[u8]],
        sealed: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let (&format, rest) = sealed.split_first()?;
        let (id, sealed) = rest.split_first_chunk::<KEY_ID_LEN>()?;
        if format != SEALED_FORMAT {
            return None;
        }
        let data_key = self.0.iter().find(|data_key| data_key.id == *id)?;
        cipher(data_key).open(&associated(id, identity), sealed)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({} keys)", self.0.len())
    }
}

impl DataKey {
    fn new(id: [u8; KEY_ID_LEN], key: &[u8; 32]) -> Self {
        Self {
            id,
            rows: Cipher::derive(key, "valetkey data: rows"),
            handles: Cipher::derive(key, "valetkey data: handles"),
        }
    }
}

impl WrappedKey {
    fn open(&self, wrapping: &Cipher) -> Result<DataKey, SealError> {
        let id: [u8; KEY_ID_LEN] = decode(&self.id)?
            .try_into()
            .map_err(|_| SealError::DamagedKeyring)?;
        let identity: [&[u8]; 3] = [&[SEALED_FORMAT], &id, &nanoseconds(self.made_at)];
        let key = wrapping
            .open(&identity, &decode(&self.wrapped)?)
            .ok_or(SealError::DamagedKeyring)?;
        let key = key
            .first_chunk::<32>()
            .filter(|_| key.len() == 32)
            .ok_or(SealError::DamagedKeyring)?;
        Ok(DataKey::new(id, key))
    }
}

/// The associated data of a sealed value: what it is, where it stands, under which key.
fn associated<'a>(id: &'a [u8; KEY_ID_LEN], identity: &[&'a [u8]]) -> Vec<&'a [u8]> {
    let mut parts: Vec<&[u8]> = vec![&[SEALED_FORMAT], id];
    parts.extend_from_slice(identity);
    parts
}

fn nanoseconds(time: Timestamp) -> [u8; 16] {
    time.as_nanosecond().to_be_bytes()
}

fn decode(base64: &str) -> Result<Vec<u8>, SealError> {
    BASE64_STANDARD
        .decode(base64)
        .map_err(|_| SealError::DamagedKeyring)
}
