//! What a call waits for, told to whoever watches it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// A shorter wait is over before anybody has read of it.
const SHORTEST: Duration = Duration::from_secs(1);

/// The waits of one call. Clones share it.
#[derive(Clone, Debug)]
pub struct Waits(Arc<watch::Sender<Option<Wait>>>);

/// A wait that is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// What for.
    pub reason: Reason,
    /// Until when.
    pub until: Instant,
}

/// What a call waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The provider limits how fast the account may call.
    RateLimit,
    /// The provider failed or could not be reached, and is asked again.
    Fault,
    /// The call asked to be held before it sends.
    Delay,
}

impl Default for Waits {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
}

impl Waits {
    /// Sees each wait that begins from now on, the longest where several requests wait at once.
    pub fn watch(&self) -> watch::Receiver<Option<Wait>> {
        self.0.subscribe()
    }

    /// Waits, and tells it.
    pub async fn wait(&self, reason: Reason, wait: Duration) {
        let until = Instant::now() + wait;
        if wait >= SHORTEST {
            self.0.send_if_modified(|told| {
                let longer = told.is_none_or(|told| told.until < until);
                if longer {
                    *told = Some(Wait { reason, until });
                }
                longer
            });
        }
        tokio::time::sleep_until(until).await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Reason, Wait, Waits};

    #[tokio::test(start_paused = true)]
    async fn a_wait_is_told_when_it_begins_if_it_is_long_and_the_longest_so_far() {
        let waits = Waits::default();
        let mut watch = waits.watch();
        let start = Instant::now();
        for (reason, millis, told) in [
            (Reason::Fault, 999, false),
            (Reason::RateLimit, 3_000, true),
            (Reason::Fault, 2_000, false),
            (Reason::Delay, 120_000, true),
        ] {
            let wait = Duration::from_millis(millis);
            let mut waiting = Box::pin(waits.wait(reason, wait));
            // Polled once: it has begun.
            let begun = tokio::time::timeout(Duration::ZERO, &mut waiting).await;
            assert!(begun.is_err(), "{reason:?}");
            assert_eq!(watch.has_changed().unwrap(), told, "{reason:?} {millis}");
            let until = start + wait;
            if told {
                assert_eq!(*watch.borrow_and_update(), Some(Wait { reason, until }));
            }
        }
        waits.wait(Reason::Delay, Duration::from_secs(7)).await;
        assert_eq!(start.elapsed().as_secs(), 7);
    }
}
