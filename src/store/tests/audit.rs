//! The audit log: what was written is read, once and in its order, and the log stays bounded.

mod damage;

use jiff::Timestamp;

use crate::caller::Caller;
use crate::store::audit::{AuditKind, AuditOutcome, AuditQuery, AuditRecord, Hex, Point, Verdict};
use crate::store::error::StoreError;
use crate::store::rows::AUDIT;
use crate::store::sled::{Change, Store};
use crate::store::tests::{Place, connection, second};

/// A record of the request `n`.
fn record(n: u64) -> AuditRecord {
    let mut request = [0; 16];
    request[..8].copy_from_slice(&n.to_be_bytes());
    AuditRecord {
        number: 0,
        at: second(i64::try_from(n).unwrap()),
        kind: AuditKind::Call,
        outcome: AuditOutcome::Finished,
        request: Hex(request),
        user: Hex([7; 16]),
        client: Some("test".to_owned()),
        tool: Some(if n.is_multiple_of(2) { "even" } else { "odd" }.to_owned()),
        provider: Some("google".to_owned()),
        connection: Some(Hex([1; 8])),
        account: Some("Ada@example.com".to_owned()),
        scopes: vec!["mail.read".to_owned()],
        arguments: Some(Hex([9; 32])),
        error: None,
        bytes: Some(n),
        duration_ms: Some(1),
    }
}

fn append(record: AuditRecord, keep: u64) -> Change {
    Change::AppendAudit {
        record: Box::new(record),
        keep,
    }
}

/// Appends the records of these requests, several in one transaction.
pub(super) async fn fill(store: &Store, requests: std::ops::RangeInclusive<u64>, keep: u64) {
    let requests: Vec<u64> = requests.collect();
    for some in requests.chunks(7) {
        let changes = some.iter().map(|&n| append(record(n), keep)).collect();
        store.commit(changes).await.unwrap();
    }
}

async fn numbers(store: &Store, query: AuditQuery) -> Vec<u64> {
    let mut numbers = Vec::new();
    let mut query = query;
    loop {
        let page = store.audit(query.clone()).await.unwrap();
        assert!(page.records.len() <= query.limit);
        numbers.extend(page.records.iter().map(|record| record.number));
        match page.next {
            Some(next) => query.before = Some(next),
            None => return numbers,
        }
    }
}

fn of(limit: usize) -> AuditQuery {
    AuditQuery {
        limit,
        ..AuditQuery::default()
    }
}

async fn whole(store: &Store) -> (Point, Point) {
    match store.verify_audit(None).await.unwrap() {
        Verdict::Whole { anchor, head } => (anchor, head),
        broken @ Verdict::Broken { .. } => panic!("{broken:?}"),
    }
}

#[tokio::test]
async fn what_was_appended_is_read_newest_first_in_pages_and_survives_reopening() {
    let place = Place::new();
    let store = place.open().await.unwrap();
    assert_eq!(whole(&store).await, (Point::START, Point::START));
    assert!(numbers(&store, of(5)).await.is_empty());
    fill(&store, 1..=12, 100).await;
    drop(store);

    let store = place.open().await.unwrap();
    let newest_first: Vec<u64> = (1..=12).rev().collect();
    for limit in [1, 5, 12, 500] {
        assert_eq!(numbers(&store, of(limit)).await, newest_first, "{limit}");
    }
    let page = store.audit(of(1)).await.unwrap();
    let expected = AuditRecord {
        number: 12,
        ..record(12)
    };
    assert_eq!(page.records, [expected]);
    let (anchor, head) = whole(&store).await;
    assert_eq!((anchor, head.number), (Point::START, 12));
    assert_eq!(Point::parse(&head.to_string()), Some(head));
}

#[tokio::test]
async fn a_query_finds_what_fits_and_nothing_else() {
    let place = Place::new();
    let store = place.open().await.unwrap();
    fill(&store, 1..=6, 100).await;
    let named = |text: &str| Some(text.to_owned());
    let denied = AuditRecord {
        outcome: AuditOutcome::Denied,
        account: None,
        connection: None,
        provider: named("slack"),
        ..record(7)
    };
    store.commit(vec![append(denied, 100)]).await.unwrap();
    let all = || of(100);
    let cases: Vec<(AuditQuery, &[u64])> = vec![
        (
            AuditQuery {
                tool: named("even"),
                ..all()
            },
            &[6, 4, 2],
        ),
        (
            AuditQuery {
                tool: named("eve"),
                ..all()
            },
            &[],
        ),
        (
            AuditQuery {
                account: named("ada@EXAMPLE.com"),
                ..all()
            },
            &[6, 5, 4, 3, 2, 1],
        ),
        (
            AuditQuery {
                account: named("0101010101010101"),
                ..all()
            },
            &[6, 5, 4, 3, 2, 1],
        ),
        (
            AuditQuery {
                account: named("bob@example.com"),
                ..all()
            },
            &[],
        ),
        (
            AuditQuery {
                provider: named("slack"),
                ..all()
            },
            &[7],
        ),
        (
            AuditQuery {
                outcome: Some(AuditOutcome::Denied),
                ..all()
            },
            &[7],
        ),
        (
            AuditQuery {
                since: Some(second(5)),
                ..all()
            },
            &[7, 6, 5],
        ),
        (
            AuditQuery {
                before: Some(3),
                ..all()
            },
            &[2, 1],
        ),
        (
            AuditQuery {
                before: Some(0),
                ..all()
            },
            &[],
        ),
    ];
    for (query, found) in cases {
        assert_eq!(numbers(&store, query.clone()).await, found, "{query:?}");
    }
}

#[tokio::test]
async fn a_record_that_comes_again_is_kept_once_also_by_the_next_owner() {
    let place = Place::new();
    let store = place.open().await.unwrap();
    let start = AuditRecord {
        outcome: AuditOutcome::Started,
        ..record(1)
    };
    let twice = vec![append(record(1), 100), append(record(1), 100)];
    store.commit(twice).await.unwrap();
    store.commit(vec![append(record(1), 100)]).await.unwrap();
    store
        .commit(vec![append(start.clone(), 100)])
        .await
        .unwrap();
    drop(store);
    let store = place.open().await.unwrap();
    let again = vec![
        append(start, 100),
        append(record(1), 100),
        append(record(2), 100),
    ];
    store.commit(again).await.unwrap();
    assert_eq!(numbers(&store, of(10)).await, [3, 2, 1]);
    whole(&store).await;
}

#[tokio::test]
async fn the_log_stays_bounded_and_can_be_verified_from_where_it_begins() {
    let place = Place::new();
    let store = place.open().await.unwrap();
    fill(&store, 1..=3_000, 50).await;
    let kept = numbers(&store, of(500)).await;
    assert!((45..=50).contains(&kept.len()), "{}", kept.len());
    assert_eq!(kept[0], 3_000);
    let (anchor, head) = whole(&store).await;
    assert_eq!(anchor.number + 1, *kept.last().unwrap());
    assert_eq!(head.number, 3_000);

    // The configuration was changed to keep less.
    fill(&store, 3_001..=3_001, 10).await;
    assert!(numbers(&store, of(500)).await.len() <= 10);
    whole(&store).await;
    drop(store);
    let rows = place.sled().open_tree(AUDIT).unwrap().len();
    assert!(rows <= 10 + 3, "{rows}");
}

#[tokio::test]
async fn a_record_is_part_of_the_transaction_of_its_rows() {
    let place = Place::new();
    let store = place.open().await.unwrap();
    let put = |version| Change::PutConnection(connection(version, &Caller::local(), 1, "t"));
    store
        .commit(vec![put(1), append(record(1), 100)])
        .await
        .unwrap();
    let refused = store.commit(vec![append(record(2), 100), put(1)]).await;
    assert!(matches!(refused, Err(StoreError::Conflict)));
    assert_eq!(numbers(&store, of(10)).await, [1]);
    // What was refused was not written, so it is no repetition.
    store
        .commit(vec![append(record(2), 100), put(2)])
        .await
        .unwrap();
    assert_eq!(numbers(&store, of(10)).await, [2, 1]);
}

#[tokio::test]
async fn hashes_stay_the_same_in_one_vault_and_differ_from_anothers() {
    let (one, other) = (Place::new(), Place::new());
    let store = one.open().await.unwrap();
    let hash = store.keyed_hash("user", b"ada");
    assert_ne!(store.keyed_hash("arguments", b"ada"), hash);
    assert_ne!(store.keyed_hash("user", b"bob"), hash);
    drop(store);
    assert_eq!(one.open().await.unwrap().keyed_hash("user", b"ada"), hash);
    let store = other.open().await.unwrap();
    assert_ne!(store.keyed_hash("user", b"ada"), hash);
}

#[test]
fn a_record_of_this_version_can_be_read_by_the_next() {
    let stored = r#"{"number":1,"at":"2026-11-23T12:00:00Z","kind":"refresh","outcome":"failed",
        "request":"00000000000000000000000000000001","user":"00000000000000000000000000000002"}"#;
    let record: AuditRecord = serde_json::from_str(stored).unwrap();
    assert_eq!(record.kind, AuditKind::Refresh);
    assert_eq!(
        record.at,
        "2026-11-23T12:00:00Z".parse::<Timestamp>().unwrap()
    );
    for outcome in AuditOutcome::ALL {
        let text = serde_json::to_value(outcome).unwrap();
        assert_eq!(text, outcome.as_str());
    }
}

#[tokio::test]
async fn a_page_is_smaller_than_a_megabyte_however_long_its_records_are() {
    let place = Place::new();
    let store = place.open().await.unwrap();
    let long = |n| AuditRecord {
        scopes: vec!["s".repeat(400); 10],
        ..record(n)
    };
    let changes = (1..=300).map(|n| append(long(n), 1_000)).collect();
    store.commit(changes).await.unwrap();
    let page = store.audit(of(500)).await.unwrap();
    assert!(serde_json::to_vec(&page).unwrap().len() < 1_000_000);
    assert_eq!(page.next, Some(301 - page.records.len() as u64));
    assert_eq!(numbers(&store, of(500)).await.len(), 300);
}
