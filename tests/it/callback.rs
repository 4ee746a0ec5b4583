//! What comes back from the provider, or pretends to: every check before any exchange.

use tokio::task::JoinSet;
use url::Url;
use valetkey::broker::{Access, Consent, Requirement};
use valetkey::caller::Caller;
use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::Site;
use valetkey::demo::sandbox::faults::{Endpoint, Fault, Times};

use crate::world::{Process, READ, World, google};

/// A person at the moment before the browser comes back, and the address it would come back to.
async fn at_the_door(link: &Url) -> (Person, Url) {
    let mut person = Person::new().stop_before_callback();
    let journey = person.follow(link.as_str()).await.unwrap();
    (person, journey.stopped_before.unwrap())
}

async fn consent(process: &Process, caller: &Caller, provider: &str, scope: &str) -> Consent {
    let requirement = Requirement {
        toolkit: provider.to_owned(),
        provider: provider.to_owned(),
        ..google(&[scope])
    };
    match process.broker.access(caller, &requirement).await.unwrap() {
        Access::Consent(consent) => consent,
        other => panic!("expected a link, got {other:?}"),
    }
}

async fn connections(process: &Process) -> usize {
    let views = process.broker.connections(&Caller::local()).await;
    views.unwrap().len()
}

fn with(url: &Url, name: &str, value: &str) -> Url {
    let pairs: Vec<(String, String)> = url
        .query_pairs()
        .map(|(key, old)| {
            let new = if key == name { value.into() } else { old };
            (key.into_owned(), new.into_owned())
        })
        .collect();
    let mut url = url.clone();
    url.query_pairs_mut().clear().extend_pairs(pairs);
    url
}

#[tokio::test]
async fn a_wrong_or_missing_issuer_is_refused_before_any_exchange_and_the_right_one_completes() {
    let world = World::new().await;
    let process = world.process();
    for iss in [
        Some("https://evil.example"),
        Some("http://127.0.0.1:1/custom/"),
        None,
    ] {
        let link = consent(&process, &Caller::local(), "custom", "read")
            .await
            .link;
        let fault = Fault::Iss(iss);
        world.sandbox.fault(
            Site::Custom,
            Endpoint::Authorize,
            fault.clone(),
            Times::Always,
        );
        world
            .sandbox
            .fault(Site::Custom, Endpoint::Consent, fault, Times::Always);
        let journey = Person::new().follow(link.as_str()).await.unwrap();
        assert_eq!(journey.last().status, 400, "{iss:?}");
        assert!(!journey.last().body.contains("evil"));
        assert_eq!(world.sandbox.count(Site::Custom, Endpoint::Exchange), 0);
        world.sandbox.clear_faults();
    }
    let (mut person, back) = {
        let link = consent(&process, &Caller::local(), "custom", "read")
            .await
            .link;
        at_the_door(&link).await
    };
    let iss = back.query_pairs().find(|(key, _)| key == "iss").unwrap().1;
    let slashed = if iss.ends_with('/') {
        iss.trim_end_matches('/').to_owned()
    } else {
        format!("{iss}/")
    };
    let journey = person.open(with(&back, "iss", &slashed)).await.unwrap();
    assert_eq!(journey.last().status, 400, "the comparison is exact");
    assert_eq!(world.sandbox.count(Site::Custom, Endpoint::Exchange), 0);

    let journey = person.open(back).await.unwrap();
    assert_eq!(journey.last().status, 200);
    assert_eq!(connections(&process).await, 1);
}

#[tokio::test]
async fn of_fifty_callbacks_at_once_one_succeeds_and_the_code_is_exchanged_once() {
    let world = World::new().await;
    let process = world.process();
    let link = process.consent(&[READ]).await.link;
    let (person, back) = at_the_door(&link).await;

    let mut callbacks = JoinSet::new();
    for _ in 0..50 {
        let mut person = person.clone();
        let back = back.clone();
        callbacks.spawn(async move { person.open(back).await.unwrap().hops[0].status.as_u16() });
    }
    let mut succeeded = 0;
    while let Some(status) = callbacks.join_next().await {
        match status.unwrap() {
            303 => succeeded += 1,
            400 | 409 => {}
            other => panic!("unexpected status {other}"),
        }
    }
    assert_eq!(succeeded, 1);
    assert_eq!(world.sandbox.count(Site::Google, Endpoint::Exchange), 1);
    assert_eq!(connections(&process).await, 1);
}

#[tokio::test]
async fn a_code_of_another_flow_connects_nobody() {
    let world = World::new().await;
    let process = world.process();
    let victim = process.consent(&[READ]).await.link;
    let (mut victim, back) = at_the_door(&victim).await;
    let other = Requirement {
        account: Some("grace@example.test".to_owned()),
        ..google(&[READ])
    };
    let other = match process.broker.access(&Caller::local(), &other).await {
        Ok(Access::Consent(consent)) => consent.link,
        other => panic!("expected a link, got {other:?}"),
    };
    let (_, theirs) = at_the_door(&other).await;
    let code = theirs
        .query_pairs()
        .find(|(key, _)| key == "code")
        .unwrap()
        .1;

    let journey = victim.open(with(&back, "code", &code)).await.unwrap();

    assert!(!journey.last().body.contains(&*code));
    assert_eq!(
        connections(&process).await,
        0,
        "PKCE binds a code to its flow"
    );
}

#[tokio::test]
async fn a_callback_of_one_provider_at_anothers_path_is_refused_and_the_flow_still_completes() {
    let world = World::new().await;
    let process = world.process();
    let link = consent(&process, &Caller::local(), "github", "repo")
        .await
        .link;
    let (mut person, back) = at_the_door(&link).await;
    let mut wrong = back.clone();
    wrong.set_path("/oauth/callback/slack");

    let journey = person.open(wrong).await.unwrap();
    assert_eq!(journey.last().status, 400);
    for site in [Site::GitHub, Site::Slack] {
        assert_eq!(world.sandbox.count(site, Endpoint::Exchange), 0);
    }
    assert_eq!(person.open(back).await.unwrap().last().status, 200);
}

#[tokio::test]
async fn a_callback_finished_in_another_browser_connects_nobody_and_spares_the_flow() {
    let world = World::new().await;
    let process = world.process();
    let link = process.consent(&[READ]).await.link;
    let (mut person, back) = at_the_door(&link).await;

    let journey = Person::new().open(back.clone()).await.unwrap();
    assert_eq!(journey.last().status, 403);
    assert_eq!(world.sandbox.count(Site::Google, Endpoint::Exchange), 0);
    assert_eq!(person.open(back).await.unwrap().last().status, 200);
}

#[tokio::test]
async fn a_hundred_flows_send_a_hundred_challenges_and_their_verifiers_match() {
    let world = World::new().await;
    let process = world.process();
    let link = process.consent(&[READ]).await.link;
    for _ in 0..100 {
        at_the_door(&link).await;
    }
    let challenges: std::collections::BTreeSet<String> = world
        .sandbox
        .log()
        .iter()
        .filter(|request| request.endpoint == Endpoint::Authorize)
        .map(|request| {
            let query: Vec<(String, String)> =
                url::form_urlencoded::parse(request.query.as_bytes())
                    .into_owned()
                    .collect();
            let value = |name: &str| query.iter().find(|(key, _)| key == name).unwrap().1.clone();
            assert_eq!(value("code_challenge_method"), "S256");
            value("code_challenge")
        })
        .collect();
    assert_eq!(challenges.len(), 100);

    Person::new().follow(link.as_str()).await.unwrap();
    process.granted(&[READ]).await;
}
