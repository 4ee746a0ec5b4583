//! What a call that needs a grant gets: the table of `Broker::access`, row by row.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use valetkey::broker::{Access, BrokerError, ConsentReason, Denied, FlowOutcome, Requirement};
use valetkey::caller::Caller;
use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::faults::{Endpoint, Fault, Times};
use valetkey::demo::sandbox::{RefreshTokens, SandboxSettings, Site, Tokens};
use valetkey::store::alias::Alias;
use valetkey::store::records::ConnectionState;

use crate::world::{READ, SEND, World, google};

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn no_grant_gives_a_link_and_the_link_leads_to_a_grant() {
    let world = World::new().await;
    let process = world.process();

    let consent = process.consent(&[READ]).await;
    assert_eq!(consent.reason, ConsentReason::NotConnected);
    assert!(consent.scopes.contains(&READ.to_owned()));
    assert!(!consent.posted);
    let journey = Person::new().follow(consent.link.as_str()).await.unwrap();

    assert_eq!(journey.last().status, 200);
    assert!(journey.last().body.contains("ada@example.test"));
    let granted = process.granted(&[READ]).await;
    assert_eq!(granted.account, "ada@example.test");
    assert_eq!(world.sandbox.count(Site::Google, Endpoint::Exchange), 1);
}

#[tokio::test]
async fn a_fresh_grant_that_covers_the_scopes_is_granted_without_asking_the_provider() {
    let world = World::new().await;
    let process = world.process();
    process.connect(&[READ]).await;
    let asked = world.sandbox.log().len();

    process.granted(&[READ]).await;

    assert_eq!(world.sandbox.log().len(), asked);
}

#[tokio::test]
async fn a_stale_grant_is_refreshed_once_for_100_waiters() {
    let world = World::new().await;
    let process = world.process();
    process.connect(&[READ]).await;
    world.clock.advance(HOUR);

    let mut calls = JoinSet::new();
    for _ in 0..100 {
        let broker = process.broker.clone();
        calls.spawn(async move { broker.access(&Caller::local(), &google(&[READ])).await });
    }
    while let Some(call) = calls.join_next().await {
        assert!(matches!(call.unwrap().unwrap(), Access::Granted(_)));
    }

    assert_eq!(world.sandbox.count(Site::Google, Endpoint::Refresh), 1);
}

#[tokio::test]
async fn a_token_that_lives_for_seconds_is_still_refreshed_once_for_its_waiters() {
    let settings = SandboxSettings {
        google: Tokens {
            lifetime: Some(Duration::from_secs(5)),
            refresh: RefreshTokens::Rotating,
        },
        ..SandboxSettings::default()
    };
    let world = World::with(settings, "").await;
    let process = world.process();
    process.connect(&[READ]).await;
    process.granted(&[READ]).await;
    assert_eq!(world.sandbox.count(Site::Google, Endpoint::Refresh), 0);

    world.clock.advance(Duration::from_secs(5));
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        let broker = process.broker.clone();
        calls.spawn(async move { broker.access(&Caller::local(), &google(&[READ])).await });
    }
    while let Some(call) = calls.join_next().await {
        assert!(matches!(call.unwrap().unwrap(), Access::Granted(_)));
    }
    assert_eq!(world.sandbox.count(Site::Google, Endpoint::Refresh), 1);
}

#[tokio::test]
async fn a_401_reported_by_100_calls_means_one_refresh() {
    let world = World::new().await;
    let process = world.process();
    process.connect(&[READ]).await;
    let granted = process.granted(&[READ]).await;
    world.sandbox.end_access_tokens(Site::Google);

    let mut calls = JoinSet::new();
    for _ in 0..100 {
        let broker = process.broker.clone();
        let granted = granted.clone();
        calls.spawn(async move {
            let rejected = &granted.access_token;
            broker
                .renew(&Caller::local(), granted.connection, rejected)
                .await
        });
    }
    while let Some(call) = calls.join_next().await {
        assert!(call.unwrap().unwrap().is_some());
    }

    assert_eq!(world.sandbox.count(Site::Google, Endpoint::Refresh), 1);
}

#[tokio::test]
async fn a_refused_refresh_needs_a_reconnect_and_the_provider_is_asked_once() {
    let world = World::new().await;
    let process = world.process();
    process.connect(&[READ]).await;
    world.sandbox.end_grants(Site::Google);
    world.clock.advance(HOUR);

    let consent = process.consent(&[READ]).await;
    let ConsentReason::NeedsReconnect(reason) = &consent.reason else {
        panic!("expected a reconnect, got {:?}", consent.reason);
    };
    assert!(
        reason.contains("Testing"),
        "a person understands it: {reason}"
    );
    assert_eq!(consent.account.as_deref(), Some("ada@example.test"));
    for _ in 0..50 {
        assert_eq!(process.consent(&[READ]).await.link, consent.link);
    }
    assert_eq!(world.sandbox.count(Site::Google, Endpoint::Refresh), 1);
    let views = process.broker.connections(&Caller::local()).await.unwrap();
    assert!(matches!(
        views[0].state,
        ConnectionState::NeedsReconnect { .. }
    ));

    Person::new().follow(consent.link.as_str()).await.unwrap();
    process.granted(&[READ]).await;
    let views = process.broker.connections(&Caller::local()).await.unwrap();
    assert_eq!(views.len(), 1);
    assert_eq!(views[0].state, ConnectionState::Connected);
}

#[tokio::test]
async fn an_unreachable_provider_leaves_the_connection_alone() {
    let world = World::new().await;
    let process = world.process();
    process.connect(&[READ]).await;
    world.clock.advance(HOUR);
    world.sandbox.fault(
        Site::Google,
        Endpoint::Refresh,
        Fault::Status(503),
        Times::Always,
    );

    for _ in 0..20 {
        let answer = process
            .broker
            .access(&Caller::local(), &google(&[READ]))
            .await;
        assert!(matches!(answer, Err(BrokerError::OAuth(_))), "{answer:?}");
    }
    assert_eq!(
        world.sandbox.count(Site::Google, Endpoint::Refresh),
        1,
        "callers within the back-off get the same error"
    );

    world.sandbox.clear_faults();
    world.clock.advance(Duration::from_secs(6));
    process.granted(&[READ]).await;
}

#[tokio::test]
async fn a_provider_that_stays_away_is_asked_less_and_less_often_however_many_call() {
    let world = World::new().await;
    let process = world.process();
    process.connect(&[READ]).await;
    world.clock.advance(HOUR);
    let away = || {
        let fault = Fault::Status(503);
        world
            .sandbox
            .fault(Site::Google, Endpoint::Refresh, fault, Times::Always);
    };
    let asked = || world.sandbox.count(Site::Google, Endpoint::Refresh);
    let hundred_calls = || async {
        let mut calls = JoinSet::new();
        for _ in 0..100 {
            let broker = process.broker.clone();
            calls.spawn(async move { broker.access(&Caller::local(), &google(&[READ])).await });
        }
        while let Some(call) = calls.join_next().await {
            let answer = call.unwrap();
            assert!(matches!(answer, Err(BrokerError::OAuth(_))), "{answer:?}");
        }
    };
    away();
    hundred_calls().await;
    assert_eq!(asked(), 1);
    // A pause is at most a tenth longer than it says.
    for (at, pause) in [5, 10, 20, 40, 60, 60, 60].into_iter().enumerate() {
        world
            .clock
            .advance(Duration::from_millis(pause * 1_000 - 1));
        hundred_calls().await;
        assert_eq!(asked(), at + 1, "within {pause} s");
        world.clock.advance(Duration::from_millis(pause * 100 + 1));
        hundred_calls().await;
        assert_eq!(asked(), at + 2, "after {pause} s");
    }
    world.sandbox.clear_faults();
    world.clock.advance(Duration::from_secs(66));
    process.granted(&[READ]).await;

    // A success makes the next pause a short one again.
    away();
    world.clock.advance(HOUR);
    let before = asked();
    hundred_calls().await;
    world.clock.advance(Duration::from_millis(5_501));
    hundred_calls().await;
    assert_eq!(asked(), before + 2);
}

#[tokio::test]
async fn a_failed_refresh_does_not_matter_while_the_token_still_lives() {
    let world = World::new().await;
    let process = world.process();
    process.connect(&[READ]).await;
    world.clock.advance(Duration::from_secs(3570));
    world.sandbox.fault(
        Site::Google,
        Endpoint::Refresh,
        Fault::Status(503),
        Times::Always,
    );

    process.granted(&[READ]).await;
}

#[tokio::test]
async fn missing_scopes_step_up_and_the_connection_keeps_what_it_had() {
    let world = World::new().await;
    let process = world.process();
    process.connect(&[READ]).await;

    let consent = process.consent(&[SEND]).await;
    assert_eq!(consent.reason, ConsentReason::MissingScopes);
    assert!(consent.scopes.contains(&SEND.to_owned()));
    assert!(
        !consent.scopes.contains(&READ.to_owned()),
        "Google adds what it granted before"
    );
    Person::new().follow(consent.link.as_str()).await.unwrap();

    process.granted(&[READ, SEND]).await;
    let views = process.broker.connections(&Caller::local()).await.unwrap();
    assert_eq!(views.len(), 1);
}

#[tokio::test]
async fn a_partial_grant_is_recorded_as_granted_and_the_rest_is_asked_for_when_needed() {
    let world = World::new().await;
    let process = world.process();
    let consent = process.consent(&[READ, SEND]).await;
    let journey = Person::new()
        .untick(SEND)
        .follow(consent.link.as_str())
        .await
        .unwrap();
    assert!(
        journey.last().body.contains("send"),
        "the page says what is missing"
    );

    process.granted(&[READ]).await;
    let consent = process.consent(&[SEND]).await;
    assert_eq!(consent.reason, ConsentReason::MissingScopes);
}

#[tokio::test]
async fn an_empty_scope_in_the_answer_means_as_requested() {
    let settings = SandboxSettings {
        github_app: true,
        ..SandboxSettings::default()
    };
    let world = World::with(settings, "").await;
    let process = world.process();
    let requirement = Requirement {
        toolkit: "github".to_owned(),
        provider: "github".to_owned(),
        ..google(&["repo"])
    };
    let Access::Consent(consent) = process
        .broker
        .access(&Caller::local(), &requirement)
        .await
        .unwrap()
    else {
        panic!("expected a link");
    };
    Person::new().follow(consent.link.as_str()).await.unwrap();

    let access = process
        .broker
        .access(&Caller::local(), &requirement)
        .await
        .unwrap();
    assert!(matches!(access, Access::Granted(_)), "{access:?}");
}

#[tokio::test]
async fn a_wider_scope_covers_a_narrower_one() {
    let world = World::new().await;
    let process = world.process();
    process.connect(&[SEND]).await;
    let requirement = Requirement {
        scopes: vec![vec!["narrow".to_owned(), SEND.to_owned()]],
        ..google(&[])
    };

    let access = process
        .broker
        .access(&Caller::local(), &requirement)
        .await
        .unwrap();
    assert!(matches!(access, Access::Granted(_)), "{access:?}");
}

/// What a write with these scopes requires.
fn write(account: Option<&str>) -> Requirement {
    Requirement {
        account: account.map(str::to_owned),
        read_only: false,
        ..google(&[READ])
    }
}

fn read(account: Option<&str>) -> Requirement {
    Requirement {
        read_only: true,
        ..write(account)
    }
}

#[tokio::test]
async fn with_one_account_it_acts_for_reads_and_for_writes() {
    let world = World::new().await;
    let process = world.process();
    process.connect(&[READ]).await;

    for requirement in [read(None), write(None)] {
        let access = process.broker.access(&Caller::local(), &requirement).await;
        assert!(matches!(access, Ok(Access::Granted(_))), "{access:?}");
    }
}

#[tokio::test]
async fn several_accounts_and_none_named_is_denied_with_the_list_of_aliases_unless_a_read_has_a_default()
 {
    let world = World::new().await;
    let process = world.process();
    let (broker, me) = (&process.broker, Caller::local());
    process.connect(&[READ]).await;
    world.clock.advance(Duration::from_secs(1));
    let grace = process
        .connect_account("grace@example.test", &[READ])
        .await
        .connection;
    let ada = process.connections().await[0].id;
    broker
        .rename(&me, ada, Some(Alias::parse("work").unwrap()))
        .await
        .unwrap();
    let denied = async |requirement: Requirement| match broker.access(&me, &requirement).await {
        Ok(Access::Denied(Denied::AmbiguousAccount { accounts, .. })) => accounts,
        other => panic!("expected a denial, got {other:?}"),
    };
    let granted = async |requirement: Requirement| match broker.access(&me, &requirement).await {
        Ok(Access::Granted(granted)) => granted.account,
        other => panic!("expected a token, got {other:?}"),
    };
    let all = ["work (ada@example.test)", "grace@example.test"];
    for requirement in [read(None), write(None)] {
        assert_eq!(denied(requirement).await, all, "no default is set");
    }

    for (id, account) in [(grace, all[1]), (ada, all[0])] {
        broker.set_default(&me, id, true).await.unwrap().unwrap();
        assert_eq!(granted(read(None)).await, account);
        assert_eq!(denied(write(None)).await, all, "a write never guesses");
        let defaults = process.connections().await.into_iter();
        let defaults: Vec<_> = defaults.filter(|one| one.is_default).collect();
        assert_eq!(defaults.len(), 1, "{defaults:?}");
        assert_eq!(defaults[0].id, id);
    }
    assert_eq!(granted(read(Some("grace@example.test"))).await, all[1]);
    // Taking the default away from one that is none changes nothing.
    broker
        .set_default(&me, grace, false)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(granted(read(None)).await, all[0]);
    broker.set_default(&me, ada, false).await.unwrap().unwrap();
    assert_eq!(denied(read(None)).await, all);
}

#[tokio::test]
async fn an_account_is_named_by_alias_address_label_or_id_and_the_default_does_not_matter_then() {
    let world = World::new().await;
    let process = world.process();
    let (broker, me) = (&process.broker, Caller::local());
    process.connect(&[READ]).await;
    let grace = process.connect_account("grace@example.test", &[READ]).await;
    let alias = Alias::parse("Home").unwrap();
    broker
        .rename(&me, grace.connection, Some(alias))
        .await
        .unwrap();
    let views = process.connections().await;
    let ada = views.iter().find(|view| view.id != grace.connection);
    broker
        .set_default(&me, ada.unwrap().id, true)
        .await
        .unwrap();

    let id = grace.connection.to_string();
    for name in [
        "home",
        "Home",
        "grace@example.test",
        " GRACE@example.test",
        "Home (grace@example.test)",
        &id,
    ] {
        for requirement in [read(Some(name)), write(Some(name))] {
            let access = broker.access(&me, &requirement).await.unwrap();
            let Access::Granted(granted) = access else {
                panic!("{name}: {access:?}");
            };
            assert_eq!(granted.connection, grace.connection, "{name}");
            assert_eq!(granted.account, "Home (grace@example.test)");
            assert_eq!(granted.login, "grace@example.test");
        }
    }
    let unknown = broker.access(&me, &read(Some("nobody"))).await.unwrap();
    assert!(
        matches!(unknown, Access::Denied(Denied::NotAnAccount { .. })),
        "an alias that nobody gave gets no link to sign in as it: {unknown:?}"
    );
}

#[tokio::test]
async fn one_caller_never_sees_or_waits_for_anothers() {
    let world = World::new().await;
    let process = world.process();
    process.connect(&[READ]).await;
    let bob = Caller::verified("https://id.example.test", "bob");
    let named = Requirement {
        account: Some("ada@example.test".to_owned()),
        ..google(&[READ])
    };

    for requirement in [google(&[READ]), named] {
        let access = process.broker.access(&bob, &requirement).await.unwrap();
        assert!(matches!(access, Access::Consent(_)), "{access:?}");
    }
    assert!(process.broker.connections(&bob).await.unwrap().is_empty());
    let id = process.broker.connections(&Caller::local()).await.unwrap()[0].id;
    assert!(process.broker.disconnect(&bob, id).await.unwrap().is_none());
    let flow = process.consent(&[SEND]).await.flow;
    let outcome = process
        .broker
        .wait(&bob, flow, Instant::now())
        .await
        .unwrap();
    assert_eq!(outcome, FlowOutcome::Expired);
}

#[tokio::test]
async fn disconnecting_revokes_at_the_provider_and_deletes_here_whatever_it_answers() {
    for fault in [None, Some(Fault::Status(500))] {
        let world = World::new().await;
        let process = world.process();
        process.connect(&[READ]).await;
        let failing = fault.is_some();
        if let Some(fault) = fault {
            world
                .sandbox
                .fault(Site::Google, Endpoint::Revoke, fault, Times::Always);
        }
        let id = process.broker.connections(&Caller::local()).await.unwrap()[0].id;

        let done = process
            .broker
            .disconnect(&Caller::local(), id)
            .await
            .unwrap()
            .unwrap();

        assert_eq!(done.revoked.is_err(), failing, "{:?}", done.revoked);
        assert_eq!(world.sandbox.count(Site::Google, Endpoint::Revoke), 1);
        assert!(
            process
                .broker
                .connections(&Caller::local())
                .await
                .unwrap()
                .is_empty()
        );
        process.consent(&[READ]).await;
    }
}
