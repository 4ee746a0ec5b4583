//! Where the master key is kept, and how a new one gets there without a moment in which a crash
//! would lose the vault.
//!
//! Besides the current key a place can keep others, each under its own name: a key that is about to
//! take over, and those that were in use before, which old exports and copies of the vault need.

use std::path::{Path, PathBuf};

use crate::config::MasterKeySource;
use crate::seal::SealError;
use crate::seal::keyring::Keyring;
use crate::seal::master::{MasterKey, MasterKeyId};
use crate::store::error::StoreError;
use crate::store::{key_file, os_keyring};

/// Where the master key is kept.
#[derive(Clone, Debug)]
pub(super) enum KeyPlace {
    /// In `VALETKEY_MASTER_KEY`, which somebody else sets.
    Environment(MasterKey),
    /// In a file; other keys are in files beside it.
    File(PathBuf),
    /// In the operating system's keyring.
    OsKeyring,
}

/// Which of the keys of a place.
#[derive(Clone, Copy, Debug)]
enum Slot {
    Current,
    /// About to become the current one.
    Next(MasterKeyId),
    /// Was the current one.
    Old(MasterKeyId),
}

impl KeyPlace {
    /// Reads a key from the environment, or checks that a file does not lie in the store's `dir`.
    /// Touches nothing.
    pub(super) fn new(source: &MasterKeySource, dir: &Path) -> Result<Self, StoreError> {
        match source {
            MasterKeySource::Environment(text) => {
                let key = MasterKey::parse(text).map_err(|error| {
                    StoreError::Key(format!(
                        "VALETKEY_MASTER_KEY cannot be used: {error}. For an existing vault, set \
                         the key that it was made with."
                    ))
                })?;
                Ok(Self::Environment(key))
            }
            MasterKeySource::File(path) => key_file::outside(path, dir).map(Self::File),
            MasterKeySource::OsKeyring => Ok(Self::OsKeyring),
        }
    }

    /// The keyring of the store in `dir`, which exists already: a missing key is an error.
    ///
    /// A key that was about to take over when the process ended does so now.
    pub(super) fn open_keyring(&self, dir: &Path, file: &[u8]) -> Result<Keyring, Problem> {
        let (keyring, next) = self.unlocked(dir, file)?;
        if let Some(next) = next
            && let Err(error) = self.promote(&next)
        {
            tracing::warn!(error = %error, "the new master key is not in its place yet");
        }
        Ok(keyring)
    }

    /// The keyring of the store in `dir`, and the key that opened it if that has yet to take over.
    /// Changes nothing.
    pub(super) fn unlocked(
        &self,
        dir: &Path,
        file: &[u8],
    ) -> Result<(Keyring, Option<MasterKey>), Problem> {
        Keyring::format_of(file)?;
        let current = self.current()?;
        let wanted = Keyring::master_key_of(file)?;
        if let Some(key) = &current
            && key.id() == wanted
        {
            return Ok((Keyring::open(file, key)?, None));
        }
        if let Some(next) = self.read(Slot::Next(wanted))? {
            return Ok((Keyring::open(file, &next)?, Some(next)));
        }
        if let Some(old) = self.read(Slot::Old(wanted))? {
            return Ok((Keyring::open(file, &old)?, None));
        }
        match current {
            Some(_) => Err(SealError::WrongMasterKey.into()),
            None => Err(StoreError::Key(format!(
                "the vault in {dir} is sealed, and its master key {key} is not there. Put the \
                 key back from your backup. If it is lost, so is what the vault holds: move \
                 {dir} away and connect your accounts again.",
                dir = dir.display(),
                key = self.name(),
            ))
            .into()),
        }
    }

    /// The current key, if there is one.
    pub(super) fn current(&self) -> Result<Option<MasterKey>, StoreError> {
        self.read(Slot::Current)
    }

    /// The key for a brand-new store: the one that is there, or one made now.
    pub(super) fn existing_or_new(&self) -> Result<MasterKey, StoreError> {
        if let Some(key) = self.current()? {
            return Ok(key);
        }
        let key = MasterKey::generate();
        self.create(Slot::Current, &key)?;
        tracing::info!(place = %self.name(), "made the vault's master key; back it up");
        Ok(key)
    }

    /// The key of that name, if it is here.
    pub(super) fn find(&self, id: MasterKeyId) -> Result<Option<MasterKey>, StoreError> {
        for slot in [Slot::Current, Slot::Next(id), Slot::Old(id)] {
            if let Some(key) = self.read(slot)?
                && key.id() == id
            {
                return Ok(Some(key));
            }
        }
        Ok(None)
    }

    /// Before the keyring is wrapped under `new`: keeps both keys by their names.
    pub(super) fn prepare(&self, old: &MasterKey, new: &MasterKey) -> Result<(), StoreError> {
        self.create(Slot::Old(old.id()), old)?;
        self.create(Slot::Next(new.id()), new)
    }

    /// Once the keyring is wrapped under `key`: makes it the current one.
    pub(super) fn promote(&self, key: &MasterKey) -> Result<(), StoreError> {
        match self {
            Self::Environment(_) => Ok(()),
            Self::File(path) => {
                key_file::replace(path, key)?;
                key_file::remove(&beside(path, Slot::Next(key.id())))
            }
            Self::OsKeyring => {
                os_keyring::write(&entry(Slot::Current), key)?;
                os_keyring::remove(&entry(Slot::Next(key.id())))
            }
        }
    }

    /// When the keyring was not wrapped under `new` after all.
    pub(super) fn give_up(&self, new: &MasterKey) -> Result<(), StoreError> {
        match self {
            Self::Environment(_) => Ok(()),
            Self::File(path) => key_file::remove(&beside(path, Slot::Next(new.id()))),
            Self::OsKeyring => os_keyring::remove(&entry(Slot::Next(new.id()))),
        }
    }

    /// What a person calls it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Environment(_) => "VALETKEY_MASTER_KEY".to_owned(),
            Self::File(path) => path.display().to_string(),
            Self::OsKeyring => os_keyring::NAME.to_owned(),
        }
    }

    /// What a person calls the place that the key with this name was kept in before.
    pub(super) fn name_of_old(&self, old: MasterKeyId) -> Option<String> {
        match self {
            Self::Environment(_) => None,
            Self::File(path) => Some(beside(path, Slot::Old(old)).display().to_string()),
            Self::OsKeyring => Some(format!(
                "{} as `{}`",
                os_keyring::NAME,
                entry(Slot::Old(old))
            )),
        }
    }

    fn read(&self, slot: Slot) -> Result<Option<MasterKey>, StoreError> {
        match (self, slot) {
            (Self::Environment(key), Slot::Current) => Ok(Some(key.clone())),
            (Self::Environment(_), _) => Ok(None),
            (Self::File(path), slot) => key_file::read(&beside(path, slot)),
            (Self::OsKeyring, slot) => os_keyring::read(&entry(slot)),
        }
    }

    fn create(&self, slot: Slot, key: &MasterKey) -> Result<(), StoreError> {
        match self {
            Self::Environment(_) => Ok(()),
            Self::File(path) => key_file::create(&beside(path, slot), key),
            Self::OsKeyring => os_keyring::write(&entry(slot), key),
        }
    }
}

/// The keyring's entry of a key.
fn entry(slot: Slot) -> String {
    match slot {
        Slot::Current => "master".to_owned(),
        Slot::Next(id) => format!("master {id} next"),
        Slot::Old(id) => format!("master {id} old"),
    }
}

/// Why a keyring does not open.
#[derive(Debug)]
pub(super) enum Problem {
    /// The key is not there, or badly kept.
    Store(StoreError),
    /// The keyring's file, or the key does not fit.
    Seal(SealError),
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<SealError> for Problem {
    fn from(error: SealError) -> Self {
        Self::Seal(error)
    }
}

/// The file of a key; the keys that are not the current one have their names in theirs.
fn beside(path: &Path, slot: Slot) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    match slot {
        Slot::Current => {}
        Slot::Next(id) => name.push(format!(".{id}.next")),
        Slot::Old(id) => name.push(format!(".{id}.old")),
    }
    path.with_file_name(name)
}
