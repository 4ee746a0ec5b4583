//! `--since`: an age, a date or a time.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// The time that `text` means at `now`: `30m`, `2h`, `7d`; a date, from its midnight in `zone`; a
/// date and time in `zone`; or a time with its offset (RFC 3339).
pub(super) fn parse(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, String> {
    age(text)
        .and_then(|age| now.checked_sub(age).ok())
        .or_else(|| text.parse::<Timestamp>().ok())
        .or_else(|| {
            let local: DateTime = text.parse().ok()?;
            let zoned = local.to_zoned_datetime(zone.clone()).ok()?;
            Some(zoned.timestamp())
        })
        .ok_or_else(|| {
            "--since takes an age such as 30m, 2h or 7d, a date such as 2026-11-01, or a time such \
             as 2026-11-01T08:00:00Z."
                .to_owned()
        })
}

fn age(text: &str) -> Option<SignedDuration> {
    let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    let count: u32 = count.parse().ok()?;
    Some(SignedDuration::from_secs(i64::from(count) * unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_dates_and_times_are_understood_and_nothing_else() {
        let now = "2026-11-23T12:00:00Z".parse().unwrap();
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let cases = [
            ("30s", Some("2026-11-23T11:59:30Z")),
            ("90m", Some("2026-11-23T10:30:00Z")),
            ("2h", Some("2026-11-23T10:00:00Z")),
            ("7d", Some("2026-11-16T12:00:00Z")),
            ("1w", Some("2026-11-16T12:00:00Z")),
            ("2026-11-01", Some("2026-10-31T22:00:00Z")),
            ("2026-11-01T08:00", Some("2026-11-01T06:00:00Z")),
            ("2026-11-01T08:00:00Z", Some("2026-11-01T08:00:00Z")),
            ("2026-11-01T08:00:00+01:00", Some("2026-11-01T07:00:00Z")),
            ("", None),
            ("h", None),
            ("-2h", None),
            ("2 hours", None),
            ("99999999d", None),
            ("2026-13-01", None),
            ("yesterday", None),
            ("2é", None),
        ];
        for (text, time) in cases {
            let parsed = parse(text, now, &zone).ok().map(|time| time.to_string());
            assert_eq!(parsed.as_deref(), time, "{text}");
        }
    }
}
