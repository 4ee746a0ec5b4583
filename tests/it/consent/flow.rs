//! A link from the page to the result, and every way in which a request is not the right one.

use std::time::Duration;

use axum::http::StatusCode;
use url::Url;
use valetkey::broker::{Access, Denied, FlowOutcome};
use valetkey::caller::Caller;

use super::Site;

#[tokio::test]
async fn looking_at_a_link_changes_nothing_however_often() {
    let site = Site::new();
    let link = site.link().await;
    for _ in 0..20 {
        assert_eq!(site.request("GET", &link).await.status, StatusCode::OK);
        let head = site.request("HEAD", &link).await;
        assert_eq!((head.status, head.body.as_str()), (StatusCode::OK, ""));
    }
    assert!(!site.is_posted().await);
    assert_eq!(site.link().await, link);
}

#[tokio::test]
async fn the_connect_page_shows_the_request_escaped_and_omits_form_action_alone() {
    let site = Site::new();
    let link = site.link().await;
    let page = site.request("GET", &link).await;
    assert!(page.body.contains("Connect Acme to Valetkey"));
    assert!(page.body.contains("<code>read</code>"));
    assert!(!page.body.contains("<b>client"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("form-action"));
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
}

#[tokio::test]
async fn the_cookie_is_set_once_and_as_strictly_as_the_scheme_allows() {
    for (public_url, name, end) in [
        (None, "valetkey=", "; Path=/; HttpOnly; SameSite=Lax"),
        (
            Some("https://mcp.example.com"),
            "__Host-valetkey=",
            "; Path=/; HttpOnly; SameSite=Lax; Secure",
        ),
    ] {
        let site = Site::with(super::PROVIDERS, public_url);
        let link = site.link().await;
        let mut browser = site.browser();
        let first = browser.get(&link).await;
        let cookie = first.header("set-cookie").unwrap();
        assert!(
            cookie.starts_with(name) && cookie.ends_with(end),
            "{cookie}"
        );
        let second = browser.get(&link).await;
        assert_eq!(second.header("set-cookie"), None);
        assert_eq!(second.csrf(), first.csrf());
    }
}

#[tokio::test]
async fn the_button_leads_to_the_providers_address_with_our_configured_callback() {
    let site = Site::new();
    let link = site.link().await;
    let mut browser = site.browser();
    let page = browser
        .get(&format!("{link}?return_to=https://evil.example"))
        .await;
    let forwarded = [
        ("sec-fetch-site", "same-origin"),
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "host=evil.example"),
    ];
    let form = format!("csrf={}&return_to=%2f%2fevil.example", page.csrf());
    let answer = browser
        .post_with(
            &format!("{link}?redirect_uri=https://evil.example"),
            &form,
            &forwarded,
        )
        .await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let url = Url::parse(answer.location()).unwrap();
    assert_eq!(url.origin().ascii_serialization(), "https://acme.example");
    assert!(!answer.location().contains("evil"));
    let redirect = url.query_pairs().find(|(name, _)| name == "redirect_uri");
    let expected = format!("{}/oauth/callback/acme", site.origin());
    assert_eq!(redirect.unwrap().1, expected);
    assert!(site.is_posted().await);
}

#[tokio::test]
async fn a_post_that_is_not_from_our_page_in_this_browser_changes_nothing() {
    let site = Site::new();
    let (link, origin) = (site.link().await, site.origin());
    let mut browser = site.browser();
    let csrf = browser.get(&link).await.csrf();
    let other_csrf = site.browser().get(&link).await.csrf();
    let other_link = site.link_to("other").await.0.path().to_owned();
    let other_links_csrf = browser.get(&other_link).await.csrf();
    let good = format!("csrf={csrf}");
    let same = ("sec-fetch-site", "same-origin");
    let null = ("origin", "null");
    let cases: [(&str, &[(&str, &str)]); 14] = [
        ("", &[same]),
        ("csrf=", &[same]),
        (&format!("csrf={other_csrf}"), &[same]),
        (&format!("csrf={other_links_csrf}"), &[same]),
        (&format!("{good}&{good}"), &[same]),
        (&format!("CSRF={csrf}"), &[same]),
        (&good, &[("sec-fetch-site", "cross-site")]),
        (&good, &[("sec-fetch-site", "same-site")]),
        (&good, &[("sec-fetch-site", "none")]),
        (&good, &[same, ("sec-fetch-site", "cross-site")]),
        (
            &good,
            &[("sec-fetch-site", "cross-site"), ("origin", &origin)],
        ),
        (&good, &[same, ("origin", "https://evil.example")]),
        (&good, &[("origin", "https://evil.example")]),
        (&good, &[null]),
    ];
    for (form, headers) in cases {
        let answer = browser.post_with(&link, form, headers).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{form} {headers:?}");
    }
    let without_cookie = site.browser().post(&link, &csrf).await;
    assert_eq!(without_cookie.status, StatusCode::FORBIDDEN);
    assert!(!site.is_posted().await);
}

#[tokio::test]
async fn a_post_from_our_page_is_accepted_in_every_form_that_browsers_give_it() {
    let same = ("sec-fetch-site", "same-origin");
    let site = Site::new();
    let (link, origin) = (site.link().await, site.origin());
    let mut browser = site.browser();
    let csrf = browser.get(&link).await.csrf();
    let cases: [&[(&str, &str)]; 5] = [
        &[],
        &[same],
        &[same, ("origin", "null")],
        &[same, ("origin", &origin)],
        &[("origin", &origin)],
    ];
    for headers in cases {
        let answer = browser
            .post_with(&link, &format!("csrf={csrf}"), headers)
            .await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{headers:?}");
    }
}

#[tokio::test]
async fn a_refusal_at_the_provider_ends_on_a_page_without_its_words_or_parameters() {
    const PAYLOAD: &str = "%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    let site = Site::new();
    let link = site.link().await;
    let mut browser = site.browser();
    let state = browser.go_to_provider(&link).await;
    let callback = format!(
        "/oauth/callback/acme?state={state}&error=access_denied&error_description={PAYLOAD}"
    );
    let answer = browser.get(&callback).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.location(), link.replace("/connect/", "/connected/"));
    let result = answer.location().to_owned();
    for text in [answer.body.as_str(), &browser.get(&result).await.body] {
        assert!(
            !text.contains("script") && !text.contains("alert"),
            "{text}"
        );
    }
    assert!(
        browser
            .get(&result)
            .await
            .body
            .contains("Acme was not connected")
    );
    let stranger = site.browser().get(&result).await;
    assert_eq!(stranger.status, StatusCode::NOT_FOUND);
    let mut other = site.browser();
    other.cookie = browser.cookie.as_deref().map(|cookie| {
        let (kept, last) = cookie.split_at(cookie.len() - 1);
        format!("{kept}{}", if last == "A" { "B" } else { "A" })
    });
    assert_eq!(other.get(&result).await.status, StatusCode::NOT_FOUND);

    let access = site
        .broker
        .access(&Caller::local(), &Site::requirement("acme"))
        .await
        .unwrap();
    assert!(
        matches!(access, Access::Denied(Denied::Declined { .. })),
        "{access:?}"
    );
}

#[tokio::test]
async fn a_callback_that_is_not_this_browsers_own_changes_nothing() {
    let site = Site::new();
    let link = site.link().await;
    let mut browser = site.browser();
    let state = browser.go_to_provider(&link).await;
    let error = "error=access_denied";
    let unknown = "A".repeat(43);
    for (query, status) in [
        (error.to_owned(), StatusCode::BAD_REQUEST),
        ("code=x".to_owned(), StatusCode::BAD_REQUEST),
        (format!("state=&{error}"), StatusCode::BAD_REQUEST),
        (format!("state={unknown}&{error}"), StatusCode::BAD_REQUEST),
        (
            format!("state={state}&{error}&code=x"),
            StatusCode::BAD_REQUEST,
        ),
        (format!("state={state}"), StatusCode::BAD_REQUEST),
    ] {
        let answer = browser.get(&format!("/oauth/callback/acme?{query}")).await;
        assert_eq!(answer.status, status, "{query}");
    }
    let query = format!("state={state}&{error}");
    let path = format!("/oauth/callback/acme?{query}");
    let stranger = site.browser().get(&path).await;
    assert_eq!(stranger.status, StatusCode::FORBIDDEN);
    let elsewhere = browser.get(&format!("/oauth/callback/other?{query}")).await;
    assert_eq!(elsewhere.status, StatusCode::BAD_REQUEST);

    assert_eq!(browser.get(&path).await.status, StatusCode::SEE_OTHER);
    assert_eq!(browser.get(&path).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_link_that_is_over_is_gone_and_names_nobody() {
    let site = Site::new();
    let link = site.link().await;
    let mut browser = site.browser();
    let state = browser.go_to_provider(&link).await;
    site.clock.advance(Duration::from_secs(601));
    for answer in [browser.get(&link).await, site.browser().get(&link).await] {
        assert_eq!(answer.status, StatusCode::GONE);
        assert!(!answer.body.contains("Acme") && !answer.body.contains("local:"));
        assert_eq!(answer.header("set-cookie"), None);
    }
    let late = browser
        .get(&format!("/oauth/callback/acme?state={state}&code=x"))
        .await;
    assert_eq!(late.status, StatusCode::BAD_REQUEST);
    assert!(late.body.contains("too long"), "{}", late.body);
}

#[tokio::test]
async fn the_result_page_of_an_open_link_leads_back_to_it() {
    let site = Site::new();
    let link = site.link().await;
    let mut browser = site.browser();
    browser.go_to_provider(&link).await;
    let result = browser.get(&link.replace("/connect/", "/connected/")).await;
    assert_eq!(result.status, StatusCode::OK);
    assert!(result.body.contains(&format!("href=\"{link}\"")));
}

#[tokio::test]
async fn a_call_that_waits_learns_of_the_refusal() {
    let site = Site::new();
    let caller = Caller::local();
    let access = site
        .broker
        .access(&caller, &Site::requirement("acme"))
        .await;
    let Ok(Access::Consent(consent)) = access else {
        panic!("{access:?}");
    };
    let soon = tokio::time::Instant::now() + Duration::from_mins(1);
    let person = async {
        let mut browser = site.browser();
        let state = browser.go_to_provider(consent.link.path()).await;
        let query = format!("state={state}&error=access_denied");
        browser.get(&format!("/oauth/callback/acme?{query}")).await
    };
    let (outcome, _) = tokio::join!(site.broker.wait(&caller, consent.flow, soon), person);
    assert_eq!(outcome.unwrap(), FlowOutcome::Declined);
}
