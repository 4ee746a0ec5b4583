//! The keys of `server` that are about the listener of `valetkey http`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipnet::IpNet;
use url::Url;

use crate::config::Config;
use crate::config::address;
use crate::config::error::ConfigError;
use crate::config::expand::{Reader, Text, line};
use crate::config::file::ServerForm;

const DEFAULT_BIND: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8418);

/// What one caller needs on a busy day, several times over.
const DEFAULT_CALLS_PER_MINUTE: u32 = 600;

/// How `valetkey http` listens.
#[derive(Clone, Debug)]
pub struct Listen {
    /// `bind`: the address. Default `127.0.0.1:8418`.
    pub bind: SocketAddr,
    /// `operator_bind`: the address of the operator's own listener. Default: there is none.
    pub operator_bind: Option<SocketAddr>,
    /// `allowed_origins`: of browser programs that may call `/mcp`, besides `public_url`.
    pub allowed_origins: Vec<String>,
    /// `trusted_proxies`: whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// `calls_per_minute`: so many tool calls one caller may begin. Default 600; 0 is no limit.
    pub calls_per_minute: u32,
    /// The file is about an HTTP server: it has `bind` or `auth`.
    pub is_wanted: bool,
    /// `public_url` is written in the file.
    pub has_public_url: bool,
    /// This process, or the server that it works beside, is an HTTP server: the browser's side is
    /// on its own listener, and no callback port is opened.
    pub is_on: bool,
}

pub(super) fn listen(reader: Reader<'_>, form: &ServerForm) -> Result<Listen, ConfigError> {
    let key = "server.bind";
    let bind = match &form.bind {
        Some(bind) => reader.text(key, bind)?.parse().map_err(|_| {
            let problem = "must be an address and a port, for example 127.0.0.1:8418";
            reader.wrong(line(bind), key, problem)
        })?,
        None => DEFAULT_BIND,
    };
    let operator_bind = match &form.operator_bind {
        Some(bind) => Some(operator_bind(reader, bind)?),
        None => None,
    };
    let key = "server.allowed_origins";
    let origin = |text: &Text| {
        address::origin(&reader.text(key, text)?)
            .map(|url| with_port(&url))
            .map_err(|problem| reader.wrong(line(text), key, problem))
    };
    let origins = form.allowed_origins.iter().flatten();
    let allowed_origins = origins.map(origin).collect::<Result<_, _>>()?;
    let key = "server.trusted_proxies";
    let proxy = |text: &Text| {
        let value = reader.text(key, text)?;
        let network = value
            .parse::<IpNet>()
            .or_else(|_| value.parse::<IpAddr>().map(IpNet::from));
        network.map_err(|_| {
            let problem = "must be addresses or networks, for example 10.0.0.0/8";
            reader.wrong(line(text), key, problem)
        })
    };
    let proxies = form.trusted_proxies.iter().flatten();
    Ok(Listen {
        bind,
        operator_bind,
        allowed_origins,
        trusted_proxies: proxies.map(proxy).collect::<Result<_, _>>()?,
        calls_per_minute: match &form.calls_per_minute {
            Some(calls) => reader.number("server.calls_per_minute", calls, (0, 1_000_000))?,
            None => DEFAULT_CALLS_PER_MINUTE,
        },
        is_wanted: form.bind.is_some() || form.auth.is_some(),
        has_public_url: form.public_url.is_some(),
        is_on: false,
    })
}

/// Metrics are nobody's but the operator's: the address is of this machine or of a private network
/// (RFC 1918, RFC 4193), and not all addresses at once.
fn operator_bind(reader: Reader<'_>, written: &Text) -> Result<SocketAddr, ConfigError> {
    let key = "server.operator_bind";
    let wrong = |problem| reader.wrong(line(written), key, problem);
    let bind: SocketAddr = reader
        .text(key, written)?
        .parse()
        .map_err(|_| wrong("must be an address and a port, for example 127.0.0.1:8420"))?;
    let is_private = match bind.ip().to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    };
    if is_private {
        Ok(bind)
    } else {
        Err(wrong(
            "must be an address of loopback or of a private network, for example 127.0.0.1:8420",
        ))
    }
}

impl Listen {
    /// Where browsers find the server: at `written`, if the file has it.
    pub(super) fn public_url(&self, written: &Url) -> Url {
        if self.has_public_url {
            return written.clone();
        }
        let bind = self.bind;
        Url::parse(&format!("http://{bind}")).expect("an address and a port make a URL")
    }
}

/// As an origin that has its port written, which the SDK's check needs to hold it to one.
pub fn with_port(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    format!("{}://{host}:{port}", url.scheme())
}

impl Config {
    /// The configuration of a command that works on the vault: beside `valetkey http`, if the file is
    /// about that.
    #[must_use]
    pub fn of_command(self) -> Self {
        let bind = self.server.listen.bind;
        if self.server.listen.is_wanted {
            self.of_http_server(bind)
        } else {
            self
        }
    }

    /// The configuration of `valetkey http` on `bind`, and of the commands that work beside it: a
    /// vault of its own, and the browser's side on its listener.
    #[must_use]
    pub fn of_http_server(mut self, bind: SocketAddr) -> Self {
        let listen = &mut self.server.listen;
        listen.bind = bind;
        listen.is_on = true;
        self.server.public_url = listen.public_url(&self.server.public_url);
        if let Some(dir) = self.http_store_dir.take() {
            self.store_dir = dir;
        }
        self
    }
}
