//! When flows end by the clock that nobody can set.
//!
//! The wall clock alone would let a link live longer whenever it is set back, and the monotonic one
//! alone while the machine sleeps: a flow is over as soon as one of them says so.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::broker::FLOW_LIFETIME;
use crate::store::records::{Flow, FlowId};

/// A flow that is over is remembered so long: its row may still be there, and the wall clock set
/// back once more.
const REMEMBERED: Duration = Duration::from_hours(1);

/// When each flow that was seen here is over at the latest.
#[derive(Debug, Default)]
pub(super) struct Deadlines(Mutex<HashMap<FlowId, Instant>>);

impl Deadlines {
    /// Whether the flow's time is over, by either clock: `now` is the wall's, `moment` the other's.
    pub(super) fn is_over(&self, flow: &Flow, now: Timestamp, moment: Instant) -> bool {
        let over = flow.is_over(now);
        let left = Duration::try_from(flow.expires_at.duration_since(now)).unwrap_or_default();
        let mut deadlines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = deadlines.contains_key(&flow.id);
        if !seen {
            deadlines.retain(|_, deadline| moment < *deadline + REMEMBERED);
        }
        let deadline = deadlines
            .entry(flow.id)
            .or_insert_with(|| moment + left.min(FLOW_LIFETIME));
        over || *deadline <= moment
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use secrecy::SecretString;

    use super::*;
    use crate::caller::Caller;
    use crate::store::records::FlowStatus;

    fn flow(created_at: Timestamp) -> Flow {
        Flow {
            version: 1,
            id: FlowId([1; 32]),
            link_token: SecretString::from("token"),
            caller: Caller::local(),
            provider_id: "google".to_owned(),
            connection: None,
            alias: None,
            expected_account_id: None,
            account_hint: None,
            scopes: std::collections::BTreeSet::new(),
            new_scopes: std::collections::BTreeSet::new(),
            client_name: None,
            elicitation_declined: false,
            status: FlowStatus::Pending,
            created_at,
            expires_at: created_at + FLOW_LIFETIME,
            ended_at: None,
        }
    }

    #[test]
    fn a_flow_is_over_when_either_clock_says_so() {
        const MINUTE: SignedDuration = SignedDuration::from_mins(1);
        let start: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let flow = flow(start);
        // Minutes by the wall clock and by the other one, since the flow was seen first.
        let cases = [
            (0, 0, false),
            (9, 9, false),
            (10, 0, true),
            (-1, 0, false),
            (-2, 0, true),
            (-60 * 24, 0, true),
            (60, 1, true),
            (5, 10, true),
            (-1, 11, true),
            (1, 50, true),
        ];
        for (wall, monotonic, expected) in cases {
            let deadlines = Deadlines::default();
            let moment = Instant::now();
            assert!(!deadlines.is_over(&flow, start, moment));
            let later = moment + Duration::from_mins(monotonic);
            let over = deadlines.is_over(&flow, start + MINUTE * wall, later);
            assert_eq!(over, expected, "{wall} and {monotonic} minutes later");
        }
        assert!(flow.is_over(Timestamp::UNIX_EPOCH));
    }
}
