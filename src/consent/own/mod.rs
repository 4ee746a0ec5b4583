//! The page of a person's own, at `/`: what is connected, what was called lately, and the buttons
//! that change it. Each request acts for who is at the browser and for nobody else.

pub(super) mod connect;
pub(super) mod disconnect;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::SET_COOKIE;
use axum::response::Response;

use crate::broker::{Broker, BrokerError, ConnectionId, ConnectionView, Visitor};
use crate::caller::Caller;
use crate::consent::token::{About, Token, csrf};
use crate::consent::{Site, browser, form, pages, session};

/// The page; for somebody who is not signed in, where to do that.
pub(super) async fn show(State(site): State<Site>, headers: HeaderMap) -> Response {
    let visitor = match session::visitor(&site, &headers).await {
        Ok(Some(visitor)) => visitor,
        Ok(None) => return pages::sign_in::offer(&site.broker.sign_ins()),
        Err(error) => return pages::broken(&error),
    };
    match page(&site, &headers, &visitor).await {
        Ok(page) => page,
        Err(error) => pages::broken(&error),
    }
}

async fn page(
    site: &Site,
    headers: &HeaderMap,
    visitor: &Visitor,
) -> Result<Response, BrokerError> {
    let (broker, caller) = (&site.broker, &visitor.caller);
    let connections = broker.connections(caller).await?;
    let activity = broker.activity(caller).await?;
    let offers = site.offers.iter().flat_map(|offers| offers.iter());
    let entries = offers.filter_map(|offer| {
        let mut entries = broker.providers().iter();
        let entry = entries.find(|entry| entry.id() == offer.provider)?;
        broker.problem_of(entry).is_none().then_some(entry)
    });
    let entries: Vec<_> = entries.collect();
    let shown = pages::own::Shown {
        visitor,
        connections: &connections,
        activity: &activity,
        providers: broker.providers(),
        offers: &entries,
    };
    Ok(with_csrf(site, headers, visitor, |csrf| {
        pages::own::page(&shown, csrf)
    }))
}

/// The connection with this id, if it is the person's own.
async fn connection(
    broker: &Broker,
    caller: &Caller,
    id: &str,
) -> Result<Option<ConnectionView>, BrokerError> {
    let Some(id) = ConnectionId::parse(id) else {
        return Ok(None);
    };
    let mut views = broker.connections(caller).await?.into_iter();
    Ok(views.find(|view| view.id == id))
}

/// A page with a form. A browser without a cookie gets one.
fn with_csrf(
    site: &Site,
    headers: &HeaderMap,
    visitor: &Visitor,
    page: impl Fn(&str) -> Response,
) -> Response {
    let csrf = |cookie: &Token| csrf(cookie, About::Person(&visitor.caller));
    if let Some(cookie) = browser::cookie(headers, &site.origin) {
        return page(&csrf(&cookie));
    }
    let cookie = Token::random();
    let mut response = page(&csrf(&cookie));
    let set_cookie = browser::set_cookie(&cookie, &site.origin);
    response.headers_mut().insert(SET_COOKIE, set_cookie);
    response
}

/// Who posted a form of the person's own page, or the page that refuses it.
async fn poster(site: &Site, headers: &HeaderMap, body: &Bytes) -> Result<Visitor, Response> {
    let visitor = session::signed_in(site, headers).await?;
    let about = About::Person(&visitor.caller);
    match form::from_our_page(headers, body, &site.origin, about) {
        Some(_) => Ok(visitor),
        None => Err(pages::own::not_from_our_page()),
    }
}

/// `/sign-out`: ends the session of this browser.
pub(super) async fn sign_out(
    State(site): State<Site>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Err(refusal) = poster(&site, &headers, &body).await {
        return refusal;
    }
    let ended = match session::end(&site, &headers).await {
        Ok(ended) => ended,
        Err(error) => return pages::broken(&error),
    };
    let mut response = pages::see_other("/");
    response.headers_mut().insert(SET_COOKIE, ended);
    response
}
