//! Calls with an idempotency key: the same key twice is one call.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::broker::socket::message::{Answer, Operation};
use crate::broker::{Broker, BrokerError, OwnerError};
pub use crate::store::keyed_call::KeyedCallKey;

/// A call that is about to do what its key stands for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyedAttempt {
    /// The caller, the tool and the client's key.
    pub key: KeyedCallKey,
    /// SHA-256 of the arguments and the connection: the same key for anything else is a mistake.
    pub fingerprint: [u8; 32],
    /// Random, so that an operation that is repeated is not taken for another call.
    pub attempt: [u8; 16],
}

/// Whether a keyed call may go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Begun {
    /// It is the first with its key, which is durable now.
    First,
    /// The first one is still running.
    Running,
    /// The first one did it.
    Done {
        /// When the first one began.
        at: Timestamp,
        /// What it answered; none if that was too long to keep.
        answer: Option<String>,
    },
    /// The first one may have done it.
    Unknown {
        /// When the first one began.
        at: Timestamp,
    },
    /// The first one was for something else.
    Other,
}

/// How the first call with a key ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum KeyedEnd {
    /// It did what it should. The answer is for its repetitions.
    Done {
        /// At most [`MOST_KEPT`] bytes are kept.
        answer: Option<String>,
    },
    /// Its request was sent and the answer lost.
    Unknown,
    /// Nothing has happened: the key is free again.
    NotDone,
}

/// The longest answer that is kept for repetitions, in bytes: it shares a row of the vault.
pub const MOST_KEPT: usize = 8_000;

impl Broker {
    /// Takes the key for this call, durably, unless another has it.
    pub async fn begin_keyed(&self, attempt: &KeyedAttempt) -> Result<Begun, BrokerError> {
        let answer = self
            .perform(|| Operation::BeginKeyed(Box::new(attempt.clone())))
            .await?;
        match answer {
            Answer::BeginKeyed(begun) => Ok(begun),
            _ => Err(OwnerError::Unsteady.into()),
        }
    }

    /// Says how the call ended that [`Broker::begin_keyed`] let go on.
    pub async fn end_keyed(
        &self,
        attempt: &KeyedAttempt,
        end: KeyedEnd,
    ) -> Result<(), BrokerError> {
        let answer = self
            .perform(|| Operation::EndKeyed(Box::new(attempt.clone()), end.clone()))
            .await?;
        match answer {
            Answer::EndKeyed => Ok(()),
            _ => Err(OwnerError::Unsteady.into()),
        }
    }
}
