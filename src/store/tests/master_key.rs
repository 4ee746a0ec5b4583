//! New master keys: what the old one opens, and what a crash or a failure leaves.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use crate::caller::Caller;
use crate::clock::Clock;
use crate::config::MasterKeySource;
use crate::seal::master::MasterKey;
use crate::store::error::StoreError;
use crate::store::sled::Store;
use crate::store::tests::Place;
use crate::store::tests::rotation::{fill, master_key};

#[tokio::test]
async fn after_a_new_master_key_the_old_one_opens_nothing_and_is_kept_apart() {
    let place = Place::new();
    let store = place.open().await.unwrap();
    fill(&store, 3).await;
    let handle = store.seal_handle(b"context", b"flow");
    let old = master_key(place.key_file());
    let replacing = old.id().to_string();
    let done = store.rotate_master_key(replacing, None).await.unwrap();
    let new = master_key(place.key_file());
    assert_eq!(done.master_key, new.id().to_string());
    assert_eq!(done.kept_in, place.key_file().display().to_string());
    let kept = PathBuf::from(done.old_kept_in.unwrap());
    assert_eq!(master_key(kept.clone()).id(), old.id());
    assert!(store.open_handle(b"context", &handle).is_some());
    drop(store);

    let names: Vec<_> = super::files(&place.folder.path().join("config"));
    assert_eq!(names.len(), 2, "{names:?}");
    fs::remove_file(kept).unwrap();
    let with = |key: &MasterKey| {
        let text = SecretString::from(key.to_line().trim_end());
        let (dir, key) = (place.dir(), MasterKeySource::Environment(text));
        async move { Store::open(&dir, &key, Clock::system()).await }
    };
    assert!(matches!(with(&old).await, Err(StoreError::Key(_))));
    drop(with(&new).await.unwrap());
    let store = place.open().await.unwrap();
    let rows = store.connections(&Caller::local()).await.unwrap();
    assert_eq!(rows.len(), 3);
}

/// What a crash can leave between any two steps of a new master key.
#[tokio::test]
async fn between_any_two_steps_of_a_new_master_key_the_vault_opens() {
    let place = Place::new();
    let store = place.open().await.unwrap();
    fill(&store, 3).await;
    let keyring = place.dir().join("keyring");
    let before = [place.key_file(), keyring.clone()].map(|path| fs::read(path).unwrap());
    let old = master_key(place.key_file()).id();
    store
        .rotate_master_key(old.to_string(), None)
        .await
        .unwrap();
    drop(store);
    let after = [place.key_file(), keyring.clone()].map(|path| fs::read(path).unwrap());
    let new = master_key(place.key_file()).id();
    let beside = |end: &str| place.key_file().with_file_name(format!("master.key.{end}"));
    let (next, kept) = (
        beside(&format!("{new}.next")),
        beside(&format!("{old}.old")),
    );
    let [old_key, old_keyring] = &before;
    let [new_key, new_keyring] = &after;
    // The key in its place, the keyring, whether the old and the next key are kept, the key that is
    // in its place after the next opening.
    let steps = [
        ("nothing", old_key, old_keyring, false, false, old_key),
        ("old key kept", old_key, old_keyring, true, false, old_key),
        ("new key kept", old_key, old_keyring, true, true, old_key),
        ("rewrapped", old_key, new_keyring, true, true, new_key),
        ("key replaced", new_key, new_keyring, true, true, new_key),
        ("done", new_key, new_keyring, true, false, new_key),
        (
            "old copy of the vault",
            new_key,
            old_keyring,
            true,
            false,
            new_key,
        ),
    ];
    for (what, key, wrapped, has_old, has_next, then) in steps {
        fs::write(place.key_file(), key).unwrap();
        fs::write(&keyring, wrapped).unwrap();
        for (path, there, content) in [(&kept, has_old, old_key), (&next, has_next, new_key)] {
            fs::remove_file(path).ok();
            if there {
                fs::copy(place.key_file(), path).unwrap();
                fs::write(path, content).unwrap();
            }
        }
        for opening in 0..2 {
            let store = place.open().await;
            let store = store.unwrap_or_else(|error| panic!("{what}, {opening}: {error}"));
            let rows = store.connections(&Caller::local()).await.unwrap();
            assert_eq!(rows.len(), 3, "{what}");
        }
        assert_eq!(&fs::read(place.key_file()).unwrap(), then, "{what}");
    }
}

#[tokio::test]
async fn a_new_master_key_that_cannot_be_kept_changes_nothing() {
    let place = Place::new();
    let store = place.open().await.unwrap();
    fill(&store, 3).await;
    let old = master_key(place.key_file()).id();
    let keyring = fs::read(place.dir().join("keyring")).unwrap();
    let kept = place
        .key_file()
        .with_file_name(format!("master.key.{old}.old"));
    fs::create_dir(&kept).unwrap();
    let refused = store.rotate_master_key(old.to_string(), None).await;
    let message = refused.unwrap_err().to_string();
    assert!(message.contains("not a regular file"), "{message}");
    assert_eq!(fs::read(place.dir().join("keyring")).unwrap(), keyring);
    assert_eq!(master_key(place.key_file()).id(), old);
    assert!(store.is_writable());
    drop(store);
    drop(place.open().await.unwrap());
}

/// A directory in its place stands for a file that cannot be replaced.
fn spoil(path: &Path) -> Vec<u8> {
    let content = fs::read(path).unwrap();
    fs::remove_file(path).unwrap();
    fs::create_dir(path).unwrap();
    content
}

fn mend(path: &Path, content: &[u8]) {
    fs::remove_dir(path).unwrap();
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test]
async fn a_new_master_key_that_cannot_take_its_place_is_given_up() {
    let place = Place::new();
    let store = place.open().await.unwrap();
    fill(&store, 3).await;
    let old = master_key(place.key_file()).id();
    let key = spoil(&place.key_file());
    let refused = store.rotate_master_key(old.to_string(), None).await;
    assert!(refused.is_err());
    mend(&place.key_file(), &key);
    assert_eq!(store.key_ids().await.unwrap().master_key, old.to_string());
    let beside: Vec<_> = super::files(&place.folder.path().join("config"));
    assert!(
        !beside
            .iter()
            .any(|path| path.extension() == Some("next".as_ref())),
        "{beside:?}"
    );
    drop(store);
    let store = place.open().await.unwrap();
    assert_eq!(store.connections(&Caller::local()).await.unwrap().len(), 3);
}

#[tokio::test]
async fn both_master_keys_are_kept_before_the_keyring_is_touched() {
    let place = Place::new();
    let store = place.open().await.unwrap();
    let old = master_key(place.key_file()).id();
    let keyring = place.dir().join("keyring");
    let content = spoil(&keyring);
    let refused = store.rotate_master_key(old.to_string(), None).await;
    assert!(refused.is_err());
    let beside = super::files(&place.folder.path().join("config"));
    for end in ["old", "next"] {
        let kept = beside
            .iter()
            .any(|path| path.extension() == Some(end.as_ref()));
        assert!(kept, "{end}: {beside:?}");
    }
    drop(store);
    mend(&keyring, &content);
    drop(place.open().await.unwrap());
}

#[tokio::test]
async fn a_master_key_from_the_environment_is_replaced_by_the_one_that_is_given() {
    let place = Place::new();
    let [old, new] = [(); 2].map(|()| MasterKey::generate());
    let text = |key: &MasterKey| SecretString::from(key.to_line().trim_end());
    let open = |key: &MasterKey| {
        let (dir, key) = (place.dir(), MasterKeySource::Environment(text(key)));
        async move { Store::open(&dir, &key, Clock::system()).await }
    };
    let store = open(&old).await.unwrap();
    fill(&store, 3).await;
    let replacing = || old.id().to_string();
    let cases = [
        (None, "VALETKEY_NEW_MASTER_KEY"),
        (Some(text(&old)), "is the one in use"),
        (Some(SecretString::from("short")), "cannot be used"),
    ];
    for (given, expected) in cases {
        let refused = store.rotate_master_key(replacing(), given.as_ref()).await;
        let message = refused.unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
    let done = store
        .rotate_master_key(replacing(), Some(&text(&new)))
        .await;
    assert_eq!(done.unwrap().old_kept_in, None);
    assert!(!place.key_file().exists());
    drop(store);
    assert!(matches!(open(&old).await, Err(StoreError::Key(_))));
    let rows = open(&new).await.unwrap();
    assert_eq!(rows.connections(&Caller::local()).await.unwrap().len(), 3);
}
