//! The broker of the process that has the store.

mod access;
mod browser;
mod callback;
mod connections;
mod flows;
mod port;
mod refresh;
mod vault;

use std::net::TcpListener;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{Mutex, mpsc};

use crate::broker::owner::port::CallbackPort;
use crate::broker::owner::refresh::Flights;
use crate::broker::owner::vault::Vault;
use crate::broker::{BrokerError, Settings};
use crate::oauth::provider::Provider;
use crate::store::sled::Store;

/// The broker of the process that has the store. A handle: clones share it.
#[derive(Clone, Debug)]
pub(super) struct Owner(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    providers: Arc<Vec<Provider>>,
    vault: Vault,
    port: CallbackPort,
    flights: Flights,
    /// One flow is minted or joined at a time, so that a thousand calls share one link.
    minting: Mutex<()>,
}

impl Owner {
    /// An owner that has touched neither disk nor network yet.
    pub(super) fn new(
        settings: Settings,
        providers: Arc<Vec<Provider>>,
        listeners: mpsc::UnboundedSender<TcpListener>,
    ) -> Self {
        let config = &settings.config;
        Self(Arc::new(Inner {
            providers,
            vault: Vault::new(config.store_dir.clone()),
            port: CallbackPort::new(
                config.server.callback_port,
                &config.server.public_url,
                listeners,
            ),
            flights: Flights::default(),
            minting: Mutex::new(()),
            settings,
        }))
    }

    /// See [`crate::broker::Broker::seal`].
    pub(super) async fn seal(
        &self,
        context: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, BrokerError> {
        Ok(self.store().await?.seal_handle(context, plaintext))
    }

    /// See [`crate::broker::Broker::unseal`].
    pub(super) async fn unseal(
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
