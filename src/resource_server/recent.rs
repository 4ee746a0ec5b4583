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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::caller::Caller;
    use crate::resource_server::Access;

    #[test]
    fn only_so_many_are_remembered_and_the_latest_are_among_them() {
        let recent = Recent::default();
        let verified = Verified {
            caller: Caller::verified("https://id.example.com", "ada"),
            access: Access::Read,
            scopes: Arc::from(""),
        };
        let digest = |n: usize| {
            let mut digest = [0; 32];
            digest[..8].copy_from_slice(&n.to_le_bytes());
            digest
        };
        let now = Timestamp::UNIX_EPOCH;
        for n in 0..5 * ROOM {
            recent.keep(digest(n), verified.clone(), now, 60.0);
        }
        let kept = (0..5 * ROOM).filter(|n| recent.find(&digest(*n), now).is_some());
        let kept: Vec<_> = kept.collect();
        assert!(kept.len() <= 2 * ROOM, "{}", kept.len());
        assert!(kept.contains(&(5 * ROOM - 1)) && kept.contains(&(4 * ROOM)));
    }
}
