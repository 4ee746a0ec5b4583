//! The way to the issuer.

use axum::extract::{Path, State};
use axum::http::header::SET_COOKIE;
use axum::response::Response;

use crate::consent::login::{Back, LIFETIME, LOGIN, Login, redirect_uri};
use crate::consent::token::Token;
use crate::consent::{People, Site, pages};
use crate::oauth::login::SignIn;

/// `/login/{number}`: a button of the page that offers the issuers, counted from 0.
pub(in crate::consent) async fn chosen(
    State(site): State<Site>,
    number: Result<Path<usize>, axum::extract::rejection::PathRejection>,
) -> Response {
    let sign_ins = site.broker.sign_ins();
    let chosen = number.ok().and_then(|Path(number)| sign_ins.get(number));
    match chosen {
        Some(issuer) => at(&site, issuer, Back::Own).await,
        None => pages::unknown_path().await,
    }
}

/// Somebody who is not signed in opened a link: sends them to the issuer of the link's caller. The
/// link alone opens nothing else.
pub(in crate::consent) async fn for_link(site: &Site, link: Token) -> Response {
    match site.broker.issuer_of(link.secret()).await {
        Ok(issuer) => at(site, &issuer, Back::Connect(link)).await,
        Err(error) => pages::link_refused(&error),
    }
}

/// Sends the browser to where the users of `issuer` sign in.
async fn at(site: &Site, issuer: &str, back: Back) -> Response {
    let People::SignIn(server) = &site.people else {
        return pages::unknown_path().await;
    };
    let found = server.issuer(issuer);
    let Some((client, found)) = found.and_then(|found| Some((found.login()?, found))) else {
        // The configuration was changed since the link was made.
        return pages::sign_in::unknown();
    };
    let discovered = match found.discovered().await {
        Ok(discovered) => discovered,
        Err(error) => {
            tracing::warn!(%error, "consent.login.unavailable");
            return pages::sign_in::unavailable();
        }
    };
    if found.lacks_pkce(&discovered) {
        tracing::warn!(
            issuer,
            "the issuer's metadata have no S256 in code_challenge_methods_supported"
        );
        return pages::sign_in::unavailable();
    }
    let Some(endpoint) = &discovered.authorization_endpoint else {
        tracing::warn!(
            issuer,
            "the issuer's metadata have no authorization_endpoint"
        );
        return pages::sign_in::unavailable();
    };
    let login = Login {
        issuer: issuer.to_owned(),
        state: Token::random(),
        nonce: Token::random(),
        verifier: Token::random(),
        back,
        expires_at: site.broker.now() + LIFETIME,
    };
    let cookie = match LOGIN.sealed(&site.broker, &site.origin, &login).await {
        Ok(Some(cookie)) => cookie,
        Ok(None) => return pages::sign_in::unavailable(),
        Err(error) => return pages::broken(&error),
    };
    let sign_in = SignIn {
        client,
        redirect_uri: &redirect_uri(site),
        verifier: login.verifier.secret(),
    };
    let url = sign_in.authorize_url(endpoint, login.state.secret(), login.nonce.secret());
    let mut response = pages::see_other(url.as_str());
    response.headers_mut().insert(SET_COOKIE, cookie);
    response
}
