//! Durability of single commits, with files that fail.

use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use jiff::Timestamp;
use secrecy::SecretString;
use tempfile::TempDir;

use super::*;
use crate::clock::Clock;
use crate::config::MasterKeySource;
use crate::seal::master::MasterKey;
use crate::store::open;
use crate::store::records::FlowStatus;
use crate::store::tests::{connection, flow};

fn opened(dir: &Path, key: &MasterKeySource) -> Database {
    open::open(dir, key, &Clock::standing_at(Timestamp::UNIX_EPOCH)).unwrap()
}

fn key() -> MasterKeySource {
    let line = MasterKey::generate().to_line();
    MasterKeySource::Environment(SecretString::from(line.as_str()))
}

/// A pipe cannot be synced, so it stands for a disk that fails.
fn failing_file() -> File {
    let (_, writer) = std::io::pipe().unwrap();
    File::from(OwnedFd::from(writer))
}

#[test]
fn the_file_that_is_synced_is_the_one_that_sled_writes() {
    let folder = TempDir::new().unwrap();
    let dir = folder.path().join("vault");
    let database = opened(&dir, &key());
    let before = database.log.metadata().unwrap();
    let row = connection(1, &Caller::local(), 1, &"t".repeat(4_000));
    database.commit(&[Change::PutConnection(row)]).unwrap();
    let after = database.log.metadata().unwrap();
    assert!(
        after.len() > before.len() + 8_000,
        "the row went into this file"
    );
    let named = std::fs::metadata(dir.join("sled/db")).unwrap();
    assert_eq!((after.dev(), after.ino()), (named.dev(), named.ino()));
}

#[test]
fn a_commit_that_cannot_be_synced_is_refused_and_so_is_every_later_one() {
    let folder = TempDir::new().unwrap();
    let (dir, key) = (folder.path().join("vault"), key());
    let mut database = opened(&dir, &key);
    let me = Caller::local();
    let put = |version, id| Change::PutConnection(connection(version, &me, id, "token"));
    let put_flow = Change::PutFlow(flow(1, 1, FlowStatus::Pending));
    database.commit(&[put(1, 1), put_flow]).unwrap();

    let log = std::mem::replace(&mut database.log, failing_file());
    let written = log.metadata().unwrap().len();
    let error = database.commit(&[put(1, 2)]).unwrap_err().to_string();
    assert!(error.contains("cannot be made durable"), "{error}");
    let came_first = log.metadata().unwrap().len() > written;
    assert!(came_first, "sled writes before we sync");
    assert_eq!(database.check_writable().unwrap_err().to_string(), error);

    database.log = log;
    let again = database.commit(&[put(1, 3)]).unwrap_err().to_string();
    assert_eq!(again, error, "a disk that works again does not heal it");
    assert!(
        database
            .connection(&me, ConnectionId([1; 8]))
            .unwrap()
            .is_some()
    );
    assert_eq!(
        database.flow(FlowId([1; 32])).unwrap_err().to_string(),
        error
    );
    assert_eq!(database.flows().unwrap_err().to_string(), error);
    assert_eq!(
        database.flow_by_state(&[1; 32]).unwrap_err().to_string(),
        error
    );
    drop(database);

    let database = opened(&dir, &key);
    assert!(
        database
            .connection(&me, ConnectionId([3; 8]))
            .unwrap()
            .is_none()
    );
    assert_eq!(database.flows().unwrap().len(), 1);
    database.commit(&[put(1, 3)]).unwrap();
}

#[test]
fn a_full_disk_refuses_a_write_untouched_and_the_next_one_works_when_there_is_space() {
    let folder = TempDir::new().unwrap();
    let mut database = opened(&folder.path().join("vault"), &key());
    let me = Caller::local();
    let put = |version, id| Change::PutConnection(connection(version, &me, id, "token"));
    database.commit(&[put(1, 1)]).unwrap();

    let written = database.log.metadata().unwrap().len();
    database.reserve.begin = u64::MAX / 2;
    let full = |done| matches!(done, Err(StoreError::Full { .. }));
    assert!(full(database.commit(&[put(1, 2)])));
    assert!(full(
        database.commit(&[Change::DeleteFlow(FlowId([1; 32]))])
    ));
    assert_eq!(database.log.metadata().unwrap().len(), written);
    database.check_writable().unwrap();
    assert_eq!(database.connections(&me).unwrap().len(), 1);
    database
        .finish(&[put(2, 1)])
        .expect("what was begun may be finished");
    database.reserve.finish = u64::MAX / 2;
    assert!(full(database.finish(&[put(3, 1)])));

    database.reserve = Reserve::USUAL;
    database.commit(&[put(1, 2), put(3, 1)]).unwrap();
    assert_eq!(database.connections(&me).unwrap().len(), 2);
}

#[test]
fn a_conflict_does_not_close_the_store_for_writing() {
    let folder = TempDir::new().unwrap();
    let database = opened(&folder.path().join("vault"), &key());
    let put = |version| Change::PutConnection(connection(version, &Caller::local(), 1, "t"));
    assert!(matches!(
        database.commit(&[put(2)]),
        Err(StoreError::Conflict)
    ));
    database.commit(&[put(1)]).unwrap();
}
