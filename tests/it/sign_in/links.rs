//! A link is the person's whose call asked for it.

use std::time::Duration;

use axum::http::StatusCode;
use url::Url;
use valetkey::broker::{Access, Denied};
use valetkey::caller::Caller;
use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::Site;
use valetkey::demo::sandbox::faults::Endpoint;

use super::{House, Plan, body, hops_at};

#[tokio::test]
async fn a_link_alone_opens_only_the_login() {
    let house = House::new().await;
    let link = house.link("ada").await;
    let journey = Person::new().open(link.clone()).await.unwrap();
    let [first, last] = &*journey.hops else {
        panic!("{journey}");
    };
    assert_eq!(first.status, 303);
    assert!(!first.body.contains("Google"));
    let issuer = Url::parse(house.issuer.identifier()).unwrap();
    assert_eq!(last.url.origin(), issuer.origin());
    assert!(last.body.contains("Who are you?"), "{}", last.body);
    let query: Vec<_> = last.url.query_pairs().map(|(name, _)| name).collect();
    for needed in ["state", "nonce", "code_challenge", "redirect_uri"] {
        assert!(query.iter().any(|name| name == needed), "{needed}");
    }
    assert_eq!(house.sandbox.count(Site::Google, Endpoint::Authorize), 0);
    assert!(!house.link_for(&house.caller("ada")).await.posted);
}

#[tokio::test]
async fn who_asked_signs_in_connects_and_ends_at_an_address_without_code_or_state() {
    let house = House::new().await;
    let link = house.link("ada").await;
    let mut ada = house.browser_of("ada").await;
    let page = ada.open(link.clone()).await.unwrap();
    let text = body(page.last());
    assert!(text.contains("Connect Google to Valetkey"), "{text}");
    assert!(
        text.contains("<dd><bdi>ada@example.test</bdi></dd>"),
        "{text}"
    );

    let journey = ada.follow(link.as_str()).await.unwrap();
    let end = journey.last();
    assert_eq!(end.status, 200);
    assert_eq!((end.url.query(), end.url.fragment()), (None, None));
    assert!(body(end).contains("Google is connected"), "{}", body(end));
    assert!(body(end).contains("href=\"/\""), "on to the own page");
    assert_eq!(house.connections("ada").await.len(), 1);
    assert!(house.connections("bob").await.is_empty());
    assert_eq!(house.issuer.count("token"), 1, "one sign-in was enough");

    let again = ada.open(link.clone()).await.unwrap();
    assert_eq!(again.last().status, StatusCode::GONE);
    let stranger = Person::new().open(link).await.unwrap();
    assert_eq!(stranger.last().status, StatusCode::GONE);
    for gone in [again, stranger] {
        assert!(!body(gone.last()).contains("ada"));
    }
}

#[tokio::test]
async fn a_link_that_somebody_else_opens_leads_nowhere_and_still_works_for_its_own_person() {
    let house = House::new().await;
    let link = house.link("ada").await;
    let mut bob = house.browser_of("bob").await;
    let journey = bob.follow(link.as_str()).await.unwrap();
    let end = journey.last();
    assert_eq!(end.status, 403);
    let text = body(end);
    assert!(
        text.contains("This link was made for someone else"),
        "{text}"
    );
    assert!(!text.contains("ada") && !text.contains("Google"), "{text}");
    let provider = house.sandbox.base_url();
    assert!(hops_at(&journey, provider).is_empty(), "{journey}");

    // With Ada's page, and so with a form of ours, posted from Bob's browser.
    let mut ada = house.browser_of("ada").await;
    let mut page = ada.open(link.clone()).await.unwrap();
    bob.submit(&mut page, &[]).await.unwrap();
    assert_eq!(page.last().status, 403);
    // In Ada's browser, where Bob has signed in meanwhile.
    ada.open(house.issuer.as_user("bob")).await.unwrap();
    let mut page = ada.open(link.clone()).await.unwrap();
    ada.open(house.at("/login/0")).await.unwrap();
    ada.submit(&mut page, &[]).await.unwrap();
    assert_eq!(page.last().status, 403, "{}", body(page.last()));
    assert!(body(page.last()).contains("made for someone else"));
    assert!(hops_at(&page, provider).is_empty(), "{page}");
    assert_eq!(house.exchanges(), 0);

    house.connect("ada").await;
    assert!(house.connections("bob").await.is_empty());
}

#[tokio::test]
async fn a_callback_that_another_person_started_connects_nobody() {
    let house = House::new().await;
    let link = house.link("mallory").await;
    let mallory = house.browser_of("mallory").await;
    let mut mallory = mallory.stop_before_callback();
    let journey = mallory.follow(link.as_str()).await.unwrap();
    let callback = journey.stopped_before.unwrap();

    let mut empty = Person::new();
    let mut bob = house.browser_of("bob").await;
    bob.open(house.at("/login/0")).await.unwrap();
    for person in [&mut empty, &mut bob] {
        let journey = person.open(callback.clone()).await.unwrap();
        assert_eq!(journey.last().status, 403);
    }
    // Right browser, and Bob has signed in at it: the session is looked at before the exchange.
    mallory.open(house.issuer.as_user("bob")).await.unwrap();
    mallory.open(house.at("/login/0")).await.unwrap();
    let mut there = mallory.clone();
    let journey = there.open(callback.clone()).await.unwrap();
    // It stops before paths of the callback only when it is redirected there.
    assert_eq!(journey.last().status, 403, "{}", body(journey.last()));
    assert!(body(journey.last()).contains("made for someone else"));
    assert_eq!(house.exchanges(), 0);
    for user in ["mallory", "bob"] {
        assert!(house.connections(user).await.is_empty(), "{user}");
    }
}

#[tokio::test]
async fn a_result_page_is_for_the_same_person_only() {
    let house = House::new().await;
    let link = house.link("ada").await;
    let mut ada = house.browser_of("ada").await;
    let journey = ada.follow(link.as_str()).await.unwrap();
    let result = journey.last().url.clone();
    ada.open(house.issuer.as_user("bob")).await.unwrap();
    ada.open(house.at("/login/0")).await.unwrap();
    let other = ada.open(result.clone()).await.unwrap();
    assert_eq!(other.last().status, 403);
    assert!(!body(other.last()).contains("Google"));
    let nobody = Person::new().open(result).await.unwrap();
    assert_eq!(nobody.last().status, 404);
}

#[tokio::test]
async fn a_session_that_ends_at_the_provider_keeps_the_link_alive() {
    let house = House::new().await;
    let ada = house.browser_of("ada").await;
    let mut ada = ada.stop_before_callback();
    // Signed in long before the link is made.
    ada.open(house.at("/login/0")).await.unwrap();
    house.clock.advance(Duration::from_mins(55));
    let link = house.link("ada").await;
    let journey = ada.follow(link.as_str()).await.unwrap();
    let callback = journey.stopped_before.unwrap();
    house.clock.advance(Duration::from_mins(6));
    let late = ada.open(callback).await.unwrap();
    assert_eq!(late.last().status, 403);
    assert_eq!(house.exchanges(), 0);
    house.connect("ada").await;
}

#[tokio::test]
async fn looking_at_a_link_changes_nothing_and_an_unknown_one_starts_no_sign_in() {
    let house = House::new().await;
    let link = house.link("ada").await;
    for _ in 0..20 {
        Person::new().open(link.clone()).await.unwrap();
        let mut ada = house.browser_of("ada").await;
        assert_eq!(ada.open(link.clone()).await.unwrap().last().status, 200);
    }
    let consent = house.link_for(&house.caller("ada")).await;
    assert!(!consent.posted && consent.link == link);

    let before = house.issuer.count("authorize");
    for number in 0..50 {
        let unknown = house.at(&format!("/connect/{number:A>43}"));
        let journey = Person::new().open(unknown).await.unwrap();
        assert_eq!(journey.last().status, 404);
    }
    assert_eq!(house.issuer.count("authorize"), before);
}

#[tokio::test]
async fn without_a_login_for_the_caller_there_is_no_link_and_the_answer_says_what_to_configure() {
    let house = House::with(Plan {
        login: false,
        ..Plan::default()
    })
    .await;
    for (caller, key) in [
        (house.caller("ada"), "server.auth.issuers[].login"),
        (
            Caller::verified("static", "ada"),
            "server.auth.static_login",
        ),
        (
            Caller::verified("https://other.example", "ada"),
            "server.auth.issuers[].login",
        ),
        (Caller::local(), "server.auth.issuers[].login"),
    ] {
        let Access::Denied(denied) = house.access(&caller).await else {
            panic!("{caller} got a link");
        };
        assert!(matches!(denied, Denied::NoSignIn { .. }), "{denied:?}");
        assert!(denied.to_string().contains(key), "{denied}");
        assert_eq!(denied.code(), "no_sign_in");
        // What needs no grant works.
        assert!(house.broker.connections(&caller).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn the_user_of_a_static_token_signs_in_where_static_login_says() {
    let house = House::with(Plan {
        static_login: true,
        ..Plan::default()
    })
    .await;
    let ada = Caller::verified("static", "ada");
    let link = house.link_for(&ada).await.link;
    let mut bob = house.browser_of("bob").await;
    let journey = bob.follow(link.as_str()).await.unwrap();
    assert_eq!(journey.last().status, 403);
    // Ada of the issuer is another user than Ada of the list, whatever they are called.
    let other = house.link("ada").await;
    let mut person = house.browser_of("ada").await;
    let journey = person.follow(link.as_str()).await.unwrap();
    assert_eq!(journey.last().status, 200, "{}", body(journey.last()));
    assert_eq!(house.broker.connections(&ada).await.unwrap().len(), 1);
    assert!(house.connections("ada").await.is_empty());
    let journey = person.open(other).await.unwrap();
    assert_eq!(journey.last().status, 403);
}

#[tokio::test]
async fn only_a_click_on_the_page_of_this_person_in_this_browser_goes_on_to_the_provider() {
    let house = House::new().await;
    let link = house.link("ada").await;
    let mut ada = house.browser_of("ada").await;
    let page = ada.open(link.clone()).await.unwrap();
    // As scanners of links look at them.
    let http = valetkey::http::Http::new().client();
    for _ in 0..20 {
        for request in [http.head(link.clone()), http.get(link.clone())] {
            assert_eq!(request.send().await.unwrap().status(), 303);
        }
    }
    let provider = house.sandbox.base_url();
    let mut without = page.clone();
    ada.submit(&mut without, &[("csrf", "")]).await.unwrap();
    let mut wrong = page.clone();
    ada.submit(&mut wrong, &[("csrf", "x")]).await.unwrap();
    // From a page of another site: the cookies do not travel, and the browser says where it was.
    let mut foreign = page.clone();
    let last = foreign.hops.last_mut().unwrap();
    last.body = last.body.replace(
        "<form method=\"post\">",
        &format!("<form method=\"post\" action=\"{link}\">"),
    );
    last.url = "http://evil.example/".parse().unwrap();
    last.headers.remove("content-security-policy");
    ada.submit(&mut foreign, &[]).await.unwrap();
    for refused in [without, wrong, foreign] {
        assert_eq!(refused.last().status, 403, "{}", body(refused.last()));
        assert!(hops_at(&refused, provider).is_empty(), "{refused}");
    }
    assert!(!house.link_for(&house.caller("ada")).await.posted);
    house.connect("ada").await;
}

#[tokio::test]
async fn a_link_that_ended_is_gone_for_everyone_and_says_nobodys_name() {
    let house = House::new().await;
    let link = house.link("ada").await;
    let mut ada = house.browser_of("ada").await;
    ada.open(link.clone()).await.unwrap();
    house.clock.advance(Duration::from_secs(601));
    let own = ada.open(link.clone()).await.unwrap();
    let stranger = Person::new().open(link.clone()).await.unwrap();
    for gone in [&own, &stranger] {
        assert_eq!(gone.last().status, StatusCode::GONE);
        assert!(!body(gone.last()).contains("ada") && !body(gone.last()).contains("Google"));
    }
    assert_ne!(house.link("ada").await, link);
}
