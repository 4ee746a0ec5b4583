//! What someone with the files learns and can do: nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rustix::fs::Mode;

use crate::caller::Caller;
use crate::store::records::{ConnectionId, FlowId, FlowStatus};
use crate::store::sled::Change;
use crate::store::tests::{
    Place, at_provider, connection, copy_of_test, files, flow, folder_of_copy, open_in,
};

/// sled keeps old versions of a row in its log until the space is needed.
#[tokio::test]
async fn no_generation_of_a_row_can_be_read_in_any_file() {
    let place = Place::new();
    let store = place.open().await.unwrap();
    let me = Caller::verified("https://id.example", "canary-subject");
    for version in 1..=4 {
        let rows = vec![
            Change::PutConnection(connection(version, &me, 1, &format!("canary-{version}"))),
            Change::PutFlow(flow(version, 1, at_provider(1))),
        ];
        store.commit(rows).await.unwrap();
    }
    let gone = vec![
        Change::DeleteConnection(me, ConnectionId([1; 8])),
        Change::DeleteFlow(FlowId([1; 32])),
    ];
    store.commit(gone).await.unwrap();

    let search = |needle: &str| {
        files(place.folder.path()).into_iter().find(|path| {
            let bytes = fs::read(path).unwrap();
            bytes
                .windows(needle.len())
                .any(|part| part == needle.as_bytes())
        })
    };
    let readable = [
        "canary",
        "ada@example.com",
        "google-work",
        "mail.read",
        "account-1",
    ];
    for open in [true, false] {
        for needle in readable {
            assert_eq!(search(needle), None, "{needle}, store open: {open}");
        }
        assert!(
            search("connections").is_some(),
            "the search sees sled's own words"
        );
        if open {
            drop(place.open().await.expect_err("the store is open"));
        }
    }
    drop(store);
    for needle in readable {
        assert_eq!(search(needle), None, "{needle}, after closing");
    }
}

#[tokio::test]
async fn rows_moved_to_another_place_read_as_absent_and_can_be_put_anew() {
    let place = Place::new();
    let store = place.open().await.unwrap();
    let (ada, bob) = (Caller::verified("i", "ada"), Caller::verified("i", "bob"));
    let (own, swapped) = (ConnectionId([1; 8]), ConnectionId([2; 8]));
    let mut rows = Vec::new();
    for caller in [&ada, &bob] {
        rows.push(Change::PutConnection(connection(1, caller, 1, "own")));
        rows.push(Change::PutConnection(connection(1, caller, 2, "swapped")));
    }
    rows.push(Change::PutFlow(flow(1, 1, at_provider(1))));
    rows.push(Change::PutFlow(flow(1, 2, FlowStatus::Pending)));
    store.commit(rows).await.unwrap();
    drop(store);

    let db = place.sled();
    let tree = |name| db.open_tree(name).unwrap();
    let key = |caller, id| super::super::rows::connection_key(caller, id);
    let connections = tree("connections");
    let [of_ada, of_bob] = [&ada, &bob].map(|caller| {
        let value = connections.get(key(caller, swapped)).unwrap();
        value.unwrap()
    });
    connections.insert(key(&ada, swapped), of_bob).unwrap();
    connections.insert(key(&bob, swapped), of_ada).unwrap();
    let flows = tree("flows");
    let one = flows.get([1; 32]).unwrap().unwrap();
    flows.insert([2; 32], &one).unwrap();
    // Another state now leads to flow 1, and flow 1 stands in another tree too.
    let state = tree("states").get([1; 32]).unwrap().unwrap();
    tree("states").insert([2; 32], state).unwrap();
    connections.insert([1; 32], one).unwrap();
    drop((connections, flows));
    drop(db);

    let store = place.open().await.unwrap();
    for caller in [&ada, &bob] {
        assert!(store.connection(caller, own).await.unwrap().is_some());
        assert!(store.connection(caller, swapped).await.unwrap().is_none());
        assert_eq!(store.connections(caller).await.unwrap().len(), 1);
    }
    assert!(store.flow(FlowId([1; 32])).await.unwrap().is_some());
    assert!(store.flow(FlowId([2; 32])).await.unwrap().is_none());
    assert_eq!(store.flows().await.unwrap().len(), 1);
    assert!(store.flow_by_state([1; 32]).await.unwrap().is_some());
    assert!(store.flow_by_state([2; 32]).await.unwrap().is_none());
    let again = vec![Change::PutConnection(connection(1, &ada, 2, "again"))];
    store.commit(again).await.unwrap();
    assert!(store.connection(&ada, swapped).await.unwrap().is_some());
}

/// In a copy of the process, since the umask is the whole process's.
#[tokio::test]
async fn every_file_is_ours_alone_even_if_the_umask_lets_everyone_in() {
    if let Some(folder) = folder_of_copy() {
        rustix::process::umask(Mode::empty());
        fs::write(folder.join("control"), "").unwrap();
        let me = Caller::local();
        // The second opening writes a snapshot, the rows fill more than a segment.
        for round in 0..3 {
            let store = open_in(&folder).await.unwrap();
            for id in 0..100 {
                let row = connection(round + 1, &me, id, &"t".repeat(2_000));
                store
                    .commit(vec![Change::PutConnection(row)])
                    .await
                    .unwrap();
            }
        }
        return;
    }

    let place = Place::new();
    let name = "privacy::every_file_is_ours_alone_even_if_the_umask_lets_everyone_in";
    let mut copy = copy_of_test(name, place.folder.path()).spawn().unwrap();
    assert!(copy.wait().unwrap().success());
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        mode(&place.folder.path().join("control")),
        0o666,
        "the umask was open"
    );
    for (folder, expected) in [("data/vault", 7), ("config", 2)] {
        let mut seen = 1;
        let mut folders = vec![place.folder.path().join(folder)];
        while let Some(folder) = folders.pop() {
            assert_eq!(mode(&folder), 0o700, "{}", folder.display());
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                seen += 1;
                if path.is_dir() {
                    folders.push(path);
                } else {
                    assert_eq!(mode(&path), 0o600, "{}", path.display());
                }
            }
        }
        assert!(seen >= expected, "{seen} entries in {folder}");
    }
    assert_eq!(
        mode(&place.folder.path().join("data")),
        0o700,
        "a parent that was made"
    );
}
