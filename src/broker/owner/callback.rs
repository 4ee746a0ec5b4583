//! The browser's return from the provider: the checks, the exchange, the connection.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use secrecy::SecretString;

use crate::audit::{AuditKind, AuditOutcome, Event};
use crate::broker::owner::Owner;
use crate::broker::owner::browser::is_same_browser;
use crate::broker::owner::other_account;
use crate::broker::owner::refresh::ends_at;
use crate::broker::{BrokerError, Callback, CallbackError};
use crate::metrics;
use crate::oauth::provider::Provider;
use crate::oauth::token::{Identity, OAuthError, TokenSet};
use crate::seal;
use crate::store::error::StoreError;
use crate::store::records::{Flow, FlowId, FlowStatus, Grant, OtherAccount, is_account};
use crate::store::sled::{Change, Store};

/// Why an exchange did not end in a connection.
struct Failure {
    /// For the person. It may name accounts, so it is not logged.
    reason: String,
    /// For the logs.
    code: &'static str,
    /// The link still works.
    again: bool,
}

/// What came with the browser, and who was at it.
struct Arrived {
    browser_digest: [u8; 32],
    code: SecretString,
    verifier: Option<SecretString>,
    /// The person's verified e-mail address.
    email: Option<String>,
}

/// The flows whose code is being exchanged by this process.
#[derive(Debug, Default)]
pub(super) struct Exchanges(Mutex<HashSet<FlowId>>);

impl Exchanges {
    /// Whether the code of this flow is being exchanged.
    pub(super) fn is_running(&self, id: FlowId) -> bool {
        self.table().contains(&id)
    }

    /// None if one is running already.
    fn begin(owner: &Owner, id: FlowId) -> Option<Running> {
        let owner = owner.clone();
        let begun = owner.0.exchanges.table().insert(id);
        begun.then_some(Running { owner, id })
    }

    fn table(&self) -> MutexGuard<'_, HashSet<FlowId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An exchange that runs as long as this lives.
struct Running {
    owner: Owner,
    id: FlowId,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.owner.0.exchanges.table().remove(&self.id);
    }
}

impl Owner {
    /// See [`crate::broker::Broker::callback`].
    pub(in crate::broker) async fn callback(
        &self,
        callback: Callback,
    ) -> Result<SecretString, CallbackError> {
        let store = self.store();
        let state = callback.state.as_ref().ok_or(CallbackError::UnknownState)?;
        let mut flow = store
            .flow_by_state(seal::digest(state))
            .await
            .map_err(BrokerError::from)?
            .ok_or(CallbackError::UnknownState)?;
        if self.is_over(&flow) {
            match store.commit(vec![Change::DeleteFlow(flow.id)]).await {
                // It is swept out when there is space.
                Ok(()) | Err(StoreError::Full { .. }) => {}
                Err(error) => return Err(BrokerError::from(error).into()),
            }
            self.0.vault.ended(&flow);
            return Err(CallbackError::Expired);
        }
        let FlowStatus::AtProvider {
            browser_digest,
            verifier,
            ..
        } = flow.status.clone()
        else {
            return Err(CallbackError::Used);
        };
        if !is_same_browser(callback.cookie.as_ref(), &browser_digest) {
            return Err(CallbackError::OtherBrowser);
        }
        let visitor = callback.visitor.ok_or(CallbackError::OtherPerson)?;
        if visitor.caller != flow.caller {
            return Err(CallbackError::OtherPerson);
        }
        if callback.provider_id != flow.provider_id {
            return Err(CallbackError::OtherProvider);
        }
        let provider = self
            .provider(&flow.provider_id)
            .ok_or(CallbackError::OtherProvider)?
            .clone();
        let issuer_fits = match (&callback.iss, provider.issuer()) {
            (Some(iss), Some(issuer)) => iss == issuer,
            (None, _) => !provider.iss_required(),
            // Nothing to compare with: the path is the provider's own, which is as good.
            (Some(_), None) => true,
        };
        if !issuer_fits {
            return Err(CallbackError::OtherIssuer);
        }
        let Some(code) = callback.code.filter(|_| callback.error.is_none()) else {
            let error = callback.error.ok_or(CallbackError::NoCode)?;
            return self
                .refused_by_provider(&store, flow, browser_digest, &error)
                .await;
        };
        let running = Exchanges::begin(self, flow.id).ok_or(CallbackError::Used)?;
        flow.status = FlowStatus::Exchanging { browser_digest };
        flow.version += 1;
        match store.commit(vec![Change::PutFlow(flow.clone())]).await {
            Ok(()) => {}
            Err(StoreError::Conflict) => return Err(CallbackError::Used),
            Err(error) => return Err(BrokerError::from(error).into()),
        }
        let broker = self.clone();
        let link_token = flow.link_token.clone();
        // Detached: a browser that hangs up must not lose a code that is spent.
        let finish = tokio::spawn(async move {
            let _running = running;
            let arrived = Arrived {
                browser_digest,
                code,
                verifier,
                email: visitor.email,
            };
            broker.finish(&store, &provider, flow, arrived).await
        });
        finish.await.expect("the exchange task does not panic")?;
        Ok(link_token)
    }

    /// The provider sent the browser back with an error (RFC 6749 §4.1.2.1).
    async fn refused_by_provider(
        &self,
        store: &Store,
        mut flow: Flow,
        browser_digest: [u8; 32],
        error: &str,
    ) -> Result<SecretString, CallbackError> {
        let declined = error == "access_denied";
        let record = if declined {
            self.flow_event(AuditKind::Connect, AuditOutcome::Declined, &flow)
        } else {
            self.flow_event(AuditKind::Connect, AuditOutcome::Failed, &flow)
                .error(known(error))
        };
        let record = self.recorded(store, record);
        flow.status = if declined {
            FlowStatus::Declined { browser_digest }
        } else {
            FlowStatus::Failed {
                reason: refusal(error).to_owned(),
                again: error == "temporarily_unavailable" || error == "server_error",
                browser_digest,
            }
        };
        let link_token = flow.link_token.clone();
        match self.end(store, flow, vec![record]).await {
            Err(StoreError::Conflict) => Err(CallbackError::Used),
            Err(error) => Err(BrokerError::from(error).into()),
            Ok(()) => Ok(link_token),
        }
    }

    /// Exchanges the code and stores what comes of it.
    async fn finish(
        &self,
        store: &Store,
        provider: &Provider,
        mut flow: Flow,
        arrived: Arrived,
    ) -> Result<(), BrokerError> {
        let Arrived {
            browser_digest,
            code,
            verifier,
            email,
        } = arrived;
        let http = &self.0.settings.http;
        let redirect_uri = self.redirect_uri(provider);
        let exchanged = provider
            .exchange(http, &code, &redirect_uri, verifier.as_ref())
            .await;
        let outcome = match exchanged {
            Ok(tokens) => {
                let email = email.as_deref();
                self.identified(provider, &flow, tokens, email).await
            }
            Err(error) => Err(failure(error)),
        };
        match outcome {
            Ok((tokens, identity)) => {
                let other = OtherAccount {
                    account_id: identity.id.clone(),
                    account: identity.label.clone(),
                    grant: self.grant_of(tokens, &flow),
                };
                let grant = other.grant.clone();
                let kept = flow.clone();
                let done = if is_expected(&flow, &identity) {
                    let done = self
                        .connected(store, flow, browser_digest, identity, grant)
                        .await;
                    if done.is_err() {
                        self.let_go(&kept, &other).await;
                    }
                    done
                } else {
                    self.hold(store, flow, browser_digest, identity, grant)
                        .await
                };
                done.inspect_err(|error| self.not_saved(&kept, error))
            }
            Err(Failure {
                reason,
                code,
                again,
            }) => {
                tracing::warn!(
                    provider.id = provider.id(),
                    error.code = code,
                    "a sign-in failed"
                );
                let event = self.flow_event(AuditKind::Connect, AuditOutcome::Failed, &flow);
                let record = self.recorded(store, event.error(code));
                flow.status = FlowStatus::Failed {
                    reason,
                    again,
                    browser_digest,
                };
                self.end_exchange(store, flow, vec![record]).await
            }
        }
    }

    /// Asks who signed in. An account of another e-mail address than the person's is refused where
    /// the policy says so. Another account than the expected one that is connected already is
    /// refused: there is nothing to decide about it.
    async fn identified(
        &self,
        provider: &Provider,
        flow: &Flow,
        tokens: TokenSet,
        email: Option<&str>,
    ) -> Result<(TokenSet, Identity), Failure> {
        let http = &self.0.settings.http;
        let identity = match provider.identity(http, &tokens.access_token).await {
            Ok(identity) => identity,
            Err(error) => {
                let refresh_token = tokens.refresh_token.as_ref();
                self.give_back(provider, &tokens.access_token, refresh_token)
                    .await;
                return Err(failure(error));
            }
        };
        if self.0.settings.config.policy.require_matching_email
            && !is_same_email(identity.verified_email.as_deref(), email)
        {
            // Some providers revoke all that the account ever granted to this client.
            if !self.is_connected(flow, &identity).await {
                let refresh_token = tokens.refresh_token.as_ref();
                self.give_back(provider, &tokens.access_token, refresh_token)
                    .await;
            }
            return Err(other_email(provider, &identity));
        }
        if is_expected(flow, &identity) || !self.is_connected(flow, &identity).await {
            return Ok((tokens, identity));
        }
        // Not given back: some providers revoke all that the account ever granted to this client.
        Err(Failure {
            reason: format!(
                "You signed in as {}, which is connected already, but {} was expected. Nothing \
                 was changed. Try again and choose the expected account.",
                identity.label,
                flow.account_hint.as_deref().unwrap_or("another account"),
            ),
            code: "other_account",
            again: true,
        })
    }

    /// The grant is there and could not be stored. The link works again: its flow still says that
    /// the code is being exchanged, and [`Exchanges`] that it is not.
    fn not_saved(&self, flow: &Flow, error: &BrokerError) {
        // The flow was ended otherwise.
        if matches!(error, BrokerError::Store(StoreError::Conflict)) {
            return;
        }
        let reason = format!("The connection could not be saved. {error}");
        self.0.vault.failed(flow, self.now(), Some(&reason));
        self.0.vault.changed(flow.id);
    }

    pub(super) async fn give_back(
        &self,
        provider: &Provider,
        access_token: &SecretString,
        refresh_token: Option<&SecretString>,
    ) {
        let revoked = provider
            .revoke(&self.0.settings.http, access_token, refresh_token)
            .await;
        if let Err(error) = revoked {
            tracing::warn!(provider.id = provider.id(), error = %error, "an unused token was not revoked");
        }
    }

    fn grant_of(&self, tokens: TokenSet, flow: &Flow) -> Grant {
        let now = self.now();
        Grant {
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token,
            obtained_at: now,
            expires_at: ends_at(now, tokens.expires_in),
            // Absent means as requested (RFC 6749 §5.1).
            scopes: tokens.scopes.unwrap_or_else(|| flow.scopes.clone()),
            refreshing_since: None,
            restored_from: None,
        }
    }

    /// Stores the grant and the flow's end in one transaction. A failure leaves a grant that nobody
    /// knows of.
    async fn connected(
        &self,
        store: &Store,
        mut flow: Flow,
        browser_digest: [u8; 32],
        identity: Identity,
        grant: Grant,
    ) -> Result<(), BrokerError> {
        let alias = flow.alias.clone();
        let placed = self.placed(store, &flow, identity, grant, alias).await?;
        flow.status = FlowStatus::Completed {
            connection: placed.connection.id,
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
        let record = self.recorded(store, event);
        let changes = vec![Change::PutConnection(placed.connection.clone()), record];
        self.end_exchange(store, flow, changes).await
    }

    /// [`Owner::end`] for a flow whose exchange is ours. Only the client's `decline` of the
    /// elicitation may have been noted meanwhile, and it must not cost the grant.
    pub(super) async fn end_exchange(
        &self,
        store: &Store,
        mut flow: Flow,
        changes: Vec<Change>,
    ) -> Result<(), BrokerError> {
        loop {
            match self.end(store, flow.clone(), changes.clone()).await {
                Err(StoreError::Conflict) => {}
                done => return Ok(done?),
            }
            match store.flow(flow.id).await? {
                Some(stored)
                    if matches!(stored.status, FlowStatus::Exchanging { .. })
                        && stored.version != flow.version =>
                {
                    flow.version = stored.version;
                    flow.elicitation_declined = stored.elicitation_declined;
                }
                _ => return Err(StoreError::Conflict.into()),
            }
        }
    }

    /// Writes a flow that changed its status, together with `changes`, and tells who waits.
    pub(super) async fn end(
        &self,
        store: &Store,
        mut flow: Flow,
        mut changes: Vec<Change>,
    ) -> Result<(), StoreError> {
        let now = self.now();
        flow.version += 1;
        flow.ended_at = (!flow.is_open()).then_some(now);
        changes.push(Change::PutFlow(flow.clone()));
        store.finish(changes).await?;
        if let Some(event) = counted(&flow.status) {
            metrics::flow(event);
        }
        if matches!(flow.status, FlowStatus::Declined { .. }) {
            self.0.vault.declined(&flow, now);
        } else {
            let reason = other_account::failure(&flow);
            self.0.vault.failed(&flow, now, reason.as_deref());
        }
        if flow.is_open() {
            self.0.vault.changed(flow.id);
        } else {
            self.0.vault.ended(&flow);
        }
        Ok(())
    }
}

/// As what a flow that came to this is counted.
fn counted(status: &FlowStatus) -> Option<metrics::Flow> {
    match status {
        FlowStatus::Completed { .. } | FlowStatus::Settled { kept: true, .. } => {
            Some(metrics::Flow::Completed)
        }
        FlowStatus::Declined { .. } | FlowStatus::Settled { kept: false, .. } => {
            Some(metrics::Flow::Declined)
        }
        FlowStatus::Failed { .. } => Some(metrics::Flow::Failed),
        FlowStatus::Pending
        | FlowStatus::AtProvider { .. }
        | FlowStatus::Exchanging { .. }
        | FlowStatus::OtherAccount { .. } => None,
    }
}

/// Whether it is the account that the flow is for.
fn is_expected(flow: &Flow, identity: &Identity) -> bool {
    match (&flow.expected_account_id, &flow.account_hint) {
        (Some(id), _) => identity.id == *id,
        (None, Some(hint)) => is_account(&identity.id, &identity.label, hint),
        (None, None) => true,
    }
}

/// Both are known and the same. Upper and lower case are one: no provider gives two people addresses
/// that differ in nothing else.
fn is_same_email(account: Option<&str>, person: Option<&str>) -> bool {
    let both = account.zip(person);
    both.is_some_and(|(account, person)| account.eq_ignore_ascii_case(person))
}

/// The policy wants the person's own address, and this is not it.
fn other_email(provider: &Provider, identity: &Identity) -> Failure {
    let found = match &identity.verified_email {
        Some(email) => format!("You signed in at {} as {email}", provider.title()),
        None => format!("{} did not vouch for an e-mail address", provider.title()),
    };
    Failure {
        reason: format!(
            "{found}. This server connects only accounts with the verified e-mail address that \
             you signed in to it with, so the account does not match and nothing was kept. Try \
             again with a matching one."
        ),
        code: "other_email",
        again: true,
    }
}

fn failure(error: OAuthError) -> Failure {
    let code = error.code();
    let again = match &error {
        OAuthError::GrantRefused { .. } | OAuthError::Unreachable { .. } => true,
        OAuthError::ClientRefused { .. }
        | OAuthError::Refused { .. }
        | OAuthError::Malformed { .. }
        | OAuthError::Unusable { .. } => false,
    };
    let reason = match error {
        OAuthError::GrantRefused { provider, .. } => format!(
            "{provider} did not accept the code that it had sent. Codes work once and for a short \
             time: try again."
        ),
        other => other.to_string(),
    };
    Failure {
        reason,
        code,
        again,
    }
}

/// The error code of the authorization response (RFC 6749 §4.1.2.1), if it is one.
fn known(error: &str) -> &'static str {
    const KNOWN: [&str; 7] = [
        "invalid_scope",
        "unauthorized_client",
        "invalid_request",
        "unsupported_response_type",
        "server_error",
        "temporarily_unavailable",
        "access_denied",
    ];
    let known = KNOWN.into_iter().find(|code| *code == error);
    known.unwrap_or("unknown_error")
}

/// Our sentence for an error code of the authorization response. The provider's own text is never
/// shown: anyone can write it into a link.
fn refusal(error: &str) -> &'static str {
    match error {
        "invalid_scope" => {
            "The provider does not know or does not allow a permission that was asked for. Check \
             which permissions the registered app may ask for."
        }
        "unauthorized_client" | "invalid_request" | "unsupported_response_type" => {
            "The provider does not accept requests of this app. Check the app's registration: \
             client id, redirect URI and allowed grant types."
        }
        "server_error" | "temporarily_unavailable" => {
            "The provider is not available at the moment. Try again in a few minutes."
        }
        _ => "The provider did not complete the sign-in. Try again with a new link.",
    }
}
