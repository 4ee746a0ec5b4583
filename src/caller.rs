//! Who is calling.
//!
//! Over stdio that is the local user of the operating system; over HTTP it is the verified
//! `(iss, sub)` of the bearer token. It is never anything that the client says about itself.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The verified identity on whose behalf a call is made. Everything stored is keyed by it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Caller {
    issuer: String,
    subject: String,
}

impl Caller {
    /// The user who runs this process, `local:<uid>`.
    pub fn local() -> Self {
        Self {
            issuer: "local".to_owned(),
            subject: rustix::process::getuid().as_raw().to_string(),
        }
    }

    /// A caller whose issuer and subject were verified (RFC 9068 §4).
    pub fn verified(issuer: impl Into<String>, subject: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            subject: subject.into(),
        }
    }

    /// Who vouches for the caller: an issuer's identifier, `static` for the tokens of the operator's
    /// list, `local` for the user of this computer.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What the issuer calls the caller.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// SHA-256 over the length-prefixed parts, so that no two callers share a key, whatever
    /// separators or look-alikes their parts hold.
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for part in [&self.issuer, &self.subject] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hash.finalize().into()
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.issuer, self.subject)
    }
}
