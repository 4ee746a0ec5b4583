//! Taking back all that a user has.

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use valetkey::audit::{AuditKind, AuditOutcome, AuditQuery, AuditRecord};
use valetkey::broker::{Access, FlowOutcome, Requirement};
use valetkey::caller::Caller;
use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::Site;
use valetkey::demo::sandbox::faults::{Endpoint, Fault, Times};

use crate::audit::{command, records, told};
use crate::host::{Host, search};
use crate::session::{Era, Session, find_mail, read_channel};
use crate::world::{Process, READ, SEND, World, google, sign_in};

async fn link(process: &Process, caller: &Caller, requirement: &Requirement) -> String {
    match process.broker.access(caller, requirement).await.unwrap() {
        Access::Consent(consent) => consent.link.into(),
        other => panic!("expected a link, got {other:?}"),
    }
}

async fn log_of(process: &Process) -> Vec<AuditRecord> {
    let query = AuditQuery {
        limit: 100,
        ..AuditQuery::default()
    };
    let mut records = process.broker.audit(query).await.unwrap().records;
    records.reverse();
    records
}

#[tokio::test]
async fn all_connections_and_links_of_the_user_are_gone_and_nobody_elses() {
    let world = World::new().await;
    let process = world.process();
    let [ada, bob] = ["ada", "bob"].map(|sub| Caller::verified("https://id.example", sub));
    let slack = Requirement {
        toolkit: "slack".to_owned(),
        provider: "slack".to_owned(),
        ..google(&["channels:history"])
    };
    for caller in [&ada, &bob] {
        let link = link(&process, caller, &google(&[READ])).await;
        sign_in(&process.broker, caller, &link).await;
    }
    let pending = link(&process, &ada, &slack).await;
    link(&process, &bob, &slack).await;

    let done = process.broker.revoke_user(&ada).await.unwrap();

    assert_eq!(done.connections.len(), 1);
    assert_eq!(done.connections[0].revoked, Ok(true));
    assert_eq!(done.flows, 1);
    assert_eq!(world.sandbox.count(Site::Google, Endpoint::Revoke), 1);
    let connections = |caller| process.broker.connections(caller);
    assert!(connections(&ada).await.unwrap().is_empty());
    assert_eq!(connections(&bob).await.unwrap().len(), 1);
    let journey = Person::new().follow(&pending).await.unwrap();
    assert!(journey.last().status.is_client_error());
    let again = link(&process, &ada, &slack).await;
    assert_ne!(again, pending, "a new link, not the old one");

    let log = log_of(&process).await;
    let of_ada = log.last().unwrap().user;
    let of_ada: Vec<_> = log.iter().filter(|record| record.user == of_ada).collect();
    let kinds: Vec<_> = of_ada.iter().map(|record| record.kind).collect();
    assert_eq!(
        kinds,
        [
            AuditKind::Connect,
            AuditKind::Disconnect,
            AuditKind::RevokeUser
        ]
    );
    assert_eq!(log.len(), 4, "and the connection of the other");
    assert_ne!(log[1].user, log[0].user);
    assert!(
        of_ada
            .iter()
            .all(|record| record.outcome == AuditOutcome::Finished)
    );
}

#[tokio::test]
async fn a_sign_in_that_is_at_its_exchange_ends_without_a_connection_and_its_grant_is_given_back() {
    let world = World::new().await;
    let process = world.process();
    let me = Caller::local();
    let gate = CancellationToken::new();
    let held = Fault::Hold(gate.clone());
    world
        .sandbox
        .fault(Site::Google, Endpoint::Exchange, held, Times::Next(1));
    let consent = process.consent(&[READ]).await;
    let link = consent.link.to_string();
    let browser = tokio::spawn(async move { Person::new().follow(&link).await });
    while world.sandbox.count(Site::Google, Endpoint::Exchange) == 0 {
        tokio::task::yield_now().await;
    }

    let done = process.broker.revoke_user(&me).await.unwrap();
    assert_eq!((done.connections.len(), done.flows), (0, 1));
    gate.cancel();
    browser.await.unwrap().ok();

    assert!(process.broker.connections(&me).await.unwrap().is_empty());
    assert_eq!(world.sandbox.count(Site::Google, Endpoint::Revoke), 1);
    let wait = process.broker.wait(&me, consent.flow, Instant::now());
    assert_eq!(wait.await.unwrap(), FlowOutcome::Expired);
}

#[tokio::test]
async fn what_the_provider_refuses_to_take_back_is_told_and_deleted_all_the_same() {
    let world = World::new().await;
    let process = world.process();
    process.connect(&[READ, SEND]).await;
    let fault = Fault::Status(500);
    world
        .sandbox
        .fault(Site::Google, Endpoint::Revoke, fault, Times::Always);

    let done = process.broker.revoke_user(&Caller::local()).await.unwrap();

    assert!(done.connections[0].revoked.is_err());
    let left = process.broker.connections(&Caller::local()).await.unwrap();
    assert!(left.is_empty());
    let log = log_of(&process).await;
    let errors: Vec<_> = log.iter().map(|record| record.error.as_deref()).collect();
    assert_eq!(errors, [None, Some("not_revoked"), Some("not_revoked")]);
}

#[test]
fn the_command_takes_back_what_the_local_user_has_while_a_server_runs() {
    let host = Host::new("  hold_s: 1\n  hold_text_s: 0\n");
    let mut session = Session::open(&host, Era::Text);
    session.with(&find_mail(), Person::new());
    session.with(&search(), Person::new());
    session.ask(&read_channel());
    let uid = rustix::process::getuid().as_raw().to_string();

    let (code, told_json) = command(&host, &["revoke-user", "local", &uid, "--json"]);

    let done: serde_json::Value = serde_json::from_str(&told_json).unwrap();
    assert_eq!(code, 0, "{done}");
    assert_eq!(done["sign_ins_dropped"], 1);
    let connections = done["connections"].as_array().unwrap();
    assert_eq!(connections.len(), 2);
    for connection in connections {
        assert_eq!(connection["revoked"], true, "{connection}");
        assert_eq!(connection["deleted"], true);
    }
    assert!(session.ask(&find_mail()).link.is_some(), "it asks again");
    let log = told(&records(&host, &[]));
    let last = [
        "disconnect finished",
        "disconnect finished",
        "revoke_user finished",
    ];
    assert_eq!(log[log.len() - 4..log.len() - 1], last, "{log:?}");

    let (code, text) = command(&host, &["revoke-user", "local", "4294967295"]);
    assert_eq!(code, 0);
    assert!(text.contains("no connection"), "{text}");
}
