//! `result_read`: what did not fit into an answer, by the page or by a search.

use std::fmt::Write;

use serde::Deserialize;
use serde_json::{Value, json};
use valetkey_toolkits::arguments;
use valetkey_toolkits::error::{ErrorCode, ToolError};
use valetkey_toolkits::output::Output;

use crate::builtin::{AnyCall, Toolbox};
use crate::call::Outcome;
use crate::spill::{Piece, SpillError};

/// What the model reads.
pub(super) const DESCRIPTION: &str =
    "Read on in a result that was too long to show, or find lines in all of it.";

const DEFAULT_LIMIT: usize = 20_000;
const MAX_LIMIT: usize = 50_000;
const MIN_LIMIT: usize = 100;

/// So many lines are shown before and after one that a search finds.
const CONTEXT: usize = 2;

/// So much is shown of a line that a search finds, in characters.
const LINE: usize = 400;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    handle: String,
    #[serde(default)]
    offset: usize,
    limit: Option<usize>,
    query: Option<String>,
}

pub(super) fn input_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "handle": { "type": "string", "description": "The handle that the cut result names." },
            "offset": {
                "type": "integer",
                "minimum": 0,
                "description": "Where to begin, in characters (default 0).",
            },
            "limit": {
                "type": "integer",
                "minimum": MIN_LIMIT,
                "maximum": MAX_LIMIT,
                "description": "How many characters (100 to 50000, default 20000).",
            },
            "query": {
                "type": "string",
                "description": "Return only lines with this text, upper or lower case, and their neighbours.",
            },
        },
        "required": ["handle"],
        "additionalProperties": false,
    })
}

pub(super) async fn run(toolbox: &Toolbox, call: AnyCall<'_>) -> Outcome {
    match read(toolbox, call).await {
        Ok(output) => Outcome::Finished(output),
        Err(error) => Outcome::Failed(error),
    }
}

async fn read(toolbox: &Toolbox, call: AnyCall<'_>) -> Result<Output, ToolError> {
    let arguments: Arguments = arguments::parse(Value::Object(call.arguments.clone()))?;
    let limit = arguments
        .limit
        .unwrap_or(DEFAULT_LIMIT)
        .clamp(MIN_LIMIT, MAX_LIMIT);
    let query = arguments.query.as_deref().map(str::trim);
    let from = arguments.offset;
    let to = match query {
        Some("") => {
            return Err(ToolError::invalid_arguments(
                "`query` is empty. Leave it out to read on.",
            ));
        }
        Some(_) => usize::MAX,
        None => from.saturating_add(limit),
    };
    let spill = &toolbox.calls.spill;
    let piece = spill.read(call.caller, &arguments.handle, from..to).await;
    let piece = piece.map_err(|error| refused(&error))?;
    if from > 0 && from >= piece.all {
        return Err(ToolError::invalid_arguments(format!(
            "`offset` is beyond the result, which has {} characters.",
            piece.all
        )));
    }
    let text = match query {
        None => page(&piece, from),
        // Where lines begin, and which they are, is known only from the beginning.
        Some(query) if from > 0 => {
            let whole = spill.read(call.caller, &arguments.handle, 0..to).await;
            let whole = whole.map_err(|error| refused(&error))?;
            found(&whole, query, from, limit)
        }
        Some(query) => found(&piece, query, from, limit),
    };
    Ok(Output::new(text, None))
}

fn refused(error: &SpillError) -> ToolError {
    ToolError::new(
        ErrorCode::NotFound,
        error.to_string(),
        "Call the tool that returned it again.",
    )
}

/// A page after one line that says what it is.
fn page(piece: &Piece, from: usize) -> String {
    let to = from + piece.text.chars().count();
    let next = if to < piece.all {
        format!("go on with offset={to}")
    } else {
        "this is the end".to_owned()
    };
    format!(
        "{}: characters {from} to {to} of {}; {next}\n---\n{}",
        piece.tool, piece.all, piece.text
    )
}

/// The lines from character `from` on that have `query`, with their neighbours, in about `limit`
/// characters.
fn found(piece: &Piece, query: &str, from: usize, limit: usize) -> String {
    let query = query.to_lowercase();
    let mut begins = 0;
    let lines: Vec<(usize, &str)> = piece
        .text
        .split('\n')
        .map(|line| {
            let begin = begins;
            begins += line.chars().count() + 1;
            (begin, line)
        })
        .collect();
    let hits: Vec<usize> = (0..lines.len())
        .filter(|&at| lines[at].0 >= from && lines[at].1.to_lowercase().contains(&query))
        .collect();

    let mut shown = String::new();
    let mut next_line = 0;
    let mut left = limit;
    let mut more = None;
    for (number, &hit) in hits.iter().enumerate() {
        let first = hit.saturating_sub(CONTEXT).max(next_line);
        // Neighbours that have it too come in their own turn.
        let until = hits.get(number + 1).copied().unwrap_or(lines.len());
        let last = (hit + CONTEXT)
            .min(until.saturating_sub(1))
            .min(lines.len() - 1);
        let mut block = String::new();
        if first > next_line && next_line > 0 {
            block.push_str("--\n");
        }
        for (at, (begin, line)) in lines.iter().enumerate().take(last + 1).skip(first) {
            let name = at + 1;
            let line = window(line, &query);
            if at == hit {
                writeln!(block, "{name}@{begin}: {line}")
            } else {
                writeln!(block, "{name}- {line}")
            }
            .expect("a string takes every write");
        }
        let length = block.chars().count();
        if length > left && number > 0 {
            more = Some((hits.len() - number, lines[hit].0));
            break;
        }
        left = left.saturating_sub(length);
        shown.push_str(&block);
        next_line = last + 1;
    }
    let next = match more {
        Some((count, offset)) => format!("; {count} more: go on with offset={offset}"),
        None => String::new(),
    };
    format!(
        "{}: {} lines match, of {} in {} characters; a match is `line@offset: text`{next}\n---\n{shown}",
        piece.tool,
        hits.len(),
        lines.len(),
        piece.all,
    )
}

/// At most [`LINE`] characters of a line, those around the first match if there is one.
fn window(line: &str, query: &str) -> String {
    let all = line.chars().count();
    if all <= LINE {
        return line.to_owned();
    }
    let lower = line.to_lowercase();
    // Lower case can have another number of characters; then the window is a little off.
    let at = lower
        .find(query)
        .map_or(0, |at| lower[..at].chars().count());
    let start = at.saturating_sub(LINE / 4).min(all - LINE);
    let part: String = line.chars().skip(start).take(LINE).collect();
    let before = if start > 0 { "…" } else { "" };
    let after = if start + LINE < all { "…" } else { "" };
    format!("{before}{part}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(text: &str) -> Piece {
        Piece {
            tool: "gmail_search".to_owned(),
            text: text.to_owned(),
            all: text.chars().count(),
        }
    }

    #[test]
    fn a_search_shows_lines_with_numbers_offsets_and_neighbours_each_once() {
        let text = "a\né Needle\nc\nd\nneedle NEEDLE\nf\ng\nh\ni\nj\nk needle";
        let shown = found(&piece(text), "nEEdle", 0, 20_000);
        let (head, lines) = shown.split_once("\n---\n").unwrap();
        assert_eq!(
            head,
            "gmail_search: 3 lines match, of 11 in 47 characters; a match is `line@offset: text`"
        );
        let expected = "1- a\n2@2: é Needle\n3- c\n4- d\n5@15: needle NEEDLE\n6- f\n7- g\n--\n9- i\n10- j\n11@39: k needle\n";
        assert_eq!(lines, expected);
        for (offset, line) in [(2, "é Needle"), (15, "needle NEEDLE"), (39, "k needle")] {
            let there: String = text.chars().skip(offset).collect();
            assert!(there.starts_with(line), "{offset}");
        }
        assert!(found(&piece(text), "nothing", 0, 100).contains("0 lines match"));
    }

    #[test]
    fn a_search_that_finds_too_much_goes_on_at_an_offset() {
        let lines: Vec<String> = (0..2000).map(|n| format!("line {n} needle")).collect();
        let text = lines.join("\n");
        let piece = piece(&text);
        let mut from = 0;
        let mut seen = 0;
        let mut pages = 0;
        loop {
            let shown = found(&piece, "needle", from, 5_000);
            let (head, lines) = shown.split_once("\n---\n").unwrap();
            assert!(lines.chars().count() <= 5_000);
            // The neighbours of the first one were shown before.
            for line in lines.lines().filter(|line| line.contains('@')) {
                assert!(line.ends_with(&format!("line {seen} needle")), "{line}");
                seen += 1;
            }
            pages += 1;
            let Some((_, offset)) = head.rsplit_once("offset=") else {
                break;
            };
            from = offset.parse().unwrap();
        }
        assert_eq!(seen, 2000);
        assert!(pages > 5);
    }

    #[test]
    fn a_very_long_line_is_shown_around_the_match() {
        let line = format!("{}needle{}", "x".repeat(5_000), "y".repeat(5_000));
        let shown = found(&piece(&line), "needle", 0, 20_000);
        assert!(shown.contains("xneedley"));
        assert!(shown.chars().count() < 600, "{shown}");
        assert!(shown.contains("1@0: …x") && shown.ends_with("y…\n"));
    }

    #[test]
    fn a_page_says_how_to_go_on_or_that_it_is_the_last() {
        let mut piece = piece("abc");
        assert!(
            page(&piece, 0).starts_with("gmail_search: characters 0 to 3 of 3; this is the end")
        );
        piece.all = 9;
        let expected = "gmail_search: characters 4 to 7 of 9; go on with offset=7\n---\nabc";
        assert_eq!(page(&piece, 4), expected);
    }
}
