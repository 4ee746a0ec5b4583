//! XChaCha20-Poly1305 under a key that is derived for one purpose.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize as _, Zeroizing};

const NONCE_LEN: usize = 24;

/// One derived key. It is wiped when dropped.
#[derive(Clone)]
pub(super) struct Cipher(XChaCha20Poly1305);

impl Cipher {
    /// The cipher for `purpose` below `key`.
    pub(super) fn derive(key: &[u8; 32], purpose: &str) -> Self {
        let derived = derive(key, purpose);
        Self(XChaCha20Poly1305::new((&*derived).into()))
    }

    /// Nonce ‖ ciphertext ‖ tag. The nonce is random: with 192 bits a repetition need not be
    /// feared before 2⁸⁰ messages, so nothing has to be counted.
    pub(super) fn seal(&self, associated: &[&[u8]], plaintext: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).expect("the operating system's random numbers are available");
        let payload = Payload {
            msg: plaintext,
            aad: &length_prefixed(associated),
        };
        let ciphertext = self
            .0
            .encrypt(&XNonce::from(nonce), payload)
            .expect("no message comes near the cipher's limit of 256 GiB");
        wipe_stack();
        [&nonce[..], &ciphertext].concat()
    }

    /// What [`Cipher::seal`] sealed with the same associated data; none if a bit differs.
    pub(super) fn open(&self, associated: &[&[u8]], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let payload = Payload {
            msg: ciphertext,
            aad: &length_prefixed(associated),
        };
        let plaintext = self.0.decrypt(&XNonce::from(*nonce), payload).ok();
        wipe_stack();
        let plaintext = plaintext?;
        Some(Zeroizing::new(plaintext))
    }
}

/// Overwrites what the calls before it left on the stack: the cipher copies the plaintext there, block
/// by block, and a thread that waits for its next work would keep the last ones.
#[inline(never)]
fn wipe_stack() {
    let mut used = [0xff_u8; 12 * 1024];
    used.zeroize();
    std::hint::black_box(&used);
}

/// HKDF-SHA256 (RFC 5869) without salt: the input is uniformly random already.
pub(super) fn derive(key: &[u8; 32], purpose: &str) -> Zeroizing<[u8; 32]> {
    let mut derived = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(None, key)
        .expand(purpose.as_bytes(), &mut *derived)
        .expect("32 bytes are one block of HKDF-SHA256");
    derived
}

/// The parts, each after its length, so that no two lists of parts have the same bytes.
fn length_prefixed(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}
