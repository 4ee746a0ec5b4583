//! What a connection may do: what more is asked for, and what is left out.

use valetkey::broker::{Access, Consent, ConsentReason, Requirement};
use valetkey::caller::Caller;
use valetkey::demo::browser::Person;

use crate::world::{Process, READ, SEND, World, google};

const METADATA: &str = "https://www.googleapis.com/auth/gmail.metadata";

fn of(provider: &str, scope: &str) -> Requirement {
    Requirement {
        toolkit: provider.to_owned(),
        provider: provider.to_owned(),
        ..google(&[scope])
    }
}

async fn consent(process: &Process, requirement: &Requirement) -> Consent {
    let me = Caller::local();
    match process.broker.access(&me, requirement).await.unwrap() {
        Access::Consent(consent) => consent,
        other => panic!("expected a link, got {other:?}"),
    }
}

fn has(scopes: &[String], scope: &str) -> bool {
    scopes.iter().any(|one| one == scope)
}

#[tokio::test]
async fn a_step_up_asks_for_granted_and_missing_and_ends_with_both_at_every_provider() {
    for (provider, first, second) in [
        ("google", READ, SEND),
        ("slack", "channels:history", "chat:write"),
        ("github", "repo", "notifications"),
        ("custom", "read", "write"),
    ] {
        let world = World::new().await;
        let process = world.process();
        let consent_to_first = consent(&process, &of(provider, first)).await;
        let link = consent_to_first.link.as_str();
        Person::new().follow(link).await.unwrap();

        let consent_to_second = consent(&process, &of(provider, second)).await;
        assert_eq!(consent_to_second.reason, ConsentReason::MissingScopes);
        assert!(has(&consent_to_second.scopes, second), "{provider}");
        // Google adds what it granted before (`include_granted_scopes=true`).
        let repeats = has(&consent_to_second.scopes, first);
        assert_eq!(repeats, provider != "google", "{provider}");
        let link = consent_to_second.link.as_str();
        Person::new().follow(link).await.unwrap();

        let view = process.connections().await.remove(0);
        for scope in [first, second] {
            assert!(view.scopes.contains(scope), "{provider}: {:?}", view.scopes);
            assert!(view.asked.contains(scope), "{provider}: {:?}", view.asked);
        }
    }
}

#[tokio::test]
async fn what_was_asked_for_and_not_granted_is_known() {
    let world = World::new().await;
    let process = world.process();
    let link = process.consent(&[READ, SEND]).await.link;
    let mut person = Person::new().untick(SEND);
    person.follow(link.as_str()).await.unwrap();

    let view = process.connections().await.remove(0);
    assert!(view.asked.contains(SEND) && !view.scopes.contains(SEND));
    assert!(view.asked.contains(READ) && view.scopes.contains(READ));
}

#[tokio::test]
async fn a_grant_that_a_restricting_scope_spoils_is_asked_for_anew_without_it() {
    let world = World::new().await;
    let process = world.process();
    process.connect(&[METADATA]).await;
    process.granted(&[METADATA]).await;

    let consent = process.consent(&[READ]).await;
    assert_eq!(consent.reason, ConsentReason::MissingScopes);
    assert!(has(&consent.scopes, READ) && !has(&consent.scopes, METADATA));
    Person::new().follow(consent.link.as_str()).await.unwrap();

    process.granted(&[READ]).await;
    process.granted(&[METADATA]).await;
    let view = process.connections().await.remove(0);
    assert!(view.scopes.contains(READ), "{:?}", view.scopes);
    assert!(!view.scopes.contains(METADATA), "{:?}", view.scopes);

    // Nor does the refresh token bring it back.
    world.clock.advance(std::time::Duration::from_hours(1));
    process.granted(&[READ]).await;
    let view = process.connections().await.remove(0);
    assert!(!view.scopes.contains(METADATA), "{:?}", view.scopes);
}

#[tokio::test]
async fn a_step_up_that_a_restricting_scope_does_not_touch_keeps_it() {
    let world = World::new().await;
    let process = world.process();
    process.connect(&[METADATA]).await;
    let consent = process.consent(&[SEND]).await;
    Person::new().follow(consent.link.as_str()).await.unwrap();

    process.granted(&[METADATA]).await;
    process.granted(&[SEND]).await;
}

#[tokio::test]
async fn a_restricting_scope_never_shares_a_link_with_what_it_spoils() {
    let world = World::new().await;
    let process = world.process();
    let first = process.consent(&[METADATA]).await;
    assert!(has(&first.scopes, METADATA));
    let both = process.consent(&[READ]).await;
    assert_eq!(both.link, first.link);
    assert!(has(&both.scopes, READ) && !has(&both.scopes, METADATA));
    Person::new().follow(both.link.as_str()).await.unwrap();

    process.granted(&[READ, METADATA]).await;
}
