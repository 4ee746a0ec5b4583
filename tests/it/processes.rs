//! Several processes share one vault: one has it open, the others ask that one.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use valetkey::broker::{Access, FlowOutcome};
use valetkey::caller::Caller;
use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::faults::Endpoint;
use valetkey::demo::sandbox::{RefreshTokens, SandboxSettings, Site, Tokens};

use crate::frames::Server;
use crate::host::{Host, assert_finished, text_of};
use crate::rounds::rounds;
use crate::session::{Era, Session, find_mail};
use crate::world::{READ, World, google};

/// The link of a call that needs one, in its own thread's session.
fn link_of(host: &Host, server: Server) -> (String, Server) {
    let mut session = Session::around(host, Era::Text, server);
    let asked = session.ask(&find_mail());
    let link = asked.link.unwrap_or_else(|| panic!("{}", asked.message));
    (link, session.server)
}

#[test]
fn three_servers_started_at_once_on_an_empty_vault_have_one_owner_and_all_of_them_work() {
    let host = Host::new("");
    for _ in 0..rounds(40, 40) {
        let servers = [host.server(), host.server(), host.server()];
        let pids = servers.each_ref().map(Server::id);
        let answered: Vec<_> = thread::scope(|scope| {
            let threads = servers.map(|server| scope.spawn(|| link_of(&host, server)));
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        // Two owners would have made two links.
        assert!(answered.iter().all(|(link, _)| *link == answered[0].0));
        assert!(pids.contains(&host.owner().unwrap()));
        drop(answered);
        fs::remove_dir_all(host.vault()).unwrap();
        fs::remove_file(host.world.home().join(".config/valetkey/master.key")).unwrap();
    }
}

#[tokio::test]
async fn a_hundred_calls_of_three_processes_on_an_expired_grant_cost_one_refresh() {
    let settings = SandboxSettings {
        google: Tokens {
            lifetime: Some(Duration::from_hours(1)),
            refresh: RefreshTokens::Rotating,
        },
        ..SandboxSettings::default()
    };
    let world = World::with(settings, "").await;
    let processes = [world.process(), world.process(), world.process()];
    processes[0].connect(&[READ]).await;
    for round in 1..=5 {
        world.clock.advance(Duration::from_hours(2));
        let calls = processes.iter().flat_map(|process| {
            (0..34).map(|_| {
                let broker = process.broker.clone();
                tokio::spawn(async move { broker.access(&Caller::local(), &google(&[READ])).await })
            })
        });
        let calls: Vec<_> = calls.collect();
        for call in calls {
            let access = call.await.unwrap().unwrap();
            assert!(matches!(access, Access::Granted(_)), "{access:?}");
        }
        assert_eq!(world.sandbox.count(Site::Google, Endpoint::Refresh), round);
    }
}

#[tokio::test]
async fn a_hundred_calls_of_three_processes_after_a_401_cost_one_refresh() {
    let world = World::new().await;
    let processes = [world.process(), world.process(), world.process()];
    processes[0].connect(&[READ]).await;
    let granted = processes[1].granted(&[READ]).await;
    world.sandbox.end_access_tokens(Site::Google);
    let calls = processes.iter().flat_map(|process| {
        (0..34).map(|_| {
            let (broker, granted) = (process.broker.clone(), granted.clone());
            tokio::spawn(async move {
                let me = Caller::local();
                let renewed = broker.renew(&me, granted.connection, &granted.access_token);
                renewed.await.unwrap().unwrap()
            })
        })
    });
    let calls: Vec<_> = calls.collect();
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(world.sandbox.count(Site::Google, Endpoint::Refresh), 1);
}

#[tokio::test]
async fn a_call_of_one_process_goes_on_when_the_person_finished_the_link_of_another() {
    let world = World::new().await;
    let (owner, follower) = (world.process(), world.process());
    let shown = owner.consent(&[READ]).await;
    let same = follower.consent(&[READ]).await;
    assert_eq!(shown.link, same.link);
    let broker = follower.broker.clone();
    let waiting = tokio::spawn(async move {
        let until = tokio::time::Instant::now() + Duration::from_secs(20);
        broker.wait(&Caller::local(), same.flow, until).await
    });
    Person::new().follow(shown.link.as_str()).await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap(), FlowOutcome::Completed);
    follower.granted(&[READ]).await;
}

#[tokio::test]
async fn what_one_process_disconnects_the_other_no_longer_has() {
    let world = World::new().await;
    let (owner, follower) = (world.process(), world.process());
    owner.connect(&[READ]).await;
    for (one, other) in [(&owner, &follower), (&follower, &owner)] {
        let granted = other.granted(&[READ]).await;
        let me = Caller::local();
        let done = one.broker.disconnect(&me, granted.connection);
        let done = done.await.unwrap().unwrap();
        assert_eq!(done.revoked, Ok(true));
        let link = other.consent(&[READ]).await.link;
        Person::new().follow(link.as_str()).await.unwrap();
    }
    assert_eq!(world.sandbox.count(Site::Google, Endpoint::Revoke), 2);
}

#[tokio::test]
async fn errors_of_the_owner_are_the_followers_own() {
    let world = World::with(SandboxSettings::default(), "").await;
    let (owner, follower) = (world.process(), world.process());
    owner.connect(&[READ]).await;
    // Somebody else has the port that a second link needs.
    while world.listens() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let taken = std::net::TcpListener::bind(("127.0.0.1", world.port)).unwrap();
    let error = follower
        .broker
        .access(&Caller::local(), &google(&[READ, crate::world::SEND]))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), valetkey::broker::ErrorKind::PortTaken);
    let text = error.to_string();
    assert!(text.contains(&format!("Port {}", world.port)), "{text}");
    drop(taken);
    follower.consent(&[READ, crate::world::SEND]).await;
}

#[tokio::test]
async fn a_process_with_another_client_of_the_provider_is_told_whose_configuration_differs() {
    let world = World::new().await;
    let owner = world.process();
    owner.connect(&[READ]).await;
    let mut config = world.load();
    for entry in &mut config.providers {
        entry.client_id.push_str("-other");
    }
    let follower = crate::world::Process::start(config, world.clock.clone());
    let refused = follower
        .broker
        .access(&Caller::local(), &google(&[READ]))
        .await
        .unwrap_err()
        .to_string();
    let pid = format!("kill {}", std::process::id());
    assert!(
        refused.contains(&pid) && refused.contains("google"),
        "{refused}"
    );
    // What needs no provider works.
    let connections = follower.broker.connections(&Caller::local()).await.unwrap();
    assert_eq!(connections.len(), 1);
}

#[test]
fn commands_work_while_a_server_has_the_vault() {
    let host = Host::new("");
    let mut session = Session::open(&host, Era::Text);
    session.with(&find_mail(), Person::new());
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_valetkey"));
        command
            .env_clear()
            .env("HOME", host.world.home())
            .arg("--config")
            .arg(&host.world.config)
            .args(arguments);
        let output = command.output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    };
    let connections: Value = serde_json::from_str(&run(&["connections", "--json"])).unwrap();
    assert_eq!(connections[0]["account"], "ada@example.test");
    let called = run(&["call", "gmail_search", r#"{"query": "launch"}"#]);
    assert!(called.contains("ada@example.test"), "{called}");
    run(&["disconnect", connections[0]["id"].as_str().unwrap()]);
    assert_eq!(host.owner(), Some(session.server.id()));
    let asked = session.ask(&find_mail());
    assert!(asked.link.is_some(), "{}", asked.message);
}

#[test]
fn with_an_agent_a_process_for_each_call_is_enough() {
    let host = Host::new("");
    let agent = Agent::start(&host, &[]);
    let mut first = Session::open(&host, Era::Text);
    let link = first.ask(&find_mail()).link.unwrap();
    assert_eq!(host.owner(), Some(agent.id()));
    // Nobody is there but the agent when the browser comes.
    first.server.finish();
    host.connect(&link);
    let mut second = Session::open(&host, Era::Text);
    assert_finished(&second.alone(&find_mail()));
    second.server.finish();
}

#[test]
fn an_agent_ends_when_nobody_needs_it_and_not_before() {
    let host = Host::new("");
    let mut agent = Agent::start(&host, &["--idle-exit", "1s"]);
    let mut session = Session::open(&host, Era::Text);
    session.with(&find_mail(), Person::new());
    thread::sleep(Duration::from_secs(3));
    assert!(agent.0.try_wait().unwrap().is_none(), "it was needed");
    session.server.finish();
    assert!(agent.0.wait().unwrap().success());
    assert!(!host.vault().join("owner.sock").exists());
}

/// A running `valetkey agent` that has the vault.
struct Agent(std::process::Child);

impl Agent {
    fn start(host: &Host, arguments: &[&str]) -> Self {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_valetkey"));
        command
            .env_clear()
            .env("HOME", host.world.home())
            .arg("--config")
            .arg(&host.world.config)
            .arg("agent")
            .args(arguments);
        let agent = Self(command.spawn().unwrap());
        let started = Instant::now();
        while !host.vault().join("owner.sock").exists() {
            assert!(started.elapsed().as_secs() < 20, "the agent did not start");
            thread::sleep(Duration::from_millis(5));
        }
        agent
    }

    fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn a_process_that_was_never_asked_anything_takes_over_a_pending_sign_in() {
    let host = Host::new("");
    let mut first = Session::open(&host, Era::Text);
    let mut idle = Session::open(&host, Era::Text);
    idle.server.request("list", "tools/list", &json!({}));
    let link = first.ask(&find_mail()).link.unwrap();
    // It looks once a second for what others left.
    thread::sleep(Duration::from_secs(2));
    first.server.kill();
    host.connect_when_open(&link);
    assert_eq!(host.owner(), Some(idle.server.id()));
    assert_finished(&idle.alone(&find_mail()));
}

#[test]
fn an_owner_that_ends_well_leaves_no_socket_and_its_flows_to_the_next() {
    let host = Host::new("");
    let mut first = Session::open(&host, Era::Text);
    let link = first.ask(&find_mail()).link.unwrap();
    let socket = host.vault().join("owner.sock");
    assert!(socket.exists());
    first.server.finish();
    assert!(!socket.exists());
    let mut second = Session::open(&host, Era::Text);
    second.server.request("list", "tools/list", &json!({}));
    host.connect_when_open(&link);
    let answer = second.alone(&find_mail());
    assert!(text_of(&answer).contains("Account: ada"), "{answer}");
}
