//! Why the broker could not do what it was asked.

use serde::{Deserialize, Serialize};

use crate::oauth::token::OAuthError;
use crate::store::error::StoreError;

/// Why the broker could not decide. Each message says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// No enabled entry serves this provider.
    #[error("{0}")]
    NotConfigured(String),
    /// The entry cannot work with this redirect URI or lacks an endpoint.
    #[error("{0}")]
    Unusable(String),
    /// Another program listens on the callback port, so no link was made.
    #[error(
        "Port {port} on 127.0.0.1, which the sign-in needs, is taken by another program ({cause}). End that program or set server.callback_port, then call again. No link was made."
    )]
    PortTaken {
        /// The port.
        port: u16,
        /// What the operating system said.
        cause: String,
    },
    /// Too many flows are pending.
    #[error("Too many sign-ins are pending. Wait until some of them end, then call again.")]
    TooManyFlows,
    /// The call could not be recorded, and `audit.required` is set.
    #[error("{0}")]
    NotRecorded(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The provider.
    #[error(transparent)]
    OAuth(#[from] OAuthError),
    /// The process that has the store cannot be used by this one.
    #[error("{0}")]
    Owner(#[from] OwnerError),
    /// One of the others, as the process that has the store told it.
    #[error("{message}")]
    Told {
        /// Which.
        kind: ErrorKind,
        /// Its message.
        message: String,
    },
}

/// What kind of [`BrokerError`] it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ErrorKind {
    /// [`BrokerError::NotConfigured`]
    NotConfigured,
    /// [`BrokerError::Unusable`]
    Unusable,
    /// [`BrokerError::PortTaken`]
    PortTaken,
    /// [`BrokerError::TooManyFlows`]
    TooManyFlows,
    /// [`BrokerError::NotRecorded`]
    NotRecorded,
    /// [`BrokerError::Store`]
    Store,
    /// [`BrokerError::OAuth`]
    Provider,
    /// [`BrokerError::Owner`]
    Owner,
}

/// Why this process cannot use the one that has the store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OwnerError {
    /// It is stopped, or hangs.
    #[error(
        "The Valetkey process that has the vault open (pid {pid}) does not answer. Let it go on (kill -CONT {pid}) or end it (kill {pid}), then call again."
    )]
    Silent {
        /// Its process id, or `unknown`.
        pid: String,
    },
    /// It speaks another version of the protocol.
    #[error(
        "The Valetkey process that has the vault open (pid {pid}) is version {version}, which this one ({}) cannot work with. End it (kill {pid}) or restart the program that started it, then call again.",
        env!("CARGO_PKG_VERSION")
    )]
    OtherVersion {
        /// Its process id.
        pid: u32,
        /// Its version.
        version: String,
    },
    /// It has another client registration under the same name.
    #[error(
        "The Valetkey process that has the vault open (pid {pid}) was started with another configuration of provider `{provider}`, or without it. Give all your MCP clients the same configuration file, then end that process (kill {pid}) and call again."
    )]
    OtherConfiguration {
        /// Its process id.
        pid: u32,
        /// The provider entry's id.
        provider: String,
    },
    /// It has as many connections as it takes.
    #[error(
        "The Valetkey process that has the vault open (pid {pid}) serves as many other processes as it can. End some of them, then call again."
    )]
    Full {
        /// Its process id.
        pid: u32,
    },
    /// It is another user's process, or its socket is.
    #[error(
        "The socket {path} belongs to another user (uid {uid}), so nothing was sent to it. Remove it, then call again."
    )]
    OtherUser {
        /// The socket.
        path: String,
        /// The user.
        uid: u32,
    },
    /// It closed the connection again and again.
    #[error(
        "The Valetkey processes that had the vault open ended one after the other. Call again; if that does not help, look at their logs."
    )]
    Unsteady,
    /// What was to be sent is longer than the protocol allows.
    #[error("The request is too long for the vault's socket. Use shorter arguments.")]
    TooLong,
}

impl BrokerError {
    /// Nothing was saved because the disk is full; nothing else is wrong.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Store(StoreError::Full { .. }))
    }

    /// What kind of error it is, wherever it happened.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotConfigured(_) => ErrorKind::NotConfigured,
            Self::Unusable(_) => ErrorKind::Unusable,
            Self::PortTaken { .. } => ErrorKind::PortTaken,
            Self::TooManyFlows => ErrorKind::TooManyFlows,
            Self::NotRecorded(_) => ErrorKind::NotRecorded,
            Self::Store(_) => ErrorKind::Store,
            Self::OAuth(_) => ErrorKind::Provider,
            Self::Owner(_) => ErrorKind::Owner,
            Self::Told { kind, .. } => *kind,
        }
    }
}

impl ErrorKind {
    /// One word for programs, stable across versions.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotConfigured => "not_configured",
            Self::Unusable => "unusable_provider",
            Self::PortTaken => "port_taken",
            Self::TooManyFlows => "too_many_sign_ins",
            Self::NotRecorded => "not_recorded",
            Self::Store | Self::Owner => "store_unavailable",
            Self::Provider => "provider_error",
        }
    }
}

/// Why a link does not open.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Nothing is known under it.
    #[error("unknown link")]
    Unknown,
    /// It was made for somebody else.
    #[error("the link is another person's")]
    OtherPerson,
    /// It was completed, declined or is too old.
    #[error("the link is no longer valid")]
    Gone,
    /// The broker failed.
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

/// Why a callback was refused; nothing was exchanged.
#[derive(Debug, thiserror::Error)]
pub enum CallbackError {
    /// `state` is missing or not known.
    #[error("unknown state")]
    UnknownState,
    /// The flow's time is over.
    #[error("expired")]
    Expired,
    /// This `state` was used before.
    #[error("used")]
    Used,
    /// The browser is not the one that posted the connect page.
    #[error("another browser")]
    OtherBrowser,
    /// Nobody is signed in there, or somebody else than the one that the link was made for.
    #[error("another person")]
    OtherPerson,
    /// The path is another provider's.
    #[error("another provider")]
    OtherProvider,
    /// `iss` is missing or another issuer's.
    #[error("another issuer")]
    OtherIssuer,
    /// Neither a code nor an error came.
    #[error("no code")]
    NoCode,
    /// The broker failed.
    #[error(transparent)]
    Broker(#[from] BrokerError),
}
