//! A long text, a piece at a time.

use serde::{Deserialize, Serialize};

use crate::cursor;
use crate::error::ToolError;

/// More would not fit beside the header lines ([`crate::output`] cuts raw text at 60,000).
const MAX_CHARS: u32 = 50_000;
const MIN_CHARS: u32 = 100;

/// Where a reader is in the text of `of`.
#[derive(Serialize, Deserialize)]
struct Position {
    of: String,
    offset: usize,
}

/// What is asked for of a text.
pub(super) struct Wanted {
    offset: usize,
    max_chars: usize,
}

/// Reads `max_chars` and `cursor`. `of` is what the text belongs to, which the cursor must, too.
pub(super) fn wanted(
    of: &str,
    max_chars: Option<u32>,
    default: u32,
    cursor: Option<&str>,
) -> Result<Wanted, ToolError> {
    let max_chars = max_chars.unwrap_or(default);
    if !(MIN_CHARS..=MAX_CHARS).contains(&max_chars) {
        return Err(ToolError::invalid_arguments(format!(
            "`max_chars` must be {MIN_CHARS} to {MAX_CHARS}."
        )));
    }
    let offset = match cursor.map(cursor::unwrap::<Position>).transpose()? {
        None => 0,
        Some(position) if position.of == of => position.offset,
        Some(_) => {
            return Err(ToolError::invalid_arguments(
                "`cursor` belongs to another text; pass it with the arguments that gave it.",
            ));
        }
    };
    Ok(Wanted {
        offset,
        max_chars: max_chars as usize,
    })
}

impl Wanted {
    /// Whether this is the beginning.
    pub(super) fn is_first(&self) -> bool {
        self.offset == 0
    }

    /// The piece, and a line that says where it is and how to go on.
    pub(super) fn of<'a>(&self, of: &str, text: &'a str) -> (&'a str, String) {
        let start = byte_at(text, self.offset);
        let rest = &text[start..];
        let mut end = byte_at(rest, self.max_chars);
        if end < rest.len() {
            // A line stays whole where that costs little.
            end = rest[..end]
                .rfind('\n')
                .map(|line| line + 1)
                .filter(|line| *line > end / 2)
                .unwrap_or(end);
        }
        let piece = &rest[..end];
        let all = self.offset + rest.chars().count();
        let next = self.offset + piece.chars().count();
        let place = if rest.is_empty() && self.offset > 0 {
            "Text: nothing is left after this cursor.".to_owned()
        } else if end == rest.len() && self.offset == 0 {
            format!("Text: {all} characters, complete.")
        } else if end == rest.len() {
            format!(
                "Text: characters {} to {all} of {all}, the end.",
                self.offset + 1
            )
        } else {
            let cursor = cursor::wrap(&Position {
                of: of.to_owned(),
                offset: next,
            });
            format!(
                "Text: characters {} to {next} of {all}. Next part: cursor={cursor}",
                self.offset + 1
            )
        };
        (piece, place)
    }
}

/// Where the character with that number begins.
fn byte_at(text: &str, number: usize) -> usize {
    text.char_indices()
        .nth(number)
        .map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_of_a_text_are_the_text() {
        let text = format!("{}\n{}", "é".repeat(230), "line\n".repeat(60));
        let mut cursor: Option<String> = None;
        let mut read = String::new();
        let mut pieces = 0;
        loop {
            let wanted = wanted("m1", Some(100), 100, cursor.as_deref()).unwrap();
            let (piece, place) = wanted.of("m1", &text);
            assert!(piece.chars().count() <= 100);
            read.push_str(piece);
            pieces += 1;
            let Some((_, next)) = place.split_once("cursor=") else {
                assert!(place.ends_with("the end."), "{place}");
                break;
            };
            cursor = Some(next.to_owned());
        }
        assert_eq!(read, text);
        assert!((6..9).contains(&pieces), "{pieces}");
    }

    #[test]
    fn a_cursor_of_another_text_and_a_size_out_of_bounds_are_refused() {
        let cursor = cursor::wrap(&Position {
            of: "m2".into(),
            offset: 5,
        });
        for (max_chars, cursor) in [
            (Some(99), None),
            (Some(50_001), None),
            (None, Some(cursor.as_str())),
            (None, Some("x")),
        ] {
            assert!(wanted("m1", max_chars, 100, cursor).is_err());
        }
        let far = cursor::wrap(&Position {
            of: "m1".into(),
            offset: usize::MAX,
        });
        let wanted = wanted("m1", None, 100, Some(&far)).unwrap();
        assert_eq!(wanted.of("m1", "text").0, "");
    }
}
