//! `server.egress_proxy`: the way out for those who have no other.

use std::fmt;

use reqwest::{NoProxy, Proxy};
use url::Url;

use crate::config::error::ConfigError;
use crate::config::expand::{Reader, Text, line};

/// What never takes the way through the proxy: this machine.
const DIRECT: &str = "localhost,127.0.0.0/8,::1";

/// The proxy that every request leaves by, but for those to this machine.
#[derive(Clone)]
pub struct EgressProxy {
    origin: String,
    proxy: Proxy,
}

impl EgressProxy {
    pub(super) fn read(reader: Reader<'_>, value: &Text) -> Result<Self, ConfigError> {
        let key = "server.egress_proxy";
        let wrong = |problem| reader.wrong(line(value), key, problem);
        let text = reader.text(key, value)?;
        let clean = !text.chars().any(|c| c.is_whitespace() || c.is_control());
        let url = Url::parse(&text).ok().filter(|url| {
            clean
                && ["http", "https"].contains(&url.scheme())
                && url.has_host()
                && url.path() == "/"
                && url.query().is_none()
                && url.fragment().is_none()
        });
        let url = url.ok_or_else(|| {
            wrong("must be a URL without a path, for example http://proxy.example.com:3128")
        })?;
        if !url.username().is_empty() || url.password().is_some() {
            reader.secret(key, value)?;
        }
        let proxy = Proxy::all(url.as_str()).map_err(|_| wrong("cannot be used"))?;
        Ok(Self {
            origin: url.origin().ascii_serialization(),
            proxy: proxy.no_proxy(NoProxy::from_string(DIRECT)),
        })
    }

    /// Its scheme, host and port, without the credentials.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// For an HTTP client, with the credentials.
    pub fn proxy(&self) -> Proxy {
        self.proxy.clone()
    }
}

impl fmt::Debug for EgressProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EgressProxy").field(&self.origin).finish()
    }
}
