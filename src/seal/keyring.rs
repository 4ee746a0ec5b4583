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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn new_keyring() -> (MasterKey, Keyring, Vec<u8>) {
        let master = MasterKey::generate();
        let (keyring, file) = Keyring::create(&master, Timestamp::UNIX_EPOCH);
        (master, keyring, file)
    }

    #[test]
    fn a_row_opens_in_its_own_place_only() {
        let (_, keyring, _) = new_keyring();
        let sealed = keyring.seal_row("flows", b"key", b"secret");
        assert_eq!(
            &**keyring.open_row("flows", b"key", &sealed).unwrap(),
            b"secret"
        );
        for (tree, key) in [
            ("flows", &b"kez"[..]),
            ("states", b"key"),
            ("flowsk", b"ey"),
            ("flow", b"skey"),
            ("flows", b""),
        ] {
            assert!(
                keyring.open_row(tree, key, &sealed).is_none(),
                "{tree} {key:?}"
            );
        }
        assert!(keyring.open_handle(b"key", &sealed).is_none());
        let (_, other, _) = new_keyring();
        assert!(other.open_row("flows", b"key", &sealed).is_none());
    }

    #[test]
    fn a_handle_opens_in_its_own_context_only() {
        let (_, keyring, _) = new_keyring();
        let sealed = keyring.seal_handle(b"ada, gmail_search", b"flow");
        let open = |context: &[u8]| keyring.open_handle(context, &sealed);
        assert_eq!(&**open(b"ada, gmail_search").unwrap(), b"flow");
        for context in [&b""[..], b"ada, gmail_searc", b"bob, gmail_search"] {
            assert!(open(context).is_none());
        }
        assert!(
            keyring
                .open_row("", b"ada, gmail_search", &sealed)
                .is_none()
        );
    }

    #[test]
    fn no_flipped_bit_and_no_shorter_or_longer_value_opens() {
        let (_, keyring, _) = new_keyring();
        let sealed = keyring.seal_row("flows", b"key", b"a secret of some length");
        for bit in 0..8 * sealed.len() {
            let mut altered = sealed.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(
                keyring.open_row("flows", b"key", &altered).is_none(),
                "bit {bit}"
            );
        }
        for len in 0..sealed.len() {
            assert!(
                keyring.open_row("flows", b"key", &sealed[..len]).is_none(),
                "{len} bytes"
            );
        }
        let longer = [&sealed[..], &[0]].concat();
        assert!(keyring.open_row("flows", b"key", &longer).is_none());
    }

    #[test]
    fn ten_thousand_seals_have_ten_thousand_nonces() {
        let (_, keyring, _) = new_keyring();
        let nonces: BTreeSet<_> = (0..10_000)
            .map(|_| keyring.seal_row("flows", b"key", b"same")[1 + KEY_ID_LEN..][..24].to_vec())
            .collect();
        assert_eq!(nonces.len(), 10_000);
    }

    #[test]
    fn a_value_names_its_format_and_key_and_shows_nothing_else() {
        let (_, keyring, _) = new_keyring();
        let sealed = keyring.seal_row("flows", b"key", b"canary");
        assert_eq!(sealed.len(), 1 + KEY_ID_LEN + 24 + b"canary".len() + 16);
        assert_eq!(sealed[0], SEALED_FORMAT);
        assert_eq!(sealed[1..=KEY_ID_LEN], keyring.0[0].id);
        assert!(!sealed.windows(6).any(|window| window == b"canary"));
    }

    #[test]
    fn the_file_opens_with_its_master_key_only() {
        let (master, keyring, file) = new_keyring();
        let sealed = keyring.seal_row("flows", b"key", b"secret");
        let again = Keyring::open(&file, &master).unwrap();
        assert_eq!(
            &**again.open_row("flows", b"key", &sealed).unwrap(),
            b"secret"
        );
        let refused = Keyring::open(&file, &MasterKey::generate()).unwrap_err();
        assert_eq!(refused, SealError::WrongMasterKey);
    }

    #[test]
    fn an_older_key_still_opens_and_the_newest_seals() {
        let (_, Keyring(mut keys), _) = new_keyring();
        let old = Keyring(vec![keys.remove(0)]);
        let sealed = old.seal_row("flows", b"key", b"old");
        let (_, Keyring(new), _) = new_keyring();
        let both = Keyring(old.0.into_iter().chain(new).collect());
        assert_eq!(&**both.open_row("flows", b"key", &sealed).unwrap(), b"old");
        let resealed = both.seal_row("flows", b"key", b"new");
        assert_eq!(resealed[1..=KEY_ID_LEN], both.0[1].id);
    }

    #[test]
    fn an_altered_file_is_refused() {
        let (master, _, file) = new_keyring();
        let text = String::from_utf8(file).unwrap();
        let other: File = serde_json::from_slice(&new_keyring().2).unwrap();
        let replaced = |field: &str, value: &str| {
            let start = text.find(&format!("\"{field}\"")).unwrap() + field.len() + 4;
            let end = start + 1 + text[start + 1..].find('"').unwrap();
            format!("{}\"{value}{}", &text[..start], &text[end..])
        };
        let cases = [
            ("empty", String::new()),
            ("cut", text[..text.len() / 2].to_owned()),
            ("another key's name", replaced("id", &other.data_keys[0].id)),
            ("another date", replaced("made_at", "2026-01-01T00:00:00Z")),
            (
                "another wrapped key",
                replaced("wrapped", &other.data_keys[0].wrapped),
            ),
            ("no base64", replaced("wrapped", "???")),
            ("a field too many", text.replacen('{', "{\"x\": 1,", 1)),
        ];
        for (what, file) in cases {
            let refused = Keyring::open(file.as_bytes(), &master).unwrap_err();
            assert_eq!(refused, SealError::DamagedKeyring, "{what}: {file}");
        }
    }

    #[test]
    fn a_later_format_is_refused_before_anything_else_is_looked_at() {
        let file = br#"{"format": 2, "something": "new"}"#;
        let newer = SealError::NewerFormat { found: 2, known: 1 };
        assert_eq!(Keyring::check_format(file), Err(newer));
    }
}
