//! A sign-in with another account than the expected one: kept or dropped, as the person says, and
//! never what a waiting call gets.

use std::time::Duration;

use tokio::time::Instant;
use valetkey::broker::{Access, Consent, FlowOutcome, Requirement};
use valetkey::caller::Caller;
use valetkey::demo::browser::{Journey, Person};
use valetkey::demo::sandbox::faults::Endpoint;
use valetkey::demo::sandbox::{SandboxSettings, Site};

use crate::world::{Process, READ, World, google};

const ADA: &str = "ada@example.test";
const GRACE: &str = "grace@example.test";

/// A read that names Grace's account.
fn grace() -> Requirement {
    Requirement {
        account: Some(GRACE.to_owned()),
        ..google(&[READ])
    }
}

async fn access(process: &Process) -> Access {
    let me = Caller::local();
    process.broker.access(&me, &grace()).await.unwrap()
}

async fn link(process: &Process) -> Consent {
    match access(process).await {
        Access::Consent(consent) => consent,
        other => panic!("expected a link, got {other:?}"),
    }
}

/// Ada signs in where Grace is expected.
async fn ada_at(link: &Consent) -> (Person, Journey) {
    let mut person = Person::new().account(ADA);
    let journey = person.follow(link.link.as_str()).await.unwrap();
    (person, journey)
}

async fn outcome(process: &Process, consent: &Consent) -> FlowOutcome {
    let me = Caller::local();
    let broker = &process.broker;
    broker
        .wait(&me, consent.flow, Instant::now())
        .await
        .unwrap()
}

async fn accounts(process: &Process) -> Vec<String> {
    let views = process.connections().await.into_iter();
    views.map(|view| view.account).collect()
}

fn revocations(world: &World) -> usize {
    world.sandbox.count(Site::Google, Endpoint::Revoke)
}

#[tokio::test]
async fn until_the_person_decides_nothing_is_connected_and_nothing_is_given_back() {
    let world = World::new().await;
    let process = world.process();
    let consent = link(&process).await;
    let (_, journey) = ada_at(&consent).await;

    let page = journey.last();
    assert_eq!(page.status, 200);
    for name in [ADA, GRACE] {
        assert!(page.body.contains(name), "{}", page.body);
    }
    assert_eq!(accounts(&process).await, [""; 0]);
    assert_eq!(revocations(&world), 0);
    assert_eq!(outcome(&process, &consent).await, FlowOutcome::Open);
    let again = link(&process).await;
    assert_eq!(again.link, consent.link);
    let failure = again.last_failure.unwrap();
    assert!(
        failure.contains(ADA) && failure.contains("asks what to do"),
        "{failure}"
    );
}

#[tokio::test]
async fn a_kept_account_is_a_connection_of_its_own_and_the_same_link_still_connects_the_expected_one()
 {
    let world = World::new().await;
    let process = world.process();
    let consent = link(&process).await;
    let (mut person, mut journey) = ada_at(&consent).await;
    let keep = [("decision", "keep")];
    person.submit(&mut journey, &keep).await.unwrap();

    let page = &journey.last().body;
    assert!(page.contains("is connected as a further account"), "{page}");
    assert!(page.contains(consent.link.path()), "{page}");
    assert_eq!(accounts(&process).await, [ADA]);
    assert_eq!(revocations(&world), 0);
    assert_eq!(
        outcome(&process, &consent).await,
        FlowOutcome::Open,
        "a call that waits for Grace does not get Ada"
    );
    assert_eq!(link(&process).await.link, consent.link);
    process.granted(&[READ]).await;

    let mut person = Person::new().account(GRACE);
    person.follow(consent.link.as_str()).await.unwrap();
    assert_eq!(outcome(&process, &consent).await, FlowOutcome::Completed);
    let granted = access(&process).await;
    assert!(
        matches!(&granted, Access::Granted(granted) if granted.account == GRACE),
        "{granted:?}"
    );
    assert_eq!(accounts(&process).await.len(), 2);
}

#[tokio::test]
async fn a_dropped_account_is_given_back_and_the_same_link_still_works() {
    let world = World::new().await;
    let process = world.process();
    let consent = link(&process).await;
    let (mut person, mut journey) = ada_at(&consent).await;
    let drop = [("decision", "drop")];
    person.submit(&mut journey, &drop).await.unwrap();

    let page = &journey.last().body;
    assert!(page.contains("was not kept"), "{page}");
    assert_eq!(accounts(&process).await, [""; 0]);
    assert_eq!(revocations(&world), 1);
    assert_eq!(outcome(&process, &consent).await, FlowOutcome::Open);
    let mut person = person.account(GRACE);
    person.follow(consent.link.as_str()).await.unwrap();
    assert_eq!(outcome(&process, &consent).await, FlowOutcome::Completed);
    assert_eq!(accounts(&process).await, [GRACE]);
    assert_eq!(revocations(&world), 1);
}

#[tokio::test]
async fn a_second_decision_changes_nothing_and_the_page_says_what_holds() {
    let world = World::new().await;
    let process = world.process();
    for (first, second, kept) in [("keep", "drop", true), ("drop", "keep", false)] {
        let consent = link(&process).await;
        let (mut person, journey) = ada_at(&consent).await;
        for decision in [first, second] {
            let mut journey = journey.clone();
            let decision = [("decision", decision)];
            person.submit(&mut journey, &decision).await.unwrap();
            let page = &journey.last().body;
            assert_eq!(page.contains("as a further account"), kept, "{page}");
        }
        let me = Caller::local();
        for view in process.connections().await {
            assert!(kept);
            process.broker.disconnect(&me, view.id).await.unwrap();
        }
        assert_eq!(revocations(&world), if kept { 1 } else { 2 });
    }
}

#[tokio::test]
async fn only_the_browser_that_signed_in_can_decide_and_only_from_our_page() {
    let world = World::new().await;
    let process = world.process();
    let consent = link(&process).await;
    let (mut person, journey) = ada_at(&consent).await;

    let mut stranger = Person::new();
    // It has a cookie of its own, and a token of ours that belongs to it.
    let mut own = stranger.open(consent.link.clone()).await.unwrap();
    own.hops.last_mut().unwrap().url = journey.last().url.clone();
    let keep = [("decision", "keep")];
    stranger.submit(&mut own, &keep).await.unwrap();
    assert_eq!(own.last().status, 404);
    let mut stolen = journey.clone();
    stranger.submit(&mut stolen, &keep).await.unwrap();
    assert_eq!(stolen.last().status, 403);
    let seen = stranger.open(journey.last().url.clone()).await.unwrap();
    assert_eq!(seen.last().status, 404);
    for (changes, status) in [
        ([("csrf", "x"), ("decision", "keep")], 403),
        ([("decision", "both"), ("more", "")], 400),
    ] {
        let mut journey = journey.clone();
        person.submit(&mut journey, &changes).await.unwrap();
        assert_eq!(journey.last().status, status, "{changes:?}");
    }
    assert_eq!(
        (accounts(&process).await.len(), revocations(&world)),
        (0, 0)
    );
}

#[tokio::test]
async fn who_starts_over_undecided_has_decided_against_it() {
    let world = World::new().await;
    let process = world.process();
    let consent = link(&process).await;
    let (mut person, mut journey) = ada_at(&consent).await;

    let mut again = Person::new().account(GRACE).stop_before_callback();
    let back = again.follow(consent.link.as_str()).await.unwrap();
    world
        .sandbox
        .received(Site::Google, Endpoint::Revoke, 1)
        .await;
    let keep = [("decision", "keep")];
    person.submit(&mut journey, &keep).await.unwrap();
    assert_eq!(journey.last().status, 410, "{}", journey.last().body);
    assert_eq!(accounts(&process).await, [""; 0]);

    again.open(back.stopped_before.unwrap()).await.unwrap();
    assert_eq!(accounts(&process).await, [GRACE]);
}

#[tokio::test]
async fn the_question_outlives_the_process_and_what_it_is_about_is_sealed() {
    let settings = SandboxSettings {
        marker: "canary".to_owned(),
        ..SandboxSettings::default()
    };
    let world = World::with(settings, "").await;
    let process = world.process();
    let consent = link(&process).await;
    let (mut person, mut journey) = ada_at(&consent).await;
    drop(process);

    let process = world.next_process().await;
    for (path, content) in world.files() {
        let found = content.windows(6).any(|bytes| bytes == b"canary");
        assert!(
            !found || path.extension().is_some_and(|end| end == "secret"),
            "{path:?}"
        );
    }
    while !world.listens() {
        tokio::task::yield_now().await;
    }
    assert!(!journey.last().body.contains("canary"));
    let keep = [("decision", "keep")];
    person.submit(&mut journey, &keep).await.unwrap();
    assert!(!journey.last().body.contains("canary"));
    assert_eq!(accounts(&process).await, [ADA]);
    process.granted(&[READ]).await;
    assert_eq!(link(&process).await.link, consent.link);
}

#[tokio::test]
async fn what_nobody_decided_about_is_given_back_when_the_link_is_over() {
    let world = World::new().await;
    let process = world.process();
    let consent = link(&process).await;
    let (mut person, mut journey) = ada_at(&consent).await;
    world.clock.advance(Duration::from_mins(11));
    let keep = [("decision", "keep")];
    person.submit(&mut journey, &keep).await.unwrap();
    assert_eq!(journey.last().status, 410);
    drop(process);

    let process = world.next_process().await;
    world
        .sandbox
        .received(Site::Google, Endpoint::Revoke, 1)
        .await;
    assert_eq!(accounts(&process).await, [""; 0]);
    assert_ne!(link(&process).await.link, consent.link);
}

#[tokio::test]
async fn an_account_that_is_connected_already_is_no_question_and_stays_as_it_is() {
    let world = World::new().await;
    let process = world.process();
    process.connect(&[READ]).await;
    let consent = link(&process).await;
    let (_, journey) = ada_at(&consent).await;

    let page = &journey.last().body;
    assert!(page.contains("which is connected already"), "{page}");
    assert_eq!(revocations(&world), 0, "it would end the connection");
    assert_eq!(accounts(&process).await, [ADA]);
    assert_eq!(outcome(&process, &consent).await, FlowOutcome::Open);
    process.granted(&[READ]).await;
}

#[tokio::test]
async fn an_account_that_was_connected_meanwhile_is_dropped_without_ending_its_connection() {
    let world = World::new().await;
    let process = world.process();
    let consent = link(&process).await;
    let (mut person, mut journey) = ada_at(&consent).await;
    process.connect(&[READ]).await;

    let drop = [("decision", "drop")];
    person.submit(&mut journey, &drop).await.unwrap();

    assert_eq!(revocations(&world), 0);
    assert_eq!(accounts(&process).await, [ADA]);
}

#[tokio::test]
async fn a_reconnect_with_another_account_asks_and_leaves_the_connection_to_its_own() {
    let world = World::new().await;
    let process = world.process();
    process.connect(&[READ]).await;
    world.sandbox.end_grants(Site::Google);
    world.clock.advance(Duration::from_hours(1));
    let consent = process.consent(&[READ]).await;
    let mut person = Person::new().account(GRACE);
    let mut journey = person.follow(consent.link.as_str()).await.unwrap();
    let keep = [("decision", "keep")];
    person.submit(&mut journey, &keep).await.unwrap();

    assert_eq!(outcome(&process, &consent).await, FlowOutcome::Open);
    let mut person = Person::new().account(ADA);
    person.follow(consent.link.as_str()).await.unwrap();
    assert_eq!(outcome(&process, &consent).await, FlowOutcome::Completed);
    assert_eq!(accounts(&process).await, [ADA, GRACE]);
}
