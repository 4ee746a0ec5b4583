//! What the calls of a process share, so that together they stay within limits: the rate at which a
//! provider takes requests of an account, and the memory for large answers.
//!
//! A request waits before it is sent where it would be one too many, as part of what its call may
//! wait in all; else it is [`crate::error::ErrorCode::RateLimited`]. A provider that says that it was
//! too fast all the same is left alone for as long as it asks, by every call.

mod tables;

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Method;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use url::Url;

pub(crate) use tables::Charge;
use tables::Table;
#[cfg(test)]
pub(crate) use tables::has_units;

/// So many calls may have a large answer in memory at the same time.
const LARGE: usize = 2;

/// So many buckets are remembered. A full one is as good as none and is the first to be forgotten.
const BUCKETS: usize = 10_000;

/// A provider that asks for longer is asked again after this.
const LONGEST_BLOCK: Duration = Duration::from_hours(1);

/// What all calls of a process share. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    shared: Arc<Shared>,
    table: Table,
}

#[derive(Debug)]
struct Shared {
    large: Arc<Semaphore>,
    hasher: RandomState,
    buckets: Mutex<HashMap<u64, Bucket>>,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            large: Arc::new(Semaphore::new(LARGE)),
            hasher: RandomState::new(),
            buckets: Mutex::default(),
        }
    }
}

/// How full a bucket is, as the time at which it will be full again (the generic cell rate
/// algorithm, ITU-T I.371), and until when nothing may be taken from it.
/// Where the documented limits hold.
const PUBLIC: [&str; 4] = [
    "gmail.googleapis.com",
    "slack.com",
    "slack-gov.com",
    "api.github.com",
];

#[derive(Clone, Copy, Debug)]
struct Bucket {
    full_at: Instant,
    blocked_until: Instant,
}

/// A charge on one account's bucket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Due {
    bucket: u64,
    charge: Charge,
}

/// A call's turn to have a large answer in memory. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _permit: OwnedSemaphorePermit,
}

impl Pace {
    /// The same for requests to `provider`: `google`, `slack` and `github` have limits that are
    /// known, others are left to say what theirs are.
    #[must_use]
    pub(crate) fn of(&self, provider: &str) -> Self {
        Self {
            shared: self.shared.clone(),
            table: Table::of(provider),
        }
    }

    /// The same for requests to `provider` at `base_url`: only the provider's public address has the
    /// limits that it documents, a server of one's own (GitHub Enterprise) has its own.
    #[must_use]
    pub fn at(&self, provider: &str, base_url: &Url) -> Self {
        let is_public = base_url
            .host_str()
            .is_some_and(|host| PUBLIC.contains(&host));
        self.of(if is_public { provider } else { "" })
    }

    /// Waits for a turn to have a large answer in memory.
    pub(crate) async fn turn(&self) -> Turn {
        let permit = self.shared.large.clone().acquire_owned().await;
        Turn {
            _permit: permit.expect("it is never closed"),
        }
    }

    /// What a request costs, the general limit before the special ones. `path` are the segments
    /// after the base URL's.
    pub(crate) fn charges(&self, method: &Method, path: &[&str]) -> Vec<Charge> {
        self.table.charges(method, path)
    }

    /// Whose buckets the charges are on: those of `account` at `origin`. `form` is the request's
    /// body.
    pub(crate) fn due(
        &self,
        charges: &[Charge],
        origin: &str,
        account: &str,
        form: Option<&[u8]>,
    ) -> Vec<Due> {
        let due = |charge: &Charge| {
            let mut fields = url::form_urlencoded::parse(form.unwrap_or_default());
            let each = charge
                .each
                .and_then(|each| fields.find(|(name, _)| name == each))
                .map(|(_, value)| value);
            let key = (origin, account, charge.limit.name, each);
            Due {
                bucket: self.shared.hasher.hash_one(key),
                charge: *charge,
            }
        };
        charges.iter().map(due).collect()
    }

    /// Takes what is due, if `may_wait` allows the wait that it takes: then the wait, else what it
    /// would have been, and nothing is taken.
    pub(crate) fn take(
        &self,
        due: &[Due],
        may_wait: impl FnOnce(Duration) -> bool,
    ) -> Result<Duration, Duration> {
        if due.is_empty() {
            return Ok(Duration::ZERO);
        }
        let now = Instant::now();
        let mut buckets = self.buckets();
        let wait = due.iter().map(|due| wait(&buckets, due, now)).max();
        let wait = wait.unwrap_or_default();
        if !may_wait(wait) {
            return Err(wait);
        }
        for due in due {
            let bucket = entry(&mut buckets, due.bucket, now);
            bucket.full_at = bucket.full_at.max(now) + due.charge.time();
        }
        Ok(wait)
    }

    /// Takes nothing more from these buckets for as long as the provider asks.
    pub(crate) fn block(&self, due: &[Due], wait: Duration) {
        let now = Instant::now();
        let until = now + wait.min(LONGEST_BLOCK);
        let mut buckets = self.buckets();
        for due in due {
            let bucket = entry(&mut buckets, due.bucket, now);
            bucket.blocked_until = bucket.blocked_until.max(until);
        }
    }

    fn buckets(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Bucket>> {
        let buckets = self.shared.buckets.lock();
        buckets.unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long until there is enough in the bucket.
fn wait(buckets: &HashMap<u64, Bucket>, due: &Due, now: Instant) -> Duration {
    let Some(bucket) = buckets.get(&due.bucket) else {
        return Duration::ZERO;
    };
    let enough_at = bucket.full_at.max(now) + due.charge.time();
    let short = enough_at.saturating_duration_since(now + due.charge.limit.per);
    short.max(bucket.blocked_until.saturating_duration_since(now))
}

fn entry(buckets: &mut HashMap<u64, Bucket>, key: u64, now: Instant) -> &mut Bucket {
    if buckets.len() >= BUCKETS && !buckets.contains_key(&key) {
        buckets.retain(|_, bucket| bucket.full_at > now || bucket.blocked_until > now);
        // All are in use: the one that matters for the shortest time goes.
        let first = buckets.iter();
        let first = first.min_by_key(|(_, bucket)| bucket.full_at.max(bucket.blocked_until));
        if buckets.len() >= BUCKETS
            && let Some((&first, _)) = first
        {
            buckets.remove(&first);
        }
    }
    buckets.entry(key).or_insert(Bucket {
        full_at: now,
        blocked_until: now,
    })
}

#[cfg(test)]
mod tests;
