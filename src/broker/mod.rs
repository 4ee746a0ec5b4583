//! The one place that decides: for this caller, provider, account and scopes, `Granted`,
//! `Consent` or `Denied`.
//!
//! Nothing here assumes that the store is in this process: every operation takes and returns plain
//! values, so that a process which does not own the store can send them to the one that does.

mod access;
mod browser;
mod callback;
mod connections;
mod flows;
mod port;
mod refresh;
mod vault;

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::{Mutex, mpsc};
use url::Url;

use crate::broker::port::CallbackPort;
use crate::broker::refresh::Flights;
use crate::broker::vault::Vault;
use crate::clock::Clock;
use crate::config::Config;
use crate::http::Http;
use crate::oauth::provider::Provider;
use crate::oauth::token::OAuthError;
use crate::store::records::{ConnectionId, ConnectionState, FlowId};
use crate::store::sled::{Store, StoreError};

/// What a call needs.
#[derive(Clone, Debug)]
pub struct Requirement {
    /// The toolkit that asks (`gmail`): a configuration may say which entry serves it.
    pub toolkit: String,
    /// The provider's name (`google`) or an entry's id.
    pub provider: String,
    /// The account named by the call: an e-mail address, a login, a connection id.
    pub account: Option<String>,
    /// Every group must be covered by one of its scopes; the first is the one asked for.
    pub scopes: Vec<Vec<String>>,
    /// Reads may fall back on a default account, writes may not.
    pub read_only: bool,
    /// The program that asks, as it calls itself; shown on the connect page.
    pub client_name: Option<String>,
}

/// The broker's answer to a requirement.
#[derive(Clone, Debug)]
pub enum Access {
    /// Go ahead.
    Granted(Granted),
    /// The person has to follow a link first.
    Consent(Consent),
    /// No, and a link would not help.
    Denied(Denied),
}

/// A usable access token and whose it is.
#[derive(Clone, Debug)]
pub struct Granted {
    /// The connection that acts.
    pub connection: ConnectionId,
    /// What a person calls the account.
    pub account: String,
    /// The access token. A refresh token never leaves the broker.
    pub access_token: SecretString,
    /// The only origin that the token may go to, with the API's path prefix.
    pub api_base_url: Url,
}

/// A link that the person has to follow. Its flow is durable.
#[derive(Clone, Debug)]
pub struct Consent {
    /// The flow.
    pub flow: FlowId,
    /// `{public_url}/connect/{token}`.
    pub link: Url,
    /// What a person calls the provider.
    pub provider: String,
    /// The account that has to consent, when it is a connected one. Never a call's argument.
    pub account: Option<String>,
    /// The scopes that will be asked for.
    pub scopes: Vec<String>,
    /// What they allow, in plain words, in the same order.
    pub scopes_in_words: Vec<String>,
    /// Why a link is needed.
    pub reason: ConsentReason,
    /// Why the sign-in before this one failed, in our words.
    pub last_failure: Option<String>,
    /// When the link stops working.
    pub expires_at: Timestamp,
    /// The page was posted: the person is at it.
    pub posted: bool,
    /// The client said `decline` to the elicitation before: give the link as text.
    pub elicitation_declined: bool,
}

/// Why a link is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsentReason {
    /// Nothing is connected.
    NotConnected,
    /// The connection stopped working, with the reason.
    NeedsReconnect(String),
    /// The connection lacks scopes.
    MissingScopes,
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Several accounts fit and none was named.
    #[error("Several {provider} accounts are connected: {}. Say which one with `account`.", accounts.join(", "))]
    AmbiguousAccount {
        /// What a person calls the provider.
        provider: String,
        /// Their names.
        accounts: Vec<String>,
    },
    /// The account named cannot be an account's name.
    #[error(
        "`account` is not the name of a {provider} account. Leave it out, or use one that `valetkey connections` lists."
    )]
    NotAnAccount {
        /// What a person calls the provider.
        provider: String,
    },
    /// The person said no at the provider a moment ago.
    #[error(
        "The user declined to connect {provider} a moment ago. Do not ask again unless the user wants to; a call after {retry_after_s} s gets a new link."
    )]
    Declined {
        /// What a person calls the provider.
        provider: String,
        /// Seconds until a call gets a new link.
        retry_after_s: u64,
    },
}

/// How a wait for a flow ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlowOutcome {
    /// The grant is stored.
    Completed,
    /// Still open when the wait ended.
    Open,
    /// The person said no at the provider.
    Declined,
    /// The link's time is over, or the flow is unknown.
    Expired,
    /// It ended without a grant, with the reason.
    Failed(String),
}

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

/// What the connect page shows.
#[derive(Clone, Debug)]
pub struct ConnectPage {
    /// What a person calls the provider.
    pub provider: String,
    /// The account that has to consent, when one is known.
    pub account: Option<String>,
    /// What will be allowed, in plain words, and whether it is new.
    pub scopes: Vec<ScopeLine>,
    /// The program that asked.
    pub client_name: Option<String>,
    /// For whom.
    pub user: String,
    /// The connection stopped working, and this renews it.
    pub reconnect: bool,
}

/// One line of the list of scopes.
#[derive(Clone, Debug)]
pub struct ScopeLine {
    /// In plain words.
    pub text: String,
    /// The scope's own name.
    pub scope: String,
    /// The connection does not have it yet.
    pub new: bool,
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

/// What came with a request to the callback (RFC 6749 §4.1.2, RFC 9207). Parsed, still untrusted.
#[derive(Clone, Debug)]
pub struct Callback {
    /// The path's last segment.
    pub provider_id: String,
    /// The cookie's value.
    pub cookie: Option<SecretString>,
    /// `state`.
    pub state: Option<SecretString>,
    /// `code`.
    pub code: Option<SecretString>,
    /// `error`.
    pub error: Option<String>,
    /// `iss`.
    pub iss: Option<String>,
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

/// What the result page tells the browser that was there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Connected.
    Connected {
        /// What a person calls the provider.
        provider: String,
        /// What a person calls the account.
        account: String,
        /// Scopes that were asked for and not granted, in plain words.
        missing: Vec<String>,
    },
    /// The person said no at the provider.
    Declined {
        /// What a person calls the provider.
        provider: String,
    },
    /// It did not work.
    Failed {
        /// What a person calls the provider.
        provider: String,
        /// Why and what to do, in our words.
        reason: String,
        /// The link still works: the person can try again from the connect page.
        again: bool,
    },
}

/// A connection as shown to its owner.
#[derive(Clone, Debug)]
pub struct ConnectionView {
    /// Its name.
    pub id: ConnectionId,
    /// The provider entry's id.
    pub provider_id: String,
    /// What a person calls the provider.
    pub provider: String,
    /// What a person calls the account.
    pub account: String,
    /// The scopes granted.
    pub scopes: BTreeSet<String>,
    /// Whether it works.
    pub state: ConnectionState,
    /// When the access token ends.
    pub expires_at: Option<Timestamp>,
    /// Whether it can be refreshed without the person.
    pub refreshable: bool,
    /// When it was first made.
    pub connected_at: Timestamp,
}

/// Both outcomes of a disconnect. The local one is always done when this is returned.
#[derive(Clone, Debug)]
pub struct Disconnected {
    /// What was disconnected.
    pub connection: ConnectionView,
    /// What the provider said to the revocation: `Ok(true)` revoked, `Ok(false)` it has no way to.
    pub revoked: Result<bool, OAuthError>,
}

/// What a broker is made of.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The configuration.
    pub config: Arc<Config>,
    /// The HTTP client.
    pub http: Http,
    /// The clock.
    pub clock: Clock,
}

/// The broker. A handle: clones share it.
#[derive(Clone, Debug)]
pub struct Broker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    providers: Vec<Provider>,
    vault: Vault,
    port: CallbackPort,
    flights: Flights,
    /// One flow is minted or joined at a time, so that a thousand calls share one link.
    minting: Mutex<()>,
}

/// How long a person has to follow a link.
pub const FLOW_LIFETIME: Duration = Duration::from_mins(10);

impl Broker {
    /// A broker that has touched neither disk nor network. The receiver gets the callback port's
    /// listeners whenever a flow needs them; `consent::listener` serves them.
    pub fn new(settings: Settings) -> (Self, mpsc::UnboundedReceiver<TcpListener>) {
        let (listeners, listening) = mpsc::unbounded_channel();
        let config = &settings.config;
        let inner = Inner {
            providers: config
                .providers
                .iter()
                .cloned()
                .map(Provider::new)
                .collect(),
            vault: Vault::new(config.store_dir.clone()),
            port: CallbackPort::new(
                config.server.callback_port,
                &config.server.public_url,
                listeners,
            ),
            flights: Flights::default(),
            minting: Mutex::new(()),
            settings,
        };
        (Self(Arc::new(inner)), listening)
    }

    /// The provider entries, in the order of the configuration.
    pub fn providers(&self) -> &[Provider] {
        &self.0.providers
    }

    /// The origin that browsers must use, for the listener's check of `Host`.
    pub fn public_url(&self) -> &Url {
        &self.0.settings.config.server.public_url
    }

    /// Seals a handle that a client keeps for us (`requestState`), bound to `context`.
    pub async fn seal(&self, context: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, BrokerError> {
        Ok(self.store().await?.seal_handle(context, plaintext))
    }

    /// Opens what [`Broker::seal`] made; none if it was altered or is another context's.
    pub async fn unseal(
        &self,
        context: &[u8],
        sealed: &[u8],
    ) -> Result<Option<Vec<u8>>, BrokerError> {
        Ok(self.store().await?.open_handle(context, sealed))
    }

    async fn store(&self) -> Result<Store, BrokerError> {
        self.0.vault.store(&self.0.settings).await
    }

    fn now(&self) -> Timestamp {
        self.0.settings.clock.now()
    }

    fn provider(&self, id: &str) -> Option<&Provider> {
        self.0.providers.iter().find(|provider| provider.id() == id)
    }
}
