//! The threads that a command runs on.

use std::thread::available_parallelism;

use anyhow::anyhow;
use tokio::runtime::{Builder, Runtime};

use crate::cli::{Cli, Command};
use crate::store::threads::{self, try_to_start};

/// Opens the vault, whose own threads come on top.
const OPENING: usize = 1;

impl Cli {
    /// The runtime of the command: a thread for each core where many are served at once, else one
    /// thread, which takes less memory.
    pub fn runtime(&self) -> anyhow::Result<Runtime> {
        if !matches!(self.command, Some(Command::Http(_))) {
            return Ok(Builder::new_current_thread().enable_all().build()?);
        }
        let workers = available_parallelism().map_or(1, usize::from);
        let needed = workers + OPENING + threads::NEEDED;
        // Tokio panics where it gets none, and says nothing.
        try_to_start(needed).map_err(|error| {
            anyhow!(
                "no more threads can be started ({}); this server needs {needed}. Nothing was \
                 changed. End some processes, or raise the limit (`ulimit -u`, or that of the \
                 container), then try again.",
                error.kind()
            )
        })?;
        Ok(Builder::new_multi_thread()
            .worker_threads(workers)
            .enable_all()
            .build()?)
    }
}
