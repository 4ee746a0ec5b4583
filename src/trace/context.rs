//! W3C Trace Context: `traceparent` and `tracestate`, which an HTTP request has as headers and an
//! MCP request in its `_meta` (SEP-414).

use std::str::FromStr;

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

/// Members and bytes of a `tracestate` that is kept (Trace Context §3.3.1.1, §3.3.1.5).
const MEMBERS: usize = 32;
const BYTES: usize = 512;

/// The span that another one continues.
#[derive(Clone, Debug, PartialEq)]
pub struct Context(pub(super) SpanContext);

impl Context {
    /// Reads a `traceparent` (Trace Context §3.2). None unless it is one: lower-case digits, neither
    /// id zero, and nothing behind the flags but what a later version may have there. A `tracestate`
    /// that is not one is left out (§4.3).
    pub fn read(traceparent: &str, tracestate: Option<&str>) -> Option<Self> {
        let head = traceparent.get(..55)?;
        let rest = &traceparent[55..];
        let mut fields = head.split('-');
        let version = digits(fields.next()?, 2)?;
        let trace = TraceId::from_hex(digits(fields.next()?, 32)?).ok()?;
        let parent = SpanId::from_hex(digits(fields.next()?, 16)?).ok()?;
        let flags = u8::from_str_radix(digits(fields.next()?, 2)?, 16).ok()?;
        let fits = match version {
            "ff" => false,
            "00" => rest.is_empty(),
            _ => rest.is_empty() || rest.starts_with('-'),
        };
        if fields.next().is_some() || !fits {
            return None;
        }
        let flags = TraceFlags::new(flags) & TraceFlags::SAMPLED;
        let state = tracestate.and_then(state).unwrap_or_default();
        let context = SpanContext::new(trace, parent, flags, true, state);
        context.is_valid().then_some(Self(context))
    }

    /// The trace's id: 32 hexadecimal digits.
    pub fn trace_id(&self) -> String {
        self.0.trace_id().to_string()
    }
}

/// `field` if it is so many lower-case hexadecimal digits.
fn digits(field: &str, count: usize) -> Option<&str> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (field.len() == count && field.bytes().all(is_digit)).then_some(field)
}

fn state(text: &str) -> Option<TraceState> {
    let is_plain = text.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
    if text.len() > BYTES || !is_plain || text.split(',').count() > MEMBERS {
        return None;
    }
    TraceState::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const PARENT: &str = "00f067aa0ba902b7";

    #[test]
    fn a_traceparent_is_read_when_it_is_one() {
        for (flags, sampled) in [("00", false), ("01", true), ("ff", true), ("02", false)] {
            let text = format!("00-{TRACE}-{PARENT}-{flags}");
            let Context(read) = Context::read(&text, None).unwrap();
            assert_eq!(read.trace_id().to_string(), TRACE);
            assert_eq!(read.span_id().to_string(), PARENT);
            assert_eq!(read.is_sampled(), sampled);
            assert!(read.is_remote());
        }
        for later in ["", "-", "-what the future brings"] {
            let text = format!("cc-{TRACE}-{PARENT}-01{later}");
            assert!(Context::read(&text, None).is_some(), "{text}");
        }
    }

    #[test]
    fn what_is_no_traceparent_continues_nothing() {
        let upper = TRACE.to_uppercase();
        for bad in [
            String::new(),
            "00".to_owned(),
            format!("00-{TRACE}-{PARENT}"),
            format!("00-{TRACE}-{PARENT}-1"),
            format!("00-{TRACE}-{PARENT}-01-"),
            format!("00-{TRACE}-{PARENT}-01 "),
            format!(" 00-{TRACE}-{PARENT}-01"),
            format!("cc-{TRACE}-{PARENT}-01x"),
            format!("ff-{TRACE}-{PARENT}-01"),
            format!("0g-{TRACE}-{PARENT}-01"),
            format!("00-{upper}-{PARENT}-01"),
            format!("00-{}-{PARENT}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-+{}-{PARENT}-01", &TRACE[1..]),
            format!("00-{TRACE}-{PARENT}-+1"),
            format!("00_{TRACE}_{PARENT}_01"),
            format!("00-{}-{PARENT}-01", "é".repeat(16)),
            format!("00-{TRACE}-{PARENT}-é"),
        ] {
            assert_eq!(Context::read(&bad, None), None, "{bad}");
        }
    }

    #[test]
    fn a_tracestate_is_kept_or_left_out_as_a_whole() {
        let parent = format!("00-{TRACE}-{PARENT}-01");
        let kept = |text: &str| {
            Context::read(&parent, Some(text))
                .unwrap()
                .0
                .trace_state()
                .header()
        };
        assert_eq!(kept("rojo=00f067,congo=t61"), "rojo=00f067,congo=t61");
        let many = "a=1,".repeat(33);
        let long = format!("a={}", "x".repeat(600));
        for bad in [
            "no pair",
            "UPPER=1",
            "a=1\nb=2",
            "a=é",
            many.as_str(),
            long.as_str(),
        ] {
            assert_eq!(kept(bad), "", "{bad}");
        }
    }
}
