//! Keeps the memory of this process out of the swap: `lock_memory` of the configuration.

/// Locks what is in memory now and will be.
///
/// Refused where the limit on locked memory (`ulimit -l`) is finite: the process would end at the
/// first allocation beyond it.
#[cfg(target_os = "linux")]
pub(super) fn lock() -> anyhow::Result<()> {
    use rustix::mm::{MlockAllFlags, mlockall};
    use rustix::process::{Resource, geteuid, getrlimit};

    let limit = getrlimit(Resource::Memlock).current;
    if limit.is_some() && !geteuid().is_root() {
        anyhow::bail!(
            "`lock_memory` needs an unlimited amount of memory to lock, and this process may lock \
             {} KiB. Set `ulimit -l unlimited` (LimitMEMLOCK=infinity in a systemd unit), or remove \
             the key and encrypt your swap.",
            limit.unwrap_or_default() / 1024
        );
    }
    // What is never touched takes no memory.
    let all = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    mlockall(all).map_err(|error| {
        anyhow::anyhow!("The memory could not be locked, as `lock_memory` asks for: {error}.")
    })
}

/// Not to be had here.
#[cfg(not(target_os = "linux"))]
pub(super) fn lock() -> anyhow::Result<()> {
    anyhow::bail!("`lock_memory` works on Linux only. Remove the key and encrypt your swap.")
}
