//! Calls with an idempotency key, in the store.

use crate::broker::keyed_call::{Begun, KeyedAttempt, KeyedEnd, MOST_KEPT};
use crate::broker::owner::{Owner, sessions};
use crate::broker::{BrokerError, KeyedCallKey};
use crate::caller::Caller;
use crate::store::error::StoreError;
use crate::store::keyed_call::{KeyedCall, KeyedCallState};
use crate::store::sled::Change;

/// So often a write is tried again that another one came before.
pub(super) const TRIES: usize = 10;

impl Owner {
    /// See [`Broker::begin_keyed`](crate::broker::Broker::begin_keyed).
    pub(super) async fn begin_keyed(&self, attempt: &KeyedAttempt) -> Result<Begun, BrokerError> {
        for _ in 0..TRIES {
            let stored = self.keyed_call(&attempt.key).await?;
            if let Some(known) = &stored
                && known.attempt != attempt.attempt
                && !known.is_forgotten(self.now())
            {
                return Ok(self.seen(known, attempt));
            }
            let call = KeyedCall {
                version: stored.map_or(1, |stored| stored.version + 1),
                key: attempt.key.clone(),
                fingerprint: attempt.fingerprint,
                attempt: attempt.attempt,
                state: KeyedCallState::Running,
                began_at: self.now(),
            };
            match self.store().commit(vec![Change::PutKeyedCall(call)]).await {
                Ok(()) => return Ok(Begun::First),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// See [`Broker::end_keyed`](crate::broker::Broker::end_keyed).
    pub(super) async fn end_keyed(
        &self,
        attempt: &KeyedAttempt,
        end: KeyedEnd,
    ) -> Result<(), BrokerError> {
        let Some(mut call) = self.keyed_call(&attempt.key).await? else {
            return Ok(());
        };
        if call.attempt != attempt.attempt || call.state != KeyedCallState::Running {
            return Ok(());
        }
        let change = match end {
            KeyedEnd::NotDone => Change::DeleteKeyedCall(attempt.key.clone()),
            KeyedEnd::Unknown | KeyedEnd::Done { .. } => {
                call.version += 1;
                call.state = match end {
                    KeyedEnd::Done { answer } => KeyedCallState::Done {
                        answer: answer.filter(|answer| answer.len() <= MOST_KEPT),
                    },
                    _ => KeyedCallState::Unknown,
                };
                Change::PutKeyedCall(call)
            }
        };
        // It is over at the provider: without this its repetition is told less than is known.
        Ok(self.store().finish(vec![change]).await?)
    }

    /// Deletes the keyed calls of a caller, but for those that keep a session from going on.
    pub(super) async fn forget_keyed_calls(&self, caller: &Caller) -> Result<(), BrokerError> {
        let mut calls = self.store().keyed_calls(Some(caller)).await?;
        calls.retain(|call| !sessions::is_end(call));
        self.delete_keyed_calls(calls).await
    }

    /// Deletes the keyed calls that are a day old.
    pub(super) async fn sweep_keyed_calls(&self) -> Result<(), BrokerError> {
        let mut calls = self.store().keyed_calls(None).await?;
        calls.retain(|call| call.is_forgotten(self.now()));
        self.delete_keyed_calls(calls).await
    }

    async fn delete_keyed_calls(&self, calls: Vec<KeyedCall>) -> Result<(), BrokerError> {
        if calls.is_empty() {
            return Ok(());
        }
        let deleted = calls.into_iter();
        let deleted = deleted.map(|call| Change::DeleteKeyedCall(call.key));
        Ok(self.store().commit(deleted.collect()).await?)
    }

    async fn keyed_call(&self, key: &KeyedCallKey) -> Result<Option<KeyedCall>, BrokerError> {
        Ok(self.store().keyed_call(key.clone()).await?)
    }

    /// What a repetition of `known` is told.
    fn seen(&self, known: &KeyedCall, attempt: &KeyedAttempt) -> Begun {
        if known.fingerprint != attempt.fingerprint {
            return Begun::Other;
        }
        let at = known.began_at;
        match known.state(self.now()) {
            KeyedCallState::Running => Begun::Running,
            KeyedCallState::Done { answer } => Begun::Done { at, answer },
            KeyedCallState::Unknown => Begun::Unknown { at },
        }
    }
}
