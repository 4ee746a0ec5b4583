//! The words of the demo.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};

use serde_json::Value;

use crate::cli::output::{BOLD, DIM, progress, result, styled, visible};
use crate::demo::client::{Answer, Link};

/// What is shown of one result.
const LINES: usize = 22;
const COLUMNS: usize = 100;

/// Where the story goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Voice {
    /// Standard output is for the JSON.
    pub(super) json: bool,
}

impl Voice {
    pub(super) fn is_heard_by_a_person(self) -> bool {
        if self.json {
            io::stderr().is_terminal()
        } else {
            io::stdout().is_terminal()
        }
    }

    pub(super) fn say(self, text: &str) {
        if self.json {
            progress(text);
        } else {
            // Who closed the output has seen enough; the demo still ends what it began.
            result(false, &(), text).ok();
        }
    }
}

/// What a client shows when the server asks for a link to be opened.
pub(super) fn invitation(link: &Link, wait: bool) -> String {
    let message = visible(&link.message);
    let url = styled(BOLD, &visible(&link.url));
    let mut text = format!(
        "Valetkey holds the call and asks, through the client:\n\n  {message}\n\n  {url}\n"
    );
    if wait {
        text.push_str("\nOpen it in a browser on this computer. Waiting for you…");
    }
    text
}

/// Both forms of a result, cut to what fits a screen.
pub(super) fn seen(answer: &Answer) -> String {
    let mut shown = String::new();
    block(&mut shown, "content", &answer.text);
    if let Some(structured) = &answer.structured {
        let pretty = serde_json::to_string_pretty(structured).unwrap_or_default();
        block(&mut shown, "structuredContent", &pretty);
    }
    shown
}

fn block(shown: &mut String, name: &str, text: &str) {
    let text = visible(text);
    let lines: Vec<&str> = text.lines().collect();
    writeln!(shown, "  {}", styled(DIM, name)).expect("a string takes everything");
    for line in lines.iter().take(LINES) {
        let mut short: String = line.chars().take(COLUMNS).collect();
        if short.len() < line.len() {
            short.push('…');
        }
        writeln!(shown, "  {} {short}", styled(DIM, "│")).expect("a string takes everything");
    }
    if lines.len() > LINES {
        let more = format!(
            "└ and {} more lines, cut here for display",
            lines.len() - LINES
        );
        writeln!(shown, "  {}", styled(DIM, &more)).expect("a string takes everything");
    }
}

/// What the server's log says about trouble, for a failure.
pub(super) fn trouble(log: &str) -> String {
    let lines: Vec<&str> = log
        .lines()
        .filter(|line| !line.contains(r#""level":"INFO""#))
        .collect();
    if lines.is_empty() {
        return String::new();
    }
    let tail = lines[lines.len().saturating_sub(LINES)..].join("\n");
    format!("\nThe server's log says:\n{}", visible(&tail))
}

/// How to go on without the sandbox.
pub(super) fn for_real() -> anyhow::Result<String> {
    let program = std::env::current_exe()?;
    let program = program.display();
    let snippet = format!(
        r#"{{
     "mcpServers": {{
       "valetkey": {{
         "command": {},
         "args": ["stdio"],
         "env": {{ "GOOGLE_CLIENT_ID": "…", "GOOGLE_CLIENT_SECRET": "…" }}
       }}
     }}
   }}"#,
        Value::from(program.to_string())
    );
    Ok(format!(
        "\n{}\n\n1. Register an OAuth client at the provider, with this redirect URI (google or \
         github):\n\n   http://127.0.0.1:8419/oauth/callback/google\n\n   Slack wants https, or an \
         app with PKCE: see the README.\n\n2. Tell your MCP client its id and secret; for GitHub \
         the variables begin with GITHUB_:\n\n   {snippet}\n\n3. Ask for something. The first call \
         of a tool gives you a link. Or connect beforehand, with the\n   same variables set:\n\n   \
         {program} connect google",
        styled(BOLD, "For real"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_result_is_cut_with_a_note_and_cannot_steer_the_terminal() {
        let text: Vec<String> = (1..=40).map(|n| format!("line {n} \u{1b}[2J")).collect();
        let answer = Answer {
            text: text.join("\n"),
            structured: None,
            is_error: false,
        };
        let shown = anstream::adapter::strip_str(&seen(&answer)).to_string();
        assert!(shown.contains("│ line 22 [2J\n"), "{shown}");
        assert!(!shown.contains("line 23"), "{shown}");
        assert!(
            shown.contains("and 18 more lines, cut here for display"),
            "{shown}"
        );
    }

    #[test]
    fn the_end_of_the_log_tells_what_went_wrong_and_nothing_else() {
        let log = "{\"level\":\"INFO\",\"message\":\"a\"}\n{\"level\":\"ERROR\",\"message\":\"b\"}\npanic";
        assert_eq!(
            trouble(log),
            "\nThe server's log says:\n{\"level\":\"ERROR\",\"message\":\"b\"}\npanic"
        );
        assert_eq!(trouble("{\"level\":\"INFO\"}"), "");
    }
}
