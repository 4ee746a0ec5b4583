//! A key that is never stored: what it seals ends with this process, at the latest.

use std::fmt;

use zeroize::Zeroizing;

use crate::seal::cipher::Cipher;

/// A random key in this process's memory. It is wiped when dropped.
pub struct EphemeralKey(Cipher);

impl EphemeralKey {
    /// A new key of 256 random bits.
    pub fn generate() -> Self {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *key).expect("the operating system's random numbers are available");
        Self(Cipher::derive(&key, "valetkey ephemeral v1"))
    }

    /// Seals `plaintext`. Only the same associated data opens it again.
    pub fn seal(&self, associated: &[&[u8]], plaintext: &[u8]) -> Vec<u8> {
        self.0.seal(associated, plaintext)
    }

    /// What [`EphemeralKey::seal`] sealed with the same associated data; none if a bit differs.
    pub fn open(&self, associated: &[&[u8]], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.0.open(associated, sealed)
    }
}

impl fmt::Debug for EphemeralKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EphemeralKey")
    }
}

#[cfg(test)]
mod tests {
    use super::EphemeralKey;

    #[test]
    fn only_the_same_key_and_place_open_what_was_sealed() {
        let key = EphemeralKey::generate();
        let sealed = key.seal(&[b"a", b"1"], b"text");
        let opened = |key: &EphemeralKey, place: &[&[u8]]| {
            let opened = key.open(place, &sealed);
            opened.map(|text| text.to_vec())
        };
        assert_eq!(opened(&key, &[b"a", b"1"]), Some(b"text".to_vec()));
        assert_eq!(opened(&key, &[b"a", b"2"]), None);
        assert_eq!(opened(&EphemeralKey::generate(), &[b"a", b"1"]), None);
        assert_eq!(format!("{key:?}"), "EphemeralKey");
    }
}
