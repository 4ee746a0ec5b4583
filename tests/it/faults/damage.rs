//! A damaged vault, as the person and the model hear of it.

use std::fs;

use serde_json::Value;
use valetkey::demo::browser::Person;

use crate::frames::contents;
use crate::host::{Host, assert_finished, search};
use crate::session::{Era, Session, find_mail};

/// Cuts the snapshot of the closed vault short.
fn damage(host: &Host) {
    let sled = host.vault().join("sled");
    let snapshot = contents(&sled)
        .into_iter()
        .find(|path| path.to_string_lossy().starts_with("snap."))
        .expect("a reopened database has a snapshot");
    let snapshot = sled.join(snapshot);
    let bytes = fs::read(&snapshot).unwrap();
    fs::write(&snapshot, &bytes[..bytes.len() / 2]).unwrap();
}

fn texts(answer: &Value) -> String {
    let content = answer["result"]["content"].as_array().unwrap();
    let texts = content.iter().map(|part| part["text"].as_str().unwrap());
    texts.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_repaired_vault_serves_at_once_and_the_next_error_tells_it_once() {
    let host = Host::new("");
    for _ in 0..2 {
        let mut session = Session::open(&host, Era::Text);
        let asked = session.ask(&find_mail());
        if let Some(link) = asked.link {
            host.follow(Person::new(), &link);
        }
        assert_finished(&session.alone(&find_mail()));
        session.server.finish();
    }
    damage(&host);

    let mut session = Session::open(&host, Era::Text);
    assert_finished(&session.alone(&find_mail()));
    let told = session.ask(&search()).message;
    let text = texts(&told);
    assert!(text.contains("was damaged ("), "{text}");
    assert!(text.contains("one connection could be read"), "{text}");
    let notice = &told["result"]["structuredContent"]["notice"];
    assert!(text.contains(notice.as_str().unwrap()), "{told}");
    let again = texts(&session.ask(&search()).message);
    assert!(!again.contains("damaged"), "{again}");
    let (_, log) = session.server.finish();
    let lines = log
        .lines()
        .filter(|line| line.contains("is being repaired"));
    assert_eq!(lines.count(), 1, "{log}");
}
