//! No change of the audit log goes unnoticed.

use std::fs;

use sled::Tree;

use crate::seal::keyring::Keyring;
use crate::seal::master::MasterKey;
use crate::store::audit::{Fault, Hex, Point, Verdict};
use crate::store::rows::AUDIT;
use crate::store::tests::Place;
use crate::store::tests::audit::{append, fill, numbers, of, record, whole};

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
