//! A process that may have little memory, or few threads.

use serde_json::{Value, json};
use valetkey::demo::browser::Person;

use super::descriptors::is_sound;
use super::group::Group;
use crate::frames::Server;
use crate::host::{Host, assert_finished, search};
use crate::session::{Era, Session, find_mail};

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
