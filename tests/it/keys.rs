//! `valetkey key` and `valetkey vacuum`, while a server has the vault and without one.

use std::fs;

use serde_json::Value;
use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::Site;
use valetkey::demo::sandbox::faults::Endpoint;

use crate::cli::{Ended, command, ended, run};
use crate::host::{Host, assert_finished, retry};
use crate::session::{Era, Session, find_mail};

/// A command that succeeds.
fn done(host: &Host, arguments: &[&str]) -> Ended {
    let ended = host.wait(run(&host.world, arguments));
    assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.stderr);
    ended
}

fn keys(host: &Host) -> Value {
    done(host, &["key", "show-id", "--json"]).json()
}

/// The names of the data keys and what they are for.
fn data_keys(keys: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let keys = keys["data_keys"].as_array().unwrap();
    keys.iter()
        .map(|key| (text(&key["id"]), text(&key["used_for"])))
        .collect()
}

#[test]
fn both_keys_are_replaced_and_the_vault_is_vacuumed_while_a_server_serves() {
    let host = Host::new("");
    let mut session = Session::open(&host, Era::Retry);
    session.with(&find_mail(), Person::new());
    let before = keys(&host);
    let first = data_keys(&before);
    assert_eq!(first[0].1, "sealing");

    let rotated = done(&host, &["key", "rotate", "--json"]).json();
    let now = data_keys(&rotated);
    assert_eq!(now[0], (first[0].0.clone(), "handles".to_owned()));
    assert_eq!(now[1].1, "sealing");
    assert_finished(&session.alone(&find_mail()));

    let file = host.world.home().join(".config/valetkey/master.key");
    let old_key = fs::read(&file).unwrap();
    let master = done(&host, &["key", "rotate", "--master", "--json"]).json();
    assert_eq!(master["replaced"], before["master_key"]);
    assert_eq!(master["kept_in"], file.to_str().unwrap());
    let kept = master["old_kept_in"].as_str().unwrap();
    assert_eq!(fs::read(kept).unwrap(), old_key);
    assert_ne!(fs::read(&file).unwrap(), old_key);
    let after = keys(&host);
    assert_eq!(after["master_key"], master["master_key"]);
    assert_eq!(data_keys(&after), now);

    let sizes = done(&host, &["vacuum", "--json"]).json();
    assert!(sizes["bytes_after"].as_u64().unwrap() > 0);
    assert_finished(&session.alone(&find_mail()));
    drop(session);

    // And for the next process, which reads the files.
    assert_finished(&Session::open(&host, Era::Text).alone(&find_mail()));
    let exchanges = host.world.sandbox.count(Site::Google, Endpoint::Exchange);
    assert_eq!(exchanges, 1);
}

#[test]
fn a_call_that_waits_for_its_sign_in_finishes_after_the_keys_were_replaced() {
    let host = Host::new("");
    let mut session = Session::open(&host, Era::Retry);
    let asked = session.ask(&find_mail());
    let link = asked.link.clone().unwrap();
    done(&host, &["key", "rotate"]);
    done(&host, &["key", "rotate", "--master"]);
    done(&host, &["vacuum"]);
    host.connect(&link);
    let answer = session.ask(&retry(&find_mail(), &asked.message, "accept"));
    assert_finished(&answer.message);
}

#[test]
fn no_server_is_needed_and_people_read_what_happened() {
    let host = Host::new("");
    let rotated = done(&host, &["key", "rotate"]).stdout;
    let sealing = data_keys(&keys(&host)).pop().unwrap().0;
    assert!(rotated.contains(&sealing), "{rotated}");
    let master = done(&host, &["key", "rotate", "--master"]).stdout;
    assert!(master.contains("Make a copy of it"), "{master}");
    let shown = done(&host, &["key", "show-id"]).stdout;
    for part in ["master key", "seals everything", &sealing, "master.key"] {
        assert!(shown.contains(part), "{shown}");
    }
    let key = fs::read_to_string(host.world.home().join(".config/valetkey/master.key")).unwrap();
    assert!(!shown.contains(key.trim()), "a key was shown");
    assert!(done(&host, &["vacuum"]).stdout.contains("KiB"));
    for arguments in [&["key", "--help"][..], &["key", "rotate", "--help"]] {
        let help = done(&host, arguments).stdout;
        assert!(help.contains("master key"), "{help}");
    }
}

#[test]
fn a_master_key_in_the_environment_is_replaced_by_the_next_one_there() {
    let host = Host::new("");
    let [old, new] = [
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "8PHy8/T19vf4+fr7/P3+/wABAgMEBQYHCAkKCwwNDg8=",
    ];
    let with = |arguments: &[&str], current: &str, next: Option<&str>| {
        let mut command = command(&host.world, arguments);
        command.env("VALETKEY_MASTER_KEY", current);
        command.envs(next.map(|next| ("VALETKEY_NEW_MASTER_KEY", next)));
        let output = host.wait(async { command.output().await }).unwrap();
        ended(&output, String::from_utf8(output.stderr.clone()).unwrap())
    };
    assert_eq!(with(&["key", "show-id"], old, None).code, 0);
    let none = with(&["key", "rotate", "--master"], old, None);
    assert_eq!(none.code, 1);
    assert!(
        none.stderr.contains("VALETKEY_NEW_MASTER_KEY"),
        "{}",
        none.stderr
    );
    let done = with(&["key", "rotate", "--master"], old, Some(new));
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(
        done.stdout.contains("Set VALETKEY_MASTER_KEY"),
        "{}",
        done.stdout
    );
    for text in [&none.stderr, &done.stdout, &done.stderr] {
        assert!(!text.contains(old) && !text.contains(new), "{text}");
    }
    let refused = with(&["key", "show-id"], old, None);
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("stays closed"),
        "{}",
        refused.stderr
    );
    assert_eq!(with(&["key", "show-id"], new, None).code, 0);
}
