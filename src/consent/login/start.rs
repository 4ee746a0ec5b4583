//! The way to the issuer.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::http::header::{HeaderValue, SET_COOKIE};
use axum::response::Response;

use crate::broker::BrokerError;
use crate::consent::cookie::{Cookie, named_like};
use crate::consent::login::{Back, LIFETIME, LOGIN, Login, cookie_of, redirect_uri};
use crate::consent::token::Token;
use crate::consent::{People, Site, pages};
use crate::oauth::login::SignIn;

/// Sign-ins that one browser may have under way. Their cookies are sent with every request, and a
/// proxy may take 8 KiB of them.
const UNDER_WAY: usize = 4;

/// `/login/{number}`: a button of the page that offers the issuers, counted from 0.
pub(in crate::consent) async fn chosen(
    State(site): State<Site>,
    number: Result<Path<usize>, axum::extract::rejection::PathRejection>,
    headers: HeaderMap,
) -> Response {
    let sign_ins = site.broker.sign_ins();
    let chosen = number.ok().and_then(|Path(number)| sign_ins.get(number));
    match chosen {
        Some(issuer) => at(&site, &headers, issuer, Back::Own).await,
        None => pages::unknown_path().await,
    }
}

/// Somebody who is not signed in opened a link: sends them to the issuer of the link's caller. The
/// link alone opens nothing else.
pub(in crate::consent) async fn for_link(
    site: &Site,
    headers: &HeaderMap,
    link: Token,
) -> Response {
    match site.broker.issuer_of(link.secret()).await {
        Ok(issuer) => at(site, headers, &issuer, Back::Connect(link)).await,
        Err(error) => pages::link_refused(&error),
    }
}

/// Sends the browser to where the users of `issuer` sign in.
async fn at(site: &Site, headers: &HeaderMap, issuer: &str, back: Back) -> Response {
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
    let name = cookie_of(login.state.secret());
    let cookie = match Cookie(&name)
        .sealed(&site.broker, &site.origin, &login)
        .await
    {
        Ok(Some(cookie)) => cookie,
        Ok(None) => return pages::sign_in::unavailable(),
        Err(error) => return pages::broken(&error),
    };
    let given_up = match given_up(site, headers).await {
        Ok(given_up) => given_up,
        Err(error) => return pages::broken(&error),
    };
    let sign_in = SignIn {
        client,
        redirect_uri: &redirect_uri(site),
        verifier: login.verifier.secret(),
    };
    let url = sign_in.authorize_url(endpoint, login.state.secret(), login.nonce.secret());
    let mut response = pages::see_other(url.as_str());
    for cookie in given_up.into_iter().chain([cookie]) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// `Set-Cookie` for each sign-in that this browser forgets to make room for one more: those that
/// cannot come back any more, and the oldest.
async fn given_up(site: &Site, headers: &HeaderMap) -> Result<Vec<HeaderValue>, BrokerError> {
    let mut logins = Vec::new();
    // A browser that keeps more than these was not given them by us.
    for name in named_like(LOGIN, headers, &site.origin).take(4 * UNDER_WAY) {
        let login = Cookie(name).opened(&site.broker, &site.origin, headers);
        let login: Option<Login> = login.await?;
        let until = login.map(|login| login.expires_at);
        logins.push((until.filter(|until| site.broker.now() < *until), name));
    }
    // The newest first, and those that cannot come back last.
    logins.sort_unstable_by(|a, b| b.cmp(a));
    let kept = logins.iter().take_while(|(until, _)| until.is_some());
    let kept = kept.take(UNDER_WAY - 1).count();
    let names = logins[kept..].iter().map(|(_, name)| name);
    Ok(names
        .map(|name| Cookie(name).removed(&site.origin))
        .collect())
}
