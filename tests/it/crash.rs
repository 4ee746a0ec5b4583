//! `kill -9` at the worst moments: what a person was shown stays true.

use std::thread;

use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::Site;
use valetkey::demo::sandbox::faults::{Endpoint, Fault, Times};

use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::frames::Server;
use crate::host::{Host, assert_finished};
use crate::rounds::rounds;
use crate::session::{Era, Session, find_mail};

/// Ends the process as a power cut would: nothing of it runs any more.
fn kill(mut server: Server) {
    server.kill();
}

/// The link of a call that needs one.
fn link(session: &mut Session) -> String {
    let asked = session.ask(&find_mail());
    asked.link.unwrap_or_else(|| panic!("{}", asked.message))
}

/// A new process after a crash. Its client has asked for nothing but the list of tools.
fn after_crash(host: &Host) -> Server {
    let mut server = Session::open(host, Era::Text).server;
    server.request("list", "tools/list", &json!({}));
    server
}

#[test]
fn fifty_kills_after_a_link_was_shown_and_fifty_after_connected_was_shown_lose_nothing() {
    let host = Host::new("");
    let mut first = Session::open(&host, Era::Text);
    for round in 0..50 {
        let shown = link(&mut first);
        kill(first.server);

        let next = after_crash(&host);
        // It listens by itself; the list did not wait for that, so the person may have to reload.
        host.connect_when_open(&shown);
        kill(next);

        first = Session::open(&host, Era::Text);
        assert_finished(&first.alone(&find_mail()));
        let exchanges = host.world.sandbox.count(Site::Google, Endpoint::Exchange);
        assert_eq!(exchanges, round + 1);
        host.world.sandbox.end_grants(Site::Google);
    }
}

/// The code is spent at the second of them, and no grant is stored yet.
#[test]
fn a_kill_between_the_callback_and_the_grant_leaves_the_link_and_no_half_connection() {
    let host = Host::new("");
    let sandbox = &host.world.sandbox;
    for endpoint in [Endpoint::Exchange, Endpoint::Identity] {
        for _ in 0..rounds(10, 50) {
            let mut first = Session::open(&host, Era::Text);
            let shown = link(&mut first);
            let gate = CancellationToken::new();
            let asked = sandbox.count(Site::Google, endpoint);
            sandbox.fault(
                Site::Google,
                endpoint,
                Fault::Hold(gate.clone()),
                Times::Next(1),
            );
            thread::scope(|scope| {
                let person = scope.spawn(|| {
                    let mut person = Person::new();
                    host.wait(person.follow(&shown)).is_err()
                });
                host.wait(sandbox.received(Site::Google, endpoint, asked + 1));
                kill(first.server);
                assert!(person.join().unwrap(), "the page came from the dead");
            });
            gate.cancel();

            let next = after_crash(&host);
            host.connect_when_open(&shown);
            kill(next);

            let mut last = Session::open(&host, Era::Text);
            assert_finished(&last.alone(&find_mail()));
            sandbox.end_grants(Site::Google);
        }
    }
}

#[test]
fn a_kill_while_a_refresh_is_under_way_costs_no_connection() {
    let host = Host::new("");
    let mut first = Session::open(&host, Era::Text);
    first.with(&find_mail(), Person::new());
    let mut server = first.server;
    for round in 1..=rounds(10, 50) {
        let gate = CancellationToken::new();
        let sandbox = &host.world.sandbox;
        sandbox.end_access_tokens(Site::Google);
        sandbox.fault(
            Site::Google,
            Endpoint::Refresh,
            Fault::Hold(gate.clone()),
            Times::Next(1),
        );
        server.send(
            &json!({ "jsonrpc": "2.0", "id": "cut", "method": "tools/call",
                             "params": find_mail() }),
        );
        host.wait(sandbox.received(Site::Google, Endpoint::Refresh, 2 * round - 1));
        kill(server);
        gate.cancel();

        let mut next = Session::open(&host, Era::Text);
        assert_finished(&next.alone(&find_mail()));
        server = next.server;
    }
    assert_eq!(
        host.world.sandbox.count(Site::Google, Endpoint::Authorize),
        1
    );
}
