//! Rewriting the database, so that nothing is left of what rows once were.
//!
//! sled's log keeps the old value of a row until the space is needed. A vacuum copies the rows to a
//! new database and puts that in the place of the old one. After each step of it the directory has
//! exactly one database that is whole, and the next opening goes on with that:
//!
//! | step | `sled` | `sled.new` | `sled.old` | after a crash |
//! |---|---|---|---|---|
//! | copy | whole | growing | | `sled.new` is deleted |
//! | first rename | | whole | whole | `sled.new` becomes `sled` |
//! | second rename | whole | | old | `sled.old` is deleted |
//! | delete | whole | | | |

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::store::backup;
use crate::store::database::Database;
use crate::store::error::StoreError;
use crate::store::files;
use crate::store::keys::Keys;
use crate::store::lock::OwnerLock;
use crate::store::open::{self, DATABASE, LOG};
use crate::store::{space, threads};

/// Being written, in the store's directory.
const NEW: &str = "sled.new";
/// Replaced, and about to be deleted.
const OLD: &str = "sled.old";

/// A database of fewer bytes is left alone: sled's own pieces have such sizes.
const SMALL: u64 = 4 * 1024 * 1024;
/// From this size on a database should not be much larger than its rows.
const LARGE: u64 = 64 * 1024 * 1024;

impl Database {
    /// How many bytes the database takes on the disk.
    pub(in crate::store) fn size(&self) -> Result<u64, StoreError> {
        space::taken(&self.dir.join(DATABASE))
            .map_err(|error| StoreError::io(&self.dir, "cannot be read", &error))
    }

    /// Whether the database is so much larger than its rows that a vacuum is worth it: beyond 20
    /// times their size, or beyond 64 MiB and 4 times, since sled needs about twice.
    pub(in crate::store) fn wants_vacuum(&self) -> Result<bool, StoreError> {
        let size = self.size()?;
        if size <= SMALL {
            return Ok(false);
        }
        Ok(is_bloated(size, self.live()?))
    }

    /// How many bytes the rows have.
    pub(in crate::store) fn live(&self) -> Result<u64, StoreError> {
        let mut live = 0;
        for tree in self.db.tree_names() {
            let tree = self.db.open_tree(tree);
            for row in &tree.map_err(|error| self.unreadable(&error))? {
                let (key, value) = row.map_err(|error| self.unreadable(&error))?;
                live += (key.len() + value.len()) as u64;
            }
        }
        Ok(live)
    }

    /// Copies every row to a new database beside this one. Nobody writes meanwhile.
    pub(in crate::store) fn copy_rows(&self) -> Result<(), StoreError> {
        self.check_writable()?;
        // The copy is no larger, but for what is being written of it.
        let needed = self.reserve.begin + self.size()?;
        space::check(&self.dir, &self.dir, needed)?;
        threads::check(&self.dir)?;
        let new = self.dir.join(NEW);
        let copied = remove(&new).and_then(|()| self.copy_to(&new));
        copied.inspect_err(|_| {
            if let Err(error) = remove(&new) {
                tracing::warn!(%error, "a copy of the database that was not finished is still there");
            }
        })
    }

    fn copy_to(&self, new: &Path) -> Result<(), StoreError> {
        files::create_directory(new)?;
        let failed = |error: sled::Error| StoreError::sled(&self.dir, &error);
        let copy = open::settings(new).open().map_err(failed)?;
        for name in self.db.tree_names() {
            let from = self.db.open_tree(&name);
            let from = from.map_err(|error| self.unreadable(&error))?;
            let to = copy.open_tree(&name);
            let to = to.map_err(failed)?;
            for row in &from {
                let (key, value) = row.map_err(|error| self.unreadable(&error))?;
                to.insert(key, value).map_err(failed)?;
            }
        }
        copy.flush().map_err(failed)?;
        let checksum = |db: &sled::Db| db.checksum().map_err(failed);
        if checksum(&copy)? != checksum(&self.db)? {
            return Err(StoreError::damaged(
                &self.dir,
                "the copy of the database differs",
            ));
        }
        drop(copy);
        closed(new)?;
        files::secure_tree(new)
    }

    /// Closes this database, puts the copy in its place and opens that.
    pub(in crate::store) fn swap(self, now: Timestamp) -> Result<Self, StoreError> {
        let (dir, keys, lock) = self.close();
        // The daily copies have rows that were replaced since; the next one is made soon.
        backup::forget(&dir)?;
        let home = dir.join(DATABASE);
        closed(&home)?;
        rename(&home, &dir.join(OLD))?;
        Self::finish_vacuum(&dir)?;
        open::open_trees(&dir, keys, lock, now)
    }

    /// Everything else is dropped when this returns, and sled closes with it.
    fn close(self) -> (PathBuf, Arc<Keys>, OwnerLock) {
        (self.dir, self.keys, self.lock)
    }

    /// Whether the store in `dir` has rows, if only in a database that a vacuum left.
    pub(in crate::store) fn exists(dir: &Path) -> bool {
        dir.join(DATABASE).join(LOG).exists() || dir.join(OLD).exists()
    }

    /// Finishes or undoes a vacuum that was interrupted in `dir`, which is locked and whose
    /// database is closed; see the table of the module.
    pub(in crate::store) fn finish_vacuum(dir: &Path) -> Result<(), StoreError> {
        let [home, new, old] = [DATABASE, NEW, OLD].map(|name| dir.join(name));
        if !home.exists() && old.exists() {
            // It was renamed only once the new one was whole.
            let whole = if new.exists() { &new } else { &old };
            rename(whole, &home)?;
        }
        remove(&new)?;
        remove(&old)
    }
}

fn is_bloated(size: u64, live: u64) -> bool {
    size > vacuum_above(live)
}

/// From which size on a database with so many bytes in its rows is worth a vacuum.
pub(in crate::store) fn vacuum_above(live: u64) -> u64 {
    (20 * live).min(LARGE.max(4 * live)).max(SMALL)
}

/// Waits until sled's threads have ended: its lock goes with the last of them.
fn closed(home: &Path) -> Result<(), StoreError> {
    const PATIENCE: Duration = Duration::from_secs(5);
    let path = home.join(LOG);
    let failed = |error: &io::Error| StoreError::io(&path, "cannot be locked", error);
    let log = File::open(&path).map_err(|error| failed(&error))?;
    let started = Instant::now();
    loop {
        match flock(&log, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(()),
            Err(Errno::WOULDBLOCK) if started.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(2));
            }
            Err(error) => return Err(failed(&error.into())),
        }
    }
}

/// Renames durably.
fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to)
        .and_then(|()| files::sync_directory(to.parent().unwrap_or(to)))
        .map_err(|error| StoreError::io(from, "cannot be renamed", &error))
}

fn remove(path: &PathBuf) -> Result<(), StoreError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io(path, "cannot be removed", &error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vacuum_is_worth_it_from_20_times_the_rows_or_64_mib_and_4_times() {
        const MIB: u64 = 1024 * 1024;
        let cases = [
            (0, 0, false),
            (4 * MIB, 0, false),
            (5 * MIB, 0, true),
            (5 * MIB, MIB, false),
            (21 * MIB, MIB, true),
            (64 * MIB, 15 * MIB, false),
            (65 * MIB, 15 * MIB, true),
            (103 * MIB, 51 * MIB, false),
        ];
        for (size, live, wanted) in cases {
            assert_eq!(is_bloated(size, live), wanted, "{size} of {live}");
        }
    }
}
