//! The random tokens of the browser's side: the link's last segment and the cookie's value.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::response::Response;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::caller::Caller;
use crate::consent::pages;

/// Characters of a token: 256 bits in base64url without padding (RFC 4648 §5).
const LENGTH: usize = 43;

/// 256 random bits as text. It has the right shape; whether anyone knows it is another matter.
#[derive(Clone, Debug)]
pub(super) struct Token(SecretString);

impl Token {
    /// A new one, from the operating system's random numbers.
    pub(super) fn random() -> Self {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("the operating system's random numbers are available");
        Self(SecretString::from(BASE64_URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Reads one, so that nothing of another shape goes any further.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let shaped = text.len() == LENGTH
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        shaped.then(|| Self(SecretString::from(text)))
    }

    /// Whether `other` is the same, compared in constant time.
    pub(super) fn is(&self, other: &SecretString) -> bool {
        self.text().as_bytes().ct_eq(text(other).as_bytes()).into()
    }

    /// As the broker takes it.
    pub(super) fn secret(&self) -> &SecretString {
        &self.0
    }

    /// The text, to be written into `Set-Cookie` or a path of ours.
    pub(super) fn text(&self) -> &str {
        text(&self.0)
    }
}

/// The text of a link's token that the broker gave.
#[expect(
    clippy::disallowed_methods,
    reason = "a link's token and the browser's cookie are made to be sent to that browser; provider tokens never come here"
)]
pub(super) fn text(token: &SecretString) -> &str {
    secrecy::ExposeSecret::expose_secret(token)
}

/// What a form of ours is about.
#[derive(Clone, Copy, Debug)]
pub(super) enum About<'a> {
    /// A link.
    Link(&'a Token),
    /// What a person has: the forms of the person's own page.
    Person(&'a Caller),
}

/// The token that a POST must bring: only a page of ours that this cookie's browser got for this
/// link, or this person, can hold it.
pub(super) fn csrf(cookie: &Token, about: About<'_>) -> String {
    let mut hash = Sha256::new();
    match about {
        About::Link(link) => {
            hash.update(b"valetkey connect page v1\0");
            hash.update(cookie.text());
            hash.update(link.text());
        }
        About::Person(caller) => {
            hash.update(b"valetkey own page v1\0");
            hash.update(cookie.text());
            hash.update(caller.digest());
        }
    }
    BASE64_URL_SAFE_NO_PAD.encode(hash.finalize())
}

/// Compares a CSRF token in constant time.
pub(super) fn is_csrf(given: &str, cookie: &Token, about: About<'_>) -> bool {
    let expected = csrf(cookie, about);
    expected.as_bytes().ct_eq(given.as_bytes()).into()
}

/// Into a sealed cookie only.
impl Serialize for Token {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.text())
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("not a token"))
    }
}

/// The `{link}` of a path; anything that cannot be a token is an unknown link.
pub(super) struct Link(pub(super) Token);

impl<S: Send + Sync> FromRequestParts<S> for Link {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        path.ok()
            .and_then(|Path(segment)| Token::parse(&segment))
            .map(Self)
            .ok_or_else(pages::unknown_link)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn only_43_characters_of_base64url_are_a_token() {
        let good = Token::random();
        assert!(Token::parse(good.text()).is_some());
        for bad in [
            "",
            &good.text()[1..],
            &format!("{}A", good.text()),
            &format!("{}=", &good.text()[1..]),
            &format!("{}/", &good.text()[1..]),
            &format!("{}é", &good.text()[2..]),
        ] {
            assert!(Token::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn random_tokens_differ() {
        let tokens: HashSet<_> = (0..1000)
            .map(|_| Token::random().text().to_owned())
            .collect();
        assert_eq!(tokens.len(), 1000);
    }

    #[test]
    fn a_csrf_token_holds_for_one_cookie_and_one_link() {
        let (cookie, link) = (Token::random(), Token::random());
        let good = csrf(&cookie, About::Link(&link));
        assert!(is_csrf(&good, &cookie, About::Link(&link)));
        let (other, me) = (Token::random(), Caller::local());
        for (cookie, about) in [
            (&other, About::Link(&link)),
            (&cookie, About::Link(&other)),
            (&link, About::Link(&cookie)),
            (&cookie, About::Person(&me)),
        ] {
            assert!(!is_csrf(&good, cookie, about), "{about:?}");
        }
        assert!(!is_csrf("", &cookie, About::Link(&link)));
    }

    #[test]
    fn a_csrf_token_of_a_persons_own_page_holds_for_one_person() {
        let cookie = Token::random();
        let [ada, bob] = ["ada", "bob"].map(|sub| Caller::verified("https://id.example", sub));
        let good = csrf(&cookie, About::Person(&ada));
        assert!(is_csrf(&good, &cookie, About::Person(&ada)));
        assert!(!is_csrf(&good, &cookie, About::Person(&bob)));
        assert!(!is_csrf(&good, &Token::random(), About::Person(&ada)));
    }

    #[test]
    fn debug_output_shows_no_token() {
        let token = Token::random();
        assert!(!format!("{token:?}").contains(token.text()));
    }
}
