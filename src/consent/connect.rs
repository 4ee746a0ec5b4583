//! `/connect/{link}`: GET shows what is asked for and changes nothing, POST goes on to the provider.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::SET_COOKIE;
use axum::response::Response;

use crate::consent::token::{About, Link, Token, csrf};
use crate::consent::{Site, browser, form, login, pages, session};

/// The page, for the person whom the link was made for: who is not signed in does that first. A
/// browser without a cookie gets one; nothing is stored.
pub(super) async fn show(
    State(site): State<Site>,
    Link(link): Link,
    headers: HeaderMap,
) -> Response {
    let visitor = match session::visitor(&site, &headers).await {
        Ok(Some(visitor)) => visitor,
        Ok(None) => return login::start::for_link(&site, &headers, link).await,
        Err(error) => return pages::broken(&error),
    };
    let page = match site.broker.page(link.secret(), &visitor.caller).await {
        Ok(page) => page,
        Err(error) => return pages::link_refused(&error),
    };
    let csrf = |cookie: &Token| csrf(cookie, About::Link(&link));
    if let Some(cookie) = browser::cookie(&headers, &site.origin) {
        return pages::connect(&page, &visitor, &csrf(&cookie));
    }
    let cookie = Token::random();
    let mut response = pages::connect(&page, &visitor, &csrf(&cookie));
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
    let about = About::Link(&link);
    let Some(cookie) = form::from_our_page(&headers, &body, &site.origin, about) else {
        return pages::not_from_our_page();
    };
    let person = match session::signed_in(&site, &headers).await {
        Ok(visitor) => visitor.caller,
        Err(refusal) => return refusal,
    };
    let (link, cookie) = (link.secret(), cookie.secret());
    match site.broker.begin(link, cookie, &person).await {
        Ok(provider) => pages::see_other(provider.as_str()),
        Err(error) => pages::link_refused(&error),
    }
}
