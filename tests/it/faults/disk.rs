//! A disk that is full.

use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;
use valetkey::broker::{Access, BrokerError};
use valetkey::caller::Caller;
use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::faults::{Endpoint, Fault, Times};
use valetkey::demo::sandbox::{RefreshTokens, SandboxSettings, Site, Tokens};

use super::mount::Disk;
use crate::frames::Server;
use crate::world::{Process, READ, World, google, sign_in};

/// Under the reserve of the vault, and under what it keeps for finishing.
const LITTLE: u64 = 3 * 1024 * 1024;
const NOTHING: u64 = 64 * 1024;

const HOUR: Duration = Duration::from_hours(1);

fn rotating() -> SandboxSettings {
    SandboxSettings {
        google: Tokens {
            lifetime: Some(HOUR),
            refresh: RefreshTokens::Rotating,
        },
        ..SandboxSettings::default()
    }
}

async fn refused(process: &Process) -> String {
    let (caller, requirement) = (Caller::local(), google(&[READ]));
    let asked = process.broker.access(&caller, &requirement);
    let error = asked.await.unwrap_err();
    assert!(error.is_disk_full(), "{error}");
    error.to_string()
}

fn other() -> Caller {
    Caller::verified("https://id.example", "grace")
}

/// What another user's call gets.
async fn other_user(process: &Process) -> Result<Access, BrokerError> {
    process.broker.access(&other(), &google(&[READ])).await
}

#[tokio::test]
#[ignore = "needs a small disk: tests/faults/run"]
async fn full_when_the_browser_comes_back_nothing_is_exchanged_and_the_link_works_again() {
    let disk = Disk::in_memory(32);
    let world = World::on(disk.path(), SandboxSettings::default()).await;
    let process = world.process();
    let Access::Consent(link) = other_user(&process).await.unwrap() else {
        panic!("not connected yet");
    };
    sign_in(&process.broker, &other(), link.link.as_str()).await;
    assert!(matches!(other_user(&process).await, Ok(Access::Granted(_))));
    let link = process.consent(&[READ]).await.link;
    let mut person = Person::new().stop_before_callback();
    let journey = person.follow(link.as_str()).await.unwrap();
    let back = journey.stopped_before.unwrap();

    disk.fill(LITTLE);
    let journey = person.open(back).await.unwrap();
    let page = journey.last();
    assert_eq!(page.status, 507);
    for said in ["could not save", "Nothing was changed", "Free space"] {
        assert!(page.body.contains(said), "{said}: {}", page.body);
    }
    assert_eq!(world.sandbox.count(Site::Google, Endpoint::Exchange), 1);
    assert!(matches!(other_user(&process).await, Ok(Access::Granted(_))));

    disk.empty();
    let journey = Person::new().follow(link.as_str()).await.unwrap();
    assert_eq!(journey.last().status, 200, "{}", journey.last().body);
    process.granted(&[READ]).await;
}

#[tokio::test]
#[ignore = "needs a small disk: tests/faults/run"]
async fn full_during_the_exchange_the_new_token_is_revoked_and_the_link_works_again() {
    let disk = Disk::in_memory(32);
    let world = World::on(disk.path(), SandboxSettings::default()).await;
    let process = world.process();
    let link = process.consent(&[READ]).await.link;
    let gate = CancellationToken::new();
    let hold = Fault::Hold(gate.clone());
    world
        .sandbox
        .fault(Site::Google, Endpoint::Exchange, hold, Times::Next(1));
    let mut person = Person::new();
    let (journey, ()) = tokio::join!(person.follow(link.as_str()), async {
        world
            .sandbox
            .received(Site::Google, Endpoint::Exchange, 1)
            .await;
        disk.fill(NOTHING);
        gate.cancel();
    });
    let journey = journey.unwrap();
    assert_eq!(journey.last().status, 507);
    assert_eq!(world.sandbox.count(Site::Google, Endpoint::Revoke), 1);
    let views = process.broker.connections(&Caller::local()).await.unwrap();
    assert!(views.is_empty());

    disk.empty();
    let consent = process.consent(&[READ]).await;
    assert_eq!(consent.link, link);
    assert!(consent.last_failure.unwrap().contains("disk full at"));
    let journey = Person::new().follow(link.as_str()).await.unwrap();
    assert_eq!(journey.last().status, 200, "{}", journey.last().body);
    process.granted(&[READ]).await;
}

#[tokio::test]
#[ignore = "needs a small disk: tests/faults/run"]
async fn full_at_refresh_time_the_provider_is_not_asked_and_the_token_serves_until_its_end() {
    let disk = Disk::in_memory(32);
    let world = World::on(disk.path(), rotating()).await;
    let process = world.process();
    process.connect(&[READ]).await;
    let refreshes = || world.sandbox.count(Site::Google, Endpoint::Refresh);

    disk.fill(LITTLE);
    world.clock.advance(Duration::from_secs(3570));
    process.granted(&[READ]).await;
    world.clock.advance(Duration::from_secs(31));
    for _ in 0..10 {
        let told = refused(&process).await;
        assert!(told.contains("vault unavailable: disk full at /"), "{told}");
        assert!(told.contains("Free space there, then try again"), "{told}");
    }
    assert_eq!(refreshes(), 0);

    disk.empty();
    process.granted(&[READ]).await;
    assert_eq!(refreshes(), 1);
}

/// The provider has rotated the refresh token already: the old one is worth nothing any more.
#[tokio::test]
#[ignore = "needs a small disk: tests/faults/run"]
async fn full_during_a_refresh_the_rotated_token_is_kept_until_there_is_space() {
    let disk = Disk::in_memory(32);
    let world = World::on(disk.path(), rotating()).await;
    let process = world.process();
    process.connect(&[READ]).await;
    world.clock.advance(HOUR);
    let gate = CancellationToken::new();
    let hold = Fault::Hold(gate.clone());
    world
        .sandbox
        .fault(Site::Google, Endpoint::Refresh, hold, Times::Next(1));
    let (_, ()) = tokio::join!(refused(&process), async {
        world
            .sandbox
            .received(Site::Google, Endpoint::Refresh, 1)
            .await;
        disk.fill(NOTHING);
        gate.cancel();
    });
    refused(&process).await;
    assert_eq!(world.sandbox.count(Site::Google, Endpoint::Refresh), 1);

    disk.empty();
    process.granted(&[READ]).await;
    assert_eq!(world.sandbox.count(Site::Google, Endpoint::Refresh), 1);
    world.clock.advance(HOUR);
    process.granted(&[READ]).await;
    assert_eq!(world.sandbox.count(Site::Google, Endpoint::Refresh), 2);
}

#[test]
#[ignore = "needs a small disk: tests/faults/run"]
fn a_server_that_starts_on_a_full_disk_lists_its_tools_says_so_and_recovers() {
    let disk = Disk::in_memory(32);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::on(disk.path(), SandboxSettings::default()));
    let call = json!({ "name": "gmail_search", "arguments": { "query": "launch" } });
    let start = || {
        let config = world.config.to_str().unwrap();
        let mut server = Server::start(world.home(), &["--config", config], &[]);
        server.initialize("2025-06-18", &json!({}), "test");
        server
    };
    for round in ["no vault yet", "a vault"] {
        disk.fill(NOTHING);
        let mut server = start();
        let tools = server.request(1, "tools/list", &json!({}));
        assert!(
            tools["result"]["tools"].as_array().unwrap().len() > 3,
            "{round}"
        );
        for id in 2..5 {
            let answer = server.request(id, "tools/call", &call);
            assert_eq!(answer["result"]["isError"], true, "{round}: {answer}");
            let text = answer["result"]["content"][0]["text"].as_str().unwrap();
            let said = "vault unavailable: disk full at /";
            assert!(text.contains(said), "{round}: {text}");
        }
        disk.empty();
        let answer = server.request(5, "tools/call", &call);
        let link = "/result/structuredContent/authorization_required/url";
        assert!(answer.pointer(link).is_some(), "{round}: {answer}");
    }
}
