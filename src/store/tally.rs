//! How many transactions the store has had: counted in the database and, later, beside it.
//!
//! sled takes damage at the end of its log for a write that was interrupted, and drops what follows
//! without a word. Then the database has counted fewer transactions than the file beside it, and
//! the loss is noticed. The file is written after a transaction is durable and is not made durable
//! itself, so that it costs nothing: at worst it knows of fewer than there were.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use sled::{Db, IVec, Tree};

use crate::store::error::StoreError;
use crate::store::files;

/// The file beside the database: the number, and the number with all bits turned.
const FILE: &str = "tally";

/// The tree, and its only key: the number.
const TREE: &str = "tally";
const KEY: &[u8] = b"transactions";

/// The count of an open database.
#[derive(Debug)]
pub(super) struct Tally {
    tree: Tree,
    beside: File,
}

impl Tally {
    pub(super) fn open(dir: &Path, db: &Db) -> Result<Self, StoreError> {
        let tree = db
            .open_tree(TREE)
            .map_err(|error| StoreError::sled(dir, &error))?;
        let beside = files::open_or_create(&dir.join(FILE))?;
        Ok(Self { tree, beside })
    }

    /// Counts a transaction that was applied and is about to be made durable.
    pub(super) fn count(&self) -> sled::Result<u64> {
        let count = number(self.tree.get(KEY)?) + 1;
        self.tree.insert(KEY, &count.to_be_bytes())?;
        Ok(count)
    }

    /// Notes a count that is durable.
    pub(super) fn note(&self, count: u64) {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&count.to_be_bytes());
        bytes[8..].copy_from_slice(&(!count).to_be_bytes());
        if let Err(error) = self.beside.write_all_at(&bytes, 0) {
            tracing::debug!(%error, "the count of transactions is not noted beside the vault");
        }
    }
}

/// What the database has counted.
pub(super) fn counted(db: &Db) -> sled::Result<u64> {
    Ok(number(db.open_tree(TREE)?.get(KEY)?))
}

/// What the file beside the database of `dir` says; 0 if it says nothing.
pub(super) fn noted(dir: &Path) -> u64 {
    let Ok(Some(bytes)) = files::read(&dir.join(FILE), |_| Ok(())) else {
        return 0;
    };
    let half = |at: usize| {
        let bytes = bytes.get(at..at + 8)?;
        Some(u64::from_be_bytes(bytes.try_into().ok()?))
    };
    match (half(0), half(8)) {
        (Some(count), Some(turned)) if count == !turned => count,
        _ => 0,
    }
}

/// Has the database take up the count of the file: it was repaired, and what is lost is told.
pub(super) fn take_up(dir: &Path, db: &Db) -> sled::Result<()> {
    let count = counted(db)?.max(noted(dir));
    db.open_tree(TREE)?.insert(KEY, &count.to_be_bytes())?;
    Ok(())
}

fn number(value: Option<IVec>) -> u64 {
    let bytes = value.and_then(|value| value.as_ref().try_into().ok());
    bytes.map_or(0, u64::from_be_bytes)
}
