//! Sessions of browsers that were ended before their time.
//!
//! A session is in its cookie and nowhere else, so its end is what has to be kept: for every process
//! and every replica, for as long as the cookie would be good. An end is a call with a key, the
//! session's id, and is kept and forgotten as those of tools are: a day after it began.

use jiff::Timestamp;

use crate::broker::BrokerError;
use crate::broker::KeyedCallKey;
use crate::broker::owner::Owner;
use crate::broker::owner::keyed_calls::TRIES;
use crate::caller::Caller;
use crate::store::error::StoreError;
use crate::store::keyed_call::{KeyedCall, KeyedCallState};
use crate::store::sled::Change;

/// Stands where others have a tool. No tool has a hyphen in its name.
const SIGN_OUT: &str = "sign-out";

/// Stands where others have a session's id: all that began until then have ended.
const ALL: &str = "";

fn key(caller: &Caller, session: &str) -> KeyedCallKey {
    KeyedCallKey {
        caller: caller.clone(),
        tool: SIGN_OUT.to_owned(),
        idempotency_key: session.to_owned(),
    }
}

impl Owner {
    /// See [`Broker::end_session`](crate::broker::Broker::end_session).
    pub(super) async fn end_session(
        &self,
        caller: &Caller,
        session: &str,
    ) -> Result<(), BrokerError> {
        self.keep_end(key(caller, session)).await
    }

    /// Ends every session of the caller that there is.
    pub(super) async fn end_all_sessions(&self, caller: &Caller) -> Result<(), BrokerError> {
        self.keep_end(key(caller, ALL)).await
    }

    /// See [`Broker::session_has_ended`](crate::broker::Broker::session_has_ended).
    pub(super) async fn session_has_ended(
        &self,
        caller: &Caller,
        session: &str,
        began_at: Timestamp,
    ) -> Result<bool, BrokerError> {
        let store = self.store();
        if store.keyed_call(key(caller, session)).await?.is_some() {
            return Ok(true);
        }
        let all = store.keyed_call(key(caller, ALL)).await?;
        Ok(all.is_some_and(|end| began_at <= end.began_at))
    }

    async fn keep_end(&self, key: KeyedCallKey) -> Result<(), BrokerError> {
        let store = self.store();
        for _ in 0..TRIES {
            let stored = store.keyed_call(key.clone()).await?;
            let end = KeyedCall {
                version: stored.map_or(1, |stored| stored.version + 1),
                key: key.clone(),
                fingerprint: [0; 32],
                attempt: [0; 16],
                state: KeyedCallState::Done { answer: None },
                began_at: self.now(),
            };
            match store.finish(vec![Change::PutKeyedCall(end)]).await {
                Err(StoreError::Conflict) => {}
                done => return Ok(done?),
            }
        }
        Err(StoreError::Conflict.into())
    }
}

/// Whether it says that a session has ended.
pub(super) fn is_end(call: &KeyedCall) -> bool {
    call.key.tool == SIGN_OUT
}
