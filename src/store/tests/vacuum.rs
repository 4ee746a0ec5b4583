//! A vacuum leaves nothing old behind, loses nothing, and survives a crash at every step.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::caller::Caller;
use crate::store::records::{ConnectionId, FlowId};
use crate::store::sled::Change;
use crate::store::tests::{
    Place, access_token, at_provider, connection, copy_of_test, files, flow, folder_of_copy,
    open_in, second,
};

/// Whether some file below `folder` has these bytes.
fn occurs(folder: &Path, bytes: &[u8]) -> bool {
    files(folder).iter().any(|path| {
        let file = fs::read(path).unwrap();
        file.windows(bytes.len()).any(|window| window == bytes)
    })
}

#[tokio::test]
async fn after_a_vacuum_no_file_has_what_rows_once_were() {
    let place = Place::new();
    let me = Caller::local();
    let mut old = Vec::new();
    for version in 1..=3 {
        let store = place.open().await.unwrap();
        let rows = vec![
            Change::PutConnection(connection(version, &me, 1, &format!("token-{version}"))),
            Change::PutFlow(flow(version, 1, at_provider(1))),
        ];
        store.commit(rows).await.unwrap();
        drop(store);
        for tree in ["connections", "flows"] {
            let rows = place.sled().open_tree(tree).unwrap();
            old.push(rows.iter().next().unwrap().unwrap().1.to_vec());
        }
    }
    let current = old.split_off(4);
    let store = place.open().await.unwrap();
    let gone = Change::DeleteFlow(FlowId([1; 32]));
    store.commit(vec![gone]).await.unwrap();
    let deleted = current[1].clone();
    for bytes in old.iter().chain([&deleted]) {
        assert!(occurs(place.folder.path(), bytes), "sled keeps old values");
    }
    store.back_up(second(0)).await.unwrap();
    assert!(place.dir().join("backup").exists(), "it has an old row");
    let done = store.vacuum().await.unwrap();
    assert!(!place.dir().join("backup").exists());
    assert!(done.before > 0 && done.after > 0);
    for open in [true, false] {
        for bytes in old.iter().chain([&deleted]) {
            assert!(!occurs(place.folder.path(), bytes), "store open: {open}");
        }
        assert!(occurs(place.folder.path(), &current[0]), "the row is there");
        if open {
            let row = store.connection(&me, ConnectionId([1; 8])).await.unwrap();
            assert_eq!(access_token(&row.unwrap()), "token-3-access");
        }
    }
    drop(store);
    let store = place.open().await.unwrap();
    assert_eq!(store.connections(&me).await.unwrap().len(), 1);
    assert!(store.flows().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_wait_for_a_vacuum_and_lose_nothing() {
    let place = Place::new();
    let store = place.open().await.unwrap();
    let me = Caller::local();
    let stop = CancellationToken::new();
    let writers: Vec<_> = (0..3)
        .map(|id| {
            let (store, me, stop) = (store.clone(), me.clone(), stop.clone());
            tokio::spawn(async move {
                let mut version = 0;
                while !stop.is_cancelled() {
                    version += 1;
                    assert!(store.is_writable());
                    let row = connection(version, &me, id, "token");
                    store
                        .commit(vec![Change::PutConnection(row)])
                        .await
                        .unwrap();
                    let read = store.connection(&me, ConnectionId([id; 8])).await.unwrap();
                    assert_eq!(read.unwrap().version, version);
                }
                version
            })
        })
        .collect();
    for _ in 0..10 {
        store.vacuum().await.unwrap();
    }
    stop.cancel();
    for (id, writer) in (0..).zip(writers) {
        let version = writer.await.unwrap();
        let row = store.connection(&me, ConnectionId([id; 8])).await.unwrap();
        assert_eq!(row.unwrap().version, version);
    }
}

#[tokio::test]
async fn between_any_two_steps_of_a_vacuum_the_next_opening_finds_the_database() {
    type Step = fn(&Path);
    let steps: [(&str, Step); 6] = [
        ("a copy that has begun", |dir| {
            fs::create_dir(dir.join("sled.new")).unwrap();
            fs::write(dir.join("sled.new/db"), "half").unwrap();
        }),
        ("a copy that is whole", |dir| copy(dir, "sled", "sled.new")),
        ("the old one renamed", |dir| {
            copy(dir, "sled", "sled.new");
            fs::rename(dir.join("sled"), dir.join("sled.old")).unwrap();
        }),
        ("both renamed", |dir| copy(dir, "sled", "sled.old")),
        ("the old one half deleted", |dir| {
            fs::create_dir(dir.join("sled.old")).unwrap();
        }),
        ("the new one lost", |dir| {
            fs::rename(dir.join("sled"), dir.join("sled.old")).unwrap();
        }),
    ];
    for (what, leave) in steps {
        let place = Place::new();
        let me = Caller::local();
        let store = place.open().await.unwrap();
        let row = connection(1, &me, 1, "token");
        store
            .commit(vec![Change::PutConnection(row)])
            .await
            .unwrap();
        drop(store);
        // sled's threads may still be ending.
        drop(place.sled());
        drop(place.sled());
        leave(&place.dir());
        for _ in 0..2 {
            let store = place
                .open()
                .await
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(store.connections(&me).await.unwrap().len(), 1, "{what}");
        }
        for left in ["sled.new", "sled.old"] {
            assert!(!place.dir().join(left).exists(), "{what}: {left}");
        }
    }
}

fn copy(dir: &Path, from: &str, to: &str) {
    fs::create_dir(dir.join(to)).unwrap();
    for path in files(&dir.join(from)) {
        let to = dir
            .join(to)
            .join(path.strip_prefix(dir.join(from)).unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(path, to).unwrap();
    }
}

/// The copy writes a row and vacuums without end, and is killed.
#[tokio::test]
async fn twenty_kills_in_the_middle_of_vacuums_lose_nothing() {
    let me = Caller::local();
    if let Some(folder) = folder_of_copy() {
        let store = open_in(&folder).await.unwrap();
        let row = store.connection(&me, ConnectionId([0; 8])).await.unwrap();
        let mut version = row.map_or(0, |row| row.version);
        let mut out = std::io::stdout();
        loop {
            version += 1;
            let row = connection(version, &me, 0, "token");
            store
                .commit(vec![Change::PutConnection(row)])
                .await
                .unwrap();
            writeln!(out, "\nacknowledged {version}").unwrap();
            out.flush().unwrap();
            store.vacuum().await.unwrap();
        }
    }
    let place = Place::new();
    for round in 0..20 {
        let name = "vacuum::twenty_kills_in_the_middle_of_vacuums_lose_nothing";
        let mut child = copy_of_test(name, place.folder.path()).spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("acknowledged ")?.parse::<u64>().ok());
        let acknowledged = said.nth(round % 4).expect("the copy commits");
        // Somewhere in the vacuum that follows.
        std::thread::sleep(std::time::Duration::from_millis(round as u64 * 2));
        child.kill().unwrap();
        child.wait().unwrap();
        let store = place.open().await.unwrap();
        let row = store.connection(&me, ConnectionId([0; 8])).await.unwrap();
        let version = row.expect("the row").version;
        assert!(version >= acknowledged, "round {round}: {version}");
        let left = |name| place.dir().join(name).exists();
        assert!(!left("sled.new") && !left("sled.old"), "round {round}");
    }
}

#[tokio::test]
async fn a_database_that_is_mostly_holes_is_vacuumed_when_it_is_looked_after() {
    let place = Place::new();
    let store = place.open().await.unwrap();
    let me = Caller::local();
    for some in (0..=250_u8).collect::<Vec<_>>().chunks(10) {
        let rows = some.iter().map(|id| {
            let mut row = connection(1, &me, *id, "large");
            row.grant.access_token = SecretString::from("x".repeat(9_500));
            Change::PutConnection(row)
        });
        store.commit(rows.collect()).await.unwrap();
    }
    for round in 2..=4 {
        let rows = (0..=250).map(|id| Change::PutConnection(connection(round, &me, id, "small")));
        store.commit(rows.collect()).await.unwrap();
    }
    assert!(store.wants_vacuum().await.unwrap());
    store.vacuum().await.unwrap();
    assert!(!store.wants_vacuum().await.unwrap());
    assert_eq!(store.connections(&me).await.unwrap().len(), 251);
}
