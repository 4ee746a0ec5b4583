//! `valetkey doctor`: what it finds, with servers and without.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use valetkey::demo::browser::Person;

use crate::cli::{Ended, command, ended, run};
use crate::frames::contents;
use crate::growth::copy;
use crate::host::{Host, search};
use crate::session::{Era, Session, find_mail};
use crate::stdio::kill;
use crate::world::{Process, READ, World, load};

/// The checks of a report.
fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    let checks = report["checks"].as_array().unwrap();
    let mut found = checks.iter().filter(|check| check["check"] == name);
    found
        .next()
        .unwrap_or_else(|| panic!("no {name}: {report}"))
}

fn status(report: &Value, name: &str) -> String {
    check(report, name)["status"].as_str().unwrap().to_owned()
}

/// The names of what is not well.
fn unwell(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let checks = report["checks"].as_array().unwrap().iter();
    checks
        .filter(|check| check["status"] != "ok")
        .map(|check| (text(&check["check"]), text(&check["status"])))
        .collect()
}

fn doctor(host: &Host) -> Ended {
    host.wait(run(&host.world, &["doctor", "--json"]))
}

/// The report where nothing is broken.
fn fine(host: &Host) -> Value {
    let ended = doctor(host);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    ended.json()
}

/// A connected vault that nobody has open.
fn connected() -> Host {
    let host = Host::new("");
    let mut session = Session::open(&host, Era::Text);
    session.with(&find_mail(), Person::new());
    session.server.kill();
    host
}

#[tokio::test]
async fn without_a_vault_it_makes_nothing_and_says_what_to_set() {
    let home = TempDir::new().unwrap();
    let run = async |variables: &[(&str, &str)]| {
        let output = Command::new(env!("CARGO_BIN_EXE_valetkey"))
            .env_clear()
            .env("HOME", home.path())
            .envs(variables.iter().copied())
            .args(["doctor", "--json"])
            .output()
            .await
            .unwrap();
        let stderr = String::from_utf8(output.stderr.clone()).unwrap();
        ended(&output, stderr)
    };
    let none = run(&[]).await;
    assert_eq!(none.code, 0);
    let report = none.json();
    assert_eq!(status(&report, "configuration"), "warning");
    let message = check(&report, "configuration")["message"].as_str().unwrap();
    assert!(message.contains("GOOGLE_CLIENT_ID"), "{message}");
    assert_eq!(check(&report, "vault_directory")["facts"]["exists"], false);

    let secret = "canary-of-the-environment";
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let set = [
        ("GITHUB_CLIENT_ID", "the-client"),
        ("GITHUB_CLIENT_SECRET", secret),
        ("VALETKEY_MASTER_KEY", key),
    ];
    let set = run(&set).await;
    let report = set.json();
    let port_is_free = status(&report, "callback_port") == "ok";
    assert!(port_is_free || unwell(&report).len() == 1, "{report}");
    let redirect_uri = &check(&report, "provider")["facts"]["redirect_uri"];
    assert_eq!(redirect_uri, "http://127.0.0.1:8419/oauth/callback/github");
    assert_eq!(
        check(&report, "master_key")["facts"]["kept_in"],
        "VALETKEY_MASTER_KEY"
    );
    for text in [&set.stdout, &set.stderr] {
        assert!(!text.contains(secret) && !text.contains(key), "{text}");
    }
    assert!(
        contents(home.path()).is_empty(),
        "{:?}",
        contents(home.path())
    );
}

#[test]
fn without_a_server_it_opens_the_vault_itself_and_finds_all_well() {
    let host = connected();
    let report = fine(&host);
    assert_eq!(report["status"], "ok", "{report}");
    assert_eq!(
        check(&report, "owner")["facts"],
        json!({ "running": false })
    );
    let facts = |name: &str| check(&report, name)["facts"].clone();
    assert_eq!(
        facts("connections"),
        json!({ "connections": 1, "needs_reconnect": 0 })
    );
    assert_eq!(facts("sign_ins"), json!({ "pending": 0 }));
    assert_eq!(facts("callback_port")["held_by"], "nobody");
    assert!(facts("audit")["records"].as_u64().unwrap() >= 3, "{report}");
    let size = facts("vault_size");
    let number = |name: &str| size[name].as_u64().unwrap();
    assert!(number("live_bytes") < number("bytes"), "{size}");
    assert!(number("bytes") < number("vacuum_above_bytes"), "{size}");
    assert_eq!(size["vacuumed_at"], Value::Null);
    assert_eq!(facts("master_key")["format"], 2);

    host.wait(run(&host.world, &["vacuum"]));
    let report = fine(&host);
    assert!(check(&report, "vault_size")["facts"]["vacuumed_at"].is_string());
    let text = host.wait(run(&host.world, &["doctor"]));
    assert_eq!(text.code, 0);
    assert!(text.stdout.ends_with("All is well.\n"), "{}", text.stdout);
    assert!(!text.stdout.contains('\u{1b}'), "no colours in a pipe");
    assert_eq!(text.stderr, "");
}

#[test]
fn a_server_that_has_the_vault_is_asked_and_its_port_is_told_from_anothers() {
    let host = Host::new("");
    let mut session = Session::open(&host, Era::Text);
    session.with(&find_mail(), Person::new());
    session.ask(&search());
    let report = fine(&host);
    let owner = check(&report, "owner");
    assert_eq!(owner["facts"]["pid"], session.server.id(), "{owner}");
    assert_eq!(owner["facts"]["running"], true);
    assert_eq!(check(&report, "sign_ins")["facts"]["pending"], 1);
    assert_eq!(
        check(&report, "callback_port")["facts"]["held_by"],
        "valetkey"
    );
    assert_eq!(unwell(&report), []);

    // One with another idea of who a provider is.
    let text = fs::read_to_string(&host.world.config).unwrap();
    let other = text.replacen("client_id: ", "client_id: other-", 1);
    fs::write(&host.world.config, other).unwrap();
    let ended = doctor(&host);
    assert_eq!(ended.code, 1);
    let owner = check(&ended.json(), "owner").clone();
    assert_eq!(owner["status"], "problem");
    let step = owner["next_step"].as_str().unwrap();
    assert!(
        step.contains(&format!("kill {}", session.server.id())),
        "{step}"
    );
}

#[test]
fn what_is_broken_is_told_with_the_next_step_and_exit_code_1() {
    let host = connected();
    let vault = host.vault();
    let key = host.world.home().join(".config/valetkey/master.key");
    let config = fs::read_to_string(&host.world.config).unwrap();
    let told = |name: &str, said: &str| {
        let ended = doctor(&host);
        assert_eq!(ended.code, 1, "{name}: {}", ended.stdout);
        let report = ended.json();
        assert_eq!(status(&report, name), "problem", "{report}");
        let check = check(&report, name).to_string();
        assert!(check.contains(said), "{name}: {check}");
    };
    let mode = |mode| fs::set_permissions(&vault, fs::Permissions::from_mode(mode)).unwrap();

    mode(0o755);
    told("vault_directory", "chmod 700");
    mode(0o700);

    let right = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    told("master_key", "is not there");
    assert!(!key.exists(), "no key is made");
    fs::write(&key, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    told("master_key", "stays closed");
    told("owner", "stays closed");
    fs::write(&key, right).unwrap();

    let other = TcpListener::bind(("127.0.0.1", host.world.port)).unwrap();
    told("callback_port", "server.callback_port");
    drop(other);

    fs::write(&host.world.config, "nonsense: true\n").unwrap();
    told("configuration", "nonsense");
    let incomplete = "auth:\n  providers:\n    - { id: acme, client_id: some }\n";
    fs::write(&host.world.config, incomplete).unwrap();
    told("provider", "authorization_request.endpoint");
    fs::write(&host.world.config, config).unwrap();
    assert_eq!(unwell(&fine(&host)), []);
}

#[test]
fn an_owner_that_does_not_answer_is_named_and_not_waited_for() {
    let host = Host::new("");
    let mut session = Session::open(&host, Era::Text);
    session.with(&find_mail(), Person::new());
    let pid = session.server.id();
    kill("STOP", pid);
    let ended = doctor(&host);
    kill("CONT", pid);
    assert_eq!(ended.code, 1);
    let report = ended.json();
    let owner = check(&report, "owner");
    assert_eq!(owner["status"], "problem");
    let message = owner["message"].as_str().unwrap();
    assert!(message.contains(&format!("kill -CONT {pid}")), "{message}");
}

fn age(host: &Host) -> Value {
    check(&fine(host), "vault_age").clone()
}

#[test]
fn an_older_copy_in_the_vaults_place_is_told_once_in_the_log_and_then_by_doctor() {
    let host = connected();
    let (vault, elsewhere) = (host.vault(), TempDir::new().unwrap());
    let old = elsewhere.path().join("old");
    copy(&vault, &old);
    // One opening is enough.
    assert_eq!(age(&host)["status"], "ok", "nothing was put back");

    fs::remove_dir_all(&vault).unwrap();
    copy(&old, &vault);
    let mut session = Session::open(&host, Era::Text);
    session.alone(&find_mail());
    let age_while_a_server_runs = age(&host);
    let (_, log) = session.server.finish();
    assert_eq!(
        log.matches("an older copy was put in its place").count(),
        1,
        "{log}"
    );
    for age in [age_while_a_server_runs, age(&host), age(&host)] {
        assert_eq!(age["status"], "warning");
        let message = age["message"].as_str().unwrap();
        assert!(message.contains("older copy"), "{message}");
        let step = age["next_step"].as_str().unwrap();
        assert!(step.contains("valetkey connections"), "{step}");
        let facts = &age["facts"];
        let seen = facts["seen_generation"].as_u64().unwrap();
        assert!(seen >= 2, "{facts}");
    }
}

#[tokio::test]
async fn another_vault_a_moved_one_and_an_import_are_no_older_copies() {
    let world = World::new().await;
    let process = world.process();
    process.connect(&[READ]).await;
    let file = world.home().join("export");
    process.broker.export(&file).await.unwrap();
    drop(process);
    drop(world.next_process().await);

    // Another one, with the same key, and what the first one had.
    let directory = TempDir::new().unwrap();
    let vault = directory.path().join("vault");
    let at = |vault: &Path| {
        let mut config = load(&world.config, world.home());
        config.store_dir = vault.to_owned();
        Process::start(config, world.clock.clone())
    };
    let memory = async |process: Process| {
        while process.broker.attend().await.is_err() {
            tokio::task::yield_now().await;
        }
        process.broker.checkup().await.unwrap().memory
    };
    let other = at(&vault);
    other.broker.import(&file, None, false).await.unwrap();
    assert_eq!(
        memory(other).await,
        valetkey::store::seen::Memory::default()
    );
    let moved = directory.path().join("moved");
    fs::rename(&vault, &moved).unwrap();
    assert_eq!(
        memory(at(&moved)).await,
        valetkey::store::seen::Memory::default()
    );
    let first = world.next_process().await;
    assert_eq!(
        memory(first).await,
        valetkey::store::seen::Memory::default()
    );
}

#[test]
fn a_vault_whose_age_cannot_be_noted_works_and_says_so() {
    let host = connected();
    let seen = host.world.home().join(".local/state/valetkey/seen");
    fs::remove_dir_all(&seen).unwrap();
    fs::write(&seen, "").unwrap();
    let report = fine(&host);
    assert_eq!(
        unwell(&report),
        [("vault_age".to_owned(), "warning".to_owned())]
    );
}

#[test]
fn the_help_tells_the_exit_codes() {
    let host = Host::new("");
    let help = host.wait(async { command(&host.world, &["doctor", "--help"]).output().await });
    let help = String::from_utf8(help.unwrap().stdout).unwrap();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        help.contains("The exit code is 0 if everything works"),
        "{help}"
    );
    assert!(help.contains("1 if something does not"), "{help}");
}
