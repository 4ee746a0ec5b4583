//! Where the master key is found, and the file that it is kept in.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use secrecy::SecretString;

use crate::config::MasterKeySource;
use crate::seal::master::MasterKey;
use crate::store::files;
use crate::store::sled::StoreError;

/// A master key at hand, or the file that has it or will have it.
pub(super) enum KeySource {
    Given(MasterKey),
    File(PathBuf),
}

impl KeySource {
    /// Reads a key from the environment, or refuses a file that would lie in the store's `dir`:
    /// whoever copies the one must not get the other. Touches nothing.
    pub(super) fn new(source: &MasterKeySource, dir: &Path) -> Result<Self, StoreError> {
        match source {
            MasterKeySource::Environment(text) => {
                let key = MasterKey::parse(text).map_err(|error| {
                    StoreError::Key(format!(
                        "VALETKEY_MASTER_KEY cannot be used: {error}. For an existing vault, set \
                         the key that it was made with."
                    ))
                })?;
                Ok(Self::Given(key))
            }
            MasterKeySource::File(path) => {
                let path = std::path::absolute(path)
                    .map_err(|error| StoreError::io(path, "cannot be found", &error))?;
                let folder = path.parent().unwrap_or(Path::new("/"));
                if resolved(folder).starts_with(resolved(dir)) {
                    return Err(StoreError::Key(format!(
                        "the master key {key} must not lie in the vault's own directory {dir}, \
                         where a copy of the one takes the other along. Move it to another \
                         directory and set its new path.",
                        key = path.display(),
                        dir = dir.display(),
                    )));
                }
                Ok(Self::File(path))
            }
        }
    }

    /// The key of the store in `dir`, which exists already: a missing key is an error.
    pub(super) fn existing(self, dir: &Path) -> Result<MasterKey, StoreError> {
        match self {
            Self::Given(key) => Ok(key),
            Self::File(path) => read(&path)?.ok_or_else(|| {
                StoreError::Key(format!(
                    "the vault in {dir} is sealed, and its master key {key} is not there. Put the \
                     key back from your backup. If it is lost, so is what the vault holds: move \
                     {dir} away and connect your accounts again.",
                    dir = dir.display(),
                    key = path.display(),
                ))
            }),
        }
    }

    /// The key for a brand-new store: that of the file, or one made there now.
    pub(super) fn existing_or_new(self) -> Result<MasterKey, StoreError> {
        let path = match self {
            Self::Given(key) => return Ok(key),
            Self::File(path) => path,
        };
        if let Some(key) = read(&path)? {
            return Ok(key);
        }
        files::create_directory(path.parent().unwrap_or(Path::new("/")))?;
        files::parent_is_safe(&path)?;
        let key = MasterKey::generate();
        files::create_atomically(&path, key.to_line().as_bytes())?;
        tracing::info!(path = %path.display(), "made the vault's master key; back this file up");
        Ok(key)
    }
}

fn read(path: &Path) -> Result<Option<MasterKey>, StoreError> {
    let check = |found: &Metadata| match key_file_problem(path, found, geteuid().as_raw()) {
        None => Ok(()),
        Some(problem) => Err(StoreError::Key(problem)),
    };
    let Some(bytes) = files::read(path, check)? else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    MasterKey::parse(&SecretString::from(text))
        .map(Some)
        .map_err(|error| {
            StoreError::Key(format!(
                "{} does not hold a master key: {error}. Put the vault's own key back.",
                path.display()
            ))
        })
}

pub(super) fn key_file_problem(path: &Path, found: &Metadata, us: u32) -> Option<String> {
    let shown = path.display();
    if !found.is_file() {
        Some(format!(
            "the master key {shown} is not a regular file. Put the key's file there."
        ))
    } else if found.uid() != us {
        Some(format!(
            "the master key {shown} belongs to another user (uid {}). Run: chown {us} '{shown}'",
            found.uid()
        ))
    } else if found.mode() & 0o177 != 0 {
        Some(format!(
            "the master key {shown} is open to other users (mode {:04o}). Run: chmod 600 '{shown}'",
            found.mode() & 0o7777
        ))
    } else {
        None
    }
}

/// The path with the symbolic links of its existing part followed.
fn resolved(path: &Path) -> PathBuf {
    match (fs::canonicalize(path), path.parent(), path.file_name()) {
        (Ok(path), _, _) => path,
        (Err(error), Some(parent), Some(name)) if error.kind() == io::ErrorKind::NotFound => {
            resolved(parent).join(name)
        }
        (Err(_), _, _) => path.to_owned(),
    }
}
