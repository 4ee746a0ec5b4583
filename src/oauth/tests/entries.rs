use std::path::Path;

use super::*;
use crate::config::Config;
use crate::oauth::provider::Kind;

fn built_in(kind: &str) -> Provider {
    Provider::new(ProviderEntry::new("mine", Some(kind), "the-client"))
}

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

#[test]
fn names_and_titles_follow_the_entry() {
    for (provider_id, description, kind, name, title) in [
        (
            Some("google"),
            Some("Work mail"),
            Kind::Google,
            "google",
            "Google",
        ),
        (Some("slack"), None, Kind::Slack, "slack", "Slack"),
        (Some("github"), None, Kind::GitHub, "github", "GitHub"),
        (
            Some("hooli"),
            Some("Hooli Inc."),
            Kind::Custom,
            "hooli",
            "Hooli Inc.",
        ),
        (Some("custom"), None, Kind::Custom, "mine", "mine"),
        (None, None, Kind::Custom, "mine", "mine"),
    ] {
        let mut entry = ProviderEntry::new("mine", provider_id, "c");
        entry.description = description.map(str::to_owned);
        let provider = Provider::new(entry);
        assert_eq!(
            (
                provider.id(),
                provider.kind(),
                provider.name(),
                provider.title()
            ),
            ("mine", kind, name, title)
        );
    }
}

#[test]
fn the_built_in_providers_are_complete() {
    for (kind, pkce, api, issuer, base) in [
        (
            "google",
            true,
            "https://gmail.googleapis.com/",
            Some("https://accounts.google.com"),
            set(&["openid", "email"]),
        ),
        ("slack", false, "https://slack.com/api/", None, set(&[])),
        (
            "github",
            true,
            "https://api.github.com/",
            Some("https://github.com/login/oauth"),
            set(&[]),
        ),
    ] {
        let provider = built_in(kind);
        assert_eq!(provider.unusable(), None);
        assert_eq!(provider.pkce(), pkce);
        assert_eq!(provider.api_base_url().map(Url::as_str), Some(api));
        assert_eq!(provider.issuer(), issuer);
        assert!(!provider.iss_required());
        assert_eq!(provider.base_scopes(), base);
    }
}

#[test]
fn the_shapes_from_arcade_can_be_connected_or_say_what_is_missing() {
    let fixture =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/arcade-providers.yaml");
    let config = Config::load_with(Some(&fixture), &|name| match name {
        "HOME" => Some("/home/ada".into()),
        name if name.contains("CLIENT") => Some("x".into()),
        _ => None,
    })
    .unwrap();
    let providers: Vec<_> = config.providers.into_iter().map(Provider::new).collect();
    let [github, custom, secure] = providers.as_slice() else {
        panic!("not three")
    };
    assert_eq!(github.kind(), Kind::GitHub);
    assert_eq!(github.unusable(), None);
    assert_eq!(custom.unusable(), None);
    assert_eq!(custom.base_scopes(), set(&["read", "write"]));
    assert_eq!(custom.api_base_url(), None, "its tools cannot run");
    assert_eq!(
        secure.unusable().as_deref(),
        Some(
            "Provider entry `secure-provider` cannot be connected: it has no \
             oauth2.authorization_request.endpoint and no oauth2.token_request.endpoint. Add what \
             is missing to the configuration."
        )
    );
}

#[test]
fn with_a_token_endpoint_elsewhere_nothing_is_sent_to_the_public_service() {
    for (kind, missing) in [
        ("google", "oauth2.user_info_request.endpoint"),
        ("slack", "api.base_url"),
        ("github", "api.base_url"),
    ] {
        let mut entry = ProviderEntry::new("mine", Some(kind), "the-client");
        entry.token_request.endpoint = Some(url("https://ghe.example/login/oauth/access_token"));
        entry.authorization_request.endpoint =
            Some(url("https://ghe.example/login/oauth/authorize"));
        let provider = Provider::new(entry.clone());
        assert_eq!(provider.api_base_url(), None);
        assert_eq!(provider.endpoints.revocation, None);
        assert_eq!(provider.issuer(), None);
        assert!(provider.unusable().unwrap().contains(missing));
        entry.authorization_request.endpoint = None;
        assert!(
            Provider::new(entry)
                .unusable()
                .unwrap()
                .contains("authorization_request")
        );
    }
    let mut entry = ProviderEntry::new("mine", Some("slack"), "the-client");
    entry.token_request.endpoint = Some(url("https://slack.com/api/oauth.v2.user.access"));
    assert_eq!(
        Provider::new(entry).unusable(),
        None,
        "the same service, another method"
    );
}

#[test]
fn files_are_read_where_the_entry_says_or_beside_the_built_in_api() {
    let origins = |entry: &ProviderEntry| -> Vec<String> {
        let provider = Provider::new(entry.clone());
        let origins = provider.file_origins().iter();
        origins.map(ToString::to_string).collect()
    };
    for (kind, expected) in [
        ("google", vec![]),
        ("slack", vec!["https://files.slack.com/"]),
        ("github", vec![]),
        ("other", vec![]),
    ] {
        let entry = ProviderEntry::new("mine", Some(kind), "the-client");
        assert_eq!(origins(&entry), expected, "{kind}");
    }
    let slack = ProviderEntry::new("mine", Some("slack"), "the-client");
    let built_in = Provider::new(slack.clone()).fingerprint();

    // A token of another service is not for Slack's file host.
    let mut moved = slack.clone();
    moved.api_base_url = Some(url("https://slack-gov.com/api/"));
    assert!(origins(&moved).is_empty());
    let mut moved = slack.clone();
    moved.token_request.endpoint = Some(url("https://slack-gov.com/api/oauth.v2.access"));
    assert!(origins(&moved).is_empty());

    let mut said = moved;
    said.file_origins = Some(vec![url("https://files.slack-gov.com/")]);
    assert_eq!(origins(&said), ["https://files.slack-gov.com/"]);
    let mut none = slack;
    none.file_origins = Some(Vec::new());
    assert!(origins(&none).is_empty());
    assert_ne!(Provider::new(none).fingerprint(), built_in);
}

#[test]
fn github_enterprise_is_reached_below_its_api_address() {
    let mut entry = ProviderEntry::new("ghe", Some("github"), "the-client");
    entry.authorization_request.endpoint = Some(url("https://ghe.example/login/oauth/authorize"));
    entry.token_request.endpoint = Some(url("https://ghe.example/login/oauth/access_token"));
    entry.api_base_url = Some(url("https://ghe.example/api/v3"));
    let provider = Provider::new(entry);
    assert_eq!(provider.unusable(), None);
    let Some(user_info) = &provider.endpoints.user_info else {
        panic!("no user info")
    };
    assert_eq!(user_info.as_str(), "https://ghe.example/api/v3/user");
}

#[test]
fn slack_says_what_to_do_about_a_redirect_url_that_it_does_not_take() {
    let callback = |origin: &str| url(&format!("{origin}/oauth/callback/mine"));
    let mut entry = ProviderEntry::new("mine", Some("slack"), "the-client");
    let slack = Provider::new(entry.clone());
    assert_eq!(
        slack.redirect_problem(&callback("https://mcp.example.com")),
        None
    );
    let told = slack
        .redirect_problem(&callback("http://127.0.0.1:8419"))
        .unwrap();
    for part in [
        "only https",
        "server.public_url",
        "tunnel",
        "oauth2.pkce.enabled: true",
        "`mine`",
        "http://localhost:8419",
        "cannot be undone",
        "public client",
        "/oauth/callback/mine",
    ] {
        assert!(told.contains(part), "{told} lacks {part}");
    }
    assert!(
        slack
            .redirect_problem(&callback("http://localhost:8419"))
            .is_some()
    );
    entry.pkce = Some(true);
    let with_pkce = Provider::new(entry.clone());
    assert_eq!(
        with_pkce.redirect_problem(&callback("http://localhost:8419")),
        None
    );
    assert!(
        with_pkce
            .redirect_problem(&callback("http://127.0.0.1:8419"))
            .is_some()
    );
    entry.pkce = None;
    entry.authorization_request.endpoint = Some(url("http://127.0.0.1:4000/oauth/v2/authorize"));
    let emulated = Provider::new(entry);
    assert_eq!(
        emulated.redirect_problem(&callback("http://127.0.0.1:8419")),
        None
    );
    for other in ["google", "github", "hooli"] {
        let provider = built_in(other);
        assert_eq!(
            provider.redirect_problem(&callback("http://127.0.0.1:8419")),
            None
        );
    }
}

#[test]
fn an_entry_that_names_its_issuer_insists_on_it() {
    let mut entry = ProviderEntry::new("mine", None, "the-client");
    assert_eq!(Provider::new(entry.clone()).issuer(), None);
    entry.issuer = Some("https://hooli.example".to_owned());
    let provider = Provider::new(entry);
    assert_eq!(provider.issuer(), Some("https://hooli.example"));
    assert!(provider.iss_required());
}

#[test]
fn scopes_are_told_in_plain_words_and_unknown_ones_as_they_are() {
    for (kind, scope, words) in [
        (
            "google",
            "https://www.googleapis.com/auth/gmail.send",
            "send email as you",
        ),
        ("slack", "chat:write", "send messages as you"),
        (
            "github",
            "notifications",
            "read your notifications and mark them as read",
        ),
        ("github", "chat:write", "chat:write"),
        ("hooli", "anything", "anything"),
    ] {
        assert_eq!(built_in(kind).describe_scope(scope), words);
    }
}
