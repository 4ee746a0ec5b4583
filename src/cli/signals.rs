//! The signals that end a process that serves.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Resolves at SIGTERM, SIGINT or SIGHUP: all of these are a good end.
pub fn end() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hang_up.recv() => {}
        }
    })
}
