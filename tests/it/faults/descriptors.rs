//! A process that may have few open files.

use std::net::TcpStream;

use serde_json::{Value, json};
use valetkey::demo::sandbox::SandboxSettings;

use crate::frames::Server;
use crate::host::{Host, assert_finished, search};
use crate::session::{Era, Session, find_mail};

fn limited(host: &Host, open_files: u32) -> Server {
    let config = host.world.config.to_str().unwrap();
    Server::with_open_files(open_files, host.world.home(), &["--config", config])
}

/// Nothing was damaged, nor taken for it.
pub(super) fn is_sound(host: &Host) {
    let mut session = Session::open(host, Era::Text);
    assert_finished(&session.alone(&find_mail()));
    let names = std::fs::read_dir(host.vault()).unwrap();
    for name in names.map(|entry| entry.unwrap().file_name()) {
        let name = name.to_string_lossy().into_owned();
        assert!(!name.starts_with("corrupt-"), "{name}");
    }
}

#[test]
fn a_server_without_files_left_answers_with_an_error_and_recovers_when_some_are_free() {
    let host = Host::new("");
    let mut first = Session::open(&host, Era::Text);
    let link = first.ask(&find_mail()).link.unwrap();
    host.connect(&link);
    let pending = first.ask(&search()).link.unwrap();
    first.server.kill();

    let mut session = Session::around(&host, Era::Text, limited(&host, 64));
    assert_eq!(session.ask(&search()).link.as_deref(), Some(&*pending));
    let flood: Vec<_> = (0..80)
        .map_while(|_| TcpStream::connect(("127.0.0.1", host.world.port)).ok())
        .collect();
    assert!(flood.len() > 60, "{}", flood.len());
    let mut refused = 0;
    for _ in 0..5 {
        let answer = session.alone(&find_mail());
        if answer["result"]["isError"] == true {
            let text = answer["result"]["content"][0]["text"].as_str().unwrap();
            assert!(text.starts_with("Error ("), "{text}");
            refused += 1;
        }
    }
    assert!(refused > 0, "there were files left");

    drop(flood);
    assert_finished(&session.alone(&find_mail()));
    host.connect(&pending);
    assert_finished(&session.alone(&search()));
    session.server.kill();
    is_sound(&host);
}

/// Whatever step it is that fails.
#[test]
fn a_server_that_runs_out_of_files_while_it_opens_the_vault_harms_nothing() {
    let host = Host::with(SandboxSettings::default(), "");
    let mut first = Session::open(&host, Era::Text);
    let link = first.ask(&find_mail()).link.unwrap();
    host.connect(&link);
    first.server.kill();

    let (mut refusals, mut answers) = (0, 0);
    for open_files in (8..40).step_by(2) {
        let mut server = limited(&host, open_files);
        let hello = json!({ "protocolVersion": "2025-06-18", "capabilities": {},
                            "clientInfo": { "name": "test", "version": "1" } });
        let answer = server
            .try_request(1, "initialize", &hello)
            .and_then(|_| server.try_request(2, "tools/call", &find_mail()));
        match answer.as_ref().map(|answer| &answer["result"]["isError"]) {
            Some(Value::Bool(true)) => refusals += 1,
            Some(_) => answers += 1,
            // It could not even start.
            None => {}
        }
        server.kill();
    }
    assert!(
        refusals > 0 && answers > 0,
        "{refusals} refusals, {answers} answers"
    );
    is_sound(&host);
}
