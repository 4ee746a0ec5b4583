//! `/connected/{link}`: how it ended, for the browser that was there; and, when another account than
//! the expected one signed in, the person's answer to that.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use crate::consent::token::{Link, csrf};
use crate::consent::{Site, browser, form, pages};

/// The result page. To any other browser the link is unknown.
pub(super) async fn show(
    State(site): State<Site>,
    Link(link): Link,
    headers: HeaderMap,
) -> Response {
    let Some(cookie) = browser::cookie(&headers, &site.origin) else {
        return pages::unknown_link();
    };
    match site.broker.ending(link.secret(), cookie.secret()).await {
        Ok(Some(ending)) => pages::ending(&ending, link.text(), &csrf(&cookie, &link)),
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
    let Some(cookie) = form::from_our_page(&headers, &body, &site.origin, &link) else {
        return pages::not_from_our_page();
    };
    let keep = match form::field(&body, "decision").as_deref() {
        Some("keep") => true,
        Some("drop") => false,
        _ => return pages::refused(StatusCode::BAD_REQUEST),
    };
    let broker = &site.broker;
    match broker.settle(link.secret(), cookie.secret(), keep).await {
        Ok(()) => pages::see_other(&format!("/connected/{}", link.text())),
        Err(error) => pages::link_refused(&error),
    }
}
