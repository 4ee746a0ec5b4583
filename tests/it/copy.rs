//! A test that runs again in a process of its own, where it may panic, have another environment or
//! lack something.

use std::ffi::OsString;
use std::process::{Command, Stdio};

const COPY: &str = "VALETKEY_TEST_COPY";

/// The test `name` (`module::function`) again, in a process that finds `about` by [`about`].
pub(crate) fn of(name: &str, about: impl Into<OsString>) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", name, "--nocapture", "--include-ignored"])
        .env(COPY, about.into())
        .stdin(Stdio::null());
    command
}

/// What the copy of a test was told; none in the test itself.
pub(crate) fn about() -> Option<OsString> {
    #[expect(
        clippy::disallowed_methods,
        reason = "how a test tells its copy that it is one"
    )]
    std::env::var_os(COPY)
}
