//! The one place that decides: for this caller, provider, account and scopes, `Granted`,
//! `Consent` or `Denied`.
//!
//! Every operation takes and returns plain values, so that a process which does not own the store
//! can send them to the one that does.

mod access;
mod error;
mod owner;
mod view;
mod visit;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::mpsc;
use tokio::time::Instant;
use url::Url;

pub use crate::broker::access::{
    Access, Consent, ConsentReason, Denied, FlowOutcome, Granted, Requirement,
};
pub use crate::broker::error::{BrokerError, CallbackError, LinkError};
use crate::broker::owner::Owner;
pub use crate::broker::view::{ConnectionView, Disconnected};
pub use crate::broker::visit::{Callback, ConnectPage, Ending, ScopeLine};
use crate::caller::Caller;
use crate::clock::Clock;
use crate::config::Config;
use crate::http::Http;
use crate::oauth::provider::Provider;
use crate::store::records::{ConnectionId, FlowId};

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

/// How long a person has to follow a link.
pub const FLOW_LIFETIME: Duration = Duration::from_mins(10);

/// The broker. A handle: clones share it.
#[derive(Clone, Debug)]
pub struct Broker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    providers: Arc<Vec<Provider>>,
    owner: Owner,
}

impl Broker {
    /// A broker that has touched neither disk nor network. The receiver gets the callback port's
    /// listeners whenever a flow needs them; `consent::listener` serves them.
    pub fn new(settings: Settings) -> (Self, mpsc::UnboundedReceiver<TcpListener>) {
        let (listeners, listening) = mpsc::unbounded_channel();
        let entries = settings.config.providers.iter().cloned();
        let providers = Arc::new(entries.map(Provider::new).collect::<Vec<_>>());
        let owner = Owner::new(settings.clone(), Arc::clone(&providers), listeners);
        let inner = Inner {
            settings,
            providers,
            owner,
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

    /// Decides, by the first row that fits:
    ///
    /// | what is found | answer |
    /// |---|---|
    /// | several accounts fit and none is named | `Denied` with their names |
    /// | no connection, and the user declined a moment ago | `Denied` |
    /// | no connection | `Consent` |
    /// | the connection is marked *needs reconnect* | `Consent` |
    /// | the grant lacks scopes | `Consent` for granted ∪ missing |
    /// | the grant is fresh | `Granted` |
    /// | stale, and the one refresh works | `Granted` |
    /// | stale, and the provider refuses the refresh | marked *needs reconnect* → `Consent` |
    /// | stale, and the provider cannot be reached | an error; the connection is left alone |
    pub async fn access(
        &self,
        caller: &Caller,
        requirement: &Requirement,
    ) -> Result<Access, BrokerError> {
        self.0.owner.access(caller, requirement).await
    }

    /// Waits until the flow ends or `until`. Another caller's flow is `Expired`.
    pub async fn wait(
        &self,
        caller: &Caller,
        flow: FlowId,
        until: Instant,
    ) -> Result<FlowOutcome, BrokerError> {
        self.0.owner.wait(caller, flow, until).await
    }

    /// The provider refused `rejected` with a 401: one refresh, however many report it. `None`: it
    /// cannot be refreshed, and the connection needs a new consent.
    pub async fn renew(
        &self,
        caller: &Caller,
        connection: ConnectionId,
        rejected: &SecretString,
    ) -> Result<Option<SecretString>, BrokerError> {
        self.0.owner.renew(caller, connection, rejected).await
    }

    /// The client answered the elicitation with `decline`: the link goes out as text from now on.
    pub async fn elicitation_declined(
        &self,
        caller: &Caller,
        flow: FlowId,
    ) -> Result<(), BrokerError> {
        self.0.owner.elicitation_declined(caller, flow).await
    }

    /// The caller's connections, oldest first.
    pub async fn connections(&self, caller: &Caller) -> Result<Vec<ConnectionView>, BrokerError> {
        self.0.owner.connections(caller).await
    }

    /// Revokes at the provider and deletes here, whatever the provider answers. None: the caller
    /// has no such connection.
    pub async fn disconnect(
        &self,
        caller: &Caller,
        id: ConnectionId,
    ) -> Result<Option<Disconnected>, BrokerError> {
        self.0.owner.disconnect(caller, id).await
    }

    /// Seals a handle that a client keeps for us (`requestState`), bound to `context`.
    pub async fn seal(&self, context: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, BrokerError> {
        self.0.owner.seal(context, plaintext).await
    }

    /// Opens what [`Broker::seal`] made; none if it was altered or is another context's.
    pub async fn unseal(
        &self,
        context: &[u8],
        sealed: &[u8],
    ) -> Result<Option<Vec<u8>>, BrokerError> {
        self.0.owner.unseal(context, sealed).await
    }

    /// What the connect page shows. Changes nothing.
    pub async fn page(&self, link_token: &SecretString) -> Result<ConnectPage, LinkError> {
        self.0.owner.page(link_token).await
    }

    /// The page was posted by the browser that holds `cookie`: where to send it. Posting again,
    /// also from another browser, starts over: only the last one can come back.
    pub async fn begin(
        &self,
        link_token: &SecretString,
        cookie: &SecretString,
    ) -> Result<Url, LinkError> {
        self.0.owner.begin(link_token, cookie).await
    }

    /// The browser came back. Checks in the order of the errors of [`CallbackError`], and only then
    /// exchanges. Returns the link's token, which leads to the result page.
    ///
    /// A refusal leaves the flow as it is, so that a forged callback cannot end a live one.
    pub async fn callback(&self, callback: Callback) -> Result<SecretString, CallbackError> {
        self.0.owner.callback(callback).await
    }

    /// How the flow ended, for the browser that holds `cookie`. None while it is open.
    pub async fn ending(
        &self,
        link_token: &SecretString,
        cookie: &SecretString,
    ) -> Result<Option<Ending>, LinkError> {
        self.0.owner.ending(link_token, cookie).await
    }

    /// Starts to listen again for flows that an earlier process left pending. Cheap when there are
    /// none; silent when another process has the store.
    pub async fn resume(&self) {
        self.0.owner.resume().await;
    }

    /// Resolves when no flow has been open for a while, long enough for the last result page to
    /// load. The callback's listeners close then, at once: another flow may need the port.
    pub async fn idle(&self) {
        self.0.owner.idle().await;
    }
}
