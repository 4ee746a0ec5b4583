//! What a caller did lately, for the caller alone.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::audit::AuditRecord;
use crate::broker::socket::message::{Answer, Operation};
use crate::broker::{Broker, BrokerError, ConnectionId, OwnerError};
use crate::caller::Caller;

/// The records of one caller's calls.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Activity {
    /// The last calls, the newest first, at most [`Activity::MOST`].
    pub calls: Vec<AuditRecord>,
    /// When each connection last acted, as far back as was looked.
    pub last_use: BTreeMap<ConnectionId, Timestamp>,
    /// The log was too long to look through all of it: what is not told here may still have been.
    pub is_cut: bool,
}

impl Activity {
    /// So many calls are told.
    pub const MOST: usize = 20;
}

impl Broker {
    /// The caller's own last calls, and when each of the caller's connections last acted.
    pub async fn activity(&self, caller: &Caller) -> Result<Activity, BrokerError> {
        let answer = self.perform(|| Operation::Activity {
            caller: caller.clone(),
        });
        match answer.await? {
            Answer::Activity(activity) => Ok(activity),
            _ => Err(OwnerError::Unsteady.into()),
        }
    }
}
