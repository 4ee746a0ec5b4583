//! The keyring in use, and its file.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;

use crate::seal::SealError;
use crate::seal::keyring::Keyring;
use crate::store::error::StoreError;
use crate::store::files;
use crate::store::key_place::{KeyPlace, Problem};

/// The wrapped data keys and the format of the store. It lies beside the database, not in it, so
/// that a wrong key is found before sled writes anything, which it does whenever it opens.
pub(super) const FILE: &str = "keyring";

/// The keys of an open store.
#[derive(Debug)]
pub(super) struct Keys {
    file: PathBuf,
    place: KeyPlace,
    keyring: RwLock<Arc<Keyring>>,
}

impl Keys {
    /// The keyring of an existing store, opened with the master key, or a new one for a new store.
    /// `is_new` says whether the store in `dir` has no rows yet.
    pub(super) fn unlock(
        dir: &Path,
        place: KeyPlace,
        is_new: bool,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let file = dir.join(FILE);
        let keyring = match files::read(&file, |_| Ok(()))? {
            Some(bytes) => {
                let keyring = place
                    .open_keyring(dir, &bytes)
                    .map_err(|problem| match problem {
                        Problem::Store(error) => error,
                        Problem::Seal(error) => refused(dir, &error),
                    })?;
                let shorter = keyring.without_expired(now);
                if let Some(keyring) = &shorter {
                    files::write_atomically(&file, &keyring.to_file())?;
                }
                shorter.unwrap_or(keyring)
            }
            None if is_new => {
                let keyring = Keyring::create(&place.existing_or_new()?, now);
                files::write_atomically(&file, &keyring.to_file())?;
                keyring
            }
            None => return Err(lost(dir)),
        };
        Ok(Self {
            file,
            place,
            keyring: RwLock::new(Arc::new(keyring)),
        })
    }

    /// The keyring as it is now.
    pub(super) fn keyring(&self) -> Arc<Keyring> {
        // A panic cannot leave it half replaced.
        let keyring = self.keyring.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&keyring)
    }

    /// Where the master key is kept.
    pub(super) fn place(&self) -> &KeyPlace {
        &self.place
    }

    /// Writes the file, durably, and only then uses the keyring.
    pub(super) fn replace(&self, keyring: Keyring) -> Result<(), StoreError> {
        files::write_atomically(&self.file, &keyring.to_file())?;
        let mut current = self.keyring.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(keyring);
        Ok(())
    }
}

/// What a person reads when there are rows and no keyring.
pub(super) fn lost(dir: &Path) -> StoreError {
    StoreError::Key(format!(
        "the vault in {dir} has lost its file `{FILE}`, without which nothing in it can be read. \
         Put the file back from your backup, or move {dir} away and connect your accounts again.",
        dir = dir.display()
    ))
}

/// What a person reads when the keyring does not open.
pub(super) fn refused(dir: &Path, error: &SealError) -> StoreError {
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
