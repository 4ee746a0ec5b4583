//! The master key, which wraps the data keys and is kept outside the vault.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::seal::SealError;
use crate::seal::cipher::{Cipher, derive};

const LEN: usize = 32;

/// 32 random bytes, wiped when dropped.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; LEN]>);

impl MasterKey {
    /// A new one from the operating system's random numbers.
    pub fn generate() -> Self {
        let mut key = Zeroizing::new([0; LEN]);
        getrandom::fill(&mut *key).expect("the operating system's random numbers are available");
        Self(key)
    }

    /// Reads 32 bytes of base64 (RFC 4648 §4), with white space around and padding or not.
    pub fn parse(text: &SecretString) -> Result<Self, SealError> {
        #[expect(clippy::disallowed_methods, reason = "the key's text becomes the key")]
        let text = text.expose_secret().trim();
        // The decoder wants room for its estimate, which is rounded up to a multiple of three.
        let mut decoded = Zeroizing::new([0; LEN + 4]);
        match STANDARD_PAD_INDIFFERENT.decode_slice(text, &mut *decoded) {
            Ok(LEN) => {
                let mut key = Zeroizing::new([0; LEN]);
                key.copy_from_slice(&decoded[..LEN]);
                Ok(Self(key))
            }
            _ => Err(SealError::MalformedMasterKey),
        }
    }

    /// The text that [`MasterKey::parse`] reads, as a line for a file.
    pub fn to_line(&self) -> Zeroizing<String> {
        let mut line = Zeroizing::new(String::with_capacity(2 * LEN));
        STANDARD_PAD_INDIFFERENT.encode_string(self.0.as_slice(), &mut line);
        line.push('\n');
        line
    }

    /// The name of the key.
    pub fn id(&self) -> MasterKeyId {
        let derived = derive(&self.0, "valetkey master: check value");
        MasterKeyId(*derived.first_chunk().expect("16 of 32 bytes"))
    }

    /// The cipher that wraps data keys.
    pub(super) fn wrapping(&self) -> Cipher {
        Cipher::derive(&self.0, "valetkey master: wrap data keys")
    }

    /// The cipher that wraps the key of an export.
    pub(super) fn wrapping_exports(&self) -> Cipher {
        Cipher::derive(&self.0, "valetkey master: wrap export keys")
    }
}

/// Tells one master key from another and nothing else about it: it is derived from the key, and no
/// way leads back. Safe to show.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MasterKeyId(pub [u8; 16]);

impl fmt::Display for MasterKeyId {
    /// The first 8 bytes in hex.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..8]
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for MasterKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_master_key_is_32_bytes_of_base64_and_nothing_else() {
        let digits = "A".repeat(43);
        let cases = [
            (format!("{digits}="), true),
            (digits.clone(), true),
            (format!("  {digits}=\n"), true),
            (String::new(), false),
            ("A".repeat(42), false),
            ("A".repeat(44), false),
            ("A".repeat(4000), false),
            (format!("{digits}A="), false),
            (format!("{}!=", "A".repeat(42)), false),
            ("ab".repeat(32), false),
        ];
        for (text, good) in cases {
            let parsed = MasterKey::parse(&SecretString::from(text.as_str()));
            assert_eq!(parsed.is_ok(), good, "{text:?}");
        }
    }

    #[test]
    fn the_line_of_a_key_is_read_as_the_same_key() {
        let key = MasterKey::generate();
        let read = MasterKey::parse(&SecretString::from(key.to_line().as_str())).unwrap();
        assert_eq!(*read.0, *key.0);
        assert_ne!(*MasterKey::generate().0, *key.0);
    }
}
