//! Refreshing: one at a time per connection, whatever the number of calls, and never lost.
//!
//! Order: the connection's lock → a durable marker → the provider → the new tokens, durable → the
//! lock's end. Many providers rotate refresh tokens, so a lost answer locks the user out; the work
//! runs in a task of its own and survives the call that started it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use crate::audit::{AuditKind, AuditOutcome, Event};
use crate::broker::BrokerError;
use crate::broker::owner::Owner;
use crate::caller::Caller;
use crate::metrics;
use crate::oauth::provider::Provider;
use crate::oauth::token::OAuthError;
use crate::seal;
use crate::store::error::StoreError;
use crate::store::records::{Connection, ConnectionId, ConnectionState, Grant};
use crate::store::sled::{Change, Store};

/// A token is refreshed this long before its end, or a tenth of its life if that is shorter.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);

/// After a provider could not be reached, callers of the same connection get the same error for
/// this long instead of each asking again: longer after each failure in a row, up to the last.
const BACK_OFF: [SignedDuration; 5] = [
    SignedDuration::from_secs(5),
    SignedDuration::from_secs(10),
    SignedDuration::from_secs(20),
    SignedDuration::from_secs(40),
    SignedDuration::from_secs(60),
];

/// What became of a connection whose token was stale.
#[derive(Debug)]
pub(super) enum Refreshed {
    /// Its access token can be used.
    Usable(Connection),
    /// The provider no longer accepts it; marked durably.
    Refused {
        connection: Connection,
        reason: String,
    },
    /// It was disconnected meanwhile.
    Gone(Caller),
}

/// The refreshes under way, and the recent failures.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<HashMap<ConnectionId, Flight>>);

#[derive(Debug, Default)]
struct Flight {
    lock: Arc<tokio::sync::Mutex<()>>,
    failed: Option<Failure>,
    /// A grant that the provider gave and the store could not take, with the time of the one that
    /// it replaces. Saved before the provider is asked again: the refresh token of the other may be
    /// used up.
    unsaved: Option<(Timestamp, Grant)>,
}

/// The last failure of those in a row.
#[derive(Debug)]
struct Failure {
    error: OAuthError,
    at: Timestamp,
    /// How long nobody asks again.
    pause: SignedDuration,
    /// How many there were in a row.
    count: usize,
}

impl Flight {
    fn failed(&mut self, error: OAuthError, at: Timestamp) {
        let before = self.failed.as_ref().map_or(0, |failure| failure.count);
        self.failed = Some(Failure {
            error,
            at,
            pause: jittered(BACK_OFF[before.min(BACK_OFF.len() - 1)]),
            count: before + 1,
        });
    }
}

/// A pause, up to a tenth longer: not all connections of a provider that is back ask at once.
fn jittered(pause: SignedDuration) -> SignedDuration {
    let mut random = [0];
    getrandom::fill(&mut random).expect("the operating system's random numbers are available");
    pause + pause * i32::from(random[0]) / 2_560
}

impl Flights {
    /// The lock of a connection's grant. Whoever changes the grant holds it.
    pub(super) fn lock(&self, id: ConnectionId) -> Arc<tokio::sync::Mutex<()>> {
        self.with(id, |flight| flight.lock.clone())
    }

    fn with<T>(&self, id: ConnectionId, f: impl FnOnce(&mut Flight) -> T) -> T {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        f(flights.entry(id).or_default())
    }
}

impl Owner {
    /// The connection with a fresh access token, refreshed once if it is stale.
    pub(super) async fn fresh(
        &self,
        provider: &Provider,
        connection: Connection,
    ) -> Result<Refreshed, BrokerError> {
        if is_fresh(&connection.grant, self.now()) {
            return Ok(Refreshed::Usable(connection));
        }
        let seen = connection.clone();
        match self.refresh_unless(provider, connection, is_fresh).await {
            // A failed refresh does not matter while the old token still lives.
            Err(
                BrokerError::OAuth(_)
                | BrokerError::Store(StoreError::Full { .. } | StoreError::Failed { .. }),
            ) if lives(&seen.grant, self.now()) => Ok(Refreshed::Usable(seen)),
            refreshed => refreshed,
        }
    }

    /// See [`crate::broker::Broker::renew`].
    pub(in crate::broker) async fn renew(
        &self,
        caller: &Caller,
        connection: ConnectionId,
        rejected: &SecretString,
    ) -> Result<Option<SecretString>, BrokerError> {
        let store = self.store();
        let Some(connection) = store.connection(caller, connection).await? else {
            return Ok(None);
        };
        let Some(provider) = self.provider(&connection.provider_id) else {
            return Ok(None);
        };
        let rejected = seal::digest(rejected);
        let replaced = move |grant: &Grant, _| seal::digest(&grant.access_token) != rejected;
        match self.refresh_unless(provider, connection, replaced).await? {
            Refreshed::Usable(connection) => Ok(Some(connection.grant.access_token)),
            Refreshed::Refused { .. } | Refreshed::Gone(_) => Ok(None),
        }
    }

    /// Takes the connection's lock, reads again, and refreshes unless `good_enough` says that
    /// somebody else already did.
    async fn refresh_unless(
        &self,
        provider: &Provider,
        seen: Connection,
        good_enough: impl Fn(&Grant, Timestamp) -> bool + Send,
    ) -> Result<Refreshed, BrokerError> {
        let store = self.store();
        let guard = self.0.flights.lock(seen.id).lock_owned().await;
        let Some(connection) = store.connection(&seen.caller, seen.id).await? else {
            return Ok(Refreshed::Gone(seen.caller));
        };
        if let ConnectionState::NeedsReconnect { reason } = &connection.state {
            let reason = reason.clone();
            return Ok(Refreshed::Refused { connection, reason });
        }
        let now = self.now();
        // The waiters of a refresh take its result, also when such tokens live so shortly that
        // it is stale again by their turn.
        let replaced = connection.grant.obtained_at > seen.grant.obtained_at;
        if replaced || good_enough(&connection.grant, now) {
            return Ok(Refreshed::Usable(connection));
        }
        if let Some(error) = self.recent_failure(connection.id, now) {
            return Err(error.into());
        }
        let broker = self.clone();
        let provider = provider.clone();
        // Detached: a caller that hangs up must not lose a rotated token.
        let refresh = tokio::spawn(async move {
            let refreshed = broker.refresh(&store, &provider, connection).await;
            drop(guard);
            refreshed
        });
        refresh.await.expect("the refresh task does not panic")
    }

    async fn refresh(
        &self,
        store: &Store,
        provider: &Provider,
        mut connection: Connection,
    ) -> Result<Refreshed, BrokerError> {
        let Some(refresh_token) = connection.grant.refresh_token.clone() else {
            let reason = format!(
                "{} no longer accepts the access token, and gave no refresh token.",
                provider.title()
            );
            return self.refused(store, connection, reason, None).await;
        };
        if let Some(grant) = self.unsaved(&connection) {
            return self.save(store, connection, grant, None).await;
        }
        let interrupted = connection.grant.refreshing_since.is_some();
        connection.grant.refreshing_since = Some(self.now());
        // Not without the marker: on a full disk the answer could not be saved either.
        connection.version += 1;
        store
            .commit(vec![Change::PutConnection(connection.clone())])
            .await?;
        let began = Instant::now();
        match provider
            .refresh(&self.0.settings.http, &refresh_token)
            .await
        {
            Ok(tokens) => {
                metrics::refresh(metrics::Refresh::Finished);
                let now = self.now();
                let grant = Grant {
                    access_token: tokens.access_token,
                    refresh_token: tokens.refresh_token.or(Some(refresh_token)),
                    obtained_at: now,
                    expires_at: ends_at(now, tokens.expires_in),
                    scopes: tokens
                        .scopes
                        .unwrap_or_else(|| connection.grant.scopes.clone()),
                    refreshing_since: None,
                    restored_from: None,
                };
                self.save(store, connection, grant, Some(began.elapsed()))
                    .await
            }
            Err(error @ OAuthError::GrantRefused { .. }) => {
                metrics::refresh(metrics::Refresh::Refused);
                let mut reason = error.to_string();
                if let Some(made_at) = connection.grant.restored_from {
                    reason = format!(
                        "It was restored from an export of {}, and its tokens no longer work. \
                         {reason}",
                        made_at.strftime("%Y-%m-%d"),
                    );
                } else if interrupted {
                    reason.insert_str(0, "The previous refresh did not complete. ");
                }
                let event = self
                    .event(AuditKind::Refresh, AuditOutcome::Failed, &connection)
                    .error(error.code())
                    .took(began.elapsed());
                self.refused(store, connection, reason, Some(event)).await
            }
            Err(error) => {
                metrics::refresh(metrics::Refresh::Failed);
                tracing::warn!(provider.id = provider.id(), error = %error, "refresh failed");
                let now = self.now();
                self.0.flights.with(connection.id, |flight| {
                    flight.failed(error.clone(), now);
                });
                let event = self
                    .event(AuditKind::Refresh, AuditOutcome::Failed, &connection)
                    .error(error.code())
                    .took(began.elapsed());
                if let Err(error) = self.record(event).await {
                    tracing::warn!(%error, "a failed refresh could not be recorded");
                }
                Err(error.into())
            }
        }
    }

    /// Stores the grant that replaces the connection's, or keeps it until it can be stored.
    async fn save(
        &self,
        store: &Store,
        mut connection: Connection,
        grant: Grant,
        took: Option<Duration>,
    ) -> Result<Refreshed, BrokerError> {
        let replaced = connection.grant.obtained_at;
        connection.grant = grant;
        let mut event = self.event(AuditKind::Refresh, AuditOutcome::Finished, &connection);
        if let Some(took) = took {
            event = event.took(took);
        }
        let record = self.recorded(store, event);
        let saved = put(store, &mut connection, Some(record)).await;
        self.0.flights.with(connection.id, |flight| {
            flight.unsaved = match &saved {
                Ok(()) | Err(BrokerError::Store(StoreError::Conflict)) => None,
                Err(_) => Some((replaced, connection.grant.clone())),
            };
        });
        saved?;
        self.0
            .flights
            .with(connection.id, |flight| flight.failed = None);
        Ok(Refreshed::Usable(connection))
    }

    /// A grant that replaces the connection's and is not stored yet.
    fn unsaved(&self, connection: &Connection) -> Option<Grant> {
        self.0.flights.with(connection.id, |flight| {
            flight
                .unsaved
                .take_if(|(replaced, _)| *replaced != connection.grant.obtained_at);
            flight.unsaved.as_ref().map(|(_, grant)| grant.clone())
        })
    }

    async fn refused(
        &self,
        store: &Store,
        mut connection: Connection,
        reason: String,
        event: Option<Event>,
    ) -> Result<Refreshed, BrokerError> {
        tracing::info!(
            provider.id = connection.provider_id,
            connection.id = %connection.id,
            "the provider no longer accepts the connection"
        );
        connection.state = ConnectionState::NeedsReconnect {
            reason: reason.clone(),
        };
        connection.grant.refreshing_since = None;
        let record = event.map(|event| self.recorded(store, event));
        put(store, &mut connection, record).await?;
        Ok(Refreshed::Refused { connection, reason })
    }

    fn recent_failure(&self, id: ConnectionId, now: Timestamp) -> Option<OAuthError> {
        self.0.flights.with(id, |flight| {
            let failure = flight.failed.as_ref()?;
            // Either way: a clock that was set back must not make the pause longer.
            let passed = now.duration_since(failure.at).abs();
            (passed < failure.pause).then(|| failure.error.clone())
        })
    }
}

/// When a token ends that was issued at `now` for `lifetime`.
pub(super) fn ends_at(now: Timestamp, lifetime: Option<Duration>) -> Option<Timestamp> {
    // A lifetime beyond the calendar's end is as good as none.
    lifetime.and_then(|lifetime| now.checked_add(lifetime).ok())
}

fn is_fresh(grant: &Grant, now: Timestamp) -> bool {
    match (grant.expires_at, &grant.refresh_token) {
        (Some(end), Some(_)) => {
            let lifetime = end.duration_since(grant.obtained_at);
            now < end - MARGIN.min(lifetime / 10)
        }
        // Nothing is gained by giving up early a token that cannot be renewed.
        _ => lives(grant, now),
    }
}

fn lives(grant: &Grant, now: Timestamp) -> bool {
    grant.expires_at.is_none_or(|end| now < end)
}

/// Puts what the provider said of the connection, and the record of what happened to it.
async fn put(
    store: &Store,
    connection: &mut Connection,
    record: Option<Change>,
) -> Result<(), BrokerError> {
    connection.version += 1;
    let put = Change::PutConnection(connection.clone());
    store
        .finish([Some(put), record].into_iter().flatten().collect())
        .await?;
    Ok(())
}
