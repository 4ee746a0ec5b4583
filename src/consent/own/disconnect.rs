//! `/disconnect/{connection}`: GET asks whether to, POST does it.

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;

use crate::broker::ConnectionId;
use crate::consent::{Site, own, pages, session};

type Segment = Result<Path<String>, PathRejection>;

/// The question. It names only a connection of the person's own.
pub(in crate::consent) async fn ask(
    State(site): State<Site>,
    segment: Segment,
    headers: HeaderMap,
) -> Response {
    let visitor = match session::signed_in(&site, &headers).await {
        Ok(visitor) => visitor,
        Err(refusal) => return refusal,
    };
    let id = segment.map_or_else(|_| String::new(), |Path(id)| id);
    match own::connection(&site.broker, &visitor.caller, &id).await {
        Ok(Some(view)) => own::with_csrf(&site, &headers, &visitor, |csrf| {
            pages::own::ask_disconnect(&view, csrf)
        }),
        Ok(None) => pages::own::not_connected(),
        Err(error) => pages::broken(&error),
    }
}

/// Revokes at the provider and deletes here, and says how both went.
pub(in crate::consent) async fn done(
    State(site): State<Site>,
    segment: Segment,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let caller = match own::poster(&site, &headers, &body).await {
        Ok(visitor) => visitor.caller,
        Err(refusal) => return refusal,
    };
    let id = segment.ok().and_then(|Path(id)| ConnectionId::parse(&id));
    let Some(id) = id else {
        return pages::own::not_connected();
    };
    match site.broker.disconnect(&caller, id).await {
        Ok(Some(done)) => pages::own::disconnected(&done),
        Ok(None) => pages::own::not_connected(),
        Err(error) => pages::broken(&error),
    }
}
