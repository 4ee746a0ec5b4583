//! `/disconnect/{connection}`: GET asks whether to, POST does it.

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;

use crate::broker::ConnectionId;
use crate::consent::{Site, own, pages, session};

type Segment = Result<Path<String>, PathRejection>;

fn id(segment: Segment) -> Option<ConnectionId> {
    let Path(text) = segment.ok()?;
    ConnectionId::parse(&text)
}

/// The question. It names only a connection of the person's own.
pub(in crate::consent) async fn ask(
    State(site): State<Site>,
    segment: Segment,
    headers: HeaderMap,
) -> Response {
    let visitor = match session::visitor(&site, &headers).await {
        Ok(Some(visitor)) => visitor,
        Ok(None) => return pages::sign_in::over(),
        Err(error) => return pages::broken(&error),
    };
    let views = match site.broker.connections(&visitor.caller).await {
        Ok(views) => views,
        Err(error) => return pages::broken(&error),
    };
    let id = id(segment);
    let Some(view) = views.iter().find(|view| Some(view.id) == id) else {
        return pages::own::not_connected();
    };
    own::with_csrf(&site, &headers, &visitor, |csrf| {
        pages::own::ask_disconnect(view, csrf)
    })
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
    let Some(id) = id(segment) else {
        return pages::own::not_connected();
    };
    match site.broker.disconnect(&caller, id).await {
        Ok(Some(done)) => pages::own::disconnected(&done),
        Ok(None) => pages::own::not_connected(),
        Err(error) => pages::broken(&error),
    }
}
