//! Links that the provider hands out in an answer, to a storage host of its choice: followed without
//! the token.
//!
//! Such a link is a credential in itself (it is signed, and good for about a minute), so it is never
//! shown. And it is an address that others chose, so it may lead nowhere but to public hosts.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::Method;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::time::timeout;
use url::{Host, Url};

use crate::api::{Api, Effect, Keep, Request, Response};
use crate::error::{ErrorCode, ToolError};
use crate::send;

/// The client that follows links, by who finds the addresses of their hosts.
#[derive(Clone, Debug)]
pub enum LinkClient {
    /// The client, by [`PublicNames`].
    Direct(reqwest::Client),
    /// A proxy that the client leaves by. What it finds for a name is not seen here, so a name that
    /// leads into a private network as far as it can be seen is refused before the proxy is asked.
    Proxied(reqwest::Client),
}

/// How long the address of a name is looked for that a proxy will look for again. Behind a proxy
/// there may be nobody to ask.
const LOOKING: Duration = Duration::from_secs(5);

/// A request to a link. It carries what is put into it and nothing else: no token, no cookie.
pub(crate) struct Link(Request);

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Link")
    }
}

impl Api {
    /// Checks a link that an answer of the provider holds: https, a name and no address, the usual
    /// port, no credentials before the host. Where the name leads is checked when it is followed, see
    /// [`LinkClient`]. Only where the API itself is on loopback (in a test) may a link be there.
    pub(crate) fn link(&self, method: Method, address: &str) -> Result<Link, ToolError> {
        let refusal = || {
            ToolError::new(
                ErrorCode::BadResponse,
                "The provider named an address for this that may not be followed.",
                "Call again; if it stays so, tell the operator.",
            )
        };
        let url = Url::parse(address).map_err(|_| refusal())?;
        let bare = url.username().is_empty() && url.password().is_none();
        let public = url.scheme() == "https"
            && matches!(url.host(), Some(Host::Domain(_)))
            && url.port().is_none();
        if !bare || !(public || self.stays_on_loopback(&url)) {
            return Err(refusal());
        }
        Ok(Link(Request::new(self, Effect::Read, method, url)))
    }

    /// The client that may follow a link to `url`, if one may.
    pub(crate) async fn client_for_link(&self, url: &Url) -> Option<reqwest::Client> {
        if self.stays_on_loopback(url) {
            return Some(self.client().clone());
        }
        match (self.0.settings.links)() {
            LinkClient::Direct(client) => Some(client),
            LinkClient::Proxied(client) => (!leads_inside(url).await).then_some(client),
        }
    }

    fn stays_on_loopback(&self, url: &Url) -> bool {
        matches!(url.scheme(), "http" | "https")
            && is_loopback(&self.0.settings.base_url)
            && is_loopback(url)
    }
}

impl Link {
    /// Sets a body of a media type.
    pub(crate) fn body(self, content_type: &'static str, body: Vec<u8>) -> Self {
        Self(self.0.body(content_type, body))
    }

    /// Says how much of the answer is kept.
    pub(crate) fn keep(mut self, keep: Keep) -> Self {
        self.0.keep = keep;
        self
    }

    /// Follows it, once. Every answer but a success is an error, a further redirect included.
    pub(crate) async fn follow(self) -> Result<Response, ToolError> {
        send::follow(self.0).await
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether the name of a link's host is known here as one of a private network. A name that is not
/// known here is the proxy's to judge.
async fn leads_inside(url: &Url) -> bool {
    let Some(Host::Domain(name)) = url.host() else {
        return true;
    };
    let looking = timeout(LOOKING, tokio::net::lookup_host((name, 0)));
    match looking.await {
        Ok(Ok(mut found)) => found.any(|address| !is_public(address.ip())),
        Ok(Err(_)) | Err(_) => false,
    }
}

/// Finds the addresses of names, and refuses every name that has one within a private network: the
/// connection goes to the very address that was checked.
#[derive(Clone, Copy, Debug)]
pub struct PublicNames;

impl Resolve for PublicNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found: Vec<SocketAddr> = found.collect();
            if found.is_empty() || !found.iter().all(|address| is_public(address.ip())) {
                return Err(io::Error::from(io::ErrorKind::PermissionDenied).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is one of the public internet, by the registries of special purpose addresses
/// (RFC 6890 and its updates). An IPv6 address that stands for an IPv4 address is judged as that.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        // Shared by the customers of a provider (RFC 6598).
        || (a == 100 && b & 0xc0 == 64)
        // Assignments for protocols, and benchmarks (RFC 2544).
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && b & 0xfe == 18)
        // Reserved, and broadcast.
        || a >= 240)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let embedded = match segments {
        // Mapped (RFC 4291 §2.5.5.2) and translated (RFC 6052 §2.1) addresses.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some((high, low))
        }
        // 6to4 (RFC 3056).
        [0x2002, high, low, ..] => Some((high, low)),
        _ => None,
    };
    if let Some((high, low)) = embedded {
        let bits = u32::from(high) << 16 | u32::from(low);
        return is_public_v4(Ipv4Addr::from_bits(bits));
    }
    // Of 2000::/3, which is all that is given out, without Teredo (RFC 4380) and its neighbours, and
    // without the documentation's.
    segments[0] & 0xe000 == 0x2000
        && !(segments[0] == 0x2001 && (segments[1] < 0x200 || segments[1] == 0xdb8))
        && segments[0] & 0xfff0 != 0x3ff0
}

#[cfg(test)]
mod tests;
