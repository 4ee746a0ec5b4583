//! The file that the master key is kept in.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use secrecy::SecretString;

use crate::seal::master::MasterKey;
use crate::store::error::StoreError;
use crate::store::files;

/// Refuses a file that would lie in the store's `dir`: whoever copies the one must not get the
/// other. Touches nothing.
pub(super) fn outside(path: &Path, dir: &Path) -> Result<PathBuf, StoreError> {
    let path = std::path::absolute(path)
        .map_err(|error| StoreError::io(path, "cannot be found", &error))?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    if resolved(folder).starts_with(resolved(dir)) {
        return Err(StoreError::Key(format!(
            "the master key {key} must not lie in the vault's own directory {dir}, where a copy \
             of the one takes the other along. Move it to another directory and set its new path.",
            key = path.display(),
            dir = dir.display(),
        )));
    }
    Ok(path)
}

/// Reads a key's file; none if there is none.
pub(super) fn read(path: &Path) -> Result<Option<MasterKey>, StoreError> {
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

/// Makes a key's file, durably; one that has this very key already is left as it is.
pub(super) fn create(path: &Path, key: &MasterKey) -> Result<(), StoreError> {
    if read(path)?.is_some_and(|there| there.id() == key.id()) {
        return Ok(());
    }
    files::create_directory(path.parent().unwrap_or(Path::new("/")))?;
    files::parent_is_safe(path)?;
    files::create_atomically(path, key.to_line().as_bytes())
}

/// Puts a key in the place of another, durably.
pub(super) fn replace(path: &Path, key: &MasterKey) -> Result<(), StoreError> {
    files::write_atomically(path, key.to_line().as_bytes())
}

/// Removes a key's file, if it is there.
pub(super) fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io(path, "cannot be removed", &error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
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
