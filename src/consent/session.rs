//! Who is at the browser: the cookie of a person who signed in.
//!
//! A session is in its cookie and nowhere else, so its end is what the broker keeps: after a sign-out,
//! and after `valetkey revoke-user`, no copy of the cookie opens anything.

use axum::http::header::{HeaderMap, HeaderValue};
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::broker::{BrokerError, Visitor};
use crate::caller::Caller;
use crate::consent::cookie::Cookie;
use crate::consent::token::Token;
use crate::consent::{People, Site, pages};

const SESSION: Cookie<'_> = Cookie("-session");

/// How long a person stays signed in.
const LIFETIME: SignedDuration = SignedDuration::from_hours(1);

/// What the cookie holds, sealed: no token of the issuer.
#[derive(Debug, Serialize, Deserialize)]
struct Session {
    id: Token,
    caller: Caller,
    email: Option<String>,
    expires_at: Timestamp,
}

/// Who is at the browser; none if nobody is signed in.
pub(super) async fn visitor(
    site: &Site,
    headers: &HeaderMap,
) -> Result<Option<Visitor>, BrokerError> {
    if let People::Local(caller) = &site.people {
        return Ok(Some(Visitor {
            caller: caller.clone(),
            email: None,
        }));
    }
    let session = current(site, headers).await?;
    Ok(session.map(|session| Visitor {
        caller: session.caller,
        email: session.email,
    }))
}

/// Who is at the browser, or the page that asks to sign in again.
pub(super) async fn signed_in(site: &Site, headers: &HeaderMap) -> Result<Visitor, Response> {
    match visitor(site, headers).await {
        Ok(Some(visitor)) => Ok(visitor),
        Ok(None) => Err(pages::sign_in::over()),
        Err(error) => Err(pages::broken(&error)),
    }
}

async fn current(site: &Site, headers: &HeaderMap) -> Result<Option<Session>, BrokerError> {
    let (broker, origin) = (&site.broker, &site.origin);
    let session: Option<Session> = SESSION.opened(broker, origin, headers).await?;
    let session = session
        .filter(|session| broker.now() < session.expires_at)
        // Whom the operator does not trust any more does not stay signed in.
        .filter(|session| broker.sign_ins().contains(&session.caller.issuer()));
    let Some(session) = session else {
        return Ok(None);
    };
    let (id, began_at) = (session.id.text(), session.expires_at - LIFETIME);
    let ended = broker.session_has_ended(&session.caller, id, began_at);
    Ok((!ended.await?).then_some(session))
}

/// `Set-Cookie` for who just signed in: a new value each time (OWASP, session fixation). None if no
/// browser would keep it.
pub(super) async fn begun(
    site: &Site,
    visitor: Visitor,
) -> Result<Option<HeaderValue>, BrokerError> {
    let session = Session {
        id: Token::random(),
        caller: visitor.caller,
        email: visitor.email,
        expires_at: site.broker.now() + LIFETIME,
    };
    SESSION.sealed(&site.broker, &site.origin, &session).await
}

/// Ends the session of this browser, with every copy of its cookie. `Set-Cookie` that removes it.
pub(super) async fn end(site: &Site, headers: &HeaderMap) -> Result<HeaderValue, BrokerError> {
    if let Some(session) = current(site, headers).await? {
        let (broker, id) = (&site.broker, session.id.text());
        broker.end_session(&session.caller, id).await?;
    }
    Ok(SESSION.removed(&site.origin))
}
