//! `/connected/{link}`: how it ended, for the browser that was there.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::consent::token::Link;
use crate::consent::{Site, browser, pages};

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
        Ok(Some(ending)) => pages::ending(&ending, link.text()),
        Ok(None) => pages::unfinished(link.text()),
        Err(error) => pages::link_refused(&error),
    }
}
