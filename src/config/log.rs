//! `VALETKEY_LOG`: what is logged.

/// The filter of the log, as `telemetry` reads it.
#[expect(
    clippy::disallowed_methods,
    reason = "config/ is the reader of the environment"
)]
pub fn filter() -> Option<String> {
    std::env::var("VALETKEY_LOG").ok()
}
