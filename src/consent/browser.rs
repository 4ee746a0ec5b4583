//! The cookie that binds a browser to the flow it began.

use axum::http::header::{HeaderMap, HeaderValue};

use crate::consent::cookie::Cookie;
use crate::consent::origin::Origin;
use crate::consent::token::Token;

const BROWSER: Cookie<'_> = Cookie("");

/// The browser's cookie.
pub(super) fn cookie(headers: &HeaderMap, origin: &Origin) -> Option<Token> {
    Token::parse(BROWSER.value(headers, origin)?)
}

/// `Set-Cookie` for a new cookie. It ends with the browser's session.
pub(super) fn set_cookie(token: &Token, origin: &Origin) -> HeaderValue {
    BROWSER.set(token.text(), origin)
}
