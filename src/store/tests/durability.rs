//! What was acknowledged is there, whatever happens to the process.

use std::fs;
use std::io::{BufRead, BufReader, Write};

use secrecy::SecretString;

use crate::caller::Caller;
use crate::store::error::StoreError;
use crate::store::records::{ConnectionId, FlowId, FlowStatus};
use crate::store::sled::Change;
use crate::store::tests::{
    Place, access_token, at_provider, connection, copy_of_test, flow, folder_of_copy, open_in,
};

const KILLS: u8 = 50;

/// The copy acknowledges one transaction after the other and is killed right after the first or a
/// later one. Each of them replaces connection 0 and makes a new one.
#[tokio::test]
async fn fifty_kills_right_after_an_acknowledgement_lose_nothing() {
    let me = Caller::local();
    if let Some(folder) = folder_of_copy() {
        let store = open_in(&folder).await.unwrap();
        let mut version = store.connections(&me).await.unwrap().len() as u64;
        loop {
            let new = u8::try_from(version).unwrap();
            version += 1;
            let mut rows = vec![Change::PutConnection(connection(
                version, &me, 0, "replaced",
            ))];
            if new > 0 {
                rows.push(Change::PutConnection(connection(1, &me, new, "new")));
            }
            store.commit(rows).await.unwrap();
            let mut out = std::io::stdout();
            writeln!(out, "\nacknowledged {version}").unwrap();
            out.flush().unwrap();
        }
    }

    let place = Place::new();
    let mut acknowledged = 0;
    for round in 0..KILLS {
        let name = "durability::fifty_kills_right_after_an_acknowledgement_lose_nothing";
        let mut copy = copy_of_test(name, place.folder.path()).spawn().unwrap();
        let mut said = BufReader::new(copy.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("acknowledged ")?.parse::<u64>().ok());
        acknowledged = said.nth(usize::from(round % 3)).expect("the copy commits");
        copy.kill().unwrap();
        copy.wait().unwrap();

        let store = place.open().await.unwrap();
        let rows = store.connections(&me).await.unwrap();
        assert!(
            rows.len() as u64 >= acknowledged,
            "a new row is lost in round {round}"
        );
        assert_eq!(
            rows[0].version,
            rows.len() as u64,
            "half a transaction in round {round}"
        );
    }
    assert!(acknowledged >= u64::from(KILLS));
}

#[tokio::test]
async fn a_transaction_with_one_conflict_changes_nothing_at_all() {
    let place = Place::new();
    let store = place.open().await.unwrap();
    let me = Caller::local();
    let before = vec![
        Change::PutConnection(connection(1, &me, 1, "old")),
        Change::PutFlow(flow(1, 1, at_provider(1))),
    ];
    store.commit(before).await.unwrap();
    let done = store
        .commit(vec![
            Change::PutConnection(connection(2, &me, 1, "new")),
            Change::PutConnection(connection(1, &me, 2, "new")),
            Change::PutFlow(flow(2, 1, FlowStatus::Pending)),
            Change::DeleteFlow(FlowId([1; 32])),
            Change::PutConnection(connection(7, &me, 3, "conflict")),
        ])
        .await;
    assert!(matches!(done, Err(StoreError::Conflict)));
    drop(store);
    let store = place.open().await.unwrap();
    let rows = store.connections(&me).await.unwrap();
    assert_eq!(
        rows.iter().map(access_token).collect::<Vec<_>>(),
        ["old-access"]
    );
    assert!(store.flow_by_state([1; 32]).await.unwrap().is_some());
}

#[tokio::test]
async fn of_many_puts_over_the_same_version_exactly_one_wins() {
    let place = Place::new();
    let store = place.open().await.unwrap();
    let me = Caller::local();
    let puts: Vec<_> = (0..16)
        .map(|n| {
            let (store, row) = (store.clone(), connection(1, &me, 1, &format!("put-{n}")));
            tokio::spawn(async move { store.commit(vec![Change::PutConnection(row)]).await })
        })
        .collect();
    let mut winner = None;
    for (n, put) in puts.into_iter().enumerate() {
        match put.await.unwrap() {
            Ok(()) => assert_eq!(winner.replace(n), None, "two winners"),
            Err(StoreError::Conflict) => {}
            Err(other) => panic!("{other}"),
        }
    }
    let row = store.connection(&me, ConnectionId([1; 8])).await.unwrap();
    let expected = format!("put-{}-access", winner.unwrap());
    assert_eq!(access_token(&row.unwrap()), expected);
}

#[tokio::test]
async fn a_commit_ends_also_when_nobody_waits_for_it_any_more() {
    let place = Place::new();
    let store = place.open().await.unwrap();
    let me = Caller::local();
    let rows = vec![Change::PutConnection(connection(1, &me, 1, "kept"))];
    tokio::select! {
        biased;
        _ = store.commit(rows) => {}
        () = std::future::ready(()) => {}
    }
    drop(store);
    let store = loop {
        // The commit has its own handle, and the lock with it.
        match place.open().await {
            Ok(store) => break store,
            Err(StoreError::Locked { .. }) => tokio::task::yield_now().await,
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!(store.connections(&me).await.unwrap().len(), 1);
}

/// See `open::SEGMENT_BYTES`.
#[tokio::test]
async fn rows_of_any_allowed_size_stay_in_the_log_that_is_synced() {
    let place = Place::new();
    let store = place.open().await.unwrap();
    let me = Caller::local();
    let blobs = place.dir().join("sled/blobs");
    for round in 1..=12 {
        let rows = (0..60).map(|id| {
            let mut row = connection(round, &me, id, "large");
            row.grant.access_token = SecretString::from("x".repeat(9_500));
            Change::PutConnection(row)
        });
        for some in rows.collect::<Vec<_>>().chunks(7) {
            store.commit(some.to_vec()).await.unwrap();
            assert_eq!(fs::read_dir(&blobs).unwrap().count(), 0, "round {round}");
        }
    }
}

#[tokio::test]
async fn a_record_that_is_too_long_is_refused_and_the_store_goes_on() {
    let place = Place::new();
    let store = place.open().await.unwrap();
    let me = Caller::local();
    let mut row = connection(1, &me, 1, "large");
    row.grant.access_token = SecretString::from("canary".repeat(2_000));
    let refused = store.commit(vec![Change::PutConnection(row)]).await;
    let message = refused.unwrap_err().to_string();
    assert!(message.contains("longer than 10240 bytes"), "{message}");
    assert!(!message.contains("canary"));
    let small = vec![Change::PutConnection(connection(1, &me, 1, "small"))];
    store.commit(small).await.unwrap();
}
