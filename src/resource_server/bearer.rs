//! The access token of a request: from the `Authorization` header and from nowhere else.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Header;
use secrecy::SecretString;
use sha2::{Digest, Sha256};

/// No issuer makes longer ones; what is longer is not looked at.
const LONGEST: usize = 16 * 1024;

/// What a token looks like.
pub(super) enum Shape {
    /// A signed JWT (RFC 7519), with its header.
    Jwt(Box<Header>),
    /// Three parts like a JWT, but none that we could check.
    Unusable,
    /// Anything else: only who made it can tell what it means.
    Opaque,
}

/// The request's token (RFC 6750 §2.1); none when no `Bearer` token was sent. The error says why it
/// is not looked at.
pub(super) fn token(headers: &HeaderMap) -> Result<Option<SecretString>, &'static str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err("two Authorization headers");
    }
    let value = value.as_bytes();
    let (scheme, token) = match value.iter().position(|b| *b == b' ') {
        Some(at) => (&value[..at], value[at..].trim_ascii()),
        None => (value, &[][..]),
    };
    if !scheme.eq_ignore_ascii_case(b"Bearer") {
        return Ok(None);
    }
    if token.len() > LONGEST {
        return Err("a token longer than 16 KiB");
    }
    let fits = |b: &u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(b);
    if token.is_empty() || !token.iter().all(fits) {
        return Err("not the form of a bearer token");
    }
    let token = std::str::from_utf8(token).map_err(|_| "not the form of a bearer token")?;
    Ok(Some(SecretString::from(token)))
}

/// What the caches and the static tokens are found by.
pub(super) fn digest(token: &SecretString) -> [u8; 32] {
    Sha256::digest(read(token)).into()
}

/// What the token looks like.
pub(super) fn shape(token: &SecretString) -> Shape {
    let token = read(token);
    let mut parts = token.split('.');
    let first = parts.next().unwrap_or_default();
    if parts.count() != 2 {
        return Shape::Opaque;
    }
    match jsonwebtoken::decode_header(token) {
        Ok(header) => Shape::Jwt(Box::new(header)),
        Err(_) if is_object(first) => Shape::Unusable,
        Err(_) => Shape::Opaque,
    }
}

/// The `iss` of a JWT, which anybody may have written.
pub(super) fn unverified_issuer(token: &SecretString) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Unverified {
        iss: String,
    }
    let claims = jsonwebtoken::dangerous::insecure_decode_claims::<Unverified>(read(token));
    claims.ok().map(|claims| claims.iss)
}

fn is_object(part: &str) -> bool {
    let decoded = URL_SAFE_NO_PAD.decode(part.trim_end_matches('='));
    decoded.is_ok_and(|decoded| decoded.trim_ascii_start().starts_with(b"{"))
}

/// The text of a token or a client secret.
pub(super) fn read(secret: &SecretString) -> &str {
    #[expect(
        clippy::disallowed_methods,
        reason = "a token that arrives is checked by its text; introspection sends it and our secret"
    )]
    secrecy::ExposeSecret::expose_secret(secret)
}
