//! Private files and directories: made so that nobody else can read them, and durable.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::process::geteuid;
use zeroize::Zeroizing;

use crate::store::error::StoreError;

const PRIVATE_DIRECTORY: u32 = 0o700;
const PRIVATE_FILE: u32 = 0o600;

/// No file that we read whole is longer: a key, a keyring of a hundred keys.
const SMALL: usize = 32 * 1024;

/// Makes the directory with its parents for us alone, or checks one that exists: a directory of
/// ours, no symbolic link, closed to others, and not replaceable by others.
pub(crate) fn private_directory(path: &Path) -> Result<(), StoreError> {
    create_directory(path)?;
    let found = fs::symlink_metadata(path)
        .map_err(|error| StoreError::io(path, "cannot be read", &error))?;
    if let Some(problem) = directory_problem(path, &found, geteuid().as_raw()) {
        return Err(StoreError::Unsafe(problem));
    }
    parent_is_safe(path)
}

/// Makes the directory with its parents for us alone, unless it exists, and makes their names
/// durable: a key in a directory that a power cut forgets would be gone with it.
pub(super) fn create_directory(path: &Path) -> Result<(), StoreError> {
    let failed = |error| StoreError::io(path, "cannot be made", &error);
    if let Some(parent) = path.parent()
        && !parent.exists()
    {
        create_directory(parent)?;
    }
    match DirBuilder::new().mode(PRIVATE_DIRECTORY).create(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        // A disk that is read-only says so first.
        Err(_) if path.is_dir() => {}
        Err(error) => return Err(failed(error)),
    }
    sync_name(path).map_err(failed)
}

/// In a directory that anyone may write to, anyone may put another in the place of ours, unless it
/// is sticky like `/tmp`.
pub(super) fn parent_is_safe(path: &Path) -> Result<(), StoreError> {
    let Some(parent) = path.parent() else {
        return Ok(());
    };
    let found =
        fs::metadata(parent).map_err(|error| StoreError::io(parent, "cannot be read", &error))?;
    if found.mode() & 0o1002 == 0o0002 {
        let parent = parent.display();
        return Err(StoreError::Unsafe(format!(
            "anyone may write to {parent}, and so replace {path}. Run: chmod o-w '{parent}'",
            path = path.display()
        )));
    }
    Ok(())
}

/// Refuses a disk of another machine, where locks and `fsync` promise less than the store needs.
pub(super) fn local_file_system(path: &Path) -> Result<(), StoreError> {
    #[cfg(all(target_os = "linux", target_pointer_width = "64"))]
    {
        let found = rustix::fs::statfs(path)
            .map_err(|error| StoreError::io(path, "cannot be read", &error.into()))?;
        if let Some(name) = remote_file_system(found.f_type & 0xffff_ffff) {
            return Err(StoreError::Unsafe(format!(
                "{} is on a network file system ({name}). Set `store` to a directory on a local \
                 disk, for example `sled:/var/lib/valetkey`.",
                path.display()
            )));
        }
    }
    Ok(())
}

/// The magic numbers of statfs(2).
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
fn remote_file_system(magic: i64) -> Option<&'static str> {
    match magic {
        0x6969 => Some("NFS"),
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => Some("SMB"),
        0x5346_414f | 0x6b41_4653 => Some("AFS"),
        _ => None,
    }
}

pub(super) fn directory_problem(path: &Path, found: &Metadata, us: u32) -> Option<String> {
    let shown = path.display();
    if found.is_symlink() {
        Some(format!(
            "{shown} is a symbolic link. Set `store` to the directory that it leads to."
        ))
    } else if !found.is_dir() {
        Some(format!("{shown} is not a directory. Set `store` to one."))
    } else if found.uid() != us {
        Some(format!(
            "{shown} belongs to another user (uid {}). Run: chown -R {us} '{shown}'",
            found.uid()
        ))
    } else if found.mode() & 0o077 != 0 {
        Some(format!(
            "{shown} is open to other users (mode {:04o}). Run: chmod 700 '{shown}'",
            found.mode() & 0o7777
        ))
    } else {
        None
    }
}

/// Opens a file for reading and writing, made for us alone if it is not there.
pub(super) fn open_or_create(path: &Path) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    open_itself(&mut options, path).map_err(|error| not_opened(path, &error))
}

/// Reads a small file; none if there is none. `check` sees what was opened before it is read.
pub(super) fn read(
    path: &Path,
    check: impl FnOnce(&Metadata) -> Result<(), StoreError>,
) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
    let file = match open_itself(OpenOptions::new().read(true), path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(not_opened(path, &error)),
    };
    let failed = |error| StoreError::io(path, "cannot be read", &error);
    check(&file.metadata().map_err(failed)?)?;
    // With room for all of it from the start, no copy of a key stays behind in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * SMALL));
    let mut file = file.take(SMALL as u64);
    file.read_to_end(&mut bytes).map_err(failed)?;
    Ok(Some(bytes))
}

/// Puts `bytes` at `path`, in one step for whoever looks, and durably.
pub(super) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    write_beside(path, bytes, |new| fs::rename(new, path))
}

/// Puts `bytes` at `path` like [`write_atomically`], and fails if something is there.
pub(super) fn create_atomically(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    write_beside(path, bytes, |new| {
        fs::hard_link(new, path)?;
        fs::remove_file(new)
    })
}

fn write_beside(
    path: &Path,
    bytes: &[u8],
    put_in_place: impl FnOnce(&Path) -> io::Result<()>,
) -> Result<(), StoreError> {
    let new = beside(path);
    let written = (|| {
        let mut file = open_itself(OpenOptions::new().write(true).create_new(true), &new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        put_in_place(&new)?;
        sync_name(path)
    })();
    written.map_err(|error| {
        let _ = fs::remove_file(&new);
        StoreError::io(path, "cannot be written", &error)
    })
}

/// A name that no other process uses, next to `path`.
fn beside(path: &Path) -> PathBuf {
    let mut random = [0; 8];
    getrandom::fill(&mut random).expect("the operating system's random numbers are available");
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{:016x}.new", u64::from_be_bytes(random)));
    path.with_file_name(name)
}

/// Closes a directory and all that is in it to others, whatever the umask was, and makes it
/// durable: sled does neither for the files that it makes.
pub(super) fn secure_tree(path: &Path) -> Result<(), StoreError> {
    fn secure(path: &Path) -> io::Result<()> {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                secure(&entry.path())?;
            } else if kind.is_file() {
                let file = File::open(entry.path())?;
                file.set_permissions(Permissions::from_mode(PRIVATE_FILE))?;
                file.sync_all()?;
            }
        }
        fs::set_permissions(path, Permissions::from_mode(PRIVATE_DIRECTORY))?;
        sync_directory(path)
    }
    secure(path).map_err(|error| StoreError::io(path, "cannot be secured", &error))
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Makes the name of `path` in its parent durable. A parent that we may not read is the
/// administrator's, who made the name.
fn sync_name(path: &Path) -> io::Result<()> {
    match sync_directory(path.parent().unwrap_or(path)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        done => done,
    }
}

/// Opens the file itself or fails: never what a symbolic link leads to, and never waiting for the
/// other end of a named pipe.
fn open_itself(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    options
        .mode(PRIVATE_FILE)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
}

fn not_opened(path: &Path, error: &io::Error) -> StoreError {
    if path.is_symlink() {
        let path = path.display();
        StoreError::Unsafe(format!(
            "{path} is a symbolic link. Put the file itself there."
        ))
    } else {
        StoreError::io(path, "cannot be opened", error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(all(target_os = "linux", target_pointer_width = "64"))]
    fn network_file_systems_are_told_from_local_ones() {
        let local = [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x794c_7630];
        for magic in local {
            assert_eq!(remote_file_system(magic), None, "{magic:#x}");
        }
        for (magic, name) in [(0x6969, "NFS"), (0xff53_4d42, "SMB"), (0x5346_414f, "AFS")] {
            assert_eq!(remote_file_system(magic), Some(name));
        }
    }

    #[test]
    fn a_file_is_created_once_and_never_replaced() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("key");
        create_atomically(&path, b"first").unwrap();
        let refused = create_atomically(&path, b"second").unwrap_err().to_string();
        assert!(refused.contains("cannot be written"), "{refused}");
        assert_eq!(fs::read(&path).unwrap(), b"first");
        write_atomically(&path, b"third").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"third");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
