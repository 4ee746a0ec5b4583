//! Small disks. They are mounted in the mount namespace that `tests/faults/run` makes.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A mounted disk, unmounted at the end of the value.
pub(super) struct Disk {
    folder: TempDir,
}

impl Disk {
    /// A disk in memory.
    pub(super) fn in_memory(mebibytes: u64) -> Self {
        let size = format!("size={mebibytes}m,mode=0700");
        Self::mounted(&["-t", "tmpfs", "-o", &size, "none"])
    }

    /// The file system in an image. What is wrong with it makes it read-only.
    pub(super) fn of_image(image: &Path) -> Self {
        Self::mounted(&["-o", "loop,errors=remount-ro", image.to_str().unwrap()])
    }

    fn mounted(arguments: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        run(Command::new("mount").args(arguments).arg(folder.path()));
        Self { folder }
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Reports an error of the file system in an image, which then becomes read-only.
    pub(super) fn break_down(&self) {
        let source = Command::new("findmnt")
            .args(["--noheadings", "--output", "SOURCE"])
            .arg(self.path())
            .output()
            .unwrap();
        let source = String::from_utf8(source.stdout).unwrap();
        let name = source.trim().strip_prefix("/dev/").unwrap();
        fs::write(format!("/sys/fs/ext4/{name}/trigger_fs_error"), "test").unwrap();
    }

    /// Fills the disk until `left` bytes are free.
    pub(super) fn fill(&self, left: u64) {
        let mut ballast = File::create(self.ballast()).unwrap();
        let block = [0; 16 * 1024];
        while self.free() > left {
            let length = usize::try_from(self.free() - left)
                .unwrap()
                .min(block.len());
            if ballast.write_all(&block[..length]).is_err() {
                break;
            }
        }
        ballast.sync_all().unwrap();
    }

    /// Takes back what [`Disk::fill`] did.
    pub(super) fn empty(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }

    fn free(&self) -> u64 {
        let found = rustix::fs::statvfs(self.path()).unwrap();
        found.f_bavail * found.f_frsize
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a thread of sled may still be ending.
        run(Command::new("umount").arg("--lazy").arg(self.path()));
    }
}

/// An ext4 file system of 16 MiB in a file.
pub(super) fn new_image(path: &Path) {
    File::create(path)
        .unwrap()
        .set_len(16 * 1024 * 1024)
        .unwrap();
    run(Command::new("mkfs.ext4").arg("-q").arg(path));
}

pub(super) fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}
