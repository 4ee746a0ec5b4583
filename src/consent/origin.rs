//! The one origin that browsers may use, from the configured public URL and never from a request.

use axum::http::uri::Authority;
use url::Url;

/// Scheme, host and port of `server.public_url`.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    /// As browsers write it in `Origin` (RFC 6454 §6.2).
    serialized: String,
    /// As browsers write it in `Host` (RFC 9110 §7.2): without the scheme's default port.
    authority: String,
    /// Whether cookies can be `Secure`.
    secure: bool,
}

impl Origin {
    /// The origin of the public URL.
    pub(super) fn of(public_url: &Url) -> Self {
        let serialized = public_url.origin().ascii_serialization();
        let authority = serialized
            .split_once("://")
            .map_or_else(String::new, |(_, authority)| authority.to_owned());
        Self {
            serialized,
            authority,
            secure: public_url.scheme() == "https",
        }
    }

    /// As browsers write it in `Origin`.
    pub(super) fn serialized(&self) -> &str {
        &self.serialized
    }

    /// Whether the origin is https: cookies are `Secure` then.
    pub(super) fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether a `Host` header names exactly this origin's host and port.
    pub(super) fn is_host(&self, host: &str) -> bool {
        !self.authority.is_empty() && self.authority.eq_ignore_ascii_case(host)
    }

    /// Whether the authority of an absolute request target (RFC 9112 §3.2.2) is this origin's.
    pub(super) fn is_authority(&self, authority: &Authority) -> bool {
        self.is_host(authority.as_str())
    }

    /// Whether an `Origin` header names this origin.
    pub(super) fn is_origin(&self, origin: &str) -> bool {
        self.serialized == origin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_configured_host_and_port_are_ours() {
        let cases = [
            ("http://127.0.0.1:8419", "127.0.0.1:8419", true),
            ("http://127.0.0.1:8419", "localhost:8419", false),
            ("http://127.0.0.1:8419", "127.0.0.1", false),
            ("http://127.0.0.1:8419", "127.0.0.1:8420", false),
            (
                "http://127.0.0.1:8419",
                "127.0.0.1:8419.evil.example",
                false,
            ),
            ("http://127.0.0.1:8419", "user@127.0.0.1:8419", false),
            ("http://127.0.0.1:8419", "", false),
            ("http://[::1]:8419", "[::1]:8419", true),
            ("https://mcp.example.com", "MCP.example.com", true),
            ("https://mcp.example.com", "mcp.example.com:443", false),
            ("https://mcp.example.com", "mcp.example.com.", false),
            (
                "https://mcp.example.com:8443/base",
                "mcp.example.com:8443",
                true,
            ),
        ];
        for (public_url, host, ours) in cases {
            let origin = Origin::of(&Url::parse(public_url).unwrap());
            assert_eq!(origin.is_host(host), ours, "{host} at {public_url}");
        }
    }

    #[test]
    fn an_origin_header_must_match_scheme_host_and_port() {
        let origin = Origin::of(&Url::parse("https://mcp.example.com/base").unwrap());
        assert!(origin.is_origin("https://mcp.example.com"));
        for other in [
            "http://mcp.example.com",
            "https://mcp.example.com:444",
            "https://mcp.example.com/",
            "null",
            "",
        ] {
            assert!(!origin.is_origin(other), "{other}");
        }
    }
}
