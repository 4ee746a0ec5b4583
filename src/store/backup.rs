//! Copies of the connections, sealed as they are, beside the database: for a cure that finds too
//! little. Two are kept, a day apart, in `backup/`.
//!
//! A connection that is deleted must not come back from a copy, so with it all copies go.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::store::error::StoreError;
use crate::store::files;
use crate::store::rows;
use crate::store::salvage::Rows;

const FOLDER: &str = "backup";

/// `connections-` and the second it was made in, with so many digits that names sort by time.
const NAME: &str = "connections-";

const KEPT: usize = 2;
const EVERY: SignedDuration = SignedDuration::from_hours(24);

/// Key and sealed value of each connection, base64.
#[derive(Debug, Serialize, Deserialize)]
struct Backup {
    rows: Vec<(String, String)>,
}

/// Whether the last copy is a day old, or not of this time at all.
pub(super) fn is_due(dir: &Path, now: Timestamp) -> bool {
    let last = copies(dir).pop();
    let made_at = last.and_then(|path| {
        let name = path.file_name()?.to_str()?;
        let seconds = name.strip_prefix(NAME)?.parse().ok()?;
        Timestamp::from_second(seconds).ok()
    });
    made_at.is_none_or(|made_at| now.duration_since(made_at).abs() >= EVERY)
}

/// Writes a copy of these connections, durably, and drops the oldest one.
pub(super) fn write<K: AsRef<[u8]>>(
    dir: &Path,
    connections: impl Iterator<Item = (K, K)>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let text = |bytes: K| BASE64_STANDARD.encode(bytes);
    let backup = Backup {
        rows: connections
            .map(|(key, value)| (text(key), text(value)))
            .collect(),
    };
    let json = serde_json::to_vec(&backup).expect("pairs of texts");
    let folder = dir.join(FOLDER);
    files::create_directory(&folder)?;
    let name = format!("{NAME}{:012}", now.as_second());
    files::write_atomically(&folder.join(name), &json)?;
    let copies = copies(dir);
    let spare = copies.len().saturating_sub(KEPT);
    let dropped = copies.iter().take(spare).try_for_each(fs::remove_file);
    dropped.map_err(|error| StoreError::io(&folder, "cannot be written", &error))
}

/// The connections of the newest copy that can be read.
pub(super) fn newest(dir: &Path) -> Rows {
    copies(dir)
        .iter()
        .rev()
        .find_map(|path| read(path))
        .unwrap_or_default()
}

fn read(path: &Path) -> Option<Rows> {
    let backup: Backup = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    let bytes = |text: &str| BASE64_STANDARD.decode(text).ok();
    let rows = backup.rows.iter().map(|(key, value)| {
        let name = (rows::CONNECTIONS.as_bytes().to_vec(), bytes(key)?);
        Some((name, bytes(value)?))
    });
    rows.collect()
}

/// Drops all copies: what is in them may not come back.
pub(super) fn forget(dir: &Path) -> Result<(), StoreError> {
    let folder = dir.join(FOLDER);
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done.and_then(|()| files::sync_directory(dir)),
    }
    .map_err(|error| StoreError::io(&folder, "cannot be removed", &error))
}

/// The copies, oldest first.
fn copies(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir.join(FOLDER)) else {
        return Vec::new();
    };
    let is_copy = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let digits = name.strip_prefix(NAME);
        digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let mut copies: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(is_copy)
        .collect();
    copies.sort();
    copies
}
