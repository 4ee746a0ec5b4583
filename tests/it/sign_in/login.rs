//! The way to the issuer and back, and every answer that signs nobody in.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use serde_json::json;
use url::Url;
use valetkey::consent::People;
use valetkey::demo::browser::{Journey, Person};

use super::{House, body};

/// A browser that the issuer has just sent back: the address, not opened yet.
async fn at_the_callback(house: &House, user: &str) -> (Person, Url) {
    let mut person = Person::new();
    let asked = person.open(house.at("/login/0")).await.unwrap();
    let request = asked.last().url.clone();
    person.open(house.issuer.as_user(user)).await.unwrap();
    // The issuer's answer, without following it.
    let journey = person.clone().open(request).await.unwrap();
    let back = journey.hops.iter().find_map(|hop| {
        let next = hop.redirect()?;
        (next.path() == "/login/callback").then_some(next)
    });
    (person, back.expect("the issuer sends the browser back"))
}

async fn is_signed_in(house: &House, person: &mut Person) -> bool {
    let page = person.open(house.at("/")).await.unwrap();
    body(page.last()).contains("Your connections")
}

#[tokio::test]
async fn a_person_signs_in_and_out_and_the_issuers_tokens_are_nowhere() {
    let house = House::new().await;
    let mut ada = house.browser_of("ada").await;
    let page = ada.open(house.at("/")).await.unwrap();
    assert_eq!(page.hops.len(), 1, "signing in begins with a click");
    assert!(body(page.last()).contains("href=\"/login/0\""));
    let page = ada.open(house.at("/login/0")).await.unwrap();
    assert_eq!(page.last().url.path(), "/");
    assert!(body(page.last()).contains("ada@example.test"));
    for hop in &page.hops {
        let cookies = hop.headers.get_all("set-cookie").iter();
        let cookies: Vec<_> = cookies.map(|it| it.to_str().unwrap()).collect();
        assert!(!cookies.concat().contains("ada"), "{cookies:?}");
    }
    let files = walk(house.home.path());
    assert!(!files.is_empty());
    for bytes in files {
        for canary in ["CANARY-issuer-access", "CANARY-issuer-refresh"] {
            assert!(
                !bytes
                    .windows(canary.len())
                    .any(|it| it == canary.as_bytes())
            );
        }
    }

    let mut out = super::with_form(&page, "Sign out");
    ada.submit(&mut out, &[]).await.unwrap();
    assert_eq!(out.last().url.path(), "/");
    assert!(body(out.last()).contains("Sign in to see"));
}

fn walk(folder: &std::path::Path) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(walk(&path));
        } else if let Ok(bytes) = std::fs::read(&path) {
            files.push(bytes);
        }
    }
    files
}

#[tokio::test]
async fn who_signs_in_is_the_caller_of_their_access_token() {
    let house = House::new().await;
    let People::SignIn(server) = &house.people else {
        panic!("people sign in here");
    };
    let resource = house.at("/mcp");
    let token = house
        .issuer
        .access_token("ada", "https://other.example/mcp", &json!({}));
    let bearer = format!("Bearer {token}").parse().unwrap();
    let headers = HeaderMap::from_iter([(AUTHORIZATION, bearer)]);
    let refused = format!("{:?}", server.verify(&headers).await.err());
    assert_eq!(refused, "Some(InvalidToken)", "it is for another server");
    let token = house
        .issuer
        .access_token("ada", resource.as_str(), &json!({}));
    let bearer = format!("Bearer {token}").parse().unwrap();
    let headers = HeaderMap::from_iter([(AUTHORIZATION, bearer)]);
    let verified = server.verify(&headers).await.unwrap();
    assert_eq!(verified.caller, house.caller("ada"));
    let link = house.link_for(&verified.caller).await.link;
    let mut ada = house.browser_of("ada").await;
    let page = ada.open(link).await.unwrap();
    assert!(body(page.last()).contains("Connect Google to Valetkey"));
}

#[tokio::test]
async fn an_answer_that_belongs_to_no_sign_in_of_this_browser_signs_nobody_in() {
    let house = House::new().await;
    let (mut person, back) = at_the_callback(&house, "ada").await;
    let exchanges = house.issuer.count("token");
    let state = back
        .query_pairs()
        .find(|(name, _)| name == "state")
        .unwrap();
    let state = state.1.into_owned();
    let iss = house.issuer.identifier();
    for query in [
        String::new(),
        "code=x".to_owned(),
        format!("code=x&state={}", "A".repeat(43)),
        format!("error=access_denied&state={}", "A".repeat(43)),
        format!("code=x&iss={iss}"),
    ] {
        let url = house.at(&format!("/login/callback?{query}"));
        let journey = person.open(url).await.unwrap();
        assert_eq!(journey.last().status, 400, "{query}");
        assert!(body(journey.last()).contains("This sign-in is not known"));
        assert!(journey.last().headers.get("set-cookie").is_none());
    }
    let stranger = Person::new().open(back.clone()).await.unwrap();
    assert_eq!(stranger.last().status, 400, "the answer is this browser's");
    // An answer of another issuer is not believed, nor one that does not say whose it is.
    for iss in ["", "&iss=https://evil.example", &format!("&iss={iss}/")] {
        let mut person = person.clone();
        let url = house.at(&format!("/login/callback?code=x&state={state}{iss}"));
        let journey = person.open(url).await.unwrap();
        assert_eq!(journey.last().status, 400, "{iss}");
        assert!(body(journey.last()).contains("wrong place"), "{iss}");
    }
    assert_eq!(
        house.issuer.count("token"),
        exchanges,
        "nothing was exchanged"
    );
    house.clock.advance(Duration::from_secs(601));
    let late = person.open(back).await.unwrap();
    assert_eq!(late.last().status, 400);
    assert!(!is_signed_in(&house, &mut person).await);
}

#[tokio::test]
async fn sign_ins_that_were_begun_in_several_tabs_all_come_back_each_to_its_page_and_once() {
    let house = House::new().await;
    let link = house.link("ada").await;
    let mut person = Person::new();
    let first = person.open(link.clone()).await.unwrap();
    let second = person.open(house.at("/login/0")).await.unwrap();
    person.open(house.issuer.as_user("ada")).await.unwrap();
    let tabs = [(first, link.path()), (second, "/")];
    for (asked, path) in tabs {
        let journey = person.open(asked.last().url.clone()).await.unwrap();
        assert_eq!(journey.last().status, 200, "{}", body(journey.last()));
        assert_eq!(journey.last().url.path(), path);
        let back = journey.hops.iter().find_map(|hop| {
            let is_back = hop.url.path() == "/login/callback";
            is_back.then(|| hop.url.clone())
        });
        let again = person.open(back.unwrap()).await.unwrap();
        assert_eq!(again.last().status, 400, "it comes back once");
    }
    assert_eq!(house.issuer.count("token"), 2);
}

#[tokio::test]
async fn of_many_sign_ins_under_way_in_one_browser_the_last_four_come_back() {
    let house = House::new().await;
    let mut person = Person::new();
    let mut asked = Vec::new();
    for _ in 0..7 {
        let journey = person.open(house.at("/login/0")).await.unwrap();
        asked.push(journey.last().url.clone());
        house.clock.advance(Duration::from_secs(1));
    }
    person.open(house.issuer.as_user("ada")).await.unwrap();
    let mut came_back = Vec::new();
    for url in asked {
        let journey = person.open(url).await.unwrap();
        came_back.push(journey.last().status == 200);
    }
    assert_eq!(came_back, [false, false, false, true, true, true, true]);
    // What can come back no more takes no room.
    let mut person = Person::new();
    let lost = person.open(house.at("/login/0")).await.unwrap();
    house.clock.advance(Duration::from_mins(10));
    let next = person.open(house.at("/login/0")).await.unwrap();
    let name = |journey: &Journey| {
        let cookie = journey.hops[0]
            .headers
            .get_all("set-cookie")
            .iter()
            .next_back();
        let cookie = cookie.unwrap().to_str().unwrap().to_owned();
        cookie.split_once('=').unwrap().0.to_owned()
    };
    let mut set = next.hops[0].headers.get_all("set-cookie").iter();
    let removed = set.next().unwrap().to_str().unwrap();
    assert!(removed.starts_with(&format!("{}=;", name(&lost))) && removed.contains("Max-Age=0"));
}

#[tokio::test]
async fn an_id_token_that_is_not_good_signs_nobody_in() {
    let house = House::new().await;
    let link = house.link("ada").await;
    let changes: [fn(&mut serde_json::Value); 6] = [
        |claims| claims["nonce"] = json!("another"),
        |claims| claims["aud"] = json!("another-client"),
        |claims| claims["iss"] = json!("https://evil.example"),
        |claims| claims["exp"] = json!(1),
        |claims| claims["sub"] = json!(null),
        |claims| claims["nonce"] = json!(null),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        house.issuer.change_claims(Some(change));
        let mut ada = house.browser_of("ada").await;
        let journey = ada.open(link.clone()).await.unwrap();
        assert_eq!(journey.last().status, 403, "{number}");
        let text = body(journey.last());
        assert!(text.contains("You are not signed in"), "{number} {text}");
        house.issuer.change_claims(None);
        assert!(!is_signed_in(&house, &mut ada).await, "{number}");
    }
    house.connect("ada").await;
}

#[tokio::test]
async fn a_refusal_of_the_issuer_ends_on_a_page_without_its_words() {
    let house = House::new().await;
    house.issuer.change_answer(Some(|answer| {
        answer.retain(|(name, _)| name != "code");
        answer.push(("error".to_owned(), "access_denied".to_owned()));
        let words = "<script>alert(1)</script>".to_owned();
        answer.push(("error_description".to_owned(), words));
    }));
    let mut ada = house.browser_of("ada").await;
    let journey = ada.open(house.link("ada").await).await.unwrap();
    assert_eq!(journey.last().status, 403);
    let text = body(journey.last());
    assert!(text.contains("You are not signed in") && !text.contains("alert"));
    // Nor does an answer with both pass, or one without either.
    for change in [
        (|answer| answer.push(("error".to_owned(), "x".to_owned())))
            as fn(&mut Vec<(String, String)>),
        |answer| answer.retain(|(name, _)| name != "code"),
    ] {
        house.issuer.change_answer(Some(change));
        let journey = ada.open(house.link("ada").await).await.unwrap();
        assert!(matches!(journey.last().status.as_u16(), 400 | 403));
    }
    assert_eq!(house.issuer.count("token"), 0);
}

#[tokio::test]
async fn no_parameter_leads_a_person_anywhere_else_after_the_sign_in() {
    let house = House::new().await;
    for evil in [
        "https://evil.example",
        "//evil.example",
        "/%5cevil.example",
        "%2f%2fevil.example",
    ] {
        for path in [
            "/login/0?return_to=",
            "/?return_to=",
            "/login/0?redirect_uri=",
        ] {
            let mut ada = house.browser_of("ada").await;
            let journey = ada.open(house.at(&format!("{path}{evil}"))).await.unwrap();
            for hop in &journey.hops {
                let next = hop.redirect();
                assert_ne!(next.as_ref().and_then(Url::host_str), Some("evil.example"));
            }
            assert_eq!(journey.last().url.path(), "/");
        }
    }
    for unknown in ["/login/1", "/login/x", "/login/-1", "/login", "/login/0/1"] {
        let journey = Person::new().open(house.at(unknown)).await.unwrap();
        assert_eq!(journey.last().status, 404, "{unknown}");
    }
}

#[tokio::test]
async fn an_issuer_that_cannot_be_reached_is_told_as_such() {
    let house = House::new().await;
    let link = house.link("ada").await;
    let mut gone = house;
    let other = crate::issuer::TestIssuer::start(gone.clock.clone()).await;
    // The one that the configuration names ends.
    drop(std::mem::replace(&mut gone.issuer, other));
    tokio::task::yield_now().await;
    let journey = Person::new().open(link).await.unwrap();
    assert_eq!(journey.last().status, 503, "{}", body(journey.last()));
    assert!(body(journey.last()).contains("You cannot sign in now"));
}

#[tokio::test]
async fn nobody_is_sent_to_an_issuer_whose_metadata_say_no_more_that_it_does_pkce() {
    let house = House::new().await;
    let link = house.link("ada").await;
    house.issuer.change_metadata(Some(|metadata| {
        metadata["code_challenge_methods_supported"] = json!(["plain"]);
    }));
    let mut ada = house.browser_of("ada").await;
    let journey = ada.open(link).await.unwrap();
    assert_eq!(journey.last().status, 503, "{}", body(journey.last()));
    assert_eq!(house.issuer.count("authorize"), 0);
}
