//! Who is at the browser: the cookie of a person who signed in.
//!
//! A session is in its cookie and nowhere else, so a sign-out is what has to be remembered: until
//! the session would have ended by itself, no copy of its cookie opens anything. It is remembered in
//! this process. After a restart, and at another replica, a copy that somebody made before the
//! sign-out works for the rest of its hour.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

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

/// The sessions that were ended before their time: their ids, and when each would have ended. As
/// many as there were sign-outs in the last hour.
#[derive(Clone, Debug, Default)]
pub(super) struct SignedOut(Arc<Mutex<HashMap<String, Timestamp>>>);

impl SignedOut {
    fn add(&self, session: &Session, now: Timestamp) {
        let mut ended = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ended.retain(|_, until| now < *until);
        ended.insert(session.id.text().to_owned(), session.expires_at);
    }

    fn has(&self, session: &Session) -> bool {
        let ended = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ended.contains_key(session.id.text())
    }
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
    Ok(session
        .filter(|session| broker.now() < session.expires_at)
        .filter(|session| !site.signed_out.has(session))
        // Whom the operator does not trust any more does not stay signed in.
        .filter(|session| broker.sign_ins().contains(&session.caller.issuer())))
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
        site.signed_out.add(&session, site.broker.now());
    }
    Ok(SESSION.removed(&site.origin))
}
