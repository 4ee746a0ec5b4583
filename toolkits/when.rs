//! Times as people write them: RFC 3339, a date, or a span back from now (`7d`, `3h`, `2w`).

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::error::ToolError;

/// Reads a time argument. A date is its first moment in `zone`; a span counts back from `now`.
/// `name` is the argument's name, for the error.
pub fn parse(
    name: &str,
    text: &str,
    now: Timestamp,
    zone: &TimeZone,
) -> Result<Timestamp, ToolError> {
    let _ = (name, text, now, zone);
    todo!("toolkits core")
}

/// RFC 3339 with the offset of `zone`, to the second.
pub fn show(time: Timestamp, zone: &TimeZone) -> String {
    let _ = (time, zone);
    todo!("toolkits core")
}
