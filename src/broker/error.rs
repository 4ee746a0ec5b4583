//! Why the broker could not do what it was asked.

use crate::oauth::token::OAuthError;
use crate::store::sled::StoreError;

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
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The provider.
    #[error(transparent)]
    OAuth(#[from] OAuthError),
}

/// Why a link does not open.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Nothing is known under it.
    #[error("unknown link")]
    Unknown,
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
