//! How long to wait before a repetition.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// A provider that asks for longer than this is taken at its word by the caller, not here.
const LONGEST: Duration = Duration::from_hours(24);

/// Whether an answer says that the caller is too fast.
///
/// GitHub answers 403 for its primary limit (with `x-ratelimit-remaining: 0`) and for its secondary
/// limits (with `retry-after`): "Rate limits for the REST API" in its documentation.
pub(crate) fn is_rate_limit(status: StatusCode, headers: &HeaderMap) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS
        || (status == StatusCode::FORBIDDEN
            && (headers.contains_key(RETRY_AFTER) || used_up(headers)))
}

/// What the provider asks for: `Retry-After` in seconds or as a date (RFC 9110 §10.2.3), else
/// `x-ratelimit-reset`, seconds since 1970. Garbage, negative spans and dates past are ignored.
pub(crate) fn asked_for(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let wait = match header(headers, RETRY_AFTER.as_str()) {
        Some(text) => seconds(text).or_else(|| until(http_date(text)?, now)),
        None => None,
    };
    wait.or_else(|| {
        let reset = used_up(headers).then(|| header(headers, "x-ratelimit-reset"))??;
        let reset = Timestamp::from_second(reset.parse().ok()?).ok()?;
        until(reset, now)
    })
}

/// The wait after the `failures`th failure when the provider asks for nothing: half a second,
/// doubled each time, less a random part of up to a half, so that callers do not come back together.
pub(crate) fn backoff(failures: u32) -> Duration {
    let whole = Duration::from_millis(500) * 2u32.saturating_pow(failures.saturating_sub(1));
    whole.mul_f64(rand::random_range(0.5..=1.0))
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    Some(headers.get(name)?.to_str().ok()?.trim())
}

fn used_up(headers: &HeaderMap) -> bool {
    header(headers, "x-ratelimit-remaining") == Some("0")
}

fn seconds(text: &str) -> Option<Duration> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // A number too large for 64 bits is a long wait, not garbage.
    digits.then(|| Duration::from_secs(text.parse().unwrap_or(u64::MAX)).min(LONGEST))
}

fn http_date(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text).ok()
}

fn until(then: Timestamp, now: Timestamp) -> Option<Duration> {
    let wait = Duration::try_from(then.duration_since(now)).ok()?;
    Some(wait.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;
    use reqwest::StatusCode;
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    use super::{asked_for, backoff, is_rate_limit};

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn every_form_of_retry_after_is_understood_and_garbage_is_not() {
        let now: Timestamp = "1994-11-06T08:49:00Z".parse().unwrap();
        for (pairs, expected) in [
            (vec![("retry-after", "7")], Some(7)),
            (vec![("retry-after", " 7 ")], Some(7)),
            (vec![("retry-after", "0")], Some(0)),
            (
                vec![("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")],
                Some(37),
            ),
            (vec![("retry-after", "Sun, 06 Nov 1994 08:48:00 GMT")], None),
            (vec![("retry-after", "-5")], None),
            (vec![("retry-after", "soon")], None),
            (vec![("retry-after", "")], None),
            (vec![("retry-after", "1.5")], None),
            (
                vec![("retry-after", "99999999999999999999999")],
                Some(86_400),
            ),
            (
                vec![("retry-after", "Sat, 06 Nov 9999 08:49:37 GMT")],
                Some(86_400),
            ),
            (vec![], None),
            (
                vec![
                    ("x-ratelimit-remaining", "0"),
                    ("x-ratelimit-reset", "784111745"),
                ],
                Some(5),
            ),
            (
                vec![
                    ("retry-after", "2"),
                    ("x-ratelimit-remaining", "0"),
                    ("x-ratelimit-reset", "784111745"),
                ],
                Some(2),
            ),
            (
                vec![
                    ("x-ratelimit-remaining", "9"),
                    ("x-ratelimit-reset", "784111745"),
                ],
                None,
            ),
            (
                vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "x")],
                None,
            ),
        ] {
            assert_eq!(
                asked_for(&headers(&pairs), now),
                expected.map(Duration::from_secs),
                "{pairs:?}"
            );
        }
    }

    #[test]
    fn a_403_is_a_rate_limit_only_when_its_headers_say_so() {
        for (status, pairs, expected) in [
            (429, vec![], true),
            (403, vec![], false),
            (403, vec![("retry-after", "60")], true),
            (403, vec![("x-ratelimit-remaining", "0")], true),
            (403, vec![("x-ratelimit-remaining", "10")], false),
            (503, vec![("retry-after", "60")], false),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(
                is_rate_limit(status, &headers(&pairs)),
                expected,
                "{pairs:?}"
            );
        }
    }

    #[test]
    fn the_backoff_doubles_and_stays_between_half_and_whole() {
        for (failures, whole) in [(1, 500), (2, 1000), (3, 2000)] {
            for _ in 0..100 {
                let wait = backoff(failures);
                assert!(wait >= Duration::from_millis(whole / 2), "{wait:?}");
                assert!(wait <= Duration::from_millis(whole), "{wait:?}");
            }
        }
    }
}
