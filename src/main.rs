//! The binary: `clap` to commands.

use std::alloc::System;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, setrlimit, umask};
use valetkey::cli::output::exit_of;
use valetkey::cli::{self, Cli};
use valetkey::{config, telemetry};
use zeroizing_alloc::ZeroAlloc;

/// Wipes memory when it is freed. The HTTP and JSON libraries keep copies of tokens in buffers that
/// they do not wipe themselves.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

/// How long a commit of the store may take to finish after a command has ended. A thread that waits
/// for a terminal's input would wait for ever.
const LAST_WORK: Duration = Duration::from_millis(40);

fn main() -> ExitCode {
    keep_files_private();
    let cli = Cli::parse();
    let filter = config::log_filter();
    telemetry::start(filter.as_deref().or(cli.log_filter()));
    let ended = cli.runtime().and_then(|runtime| {
        let ended = runtime.block_on(cli::run(cli));
        runtime.shutdown_timeout(LAST_WORK);
        ended
    });
    ended.unwrap_or_else(|error| {
        // Without standard error there is nobody to tell.
        writeln!(std::io::stderr(), "valetkey: {error:#}").ok();
        exit_of(&error).into()
    })
}

/// Whatever this process creates is the user's alone, and its memory is never written to a file nor
/// shown to other processes of the same user (`ptrace`, `/proc/PID/mem`).
fn keep_files_private() {
    umask(Mode::RWXG | Mode::RWXO);
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    // A lower limit is always allowed.
    setrlimit(Resource::Core, none).ok();
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable).ok();
}
