//! What is said over the socket.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::audit::{AuditPage, AuditQuery, Event, Hex, Point, Verdict};
use crate::broker::{
    Access, Activity, Begun, Checkup, ConnectionView, Disconnected, ErrorKind, FlowOutcome,
    Imported, KeyedAttempt, KeyedEnd, Renamed, Requirement, RevokedUser,
};
use crate::caller::Caller;
use crate::store::alias::Alias;
use crate::store::export::Exported;
use crate::store::records::{ConnectionId, FlowId};
use crate::store::upkeep::{KeyIds, MasterKeyRotated, Vacuumed};

/// Raised with every change that an older process would misread.
pub(in crate::broker) const PROTOCOL: u32 = 1;

/// The first frame of a follower. Every version can read it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Hello {
    pub(super) protocol: u32,
    pub(super) version: String,
}

/// The owner's answer to [`Hello`]. Every version can read it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Welcome {
    pub(super) protocol: u32,
    pub(super) version: String,
    pub(super) pid: u32,
    /// The owner takes no more connections.
    pub(super) full: bool,
}

/// From a follower to the owner.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    /// Do this and answer under the same number.
    Do(u64, Box<Operation>),
    /// Nobody waits any more for the answer under this number.
    Forget(u64),
    /// Say that you are there.
    Ping,
}

/// From the owner to a follower.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Response {
    /// The answer under a number.
    Done(u64, Box<Result<Answer, Told>>),
    /// Here.
    Pong,
}

/// An error of the owner.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) kind: ErrorKind,
    pub(super) message: String,
}

/// An operation of the broker; see the method of [`crate::broker::Broker`] with the same name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::broker) enum Operation {
    Access {
        caller: Caller,
        requirement: Requirement,
        /// Each entry that may serve the requirement, as the asking process has it: id and
        /// [`crate::oauth::provider::Provider::fingerprint`].
        candidates: Vec<(String, [u8; 32])>,
    },
    Wait {
        caller: Caller,
        flow: FlowId,
        time: Duration,
    },
    Renew {
        caller: Caller,
        connection: ConnectionId,
        #[serde(with = "crate::seal::secret")]
        rejected: SecretString,
    },
    ElicitationDeclined {
        caller: Caller,
        flow: FlowId,
    },
    Connections {
        caller: Caller,
    },
    Disconnect {
        caller: Caller,
        connection: ConnectionId,
    },
    ConnectAs {
        caller: Caller,
        requirement: Requirement,
        /// As those of `Access`.
        candidates: Vec<(String, [u8; 32])>,
        alias: Alias,
    },
    Rename {
        caller: Caller,
        connection: ConnectionId,
        alias: Option<Alias>,
    },
    SetDefault {
        caller: Caller,
        connection: ConnectionId,
        is_default: bool,
    },
    RevokeUser {
        caller: Caller,
    },
    Record {
        event: Box<Event>,
    },
    Audit {
        query: AuditQuery,
    },
    Activity {
        caller: Caller,
    },
    VerifyAudit {
        noted: Option<Point>,
    },
    User {
        caller: Caller,
    },
    Checkup,
    Notice,
    Seal {
        context: Vec<u8>,
        plaintext: Vec<u8>,
    },
    Unseal {
        context: Vec<u8>,
        sealed: Vec<u8>,
    },
    BeginKeyed(Box<KeyedAttempt>),
    EndKeyed(Box<KeyedAttempt>, KeyedEnd),
    EndSession(Caller, String),
    /// The session, and when it began.
    SessionHasEnded(Caller, String, Timestamp),
    KeyIds,
    RotateKey {
        /// The data key that seals.
        replacing: String,
    },
    RotateMasterKey {
        /// The master key in use.
        replacing: String,
        #[serde(with = "crate::seal::optional_secret")]
        new: Option<SecretString>,
    },
    Vacuum,
    Export {
        path: PathBuf,
    },
    Import {
        path: PathBuf,
        key_file: Option<PathBuf>,
        replace: bool,
    },
}

/// The answer to the [`Operation`] with the same name; [`Operation::ConnectAs`] is answered as
/// [`Operation::Access`] is.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::broker) enum Answer {
    Access(Access),
    Wait(FlowOutcome),
    Renew(Renewed),
    ElicitationDeclined,
    Connections(Vec<ConnectionView>),
    Disconnect(Option<Disconnected>),
    Rename(Renamed),
    SetDefault(Option<ConnectionView>),
    RevokeUser(RevokedUser),
    Record,
    Audit(AuditPage),
    Activity(Activity),
    VerifyAudit(Verdict),
    User(Hex<16>),
    Checkup(Box<Checkup>),
    Notice(Option<String>),
    Seal(Vec<u8>),
    Unseal(Option<Vec<u8>>),
    BeginKeyed(Begun),
    EndKeyed,
    EndSession,
    SessionHasEnded(bool),
    KeyIds(KeyIds),
    RotateKey(KeyIds),
    RotateMasterKey(MasterKeyRotated),
    Vacuum(Vacuumed),
    Export(Exported),
    Import(Imported),
}

/// An access token, if there is one.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::broker) struct Renewed {
    #[serde(with = "crate::seal::optional_secret")]
    pub(in crate::broker) access_token: Option<SecretString>,
}
