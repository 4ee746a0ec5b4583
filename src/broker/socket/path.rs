//! Where the socket is.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use sha2::{Digest as _, Sha256};

/// The longest path that a Unix socket can have everywhere (macOS: 104 bytes with the final zero),
/// less the ending of the name under which it is bound.
const LONGEST: usize = 96;

/// The socket of the store in `dir`: in there, or if that path is too long in a folder of ours in
/// `/tmp`, under a name made of the path. `/tmp` and no variable: hosts drop them, and every process
/// must find the same.
pub(in crate::broker) fn of(dir: &Path) -> PathBuf {
    let inside = dir.join("owner.sock");
    if inside.as_os_str().len() <= LONGEST {
        return inside;
    }
    let mut name = String::new();
    for byte in &Sha256::digest(dir.as_os_str().as_bytes())[..8] {
        write!(name, "{byte:02x}").expect("a string takes everything");
    }
    PathBuf::from(format!("/tmp/valetkey-{}/{name}.sock", geteuid().as_raw()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_lies_in_the_store_unless_its_path_would_be_too_long() {
        assert_eq!(of(Path::new("/v")), Path::new("/v/owner.sock"));
        let deep = |last: &str| PathBuf::from(format!("/{}/{last}", "d".repeat(120)));
        let (one, other) = (of(&deep("a")), of(&deep("b")));
        assert!(one.starts_with("/tmp") && one != other, "{one:?} {other:?}");
        assert!(one.as_os_str().len() <= LONGEST);
        assert_eq!(one, of(&deep("a")));
    }
}
