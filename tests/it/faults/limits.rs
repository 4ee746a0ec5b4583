//! A process that may have little memory, or few threads.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use valetkey::demo::browser::Person;

use super::descriptors::is_sound;
use super::group::Group;
use crate::frames::Server;
use crate::host::{Host, assert_finished, search};
use crate::session::{Era, Session, find_mail};
use crate::world::free_port;

fn within(host: &Host, group: &Group) -> Server {
    let config = host.world.config.to_str().unwrap();
    Server::in_group(&group.processes(), host.world.home(), &["--config", config])
}

/// A vault with a connection, which nobody has open.
fn connected() -> Host {
    let host = Host::new("");
    let mut first = Session::open(&host, Era::Text);
    let link = first.ask(&find_mail()).link.unwrap();
    host.connect(&link);
    first.server.kill();
    host
}

#[test]
#[ignore = "needs a control group: tests/faults/run"]
fn sixty_four_mebibytes_are_enough_for_sign_ins_and_many_calls() {
    let host = Host::new("");
    let group = Group::new("memory");
    group.limit_memory(64 * 1024);
    let mut session = Session::around(&host, Era::Retry, within(&host, &group));
    let (answer, _) = session.with(&find_mail(), Person::new());
    assert_finished(&answer);
    let (answer, _) = session.with(&search(), Person::new());
    assert_finished(&answer);
    for _ in 0..200 {
        assert_finished(&session.alone(&find_mail()));
    }
    session.server.kill();
    is_sound(&host);
}

/// The kernel ends it at whatever step there is no page left for.
#[test]
#[ignore = "needs a control group: tests/faults/run"]
fn a_server_that_runs_out_of_memory_harms_nothing() {
    let host = connected();
    let (mut ends, mut answers) = (0, 0);
    for mebibytes in [2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32, 64] {
        let group = Group::new("memory");
        group.limit_memory(mebibytes * 1024);
        let mut server = within(&host, &group);
        let hello = json!({ "protocolVersion": "2025-06-18", "capabilities": {},
                            "clientInfo": { "name": "test", "version": "1" } });
        let answer = server
            .try_request(1, "initialize", &hello)
            .and_then(|_| server.try_request(2, "tools/call", &find_mail()));
        match answer {
            Some(_) => answers += 1,
            None => ends += 1,
        }
        server.kill();
    }
    assert!(ends > 0 && answers > 0, "{ends} ends, {answers} answers");
    is_sound(&host);
}

#[test]
#[ignore = "needs a control group: tests/faults/run"]
fn a_server_that_may_start_no_more_threads_answers_with_an_error_and_then_recovers() {
    let host = connected();
    let (mut refusals, mut answers) = (0, 0);
    for more in 0..14 {
        let group = Group::new("pids");
        let mut session = Session::around(&host, Era::Text, within(&host, &group));
        group.limit_threads(Some(group.threads() + more));
        for _ in 0..2 {
            let answer = session.alone(&find_mail());
            if answer["error"].is_object() || answer["result"]["isError"] == Value::Bool(true) {
                refusals += 1;
            } else {
                assert_finished(&answer);
                answers += 1;
            }
        }
        group.limit_threads(None);
        assert_finished(&session.alone(&find_mail()));
        session.server.kill();
    }
    assert!(
        refusals > 0 && answers > 0,
        "{refusals} refusals, {answers} answers"
    );
    is_sound(&host);
}

#[test]
#[ignore = "needs a control group: tests/faults/run"]
fn an_http_server_that_may_start_too_few_threads_says_so_at_its_start() {
    let (mut refusals, mut starts) = (0, 0);
    for most in (1..20).chain([200]) {
        let host = Host::new("");
        let group = Group::new("pids");
        group.limit_threads(Some(most));
        let enter = format!(
            "echo $$ > {} && exec \"$0\" \"$@\"",
            group.processes().display()
        );
        let mut server = Command::new("/bin/sh")
            .args(["-c", &enter, env!("CARGO_BIN_EXE_valetkey"), "--config"])
            .arg(&host.world.config)
            .args(["http", "--bind", &format!("127.0.0.1:{}", free_port())])
            .env_clear()
            .env("HOME", host.world.home())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = String::new();
        for line in BufReader::new(server.stderr.take().unwrap()).lines() {
            told += &line.unwrap();
            if told.contains("http.listening") {
                server.kill().unwrap();
            }
        }
        let ended = server.wait().unwrap();
        if told.contains("http.listening") {
            starts += 1;
        } else {
            assert!(
                told.contains("no more threads can be started"),
                "{most}: {told}"
            );
            assert_eq!(ended.code(), Some(1), "{most}: {told}");
            refusals += 1;
        }
        assert!(!told.contains("panic"), "{most}: {told}");
    }
    assert!(
        refusals > 0 && starts > 0,
        "{refusals} refusals, {starts} starts"
    );
}
