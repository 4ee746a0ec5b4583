//! `/connect/{link}`: GET shows what is asked for and changes nothing, POST goes on to the provider.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::SET_COOKIE;
use axum::response::Response;

use crate::consent::token::{Link, Token, csrf};
use crate::consent::{Site, browser, form, pages};

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
    let Some(cookie) = form::from_our_page(&headers, &body, &site.origin, &link) else {
        return pages::not_from_our_page();
    };
    match site.broker.begin(link.secret(), cookie.secret()).await {
        Ok(provider) => pages::see_other(provider.as_str()),
        Err(error) => pages::link_refused(&error),
    }
}
