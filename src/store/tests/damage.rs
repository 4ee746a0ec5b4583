//! A damaged database is cured, and what is told of it is true.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::caller::Caller;
use crate::store::error::StoreError;
use crate::store::sled::{Change, Store};
use crate::store::tests::{Place, access_token, connection, files, second};

/// Connections that each place of these tests holds, more than one page of sled's has room for.
const CONNECTIONS: u8 = 60;

/// A closed store with connections, each of them written twice, and a snapshot.
async fn used_place() -> Place {
    let place = Place::new();
    for version in 1..=2 {
        let store = place.open().await.unwrap();
        for id in 0..CONNECTIONS {
            let row = connection(version, &Caller::local(), id, &token(id, version));
            store
                .commit(vec![Change::PutConnection(row)])
                .await
                .unwrap();
        }
    }
    drop(place.open().await.unwrap());
    place
}

fn token(id: u8, version: u64) -> String {
    format!("{version}-{id}-{}", "x".repeat(400))
}

/// How many connections there are. Each of them must be one that was written.
async fn sound(store: &Store) -> usize {
    let rows = store.connections(&Caller::local()).await.unwrap();
    for row in &rows {
        let whole = token(row.id.0[0], row.version) + "-access";
        assert_eq!(access_token(row), whole, "a row that nobody wrote");
    }
    rows.len()
}

fn evidence(place: &Place) -> Vec<String> {
    let names = fs::read_dir(place.dir()).unwrap();
    let mut names: Vec<_> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("corrupt-"))
        .collect();
    names.sort();
    names
}

fn snapshot(sled: &Path) -> std::path::PathBuf {
    files(sled)
        .into_iter()
        .find(|path| path.to_string_lossy().contains("snap."))
        .expect("a reopened database has a snapshot")
}

#[tokio::test]
async fn damage_is_cured_with_what_can_be_read_and_told_once() {
    type Damage = fn(&Path);
    let all = usize::from(CONNECTIONS);
    let cases: [(&str, Damage, usize); 5] = [
        (
            "a cut snapshot",
            |sled| {
                let snapshot = snapshot(sled);
                fs::write(&snapshot, &fs::read(&snapshot).unwrap()[..20]).unwrap();
            },
            all,
        ),
        (
            "settings of another kind",
            |sled| {
                fs::write(sled.join("conf"), "segment_size: 512\nnonsense\n\0\0\0\0").unwrap();
            },
            all,
        ),
        (
            "a lost log",
            |sled| fs::write(sled.join("db"), "").unwrap(),
            0,
        ),
        (
            "a log that is gone",
            |sled| fs::remove_file(sled.join("db")).unwrap(),
            0,
        ),
        (
            "a log of nonsense",
            |sled| {
                let length = fs::metadata(sled.join("db")).unwrap().len();
                let length = usize::try_from(length).unwrap();
                fs::write(sled.join("db"), vec![0x5a; length]).unwrap();
            },
            0,
        ),
    ];
    for (what, damage, expected) in cases {
        let place = used_place().await;
        damage(&place.dir().join("sled"));
        let mut damaged = files(&place.dir().join("sled"));

        let store = place.open().await.expect(what);
        let readable = if store.connections(&Caller::local()).await.is_ok() {
            store
        } else {
            // Seen only now: the next opening cures it.
            assert!(!store.is_writable(), "{what}");
            drop(store);
            place.open().await.expect(what)
        };
        assert_eq!(sound(&readable).await, expected, "{what}");
        let row = connection(1, &Caller::local(), 200, &token(200, 1));
        let put = vec![Change::PutConnection(row)];
        readable.commit(put).await.expect(what);

        let notice = readable.notice().await.unwrap().expect(what);
        let [kept] = evidence(&place).try_into().expect(what);
        assert!(notice.contains("was damaged ("), "{what}: {notice}");
        assert!(notice.contains(&kept), "{what}: {notice}");
        let kept = place.dir().join(kept);
        let mode = fs::metadata(&kept).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o700, "{what}");
        damaged.retain(|path| !kept.join("sled").join(path.file_name().unwrap()).exists());
        assert!(damaged.is_empty(), "{what}: {damaged:?} is not kept");
        assert_eq!(readable.notice().await.unwrap(), None, "{what}");
        drop(readable);

        let again = place.open().await.expect(what);
        assert_eq!(sound(&again).await, expected + 1, "{what}");
        assert_eq!(again.notice().await.unwrap(), None, "{what}");
        assert_eq!(evidence(&place).len(), 1, "{what}");
        for file in files(&place.dir()) {
            let mode = fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{what}: {}", file.display());
        }
    }
}

#[tokio::test]
async fn settings_that_are_gone_are_made_anew_and_nothing_is_lost() {
    let place = used_place().await;
    fs::remove_file(place.dir().join("sled/conf")).unwrap();
    let store = place.open().await.unwrap();
    assert_eq!(sound(&store).await, usize::from(CONNECTIONS));
    assert_eq!(store.notice().await.unwrap(), None);
    assert!(evidence(&place).is_empty());
}

#[tokio::test]
async fn what_is_lost_comes_back_from_the_daily_copy_unless_it_was_deleted() {
    const DAY: i64 = 24 * 60 * 60;
    let backups = |place: &Place| match fs::read_dir(place.dir().join("backup")) {
        Ok(entries) => entries.count(),
        Err(_) => 0,
    };
    let lose = |place: &Place| fs::write(place.dir().join("sled/db"), "").unwrap();
    let place = used_place().await;
    let all = usize::from(CONNECTIONS);
    let store = place.open().await.unwrap();
    for (day, expected) in [(0, 1), (0, 1), (1, 2), (2, 2), (3, 2)] {
        store.back_up(second(day * DAY)).await.unwrap();
        assert_eq!(backups(&place), expected, "day {day}");
    }
    drop(store);
    lose(&place);
    let store = place.open().await.unwrap();
    assert_eq!(sound(&store).await, all);
    let notice = store.notice().await.unwrap().unwrap();
    let told = format!("no connection could be read, and {all} are from a copy");
    assert!(notice.contains(&told), "{notice}");
    drop(store);

    // A newest copy that is damaged too leaves the one before it.
    let newest = files(&place.dir().join("backup")).into_iter().max();
    fs::write(newest.unwrap(), "{").unwrap();
    lose(&place);
    let store = place.open().await.unwrap();
    assert_eq!(sound(&store).await, all);

    let first = store.connections(&Caller::local()).await.unwrap()[0].id;
    let delete = Change::DeleteConnection(Caller::local(), first);
    store.commit(vec![delete]).await.unwrap();
    assert_eq!(backups(&place), 0);
    drop(store);
    lose(&place);
    assert_eq!(sound(&place.open().await.unwrap()).await, 0);
}

/// Nothing is wrong with the database when the way to it is barred.
#[tokio::test]
async fn what_is_no_damage_is_an_error_and_moves_nothing() {
    let place = used_place().await;
    let log = place.dir().join("sled/db");
    fs::remove_file(&log).unwrap();
    fs::create_dir(&log).unwrap();
    let before = files(&place.dir());
    match place.open().await {
        Err(StoreError::Failed { path, cause, fix }) => {
            assert_eq!(Path::new(&path), place.dir());
            assert!(!cause.is_empty() && !fix.is_empty());
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(files(&place.dir()), before);
}

/// Which bytes are hit is different in each round and the same in each run.
#[tokio::test]
async fn of_flipped_bytes_comes_no_panic_no_wrong_row_and_no_loss_that_is_not_told() {
    const ROUNDS: u32 = 40;
    let original = used_place().await;
    let (home, sled) = (original.dir(), original.dir().join("sled"));
    let whole: Vec<_> = files(&home)
        .into_iter()
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    let (mut cured, mut lost) = (0, 0);
    for round in 0..ROUNDS {
        fs::remove_dir_all(&sled).unwrap();
        fs::create_dir(&sled).unwrap();
        for (path, bytes) in &whole {
            fs::write(path, bytes).unwrap();
        }
        // A killed process leaves an older snapshot than a closed one, or none.
        if round % 2 == 1 {
            fs::remove_file(snapshot(&sled)).unwrap();
        }
        let mut log = fs::read(sled.join("db")).unwrap();
        // Not in the empty rest of the last segment.
        let written = log.iter().rposition(|byte| *byte != 0).unwrap();
        for nth in 0..=round % 3 {
            let at = u64::from(round * 3 + nth + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
            let at = usize::try_from(at).unwrap() % written;
            log[at] ^= 1 << (at % 8);
        }
        fs::write(sled.join("db"), log).unwrap();

        let mut store = original.open().await.unwrap();
        if store.connections(&Caller::local()).await.is_err() {
            drop(store);
            store = original.open().await.unwrap();
        }
        let rows = sound(&store).await;
        let told = store.notice().await.unwrap().is_some();
        cured += u32::from(told);
        if rows < usize::from(CONNECTIONS) {
            lost += 1;
            assert!(told, "round {round} lost rows without a word");
        }
        let row = connection(1, &Caller::local(), 200, &token(200, 1));
        store
            .commit(vec![Change::PutConnection(row)])
            .await
            .unwrap();
        drop(store);
        for name in evidence(&original) {
            fs::remove_dir_all(home.join(name)).unwrap();
        }
    }
    assert!(
        cured > 0 && lost < cured,
        "{cured} cured, {lost} with rows lost"
    );
}

/// A process may be killed between any two steps of a cure.
#[tokio::test]
async fn a_cure_that_was_interrupted_goes_on_and_is_not_repeated_for_ever() {
    type Interrupt = fn(&Path);
    fn journal(dir: &Path, tries: u32) {
        let text = format!(
            r#"{{"curing":{{"cause":"a test","evidence":"corrupt-20261123T160000Z","tries":{tries}}}}}"#
        );
        fs::write(dir.join("cure.json"), text).unwrap();
    }
    fn moved(dir: &Path) {
        let kept = dir.join("corrupt-20261123T160000Z");
        fs::create_dir(&kept).unwrap();
        fs::rename(dir.join("sled"), kept.join("sled")).unwrap();
    }
    let all = Some(usize::from(CONNECTIONS));
    let cases: [(&str, Interrupt, Option<usize>); 6] = [
        ("before it was moved", |dir| journal(dir, 1), all),
        (
            "after it was moved",
            |dir| {
                journal(dir, 1);
                moved(dir);
            },
            all,
        ),
        (
            "with halves of a copy and of a new one",
            |dir| {
                journal(dir, 2);
                moved(dir);
                fs::create_dir(dir.join("sled.cure")).unwrap();
                fs::create_dir(dir.join("sled.cured")).unwrap();
                fs::write(dir.join("sled.cured/db"), "x").unwrap();
            },
            all,
        ),
        (
            "after an opening saw no database",
            |dir| {
                journal(dir, 1);
                moved(dir);
                fs::create_dir(dir.join("sled")).unwrap();
            },
            all,
        ),
        (
            "three times over reading it",
            |dir| {
                journal(dir, 3);
                moved(dir);
            },
            Some(0),
        ),
        ("again and again", |dir| journal(dir, 6), None),
    ];
    for (what, interrupt, expected) in cases {
        let place = used_place().await;
        interrupt(&place.dir());
        let before = files(&place.dir());
        match (place.open().await, expected) {
            (Ok(store), Some(expected)) => {
                assert_eq!(sound(&store).await, expected, "{what}");
                assert!(store.notice().await.unwrap().is_some(), "{what}");
                for rest in ["sled.cure", "sled.cured"] {
                    assert!(!place.dir().join(rest).exists(), "{what}");
                }
            }
            (Err(StoreError::Failed { cause, .. }), None) => {
                assert!(cause.contains("could not be replaced"), "{what}: {cause}");
                assert_eq!(files(&place.dir()), before, "{what}");
            }
            (other, _) => panic!("{what}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn at_most_three_damaged_databases_are_kept() {
    let place = used_place().await;
    let mut first = None;
    for round in 0..5 {
        fs::write(place.dir().join("sled/conf"), "nonsense of some length").unwrap();
        let store = place.open().await.unwrap();
        assert_eq!(sound(&store).await, usize::from(CONNECTIONS), "{round}");
        let kept = evidence(&place);
        assert_eq!(kept.len(), (round + 1).min(3));
        first.get_or_insert_with(|| kept[0].clone());
    }
    assert!(!evidence(&place).contains(&first.unwrap()));
}
