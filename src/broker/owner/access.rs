//! The decision: what a call that needs a grant gets.

use std::collections::BTreeSet;

use crate::broker::owner::Owner;
use crate::broker::owner::refresh::Refreshed;
use crate::broker::{Access, BrokerError, ConsentReason, Denied, Granted, Requirement};
use crate::caller::Caller;
use crate::oauth::provider::{Kind, Provider};
use crate::store::records::{Connection, ConnectionState};

impl Owner {
    /// See [`crate::broker::Broker::access`].
    pub(in crate::broker) async fn access(
        &self,
        caller: &Caller,
        requirement: &Requirement,
    ) -> Result<Access, BrokerError> {
        let candidates = self.0.directory.candidates(requirement)?;
        let store = self.store().await?;
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
                    .is_none_or(|name| is_called(connection, name))
            })
            .collect();
        if fitting.len() > 1 {
            return Ok(Access::Denied(Denied::AmbiguousAccount {
                provider: candidates[0].title().to_owned(),
                accounts: fitting
                    .into_iter()
                    .map(|connection| connection.account)
                    .collect(),
            }));
        }
        match fitting.pop() {
            Some(connection) => self.access_with(requirement, connection).await,
            None if requirement
                .account
                .as_deref()
                .is_some_and(|name| !is_plain(name)) =>
            {
                Ok(Access::Denied(Denied::NotAnAccount {
                    provider: candidates[0].title().to_owned(),
                }))
            }
            None => {
                self.consent(
                    caller,
                    candidates[0],
                    None,
                    requirement,
                    ConsentReason::NotConnected,
                )
                .await
            }
        }
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
        if !missing(&requirement.scopes, &connection.grant.scopes).is_empty() {
            let reason = ConsentReason::MissingScopes;
            return self
                .consent_again(provider, &connection, requirement, reason)
                .await;
        }
        match self.fresh(provider, connection).await? {
            Refreshed::Usable(connection) => Ok(Access::Granted(Granted {
                connection: connection.id,
                account: connection.account,
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
            })),
            Refreshed::Refused { connection, reason } => {
                let reason = ConsentReason::NeedsReconnect(reason);
                self.consent_again(provider, &connection, requirement, reason)
                    .await
            }
            Refreshed::Gone(caller) => {
                let reason = ConsentReason::NotConnected;
                self.consent(&caller, provider, None, requirement, reason)
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
        self.consent(
            &connection.caller,
            provider,
            Some(connection),
            requirement,
            reason,
        )
        .await
    }
}

/// The scopes to ask for so that every group of `required` is covered: of each group that no
/// granted scope covers, the first.
pub(super) fn missing(required: &[Vec<String>], granted: &BTreeSet<String>) -> BTreeSet<String> {
    required
        .iter()
        .filter(|group| !group.iter().any(|scope| granted.contains(scope)))
        .filter_map(|group| group.first().cloned())
        .collect()
}

/// What a flow has to ask for. Most tokens carry only what their own request asked for, so the
/// granted scopes are asked for again; Google adds them itself (`include_granted_scopes=true`).
pub(super) fn to_ask(
    provider: &Provider,
    connection: Option<&Connection>,
    missing: &BTreeSet<String>,
) -> BTreeSet<String> {
    let mut scopes = provider.base_scopes();
    scopes.extend(missing.iter().cloned());
    if let Some(connection) = connection
        && (provider.kind() != Kind::Google
            || connection.state != ConnectionState::Connected
            || missing.is_empty())
    {
        scopes.extend(connection.grant.scopes.iter().cloned());
    }
    scopes
}

/// Whether a call that says `name` means this connection.
pub(super) fn is_called(connection: &Connection, name: &str) -> bool {
    connection.id.to_string() == name
        || is_account(&connection.account_id, &connection.account, name)
}

/// Whether `name` means the account with this id and label: the id, the label, or the label's part
/// before ` @ workspace`.
pub(super) fn is_account(id: &str, label: &str, name: &str) -> bool {
    let name = name.trim();
    id == name
        || label.eq_ignore_ascii_case(name)
        || label
            .split_once(" @ ")
            .is_some_and(|(user, _)| user.eq_ignore_ascii_case(name))
}

/// A name that may be shown to the person as the account to sign in with: it comes from the model,
/// and must not be a sentence or an address that leads elsewhere.
fn is_plain(name: &str) -> bool {
    name.len() <= 100
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._%+-@".contains(c))
}
