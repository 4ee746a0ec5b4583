//! `/connect/{link}`: GET shows what is asked for and changes nothing, POST goes on to the provider.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ORIGIN, SET_COOKIE};
use axum::response::Response;
use url::form_urlencoded;

use crate::consent::origin::Origin;
use crate::consent::token::{Link, Token, csrf, is_csrf};
use crate::consent::{Site, browser, pages};

/// The page. A browser without a cookie gets one; nothing is stored.
pub(super) async fn show(
    State(site): State<Site>,
    Link(link): Link,
    headers: HeaderMap,
) -> Response {
    let page = match site.broker.page(link.secret()).await {
        Ok(page) => page,
        Err(error) => return pages::link_refused(&error),
    };
    if let Some(cookie) = browser::cookie(&headers, &site.origin) {
        return pages::connect(&page, &csrf(&cookie, &link));
    }
    let cookie = Token::random();
    let mut response = pages::connect(&page, &csrf(&cookie, &link));
    response
        .headers_mut()
        .insert(SET_COOKIE, browser::set_cookie(&cookie, &site.origin));
    response
}

/// The button was pressed: binds the browser and sends it to the provider. Anything that does not
/// come from our own page in that browser changes nothing.
pub(super) async fn agree(
    State(site): State<Site>,
    Link(link): Link,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(cookie) = browser::cookie(&headers, &site.origin) else {
        return pages::not_from_our_page();
    };
    if !is_same_origin(&headers, &site.origin) || !brings_csrf(&body, &cookie, &link) {
        return pages::not_from_our_page();
    }
    match site.broker.begin(link.secret(), cookie.secret()).await {
        Ok(provider) => pages::see_other(provider.as_str()),
        Err(error) => pages::link_refused(&error),
    }
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

fn brings_csrf(body: &[u8], cookie: &Token, link: &Token) -> bool {
    let mut fields = form_urlencoded::parse(body).filter(|(name, _)| name == "csrf");
    let given = fields.next();
    given.is_some_and(|(_, given)| is_csrf(&given, cookie, link)) && fields.next().is_none()
}
