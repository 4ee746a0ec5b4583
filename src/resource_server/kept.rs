//! A document of an issuer that is kept: fetched when it is needed, by one task however many wait,
//! and used on while the issuer fails.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::clock::Clock;

/// How long a document is used on while no newer one can be had: an outage of a night, but not for
/// ever, since the keys in it may have been withdrawn.
const LONGEST: Duration = Duration::from_hours(24);

/// At least so long between two attempts to replace a document. Anyone can ask for a key that does
/// not exist.
const BETWEEN: Duration = Duration::from_secs(30);

/// The same while there is no document, when nobody can call.
const BETWEEN_FIRST: Duration = Duration::from_secs(2);

/// A document and when it was fetched.
#[derive(Debug)]
pub(super) struct Kept<T> {
    state: Mutex<State<T>>,
    /// Held by the one who fetches.
    turn: Arc<tokio::sync::Mutex<()>>,
    clock: Clock,
    /// How long it is not asked for again.
    lifetime: Duration,
    /// What it is, for the log.
    name: &'static str,
}

#[derive(Debug)]
struct State<T> {
    kept: Option<(Arc<T>, Timestamp)>,
    /// The last attempt that failed, or that was to replace a document.
    tried: Option<Timestamp>,
    cause: String,
}

impl<T: Send + Sync + 'static> Kept<T> {
    pub(super) fn new(name: &'static str, lifetime: Duration, clock: Clock) -> Self {
        Self {
            state: Mutex::new(State {
                kept: None,
                tried: None,
                cause: String::new(),
            }),
            turn: Arc::default(),
            clock,
            lifetime,
            name,
        }
    }

    /// The document: as kept while it is fresh, else as `fetch` brings it, else as kept all the
    /// same. The error is why there is none.
    pub(super) async fn get(
        self: &Arc<Self>,
        fetch: impl Future<Output = Result<T, String>> + Send + 'static,
    ) -> Result<Arc<T>, String> {
        let fresh = |at: Timestamp, now| within(at, now, self.lifetime);
        if let Some((value, at)) = self.kept()
            && fresh(at, self.clock.now())
        {
            return Ok(value);
        }
        self.fetch_unless(|_, at, now| fresh(at, now), fetch).await
    }

    /// A newer document than `known`, if there is one to be had.
    pub(super) async fn newer(
        self: &Arc<Self>,
        known: &Arc<T>,
        fetch: impl Future<Output = Result<T, String>> + Send + 'static,
    ) -> Result<Arc<T>, String> {
        self.fetch_unless(|value, _, _| !Arc::ptr_eq(value, known), fetch)
            .await
    }

    /// Fetches, unless what is kept is good enough or an attempt was made a moment ago.
    async fn fetch_unless(
        self: &Arc<Self>,
        enough: impl Fn(&Arc<T>, Timestamp, Timestamp) -> bool,
        fetch: impl Future<Output = Result<T, String>> + Send + 'static,
    ) -> Result<Arc<T>, String> {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        // Who waited for the turn finds what was fetched meanwhile.
        let kept = self.kept();
        let now = self.clock.now();
        if let Some((value, at)) = &kept
            && enough(value, *at, now)
        {
            return Ok(Arc::clone(value));
        }
        {
            let mut state = self.state();
            let between = match kept {
                Some(_) => BETWEEN,
                None => BETWEEN_FIRST,
            };
            if state.tried.is_some_and(|at| within(at, now, between)) {
                return match kept {
                    Some((value, _)) => Ok(value),
                    None => Err(state.cause.clone()),
                };
            }
            state.tried = Some(now);
        }
        let this = Arc::clone(self);
        let first = kept.is_none();
        // A task of its own: the call that began it may be given up, and the attempt counts.
        let fetching = tokio::spawn(async move {
            let fetched = fetch.await;
            let mut state = this.state();
            match fetched {
                Ok(value) => {
                    state.kept = Some((Arc::new(value), this.clock.now()));
                    if first {
                        state.tried = None;
                    }
                }
                Err(cause) => {
                    tracing::warn!(cause, kept = !first, "{} could not be fetched", this.name);
                    state.cause = cause;
                }
            }
            drop(state);
            drop(turn);
        });
        fetching
            .await
            .map_err(|_| "it could not be asked".to_owned())?;
        match self.kept() {
            Some((value, _)) => Ok(value),
            None => Err(self.state().cause.clone()),
        }
    }

    fn kept(&self) -> Option<(Arc<T>, Timestamp)> {
        let now = self.clock.now();
        let kept = self.state().kept.clone();
        kept.filter(|(_, at)| within(*at, now, LONGEST))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether `now` is less than `length` after `at`. Before it, the clock was set back: then not.
fn within(at: Timestamp, now: Timestamp, length: Duration) -> bool {
    let passed = now.duration_since(at);
    !passed.is_negative()
        && passed < SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX)
}
