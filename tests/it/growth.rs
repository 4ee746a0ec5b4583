//! Many users and many links: nothing is lost, and what is over goes away.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::TaskTracker;

use tokio::task::JoinSet;
use valetkey::broker::{Access, Broker};
use valetkey::call::{Call, Calls, Confirmations};
use valetkey::caller::Caller;
use valetkey::demo::sandbox::faults::{Endpoint, Fault, Times};
use valetkey::demo::sandbox::{SandboxSettings, Site};
use valetkey::http::Http;
use valetkey::spill::Spill;
use valetkey_toolkits::waits::Waits;

use crate::copy;
use crate::rounds::rounds;
use crate::world::{Process, READ, World, google, load, sign_in};

fn user(number: usize) -> Caller {
    Caller::verified("https://id.example.test", format!("user-{number}"))
}

async fn link(broker: &Broker, caller: &Caller) -> String {
    match broker.access(caller, &google(&[READ])).await.unwrap() {
        Access::Consent(consent) => consent.link.into(),
        other => panic!("expected a link, got {other:?}"),
    }
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), &to).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn links_of_a_thousand_users_finished_at_once_are_all_stored() {
    let users = rounds(200, 1_000);
    let world = World::new().await;
    let process = world.process();
    let mut links = Vec::new();
    for number in 0..users {
        links.push(link(&process.broker, &user(number)).await);
    }
    let mut people = JoinSet::new();
    for (number, link) in links.into_iter().enumerate() {
        let broker = process.broker.clone();
        people.spawn(async move { sign_in(&broker, &user(number), &link).await });
        // As many at a time as the callback port takes.
        if people.len() >= 48 {
            people.join_next().await.unwrap().unwrap();
        }
    }
    while let Some(signed_in) = people.join_next().await {
        signed_in.unwrap();
    }
    for number in 0..users {
        let access = process.broker.access(&user(number), &google(&[READ])).await;
        assert!(matches!(access, Ok(Access::Granted(_))), "{access:?}");
    }
    let exchanged = world.sandbox.count(Site::Google, Endpoint::Exchange);
    assert_eq!(exchanged, users);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_left_in_the_middle_of_many_sign_ins_opens_with_every_finished_one() {
    const USERS: usize = 40;
    let world = World::new().await;
    let process = world.process();
    let mut finished = Vec::new();
    let elsewhere = tempfile::tempdir().unwrap();
    for number in 0..USERS {
        let link = link(&process.broker, &user(number)).await;
        if number % 2 == 0 {
            sign_in(&process.broker, &user(number), &link).await;
            finished.push(number);
        }
    }
    // What a machine that ends now leaves, while the process goes on.
    copy(world.home(), elsewhere.path());
    drop(process);
    let config = load(&world.config, elsewhere.path());
    let next = Process::start(config, world.clock.clone());
    for number in finished {
        let access = next.broker.access(&user(number), &google(&[READ])).await;
        assert!(matches!(access, Ok(Access::Granted(_))), "{access:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_nobody_follows_leave_nothing_behind() {
    const AT_ONCE: usize = 500;
    // In a process of its own, whose memory is not that of other tests too.
    if copy::about().is_none() {
        let name = "growth::links_that_nobody_follows_leave_nothing_behind";
        let alone = copy::of(name, "alone").output().unwrap();
        let told = String::from_utf8_lossy(&alone.stdout);
        assert!(alone.status.success(), "{told}");
        return;
    }
    let world = World::new().await;
    let process = world.process();
    let store = world.home().join(".local/state/valetkey/store/sled");
    let mut sizes = Vec::new();
    let mut memory = Vec::new();
    for _ in 0..rounds(5_000, 100_000) / AT_ONCE {
        for number in 0..AT_ONCE {
            link(&process.broker, &user(number)).await;
        }
        world.clock.advance(Duration::from_mins(11));
        sizes.push(size(&store));
        memory.push(resident());
    }
    // The first rounds fill caches; after them it stays.
    let (early, late) = (sizes[2], sizes[sizes.len() - 1]);
    assert!(late < 3 * early + (8 << 20), "the vault grows: {sizes:?}");
    let (early, late) = (memory[2], memory[memory.len() - 1]);
    assert!(late < early + (48 << 20), "memory grows: {memory:?}");
}

fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap())
        .map(|entry| match entry.metadata() {
            Ok(found) if found.is_dir() => size(&entry.path()),
            Ok(found) => found.len(),
            Err(_) => 0,
        })
        .sum()
}

/// Bytes of this process in memory; 0 where that cannot be asked.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
    kilobytes.map_or(0, |text| text.parse::<u64>().unwrap() * 1024)
}

#[tokio::test]
async fn a_thousand_calls_on_a_revoked_grant_ask_the_provider_once() {
    let world = World::new().await;
    let process = world.process();
    process.connect(&[READ]).await;
    world.sandbox.end_grants(Site::Google);
    world.clock.advance(Duration::from_hours(2));
    let mut calls = JoinSet::new();
    for _ in 0..1_000 {
        let broker = process.broker.clone();
        calls.spawn(async move { broker.access(&Caller::local(), &google(&[READ])).await });
    }
    while let Some(access) = calls.join_next().await {
        let access = access.unwrap();
        assert!(matches!(access, Ok(Access::Consent(_))), "{access:?}");
    }
    assert_eq!(world.sandbox.count(Site::Google, Endpoint::Refresh), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limit_on_one_users_call_holds_up_nobody_else() {
    let world = World::in_real_time(SandboxSettings::default(), "").await;
    let process = world.process();
    let tools = valetkey_toolkits::all();
    let tool = tools.iter().find(|tool| tool.name == "gmail_search");
    let tool = Arc::new(tool.unwrap().clone());
    let call = |number: usize| {
        let calls = Calls {
            broker: process.broker.clone(),
            http: Http::new(),
            clock: world.clock.clone(),
            confirmations: Confirmations::default(),
            off: Arc::default(),
            allowed: Arc::default(),
            spill: Spill::new(world.home().to_owned(), world.clock.clone()),
            leaving: TaskTracker::new(),
        };
        let tool = Arc::clone(&tool);
        async move {
            let arguments = serde_json::json!({ "query": "launch" });
            let outcome = calls
                .run(Call {
                    caller: &user(number),
                    tool: &tool,
                    arguments: arguments.as_object().unwrap(),
                    client_name: None,
                    confirmed: None,
                    waits: &Waits::default(),
                })
                .await;
            assert_eq!(outcome.as_str(), "finished", "{outcome:?}");
        }
    };
    for number in [1, 2] {
        let link = link(&process.broker, &user(number)).await;
        sign_in(&process.broker, &user(number), &link).await;
    }
    let limited = Fault::RateLimited("3");
    let sandbox = &world.sandbox;
    sandbox.fault(Site::Google, Endpoint::AnyApi, limited, Times::Next(1));
    let slow = tokio::spawn(call(1));
    sandbox.received(Site::Google, Endpoint::AnyApi, 1).await;
    call(2).await;
    assert!(!slow.is_finished(), "it was not limited");
    slow.await.unwrap();
}
