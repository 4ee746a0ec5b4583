//! Cookies of ours: how they are named, written and read, and the sealed ones, in which the browser
//! keeps something for us that it can neither read nor change.

use axum::http::header::{COOKIE, HeaderMap, HeaderValue};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::broker::{Broker, BrokerError};
use crate::consent::origin::Origin;

/// Browsers keep a cookie of 4,096 bytes, name and attributes included (RFC 6265 §6.1).
const LONGEST: usize = 3_800;

/// One of our cookies, by the part of its name that makes it this one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cookie<'a>(pub(super) &'a str);

/// The parts of the names of those cookies of ours whose parts begin like this.
pub(super) fn named_like<'a>(
    prefix: &str,
    headers: &'a HeaderMap,
    origin: &Origin,
) -> impl Iterator<Item = &'a str> {
    let ours = Cookie("").name(origin);
    let whole = Cookie(prefix).name(origin);
    let names = pairs(headers).map(|(name, _)| name);
    let names = names.filter(move |name| name.starts_with(&whole));
    names.map(move |name| &name[ours.len()..])
}

fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
}

impl Cookie<'_> {
    /// Over https the prefix makes browsers insist on `Secure`, `Path=/` and no `Domain`
    /// (draft-ietf-httpbis-rfc6265bis §4.1.3.2); plain http on loopback cannot have it.
    fn name(self, origin: &Origin) -> String {
        let prefix = if origin.is_secure() { "__Host-" } else { "" };
        format!("{prefix}valetkey{}", self.0)
    }

    /// Its value. None too when it came twice: cookies do not keep ports apart, so another program
    /// on this machine may have added one, and which is ours cannot be told.
    pub(super) fn value<'h>(self, headers: &'h HeaderMap, origin: &Origin) -> Option<&'h str> {
        let name = self.name(origin);
        let mut values = pairs(headers).filter_map(|(key, value)| (key == name).then_some(value));
        let value = values.next()?;
        values.next().is_none().then_some(value)
    }

    /// `Set-Cookie`. It ends with the browser's session. `value` is of base64url.
    pub(super) fn set(self, value: &str, origin: &Origin) -> HeaderValue {
        self.header(value, "", origin)
    }

    /// `Set-Cookie` that removes it.
    pub(super) fn removed(self, origin: &Origin) -> HeaderValue {
        self.header("", "; Max-Age=0", origin)
    }

    fn header(self, value: &str, age: &str, origin: &Origin) -> HeaderValue {
        let secure = if origin.is_secure() { "; Secure" } else { "" };
        let name = self.name(origin);
        let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{age}{secure}");
        let mut header = HeaderValue::try_from(text)
            .expect("names, also from a header, and base64url are visible ASCII");
        header.set_sensitive(true);
        header
    }

    /// `Set-Cookie` with something that only this server can read. None if no browser would keep it.
    pub(super) async fn sealed(
        self,
        broker: &Broker,
        origin: &Origin,
        content: &impl Serialize,
    ) -> Result<Option<HeaderValue>, BrokerError> {
        let content = serde_json::to_vec(content).expect("a struct of texts is JSON");
        let sealed = broker.seal(&self.context(origin), &content).await?;
        let value = BASE64_URL_SAFE_NO_PAD.encode(sealed);
        Ok((value.len() <= LONGEST).then(|| self.set(&value, origin)))
    }

    /// What [`Cookie::sealed`] put into it; none if it is not there, was altered or is another's.
    pub(super) async fn opened<T: DeserializeOwned>(
        self,
        broker: &Broker,
        origin: &Origin,
        headers: &HeaderMap,
    ) -> Result<Option<T>, BrokerError> {
        let value = self.value(headers, origin);
        let Some(sealed) = value.and_then(|value| BASE64_URL_SAFE_NO_PAD.decode(value).ok()) else {
            return Ok(None);
        };
        let content = broker.unseal(&self.context(origin), &sealed).await?;
        Ok(content.and_then(|content| serde_json::from_slice(&content).ok()))
    }

    /// Binds a sealed value to its cookie and to this address.
    fn context(self, origin: &Origin) -> Vec<u8> {
        format!("valetkey cookie v1 {} {}", self.0, origin.serialized()).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    fn origin(public_url: &str) -> Origin {
        Origin::of(&Url::parse(public_url).unwrap())
    }

    #[test]
    fn a_cookie_is_bound_to_host_and_scheme_where_the_scheme_allows() {
        let cases = [
            (
                "https://mcp.example.com",
                "__Host-valetkey-x=AB-_; Path=/; HttpOnly; SameSite=Lax; Secure",
                "__Host-valetkey-x=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0; Secure",
            ),
            (
                "http://127.0.0.1:8419",
                "valetkey-x=AB-_; Path=/; HttpOnly; SameSite=Lax",
                "valetkey-x=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0",
            ),
        ];
        for (public_url, set, removed) in cases {
            let origin = origin(public_url);
            let value = Cookie("-x").set("AB-_", &origin);
            assert_eq!(value.to_str().unwrap(), set);
            assert!(value.is_sensitive(), "debug output must not show it");
            assert_eq!(Cookie("-x").removed(&origin).to_str().unwrap(), removed);
        }
    }

    #[test]
    fn names_are_found_by_how_they_begin_and_any_that_a_client_sends_can_be_removed() {
        let origin = origin("https://mcp.example.com");
        let sent = "__Host-valetkey-x-1=v; valetkey-x-2=v; __Host-valetkey-y=v; \
                    __Host-valetkey-x- \t\",\u{7e}=v; __Host-valetkey-x-=v";
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_str(sent).unwrap());
        // Not ASCII: the whole line is nobody's.
        let other = HeaderValue::from_bytes(b"__Host-valetkey-x-\xc3\xa9=v").unwrap();
        headers.append(COOKIE, other);
        let names: Vec<_> = named_like("-x-", &headers, &origin).collect();
        assert_eq!(names, ["-x-1", "-x- \t\",~", "-x-"]);
        for name in names {
            let removed = Cookie(name).removed(&origin);
            let expected = format!("__Host-valetkey{name}=; Path=/; ");
            assert!(removed.to_str().unwrap().starts_with(&expected));
        }
    }

    #[test]
    fn a_cookie_is_found_among_others_and_only_under_its_name_and_once() {
        let (https, http) = (
            origin("https://mcp.example.com"),
            origin("http://127.0.0.1:1"),
        );
        let cases: [(&Origin, &[&str], Option<&str>); 12] = [
            (&https, &["a=b; __Host-valetkey-x=v; c=d"], Some("v")),
            (&https, &["a=b", "__Host-valetkey-x=v"], Some("v")),
            (&https, &["valetkey-x=v"], None),
            (&https, &["__host-valetkey-x=v"], None),
            (&https, &["__Host-valetkey=v"], None),
            (&http, &["valetkey-x=v"], Some("v")),
            (&http, &["valetkey-x="], Some("")),
            (&http, &["__Host-valetkey-x=v"], None),
            (&http, &["valetkey-x=v; valetkey-x=v"], None),
            (&http, &["valetkey-x=v", "valetkey-x=w"], None),
            (&http, &["valetkey-x"], None),
            (&http, &[], None),
        ];
        for (origin, lines, found) in cases {
            let headers: HeaderMap = lines
                .iter()
                .map(|line| (COOKIE, HeaderValue::from_str(line).unwrap()))
                .collect();
            assert_eq!(Cookie("-x").value(&headers, origin), found, "{lines:?}");
        }
    }
}
