//! Why the store cannot be opened or used.

use std::io;
use std::path::Path;

/// Why the store cannot be opened or used; each message says what to do next.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the store open.
    #[error(
        "another process (pid {pid}) has the vault at {path} locked and does not answer other Valetkey processes. If it is an older Valetkey, or hangs, end it (kill {pid}), then try again."
    )]
    Locked {
        /// Where.
        path: String,
        /// Who, or `unknown`.
        pid: String,
    },
    /// The key is missing, wrong or badly kept. Nothing was touched.
    #[error("{0}")]
    Key(String),
    /// The directory or a file is unsafe: wrong owner, wrong mode, a symbolic link.
    #[error("{0}")]
    Unsafe(String),
    /// A row changed since it was read. The caller reads again and decides anew.
    #[error("the row was changed by another call")]
    Conflict,
    /// Too little space is left on the disk. Nothing was touched, reads go on, and the next write
    /// works as soon as there is space.
    #[error(
        "vault unavailable: disk full at {path} ({left}). Nothing was changed. Free space there, then try again."
    )]
    Full {
        /// Where.
        path: String,
        /// How much is left, and how much is needed.
        left: String,
    },
    /// An export cannot be written or read. Nothing was changed.
    #[error("{0}")]
    Export(String),
    /// The disk or sled failed; after a failed write the store is read-only until reopened.
    #[error("the vault at {path} failed: {cause}. {fix}")]
    Failed {
        /// Where.
        path: String,
        /// What failed, in our words or the operating system's.
        cause: String,
        /// What to do next.
        fix: String,
    },
}

impl StoreError {
    /// A call that a panic ended.
    pub(super) fn interrupted(dir: &Path) -> Self {
        Self::damaged(dir, "the database ended in the middle of a call")
    }

    /// The operating system's refusal to do something with `path`, as "cannot be read".
    pub(super) fn io(path: &Path, what: &str, error: &io::Error) -> Self {
        let fix = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "Free space on that disk, then try again."
            }
            io::ErrorKind::ReadOnlyFilesystem => {
                "Set `store` to a directory on a disk that can be written to."
            }
            io::ErrorKind::PermissionDenied => {
                "Give your user access to it, or set `store` to another directory."
            }
            _ => "Check that disk, then try again.",
        };
        // sled passes errors on as the debug form of the system's; the kind is what is readable.
        let system = match error.kind() {
            kind if error.raw_os_error().is_none() && kind != io::ErrorKind::Other => {
                kind.to_string()
            }
            _ => error.to_string(),
        };
        Self::Failed {
            path: path.display().to_string(),
            cause: format!("it {what} ({system})"),
            fix: fix.to_owned(),
        }
    }

    /// sled's refusal, in our words but for what the operating system said.
    pub(super) fn sled(dir: &Path, error: &sled::Error) -> Self {
        match error {
            sled::Error::Io(error) => Self::io(dir, "cannot be read or written", error),
            sled::Error::Corruption { .. } => Self::damaged(dir, "the database is damaged"),
            sled::Error::CollectionNotFound(_)
            | sled::Error::Unsupported(_)
            | sled::Error::ReportableBug(_) => Self::damaged(dir, "the database cannot be used"),
        }
    }

    /// The database is there and does not work.
    pub(super) fn damaged(dir: &Path, cause: &str) -> Self {
        Self::Failed {
            path: dir.display().to_string(),
            cause: cause.to_owned(),
            fix: "Nothing was deleted. Try again; if that does not help, keep a copy of the \
                  directory, move it away, and connect your accounts again."
                .to_owned(),
        }
    }
}
