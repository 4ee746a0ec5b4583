//! Whether sled can start its threads.
//!
//! Without a thread for its work, sled waits for one for ever, with its lock held: until this process
//! ends, nobody can open the store. Without one for its flusher it panics, which looks like a
//! damaged database. So it is tried first whether there are enough.

use std::io;
use std::path::Path;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread::Builder;

use crate::store::error::StoreError;

/// The thread that opens, the seven that do sled's work, its flusher, and one to spare.
pub(crate) const NEEDED: usize = 10;

/// Refuses if so many threads cannot be started now. `dir` is the store that is told.
pub(super) fn check(dir: &Path) -> Result<(), StoreError> {
    try_to_start(NEEDED).map_err(|error| none_left(dir, &error))
}

/// Whether `count` threads can be started now, all at once. They end with this.
pub(crate) fn try_to_start(count: usize) -> io::Result<()> {
    let (end, ended) = channel::<()>();
    let ended = Arc::new(Mutex::new(ended));
    let wait = || {
        let ended = Arc::clone(&ended);
        let builder = Builder::new().stack_size(16 * 1024);
        // All at once: none ends before the last one was started.
        builder.spawn(move || drop(ended.lock().map(|ended| ended.recv())))
    };
    let mut started = Vec::new();
    let mut refused = None;
    for _ in 0..count {
        match wait() {
            Ok(thread) => started.push(thread),
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
    }
    drop(end);
    for thread in started {
        thread
            .join()
            .expect("a thread that only waits does not panic");
    }
    refused.map_or(Ok(()), Err)
}

/// What is told when the system starts no more threads.
pub(super) fn none_left(dir: &Path, error: &io::Error) -> StoreError {
    StoreError::Failed {
        path: dir.display().to_string(),
        cause: format!("no more threads can be started ({})", error.kind()),
        fix:
            "Nothing was changed. End some processes, or raise the limit (`ulimit -u`, or that of \
              the container), then try again."
                .to_owned(),
    }
}
