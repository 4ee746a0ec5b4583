//! Who is at the browser: the cookie of a person who signed in.

use axum::http::header::{HeaderMap, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::broker::{BrokerError, Visitor};
use crate::caller::Caller;
use crate::consent::cookie::Cookie;
use crate::consent::{People, Site};

const SESSION: Cookie = Cookie("-session");

/// How long a person stays signed in.
const LIFETIME: SignedDuration = SignedDuration::from_hours(1);

/// What the cookie holds, sealed: no token of the issuer.
#[derive(Debug, Serialize, Deserialize)]
struct Session {
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
    let (broker, origin) = (&site.broker, &site.origin);
    let session: Option<Session> = SESSION.opened(broker, origin, headers).await?;
    Ok(session
        .filter(|session| broker.now() < session.expires_at)
        // Whom the operator does not trust any more does not stay signed in.
        .filter(|session| broker.sign_ins().contains(&session.caller.issuer()))
        .map(|session| Visitor {
            caller: session.caller,
            email: session.email,
        }))
}

/// `Set-Cookie` for who just signed in: a new value each time (OWASP, session fixation). None if no
/// browser would keep it.
pub(super) async fn begun(
    site: &Site,
    visitor: Visitor,
) -> Result<Option<HeaderValue>, BrokerError> {
    let session = Session {
        caller: visitor.caller,
        email: visitor.email,
        expires_at: site.broker.now() + LIFETIME,
    };
    SESSION.sealed(&site.broker, &site.origin, &session).await
}

/// `Set-Cookie` that ends it.
pub(super) fn ended(site: &Site) -> HeaderValue {
    SESSION.removed(&site.origin)
}
