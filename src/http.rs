//! The HTTP clients of the process: one for the providers, one for what brings their tokens, one
//! for links that they hand out.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::Proxy;
use valetkey_toolkits::api::{LinkClient, PublicNames};
use valetkey_toolkits::rate::Pace;

/// Builds the process's [`reqwest::Client`]s on first use and shares them.
///
/// Lazily, because loading the system's certificate roots takes longer than a whole start of
/// `valetkey stdio` may. It follows no redirect (a token must not travel to another host, RFC 9700
/// §4.12), leaves by the proxy that it is given and by no proxy variable of the environment, checks
/// certificates with the system's roots, and limits every wait: 5 s to connect, 15 s between bytes,
/// 60 s in all.
#[derive(Clone, Debug, Default)]
pub struct Http(Arc<Clients>);

#[derive(Default)]
struct Clients {
    providers: OnceLock<reqwest::Client>,
    tokens: OnceLock<reqwest::Client>,
    links: OnceLock<reqwest::Client>,
    proxy: Option<Proxy>,
    pace: Pace,
}

impl fmt::Debug for Clients {
    /// A proxy would print its credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").finish_non_exhaustive()
    }
}

impl Http {
    /// A client that is not built yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same for requests that leave by `proxy`.
    pub fn through(proxy: Option<Proxy>) -> Self {
        Self(Arc::new(Clients {
            proxy,
            ..Clients::default()
        }))
    }

    /// The client for the providers. While the system's roots cannot be read (no file descriptors are
    /// left, say) it is one that trusts nobody, so that every TLS connection fails; the next call
    /// tries again.
    pub fn client(&self) -> reqwest::Client {
        shared(&self.0.providers, || self.builder())
    }

    /// The client for requests that carry refresh tokens or bring them. It keeps no connection: the
    /// buffers of one that waits for its next request would keep the last token for a while, also
    /// after it was revoked and deleted.
    pub fn client_for_tokens(&self) -> reqwest::Client {
        shared(&self.0.tokens, || self.builder().pool_max_idle_per_host(0))
    }

    /// The client for links that a provider hands out, to public hosts only.
    pub fn client_for_links(&self) -> LinkClient {
        if self.0.proxy.is_some() {
            // It has to find the proxy's own address, which is hardly a public one.
            return LinkClient::Proxied(shared(&self.0.links, || self.builder()));
        }
        let client = shared(&self.0.links, || self.builder().dns_resolver(PublicNames));
        LinkClient::Direct(client)
    }

    /// What the process's calls share to stay within limits.
    pub fn pace(&self) -> Pace {
        self.0.pace.clone()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that builds the HTTP clients"
    )]
    fn builder(&self) -> reqwest::ClientBuilder {
        let builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            // A proxy variable of the environment would see every name, and over plain HTTP every token.
            .no_proxy()
            .connect_timeout(Duration::from_secs(5))
            .read_timeout(Duration::from_secs(15))
            .timeout(Duration::from_mins(1))
            .user_agent(concat!("valetkey/", env!("CARGO_PKG_VERSION")));
        match &self.0.proxy {
            Some(proxy) => builder.proxy(proxy.clone()),
            None => builder,
        }
    }
}

fn shared(
    place: &OnceLock<reqwest::Client>,
    builder: impl Fn() -> reqwest::ClientBuilder,
) -> reqwest::Client {
    if let Some(client) = place.get() {
        return client.clone();
    }
    // Fails only when a provider is installed already, which is as good.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    if let Ok(client) = builder().build() {
        return place.get_or_init(|| client).clone();
    }
    tracing::warn!("the system's certificate roots could not be read");
    builder()
        .tls_certs_only([])
        .build()
        .expect("without roots to read, the TLS settings are constant")
}
