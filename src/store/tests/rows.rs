//! What is put can be read, by version and by caller, and nothing else can.

use crate::caller::Caller;
use crate::store::records::{ConnectionId, FlowId, FlowStatus};
use crate::store::sled::{Change, StoreError};
use crate::store::tests::{Place, access_token, at_provider, connection, flow};

#[tokio::test]
async fn what_was_put_is_read_by_its_caller_and_survives_reopening() {
    let place = Place::new();
    let (ada, bob) = (
        Caller::verified("https://id.example", "ada"),
        Caller::verified("https://id.example", "bob"),
    );
    let store = place.open().await.unwrap();
    store
        .commit(vec![
            Change::PutConnection(connection(1, &ada, 2, "ada-2")),
            Change::PutConnection(connection(1, &ada, 1, "ada-1")),
            Change::PutConnection(connection(1, &bob, 1, "bob-1")),
            Change::PutFlow(flow(1, 7, FlowStatus::Pending)),
        ])
        .await
        .unwrap();
    drop(store);

    let store = place.open().await.unwrap();
    let tokens: Vec<_> = store.connections(&ada).await.unwrap();
    let tokens: Vec<_> = tokens.iter().map(access_token).collect();
    assert_eq!(tokens, ["ada-1-access", "ada-2-access"], "oldest first");
    let of_bob = store.connection(&bob, ConnectionId([1; 8])).await.unwrap();
    assert_eq!(access_token(&of_bob.unwrap()), "bob-1-access");
    let not_his = store.connection(&bob, ConnectionId([2; 8])).await.unwrap();
    assert!(not_his.is_none());
    assert_eq!(store.flows().await.unwrap().len(), 1);
    assert!(store.flow(FlowId([7; 32])).await.unwrap().is_some());
    assert!(store.flow(FlowId([8; 32])).await.unwrap().is_none());
}

#[tokio::test]
async fn a_put_over_any_other_version_is_a_conflict_and_changes_nothing() {
    // The version stored (0: none), the version put, whether it is taken.
    let cases = [
        (0, 0, false),
        (0, 1, true),
        (0, 2, false),
        (1, 0, false),
        (1, 1, false),
        (1, 2, true),
        (1, 3, false),
        (2, 1, false),
        (2, 2, false),
        (2, 3, true),
        (2, u64::MAX, false),
    ];
    let place = Place::new();
    let store = place.open().await.unwrap();
    let me = Caller::local();
    for (n, (stored, put, taken)) in cases.into_iter().enumerate() {
        let id = u8::try_from(n).unwrap();
        for version in 1..=stored {
            let rows = vec![
                Change::PutConnection(connection(version, &me, id, "old")),
                Change::PutFlow(flow(version, id, FlowStatus::Pending)),
            ];
            store.commit(rows).await.unwrap();
        }
        for change in [
            Change::PutConnection(connection(put, &me, id, "new")),
            Change::PutFlow(flow(put, id, at_provider(id))),
        ] {
            let done = store.commit(vec![change]).await;
            match done {
                Ok(()) => assert!(taken, "{put} over {stored}"),
                Err(StoreError::Conflict) => assert!(!taken, "{put} over {stored}"),
                Err(other) => panic!("{other}"),
            }
        }
        let now = if taken { put } else { stored };
        let read = store.connection(&me, ConnectionId([id; 8])).await.unwrap();
        assert_eq!(read.map_or(0, |row| row.version), now);
        let read = store.flow(FlowId([id; 32])).await.unwrap();
        assert_eq!(read.map_or(0, |row| row.version), now);
        let read = store.flow_by_state([id; 32]).await.unwrap();
        assert_eq!(read.is_some(), taken);
    }
}
