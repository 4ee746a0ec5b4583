//! Flows as the browser sees them: the connect page, the way to the provider, the ending.

use std::collections::BTreeSet;

use secrecy::SecretString;
use subtle::ConstantTimeEq;
use url::Url;

use crate::broker::owner::Owner;
use crate::broker::{BrokerError, ConnectPage, Ending, LinkError, ScopeLine};
use crate::caller::Caller;
use crate::oauth::provider::{AuthorizeRequest, Provider};
use crate::seal;
use crate::store::error::StoreError;
use crate::store::records::{Connection, ConnectionState, Flow, FlowId, FlowStatus};
use crate::store::sled::{Change, Store};

impl Owner {
    /// See [`crate::broker::Broker::page`].
    pub(in crate::broker) async fn page(
        &self,
        link_token: &SecretString,
        person: &Caller,
    ) -> Result<ConnectPage, LinkError> {
        let (store, flow, provider) = self.opened_link(link_token, person).await?;
        let existing = self.existing(&store, &flow).await?;
        Ok(ConnectPage {
            provider: provider.title().to_owned(),
            account: flow.account_hint.clone(),
            scopes: flow
                .scopes
                .iter()
                .map(|scope| ScopeLine {
                    text: provider.describe_scope(scope),
                    scope: scope.clone(),
                    new: flow.new_scopes.contains(scope),
                })
                .collect(),
            client_name: flow.client_name.clone(),
            reconnect: existing
                .is_some_and(|connection| connection.state != ConnectionState::Connected),
        })
    }

    /// See [`crate::broker::Broker::issuer_of`].
    pub(in crate::broker) async fn issuer_of(
        &self,
        link_token: &SecretString,
    ) -> Result<String, LinkError> {
        let (_, flow, _) = self.link(link_token).await?;
        self.check_open(&flow)?;
        Ok(flow.caller.issuer().to_owned())
    }

    /// See [`crate::broker::Broker::begin`].
    pub(in crate::broker) async fn begin(
        &self,
        link_token: &SecretString,
        cookie: &SecretString,
        person: &Caller,
    ) -> Result<Url, LinkError> {
        loop {
            let (store, mut flow, provider) = self.opened_link(link_token, person).await?;
            let existing = self.existing(&store, &flow).await?;
            let state = seal::random_token();
            let verifier = provider.pkce().then(seal::random_token);
            let url = provider
                .authorize_url(&AuthorizeRequest {
                    redirect_uri: &self.redirect_uri(provider),
                    state: &state,
                    verifier: verifier.as_ref(),
                    scopes: &flow.scopes,
                    existing_scopes: existing
                        .as_ref()
                        .map_or(&BTreeSet::new(), |connection| &connection.grant.scopes),
                    login_hint: flow.account_hint.as_deref(),
                    holds_refresh_token: existing.as_ref().is_some_and(|connection| {
                        connection.state == ConnectionState::Connected
                            && connection.grant.refresh_token.is_some()
                    }),
                })
                .map_err(BrokerError::from)?;
            let before = flow.clone();
            flow.status = FlowStatus::AtProvider {
                state_digest: seal::digest(&state),
                browser_digest: seal::digest(cookie),
                verifier,
            };
            flow.version += 1;
            match store.commit(vec![Change::PutFlow(flow)]).await {
                Ok(()) => {
                    self.0.vault.changed(before.id);
                    // Who starts over has decided against the account that came before.
                    if let FlowStatus::OtherAccount { other, .. } = before.status.clone() {
                        let owner = self.clone();
                        tokio::spawn(async move { owner.let_go(&before, &other).await });
                    }
                    return Ok(url);
                }
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(BrokerError::from(error).into()),
            }
        }
    }

    /// See [`crate::broker::Broker::ending`].
    pub(in crate::broker) async fn ending(
        &self,
        link_token: &SecretString,
        cookie: &SecretString,
        person: &Caller,
    ) -> Result<Option<Ending>, LinkError> {
        let (store, flow, provider) = self.own_link(link_token, person).await?;
        let title = provider.title().to_owned();
        let (ending, browser_digest) = match &flow.status {
            FlowStatus::Pending => return Ok(None),
            FlowStatus::AtProvider { browser_digest, .. }
            | FlowStatus::Exchanging { browser_digest } => (None, browser_digest),
            FlowStatus::OtherAccount {
                other,
                browser_digest,
            } => {
                let ending = Ending::OtherAccount {
                    provider: title,
                    account: other.account.clone(),
                    expected: flow.account_hint.clone().unwrap_or_default(),
                };
                (Some(ending), browser_digest)
            }
            FlowStatus::Settled {
                account,
                kept,
                browser_digest,
            } => {
                let ending = Ending::Settled {
                    provider: title,
                    account: account.clone(),
                    kept: *kept,
                    expected: flow.account_hint.clone().unwrap_or_default(),
                };
                (Some(ending), browser_digest)
            }
            FlowStatus::Declined { browser_digest } => {
                (Some(Ending::Declined { provider: title }), browser_digest)
            }
            FlowStatus::Failed {
                reason,
                again,
                browser_digest,
            } => {
                let reason = reason.clone();
                let ending = Ending::Failed {
                    provider: title,
                    reason,
                    again: *again,
                };
                (Some(ending), browser_digest)
            }
            FlowStatus::Completed {
                connection,
                browser_digest,
            } => {
                let connection = store
                    .connection(&flow.caller, *connection)
                    .await
                    .map_err(BrokerError::from)?
                    .ok_or(LinkError::Gone)?;
                let ending = Ending::Connected {
                    provider: title,
                    missing: not_granted(provider, &flow, &connection.grant.scopes),
                    account: connection.account,
                };
                (Some(ending), browser_digest)
            }
        };
        if !is_same_browser(Some(cookie), browser_digest) {
            return Err(LinkError::Unknown);
        }
        Ok(ending)
    }

    /// The flow behind a link that was made for `person`.
    pub(super) async fn own_link(
        &self,
        link_token: &SecretString,
        person: &Caller,
    ) -> Result<(Store, Flow, &Provider), LinkError> {
        let (store, flow, provider) = self.link(link_token).await?;
        check_person(&flow, person)?;
        Ok((store, flow, provider))
    }

    /// The flow behind a link.
    async fn link(&self, link_token: &SecretString) -> Result<(Store, Flow, &Provider), LinkError> {
        let store = self.store();
        let flow = store
            .flow(FlowId(seal::digest(link_token)))
            .await
            .map_err(BrokerError::from)?
            .ok_or(LinkError::Unknown)?;
        let provider = self.provider(&flow.provider_id).ok_or(LinkError::Gone)?;
        Ok((store, flow, provider))
    }

    /// The flow behind a link that `person` may still post. Of one that is over it is not said whose
    /// it was.
    async fn opened_link(
        &self,
        link_token: &SecretString,
        person: &Caller,
    ) -> Result<(Store, Flow, &Provider), LinkError> {
        let (store, flow, provider) = self.link(link_token).await?;
        self.check_open(&flow)?;
        check_person(&flow, person)?;
        Ok((store, flow, provider))
    }

    fn check_open(&self, flow: &Flow) -> Result<(), LinkError> {
        // One that is not running any more could not be saved: its code is spent, its link is not.
        let exchanging = self.0.exchanges.is_running(flow.id);
        if exchanging || !flow.is_open() || self.is_over(flow) {
            return Err(LinkError::Gone);
        }
        Ok(())
    }

    async fn existing(
        &self,
        store: &Store,
        flow: &Flow,
    ) -> Result<Option<Connection>, BrokerError> {
        match flow.connection {
            Some(id) => Ok(store.connection(&flow.caller, id).await?),
            None => Ok(None),
        }
    }
}

fn check_person(flow: &Flow, person: &Caller) -> Result<(), LinkError> {
    if flow.caller == *person {
        Ok(())
    } else {
        Err(LinkError::OtherPerson)
    }
}

pub(super) fn is_same_browser(cookie: Option<&SecretString>, digest: &[u8; 32]) -> bool {
    cookie.is_some_and(|cookie| seal::digest(cookie).ct_eq(digest).into())
}

/// What was asked for and not granted, in plain words. The scopes that only tell who the user is
/// come back under other names, and nothing depends on them.
fn not_granted(provider: &Provider, flow: &Flow, granted: &BTreeSet<String>) -> Vec<String> {
    let base = provider.base_scopes();
    flow.scopes
        .iter()
        .filter(|scope| !granted.contains(*scope) && !base.contains(*scope))
        .map(|scope| provider.describe_scope(scope))
        .collect()
}
