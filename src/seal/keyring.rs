//! The data keys: what they seal, and how one takes over from another.
//!
//! A keyring never changes; each step of a rotation makes another one, whose file the store writes
//! before it uses it. The steps of a data key:
//!
//! 1. It is made, and seals ([`Keyring::rotated`]).
//! 2. A newer one takes over. It still opens the rows that it sealed, while they are sealed anew.
//! 3. No row names it any more ([`Keyring::rows_moved`]). It opens handles only, which are out with
//!    clients, for as long as a handle can live.
//! 4. It is gone ([`Keyring::without_expired`]).

mod file;

#[cfg(test)]
mod tests;

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::seal::SealError;
use crate::seal::cipher::Cipher;
use crate::seal::keyring::file::{File, WrappedKey};
use crate::seal::master::{MasterKey, MasterKeyId};

/// The format of the vault: of the keyring's file, of sealed values and of the rows in them. A
/// change that this program's earlier versions would misread raises it. Format 2 has keys that are
/// on their way out; a file of format 1 has one key.
pub const FORMAT: u64 = 2;

/// How long a handle is opened after its key was replaced. No handle lives longer: a `requestState`
/// ends with its flow, after 10 minutes.
pub const HANDLE_LIFETIME: SignedDuration = SignedDuration::from_mins(10);

/// More keys than this are not kept at once, so that the file stays small.
pub const MOST_KEYS: usize = 32;

/// The first byte of every sealed value.
const SEALED_FORMAT: u8 = 1;

const KEY_ID_LEN: usize = 8;

/// The data keys of a vault with the master key that wraps them, in the order in which they were
/// made. The last one seals.
pub struct Keyring {
    master: MasterKey,
    keys: Vec<DataKey>,
}

#[derive(Clone)]
struct DataKey {
    id: [u8; KEY_ID_LEN],
    wrapped: WrappedKey,
    /// None once no row is sealed with it.
    rows: Option<Cipher>,
    handles: Cipher,
}

/// What a person may know of a data key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataKeyInfo {
    /// Its name, 16 hex digits, which every value that it sealed carries.
    pub id: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// When a newer one took over.
    pub replaced_at: Option<Timestamp>,
    /// What it is for.
    pub used_for: KeyUse,
}

/// What a data key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyUse {
    /// It seals all that is written.
    Sealing,
    /// It opens rows that are being sealed anew.
    Resealing,
    /// It opens handles that clients hold, until [`HANDLE_LIFETIME`] is over.
    Handles,
}

impl Keyring {
    /// A keyring of one new data key.
    pub fn create(master: &MasterKey, now: Timestamp) -> Self {
        let keys = vec![DataKey::generate(master, now)];
        let master = master.clone();
        Self { master, keys }
    }

    /// The format of a file. Refuses a later one than this program knows. Looks at nothing else.
    pub fn format_of(file: &[u8]) -> Result<u64, SealError> {
        File::format_of(file)
    }

    /// Which master key a file is wrapped under.
    pub fn master_key_of(file: &[u8]) -> Result<MasterKeyId, SealError> {
        File::parse(file)?.master_key_id()
    }

    /// Unwraps the data keys of a file.
    pub fn open(file: &[u8], master: &MasterKey) -> Result<Self, SealError> {
        let file = File::parse(file)?;
        if file.master_key_id()? != master.id() {
            return Err(SealError::WrongMasterKey);
        }
        let wrapping = master.wrapping();
        let keys = file
            .data_keys
            .into_iter()
            .map(|wrapped| wrapped.open(&wrapping))
            .collect::<Result<Vec<_>, _>>()?;
        // The last one seals, so it must not be on its way out.
        if keys.last().is_none_or(|last| last.rows.is_none()) {
            return Err(SealError::DamagedKeyring);
        }
        let master = master.clone();
        Ok(Self { master, keys })
    }

    /// The bytes of the file, which [`Keyring::open`] reads.
    pub fn to_file(&self) -> Vec<u8> {
        let keys = self.keys.iter().map(|key| key.wrapped.clone());
        let file = File {
            format: FORMAT,
            master_key_check: file::encode(&self.master.id().0),
            data_keys: keys.collect(),
        };
        file.to_bytes()
    }

    /// With a new data key, which seals from now on.
    #[must_use]
    pub fn rotated(&self, now: Timestamp) -> Self {
        let mut keys = self.keys.clone();
        if let Some(last) = keys.last_mut() {
            last.wrapped.replaced_at = Some(now);
        }
        keys.push(DataKey::generate(&self.master, now));
        let master = self.master.clone();
        Self { master, keys }
    }

    /// With the same data keys, under another master key.
    pub fn rewrapped(&self, master: &MasterKey) -> Result<Self, SealError> {
        let wrapping = self.master.wrapping();
        let rewrap = |key: &DataKey| {
            Ok(DataKey {
                wrapped: key.wrapped.rewrapped(&wrapping, master)?,
                ..key.clone()
            })
        };
        let keys = self.keys.iter().map(rewrap).collect::<Result<_, _>>()?;
        let master = master.clone();
        Ok(Self { master, keys })
    }

    /// Once every row is sealed with the newest key: the older ones open handles only.
    #[must_use]
    pub fn rows_moved(&self) -> Self {
        let mut keys = self.keys.clone();
        if let Some((_, older)) = keys.split_last_mut() {
            for key in older {
                key.rows = None;
                key.wrapped.handles_only = true;
            }
        }
        let master = self.master.clone();
        Self { master, keys }
    }

    /// Without the keys whose last handles have ended. None if there are no such keys.
    pub fn without_expired(&self, now: Timestamp) -> Option<Self> {
        let needed = |key: &&DataKey| key.rows.is_some() || key.opens_handles(now);
        let keys: Vec<_> = self.keys.iter().filter(needed).cloned().collect();
        let master = self.master.clone();
        (keys.len() < self.keys.len()).then_some(Self { master, keys })
    }

    /// Whether rows may still be sealed with a key that was replaced.
    pub fn is_resealing(&self) -> bool {
        let (_, older) = self.keys.split_last().expect(AT_LEAST_ONE);
        older.iter().any(|key| key.rows.is_some())
    }

    /// The name of the key that seals.
    pub fn sealing_key(&self) -> [u8; KEY_ID_LEN] {
        self.last().id
    }

    /// The master key's name.
    pub fn master_key_id(&self) -> MasterKeyId {
        self.master.id()
    }

    /// The master key, for what else is wrapped under it.
    pub fn master_key(&self) -> &MasterKey {
        &self.master
    }

    /// What a person may know of the keys, oldest first.
    pub fn data_keys(&self) -> Vec<DataKeyInfo> {
        let sealing = self.sealing_key();
        let info = |key: &DataKey| DataKeyInfo {
            id: format!("{:016x}", u64::from_be_bytes(key.id)),
            made_at: key.wrapped.made_at,
            replaced_at: key.wrapped.replaced_at,
            used_for: match key.rows {
                _ if key.id == sealing => KeyUse::Sealing,
                Some(_) => KeyUse::Resealing,
                None => KeyUse::Handles,
            },
        };
        self.keys.iter().map(info).collect()
    }

    /// Seals a row's plaintext to its place: format, key id, nonce, ciphertext. It opens in the
    /// same row of the same tree only.
    pub fn seal_row(&self, tree: &str, key: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let rows = self.last().rows.as_ref();
        let rows = rows.expect("the key that seals is for rows too");
        self.seal(rows, &[tree.as_bytes(), key], plaintext)
    }

    /// What [`Keyring::seal_row`] sealed; none if it was altered or comes from another row.
    pub fn open_row(&self, tree: &str, key: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (data_key, sealed) = self.parse(sealed)?;
        let identity: [&[u8]; 2] = [tree.as_bytes(), key];
        let rows = data_key.rows.as_ref()?;
        rows.open(&associated(&data_key.id, &identity), sealed)
    }

    /// The row's plaintext under the newest key. None if it is already, or does not open at all.
    pub fn reseal_row(&self, tree: &str, key: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        if self.seals(sealed) {
            return None;
        }
        let plaintext = self.open_row(tree, key, sealed)?;
        Some(self.seal_row(tree, key, &plaintext))
    }

    /// Whether the value names the newest key.
    pub fn seals(&self, sealed: &[u8]) -> bool {
        let head = sealed.split_first_chunk::<{ 1 + KEY_ID_LEN }>();
        head.is_some_and(|(head, _)| head[0] == SEALED_FORMAT && head[1..] == self.last().id)
    }

    /// Whether the value names a key that was replaced.
    pub fn names_older_key(&self, sealed: &[u8]) -> bool {
        self.parse(sealed).is_some() && !self.seals(sealed)
    }

    /// Seals bytes that leave the process and come back, bound to `context`.
    pub fn seal_handle(&self, context: &[u8], plaintext: &[u8]) -> Vec<u8> {
        self.seal(&self.last().handles, &[context], plaintext)
    }

    /// What [`Keyring::seal_handle`] sealed; none if it was altered, has another context, or its
    /// key was replaced [`HANDLE_LIFETIME`] ago.
    pub fn open_handle(
        &self,
        context: &[u8],
        sealed: &[u8],
        now: Timestamp,
    ) -> Option<Zeroizing<Vec<u8>>> {
        let (data_key, sealed) = self.parse(sealed)?;
        let associated = associated(&data_key.id, &[context]);
        data_key
            .opens_handles(now)
            .then(|| data_key.handles.open(&associated, sealed))
            .flatten()
    }

    fn last(&self) -> &DataKey {
        self.keys.last().expect(AT_LEAST_ONE)
    }

    /// Seals with a cipher of the last key.
    fn seal(&self, cipher: &Cipher, identity: &[&[u8]], plaintext: &[u8]) -> Vec<u8> {
        let id = &self.last().id;
        let sealed = cipher.seal(&associated(id, identity), plaintext);
        [&[SEALED_FORMAT], &id[..], &sealed].concat()
    }

    /// The key that a sealed value names, and the rest of the value.
    fn parse<'a>(&self, sealed: &'a [u8]) -> Option<(&DataKey, &'a [u8])> {
        let (&format, rest) = sealed.split_first()?;
        let (id, sealed) = rest.split_first_chunk::<KEY_ID_LEN>()?;
        if format != SEALED_FORMAT {
            return None;
        }
        let data_key = self.keys.iter().find(|data_key| data_key.id == *id)?;
        Some((data_key, sealed))
    }
}

const AT_LEAST_ONE: &str = "a keyring has at least one key";

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({} keys)", self.keys.len())
    }
}

impl DataKey {
    fn generate(master: &MasterKey, now: Timestamp) -> Self {
        let mut id = [0; KEY_ID_LEN];
        let mut key = Zeroizing::new([0; 32]);
        for random in [&mut id[..], &mut key[..]] {
            getrandom::fill(random).expect("the operating system's random numbers are available");
        }
        Self::new(id, WrappedKey::new(id, now, &key, master), &key)
    }

    fn new(id: [u8; KEY_ID_LEN], wrapped: WrappedKey, key: &[u8; 32]) -> Self {
        let rows = || Cipher::derive(key, "valetkey data: rows");
        Self {
            id,
            rows: (!wrapped.handles_only).then(rows),
            handles: Cipher::derive(key, "valetkey data: handles"),
            wrapped,
        }
    }

    fn opens_handles(&self, now: Timestamp) -> bool {
        self.wrapped
            .replaced_at
            .is_none_or(|at| now.duration_since(at) < HANDLE_LIFETIME)
    }
}

/// The associated data of a sealed value: what it is, where it stands, under which key.
fn associated<'a>(id: &'a [u8; KEY_ID_LEN], identity: &[&'a [u8]]) -> Vec<&'a [u8]> {
    let mut parts: Vec<&[u8]> = vec![&[SEALED_FORMAT], id];
    parts.extend_from_slice(identity);
    parts
}
