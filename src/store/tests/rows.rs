//! What is put can be read, by version and by caller, and nothing else can.

use crate::caller::Caller;
use crate::store::error::StoreError;
use crate::store::records::{ConnectionId, FlowId, FlowStatus};
use crate::store::sled::Change;
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

#[tokio::test]
async fn a_flow_is_found_by_the_state_it_waits_for_and_by_no_other() {
    let place = Place::new();
    let store = place.open().await.unwrap();
    let exchanging = FlowStatus::Exchanging {
        browser_digest: [0; 32],
    };
    // The states under which the flow is found after each put.
    let steps = [
        (FlowStatus::Pending, [false, false]),
        (at_provider(1), [true, false]),
        (at_provider(2), [false, true]),
        (at_provider(2), [false, true]),
        (exchanging, [false, false]),
        (at_provider(1), [true, false]),
    ];
    for (n, (status, found)) in steps.into_iter().enumerate() {
        let version = n as u64 + 1;
        let row = flow(version, 9, status);
        store.commit(vec![Change::PutFlow(row)]).await.unwrap();
        for (state, found) in [1, 2].into_iter().zip(found) {
            let by_state = store.flow_by_state([state; 32]).await.unwrap();
            assert_eq!(
                by_state.is_some(),
                found,
                "state {state} after put {version}"
            );
            assert!(by_state.is_none_or(|flow| flow.version == version));
        }
    }
    let deleted = vec![Change::DeleteFlow(FlowId([9; 32]))];
    store.commit(deleted.clone()).await.unwrap();
    store.commit(deleted).await.unwrap();
    assert!(store.flow_by_state([1; 32]).await.unwrap().is_none());
    drop(store);
    let states = place.sled().open_tree("states").unwrap();
    assert_eq!(states.len(), 0, "the index keeps no row without a flow");
}

#[tokio::test]
async fn a_deleted_connection_is_gone_for_its_caller_only() {
    let place = Place::new();
    let store = place.open().await.unwrap();
    let (ada, bob) = (Caller::verified("i", "ada"), Caller::verified("i", "bob"));
    let rows = [&ada, &bob].map(|caller| Change::PutConnection(connection(1, caller, 1, "t")));
    store.commit(rows.to_vec()).await.unwrap();
    let id = ConnectionId([1; 8]);
    let delete = vec![Change::DeleteConnection(ada.clone(), id)];
    store.commit(delete).await.unwrap();
    assert!(store.connection(&ada, id).await.unwrap().is_none());
    assert!(store.connection(&bob, id).await.unwrap().is_some());
    let again = vec![Change::PutConnection(connection(1, &ada, 1, "again"))];
    store.commit(again).await.unwrap();
}

#[tokio::test]
async fn a_handle_comes_back_in_its_own_context_and_from_an_earlier_process() {
    let place = Place::new();
    let store = place.open().await.unwrap();
    let sealed = store.seal_handle(b"context", b"flow");
    drop(store);
    let store = place.open().await.unwrap();
    assert_eq!(store.open_handle(b"context", &sealed).unwrap(), b"flow");
    assert!(store.open_handle(b"another", &sealed).is_none());
}
