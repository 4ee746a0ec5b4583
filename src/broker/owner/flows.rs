//! Flows as the calls see them: minting a link, joining one, waiting for its end.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::audit::{AuditKind, AuditOutcome};
use crate::broker::owner::Owner;
use crate::broker::owner::access::to_ask;
use crate::broker::owner::vault::FlowKey;
use crate::broker::sign_in;
use crate::broker::{
    Access, BrokerError, Consent, ConsentReason, Denied, FLOW_LIFETIME, FlowOutcome, Requirement,
};
use crate::caller::Caller;
use crate::metrics;
use crate::oauth::provider::Provider;
use crate::seal;
use crate::store::alias::Alias;
use crate::store::error::StoreError;
use crate::store::records::{Connection, ConnectionState, Flow, FlowId, FlowStatus};
use crate::store::sled::{Change, Store};

/// How long a person who said no is left in peace.
const DECLINE_PAUSE: SignedDuration = SignedDuration::from_secs(60);

/// Open flows of one caller with one provider, which differ in their account.
const MAX_FLOWS_OF_ONE: usize = 5;

/// Open flows in all.
const MAX_FLOWS: usize = 10_000;

/// What a link is for.
#[derive(Clone, Debug)]
pub(super) struct Wanted<'a> {
    /// The connection to renew or extend; none for a new account.
    pub(super) connection: Option<&'a Connection>,
    /// What the new account will be called.
    pub(super) alias: Option<Alias>,
    /// Why a link is needed.
    pub(super) reason: ConsentReason,
}

impl Owner {
    /// A link for what is missing: the live flow's, or a new one's. Durable when this returns.
    pub(super) async fn consent(
        &self,
        caller: &Caller,
        provider: &Provider,
        requirement: &Requirement,
        wanted: Wanted<'_>,
    ) -> Result<Access, BrokerError> {
        let Wanted {
            connection,
            alias,
            reason,
        } = wanted;
        let public_url = &self.0.settings.config.server.public_url;
        let problem = provider
            .unusable()
            .or_else(|| provider.redirect_problem(&self.redirect_uri(provider)));
        if let Some(problem) = problem {
            return Err(BrokerError::Unusable(problem));
        }
        if let Some(denied) = sign_in::problem(&self.0.settings.config, caller, provider) {
            return Ok(Access::Denied(denied));
        }
        let account = connection
            .map(|connection| connection.account.clone())
            .or_else(|| requirement.account.clone());
        let key = FlowKey::new(caller, provider.id(), account.as_deref(), alias.as_ref());
        let granted = connection
            .filter(|connection| connection.state == ConnectionState::Connected)
            .map(|connection| connection.grant.scopes.clone())
            .unwrap_or_default();
        let needed = provider.missing(&requirement.scopes, &granted);

        let store = self.store();
        let _minting = self.0.minting.lock().await;
        let now = self.now();
        self.0.vault.none_open(now);
        if let Some(flow) = self
            .joined(&store, &key, (provider, connection), &needed)
            .await?
        {
            self.0.port.open().await?;
            let failure = self.0.vault.failure(&key, now);
            return Ok(Access::Consent(describe(
                provider, public_url, &flow, reason, failure,
            )));
        }
        if let Some(at) = self.0.vault.declined_at(&key) {
            // A clock that was set back must not make it a day.
            let left = DECLINE_PAUSE - now.duration_since(at).abs();
            if left.is_positive() {
                return Ok(Access::Denied(Denied::Declined {
                    provider: provider.title().to_owned(),
                    retry_after_s: left.as_secs().unsigned_abs() + 1,
                }));
            }
        }
        let (all, own) = self.0.vault.open_flows(&key);
        if all >= MAX_FLOWS || own >= MAX_FLOWS_OF_ONE {
            return Err(BrokerError::TooManyFlows);
        }
        let scopes = to_ask(provider, connection, &needed);
        let link_token = seal::random_token();
        let flow = Flow {
            version: 1,
            id: FlowId(seal::digest(&link_token)),
            link_token,
            caller: caller.clone(),
            provider_id: provider.id().to_owned(),
            connection: connection.map(|connection| connection.id),
            expected_account_id: connection.map(|connection| connection.account_id.clone()),
            account_hint: account,
            alias,
            new_scopes: scopes.difference(&granted).cloned().collect(),
            scopes,
            client_name: requirement.client_name.clone(),
            elicitation_declined: false,
            status: FlowStatus::Pending,
            created_at: now,
            expires_at: now + FLOW_LIFETIME,
            ended_at: None,
        };
        // The port first: a link whose callback somebody else would receive must not exist.
        self.0.port.open().await?;
        store.commit(vec![Change::PutFlow(flow.clone())]).await?;
        metrics::flow(metrics::Flow::Minted);
        self.0.vault.opened(&flow)?;
        let failure = self.0.vault.failure(&key, now);
        Ok(Access::Consent(describe(
            provider, public_url, &flow, reason, failure,
        )))
    }

    /// The live flow under `key`, with the scopes of this call added as long as nobody posted its
    /// page.
    async fn joined(
        &self,
        store: &Store,
        key: &FlowKey,
        (provider, connection): (&Provider, Option<&Connection>),
        needed: &BTreeSet<String>,
    ) -> Result<Option<Flow>, BrokerError> {
        let Some(id) = self.0.vault.flow(key) else {
            return Ok(None);
        };
        loop {
            let Some(mut flow) = store.flow(id).await? else {
                return Ok(None);
            };
            if !flow.is_open() || self.is_over(&flow) {
                return Ok(None);
            }
            let posted = is_posted(&flow);
            if posted || needed.is_subset(&flow.scopes) {
                return Ok(Some(flow));
            }
            let wanted = flow.scopes.union(needed).cloned().collect();
            let scopes = to_ask(provider, connection, &wanted);
            if scopes == flow.scopes {
                return Ok(Some(flow));
            }
            flow.scopes = scopes;
            flow.new_scopes.extend(needed.iter().cloned());
            flow.version += 1;
            match store.commit(vec![Change::PutFlow(flow.clone())]).await {
                Ok(()) => return Ok(Some(flow)),
                // The browser posted the page at this moment.
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// See [`crate::broker::Broker::wait`].
    pub(in crate::broker) async fn wait(
        &self,
        caller: &Caller,
        flow: FlowId,
        until: Instant,
    ) -> Result<FlowOutcome, BrokerError> {
        let store = self.store();
        let mut changes = self.0.vault.watch(flow);
        loop {
            changes.mark_unchanged();
            let Some(flow) = store.flow(flow).await? else {
                return Ok(FlowOutcome::Expired);
            };
            if flow.caller != *caller {
                return Ok(FlowOutcome::Expired);
            }
            match &flow.status {
                FlowStatus::Completed { .. } => return Ok(FlowOutcome::Completed),
                FlowStatus::Declined { .. } => return Ok(FlowOutcome::Declined),
                FlowStatus::Failed {
                    reason,
                    again: false,
                    ..
                } => {
                    return Ok(FlowOutcome::Failed(reason.clone()));
                }
                _ => {}
            }
            if self.is_over(&flow) {
                return Ok(FlowOutcome::Expired);
            }
            let left = flow.expires_at.duration_since(self.now());
            let left = Duration::try_from(left).unwrap_or_default();
            if Instant::now() >= until {
                return Ok(FlowOutcome::Open);
            }
            tokio::select! {
                _ = changes.changed() => {}
                () = tokio::time::sleep_until(until.min(Instant::now() + left)) => {}
            }
        }
    }

    /// See [`crate::broker::Broker::elicitation_declined`].
    pub(in crate::broker) async fn elicitation_declined(
        &self,
        caller: &Caller,
        flow: FlowId,
    ) -> Result<(), BrokerError> {
        let store = self.store();
        loop {
            let Some(mut flow) = store.flow(flow).await? else {
                return Ok(());
            };
            if flow.caller != *caller || flow.elicitation_declined {
                return Ok(());
            }
            flow.elicitation_declined = true;
            flow.version += 1;
            let event = self.flow_event(AuditKind::Elicitation, AuditOutcome::Declined, &flow);
            let record = self.recorded(&store, event);
            match store.commit(vec![Change::PutFlow(flow), record]).await {
                Err(StoreError::Conflict) => {}
                done => return Ok(done?),
            }
        }
    }

    /// Listens again for flows that an earlier owner left pending, clears away those that are over,
    /// copies the connections once a day and looks after the store. Runs as long as this process is
    /// the owner.
    pub(in crate::broker) async fn keep_house(&self) {
        const EVERY: Duration = Duration::from_mins(1);
        if !self.none_open()
            && let Err(error) = self.0.port.open().await
        {
            tracing::warn!(%error, "pending sign-ins were not resumed");
        }
        let sweep = async {
            loop {
                if let Err(error) = self.0.vault.store().back_up(self.now()).await {
                    tracing::warn!(%error, "the daily copy of the connections was not made");
                }
                let cleared = match self.0.vault.sweep(self.now()).await {
                    Ok(swept) => self.let_go_undecided(swept.undecided).await,
                    Err(error) => Err(error),
                };
                if let Err(error) = cleared {
                    tracing::warn!(%error, "flows that are over were not cleared away");
                }
                tokio::time::sleep(EVERY).await;
            }
        };
        tokio::join!(sweep, self.maintain());
    }

    /// Whether no flow is open.
    pub(in crate::broker) fn none_open(&self) -> bool {
        self.0.vault.none_open(self.now())
    }

    /// Wakes at every change of a flow.
    pub(in crate::broker) fn changes(&self) -> watch::Receiver<()> {
        self.0.vault.watch_all()
    }

    /// Our callback for this provider: one path each, so that a code cannot be delivered to the
    /// wrong one (RFC 9700 §4.4.2.2).
    pub(super) fn redirect_uri(&self, provider: &Provider) -> url::Url {
        redirect_uri(&self.0.settings.config.server.public_url, provider)
    }
}

/// See [`Owner::redirect_uri`].
pub(in crate::broker) fn redirect_uri(public_url: &url::Url, provider: &Provider) -> url::Url {
    under(public_url, &["oauth", "callback", provider.id()])
}

/// A path under the public URL.
pub(super) fn under(public_url: &url::Url, path: &[&str]) -> url::Url {
    let mut url = public_url.clone();
    url.path_segments_mut()
        .expect("the configuration takes only http and https URLs")
        .pop_if_empty()
        .extend(path);
    url
}

fn is_posted(flow: &Flow) -> bool {
    matches!(
        flow.status,
        FlowStatus::AtProvider { .. }
            | FlowStatus::Exchanging { .. }
            | FlowStatus::OtherAccount { .. }
            | FlowStatus::Settled { .. }
    )
}

fn describe(
    provider: &Provider,
    public_url: &url::Url,
    flow: &Flow,
    reason: ConsentReason,
    last_failure: Option<String>,
) -> Consent {
    #[expect(
        clippy::disallowed_methods,
        reason = "the link is made to be shown; it opens a page and nothing else"
    )]
    let token = secrecy::ExposeSecret::expose_secret(&flow.link_token);
    Consent {
        flow: flow.id,
        link: under(public_url, &["connect", token]),
        provider: provider.title().to_owned(),
        account: flow.connection.and_then(|_| flow.account_hint.clone()),
        scopes: flow.scopes.iter().cloned().collect(),
        scopes_in_words: flow
            .scopes
            .iter()
            .map(|scope| provider.describe_scope(scope))
            .collect(),
        reason,
        last_failure,
        expires_at: flow.expires_at,
        posted: is_posted(flow),
        elicitation_declined: flow.elicitation_declined,
    }
}
