//! The cookies of one browser (RFC 6265 and its revision for `SameSite`).

use reqwest::Method;
use url::{Host, Url};

use crate::demo::browser::initiator::{Initiator, site};

/// All cookies, for as long as the browser lives.
#[derive(Clone, Debug, Default)]
pub(super) struct Jar(Vec<Cookie>);

#[derive(Clone, Debug)]
struct Cookie {
    host: String,
    path: String,
    name: String,
    value: String,
    same_site: SameSite,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SameSite {
    Strict,
    Lax,
    None,
}

impl Jar {
    /// The `Cookie` header for a navigation (RFC 6265 §5.4); empty when there is none.
    pub(super) fn header(
        &self,
        method: &Method,
        url: &Url,
        initiator: Option<&Initiator>,
    ) -> String {
        let same_site = initiator.is_none_or(|it| site(&it.url) == site(url));
        let pairs: Vec<String> = self
            .0
            .iter()
            .filter(|cookie| cookie.host == url.host_str().unwrap_or_default())
            .filter(|cookie| path_matches(url.path(), &cookie.path))
            .filter(|cookie| match cookie.same_site {
                SameSite::Strict => same_site,
                SameSite::Lax => same_site || *method == Method::GET,
                SameSite::None => true,
            })
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        pairs.join("; ")
    }

    /// Keeps or drops what a `Set-Cookie` says, as Chromium does: loopback counts as secure.
    pub(super) fn keep(&mut self, url: &Url, header: &str) {
        let mut parts = header.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
            return;
        };
        let mut cookie = Cookie {
            host: url.host_str().unwrap_or_default().to_owned(),
            path: default_path(url.path()),
            name: name.trim().to_owned(),
            value: value.trim().to_owned(),
            same_site: SameSite::Lax,
        };
        let (mut secure, mut ended, mut own_path) = (false, false, false);
        for attribute in parts {
            let (key, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            match key.to_ascii_lowercase().as_str() {
                "path" if value.starts_with('/') => {
                    value.clone_into(&mut cookie.path);
                    own_path = true;
                }
                "secure" => secure = true,
                "max-age" => ended = value.parse::<i64>().is_ok_and(|seconds| seconds <= 0),
                "samesite" => {
                    cookie.same_site = match value.to_ascii_lowercase().as_str() {
                        "strict" => SameSite::Strict,
                        "none" => SameSite::None,
                        _ => SameSite::Lax,
                    }
                }
                // This browser knows cookies of single hosts only.
                "domain" => return,
                _ => {}
            }
        }
        let safe_way = url.scheme() == "https" || is_loopback(url);
        let host_prefix_holds = secure && own_path && cookie.path == "/";
        if (secure && !safe_way) || (name.starts_with("__Host-") && !host_prefix_holds) {
            return;
        }
        self.0.retain(|old| {
            (&old.host, &old.path, &old.name) != (&cookie.host, &cookie.path, &cookie.name)
        });
        if !ended {
            self.0.push(cookie);
        }
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

/// RFC 6265 §5.1.4.
fn default_path(path: &str) -> String {
    match path.rfind('/') {
        None | Some(0) => "/".to_owned(),
        Some(end) => path[..end].to_owned(),
    }
}

/// RFC 6265 §5.1.4.
fn path_matches(path: &str, cookie: &str) -> bool {
    path.strip_prefix(cookie)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || cookie.ends_with('/'))
}
