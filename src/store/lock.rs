//! The lock that makes one process the owner of a store.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::store::error::StoreError;
use crate::store::files;

/// Beside the database, never deleted: deleting it would let two processes lock two files of the
/// same name.
const NAME: &str = "owner.lock";

/// The lock, held until dropped or until the process ends, however it ends: the kernel releases an
/// `flock` with its last descriptor, so there is no stale lock to judge.
#[derive(Debug)]
pub(super) struct OwnerLock(File);

impl OwnerLock {
    /// Takes the lock of the store in `dir` or says at once who has it.
    pub(super) fn take(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(NAME);
        let mut file = files::open_or_create(&path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                return Err(StoreError::Locked {
                    path: dir.display().to_string(),
                    pid: holder(&mut file),
                });
            }
            Err(error) => return Err(StoreError::io(&path, "cannot be locked", &error.into())),
        }
        let lock = Self(file);
        lock.sign();
        Ok(lock)
    }

    /// Leaves our process id for display. Nothing is decided by it, so a full disk does not matter.
    fn sign(&self) {
        let line = format!("{}\n", std::process::id());
        let written = self.0.write_all_at(line.as_bytes(), 0);
        if written
            .and_then(|()| self.0.set_len(line.len() as u64))
            .is_err()
        {
            tracing::debug!("the lock file does not name its holder");
        }
    }
}

impl Drop for OwnerLock {
    /// Unlocks at once: a child process that is just being started may hold a copy of the
    /// descriptor for a moment.
    fn drop(&mut self) {
        // Closing the file unlocks it too, so a failure here changes nothing.
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

/// Who holds the lock of the store in `dir`, as far as its file tells: a process id, or `unknown`.
pub(crate) fn holder_in(dir: &Path) -> String {
    match File::open(dir.join(NAME)) {
        Ok(mut file) => holder(&mut file),
        Err(_) => "unknown".to_owned(),
    }
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.take(32).read_to_string(&mut text);
    let line = text.lines().next().unwrap_or_default();
    if read.is_ok() && !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit()) {
        line.to_owned()
    } else {
        "unknown".to_owned()
    }
}
