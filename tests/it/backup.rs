//! Exports, and what comes back from them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use valetkey::broker::{Access, ConsentReason};
use valetkey::caller::Caller;
use valetkey::demo::sandbox::faults::Endpoint;
use valetkey::demo::sandbox::{RefreshTokens, SandboxSettings, Site, Tokens};
use valetkey::store::records::ConnectionState;

use crate::cli::run;
use crate::world::{Process, READ, World, load};

const MARKER: &str = "canary";

/// With an hour's access tokens, and a new refresh token with each refresh.
async fn rotating() -> World {
    let settings = SandboxSettings {
        marker: MARKER.to_owned(),
        google: Tokens {
            lifetime: Some(Duration::from_hours(1)),
            refresh: RefreshTokens::Rotating,
        },
        ..SandboxSettings::default()
    };
    World::with(settings, "").await
}

/// Another machine: the same configuration, with a home of its own.
struct Elsewhere(TempDir);

impl Elsewhere {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn process(&self, world: &World) -> Process {
        Process::start(load(&world.config, self.0.path()), world.clock.clone())
    }
}

fn key_file(home: &Path) -> PathBuf {
    home.join(".config/valetkey/master.key")
}

#[tokio::test]
async fn an_export_shows_nothing_and_is_useless_without_the_master_key() {
    let world = rotating().await;
    let here = world.process();
    here.connect(&[READ]).await;
    let file = world.home().join("export");
    let exported = here.broker.export(&file).await.unwrap();
    assert_eq!(exported.connections, 1);
    let text = fs::read_to_string(&file).unwrap();
    for readable in [MARKER, "ada@example.test", "google", "gmail.readonly"] {
        assert!(!text.contains(readable), "{readable}");
    }
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = here.broker.export(&file).await.unwrap_err().to_string();
    assert!(again.contains("is there already"), "{again}");
    assert_eq!(fs::read_to_string(&file).unwrap(), text);

    let elsewhere = Elsewhere::new();
    let there = elsewhere.process(&world);
    let refused = there.broker.import(&file, None, false).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains(&exported.master_key), "{refused}");
    assert!(refused.contains("--key-file"), "{refused}");
    let none = there.broker.connections(&Caller::local()).await.unwrap();
    assert!(none.is_empty());

    let lines: Vec<&str> = text.lines().collect();
    let cut = world.home().join("cut");
    fs::write(&cut, lines[..lines.len() - 1].join("\n")).unwrap();
    let refused = here.broker.import(&cut, None, true).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("not complete"), "{refused}");
}

#[tokio::test]
async fn on_another_machine_an_export_brings_the_connections_back_with_its_key() {
    let world = rotating().await;
    let here = world.process();
    here.connect(&[READ]).await;
    let file = world.home().join("export");
    here.broker.export(&file).await.unwrap();
    let before = here.broker.connections(&Caller::local()).await.unwrap();
    drop(here);

    let elsewhere = Elsewhere::new();
    let there = elsewhere.process(&world);
    let key = key_file(world.home());
    let imported = there.broker.import(&file, Some(&key), false).await.unwrap();
    assert_eq!(
        (imported.added, imported.replaced, imported.kept),
        (1, 0, 0)
    );
    let after = there.broker.connections(&Caller::local()).await.unwrap();
    assert_eq!(after[0].id, before[0].id);
    there.granted(&[READ]).await;
    // And its refresh token works as long as nobody has used it.
    world.clock.advance(Duration::from_hours(2));
    there.granted(&[READ]).await;
    assert_eq!(world.sandbox.count(Site::Google, Endpoint::Refresh), 1);
    let again = there.broker.import(&file, Some(&key), false).await.unwrap();
    assert_eq!((again.added, again.replaced, again.kept), (0, 0, 1));
    there.granted(&[READ]).await;
}

#[tokio::test]
async fn tokens_that_were_replaced_since_the_export_are_tried_once_and_then_asked_for() {
    let world = rotating().await;
    let here = world.process();
    here.connect(&[READ]).await;
    let file = world.home().join("export");
    here.broker.export(&file).await.unwrap();
    world.clock.advance(Duration::from_hours(2));
    here.granted(&[READ]).await;
    assert_eq!(world.sandbox.count(Site::Google, Endpoint::Refresh), 1);
    drop(here);

    let elsewhere = Elsewhere::new();
    let there = elsewhere.process(&world);
    let key = key_file(world.home());
    there.broker.import(&file, Some(&key), false).await.unwrap();
    for _ in 0..5 {
        let Access::Consent(consent) = there.access(&[READ]).await else {
            panic!("the old refresh token was accepted");
        };
        let ConsentReason::NeedsReconnect(reason) = consent.reason else {
            panic!("{:?}", consent.reason);
        };
        assert!(
            reason.contains("restored from an export of 2026-11-23"),
            "{reason}"
        );
    }
    assert_eq!(world.sandbox.count(Site::Google, Endpoint::Refresh), 2);
    there.connect(&[READ]).await;
    let now = there.broker.connections(&Caller::local()).await.unwrap();
    assert_eq!(now.len(), 1);
    assert_eq!(now[0].state, ConnectionState::Connected);
}

#[tokio::test]
async fn a_newer_connection_stays_unless_it_is_to_be_replaced() {
    let world = rotating().await;
    let here = world.process();
    here.connect(&[READ]).await;
    let old = world.home().join("old");
    here.broker.export(&old).await.unwrap();
    world.clock.advance(Duration::from_hours(2));
    let token = here.granted(&[READ]).await.access_token;
    let new = world.home().join("new");
    here.broker.export(&new).await.unwrap();
    let import = |file: PathBuf, replace| {
        let broker = here.broker.clone();
        async move {
            let done = broker.import(&file, None, replace).await.unwrap();
            (done.added, done.replaced, done.kept)
        }
    };
    assert_eq!(import(old.clone(), false).await, (0, 0, 1));
    let same = here.granted(&[READ]).await.access_token;
    assert_eq!(
        valetkey::seal::digest(&same),
        valetkey::seal::digest(&token)
    );
    assert_eq!(import(old.clone(), true).await, (0, 1, 0));
    assert_eq!(import(new, false).await, (0, 1, 0));
    let same = here.granted(&[READ]).await.access_token;
    assert_eq!(
        valetkey::seal::digest(&same),
        valetkey::seal::digest(&token)
    );
    let all = here.broker.connections(&Caller::local()).await.unwrap();
    assert_eq!(all.len(), 1);
}

#[tokio::test]
async fn an_export_of_an_old_master_key_is_read_after_the_key_was_replaced() {
    let world = rotating().await;
    let here = world.process();
    here.connect(&[READ]).await;
    let file = world.home().join("export");
    let exported = here.broker.export(&file).await.unwrap();
    let generation = here.broker.key_ids().await.unwrap().generation;
    assert_eq!(exported.generation, generation);
    here.broker.rotate_key().await.unwrap();
    here.broker.rotate_master_key(None).await.unwrap();
    let imported = here.broker.import(&file, None, true).await.unwrap();
    assert_eq!(imported.replaced, 1);
    assert_eq!(imported.generation, generation);
    here.granted(&[READ]).await;
    drop(here);
    let next = world.process().broker.key_ids().await.unwrap().generation;
    assert!(next > generation, "a store grows older with each opening");
}

#[tokio::test]
async fn the_commands_export_and_import_while_another_process_has_the_vault() {
    let settings = SandboxSettings {
        marker: MARKER.to_owned(),
        ..SandboxSettings::default()
    };
    let world = World::in_real_time(settings, "").await;
    let here = world.process();
    here.connect(&[READ]).await;
    let file = world.home().join("export.vk");
    let file = file.to_str().unwrap();
    let exported = run(&world, &["export", file, "--json"]).await;
    assert_eq!(exported.code, 0, "{}", exported.stderr);
    assert_eq!(exported.json()["connections"], 1);
    let text = run(&world, &["import", file]).await;
    assert!(text.stdout.contains("as new or newer"), "{}", text.stdout);
    let imported = run(&world, &["import", file, "--replace", "--json"]).await;
    assert_eq!(imported.json()["replaced"], 1, "{}", imported.stderr);
    let refused = run(&world, &["export", file]).await;
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("there already"),
        "{}",
        refused.stderr
    );
    let refused = run(&world, &["import", world.config.to_str().unwrap()]).await;
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("not an export"),
        "{}",
        refused.stderr
    );
    here.granted(&[READ]).await;
}
