//! URLs of the configuration: https, or http on loopback, and nothing that could do harm when a
//! browser opens it or a token is sent to it.

use url::{Host, Url};

/// Checks the URL of an endpoint (RFC 6749 §3.1, §3.2): absolute, no credentials, no fragment. The
/// error says what is wrong, without the value.
pub fn endpoint(text: &str) -> Result<Url, &'static str> {
    const WANTED: &str = "must be an https:// URL (http:// only for localhost and 127.0.0.1)";
    // `Url` would drop tabs and line ends, and so see another URL than the one that was reviewed.
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("must be a URL without spaces or control characters");
    }
    let url = Url::parse(text).map_err(|_| WANTED)?;
    let acceptable = match url.scheme() {
        "https" => text.starts_with("https://"),
        "http" => text.starts_with("http://") && is_loopback(&url),
        _ => false,
    };
    if !acceptable {
        return Err(WANTED);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not carry a user name or password");
    }
    if url.fragment().is_some() {
        return Err("must not have a #fragment");
    }
    Ok(url)
}

/// Checks a URL that others are appended to, and makes its path end in a slash.
pub(super) fn base(text: &str) -> Result<Url, &'static str> {
    let mut url = endpoint(text)?;
    if url.query().is_some() {
        return Err("must not have a ?query");
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

/// Checks an origin: scheme, host and port.
pub(super) fn origin(text: &str) -> Result<Url, &'static str> {
    let url = base(text)?;
    if url.path() != "/" {
        return Err("must be an origin without a path, for example https://mcp.example.com");
    }
    Ok(url)
}

/// Whether a URL leads to this machine and nowhere else.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_loopback_http_without_extras_are_endpoints() {
        for good in [
            "https://provider.example/oauth/authorize?tenant=a",
            "http://127.0.0.1:4000/token",
            "http://[::1]:4000/token",
            "http://localhost/token",
        ] {
            assert_eq!(endpoint(good).unwrap().as_str(), good);
        }
        for bad in [
            "http://provider.example/token",
            "http://localhost.evil.example/token",
            "http://127.0.0.1.evil.example/token",
            "javascript:alert(1)",
            "a:$(id)",
            "--x",
            "-https://provider.example",
            "file:///etc/passwd",
            "https:provider.example",
            "https:/provider.example/token",
            " https://provider.example",
            "https://provider.example/\ttoken",
            "https://user:word@provider.example/token",
            "https://provider.example/token#part",
            "https://",
            "/oauth/token",
            "",
        ] {
            assert!(endpoint(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_base_url_ends_in_a_slash_and_an_origin_has_no_path() {
        assert_eq!(
            base("https://ghe.example/api/v3").unwrap().as_str(),
            "https://ghe.example/api/v3/"
        );
        assert!(base("https://ghe.example/api?x=1").is_err());
        assert_eq!(
            origin("https://mcp.example.com").unwrap().as_str(),
            "https://mcp.example.com/"
        );
        assert!(origin("https://mcp.example.com/valetkey").is_err());
    }
}
