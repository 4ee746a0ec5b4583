//! What a keyring opens, and what it refuses.

use std::collections::BTreeSet;

use super::*;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn new_keyring() -> (MasterKey, Keyring, Vec<u8>) {
    let master = MasterKey::generate();
    let keyring = Keyring::create(&master, NOW);
    let file = keyring.to_file();
    (master, keyring, file)
}

#[test]
fn a_row_opens_in_its_own_place_only() {
    let (_, keyring, _) = new_keyring();
    let sealed = keyring.seal_row("flows", b"key", b"secret");
    assert_eq!(
        &**keyring.open_row("flows", b"key", &sealed).unwrap(),
        b"secret"
    );
    for (tree, key) in [
        ("flows", &b"kez"[..]),
        ("states", b"key"),
        ("flowsk", b"ey"),
        ("flow", b"skey"),
        ("flows", b""),
    ] {
        assert!(
            keyring.open_row(tree, key, &sealed).is_none(),
            "{tree} {key:?}"
        );
    }
    assert!(keyring.open_handle(b"key", &sealed, NOW).is_none());
    let (_, other, _) = new_keyring();
    assert!(other.open_row("flows", b"key", &sealed).is_none());
}

#[test]
fn a_handle_opens_in_its_own_context_only() {
    let (_, keyring, _) = new_keyring();
    let sealed = keyring.seal_handle(b"ada, gmail_search", b"flow");
    let open = |context: &[u8]| keyring.open_handle(context, &sealed, NOW);
    assert_eq!(&**open(b"ada, gmail_search").unwrap(), b"flow");
    for context in [&b""[..], b"ada, gmail_searc", b"bob, gmail_search"] {
        assert!(open(context).is_none());
    }
    assert!(
        keyring
            .open_row("", b"ada, gmail_search", &sealed)
            .is_none()
    );
}

#[test]
fn no_flipped_bit_and_no_shorter_or_longer_value_opens() {
    let (_, keyring, _) = new_keyring();
    let sealed = keyring.seal_row("flows", b"key", b"a secret of some length");
    for bit in 0..8 * sealed.len() {
        let mut altered = sealed.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        assert!(
            keyring.open_row("flows", b"key", &altered).is_none(),
            "bit {bit}"
        );
    }
    for len in 0..sealed.len() {
        assert!(
            keyring.open_row("flows", b"key", &sealed[..len]).is_none(),
            "{len} bytes"
        );
    }
    let longer = [&sealed[..], &[0]].concat();
    assert!(keyring.open_row("flows", b"key", &longer).is_none());
}

#[test]
fn a_hundred_thousand_seals_have_a_hundred_thousand_nonces() {
    let (_, keyring, _) = new_keyring();
    let nonces: BTreeSet<_> = (0..100_000)
        .map(|_| keyring.seal_row("flows", b"key", b"same")[1 + KEY_ID_LEN..][..24].to_vec())
        .collect();
    assert_eq!(nonces.len(), 100_000);
}

#[test]
fn a_value_names_its_format_and_key_and_shows_nothing_else() {
    let (_, keyring, _) = new_keyring();
    let sealed = keyring.seal_row("flows", b"key", b"canary");
    assert_eq!(sealed.len(), 1 + KEY_ID_LEN + 24 + b"canary".len() + 16);
    assert_eq!(sealed[0], SEALED_FORMAT);
    assert_eq!(sealed[1..=KEY_ID_LEN], keyring.sealing_key());
    assert!(!sealed.windows(6).any(|window| window == b"canary"));
}

#[test]
fn the_file_opens_with_its_master_key_only() {
    let (master, keyring, file) = new_keyring();
    let sealed = keyring.seal_row("flows", b"key", b"secret");
    let again = Keyring::open(&file, &master).unwrap();
    assert_eq!(
        &**again.open_row("flows", b"key", &sealed).unwrap(),
        b"secret"
    );
    let refused = Keyring::open(&file, &MasterKey::generate()).unwrap_err();
    assert_eq!(refused, SealError::WrongMasterKey);
}

#[test]
fn a_replaced_key_opens_rows_until_they_moved_and_handles_for_ten_minutes() {
    let (master, first, _) = new_keyring();
    let row = first.seal_row("flows", b"key", b"old");
    let handle = first.seal_handle(b"context", b"old");
    let later = |minutes| NOW + SignedDuration::from_mins(minutes);
    // Each step as the next process reads it from the file.
    let reopened = |keyring: &Keyring| Keyring::open(&keyring.to_file(), &master).unwrap();

    let resealing = reopened(&first.rotated(NOW));
    assert!(resealing.is_resealing() && !first.is_resealing());
    assert_eq!(
        &**resealing.open_row("flows", b"key", &row).unwrap(),
        b"old"
    );
    let moved = resealing.reseal_row("flows", b"key", &row).unwrap();
    assert!(resealing.seals(&moved) && !resealing.seals(&row));
    assert!(resealing.reseal_row("flows", b"key", &moved).is_none());
    assert!(resealing.reseal_row("flows", b"other", &row).is_none());
    assert!(first.open_row("flows", b"key", &moved).is_none());
    assert!(
        resealing.without_expired(later(60)).is_none(),
        "rows need it"
    );

    let done = reopened(&resealing.rows_moved());
    assert!(!done.is_resealing());
    assert!(done.open_row("flows", b"key", &row).is_none());
    assert_eq!(&**done.open_row("flows", b"key", &moved).unwrap(), b"old");
    assert!(done.open_handle(b"context", &handle, later(9)).is_some());
    assert!(done.open_handle(b"context", &handle, later(10)).is_none());
    assert!(done.without_expired(later(9)).is_none());

    let gone = reopened(&done.without_expired(later(10)).unwrap());
    let left: Vec<_> = gone.data_keys();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].used_for, KeyUse::Sealing);
    assert!(gone.open_row("flows", b"key", &moved).is_some());
    assert!(gone.open_handle(b"context", &handle, NOW).is_none());
}

#[test]
fn under_a_new_master_key_everything_opens_and_the_old_one_opens_nothing() {
    let (old, keyring, _) = new_keyring();
    let keyring = keyring.rotated(NOW);
    let (row, handle) = (
        keyring.seal_row("flows", b"key", b"row"),
        keyring.seal_handle(b"context", b"handle"),
    );
    let new = MasterKey::generate();
    let file = keyring.rewrapped(&new).unwrap().to_file();
    assert_eq!(Keyring::master_key_of(&file).unwrap(), new.id());
    let again = Keyring::open(&file, &new).unwrap();
    assert_eq!(again.data_keys(), keyring.data_keys());
    assert!(again.open_row("flows", b"key", &row).is_some());
    assert!(again.open_handle(b"context", &handle, NOW).is_some());
    assert_eq!(
        Keyring::open(&file, &old).unwrap_err(),
        SealError::WrongMasterKey
    );
    // Also not with the check value of the new one in front of it.
    let text = String::from_utf8(file).unwrap();
    let base64 = |key: &MasterKey| file::encode(&key.id().0);
    let forged = text.replace(&base64(&new), &base64(&old));
    assert_ne!(forged, text);
    assert_eq!(
        Keyring::open(forged.as_bytes(), &old).unwrap_err(),
        SealError::DamagedKeyring
    );
}

#[test]
fn a_file_of_format_1_opens_and_is_written_as_format_2() {
    let (master, keyring, file) = new_keyring();
    let sealed = keyring.seal_row("flows", b"key", b"row");
    let text = String::from_utf8(file).unwrap();
    let first = text.replace("\"format\": 2", "\"format\": 1");
    assert_ne!(first, text);
    let opened = Keyring::open(first.as_bytes(), &master).unwrap();
    assert!(opened.open_row("flows", b"key", &sealed).is_some());
    assert_eq!(String::from_utf8(opened.to_file()).unwrap(), text);
}

#[test]
fn an_altered_file_is_refused() {
    let (master, _, file) = new_keyring();
    let text = String::from_utf8(file).unwrap();
    let other: File = serde_json::from_slice(&new_keyring().2).unwrap();
    let replaced = |field: &str, value: &str| {
        let start = text.find(&format!("\"{field}\"")).unwrap() + field.len() + 4;
        let end = start + 1 + text[start + 1..].find('"').unwrap();
        format!("{}\"{value}{}", &text[..start], &text[end..])
    };
    let cases = [
        ("empty", String::new()),
        ("cut", text[..text.len() / 2].to_owned()),
        ("another key's name", replaced("id", &other.data_keys[0].id)),
        ("another date", replaced("made_at", "2026-01-01T00:00:00Z")),
        (
            "another wrapped key",
            replaced("wrapped", &other.data_keys[0].wrapped),
        ),
        ("no base64", replaced("wrapped", "???")),
        (
            "no key that seals",
            text.replacen("\"wrapped\"", "\"handles_only\": true, \"wrapped\"", 1),
        ),
        ("a field too many", text.replacen('{', "{\"x\": 1,", 1)),
    ];
    for (what, file) in cases {
        let refused = Keyring::open(file.as_bytes(), &master).unwrap_err();
        assert_eq!(refused, SealError::DamagedKeyring, "{what}: {file}");
    }
}

#[test]
fn a_later_format_is_refused_before_anything_else_is_looked_at() {
    let file = br#"{"format": 3, "something": "new"}"#;
    let newer = SealError::NewerFormat { found: 3, known: 2 };
    assert_eq!(Keyring::format_of(file), Err(newer));
}
