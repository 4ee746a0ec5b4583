use super::*;
use crate::oauth::provider::AuthorizeRequest;

/// What a request asks for, apart from what is the same in all of them.
struct Ask<'a> {
    verifier: Option<&'a str>,
    scopes: &'a [&'a str],
    login_hint: Option<&'a str>,
    holds_refresh_token: bool,
}

const ASK: Ask<'_> = Ask {
    verifier: None,
    scopes: &["b", "a"],
    login_hint: None,
    holds_refresh_token: false,
};

fn query(provider: &Provider, ask: &Ask<'_>) -> String {
    let url = provider.authorize_url(&AuthorizeRequest {
        redirect_uri: &redirect_uri(),
        state: &secret("the-state"),
        verifier: ask.verifier.map(secret).as_ref(),
        scopes: &set(ask.scopes),
        existing_scopes: &set(&["c"]),
        login_hint: ask.login_hint,
        holds_refresh_token: ask.holds_refresh_token,
    });
    url.unwrap().query().unwrap().to_owned()
}

const COMMON: &str = "response_type=code&client_id=the-client\
    &redirect_uri=http%3A%2F%2F127.0.0.1%3A8419%2Foauth%2Fcallback%2Fan-entry&state=the-state";

/// The example of RFC 7636 appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str =
    "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";

#[test]
fn google_does_not_add_a_granted_scope_that_the_request_leaves_behind() {
    let provider = Provider::new(ProviderEntry::new("an-entry", Some("google"), "the-client"));
    let read = "https://www.googleapis.com/auth/gmail.readonly";
    for (existing, wanted) in [
        ("https://www.googleapis.com/auth/gmail.metadata", "false"),
        ("https://www.googleapis.com/auth/gmail.labels", "true"),
    ] {
        let url = provider.authorize_url(&AuthorizeRequest {
            redirect_uri: &redirect_uri(),
            state: &secret("the-state"),
            verifier: None,
            scopes: &set(&[read]),
            existing_scopes: &set(&[existing]),
            login_hint: None,
            holds_refresh_token: true,
        });
        let url = url.unwrap();
        let value = |name: &str| {
            let found = url.query_pairs().find(|(key, _)| key == name);
            found.map(|(_, value)| value.into_owned())
        };
        assert_eq!(value("include_granted_scopes").as_deref(), Some(wanted));
        // The refresh token that we hold would bring the scope back.
        let asks_again = value("prompt").as_deref() == Some("consent");
        assert_eq!(asks_again, wanted == "false", "{existing}");
    }
}

#[test]
fn each_kind_gets_exactly_its_parameters() {
    for (kind, holds_refresh_token, login_hint, wanted) in [
        (
            "google",
            false,
            None,
            "access_type=offline&include_granted_scopes=true&prompt=consent&scope=a+b",
        ),
        (
            "google",
            true,
            Some("me@example.com"),
            "access_type=offline&include_granted_scopes=true&login_hint=me%40example.com&scope=a+b",
        ),
        ("slack", false, Some("me @ team"), "user_scope=a%2Cb"),
        ("github", false, Some("octocat"), "login=octocat&scope=a+b"),
        ("hooli", false, Some("me"), "scope=a+b"),
    ] {
        let mut entry = ProviderEntry::new("an-entry", Some(kind), "the-client");
        if kind == "hooli" {
            entry.authorization_request.endpoint =
                Some(Url::parse("https://hooli.example/authorize").unwrap());
        }
        let query = query(
            &Provider::new(entry),
            &Ask {
                verifier: Some(VERIFIER),
                login_hint,
                holds_refresh_token,
                ..ASK
            },
        );
        assert_eq!(query, format!("{COMMON}&{CHALLENGE}&{wanted}"), "{kind}");
    }
}

#[test]
fn the_browser_goes_to_the_documented_pages() {
    for (kind, page) in [
        ("google", "https://accounts.google.com/o/oauth2/v2/auth"),
        ("slack", "https://slack.com/oauth/v2/authorize"),
        ("github", "https://github.com/login/oauth/authorize"),
    ] {
        let provider = Provider::new(ProviderEntry::new("a", Some(kind), "c"));
        let url = provider.endpoints.authorization.clone().unwrap();
        assert_eq!(url.as_str(), page);
    }
}

#[test]
fn the_scopes_of_a_custom_entry_are_fixed_filled_in_or_added() {
    for (params, delimiter, wanted) in [
        (pairs(&[]), None, "scope=a+b"),
        (
            pairs(&[("scope", "write read")]),
            None,
            "scope=a+b+read+write",
        ),
        (
            pairs(&[("scope", "{{scopes}} {{existing_scopes}}")]),
            None,
            "scope=a+b+c",
        ),
        (
            pairs(&[("scope", "openid {{scopes}}")]),
            Some(","),
            "scope=a%2Cb%2Copenid",
        ),
        (
            pairs(&[("scope", "read,write")]),
            Some(","),
            "scope=a%2Cb%2Cread%2Cwrite",
        ),
        (
            pairs(&[("user_scope", "{{scopes}}")]),
            None,
            "user_scope=a+b",
        ),
        (
            pairs(&[("scope", "bot"), ("user_scope", "{{scopes}}")]),
            None,
            "scope=bot&user_scope=a+b",
        ),
        (
            pairs(&[("audience", "api"), ("owner", "{{client_id}}")]),
            None,
            "scope=a+b&audience=api&owner=the-client",
        ),
    ] {
        let mut entry = ProviderEntry::new("an-entry", None, "the-client");
        let endpoint = Url::parse("https://hooli.example/authorize").unwrap();
        entry.authorization_request.endpoint = Some(endpoint);
        entry.authorization_request.params = params.iter().cloned().collect();
        entry.scope_delimiter = delimiter.map(str::to_owned);
        let query = query(&Provider::new(entry), &ASK);
        assert_eq!(query, format!("{COMMON}&{wanted}"), "{params:?}");
    }
}

#[test]
fn an_entry_can_change_a_parameter_and_keep_a_query_of_its_endpoint() {
    let mut entry = ProviderEntry::new("an-entry", Some("google"), "the-client");
    let endpoint = Url::parse("https://accounts.google.com/auth?hd=example.com").unwrap();
    entry.authorization_request.endpoint = Some(endpoint);
    entry.authorization_request.params =
        [("prompt".to_owned(), "select_account".to_owned())].into();
    let query = query(&Provider::new(entry), &ASK);
    assert!(
        query.starts_with("hd=example.com&response_type=code&"),
        "{query}"
    );
    assert_eq!(query.matches("prompt=").count(), 1);
    assert!(query.ends_with("&prompt=select_account"), "{query}");
}

#[test]
fn no_scope_is_not_the_same_as_an_empty_parameter() {
    let provider = Provider::new(ProviderEntry::new("an-entry", Some("github"), "the-client"));
    let query = query(&provider, &Ask { scopes: &[], ..ASK });
    assert_eq!(query, COMMON);
}

#[test]
fn openid_connect_providers_are_told_whom_to_expect() {
    let mut entry = ProviderEntry::new("an-entry", None, "the-client");
    let endpoint = Url::parse("https://hooli.example/authorize").unwrap();
    entry.authorization_request.endpoint = Some(endpoint);
    let query = query(
        &Provider::new(entry),
        &Ask {
            scopes: &["openid"],
            login_hint: Some("me@example.com"),
            ..ASK
        },
    );
    assert_eq!(
        query,
        format!("{COMMON}&login_hint=me%40example.com&scope=openid")
    );
}
