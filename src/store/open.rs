//! Opening a store: the directory, the lock, the key, and only then the database.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::config::MasterKeySource;
use crate::seal::SealError;
use crate::seal::keyring::Keyring;
use crate::store::cure::{self, Fault};
use crate::store::database::Database;
use crate::store::files;
use crate::store::key_file::KeySource;
use crate::store::lock::OwnerLock;
use crate::store::sled::StoreError;
use crate::store::space::{self, Reserve};

/// The wrapped data keys and the format of the store. It lies beside the database, not in it, so
/// that a wrong key is found before sled writes anything, which it does whenever it opens.
const KEYRING: &str = "keyring";

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
    let key = KeySource::new(master_key, &dir)?;
    space::check(&dir, space::existing(&dir), Reserve::USUAL.begin)?;
    files::private_directory(&dir)?;
    files::local_file_system(&dir)?;
    let lock = OwnerLock::take(&dir)?;
    let keyring = unlock(&dir, key, clock)?;

    let home = dir.join(DATABASE);
    let db = cure::open(&dir, &keyring, clock.now())?;
    let log = home.join(LOG);
    let log = File::open(&log).map_err(|error| StoreError::io(&log, "cannot be opened", &error))?;
    let database = Database::new(dir.clone(), keyring, db, log, lock)?;
    files::secure_tree(&home)?;
    files::sync_directory(&dir)
        .map_err(|error| StoreError::io(&dir, "cannot be made durable", &error))?;
    Ok(database)
}

/// The keyring of an existing store, opened with the master key, or a new one for a new store.
fn unlock(dir: &Path, key: KeySource, clock: &Clock) -> Result<Keyring, StoreError> {
    let path = dir.join(KEYRING);
    if let Some(file) = files::read(&path, |_| Ok(()))? {
        let refused = |error| refused(dir, &error);
        Keyring::check_format(&file).map_err(refused)?;
        return Keyring::open(&file, &key.existing(dir)?).map_err(refused);
    }
    if dir.join(DATABASE).join(LOG).exists() {
        return Err(StoreError::Key(format!(
            "the vault in {dir} has lost its file `{KEYRING}`, without which nothing in it can be \
             read. Put the file back from your backup, or move {dir} away and connect your \
             accounts again.",
            dir = dir.display()
        )));
    }
    let (keyring, file) = Keyring::create(&key.existing_or_new()?, clock.now());
    files::write_atomically(&path, &file)?;
    Ok(keyring)
}

fn refused(dir: &Path, error: &SealError) -> StoreError {
    let path = dir.display().to_string();
    let fix = match error {
        SealError::WrongMasterKey | SealError::MalformedMasterKey => {
            return StoreError::Key(format!(
                "the vault at {path} stays closed: {error}. Nothing was changed. Set the key that \
                 it was made with, or move {path} away to start a new vault."
            ));
        }
        SealError::DamagedKeyring => {
            "Nothing was changed. Put the file `keyring` back from your backup, or move the \
             directory away and connect your accounts again."
        }
        SealError::NewerFormat { .. } => {
            "Nothing was changed. Use the newer Valetkey that this vault was last open in."
        }
    };
    StoreError::Failed {
        path,
        cause: error.to_string(),
        fix: fix.to_owned(),
    }
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
