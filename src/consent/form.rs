//! What a form of ours posts: whether it comes from our own page, and what it says.

use axum::http::HeaderMap;
use axum::http::header::ORIGIN;
use url::form_urlencoded;

use crate::consent::browser;
use crate::consent::origin::Origin;
use crate::consent::token::{About, Token, is_csrf};

/// The cookie of the browser that posted a form of the page that we gave it; none if it cannot be
/// seen that it did.
pub(super) fn from_our_page(
    headers: &HeaderMap,
    body: &[u8],
    origin: &Origin,
    about: About<'_>,
) -> Option<Token> {
    let cookie = browser::cookie(headers, origin)?;
    let ours = is_same_origin(headers, origin) && brings_csrf(body, &cookie, about);
    ours.then_some(cookie)
}

/// The value of a field that comes exactly once.
pub(super) fn field(body: &[u8], name: &str) -> Option<String> {
    let mut fields = form_urlencoded::parse(body).filter(|(key, _)| key == name);
    let (_, value) = fields.next()?;
    fields.next().is_none().then(|| value.into_owned())
}

/// What the browser says about the page that posted, where it says it. `Origin` is `null` in a form
/// post from a page with `no-referrer`, as ours is (Fetch standard, "append a request `Origin`
/// header"); then `Sec-Fetch-Site`, which no page can set, has to vouch for it.
fn is_same_origin(headers: &HeaderMap, origin: &Origin) -> bool {
    let site = single(headers, "sec-fetch-site");
    let named = single(headers, ORIGIN.as_str());
    let vouched = site == Header::Value("same-origin");
    match (site, named) {
        (Header::Garbled, _) | (_, Header::Garbled) => false,
        (Header::Value(_), _) if !vouched => false,
        (_, Header::Absent) => true,
        (_, Header::Value("null")) => vouched,
        (_, Header::Value(named)) => origin.is_origin(named),
    }
}

#[derive(PartialEq)]
enum Header<'a> {
    Absent,
    Value(&'a str),
    /// Several, or not text.
    Garbled,
}

fn single<'a>(headers: &'a HeaderMap, name: &str) -> Header<'a> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Header::Absent,
        (Some(value), None) => value.to_str().map_or(Header::Garbled, Header::Value),
        (Some(_), Some(_)) => Header::Garbled,
    }
}

fn brings_csrf(body: &[u8], cookie: &Token, about: About<'_>) -> bool {
    field(body, "csrf").is_some_and(|given| is_csrf(&given, cookie, about))
}
