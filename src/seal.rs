//! Encryption of what is stored, and the keyring.
//!
//! A master key, which comes from outside the vault, wraps data keys; a data key seals rows and
//! handles, each with a key of its own derived for that purpose.

pub mod ephemeral;
pub mod export;
pub mod keyring;
pub mod master;

mod cipher;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use secrecy::SecretString;
use sha2::{Digest, Sha256};

/// Why a key cannot be used. No message holds a byte of one.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The text is not a master key.
    #[error(
        "a master key is 32 random bytes in base64; `head -c 32 /dev/urandom | base64` makes one"
    )]
    MalformedMasterKey,
    /// The keyring is wrapped under another master key.
    #[error("the master key is not the one that this vault was made with")]
    WrongMasterKey,
    /// The keyring's bytes were altered or cut.
    #[error("the keyring is damaged")]
    DamagedKeyring,
    /// A later version of this program wrote the vault.
    #[error("the vault has format {found}, and this program knows formats up to {known}")]
    NewerFormat {
        /// The vault's.
        found: u64,
        /// Ours.
        known: u64,
    },
}

/// SHA-256 of a secret's text: what is stored and compared in its place.
pub fn digest(secret: &SecretString) -> [u8; 32] {
    #[expect(
        clippy::disallowed_methods,
        reason = "the text goes into the hash only"
    )]
    Sha256::digest(secrecy::ExposeSecret::expose_secret(secret)).into()
}

/// A hash of `message` that nobody without `key` can compute: HKDF-SHA256 (RFC 5869) with `purpose`
/// as the salt and `message` as the info.
pub fn keyed_hash(key: &[u8; 32], purpose: &str, message: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    Hkdf::<Sha256>::new(Some(purpose.as_bytes()), key)
        .expand(message, &mut hash)
        .expect("32 bytes are one block of HKDF-SHA256");
    hash
}

/// 256 random bits of the operating system as 43 characters of base64url: a link's token, a
/// `state`, a PKCE verifier (RFC 7636 §4.1).
pub fn random_token() -> SecretString {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the operating system's random numbers are available");
    SecretString::from(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// `#[serde(with = …)]` for a secret inside a row. Rows are serialized only to be sealed.
pub mod secret {
    use secrecy::SecretString;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes the secret into the row's plaintext.
    pub fn serialize<S: Serializer>(secret: &SecretString, to: S) -> Result<S::Ok, S::Error> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the row is serialized in memory to be sealed at once"
        )]
        to.serialize_str(secrecy::ExposeSecret::expose_secret(secret))
    }

    /// Reads the secret out of the row's plaintext.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SecretString, D::Error> {
        String::deserialize(from).map(SecretString::from)
    }
}

/// [`secret`] for an optional one.
pub mod optional_secret {
    use secrecy::SecretString;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes the secret into the row's plaintext.
    pub fn serialize<S: Serializer>(
        secret: &Option<SecretString>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the row is serialized in memory to be sealed at once"
        )]
        match secret {
            Some(secret) => to.serialize_some(secrecy::ExposeSecret::expose_secret(secret)),
            None => to.serialize_none(),
        }
    }

    /// Reads the secret out of the row's plaintext.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<SecretString>, D::Error> {
        Ok(Option::<String>::deserialize(from)?.map(SecretString::from))
    }
}
