//! The page of one's own: what it shows, what its buttons do, and that nobody else's is in it.

use axum::http::StatusCode;
use valetkey::audit::{AuditKind, AuditOutcome, Event};
use valetkey::broker::{Broker, ConnectionView};
use valetkey::caller::Caller;
use valetkey::demo::browser::{Journey, Person};
use valetkey::demo::sandbox::Site;
use valetkey::demo::sandbox::faults::Endpoint;

use super::{House, Plan, body, with_form};

async fn signed_in(house: &House, user: &str) -> (Person, Journey) {
    let mut person = house.browser_of(user).await;
    let page = person.open(house.at("/login/0")).await.unwrap();
    assert_eq!(page.last().status, 200, "{}", body(page.last()));
    (
        person.account(&crate::issuer::TestIssuer::email(user)),
        page,
    )
}

#[tokio::test]
async fn everyone_sees_what_is_their_own_and_no_argument() {
    let house = House::new().await;
    house.connect("ada").await;
    let id = house.connect("grace").await.id;
    let (ada, grace) = (house.caller("ada"), house.caller("grace"));
    for number in 0..25 {
        let tool = format!("ada_tool_{number}");
        house.record(&ada, &tool, AuditOutcome::Finished).await;
    }
    let acted = Event {
        tool: Some("grace_tool".to_owned()),
        ..Event::new(
            AuditKind::Call,
            AuditOutcome::Failed,
            &grace,
            house.clock.now(),
        )
        .account(id, "grace@example.test")
    };
    house.broker.record(acted).await.unwrap();

    let (_, page) = signed_in(&house, "ada").await;
    let text = body(page.last());
    for needed in [
        "For <strong><bdi>ada@example.test</bdi></strong>",
        "<span class=\"account\"><bdi>ada@example.test</bdi></span>",
        "read your email and its settings",
        "<dt>Last use</dt><dd>not yet</dd>",
        "ada_tool_24",
        "ada_tool_5<",
        "for “<bdi>Test client</bdi>”",
        "2026-11-23, 12:00 UTC",
        "done",
    ] {
        assert!(text.contains(needed), "{needed}: {text}");
    }
    assert!(!text.contains("ada_tool_4<"), "the last 20 calls");
    assert!(!text.contains("grace"));
    assert!(!text.contains(&"07".repeat(32)), "no hash of arguments");
    let (_, page) = signed_in(&house, "grace").await;
    let text = body(page.last());
    assert!(text.contains("grace_tool") && text.contains("failed"));
    let used = "<dt>Last use</dt><dd><time datetime=\"2026-11-23T12:00:00Z\">";
    assert!(text.contains(used), "{text}");
    assert!(!text.contains("ada"), "{text}");
    let (_, page) = signed_in(&house, "bob").await;
    assert!(body(page.last()).contains("Nothing is connected yet"));
    assert!(body(page.last()).contains("No app has called a tool for you yet"));
}

#[tokio::test]
async fn a_connection_of_somebody_else_is_as_if_there_were_none() {
    let house = House::new().await;
    let id = house.connect("ada").await.id;
    let (mut bob, page) = signed_in(&house, "bob").await;
    let path = house.at(&format!("/disconnect/{id}"));
    let seen = bob.open(path.clone()).await.unwrap();
    assert_eq!(seen.last().status, 404);
    assert!(!body(seen.last()).contains("ada"));
    // With Bob's own token, to Ada's connection.
    let post = |action: &str| {
        let mut form = with_form(&page, "Connect Google");
        let last = form.hops.last_mut().unwrap();
        last.body = last.body.replace("/connect\"", &format!("{action}\""));
        form
    };
    let mut disconnect = post(path.path());
    bob.submit(&mut disconnect, &[]).await.unwrap();
    assert_eq!(disconnect.last().status, 404);
    let mut again = post("/connect");
    let connection = id.to_string();
    let changes = [("provider", ""), ("connection", &*connection)];
    bob.submit(&mut again, &changes).await.unwrap();
    assert_eq!(again.last().status, 409);
    assert_eq!(house.sandbox.count(Site::Google, Endpoint::Revoke), 0);
    assert_eq!(house.connections("ada").await.len(), 1);
    for path in ["/admin", "/users", "/connections", "/audit"] {
        let journey = bob.open(house.at(path)).await.unwrap();
        assert_eq!(journey.last().status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn the_buttons_connect_reconnect_and_disconnect_after_a_question() {
    let house = House::new().await;
    let (mut ada, page) = signed_in(&house, "ada").await;
    let mut journey = with_form(&page, "Connect Google");
    ada.submit(&mut journey, &[]).await.unwrap();
    assert!(journey.last().url.path().starts_with("/connect/"));
    let text = body(journey.last());
    assert!(
        text.contains("“<bdi>Valetkey, on your own page</bdi>”"),
        "{text}"
    );
    ada.follow(journey.last().url.as_str()).await.unwrap();
    let connection = house.connections("ada").await.remove(0);

    house.sandbox.end_grants(Site::Google);
    house.clock.advance(std::time::Duration::from_hours(2));
    house.link_for(&house.caller("ada")).await;
    let (mut ada, page) = signed_in(&house, "ada").await;
    assert!(body(page.last()).contains("Needs to be connected again."));
    let mut journey = with_form(&page, "Reconnect");
    ada.submit(&mut journey, &[]).await.unwrap();
    assert!(body(journey.last()).contains("Reconnect Google to Valetkey"));
    ada.follow(journey.last().url.as_str()).await.unwrap();
    let page = ada.open(house.at("/")).await.unwrap();
    assert!(body(page.last()).contains("Works"));

    let link = format!("/disconnect/{}", connection.id);
    assert!(body(page.last()).contains(&link));
    let mut question = ada.open(house.at(&link)).await.unwrap();
    assert!(body(question.last()).contains("Disconnect Google?"));
    assert_eq!(house.connections("ada").await.len(), 1, "it only asked");
    ada.submit(&mut question, &[]).await.unwrap();
    assert!(body(question.last()).contains("Google is disconnected"));
    assert!(house.connections("ada").await.is_empty());
    assert_eq!(house.sandbox.count(Site::Google, Endpoint::Revoke), 1);
}

#[tokio::test]
async fn a_further_account_gets_a_name_of_its_own() {
    let house = House::new().await;
    house.connect("ada").await;
    let (ada, page) = signed_in(&house, "ada").await;
    let mut ada = ada.account("grace@example.test");
    let form = with_form(&page, "Connect another Google account");
    for bad in ["two words", "<b>", "-x"] {
        let mut journey = form.clone();
        ada.submit(&mut journey, &[("alias", bad)]).await.unwrap();
        assert_eq!(journey.last().status, 400, "{bad}");
    }
    let mut journey = form.clone();
    ada.submit(&mut journey, &[("alias", "home")])
        .await
        .unwrap();
    ada.follow(journey.last().url.as_str()).await.unwrap();
    let shown: Vec<_> = house.connections("ada").await;
    let mut shown: Vec<_> = shown.iter().map(ConnectionView::shown).collect();
    shown.sort_unstable();
    assert_eq!(shown, ["ada@example.test", "home (grace@example.test)"]);
}

#[tokio::test]
async fn a_form_that_is_not_from_this_persons_page_in_this_browser_does_nothing() {
    let house = House::new().await;
    let id = house.connect("ada").await.id;
    let (mut ada, page) = signed_in(&house, "ada").await;
    let path = format!("/disconnect/{id}");
    let question = ada.open(house.at(&path)).await.unwrap();

    let mut wrong = question.clone();
    ada.submit(&mut wrong, &[("csrf", "x")]).await.unwrap();
    assert_eq!(wrong.last().status, 403);
    // From a page of another site: the cookies do not travel, and the browser says where it was.
    let mut foreign = question.clone();
    let last = foreign.hops.last_mut().unwrap();
    last.body = last.body.replace(
        "<form method=\"post\">",
        &format!("<form method=\"post\" action=\"{}\">", house.at(&path)),
    );
    last.url = "http://evil.example/".parse().unwrap();
    last.headers.remove("content-security-policy");
    ada.submit(&mut foreign, &[]).await.unwrap();
    assert_eq!(foreign.last().status, 403);
    // From the page of another person, in the same browser.
    ada.open(house.issuer.as_user("bob")).await.unwrap();
    ada.open(house.at("/login/0")).await.unwrap();
    let mut stale = question.clone();
    ada.submit(&mut stale, &[]).await.unwrap();
    assert_eq!(stale.last().status, 403, "{}", body(stale.last()));
    for button in ["Connect another Google account", "Sign out"] {
        let mut stale = with_form(&page, button);
        ada.submit(&mut stale, &[]).await.unwrap();
        assert_eq!(stale.last().status, 403, "{button}");
    }
    let mut nobody = Person::new();
    let mut posted = question.clone();
    nobody.submit(&mut posted, &[]).await.unwrap();
    assert_eq!(posted.last().status, 403);
    assert_eq!(house.connections("ada").await.len(), 1);
}

#[tokio::test]
async fn on_loopback_without_authorization_the_page_is_the_local_users() {
    let house = House::with(Plan {
        local: true,
        ..Plan::default()
    })
    .await;
    let me = Caller::local();
    house.record(&me, "local_tool", AuditOutcome::Denied).await;
    let mut person = Person::new();
    let page = person.open(house.at("/")).await.unwrap();
    let text = body(page.last());
    assert!(text.contains("you, on this computer") && text.contains("local_tool"));
    assert!(text.contains("not allowed") && !text.contains("Sign out"));
    let mut journey = with_form(&page, "Connect Google");
    person.submit(&mut journey, &[]).await.unwrap();
    person.follow(journey.last().url.as_str()).await.unwrap();
    assert_eq!(connections(&house.broker, &me).await, 1);
    for path in ["/login/0", "/login/callback", "/sign-out"] {
        let journey = person.open(house.at(path)).await.unwrap();
        assert_eq!(journey.last().status, 404, "{path}");
    }
    let mut elsewhere = house.at("/");
    elsewhere.set_host(Some("127.0.0.1")).unwrap();
    let journey = person.open(elsewhere).await.unwrap();
    assert_eq!(journey.last().status, 421, "another host is not answered");
    assert!(!body(journey.last()).contains("local_tool"));
}

async fn connections(broker: &Broker, caller: &Caller) -> usize {
    broker.connections(caller).await.unwrap().len()
}
