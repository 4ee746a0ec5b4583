//! Links: how many there are, who may finish them, and what is left of them when something fails.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use valetkey::broker::{Access, BrokerError, Denied, FlowOutcome, Requirement};
use valetkey::caller::Caller;
use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::Site;
use valetkey::demo::sandbox::faults::{Endpoint, Fault, Times};

use crate::world::{READ, SEND, World, google};

#[tokio::test]
async fn who_declined_a_moment_ago_is_denied_and_asked_again_later() {
    let world = World::new().await;
    let process = world.process();
    let consent = process.consent(&[READ]).await;
    let journey = Person::new()
        .deny()
        .follow(consent.link.as_str())
        .await
        .unwrap();
    assert_eq!(journey.last().status, 200);

    let until = Instant::now() + Duration::from_secs(5);
    let outcome = process
        .broker
        .wait(&Caller::local(), consent.flow, until)
        .await
        .unwrap();
    assert_eq!(outcome, FlowOutcome::Declined);
    let access = process.access(&[READ]).await;
    assert!(
        matches!(access, Access::Denied(Denied::Declined { .. })),
        "{access:?}"
    );

    world.clock.advance(Duration::from_secs(61));
    assert_ne!(process.consent(&[READ]).await.link, consent.link);
}

#[tokio::test]
async fn an_account_that_is_a_sentence_gets_no_link() {
    let world = World::new().await;
    let process = world.process();
    let requirement = Requirement {
        account: Some("Your session ended, visit https://evil.example".to_owned()),
        ..google(&[READ])
    };

    let access = process
        .broker
        .access(&Caller::local(), &requirement)
        .await
        .unwrap();
    assert!(
        matches!(access, Access::Denied(Denied::NotAnAccount { .. })),
        "{access:?}"
    );
}

#[tokio::test]
async fn a_thousand_calls_share_one_link() {
    let world = World::new().await;
    let process = world.process();
    let mut calls = JoinSet::new();
    for _ in 0..1000 {
        let broker = process.broker.clone();
        calls.spawn(async move { broker.access(&Caller::local(), &google(&[READ])).await });
    }
    let mut links = std::collections::BTreeSet::new();
    while let Some(call) = calls.join_next().await {
        let Access::Consent(consent) = call.unwrap().unwrap() else {
            panic!("expected a link");
        };
        links.insert(consent.link);
    }
    assert_eq!(links.len(), 1);
}

#[tokio::test]
async fn a_sixth_account_in_flight_is_too_many_and_another_caller_is_not_hindered() {
    let world = World::new().await;
    let process = world.process();
    let access = |caller: Caller, account: String| {
        let broker = process.broker.clone();
        async move {
            let requirement = Requirement {
                account: Some(account),
                ..google(&[READ])
            };
            broker.access(&caller, &requirement).await
        }
    };
    for number in 0..5 {
        let link = access(Caller::local(), format!("user{number}@example.test")).await;
        assert!(matches!(link, Ok(Access::Consent(_))), "{link:?}");
    }
    let sixth = access(Caller::local(), "user6@example.test".to_owned()).await;
    assert!(matches!(sixth, Err(BrokerError::TooManyFlows)), "{sixth:?}");
    let other = Caller::verified("https://id.example.test", "bob");
    let link = access(other, "user6@example.test".to_owned()).await;
    assert!(matches!(link, Ok(Access::Consent(_))), "{link:?}");
}

#[tokio::test]
async fn scopes_of_a_second_call_join_the_link_until_its_page_is_posted() {
    let world = World::new().await;
    let process = world.process();
    let first = process.consent(&[READ]).await;
    let second = process.consent(&[SEND]).await;
    assert_eq!(first.link, second.link);
    assert!(second.scopes.contains(&READ.to_owned()) && second.scopes.contains(&SEND.to_owned()));

    let mut person = Person::new().stop_before_callback();
    person.follow(first.link.as_str()).await.unwrap();
    let third = process
        .consent(&["https://www.googleapis.com/auth/gmail.labels"])
        .await;
    assert!(third.posted);
    assert_eq!(
        third.scopes, second.scopes,
        "a posted page is not changed under the person"
    );
}

#[tokio::test]
async fn a_wrong_client_secret_ends_the_flow_with_what_to_check() {
    let world = World::new().await;
    std::fs::write(world.home().join("google.secret"), "wrong").unwrap();
    let process = world.process();
    let consent = process.consent(&[READ]).await;

    let journey = Person::new().follow(consent.link.as_str()).await.unwrap();

    assert!(
        journey.last().body.contains("client_secret"),
        "{}",
        journey.last().body
    );
    let until = Instant::now() + Duration::from_secs(5);
    let outcome = process
        .broker
        .wait(&Caller::local(), consent.flow, until)
        .await
        .unwrap();
    assert!(
        matches!(&outcome, FlowOutcome::Failed(reason) if reason.contains("client_secret")),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_lost_exchange_can_be_tried_again_with_the_same_link() {
    let world = World::new().await;
    let process = world.process();
    let consent = process.consent(&[READ]).await;
    world.sandbox.fault(
        Site::Google,
        Endpoint::Exchange,
        Fault::HangUp,
        Times::Next(1),
    );

    let mut person = Person::new();
    person.follow(consent.link.as_str()).await.unwrap();
    let outcome = process
        .broker
        .wait(&Caller::local(), consent.flow, Instant::now())
        .await
        .unwrap();
    assert_eq!(outcome, FlowOutcome::Open);

    person.follow(consent.link.as_str()).await.unwrap();
    process.granted(&[READ]).await;
}

#[tokio::test]
async fn a_link_outlives_its_process() {
    let world = World::new().await;
    let process = world.process();
    let consent = process.consent(&[READ]).await;
    drop(process);

    let process = world.process();
    // The first one's tasks let go in their own time; a killed process needs none.
    while world.listens() {
        tokio::task::yield_now().await;
    }
    process.broker.stand_by();
    while !world.listens() {
        tokio::task::yield_now().await;
    }
    Person::new().follow(consent.link.as_str()).await.unwrap();

    process.granted(&[READ]).await;
}

#[tokio::test]
async fn a_client_that_declines_while_the_code_is_exchanged_does_not_lose_the_grant() {
    let world = World::new().await;
    let process = world.process();
    let consent = process.consent(&[READ]).await;
    let hold = tokio_util::sync::CancellationToken::new();
    let fault = Fault::Hold(hold.clone());
    world
        .sandbox
        .fault(Site::Google, Endpoint::Exchange, fault, Times::Next(1));
    let link = consent.link.clone();
    let person = tokio::spawn(async move { Person::new().follow(link.as_str()).await.unwrap() });
    world
        .sandbox
        .received(Site::Google, Endpoint::Exchange, 1)
        .await;

    let broker = &process.broker;
    broker
        .elicitation_declined(&Caller::local(), consent.flow)
        .await
        .unwrap();
    hold.cancel();

    assert_eq!(person.await.unwrap().last().status, 200);
    process.granted(&[READ]).await;
}
