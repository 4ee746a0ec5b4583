//! Taking back all that a caller has, when they leave.

use crate::audit::{AuditKind, AuditOutcome, Event};
use crate::broker::owner::Owner;
use crate::broker::{BrokerError, RevokedUser};
use crate::caller::Caller;
use crate::store::records::Flow;
use crate::store::sled::{Change, Store};

impl Owner {
    /// See [`crate::broker::Broker::revoke_user`].
    pub(super) async fn revoke_user(&self, caller: &Caller) -> Result<RevokedUser, BrokerError> {
        let store = self.store();
        // First: who is signed in could begin anew what is taken back here.
        self.end_all_sessions(caller).await?;
        let mut revoked = RevokedUser {
            // Once: a call that waited for one of these mints the next, whose link has to work.
            flows: self.drop_flows(&store, caller).await?,
            ..RevokedUser::default()
        };
        // Again until nothing is left: a sign-in may have ended in a connection at that moment.
        loop {
            let connections = store.connections(caller).await?;
            if connections.is_empty() {
                break;
            }
            for connection in connections {
                revoked
                    .connections
                    .extend(self.disconnect(caller, connection.id).await?);
            }
        }
        self.forget_keyed_calls(caller).await?;
        let kept = revoked.connections.iter();
        let kept = kept.filter(|done| done.revoked != Ok(true)).count();
        let at = self.now();
        let mut event = Event::new(AuditKind::RevokeUser, AuditOutcome::Finished, caller, at);
        if kept > 0 {
            event = event.error("not_revoked");
        }
        store.commit(vec![self.recorded(&store, event)]).await?;
        Ok(revoked)
    }

    /// Deletes the caller's flows, so that no link of theirs leads anywhere any more. Returns how
    /// many were open.
    async fn drop_flows(&self, store: &Store, caller: &Caller) -> Result<usize, BrokerError> {
        // No flow is minted meanwhile.
        let _minting = self.0.minting.lock().await;
        let mut flows = store.flows().await?;
        flows.retain(|flow| flow.caller == *caller);
        let deleted = flows.iter().map(|flow| Change::DeleteFlow(flow.id));
        store.commit(deleted.collect()).await?;
        for flow in &flows {
            self.0.vault.ended(flow);
        }
        Ok(flows.iter().filter(|flow| Flow::is_open(flow)).count())
    }
}
