//! The decision: what a call that needs a grant gets.

use std::collections::BTreeSet;

use crate::broker::owner::Owner;
use crate::broker::owner::flows::Wanted;
use crate::broker::owner::refresh::Refreshed;
use crate::broker::{Access, BrokerError, ConsentReason, Denied, Granted, Requirement};
use crate::caller::Caller;
use crate::oauth::provider::{Kind, Provider};
use crate::store::alias::Alias;
use crate::store::records::{Connection, ConnectionState};

impl Owner {
    /// See [`crate::broker::Broker::access`].
    pub(in crate::broker) async fn access(
        &self,
        caller: &Caller,
        requirement: &Requirement,
    ) -> Result<Access, BrokerError> {
        let candidates = self.0.directory.candidates(requirement)?;
        let store = self.store();
        let mut fitting: Vec<Connection> = store
            .connections(caller)
            .await?
            .into_iter()
            .filter(|connection| {
                candidates
                    .iter()
                    .any(|provider| provider.id() == connection.provider_id)
            })
            .filter(|connection| {
                requirement
                    .account
                    .as_deref()
                    .is_none_or(|name| connection.is_called(name))
            })
            .collect();
        if fitting.len() > 1 && requirement.account.is_none() && requirement.read_only {
            keep_the_default(&mut fitting);
        }
        if fitting.len() > 1 {
            return Ok(Access::Denied(Denied::AmbiguousAccount {
                provider: candidates[0].title().to_owned(),
                accounts: fitting
                    .into_iter()
                    .map(|connection| connection.shown())
                    .collect(),
            }));
        }
        match fitting.pop() {
            Some(connection) => self.access_with(requirement, connection).await,
            None => {
                self.consent_to_new(caller, candidates[0], requirement, None)
                    .await
            }
        }
    }

    /// See [`crate::broker::Broker::connect_as`].
    pub(in crate::broker) async fn connect_as(
        &self,
        caller: &Caller,
        requirement: &Requirement,
        alias: Alias,
    ) -> Result<Access, BrokerError> {
        let provider = self.0.directory.candidates(requirement)?[0];
        self.consent_to_new(caller, provider, requirement, Some(alias))
            .await
    }

    /// A link for an account that is not connected.
    async fn consent_to_new(
        &self,
        caller: &Caller,
        provider: &Provider,
        requirement: &Requirement,
        alias: Option<Alias>,
    ) -> Result<Access, BrokerError> {
        let named = requirement.account.as_deref();
        if named.is_some_and(|name| !may_name_account(provider, name)) {
            return Ok(Access::Denied(Denied::NotAnAccount {
                provider: provider.title().to_owned(),
            }));
        }
        let what = Wanted {
            connection: None,
            alias,
            reason: ConsentReason::NotConnected,
        };
        self.consent(caller, provider, requirement, what).await
    }

    async fn access_with(
        &self,
        requirement: &Requirement,
        connection: Connection,
    ) -> Result<Access, BrokerError> {
        let provider = self
            .provider(&connection.provider_id)
            .expect("the connection was chosen among the candidates' connections");
        if let ConnectionState::NeedsReconnect { reason } = &connection.state {
            let reason = ConsentReason::NeedsReconnect(reason.clone());
            return self
                .consent_again(provider, &connection, requirement, reason)
                .await;
        }
        let missing = provider.missing(&requirement.scopes, &connection.grant.scopes);
        if !missing.is_empty() {
            let reason = ConsentReason::MissingScopes;
            return self
                .consent_again(provider, &connection, requirement, reason)
                .await;
        }
        match self.fresh(provider, connection).await? {
            Refreshed::Usable(connection) => Ok(Access::Granted(Granted {
                connection: connection.id,
                account: connection.shown(),
                login: connection.account,
                access_token: connection.grant.access_token,
                api_base_url: provider
                    .api_base_url()
                    .ok_or_else(|| {
                        BrokerError::Unusable(format!(
                            "Provider entry `{}` has no api.base_url, so no tool can use its \
                             connection. Add it to the configuration.",
                            provider.id()
                        ))
                    })?
                    .clone(),
                file_origins: provider.file_origins().to_vec(),
            })),
            Refreshed::Refused { connection, reason } => {
                let reason = ConsentReason::NeedsReconnect(reason);
                self.consent_again(provider, &connection, requirement, reason)
                    .await
            }
            Refreshed::Gone(caller) => {
                self.consent_to_new(&caller, provider, requirement, None)
                    .await
            }
        }
    }

    async fn consent_again(
        &self,
        provider: &Provider,
        connection: &Connection,
        requirement: &Requirement,
        reason: ConsentReason,
    ) -> Result<Access, BrokerError> {
        let what = Wanted {
            connection: Some(connection),
            alias: None,
            reason,
        };
        self.consent(&connection.caller, provider, requirement, what)
            .await
    }
}

/// What a flow has to ask for. Most tokens carry only what their own request asked for, so the
/// granted scopes are asked for again; Google adds them itself (`include_granted_scopes=true`),
/// unless one of them is better left behind.
pub(super) fn to_ask(
    provider: &Provider,
    connection: Option<&Connection>,
    missing: &BTreeSet<String>,
) -> BTreeSet<String> {
    let mut scopes = provider.base_scopes();
    scopes.extend(missing.iter().cloned());
    let Some(connection) = connection else {
        return provider.without_restrictions(scopes);
    };
    let all: BTreeSet<String> = scopes.union(&connection.grant.scopes).cloned().collect();
    let best = provider.without_restrictions(all.clone());
    let adds = provider.kind() == Kind::Google
        && connection.state == ConnectionState::Connected
        && !missing.is_empty()
        && best == all;
    if adds { scopes } else { best }
}

/// Of several accounts the default alone, if exactly one is. (Two are when entries that had a
/// default each were given the same `provider_id` later.)
fn keep_the_default(fitting: &mut Vec<Connection>) {
    if fitting.iter().filter(|one| one.is_default).count() == 1 {
        fitting.retain(|one| one.is_default);
    }
}

/// A name that may be shown to the person as the account to sign in with: it comes from the model,
/// and must not be a sentence or an address that leads elsewhere. Google's accounts are e-mail
/// addresses: any other word is an alias that nobody gave, and nobody could sign in as it.
fn may_name_account(provider: &Provider, name: &str) -> bool {
    name.len() <= 100
        && (provider.kind() != Kind::Google || name.contains('@'))
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._%+-@".contains(c))
}
