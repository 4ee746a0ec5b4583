//! The log: standard error only, one line per event, nothing in it that anyone sent.

use std::io::{self, IsTerminal, Write};
use std::panic;

use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{Targets, filter_fn};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts the log and the panic hook, once per process.
///
/// `filter` is `$VALETKEY_LOG`: levels by target, like `debug` or `valetkey::broker=trace`. Without
/// it, Valetkey's own events are logged from `info` and all others from `warn`. Lines are JSON
/// unless standard error is a terminal.
pub fn start(filter: Option<&str>) {
    let (targets, unreadable) = match filter.map(str::parse::<Targets>) {
        Some(Ok(targets)) => (targets, false),
        Some(Err(_)) => (default_targets(), true),
        None => (default_targets(), false),
    };
    let registry = tracing_subscriber::registry()
        .with(targets)
        .with(filter_fn(|event| {
            may_be_logged(event.target(), *event.level())
        }));
    if io::stderr().is_terminal() {
        let lines = fmt::layer().with_ansi(false).with_writer(StandardError);
        registry.with(lines).init();
    } else {
        let lines = fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .with_writer(StandardError);
        registry.with(lines).init();
    }
    panic::set_hook(Box::new(|panic| {
        // The payload may quote what was being worked on, so it is not printed.
        let location = panic.location().map(ToString::to_string);
        tracing::error!(location, "panic");
    }));
    if unreadable {
        tracing::warn!("VALETKEY_LOG cannot be read; use levels by target, like valetkey=debug");
    }
}

fn default_targets() -> Targets {
    Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("valetkey", LevelFilter::INFO)
        .with_target("valetkey_toolkits", LevelFilter::INFO)
}

/// Whatever the filter says: the crates below us log URLs, headers and bodies from `info` on, and
/// the MCP library whole messages already as warnings.
fn may_be_logged(target: &str, level: Level) -> bool {
    let root = target.split("::").next().unwrap_or(target);
    match root {
        "valetkey" | "valetkey_toolkits" => true,
        "rmcp" => level <= Level::ERROR,
        _ => level <= Level::WARN,
    }
}

/// Standard error, with control characters escaped, so that no text can forge a line.
struct StandardError;

impl Write for StandardError {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        io::stderr().lock().write_all(&escaped(line))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}

impl MakeWriter<'_> for StandardError {
    type Writer = Self;

    fn make_writer(&self) -> Self::Writer {
        Self
    }
}

/// The subscriber writes an event as one piece that ends with a line break. Every other control
/// character, C1 and the bidirectional ones of Unicode included, becomes visible.
fn escaped(line: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(line);
    let (body, end) = match text.strip_suffix('\n') {
        Some(body) => (body, "\n"),
        None => (&*text, ""),
    };
    let mut out = String::with_capacity(text.len());
    for c in body.chars() {
        if c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
            // The form that JSON knows too; all of these are below U+10000.
            out.extend(format!("\\u{:04x}", u32::from(c)).chars());
        } else {
            out.push(c);
        }
    }
    out.push_str(end);
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_forge_a_line_of_the_log() {
        let forged = b"subject=\"hi\n{\"level\":\"ERROR\"}\x1b[2J\xc2\x9b\xe2\x80\xae\"\n";
        let line = String::from_utf8(escaped(forged)).unwrap();
        assert_eq!(line.matches('\n').count(), 1);
        assert!(line.ends_with('\n'));
        assert!(
            !line
                .trim_end()
                .contains(|c: char| c.is_control() || c == '\u{202e}')
        );
    }

    #[test]
    fn other_crates_are_never_logged_below_a_warning_and_the_mcp_library_not_below_an_error() {
        let cases = [
            ("valetkey::broker", Level::TRACE, true),
            ("valetkey_toolkits::api", Level::DEBUG, true),
            ("valetkeyx", Level::INFO, false),
            ("hyper_util::client", Level::INFO, false),
            ("reqwest", Level::DEBUG, false),
            ("sled", Level::WARN, true),
            ("rmcp", Level::WARN, false),
            ("rmcp", Level::ERROR, true),
        ];
        for (target, level, expected) in cases {
            assert_eq!(may_be_logged(target, level), expected, "{target} {level}");
        }
    }
}
