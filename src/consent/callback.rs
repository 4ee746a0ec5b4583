//! `/oauth/callback/{provider id}`: the provider sends the browser back (RFC 6749 §4.1.2).

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use secrecy::SecretString;
use url::form_urlencoded;

use crate::broker::Callback;
use crate::consent::{Site, browser, pages, session, token};

/// Hands what came to the broker and moves on to an address without code and state.
pub(super) async fn receive(
    State(site): State<Site>,
    provider_id: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let query = uri.query().unwrap_or_default();
    let callback = provider_id
        .ok()
        .and_then(|Path(provider_id)| parse(provider_id, query));
    let Some(mut callback) = callback else {
        return pages::refused(StatusCode::BAD_REQUEST);
    };
    callback.cookie = browser::cookie(&headers, &site.origin).map(|cookie| cookie.secret().clone());
    callback.visitor = match session::visitor(&site, &headers).await {
        Ok(visitor) => visitor,
        Err(error) => return pages::broken(&error),
    };
    match site.broker.callback(callback).await {
        Ok(link) => pages::see_other(&format!("/connected/{}", token::text(&link))),
        Err(error) => pages::callback_refused(&error),
    }
}

/// Reads the parameters that we know and passes over the others, as RFC 6749 §4.1.2 asks. None if a
/// value has characters that appendix A of it does not allow, or if both a code and an error came.
/// An empty value counts as absent. The guard has refused repeated parameters before.
pub(super) fn parse(provider_id: String, query: &str) -> Option<Callback> {
    let mut callback = Callback {
        provider_id,
        cookie: None,
        visitor: None,
        state: None,
        code: None,
        error: None,
        iss: None,
    };
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let known = matches!(&*name, "state" | "code" | "error" | "iss");
        if !known || value.is_empty() {
            continue;
        }
        if !value.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) {
            return None;
        }
        match &*name {
            "state" => callback.state = Some(SecretString::from(&*value)),
            "code" => callback.code = Some(SecretString::from(&*value)),
            "error" => callback.error = Some(value.into_owned()),
            _ => callback.iss = Some(value.into_owned()),
        }
    }
    let contradicts = callback.code.is_some() && callback.error.is_some();
    (!contradicts).then_some(callback)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameters_of_rfc_6749_and_9207_are_read_and_all_others_passed_over() {
        let query = "state=s%2B1&code=4%2F0a+b&iss=https%3A%2F%2Fid.example&scope=x&authuser=0";
        let callback = parse("google".to_owned(), query).unwrap();
        assert_eq!(callback.provider_id, "google");
        assert_eq!(token::text(callback.state.as_ref().unwrap()), "s+1");
        assert_eq!(token::text(callback.code.as_ref().unwrap()), "4/0a b");
        assert_eq!(callback.iss.as_deref(), Some("https://id.example"));
        assert_eq!(callback.error, None);
    }

    #[test]
    fn empty_values_are_absent() {
        let callback = parse("google".to_owned(), "state=&code=&error=&iss=").unwrap();
        assert!(callback.state.is_none() && callback.code.is_none());
        assert!(callback.error.is_none() && callback.iss.is_none());
    }

    #[test]
    fn a_callback_that_no_provider_sends_is_not_read() {
        for query in [
            "state=a&code=b&error=access_denied",
            "state=a%00&code=b",
            "state=a&code=b%0d%0aX",
            "state=%ff&code=b",
            "state=a&error=%C3%A9",
        ] {
            assert!(parse("google".to_owned(), query).is_none(), "{query}");
        }
    }

    #[test]
    fn debug_output_shows_neither_code_nor_state() {
        let callback = parse("google".to_owned(), "state=CANARY1&code=CANARY2").unwrap();
        assert!(!format!("{callback:?}").contains("CANARY"));
    }
}
