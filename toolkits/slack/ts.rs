//! Slack's message timestamps: a key first and a time second, so digits and never a float
//! (<https://docs.slack.dev/reference/methods/conversations.history>).

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A `ts`: seconds since 1970 and six digits that make it unique in its conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Ts {
    seconds: u64,
    unique: u32,
}

impl Ts {
    /// The time it stands for; none when no calendar reaches that far.
    pub(super) fn time(self) -> Option<Timestamp> {
        let nanoseconds = i32::try_from(self.unique).ok()? * 1000;
        Timestamp::new(i64::try_from(self.seconds).ok()?, nanoseconds).ok()
    }

    /// The `ts` that a message of this moment would have; 0 for times before 1970.
    pub(super) fn of(time: Timestamp) -> Self {
        Self {
            seconds: u64::try_from(time.as_second()).unwrap_or(0),
            unique: u32::try_from(time.subsec_microsecond()).unwrap_or(0),
        }
    }

    /// The latest one before it.
    pub(super) fn before(self) -> Self {
        match self.unique.checked_sub(1) {
            Some(unique) => Self { unique, ..self },
            None => Self {
                seconds: self.seconds.saturating_sub(1),
                unique: 999_999,
            },
        }
    }

    /// Reads the `p1700000000000100` of a permalink, where the point is left out.
    pub(super) fn from_permalink(segment: &str) -> Option<Self> {
        let digits = segment.strip_prefix('p')?;
        if !digits.is_ascii() {
            return None;
        }
        let (seconds, unique) = digits.split_at_checked(digits.len().checked_sub(6)?)?;
        format!("{seconds}.{unique}").parse().ok()
    }
}

impl fmt::Display for Ts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:010}.{:06}", self.seconds, self.unique)
    }
}

impl FromStr for Ts {
    type Err = NotATs;

    fn from_str(text: &str) -> Result<Self, NotATs> {
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        let (seconds, unique) = text.split_once('.').ok_or(NotATs)?;
        if !digits(seconds) || !digits(unique) || unique.len() != 6 || seconds.len() > 12 {
            return Err(NotATs);
        }
        Ok(Self {
            seconds: seconds.parse().map_err(|_| NotATs)?,
            unique: unique.parse().map_err(|_| NotATs)?,
        })
    }
}

impl TryFrom<String> for Ts {
    type Error = NotATs;

    fn try_from(text: String) -> Result<Self, NotATs> {
        text.parse()
    }
}

impl From<Ts> for String {
    fn from(ts: Ts) -> Self {
        ts.to_string()
    }
}

/// The text has not the form `1700000000.000100`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message timestamp looks like 1700000000.000100")]
pub(super) struct NotATs;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ts_keeps_every_digit_and_orders_by_time() {
        let earlier: Ts = "1700000000.000100".parse().unwrap();
        let later: Ts = "1700000000.000101".parse().unwrap();
        assert_eq!(earlier.to_string(), "1700000000.000100");
        assert!(earlier < later);
        assert_eq!(Ts::of(earlier.time().unwrap()), earlier);
    }

    #[test]
    fn what_is_not_a_ts_is_refused() {
        for text in [
            "",
            "1700000000",
            "1700000000.1",
            "1700000000.0001000",
            "-1.000000",
            "1e9.000000",
            "1700000000.00010x",
            " 1700000000.000100",
            "9999999999999.000000",
        ] {
            assert_eq!(text.parse::<Ts>(), Err(NotATs), "{text:?}");
        }
    }

    #[test]
    fn the_permalink_form_is_the_same_digits_without_the_point() {
        let ts = Ts::from_permalink("p1700000000000100").unwrap();
        assert_eq!(ts.to_string(), "1700000000.000100");
        for segment in [
            "1700000000000100",
            "p",
            "p12345",
            "p17000000x0000100",
            "pé00000",
        ] {
            assert_eq!(Ts::from_permalink(segment), None, "{segment:?}");
        }
    }
}
