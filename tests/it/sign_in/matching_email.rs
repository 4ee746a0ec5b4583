//! `policy.require_matching_email`: whose account it is must be as sure as who the person is.

use valetkey::broker::{Access, Denied, Requirement};
use valetkey::caller::Caller;
use valetkey::demo::sandbox::Site;
use valetkey::demo::sandbox::faults::Endpoint;

use super::{House, Plan, body};
use crate::world::google;

const POLICY: &str = "policy: { require_matching_email: true }\n";

async fn house() -> House {
    House::with(Plan {
        more: POLICY,
        ..Plan::default()
    })
    .await
}

#[tokio::test]
async fn an_account_of_another_address_is_given_back_and_the_next_call_asks_again() {
    let house = house().await;
    let link = house.link("ada").await;
    let ada = house.browser_of("ada").await;
    let mut ada = ada.account("grace@example.test");
    let journey = ada.follow(link.as_str()).await.unwrap();
    let text = body(journey.last());
    assert!(text.contains("does not match"), "{text}");
    assert_eq!(house.exchanges(), 1);
    assert_eq!(house.sandbox.count(Site::Google, Endpoint::Revoke), 1);
    assert!(house.connections("ada").await.is_empty());
    let asked = house.link_for(&house.caller("ada")).await;
    assert!(asked.last_failure.unwrap().contains("does not match"));

    let mut ada = ada.account("ada@example.test");
    ada.follow(asked.link.as_str()).await.unwrap();
    assert_eq!(
        house.connections("ada").await[0].account,
        "ada@example.test"
    );
    assert_eq!(house.sandbox.count(Site::Google, Endpoint::Revoke), 1);
}

#[tokio::test]
async fn an_address_that_the_issuer_did_not_verify_matches_nothing() {
    let house = house().await;
    house.issuer.does_not_verify("ada");
    let link = house.link("ada").await;
    let ada = house.browser_of("ada").await;
    let mut ada = ada.account("ada@example.test");
    let journey = ada.follow(link.as_str()).await.unwrap();
    assert!(body(journey.last()).contains("does not match"));
    assert!(house.connections("ada").await.is_empty());
}

#[tokio::test]
async fn without_the_policy_any_account_may_be_connected() {
    let house = House::new().await;
    let link = house.link("ada").await;
    let ada = house.browser_of("ada").await;
    let mut ada = ada.account("grace@example.test");
    ada.follow(link.as_str()).await.unwrap();
    assert_eq!(
        house.connections("ada").await[0].account,
        "grace@example.test"
    );
}

#[tokio::test]
async fn where_no_address_can_be_compared_there_is_no_link_and_the_answer_says_why() {
    let house = house().await;
    let github = Requirement {
        toolkit: "github".to_owned(),
        provider: "github".to_owned(),
        ..google(&["repo"])
    };
    let access = house.broker.access(&house.caller("ada"), &github).await;
    let Ok(Access::Denied(denied @ Denied::NoSignIn { .. })) = access else {
        panic!("{access:?}");
    };
    assert!(denied.to_string().contains("require_matching_email"));

    let local = House::with(Plan {
        local: true,
        more: POLICY,
        ..Plan::default()
    })
    .await;
    let Access::Denied(denied) = local.access(&Caller::local()).await else {
        panic!("nobody signs in there");
    };
    assert!(denied.to_string().contains("nobody signs in"), "{denied}");
}
