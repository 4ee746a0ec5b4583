//! Several accounts of one person: their names, and one connection for each.

use serde_json::{Value, json};
use tokio::task::JoinSet;
use valetkey::broker::{Access, ConnectionView, Renamed};
use valetkey::caller::Caller;
use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::Site;
use valetkey::demo::sandbox::faults::{Endpoint, Fault, Times};
use valetkey::store::alias::Alias;

use crate::host::{Host, assert_clean, call, link_of, search, text_of};
use crate::world::{READ, SEND, World, google};

fn alias(name: &str) -> Alias {
    Alias::parse(name).unwrap()
}

#[tokio::test]
async fn an_alias_means_one_account_of_a_caller_at_a_provider() {
    let world = World::new().await;
    let process = world.process();
    let (broker, me) = (&process.broker, Caller::local());
    process.connect(&[READ]).await;
    let ada = process.connections().await[0].id;
    let grace = process.connect_account("grace@example.test", &[READ]).await;
    let rename = async |id, name: &str| broker.rename(&me, id, Some(alias(name))).await.unwrap();

    assert!(matches!(rename(ada, "work").await, Renamed::Done(_)));
    assert!(
        matches!(rename(ada, "work").await, Renamed::Done(_)),
        "again"
    );
    for taken in ["work", "WORK"] {
        let other = rename(grace.connection, taken).await;
        assert!(
            matches!(&other, Renamed::Taken(view) if view.id == ada),
            "{other:?}"
        );
    }
    assert!(matches!(
        broker.rename(&me, ada, None).await,
        Ok(Renamed::Done(_))
    ));
    assert!(matches!(
        rename(grace.connection, "work").await,
        Renamed::Done(_)
    ));

    let bob = Caller::verified("https://id.example.test", "bob");
    let theirs = broker.rename(&bob, ada, Some(alias("mine"))).await.unwrap();
    assert!(matches!(theirs, Renamed::Unknown), "{theirs:?}");
    assert!(broker.set_default(&bob, ada, true).await.unwrap().is_none());
    assert!(
        process
            .connections()
            .await
            .iter()
            .all(|one| !one.is_default)
    );
}

#[tokio::test]
async fn names_and_the_default_outlive_a_refresh_a_reconnect_and_the_process() {
    let world = World::new().await;
    let process = world.process();
    process.connect(&[READ]).await;
    let id = process.connections().await[0].id;
    let (broker, me) = (&process.broker, Caller::local());
    broker.rename(&me, id, Some(alias("work"))).await.unwrap();
    broker.set_default(&me, id, true).await.unwrap();

    world.clock.advance(std::time::Duration::from_hours(1));
    process.granted(&[READ]).await;
    let consent = process.consent(&[SEND]).await;
    Person::new().follow(consent.link.as_str()).await.unwrap();
    drop(process);

    let process = world.next_process().await;
    let view = process.connections().await.remove(0);
    assert_eq!((view.alias, view.is_default), (Some(alias("work")), true));
    assert!(view.scopes.contains(SEND), "{:?}", view.scopes);
}

#[tokio::test]
async fn a_name_that_comes_during_a_refresh_waits_and_the_rotated_token_is_kept() {
    let world = World::new().await;
    let process = world.process();
    process.connect(&[READ]).await;
    let id = process.connections().await[0].id;
    world.clock.advance(std::time::Duration::from_hours(1));
    let hold = tokio_util::sync::CancellationToken::new();
    let fault = Fault::Hold(hold.clone());
    world
        .sandbox
        .fault(Site::Google, Endpoint::Refresh, fault, Times::Next(1));
    let broker = process.broker.clone();
    let call = tokio::spawn(async move { broker.access(&Caller::local(), &google(&[READ])).await });
    world
        .sandbox
        .received(Site::Google, Endpoint::Refresh, 1)
        .await;

    let broker = process.broker.clone();
    let rename = tokio::spawn(async move {
        broker
            .rename(&Caller::local(), id, Some(alias("work")))
            .await
    });
    tokio::task::yield_now().await;
    hold.cancel();

    let access = call.await.unwrap();
    assert!(matches!(access, Ok(Access::Granted(_))), "{access:?}");
    let renamed = rename.await.unwrap();
    assert!(matches!(renamed, Ok(Renamed::Done(_))), "{renamed:?}");
    assert_eq!(
        process.granted(&[READ]).await.account,
        "work (ada@example.test)"
    );
    assert_eq!(world.sandbox.count(Site::Google, Endpoint::Refresh), 1);
}

#[tokio::test]
async fn an_account_connected_under_a_new_name_has_it_whatever_else_is_connected() {
    let world = World::new().await;
    let process = world.process();
    process.connect(&[READ]).await;
    let (broker, me) = (&process.broker, Caller::local());
    let connect =
        async |name: &str| match broker.connect_as(&me, &google(&[READ]), alias(name)).await {
            Ok(Access::Consent(consent)) => consent.link,
            other => panic!("expected a link, got {other:?}"),
        };
    let link = connect("home").await;
    assert_eq!(connect("home").await, link, "one link for one wish");
    assert_ne!(connect("club").await, link);
    let mut person = Person::new().account("grace@example.test");
    person.follow(link.as_str()).await.unwrap();

    let shown: Vec<String> = process
        .connections()
        .await
        .iter()
        .map(ConnectionView::shown)
        .collect();
    assert_eq!(shown.len(), 2);
    assert!(
        shown.contains(&"home (grace@example.test)".to_owned()),
        "{shown:?}"
    );
}

#[tokio::test]
async fn two_links_for_one_account_that_end_at_the_same_moment_make_one_connection() {
    let world = World::new().await;
    let process = world.process();
    let me = Caller::local();
    for _ in 0..8 {
        let mut ways = Vec::new();
        for name in ["one", "two", "three"] {
            let access = process
                .broker
                .connect_as(&me, &google(&[READ]), alias(name))
                .await;
            let Ok(Access::Consent(consent)) = access else {
                panic!("{access:?}");
            };
            let mut person = Person::new().stop_before_callback();
            let journey = person.follow(consent.link.as_str()).await.unwrap();
            ways.push((person, journey.stopped_before.unwrap()));
        }
        // All of them know who signed in before any of them is stored.
        let hold = tokio_util::sync::CancellationToken::new();
        let fault = Fault::Hold(hold.clone());
        let before = world.sandbox.count(Site::Google, Endpoint::Identity);
        world
            .sandbox
            .fault(Site::Google, Endpoint::Identity, fault, Times::Next(3));
        let mut ends = JoinSet::new();
        for (mut person, back) in ways {
            ends.spawn(async move { person.open(back).await.unwrap().last().status });
        }
        world
            .sandbox
            .received(Site::Google, Endpoint::Identity, before + 3)
            .await;
        hold.cancel();
        while let Some(status) = ends.join_next().await {
            assert_eq!(status.unwrap(), 200);
        }

        let views = process.connections().await;
        assert_eq!(views.len(), 1, "{views:?}");
        process.broker.disconnect(&me, views[0].id).await.unwrap();
    }
}

#[tokio::test]
async fn a_process_that_follows_names_chooses_and_connects_accounts_as_the_owner_does() {
    let world = World::new().await;
    let owner = world.process();
    owner.connect(&[READ]).await;
    let follower = world.process();
    let me = Caller::local();
    let ada = follower.connections().await[0].id;
    let access = follower
        .broker
        .connect_as(&me, &google(&[READ]), alias("home"))
        .await;
    let Ok(Access::Consent(consent)) = access else {
        panic!("{access:?}");
    };
    let mut person = Person::new().account("grace@example.test");
    person.follow(consent.link.as_str()).await.unwrap();
    let named = follower.broker.rename(&me, ada, Some(alias("work"))).await;
    assert!(matches!(named, Ok(Renamed::Done(_))), "{named:?}");
    let taken = follower.broker.rename(&me, ada, Some(alias("home"))).await;
    assert!(matches!(taken, Ok(Renamed::Taken(_))), "{taken:?}");
    let chosen = follower.broker.set_default(&me, ada, true).await.unwrap();
    assert!(chosen.unwrap().is_default);

    for process in [&owner, &follower] {
        let granted = process.granted(&[READ]).await;
        assert_eq!(granted.account, "work (ada@example.test)");
        let shown: Vec<String> = process
            .connections()
            .await
            .iter()
            .map(ConnectionView::shown)
            .collect();
        assert_eq!(shown.len(), 2);
        assert!(
            shown.contains(&"home (grace@example.test)".to_owned()),
            "{shown:?}"
        );
    }
}

/// What the model is shown of an answer: the account in the structure, and the text.
fn stamped<'a>(answer: &'a Value, place: &str) -> (&'a str, &'a str) {
    let account = answer["result"]["structuredContent"].pointer(place);
    (
        account.and_then(Value::as_str).unwrap_or_default(),
        text_of(answer),
    )
}

#[test]
fn every_result_and_every_error_of_a_tool_names_the_account_that_acted_in_both_forms() {
    let host = Host::new("");
    let mut server = host.server();
    let asked = call(&mut server, 1, search());
    host.connect(&link_of(&asked));
    let found = call(&mut server, 2, search());
    let (account, text) = stamped(&found, "/account");
    assert_eq!(account, "ada");
    assert!(text.contains("Account: ada"), "{text}");

    let unknown = json!({ "name": "github_create_issue", "arguments": {
        "repo": "no/such", "title": "Nobody reads this" } });
    let failed = call(&mut server, 3, unknown);
    assert_eq!(failed["result"]["isError"], true, "{failed}");
    let (account, text) = stamped(&failed, "/error/account");
    assert_eq!(account, "ada", "{failed}");
    assert!(text.ends_with("Account: ada"), "{text}");

    // Nobody acts before the arguments fit.
    let wrong = json!({ "name": "github_search_issues", "arguments": { "limit": "many" } });
    let refused = call(&mut server, 4, wrong);
    let error = &refused["result"]["structuredContent"]["error"];
    assert_eq!(error["code"], "invalid_arguments", "{refused}");
    assert!(error.get("account").is_none(), "{refused}");
    assert_clean(server);
}
