//! A sign-in with another account than the expected one: what came of it is kept or dropped, as the
//! person says, and no call can use it before.

use secrecy::SecretString;

use crate::audit::{AuditKind, AuditOutcome, Event};
use crate::broker::owner::Owner;
use crate::broker::owner::browser::is_same_browser;
use crate::broker::{BrokerError, LinkError};
use crate::caller::Caller;
use crate::oauth::token::Identity;
use crate::store::error::StoreError;
use crate::store::records::{Flow, FlowStatus, Grant, OtherAccount};
use crate::store::sled::{Change, Store};

impl Owner {
    /// Keeps the other account's grant in the flow's row until the person has decided.
    pub(super) async fn hold(
        &self,
        store: &Store,
        mut flow: Flow,
        browser_digest: [u8; 32],
        identity: Identity,
        grant: Grant,
    ) -> Result<(), BrokerError> {
        let other = OtherAccount {
            account_id: identity.id,
            account: identity.label,
            grant,
        };
        flow.status = FlowStatus::OtherAccount {
            other: Box::new(other.clone()),
            browser_digest,
        };
        let event = self.flow_event(AuditKind::Connect, AuditOutcome::Failed, &flow);
        let record = self.recorded(store, event.error("other_account"));
        let held = self.end_exchange(store, flow.clone(), vec![record]).await;
        if held.is_err() {
            self.let_go(&flow, &other).await;
        }
        held
    }

    /// See [`crate::broker::Broker::settle`].
    pub(in crate::broker) async fn settle(
        &self,
        link_token: &SecretString,
        cookie: &SecretString,
        person: &Caller,
        keep: bool,
    ) -> Result<(), LinkError> {
        loop {
            let (store, flow, _) = self.own_link(link_token, person).await?;
            let (other, browser_digest) = match &flow.status {
                FlowStatus::OtherAccount {
                    other,
                    browser_digest,
                } => (Some(other.clone()), *browser_digest),
                FlowStatus::Settled { browser_digest, .. } => (None, *browser_digest),
                _ => return Err(LinkError::Gone),
            };
            if !is_same_browser(Some(cookie), &browser_digest) {
                return Err(LinkError::Unknown);
            }
            // The button was pressed twice: the first time counts, and the result page says what.
            let Some(other) = other else { return Ok(()) };
            if self.is_over(&flow) {
                return Err(LinkError::Gone);
            }
            let owner = self.clone();
            // Detached: a browser that hangs up must not leave a decision half done.
            let settled = tokio::spawn(async move {
                if keep {
                    owner.keep(&store, flow, *other, browser_digest).await
                } else {
                    owner.refuse(&store, flow, *other, browser_digest).await
                }
            });
            match settled.await.expect("the settling task does not panic") {
                Ok(()) => return Ok(()),
                // Decided by another click, or the client declined meanwhile: look again.
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(BrokerError::from(error).into()),
            }
        }
    }

    /// Makes a connection of its own of the other account.
    async fn keep(
        &self,
        store: &Store,
        mut flow: Flow,
        other: OtherAccount,
        browser_digest: [u8; 32],
    ) -> Result<(), StoreError> {
        let identity = Identity {
            id: other.account_id,
            label: other.account.clone(),
            verified_email: None,
        };
        let placed = self
            .placed(store, &flow, identity, other.grant, None)
            .await?;
        flow.status = FlowStatus::Settled {
            account: other.account,
            kept: true,
            browser_digest,
        };
        let event = Event {
            client: flow.client_name.clone(),
            ..self.event(
                AuditKind::Connect,
                AuditOutcome::Finished,
                &placed.connection,
            )
        };
        let put = Change::PutConnection(placed.connection.clone());
        let record = self.recorded(store, event);
        self.end(store, flow, vec![put, record]).await
    }

    /// Forgets the other account, here first and then at the provider.
    async fn refuse(
        &self,
        store: &Store,
        mut flow: Flow,
        other: OtherAccount,
        browser_digest: [u8; 32],
    ) -> Result<(), StoreError> {
        flow.status = FlowStatus::Settled {
            account: other.account.clone(),
            kept: false,
            browser_digest,
        };
        self.end(store, flow.clone(), Vec::new()).await?;
        self.let_go(&flow, &other).await;
        Ok(())
    }

    /// Revokes what came for an account that is not kept, best effort.
    ///
    /// Some providers revoke all that the account ever granted to this client, and the account may
    /// be connected by now: then what came is only dropped.
    pub(super) async fn let_go(&self, flow: &Flow, other: &OtherAccount) {
        let Some(provider) = self.provider(&flow.provider_id) else {
            return;
        };
        let identity = Identity {
            id: other.account_id.clone(),
            label: other.account.clone(),
            verified_email: None,
        };
        if !self.is_connected(flow, &identity).await {
            let refresh_token = other.grant.refresh_token.as_ref();
            self.give_back(provider, &other.grant.access_token, refresh_token)
                .await;
        }
    }

    /// Lets go of what the person never decided about. A row goes after its revocation, so that a
    /// process that ends between the two leaves it to the next.
    pub(super) async fn let_go_undecided(&self, over: Vec<Flow>) -> Result<(), StoreError> {
        for flow in over {
            if let FlowStatus::OtherAccount { other, .. } = &flow.status {
                self.let_go(&flow, other).await;
            }
            let delete = vec![Change::DeleteFlow(flow.id)];
            self.0.vault.store().commit(delete).await?;
        }
        Ok(())
    }
}

/// Why the last sign-in of a flow did not end in its connection.
pub(super) fn failure(flow: &Flow) -> Option<String> {
    let expected = flow.account_hint.as_deref().unwrap_or("another account");
    match &flow.status {
        FlowStatus::Failed { reason, .. } => Some(reason.clone()),
        FlowStatus::OtherAccount { other, .. } => Some(format!(
            "The sign-in was as {}, but {expected} was expected. The page in the browser asks \
             what to do.",
            other.account
        )),
        FlowStatus::Settled { account, .. } => Some(format!(
            "The sign-in was as {account}, but {expected} was expected."
        )),
        _ => None,
    }
}
