//! The audit log: what was written is read, in its order, and no change of it goes unnoticed.

use std::fs;

use jiff::Timestamp;
use sled::Tree;

use crate::caller::Caller;
use crate::seal::keyring::Keyring;
use crate::seal::master::MasterKey;
use crate::store::audit::{
    AuditKind, AuditOutcome, AuditQuery, AuditRecord, Fault, Hex, Point, Verdict,
};
use crate::store::rows::AUDIT;
use crate::store::sled::{Change, Store, StoreError};
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
async fn fill(store: &Store, requests: std::ops::RangeInclusive<u64>, keep: u64) {
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

/// The keyring of a closed store, as someone has it who has the master key too.
fn keyring(place: &Place) -> Keyring {
    let key = fs::read_to_string(place.key_file()).unwrap();
    let master = MasterKey::parse(&key.into()).unwrap();
    Keyring::open(&fs::read(place.dir().join("keyring")).unwrap(), &master).unwrap()
}

fn key(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

fn flip(tree: &Tree, key: &[u8]) {
    let mut row = tree.get(key).unwrap().unwrap().to_vec();
    *row.last_mut().unwrap() ^= 1;
    tree.insert(key, row).unwrap();
}

fn swap(tree: &Tree, [one, other]: [u64; 2]) {
    let [a, b] = [one, other].map(|number| tree.get(key(number)).unwrap().unwrap());
    tree.insert(key(one), b).unwrap();
    tree.insert(key(other), a).unwrap();
}

/// Seals in place of record `number` what `change` makes of it.
fn rewrite(tree: &Tree, keyring: &Keyring, number: u64, change: impl Fn(&[u8]) -> Vec<u8>) {
    let sealed = tree.get(key(number)).unwrap().unwrap();
    let plain = keyring.open_row(AUDIT, &key(number), &sealed).unwrap();
    let changed = keyring.seal_row(AUDIT, &key(number), &change(&plain));
    tree.insert(key(number), changed).unwrap();
}

fn tool_renamed(row: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(&row[32..]).replace("\"odd\"", "\"ode\"");
    assert!(text.contains("\"ode\""));
    [&row[..32], text.as_bytes()].concat()
}

type Damage = fn(&Tree, &Keyring);

/// Records 3 to 22 are kept: what is done to them, and the first that does not fit then.
const DAMAGES: &[(&str, Damage, u64, Fault)] = &[
    (
        "a changed row",
        |t, _| flip(t, &key(10)),
        10,
        Fault::Altered,
    ),
    (
        "a removed row",
        |t, _| drop(t.remove(key(10))),
        10,
        Fault::Missing,
    ),
    (
        "the first row removed",
        |t, _| drop(t.remove(key(3))),
        3,
        Fault::Missing,
    ),
    ("swapped rows", |t, _| swap(t, [10, 12]), 10, Fault::Altered),
    (
        "a row in another's place",
        |t, _| {
            let row = t.get(key(9)).unwrap().unwrap();
            t.insert(key(10), row).unwrap();
        },
        10,
        Fault::Altered,
    ),
    (
        "a row changed by someone with the key",
        |t, k| {
            rewrite(t, k, 11, tool_renamed);
        },
        11,
        Fault::NotChained,
    ),
    (
        "rows reordered by someone with the key",
        |t, k| {
            let plain = |n: u64| k.open_row(AUDIT, &key(n), &t.get(key(n)).unwrap().unwrap());
            let (a, b) = (plain(10).unwrap().to_vec(), plain(12).unwrap().to_vec());
            rewrite(t, k, 10, |_| b.clone());
            rewrite(t, k, 12, |_| a.clone());
        },
        10,
        Fault::Altered,
    ),
    (
        "a cut tail",
        |t, _| {
            for number in 20..=22 {
                t.remove(key(number)).unwrap();
            }
        },
        20,
        Fault::Missing,
    ),
    (
        "all rows removed",
        |t, _| {
            for number in 1..=22 {
                t.remove(key(number)).unwrap();
            }
        },
        3,
        Fault::Missing,
    ),
    (
        "a row behind the last",
        |t, _| {
            let row = t.get(key(22)).unwrap().unwrap();
            t.insert(key(23), row).unwrap();
        },
        23,
        Fault::AfterHead,
    ),
    (
        "a removed row put back",
        |t, _| {
            let row = t.get(key(22)).unwrap().unwrap();
            t.insert(key(1), row).unwrap();
        },
        1,
        Fault::BeforeAnchor,
    ),
    (
        "the head changed",
        |t, _| flip(t, b"head"),
        22,
        Fault::HeadLost,
    ),
    (
        "the head removed",
        |t, _| drop(t.remove(b"head")),
        22,
        Fault::HeadLost,
    ),
    (
        "the anchor changed",
        |t, _| flip(t, b"anchor"),
        3,
        Fault::AnchorLost,
    ),
    (
        "the anchor in the head's place",
        |t, _| {
            let row = t.get(b"anchor").unwrap().unwrap();
            t.insert(b"head", row).unwrap();
        },
        22,
        Fault::HeadLost,
    ),
];

/// A closed store with 20 records, of which the first is number 3.
async fn filled() -> Place {
    let place = Place::new();
    let store = place.open().await.unwrap();
    fill(&store, 1..=22, 20).await;
    assert_eq!(whole(&store).await.0.number, 2);
    place
}

#[tokio::test]
async fn every_kind_of_damage_is_found_at_the_first_record_that_does_not_fit() {
    for (what, damage, number, fault) in DAMAGES {
        let place = filled().await;
        let db = place.sled();
        damage(&db.open_tree(AUDIT).unwrap(), &keyring(&place));
        drop(db);
        let store = place.open().await.unwrap();
        let expected = Verdict::Broken {
            number: *number,
            fault: *fault,
        };
        assert_eq!(store.verify_audit(None).await.unwrap(), expected, "{what}");
        // What is left can be read, and the log goes on.
        store.audit(of(100)).await.unwrap();
        store.commit(vec![append(record(99), 100)]).await.unwrap();
        let newest = store.audit(of(1)).await.unwrap().records;
        assert_eq!(newest[0].request, record(99).request, "{what}");
        // A row that was added behind the last is overwritten, and nothing is lost with it.
        let still_broken = matches!(
            store.verify_audit(None).await.unwrap(),
            Verdict::Broken { .. }
        );
        assert_eq!(still_broken, *fault != Fault::AfterHead, "{what}");
    }
}

#[tokio::test]
async fn damaged_records_do_not_keep_the_log_from_being_bounded() {
    let place = filled().await;
    let db = place.sled();
    let tree = db.open_tree(AUDIT).unwrap();
    for number in 3..=10 {
        flip(&tree, &key(number));
    }
    drop((tree, db));
    let store = place.open().await.unwrap();
    assert_eq!(store.audit(of(100)).await.unwrap().unreadable, 8);
    fill(&store, 100..=200, 20).await;
    assert!(numbers(&store, of(100)).await.len() <= 20);
    whole(&store).await;
}

#[tokio::test]
async fn a_head_that_was_noted_elsewhere_shows_that_the_whole_vault_was_put_back() {
    let place = Place::new();
    let store = place.open().await.unwrap();
    fill(&store, 1..=5, 100).await;
    let (_, early) = whole(&store).await;
    fill(&store, 6..=9, 100).await;
    let (_, late) = whole(&store).await;
    let other = Point {
        hash: Hex([1; 32]),
        ..early
    };
    let beyond = Point { number: 10, ..late };
    let cases = [
        (early, None),
        (late, None),
        (Point::START, None),
        (other, Some(5)),
        (beyond, Some(10)),
    ];
    for (noted, broken) in cases {
        let verdict = store.verify_audit(Some(noted)).await.unwrap();
        let number = match verdict {
            Verdict::Whole { .. } => None,
            Verdict::Broken { number, fault } => {
                assert_eq!(fault, Fault::NotAsNoted);
                Some(number)
            }
        };
        assert_eq!(number, broken, "{noted}");
    }
}

#[tokio::test]
async fn a_noted_head_is_compared_for_as_long_as_the_log_reaches_back_to_it() {
    let place = filled().await;
    let store = place.open().await.unwrap();
    let (anchor, _) = whole(&store).await;
    let hash = Hex([1; 32]);
    let noted = |number| store.verify_audit(Some(Point { number, hash }));
    let broken = |number| Verdict::Broken {
        number,
        fault: Fault::NotAsNoted,
    };
    assert_eq!(noted(anchor.number).await.unwrap(), broken(anchor.number));
    assert_eq!(noted(22).await.unwrap(), broken(22));
    let gone = noted(anchor.number - 1).await.unwrap();
    assert!(matches!(gone, Verdict::Whole { .. }));
    let verdict = store.verify_audit(Some(anchor)).await.unwrap();
    assert!(matches!(verdict, Verdict::Whole { .. }));
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
