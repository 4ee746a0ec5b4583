//! Looks at a store from outside: makes nothing, changes nothing, takes no lock.

use std::fs;
use std::path::Path;

use rustix::process::geteuid;
use serde::Serialize;

use crate::config::MasterKeySource;
use crate::seal::keyring::Keyring;
use crate::store::cure;
use crate::store::database::Database;
use crate::store::error::StoreError;
use crate::store::files;
use crate::store::key_place::{KeyPlace, Problem};
use crate::store::keys;
use crate::store::space::{self, Reserve};

/// The directory of a store.
#[derive(Debug)]
pub struct Directory {
    /// Whether there is a vault in it.
    pub has_vault: bool,
    /// Why it cannot be used, if so: its mode, its owner, a network file system, a full disk.
    pub problem: Option<StoreError>,
    /// Bytes free on its disk, for users without privileges; none if that cannot be told.
    pub free: Option<u64>,
    /// Bytes that everything in it takes on the disk.
    pub bytes: u64,
    /// Names of the copies of damaged databases in it.
    pub damaged: Vec<String>,
}

/// The keys of a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Keys {
    /// Where the master key is kept.
    pub kept_in: String,
    /// The master key's name; none if there is neither a vault nor a key yet.
    pub master_key: Option<String>,
    /// The format of the vault; none if there is none yet.
    pub format: Option<u64>,
}

/// Looks at the directory of a store, which need not exist. Blocks.
pub fn directory(dir: &Path) -> Directory {
    let existing = space::existing(dir);
    Directory {
        has_vault: has_vault(dir),
        problem: usable(dir, existing).err(),
        free: space::free(existing).ok(),
        bytes: space::taken(dir).unwrap_or(0),
        damaged: cure::evidence(dir)
            .iter()
            .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
            .collect(),
    }
}

fn has_vault(dir: &Path) -> bool {
    Database::exists(dir) || dir.join(keys::FILE).exists()
}

fn usable(dir: &Path, existing: &Path) -> Result<(), StoreError> {
    match fs::symlink_metadata(dir) {
        Ok(found) => {
            let problem = files::directory_problem(dir, &found, geteuid().as_raw());
            if let Some(problem) = problem {
                return Err(StoreError::Unsafe(problem));
            }
            files::parent_is_safe(dir)?;
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(StoreError::io(dir, "cannot be read", &error)),
    }
    files::local_file_system(existing)?;
    space::check(dir, existing, Reserve::USUAL.begin)
}

/// Whether the master key is there and opens the vault in `dir`, and its format. Blocks.
pub fn keys(dir: &Path, source: &MasterKeySource) -> Result<Keys, StoreError> {
    let place = KeyPlace::new(source, dir)?;
    let Some(file) = files::read(&dir.join(keys::FILE), |_| Ok(()))? else {
        if has_vault(dir) {
            return Err(keys::lost(dir));
        }
        return Ok(Keys {
            kept_in: place.name(),
            master_key: place.current()?.map(|key| key.id().to_string()),
            format: None,
        });
    };
    let format = Keyring::format_of(&file).map_err(|error| keys::refused(dir, &error))?;
    let (keyring, _) = place
        .unlocked(dir, &file)
        .map_err(|problem| match problem {
            Problem::Store(error) => error,
            Problem::Seal(error) => keys::refused(dir, &error),
        })?;
    Ok(Keys {
        kept_in: place.name(),
        master_key: Some(keyring.master_key_id().to_string()),
        format: Some(format),
    })
}
