//! A wall clock that jumps.

use jiff::{SignedDuration, Timestamp};
use valetkey::broker::{Access, FlowOutcome};
use valetkey::caller::Caller;
use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::Site;
use valetkey::demo::sandbox::faults::Endpoint;

use crate::world::{READ, World, google};

const DAY: i64 = 24 * 60;

/// Where a jump of so many minutes leads; none is back to 1970.
fn after(now: Timestamp, minutes: Option<i64>) -> Timestamp {
    minutes.map_or(Timestamp::UNIX_EPOCH, |minutes| {
        now + SignedDuration::from_mins(minutes)
    })
}

#[tokio::test]
async fn no_link_outlives_a_jump_of_the_clock_and_the_next_call_gets_a_new_one() {
    for minutes in [Some(60), Some(-60), Some(DAY), Some(-DAY), None] {
        let world = World::new().await;
        let process = world.process();
        let old = process.consent(&[READ]).await;
        let mut person = Person::new().stop_before_callback();
        let journey = person.follow(old.link.as_str()).await.unwrap();
        let back = journey.stopped_before.unwrap();

        world.clock.set(after(world.clock.now(), minutes));
        let soon = tokio::time::Instant::now();
        let outcome = process.broker.wait(&Caller::local(), old.flow, soon).await;
        assert_eq!(outcome.unwrap(), FlowOutcome::Expired, "{minutes:?}");
        let page = person.open(back).await.unwrap().last().clone();
        assert_eq!(page.status, 400, "{minutes:?}: {}", page.body);
        assert_eq!(world.sandbox.count(Site::Google, Endpoint::Exchange), 0);

        let new = process.consent(&[READ]).await;
        assert_ne!(new.link, old.link, "{minutes:?}");
        let page = Person::new().follow(old.link.as_str()).await.unwrap();
        assert!(!page.last().status.is_success(), "{minutes:?}");
        let page = Person::new().follow(new.link.as_str()).await.unwrap();
        assert_eq!(page.last().status, 200, "{minutes:?}");
        process.granted(&[READ]).await;
    }
}

#[tokio::test]
async fn a_small_correction_of_the_clock_ends_no_link() {
    let world = World::new().await;
    let process = world.process();
    let link = process.consent(&[READ]).await.link;
    let now = world.clock.now();
    world.clock.set(now - SignedDuration::from_secs(30));
    let page = Person::new().follow(link.as_str()).await.unwrap();
    assert_eq!(page.last().status, 200);
}

#[tokio::test]
async fn a_jump_of_the_clock_causes_one_refresh_at_most() {
    let jumps = [
        (Some(60), 1),
        (Some(-60), 0),
        (Some(DAY), 1),
        (Some(-DAY), 0),
        (None, 0),
    ];
    for (minutes, expected) in jumps {
        let world = World::new().await;
        let process = world.process();
        process.connect(&[READ]).await;
        let start = world.clock.now();
        world.clock.set(after(start, minutes));
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let broker = process.broker.clone();
            calls.spawn(async move { broker.access(&Caller::local(), &google(&[READ])).await });
        }
        while let Some(call) = calls.join_next().await {
            assert!(matches!(call.unwrap().unwrap(), Access::Granted(_)));
        }
        let refreshes = || world.sandbox.count(Site::Google, Endpoint::Refresh);
        assert_eq!(refreshes(), expected, "{minutes:?}");

        // What the provider refuses is renewed once, however fresh the clock makes it look.
        let granted = process.granted(&[READ]).await;
        for _ in 0..10 {
            let renewed = process
                .broker
                .renew(&Caller::local(), granted.connection, &granted.access_token)
                .await;
            assert!(renewed.unwrap().is_some(), "{minutes:?}");
        }
        assert_eq!(refreshes(), expected + 1, "{minutes:?}");
        // Back again: whatever was issued meanwhile is good for once more.
        world.clock.set(start);
        for _ in 0..10 {
            process.granted(&[READ]).await;
        }
        assert!(refreshes() <= expected + 2, "{minutes:?}");
    }
}
