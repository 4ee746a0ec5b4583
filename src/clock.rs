//! The wall clock, passed in wherever time decides something, so that tests can turn it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

/// A source of the current time: the system's clock, or one that a test sets.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// The system's wall clock.
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that stands at `start` until [`Clock::advance`] or [`Clock::set`] moves it. Clones share the time.
    pub fn standing_at(start: Timestamp) -> Self {
        Self(Some(Arc::new(AtomicI64::new(start.as_millisecond()))))
    }

    /// The current time; a test's clock counts in milliseconds.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the system's clock"
    )]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            None => Timestamp::now(),
            Some(millis) => Timestamp::from_millisecond(millis.load(Ordering::SeqCst))
                .expect("a test keeps its clock within jiff's range"),
        }
    }

    /// Sets a test's clock, also back. The system's clock is left alone.
    pub fn set(&self, time: Timestamp) {
        if let Some(millis) = &self.0 {
            millis.store(time.as_millisecond(), Ordering::SeqCst);
        }
    }

    /// Moves a test's clock forward. The system's clock is left alone.
    pub fn advance(&self, by: Duration) {
        if let Some(millis) = &self.0 {
            let by = i64::try_from(by.as_millis()).expect("a test advances by less than an aeon");
            millis.fetch_add(by, Ordering::SeqCst);
        }
    }
}
