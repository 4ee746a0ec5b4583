//! Who may open a store, and that whoever may not leaves it as it was.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use secrecy::SecretString;

use crate::caller::Caller;
use crate::clock::Clock;
use crate::config::MasterKeySource;
use crate::seal::master::MasterKey;
use crate::store::error::StoreError;
use crate::store::sled::{Change, Store};
use crate::store::tests::{
    Place, connection, copy_of_test, digests, files, folder_of_copy, open_in,
};

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A place whose store holds one connection and is closed.
async fn used_place() -> Place {
    let place = Place::new();
    let store = place.open().await.unwrap();
    let row = connection(1, &Caller::local(), 1, "token");
    store
        .commit(vec![Change::PutConnection(row)])
        .await
        .unwrap();
    place
}

fn environment(key: &MasterKey) -> MasterKeySource {
    MasterKeySource::Environment(SecretString::from(key.to_line().as_str()))
}

/// Opens the store of `place` and expects the message of a refusal, with every file as before.
async fn refusal(place: &Place, key: Option<&MasterKeySource>) -> StoreError {
    let before = digests(place.folder.path());
    let opened = match key {
        None => place.open().await,
        Some(key) => Store::open(&place.dir(), key, Clock::system()).await,
    };
    let error = opened.expect_err("must be refused");
    assert_eq!(
        digests(place.folder.path()),
        before,
        "files changed: {error}"
    );
    error
}

#[tokio::test]
async fn a_key_file_is_made_for_a_brand_new_store_only() {
    let place = used_place().await;
    let key = fs::read_to_string(place.key_file()).unwrap();
    assert!(MasterKey::parse(&SecretString::from(key.as_str())).is_ok());
    drop(place.open().await.unwrap());
    assert_eq!(
        fs::read_to_string(place.key_file()).unwrap(),
        key,
        "made once"
    );
    let beside = files(&place.folder.path().join("config"));
    assert_eq!(beside, [place.key_file()], "nothing is left of its making");

    fs::remove_file(place.key_file()).unwrap();
    let error = refusal(&place, None).await;
    assert!(matches!(error, StoreError::Key(_)), "{error}");
    assert!(error.to_string().contains("Put the key back"), "{error}");

    fs::write(place.key_file(), key).unwrap();
    chmod(&place.key_file(), 0o400);
    let store = place.open().await.unwrap();
    assert_eq!(store.connections(&Caller::local()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_wrong_key_is_refused_and_touches_nothing() {
    let place = used_place().await;
    let other = MasterKey::generate();
    let error = refusal(&place, Some(&environment(&other))).await;
    assert!(matches!(error, StoreError::Key(_)), "{error}");
    assert!(error.to_string().contains("not the one"), "{error}");

    let right = fs::read_to_string(place.key_file()).unwrap();
    fs::write(place.key_file(), other.to_line().as_bytes()).unwrap();
    assert!(matches!(refusal(&place, None).await, StoreError::Key(_)));

    let right = MasterKeySource::Environment(SecretString::from(right));
    let store = Store::open(&place.dir(), &right, Clock::system()).await;
    let rows = store.unwrap().connections(&Caller::local()).await.unwrap();
    assert_eq!(rows.len(), 1);
}

#[tokio::test]
async fn a_malformed_key_is_refused_before_anything_is_made() {
    for text in ["", "short", &"A".repeat(400)] {
        let place = Place::new();
        let key = MasterKeySource::Environment(SecretString::from(text));
        let error = refusal(&place, Some(&key)).await;
        assert!(matches!(error, StoreError::Key(_)), "{error}");
        assert!(
            error
                .to_string()
                .contains("head -c 32 /dev/urandom | base64")
        );
        assert!(!place.folder.path().join("data").exists());
    }
}

#[tokio::test]
async fn a_key_file_that_others_could_have_read_or_put_there_is_refused() {
    type Spoil = fn(&Path);
    let cases: [(&str, Spoil, &str); 8] = [
        ("group may read", |key| chmod(key, 0o640), "chmod 600"),
        ("all may read", |key| chmod(key, 0o604), "chmod 600"),
        ("group may write", |key| chmod(key, 0o620), "chmod 600"),
        ("executable", |key| chmod(key, 0o700), "chmod 600"),
        (
            "a symbolic link",
            |key| {
                let real = key.with_file_name("real");
                fs::rename(key, &real).unwrap();
                symlink(real, key).unwrap();
            },
            "is a symbolic link",
        ),
        (
            "a directory",
            |key| {
                fs::remove_file(key).unwrap();
                fs::create_dir(key).unwrap();
            },
            "not a regular file",
        ),
        (
            "a named pipe",
            |key| {
                fs::remove_file(key).unwrap();
                let mode = rustix::fs::Mode::from_raw_mode(0o600);
                rustix::fs::mknodat(rustix::fs::CWD, key, rustix::fs::FileType::Fifo, mode, 0)
                    .unwrap();
            },
            "not a regular file",
        ),
        (
            "empty",
            |key| fs::write(key, "").unwrap(),
            "does not hold a master key",
        ),
    ];
    for (what, spoil, expected) in cases {
        let place = used_place().await;
        spoil(&place.key_file());
        let error = if what == "a named pipe" {
            place.open().await.unwrap_err()
        } else {
            refusal(&place, None).await
        };
        assert!(error.to_string().contains(expected), "{what}: {error}");
    }
    let ours = fs::metadata(used_place().await.key_file()).unwrap();
    let them = rustix::process::geteuid().as_raw() + 1;
    let problem = super::super::key_file::key_file_problem(Path::new("/k"), &ours, them);
    assert!(problem.unwrap().contains("belongs to another user"));
}

#[tokio::test]
async fn a_key_file_in_the_store_is_refused_before_anything_is_made() {
    let place = Place::new();
    let folder = place.folder.path();
    symlink(folder.join("data"), folder.join("link")).unwrap();
    for key in [
        "data/vault/key",
        "data/vault/deeper/key",
        "data/x/../vault/key",
        "link/vault/key",
    ] {
        let key = MasterKeySource::File(folder.join(key));
        fs::create_dir_all(folder.join("data/x")).unwrap();
        let error = Store::open(&place.dir(), &key, Clock::system()).await;
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("must not lie in the vault's own directory"),
            "{error}"
        );
        assert!(!place.dir().exists());
    }
}

#[tokio::test]
async fn an_unsafe_directory_is_refused_with_the_cure() {
    type Spoil = fn(&Path);
    let cases: [(&str, Spoil, &str); 6] = [
        ("open to all", |dir| chmod(dir, 0o777), "chmod 700"),
        ("group may list", |dir| chmod(dir, 0o740), "chmod 700"),
        ("others may pass", |dir| chmod(dir, 0o701), "chmod 700"),
        (
            "a symbolic link",
            |dir| {
                let real = dir.with_file_name("real");
                fs::rename(dir, &real).unwrap();
                symlink(real, dir).unwrap();
            },
            "is a symbolic link",
        ),
        (
            "a file",
            |dir| {
                fs::rename(dir, dir.with_file_name("away")).unwrap();
                fs::write(dir, "").unwrap();
            },
            "is not a directory",
        ),
        (
            "replaceable by all",
            |dir| chmod(dir.parent().unwrap(), 0o777),
            "chmod o-w",
        ),
    ];
    for (what, spoil, expected) in cases {
        let place = used_place().await;
        spoil(&place.dir());
        let error = refusal(&place, None).await;
        assert!(matches!(error, StoreError::Unsafe(_)), "{what}: {error}");
        assert!(error.to_string().contains(expected), "{what}: {error}");
    }
    let place = used_place().await;
    chmod(place.dir().parent().unwrap(), 0o1777);
    place.open().await.expect("a sticky parent is safe");
    let ours = fs::metadata(place.dir()).unwrap();
    let them = rustix::process::geteuid().as_raw() + 1;
    let problem = super::super::files::directory_problem(Path::new("/d"), &ours, them);
    assert!(problem.unwrap().contains("chown -R"));
}

/// The copy holds the store; nobody else gets in until it is killed.
#[tokio::test]
async fn the_second_opener_learns_the_pid_of_the_first_at_once() {
    if let Some(folder) = folder_of_copy() {
        let _store = open_in(&folder).await.unwrap();
        let mut out = std::io::stdout();
        writeln!(out, "\nholding").unwrap();
        out.flush().unwrap();
        loop {
            std::thread::park();
        }
    }
    let place = Place::new();
    let name = "opening::the_second_opener_learns_the_pid_of_the_first_at_once";
    let mut copy = copy_of_test(name, place.folder.path()).spawn().unwrap();
    let said = BufReader::new(copy.stdout.take().unwrap()).lines();
    assert!(said.map_while(Result::ok).any(|line| line == "holding"));
    let error = refusal(&place, None).await;
    match &error {
        StoreError::Locked { path, pid } => {
            assert_eq!(*pid, copy.id().to_string());
            assert_eq!(*path, place.dir().display().to_string());
        }
        other => panic!("{other}"),
    }
    copy.kill().unwrap();
    copy.wait().unwrap();
    place.open().await.expect("the kernel released the lock");
}

#[tokio::test]
async fn of_many_openers_of_an_empty_place_exactly_one_gets_in() {
    for _ in 0..10 {
        let place = Place::new();
        let tries: Vec<_> = (0..4)
            .map(|_| {
                let folder = place.folder.path().to_owned();
                tokio::spawn(async move { open_in(&folder).await })
            })
            .collect();
        let mut opened = Vec::new();
        for one in tries {
            match one.await.unwrap() {
                Ok(store) => opened.push(store),
                Err(StoreError::Locked { pid, .. }) => {
                    assert!(pid == std::process::id().to_string() || pid == "unknown");
                }
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(opened.len(), 1);
    }
}

#[tokio::test]
async fn the_last_handle_to_go_lets_the_next_one_in() {
    let place = Place::new();
    for _ in 0..5 {
        let first = place.open().await.unwrap();
        let second = first.clone();
        drop(first);
        assert!(matches!(place.open().await, Err(StoreError::Locked { .. })));
        drop(second);
    }
    assert!(place.dir().join("owner.lock").exists());
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_refused_untouched_even_with_another_key() {
    let place = used_place().await;
    let keyring = place.dir().join("keyring");
    let newer = fs::read_to_string(&keyring).unwrap();
    fs::write(
        &keyring,
        newer.replace("\"format\": 2", "\"format\": 3, \"more\": 0"),
    )
    .unwrap();
    for key in [None, Some(&environment(&MasterKey::generate()))] {
        let error = refusal(&place, key).await.to_string();
        assert!(error.contains("has format 3"), "{error}");
        assert!(error.contains("up to 2"), "{error}");
    }
}

#[tokio::test]
async fn a_damaged_or_lost_keyring_is_refused_and_nothing_is_made_anew() {
    let place = used_place().await;
    let keyring = place.dir().join("keyring");
    for damaged in ["", "{", "{\"format\": 1}"] {
        fs::write(&keyring, damaged).unwrap();
        let error = refusal(&place, None).await.to_string();
        assert!(error.contains("the keyring is damaged"), "{error}");
    }
    fs::remove_file(&keyring).unwrap();
    let error = refusal(&place, None).await;
    assert!(
        error.to_string().contains("has lost its file `keyring`"),
        "{error}"
    );
}

/// A process may be killed between any two steps of making a store.
#[tokio::test]
async fn a_store_that_was_half_made_is_finished_by_the_next_opening() {
    type Undo = fn(&Place);
    let steps: [(&str, Undo); 5] = [
        ("no database", |place| {
            fs::remove_dir_all(place.dir().join("sled")).unwrap();
        }),
        ("an empty database directory", |place| {
            fs::remove_dir_all(place.dir().join("sled")).unwrap();
            fs::create_dir(place.dir().join("sled")).unwrap();
        }),
        ("settings without a log", |place| {
            fs::remove_file(place.dir().join("sled/db")).unwrap();
            fs::write(place.dir().join("sled/conf"), "").unwrap();
        }),
        ("a key only", |place| {
            fs::remove_dir_all(place.dir()).unwrap();
        }),
        ("a lock and temporary files", |place| {
            for file in files(&place.dir()) {
                fs::remove_file(file).unwrap();
            }
            fs::write(place.dir().join("owner.lock"), "").unwrap();
            fs::write(place.dir().join("keyring.0123456789abcdef.new"), "{").unwrap();
            fs::remove_file(place.key_file()).unwrap();
        }),
    ];
    for (what, undo) in steps {
        let place = Place::new();
        drop(place.open().await.unwrap());
        undo(&place);
        let store = place.open().await.expect(what);
        let row = connection(1, &Caller::local(), 1, "token");
        store
            .commit(vec![Change::PutConnection(row)])
            .await
            .unwrap();
    }
}
