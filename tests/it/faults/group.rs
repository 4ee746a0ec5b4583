//! Control groups: a process that may have little memory, or few threads.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// A control group of Linux, of version 1 or 2, removed at the end of the value.
pub(super) struct Group {
    folder: PathBuf,
    unified: bool,
}

impl Group {
    /// A group without a limit yet. `controller` is `memory` or `pids`.
    pub(super) fn new(controller: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::SeqCst);
        let name = format!("valetkey-test-{}-{number}", std::process::id());
        let alone = PathBuf::from("/sys/fs/cgroup").join(controller);
        let unified = !alone.join("cgroup.procs").exists();
        let folder = if unified {
            // As `tests/faults/run` has found.
            let root = PathBuf::from("/sys/fs/cgroup");
            fs::write(
                root.join("cgroup.subtree_control"),
                format!("+{controller}"),
            )
            .unwrap();
            root.join(name)
        } else {
            alone.join(name)
        };
        fs::create_dir(&folder).unwrap();
        Self { folder, unified }
    }

    /// The file that a process writes itself into.
    pub(super) fn processes(&self) -> PathBuf {
        self.folder.join("cgroup.procs")
    }

    /// How much memory its processes may have together; what is more is not swapped out.
    pub(super) fn limit_memory(&self, kibibytes: u64) {
        let bytes = (kibibytes * 1024).to_string();
        if self.unified {
            fs::write(self.folder.join("memory.max"), bytes).unwrap();
            // A kernel without swap does not have it.
            fs::write(self.folder.join("memory.swap.max"), "0").ok();
        } else {
            fs::write(self.folder.join("memory.limit_in_bytes"), bytes).unwrap();
            fs::write(self.folder.join("memory.swappiness"), "0").ok();
        }
    }

    /// How many threads its processes have together.
    pub(super) fn threads(&self) -> u32 {
        let text = fs::read_to_string(self.folder.join("pids.current")).unwrap();
        text.trim().parse().unwrap()
    }

    /// How many they may have; none: as many as they like.
    pub(super) fn limit_threads(&self, most: Option<u32>) {
        let most = most.map_or_else(|| "max".to_owned(), |most| most.to_string());
        fs::write(self.folder.join("pids.max"), most).unwrap();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // A process that was just killed leaves in its own time.
        for _ in 0..200 {
            if fs::remove_dir(&self.folder).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}
