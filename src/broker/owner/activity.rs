//! A caller's own part of the audit log.

use crate::audit::{AuditKind, AuditOutcome, AuditQuery};
use crate::broker::owner::Owner;
use crate::broker::{Activity, BrokerError, ConnectionId};
use crate::caller::Caller;

/// Pages of the log that are looked through: of 5,000 records each, so all that are kept unless
/// `audit.keep` was raised.
const PAGES: usize = 5;

impl Owner {
    /// See [`crate::broker::Broker::activity`].
    pub(super) async fn activity(&self, caller: &Caller) -> Result<Activity, BrokerError> {
        let store = self.store();
        let mut unseen: Vec<ConnectionId> = store
            .connections(caller)
            .await?
            .iter()
            .map(|connection| connection.id)
            .collect();
        let mut query = AuditQuery {
            limit: usize::MAX,
            kind: Some(AuditKind::Call),
            user: Some(self.user(caller)),
            ..AuditQuery::default()
        };
        let mut activity = Activity::default();
        for _ in 0..PAGES {
            let page = store.audit(query.clone()).await?;
            for record in page.records {
                let connection = record.connection.map(|id| ConnectionId(id.0));
                if let Some(id) = connection
                    && let Some(place) = unseen.iter().position(|unseen| *unseen == id)
                {
                    unseen.swap_remove(place);
                    activity.last_use.insert(id, record.at);
                }
                // How it ended is in a record of its own.
                let began = record.outcome == AuditOutcome::Started;
                if !began && activity.calls.len() < Activity::MOST {
                    activity.calls.push(record);
                }
            }
            query.before = page.next;
            activity.is_cut = page.next.is_some();
            let done = unseen.is_empty() && activity.calls.len() == Activity::MOST;
            if done || !activity.is_cut {
                return Ok(activity);
            }
        }
        Ok(activity)
    }
}
