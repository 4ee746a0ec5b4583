//! `/connected/{link}`: how it ended, for the browser that was there; and, when another account than
//! the expected one signed in, the person's answer to that.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use crate::consent::token::{About, Link, csrf};
use crate::consent::{Site, browser, form, pages, session};

/// The result page. To any other browser the link is unknown, and to any other person closed.
pub(super) async fn show(
    State(site): State<Site>,
    Link(link): Link,
    headers: HeaderMap,
) -> Response {
    let Some(cookie) = browser::cookie(&headers, &site.origin) else {
        return pages::unknown_link();
    };
    let person = match session::signed_in(&site, &headers).await {
        Ok(visitor) => visitor.caller,
        Err(refusal) => return refusal,
    };
    let broker = &site.broker;
    let ending = broker.ending(link.secret(), cookie.secret(), &person);
    match ending.await {
        Ok(Some(ending)) => {
            let csrf = csrf(&cookie, About::Link(&link));
            pages::ending(&ending, link.text(), &csrf, site.has_own_page())
        }
        Ok(None) => pages::unfinished(link.text()),
        Err(error) => pages::link_refused(&error),
    }
}

/// A button was pressed: keeps or drops the other account, and shows the result page again.
pub(super) async fn settle(
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
    let keep = match form::field(&body, "decision").as_deref() {
        Some("keep") => true,
        Some("drop") => false,
        _ => return pages::refused(StatusCode::BAD_REQUEST),
    };
    let settled = site
        .broker
        .settle(link.secret(), cookie.secret(), &person, keep);
    match settled.await {
        Ok(()) => pages::see_other(&format!("/connected/{}", link.text())),
        Err(error) => pages::link_refused(&error),
    }
}
