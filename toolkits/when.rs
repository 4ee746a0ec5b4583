//! Times as people write them: RFC 3339, a date, or a span back from now (`7d`, `3h`, `2w`).

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::error::{ErrorCode, ToolError};

/// Reads a time argument: an RFC 3339 time, one without an offset (then in `zone`), a date (its
/// first moment in `zone`), `now`, `today`, `yesterday`, or a span back from `now` in minutes (`m`),
/// hours, days, weeks, months (`mo`) or years. `name` is the argument's name, for the error.
pub fn parse(
    name: &str,
    text: &str,
    now: Timestamp,
    zone: &TimeZone,
) -> Result<Timestamp, ToolError> {
    read(text.trim(), now, zone).ok_or_else(|| {
        ToolError::new(
            ErrorCode::InvalidArguments,
            format!("`{name}` is not a time that can be read."),
            "Give a date (2026-11-23), an RFC 3339 time (2026-11-23T09:30:00+01:00) or a span back \
             from now: 30m, 3h, 7d, 2w, 6mo, 1y.",
        )
    })
}

/// RFC 3339 with the offset of `zone`, to the second.
pub fn show(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned_datetime(zone.clone())
        .strftime("%Y-%m-%dT%H:%M:%S%:z")
        .to_string()
}

fn read(text: &str, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let local = now.to_zoned_datetime(zone.clone());
    let days_back = match text.to_ascii_lowercase().as_str() {
        "now" => return Some(now),
        "today" => Some(0),
        "yesterday" => Some(1),
        _ => None,
    };
    if let Some(days) = days_back {
        let day = local.checked_sub(Span::new().days(days)).ok()?;
        return Some(day.start_of_day().ok()?.timestamp());
    }
    if let Some(span) = span(text) {
        return Some(local.checked_sub(span).ok()?.timestamp());
    }
    // A date may have no midnight (some zones turn their clocks then), hence the first moment.
    if let Ok(date) = text.parse::<Date>()
        && text.len() <= 10
    {
        return Some(date.to_zoned_datetime(zone.clone()).ok()?.timestamp());
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    let civil = text.parse::<DateTime>().ok()?;
    zone.to_timestamp(civil).ok()
}

/// `7d`, `-7d`, `7 days`.
fn span(text: &str) -> Option<Span> {
    let text = text.strip_prefix('-').unwrap_or(text);
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let amount: i64 = text[..digits].parse().ok()?;
    let span = Span::new();
    match text[digits..].trim().to_ascii_lowercase().as_str() {
        "m" | "min" | "mins" | "minute" | "minutes" => span.try_minutes(amount),
        "h" | "hour" | "hours" => span.try_hours(amount),
        "d" | "day" | "days" => span.try_days(amount),
        "w" | "week" | "weeks" => span.try_weeks(amount),
        "mo" | "month" | "months" => span.try_months(amount),
        "y" | "year" | "years" => span.try_years(amount),
        _ => return None,
    }
    .ok()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use jiff::tz::TimeZone;

    use super::{parse, show};
    use crate::error::ErrorCode;

    fn berlin() -> (Timestamp, TimeZone) {
        (
            "2026-11-23T10:00:00Z".parse().unwrap(),
            TimeZone::get("Europe/Berlin").unwrap(),
        )
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        let (now, zone) = berlin();
        for (text, expected) in [
            ("2026-11-01T09:30:00Z", "2026-11-01T10:30:00+01:00"),
            ("2026-11-01T09:30:00.5+05:30", "2026-11-01T05:00:00+01:00"),
            ("2026-07-01T09:30", "2026-07-01T09:30:00+02:00"),
            ("2026-07-01 09:30:15", "2026-07-01T09:30:15+02:00"),
            ("2026-07-01", "2026-07-01T00:00:00+02:00"),
            ("now", "2026-11-23T11:00:00+01:00"),
            ("Today", "2026-11-23T00:00:00+01:00"),
            ("yesterday", "2026-11-22T00:00:00+01:00"),
            ("30m", "2026-11-23T10:30:00+01:00"),
            ("3h", "2026-11-23T08:00:00+01:00"),
            ("7d", "2026-11-16T11:00:00+01:00"),
            (" 2w ", "2026-11-09T11:00:00+01:00"),
            ("-1 days", "2026-11-22T11:00:00+01:00"),
            // The clocks went back on 25 October: a day is a day of the calendar.
            ("30d", "2026-10-24T11:00:00+02:00"),
            ("6mo", "2026-05-23T11:00:00+02:00"),
            ("1y", "2025-11-23T11:00:00+01:00"),
        ] {
            let time = parse("since", text, now, &zone).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(show(time, &zone), expected, "{text}");
        }
    }

    #[test]
    fn a_date_without_midnight_begins_at_its_first_moment() {
        let zone = TimeZone::get("America/Asuncion").unwrap();
        let (now, _) = berlin();
        let time = parse("since", "2023-10-01", now, &zone).unwrap();
        assert_eq!(show(time, &zone), "2023-10-01T01:00:00-03:00");
    }

    #[test]
    fn what_is_no_time_is_refused_by_the_arguments_name() {
        let (now, zone) = berlin();
        let long = "9".repeat(5000);
        for text in [
            "",
            "soon",
            "7",
            "d",
            "7x",
            "2026-13-01",
            "99999999999d",
            "20000y",
            "é",
            &long,
            "2026-11-01T25:00:00Z",
        ] {
            let error = parse("since", text, now, &zone).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArguments, "{text}");
            assert!(error.message.starts_with("`since`"), "{error}");
            assert!(error.message.len() < 100, "{error}");
        }
    }
}
