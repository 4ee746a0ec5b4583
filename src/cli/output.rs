//! How commands speak: the result on standard output, all else on standard error, and what the exit
//! codes mean.

use std::io::{self, Write};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::broker::{BrokerError, Denied, ErrorKind};
use crate::config::error::ConfigError;

/// The exit codes, as the help lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It did what it was asked to.
    Done = 0,
    /// It failed.
    Failed = 1,
    /// The command line or the configuration is wrong. `clap` uses the same.
    Usage = 2,
    /// The person said no at the provider.
    Declined = 3,
    /// An account has to be connected first, and nobody did.
    NeedsConnect = 4,
    /// Ctrl-C: 128 and the number of SIGINT, as shells have it.
    Interrupted = 130,
}

/// The end of the help.
pub const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failed, 2 wrong command line or configuration, 3 you said no at the provider, \
4 an account has to be connected first, 130 ended by Ctrl-C. Results go to standard output, \
everything else to standard error.";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The command line is wrong in a way that only the command can see.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// The exit code of a command that ended with an error.
pub fn exit_of(error: &anyhow::Error) -> Exit {
    let usage = error.is::<Usage>()
        || error.is::<ConfigError>()
        || matches!(
            error.downcast_ref::<BrokerError>().map(BrokerError::kind),
            Some(ErrorKind::NotConfigured | ErrorKind::Unusable)
        );
    match error.downcast_ref::<Denied>() {
        Some(Denied::Declined { .. }) => Exit::Declined,
        Some(_) => Exit::Usage,
        None if usage => Exit::Usage,
        None => Exit::Failed,
    }
}

/// Headings and names.
pub const BOLD: Style = Style::new().bold();
/// What can be skipped.
pub const DIM: Style = Style::new().dimmed();
/// What works.
pub const GOOD: Style = AnsiColor::Green.on_default().bold();
/// What needs attention.
pub const BAD: Style = AnsiColor::Yellow.on_default().bold();

/// `text` in a style. [`result`] and [`progress`] drop the style where it is not wanted.
pub fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Writes the result: for a program, or for a person.
pub fn result(json: bool, value: &impl Serialize, text: &str) -> anyhow::Result<()> {
    let mut stdout = anstream::stdout().lock();
    let done = if json {
        serde_json::to_writer_pretty(&mut stdout, value)
            .map_err(io::Error::from)
            .and_then(|()| writeln!(stdout))
    } else {
        writeln!(stdout, "{}", text.trim_end())
    };
    written(done.and_then(|()| stdout.flush()))
}

fn written(done: io::Result<()>) -> anyhow::Result<()> {
    match done {
        // The reader has seen enough: `valetkey tools | head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => Ok(done?),
    }
}

/// Writes values for a program, one per line.
pub fn lines(values: &[impl Serialize]) -> anyhow::Result<()> {
    let mut text = String::new();
    for value in values {
        text.push_str(&serde_json::to_string(value)?);
        text.push('\n');
    }
    written(io::stdout().lock().write_all(text.as_bytes()))
}

/// Tells the person how it goes. Without standard error there is nobody to tell.
pub fn progress(text: &str) {
    writeln!(anstream::stderr(), "{text}").ok();
}

/// Text of others without control characters, which could steer the terminal. Line ends and tabs
/// stay.
pub fn visible(text: &str) -> String {
    text.chars()
        .filter(|&c| !c.is_control() || c == '\n' || c == '\t')
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_end_in_the_documented_exit_codes() {
        let declined = Denied::Declined {
            provider: "Google".to_owned(),
            retry_after_s: 9,
        };
        let ambiguous = Denied::AmbiguousAccount {
            provider: "Google".to_owned(),
            accounts: Vec::new(),
        };
        let cases = [
            (anyhow::Error::new(Usage(String::new())), Exit::Usage),
            (
                BrokerError::NotConfigured(String::new()).into(),
                Exit::Usage,
            ),
            (BrokerError::Unusable(String::new()).into(), Exit::Usage),
            (BrokerError::TooManyFlows.into(), Exit::Failed),
            (declined.into(), Exit::Declined),
            (ambiguous.into(), Exit::Usage),
            (anyhow::anyhow!("anything else"), Exit::Failed),
        ];
        for (error, exit) in cases {
            assert_eq!(exit_of(&error), exit, "{error:?}");
        }
    }

    #[test]
    fn text_of_others_cannot_steer_the_terminal() {
        assert_eq!(visible("a\u{1b}[2Jb\rc\u{7}\n\td\u{9b}e"), "a[2Jbc\n\tde");
    }
}
