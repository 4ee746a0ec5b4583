//! `/login/callback`: the issuer sends the browser back (RFC 6749 §4.1.2, RFC 9207 §2.4).

use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;

use crate::broker::{Callback, Visitor};
use crate::consent::callback::parse;
use crate::consent::cookie::Cookie;
use crate::consent::login::{Login, cookie_of, redirect_uri};
use crate::consent::{People, Site, pages, session};
use crate::oauth::login::{SignIn, SignInError};
use crate::resource_server::issuer::{IdClaims, Issuer, IssuerError};

/// Why nobody was signed in, each with a page of ours.
enum Refusal {
    /// It belongs to no sign-in of this browser.
    Unknown,
    /// It came from another issuer than the one that was asked.
    OtherIssuer,
    /// The person, or the issuer, said no.
    Declined,
    /// The issuer cannot be reached.
    Unavailable,
    /// What the issuer said is not good. Why is in the log.
    NotAccepted,
}

/// Checks what came, has the code exchanged and begins a session. What came for no sign-in of this
/// browser leaves the one under way as it is.
pub(in crate::consent) async fn receive(
    State(site): State<Site>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let Some(answer) = parse(String::new(), uri.query().unwrap_or_default()) else {
        return pages::refused(StatusCode::BAD_REQUEST);
    };
    let Some(state) = answer.state.clone() else {
        return refused(&Refusal::Unknown);
    };
    let login = match Login::under_way(&site, &headers, &state).await {
        Ok(Some(login)) => login,
        Ok(None) => return refused(&Refusal::Unknown),
        Err(error) => return pages::broken(&error),
    };
    let mut response = match signed_in(&site, &login, answer).await {
        Ok(claims) => {
            let visitor = Visitor {
                caller: claims.caller,
                email: claims.email.filter(|_| claims.email_verified),
            };
            match session::begun(&site, visitor).await {
                Ok(Some(cookie)) => {
                    let mut response = pages::see_other(&login.back.path());
                    response.headers_mut().append(SET_COOKIE, cookie);
                    response
                }
                Ok(None) => {
                    tracing::warn!("what the issuer says of the user is too long for a cookie");
                    refused(&Refusal::NotAccepted)
                }
                Err(error) => return pages::broken(&error),
            }
        }
        Err(refusal) => refused(&refusal),
    };
    let over = Cookie(&cookie_of(&state)).removed(&site.origin);
    response.headers_mut().append(SET_COOKIE, over);
    response
}

async fn signed_in(site: &Site, login: &Login, answer: Callback) -> Result<IdClaims, Refusal> {
    let People::SignIn(server) = &site.people else {
        return Err(Refusal::Unknown);
    };
    let issuer = server.issuer(&login.issuer).ok_or(Refusal::Unknown)?;
    let claims = exchanged(site, issuer, login, answer).await?;
    // The ID token is this issuer's; that it names one of its own users is the point of it all.
    if claims.caller.issuer() == login.issuer {
        Ok(claims)
    } else {
        Err(Refusal::NotAccepted)
    }
}

async fn exchanged(
    site: &Site,
    issuer: &Issuer,
    login: &Login,
    answer: Callback,
) -> Result<IdClaims, Refusal> {
    let unavailable = |error: &dyn std::fmt::Display| {
        tracing::warn!(%error, "consent.login.unavailable");
        Refusal::Unavailable
    };
    let discovered = issuer.discovered().await.map_err(|e| unavailable(&e))?;
    // By exact comparison (RFC 9207 §2.4), and before anything else of the answer is believed.
    let fits = match &answer.iss {
        Some(iss) => iss == issuer.identifier(),
        None => !discovered.sends_iss,
    };
    if !fits {
        return Err(Refusal::OtherIssuer);
    }
    let code = answer.code.ok_or(Refusal::Declined)?;
    let client = issuer.login().ok_or(Refusal::Unknown)?;
    let endpoint = discovered.token_endpoint.as_ref();
    let endpoint = endpoint.ok_or_else(|| unavailable(&"its metadata have no token_endpoint"))?;
    let sign_in = SignIn {
        client,
        redirect_uri: &redirect_uri(site),
        verifier: login.verifier.secret(),
    };
    let methods = &discovered.token_endpoint_auth_methods;
    let exchange = sign_in.exchange(site.broker.http(), endpoint, methods, &code);
    let failed = |error: &dyn std::fmt::Display| {
        tracing::warn!(%error, issuer = issuer.identifier(), "consent.login.failed");
        Refusal::NotAccepted
    };
    let id_token = exchange.await.map_err(|error| match error {
        SignInError::Unreachable => unavailable(&error),
        SignInError::Refused | SignInError::NoIdToken => failed(&error),
    })?;
    let nonce = login.nonce.text();
    let verified = issuer.verify_id_token(&id_token, &client.client_id, nonce);
    verified.await.map_err(|error| match error {
        IssuerError::Unavailable { .. } => unavailable(&error),
        IssuerError::Refused(_) => failed(&error),
    })
}

fn refused(refusal: &Refusal) -> Response {
    match refusal {
        Refusal::Unknown => pages::sign_in::not_ours(),
        Refusal::OtherIssuer => pages::sign_in::other_issuer(),
        Refusal::Declined => pages::sign_in::declined(),
        Refusal::Unavailable => pages::sign_in::unavailable(),
        Refusal::NotAccepted => pages::sign_in::not_accepted(),
    }
}
