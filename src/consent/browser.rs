//! The cookie that binds a browser to the flow it began.

use axum::http::header::{COOKIE, HeaderMap, HeaderValue};

use crate::consent::origin::Origin;
use crate::consent::token::Token;

/// Over https the prefix makes browsers insist on `Secure`, `Path=/` and no `Domain`
/// (draft-ietf-httpbis-rfc6265bis §4.1.3.2); plain http on loopback cannot have it.
fn name(origin: &Origin) -> &'static str {
    if origin.is_secure() {
        "__Host-valetkey"
    } else {
        "valetkey"
    }
}

/// The browser's cookie. None too when it came twice: cookies do not keep ports apart, so another
/// program on this machine may have added one, and which is ours cannot be told.
pub(super) fn cookie(headers: &HeaderMap, origin: &Origin) -> Option<Token> {
    let name = name(origin);
    let mut values = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter_map(|(key, value)| (key == name).then_some(value));
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    Token::parse(value)
}

/// `Set-Cookie` for a new cookie. It ends with the browser's session.
pub(super) fn set_cookie(token: &Token, origin: &Origin) -> HeaderValue {
    let secure = if origin.is_secure() { "; Secure" } else { "" };
    let text = format!(
        "{}={}; Path=/; HttpOnly; SameSite=Lax{secure}",
        name(origin),
        token.text()
    );
    let mut value = HeaderValue::try_from(text).expect("a token is ASCII");
    value.set_sensitive(true);
    value
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    fn origin(public_url: &str) -> Origin {
        Origin::of(&Url::parse(public_url).unwrap())
    }

    fn headers(lines: &[&str]) -> HeaderMap {
        lines
            .iter()
            .map(|line| (COOKIE, HeaderValue::from_str(line).unwrap()))
            .collect()
    }

    #[test]
    fn the_cookie_is_bound_to_host_and_scheme_where_the_scheme_allows() {
        let token = Token::random();
        let text = token.text();
        let cases = [
            (
                "https://mcp.example.com",
                format!("__Host-valetkey={text}; Path=/; HttpOnly; SameSite=Lax; Secure"),
            ),
            (
                "http://127.0.0.1:8419",
                format!("valetkey={text}; Path=/; HttpOnly; SameSite=Lax"),
            ),
        ];
        for (public_url, expected) in cases {
            let value = set_cookie(&token, &origin(public_url));
            assert_eq!(value.to_str().unwrap(), expected);
            assert!(value.is_sensitive(), "debug output must not show it");
        }
    }

    #[test]
    fn the_cookie_is_found_among_others_and_only_under_its_name() {
        let token = Token::random();
        let text = token.text();
        let (https, http) = (
            origin("https://mcp.example.com"),
            origin("http://127.0.0.1:1"),
        );
        let cases = [
            (
                &https,
                vec![format!("a=b; __Host-valetkey={text}; c=d")],
                true,
            ),
            (
                &https,
                vec!["a=b".to_owned(), format!("__Host-valetkey={text}")],
                true,
            ),
            (&https, vec![format!("valetkey={text}")], false),
            (&https, vec![format!("__host-valetkey={text}")], false),
            (&http, vec![format!("valetkey={text}")], true),
            (&http, vec![format!("__Host-valetkey={text}")], false),
            (
                &http,
                vec![format!("valetkey={text}; valetkey={text}")],
                false,
            ),
            (
                &http,
                vec![format!("valetkey={text}"), format!("valetkey={text}")],
                false,
            ),
            (&http, vec![format!("valetkey=x{text}")], false),
            (&http, vec!["valetkey=".to_owned()], false),
            (&http, vec!["valetkey".to_owned()], false),
            (&http, vec![], false),
        ];
        for (origin, lines, found) in cases {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let cookie = cookie(&headers(&lines), origin);
            assert_eq!(cookie.is_some(), found, "{lines:?}");
        }
    }
}
