//! What did not fit into an answer, kept for its caller to read on.
//!
//! A long text is in a file that has no name and is gone with this process at the latest. What is
//! in it is sealed under a key of its own that is in memory only, so that nobody reads it who reads
//! the disk. Memory holds some hundred bytes of each.

use std::collections::VecDeque;
use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;

use crate::caller::Caller;
use crate::clock::Clock;
use crate::seal::ephemeral::EphemeralKey;

/// How long a text is kept.
pub const LIFETIME: Duration = Duration::from_hours(1);

/// How much is kept. The oldest goes first.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Texts of one caller.
    texts_of_a_caller: usize,
    /// Bytes of one caller.
    bytes_of_a_caller: u64,
    /// Texts of all callers, since each has a file open.
    texts: usize,
}

const LIMITS: Limits = Limits {
    texts_of_a_caller: 32,
    bytes_of_a_caller: 64 * 1024 * 1024,
    texts: 256,
};

/// Texts are sealed in parts of so many characters, so that a page is read without the rest.
const PART: usize = 16 * 1024;

/// The kept texts. Clones share them.
#[derive(Clone, Debug)]
pub struct Spill(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    directory: PathBuf,
    clock: Clock,
    limits: Limits,
    /// Oldest first.
    kept: Mutex<VecDeque<Arc<Kept>>>,
}

#[derive(Debug)]
struct Kept {
    handle: String,
    caller: Caller,
    tool: String,
    until: Timestamp,
    characters: usize,
    key: EphemeralKey,
    file: File,
    /// Where each part ends in the file.
    ends: Vec<u64>,
}

/// A part of a kept text.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece {
    /// The tool that returned the text.
    pub tool: String,
    /// The characters asked for, as many of them as there are.
    pub text: String,
    /// How many characters the whole text has.
    pub all: usize,
}

/// Why nothing can be read.
#[derive(Debug, thiserror::Error)]
pub enum SpillError {
    /// No text of this caller is kept under this handle (any more).
    #[error(
        "No result is kept under this handle: it is unknown, or older than an hour, or newer ones took its place."
    )]
    Unknown,
    /// The file cannot be read, or is not as it was written.
    #[error("The kept result cannot be read any more.")]
    Unreadable,
}

impl Spill {
    /// Keeps texts in files in `directory`, which nobody else may write to. Touches no disk yet.
    pub fn new(directory: PathBuf, clock: Clock) -> Self {
        Self::within(LIMITS, directory, clock)
    }

    fn within(limits: Limits, directory: PathBuf, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            directory,
            clock,
            limits,
            kept: Mutex::default(),
        }))
    }

    /// Keeps `text`, which `tool` returned to `caller`, for [`LIFETIME`]. Returns its handle: 128
    /// random bits, which are of use to that caller alone.
    pub async fn keep(&self, caller: &Caller, tool: &str, text: String) -> io::Result<String> {
        let this = self.clone();
        let (caller, tool) = (caller.clone(), tool.to_owned());
        let handle = blocking(move || this.write(caller, tool, &text)).await??;
        let inner = Arc::downgrade(&self.0);
        // Otherwise an idle process would keep it for as long as it runs.
        tokio::spawn(async move {
            tokio::time::sleep(LIFETIME).await;
            if let Some(inner) = inner.upgrade() {
                drop(inner.current());
            }
        });
        Ok(handle)
    }

    /// The characters `wanted` of the text that `caller` was given `handle` for. Beyond its end
    /// there are none.
    pub async fn read(
        &self,
        caller: &Caller,
        handle: &str,
        wanted: Range<usize>,
    ) -> Result<Piece, SpillError> {
        let found = self.0.current().iter().find_map(|kept| {
            (kept.handle == handle && kept.caller == *caller).then(|| Arc::clone(kept))
        });
        let kept = found.ok_or(SpillError::Unknown)?;
        let read = blocking(move || {
            Some(Piece {
                text: kept.read(wanted)?,
                tool: kept.tool.clone(),
                all: kept.characters,
            })
        });
        read.await.ok().flatten().ok_or(SpillError::Unreadable)
    }

    fn write(&self, caller: Caller, tool: String, text: &str) -> io::Result<String> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).expect("the operating system's random numbers are available");
        // Without a name from the start, where the file system can.
        let file = tempfile::tempfile_in(&self.0.directory)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        let mut kept = Kept {
            handle: BASE64_URL_SAFE_NO_PAD.encode(random),
            caller,
            tool,
            until: self.0.clock.now() + LIFETIME,
            characters: text.chars().count(),
            key: EphemeralKey::generate(),
            file,
            ends: Vec::new(),
        };
        kept.write(text)?;
        let handle = kept.handle.clone();
        self.0.add(kept)?;
        Ok(handle)
    }
}

impl Inner {
    /// What is kept now, without what is too old.
    fn current(&self) -> MutexGuard<'_, VecDeque<Arc<Kept>>> {
        let now = self.clock.now();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|one| one.until > now);
        kept
    }

    /// Adds one, and drops the oldest until the limits hold.
    fn add(&self, new: Kept) -> io::Result<()> {
        let limits = self.limits;
        if new.bytes() > limits.bytes_of_a_caller {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let mut kept = self.current();
        let (mut texts, mut bytes) = (1, new.bytes());
        let mut room = vec![true; kept.len()];
        for (at, one) in kept.iter().enumerate().rev() {
            if one.caller == new.caller {
                texts += 1;
                bytes += one.bytes();
                room[at] = texts <= limits.texts_of_a_caller && bytes <= limits.bytes_of_a_caller;
            }
        }
        let mut room = room.into_iter();
        kept.retain(|_| room.next() == Some(true));
        kept.push_back(Arc::new(new));
        while kept.len() > limits.texts {
            kept.pop_front();
        }
        Ok(())
    }
}

impl Kept {
    fn bytes(&self) -> u64 {
        self.ends.last().copied().unwrap_or_default()
    }

    fn write(&mut self, mut text: &str) -> io::Result<()> {
        while !text.is_empty() {
            let end = text.char_indices().nth(PART);
            let (part, rest) = text.split_at(end.map_or(text.len(), |(end, _)| end));
            let place = [self.handle.as_bytes(), &self.ends.len().to_be_bytes()];
            let sealed = self.key.seal(&place, part.as_bytes());
            self.file.write_all(&sealed)?;
            self.ends.push(self.bytes() + sealed.len() as u64);
            text = rest;
        }
        Ok(())
    }

    fn read(&self, wanted: Range<usize>) -> Option<String> {
        let wanted = wanted.start.min(self.characters)..wanted.end.min(self.characters);
        let first = wanted.start / PART;
        let mut text = String::new();
        for part in first..wanted.end.div_ceil(PART) {
            let opened = self.open(part)?;
            text.push_str(std::str::from_utf8(&opened).ok()?);
        }
        let text = text.chars().skip(wanted.start - first * PART);
        Some(text.take(wanted.len()).collect())
    }

    fn open(&self, part: usize) -> Option<zeroize::Zeroizing<Vec<u8>>> {
        let start = match part.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        let length = usize::try_from(self.ends.get(part)? - start).ok()?;
        let mut sealed = vec![0; length];
        self.file.read_exact_at(&mut sealed, start).ok()?;
        let place = [self.handle.as_bytes(), &part.to_be_bytes()];
        self.key.open(&place, &sealed)
    }
}

/// Files block.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)
}

#[cfg(test)]
mod tests;
