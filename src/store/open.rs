//! Opening a store: the directory, the lock, the key, and only then the database.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::clock::Clock;
use crate::config::MasterKeySource;
use crate::store::cure::{self, Fault};
use crate::store::database::Database;
use crate::store::error::StoreError;
use crate::store::files;
use crate::store::key_place::KeyPlace;
use crate::store::keys::Keys;
use crate::store::lock::OwnerLock;
use crate::store::space::{self, Reserve};

/// sled's own directory, and its log in there.
pub(super) const DATABASE: &str = "sled";
pub(super) const LOG: &str = "db";

/// How long to wait for sled's own lock.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// The unit of sled's log. What is larger than a quarter of it sled puts into a file of its own,
/// world-readable by the usual umask, which neither sled nor our `sync_all` of the log makes
/// durable. It writes a leaf whole, and splits one only once it has more than 16 rows; so the
/// quarter has room for 24 rows of [`crate::store::rows::LIMIT`], and no such file is ever made.
pub(super) const SEGMENT_BYTES: usize = 1024 * 1024;

const CACHE_BYTES: u64 = 8 * 1024 * 1024;
const FLUSH_EVERY_MS: u64 = 500;

/// Opens or makes the store in `dir`. Blocks.
pub(super) fn open(
    dir: &Path,
    master_key: &MasterKeySource,
    clock: &Clock,
) -> Result<Database, StoreError> {
    let dir =
        std::path::absolute(dir).map_err(|error| StoreError::io(dir, "cannot be found", &error))?;
    let place = KeyPlace::new(master_key, &dir)?;
    space::check(&dir, space::existing(&dir), Reserve::USUAL.begin)?;
    files::private_directory(&dir)?;
    files::local_file_system(&dir)?;
    let lock = OwnerLock::take(&dir)?;
    let keys = Keys::unlock(&dir, place, !Database::exists(&dir), clock.now())?;
    Database::finish_vacuum(&dir)?;
    let database = open_trees(&dir, Arc::new(keys), lock, clock.now())?;
    database.grow_older()?;
    Ok(database)
}

/// Opens or makes the database of the store in `dir`, which is locked, after a cure if it needs one.
pub(super) fn open_trees(
    dir: &Path,
    keys: Arc<Keys>,
    lock: OwnerLock,
    now: Timestamp,
) -> Result<Database, StoreError> {
    let home = dir.join(DATABASE);
    let db = cure::open(dir, &keys.keyring(), now)?;
    let log = home.join(LOG);
    let log = File::open(&log).map_err(|error| StoreError::io(&log, "cannot be opened", &error))?;
    let database = Database::new(dir.to_owned(), keys, db, log, lock)?;
    files::secure_tree(&home)?;
    files::sync_directory(dir)
        .map_err(|error| StoreError::io(dir, "cannot be made durable", &error))?;
    Ok(database)
}

/// Opens sled. We hold the owner's lock, so if sled's own is taken it is by a store that was just
/// closed in this process and whose threads are still ending: that is worth a wait.
pub(super) fn open_database(dir: &Path, home: &Path) -> Result<sled::Db, Fault> {
    let started = Instant::now();
    loop {
        match settings(home).open() {
            Ok(db) => return Ok(db),
            Err(sled::Error::Io(error))
                if error.to_string().starts_with("could not acquire lock") =>
            {
                if started.elapsed() > LOCK_WAIT {
                    return Err(Fault::Other(StoreError::Locked {
                        path: dir.display().to_string(),
                        pid: "unknown".to_owned(),
                    }));
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(Fault::of(dir, &error)),
        }
    }
}

/// sled's settings. The segments' size is written down with the first opening and then fixed.
pub(super) fn settings(home: &Path) -> sled::Config {
    sled::Config::new()
        .path(home)
        .mode(sled::Mode::LowSpace)
        .segment_size(SEGMENT_BYTES)
        .cache_capacity(CACHE_BYTES)
        .flush_every_ms(Some(FLUSH_EVERY_MS))
}
