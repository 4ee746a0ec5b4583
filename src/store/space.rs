//! The free space of the store's disk: what may not fit is refused before sled sees it.
//!
//! sled cannot take a failed write back, and does not open on a full disk. So some space is kept in
//! reserve: a refused write leaves the store as sound as it was, and the next one works as soon as
//! there is space.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::StatVfs;

use crate::store::error::StoreError;
use crate::store::rows;

const MIB: u64 = 1024 * 1024;

/// How far down the free space may go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reserve {
    /// For whatever can as well be done later: some segments of sled's log.
    pub(super) begin: u64,
    /// For what has been done at a provider already and would be lost. Half of the other, so that
    /// what was begun can be finished when others fill the disk meanwhile.
    pub(super) finish: u64,
}

impl Reserve {
    pub(super) const USUAL: Self = Self {
        begin: 4 * MIB,
        finish: 2 * MIB,
    };
}

/// What a transaction that puts so many rows may add to sled's log: each row again with its page.
pub(super) fn of_rows(puts: usize) -> u64 {
    2 * (puts as u64) * (rows::LIMIT as u64)
}

/// Refuses if less than `needed` bytes are free at `path`, which exists, for users without
/// privileges. `dir` is the store that is told.
pub(super) fn check(dir: &Path, path: &Path, needed: u64) -> Result<(), StoreError> {
    let found = statvfs(path)?;
    let free = free_of(&found);
    // File systems without a table of files say that it has none.
    let no_names = found.f_files > 0 && found.f_favail == 0;
    if free >= needed && !no_names {
        return Ok(());
    }
    Err(StoreError::Full {
        path: dir.display().to_string(),
        left: if no_names {
            "no more files can be made".to_owned()
        } else {
            format!("{} left, {} needed", mib(free), mib(needed))
        },
    })
}

/// The bytes that are free at `path`, which exists, for users without privileges.
pub(super) fn free(path: &Path) -> Result<u64, StoreError> {
    Ok(free_of(&statvfs(path)?))
}

fn statvfs(path: &Path) -> Result<StatVfs, StoreError> {
    rustix::fs::statvfs(path).map_err(|error| StoreError::io(path, "cannot be read", &error.into()))
}

fn free_of(found: &StatVfs) -> u64 {
    found.f_bavail.saturating_mul(found.f_frsize)
}

/// What the files below a directory take on the disk, in bytes.
pub(super) fn taken(directory: &Path) -> io::Result<u64> {
    const BLOCK: u64 = 512;
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let found = match entry.metadata() {
            Ok(found) => found,
            // sled deletes snapshots while it works.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        bytes += if found.is_dir() {
            taken(&entry.path())?
        } else {
            found.len().min(found.blocks() * BLOCK)
        };
    }
    Ok(bytes)
}

/// The nearest directory above `path`, or `path` itself, that exists.
pub(super) fn existing(path: &Path) -> &Path {
    path.ancestors()
        .find(|path| path.exists())
        .unwrap_or(Path::new("/"))
}

fn mib(bytes: u64) -> String {
    format!("{}.{} MiB", bytes / MIB, bytes % MIB * 10 / MIB)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_with_what_is_left_and_what_is_needed() {
        let dir = Path::new("/vault");
        let here = existing(Path::new("/tmp/not/there"));
        assert!(here.exists());
        check(dir, here, 1).unwrap();
        let error = check(dir, here, u64::MAX).unwrap_err().to_string();
        assert!(error.contains("disk full at /vault ("), "{error}");
        assert!(
            error.contains(" MiB left, 17592186044415.9 MiB needed"),
            "{error}"
        );
        assert!(error.contains("Free space there"), "{error}");
    }

    #[test]
    fn sizes_are_told_in_mebibytes_with_one_place() {
        let told = [0, MIB - 1, MIB, 3 * MIB + MIB / 2].map(mib);
        assert_eq!(told, ["0.0 MiB", "0.9 MiB", "1.0 MiB", "3.5 MiB"]);
    }
}
