//! Tokens that were found good a moment ago, so that not every call of a client costs a signature
//! check or a question to the issuer.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::resource_server::Verified;

/// How long a token is taken without a second look. A token that its issuer withdraws is good for so
/// long.
pub(super) const LIFETIME_S: f64 = 60.0;

/// The tokens of one generation; two are kept.
const ROOM: usize = 10_000;

type Generation = HashMap<[u8; 32], (Verified, Timestamp)>;

/// Good tokens by their digest. Bounded: when the younger generation is full, the older one goes.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<[Generation; 2]>);

impl Recent {
    pub(super) fn find(&self, digest: &[u8; 32], now: Timestamp) -> Option<Verified> {
        let generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (verified, until) = generations.iter().find_map(|known| known.get(digest))?;
        (now < *until).then(|| verified.clone())
    }

    /// Keeps a token for `seconds`.
    pub(super) fn keep(&self, digest: [u8; 32], verified: Verified, now: Timestamp, seconds: f64) {
        let milliseconds = (seconds.min(LIFETIME_S) * 1000.0).max(0.0);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "it is between 0 and 60,000"
        )]
        let lifetime = jiff::SignedDuration::from_millis(milliseconds as i64);
        let Ok(until) = now.checked_add(lifetime) else {
            return;
        };
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let [younger, older] = &mut *generations;
        if younger.len() >= ROOM {
            *older = std::mem::take(younger);
        }
        older.remove(&digest);
        younger.insert(digest, (verified, until));
    }
}
