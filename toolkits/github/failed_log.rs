//! The part of a job's log that says why it failed.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::sanitize::{shorten, visible};

/// Lines around an error that may belong to it.
const AROUND: usize = 20;

/// So many errors are looked at; where there are more, they repeat each other.
const ERRORS: usize = 200;

/// A line is cut here, in characters.
const LINE_LIMIT: usize = 500;

/// How Actions marks the error that ended a step.
const MARK: &str = "##[error]";

/// What programs say of an error, in lower case.
const SIGNS: &[&str] = &[
    "error:",
    "error[",
    "error -",
    "err!",
    "failed",
    "failure:",
    "fatal:",
    "panicked at",
    "traceback (most recent call last)",
    "exception:",
    "exception in",
    "assertion",
    "segmentation fault",
    "timed out",
    "command not found",
    "no such file or directory",
];

/// What is shown of a log.
pub(super) struct Shown {
    pub(super) text: String,
    /// Lines of the log that it has.
    pub(super) lines: usize,
    /// Lines of the log.
    pub(super) all: usize,
}

/// A line, and how often it came in a row.
struct Line {
    text: String,
    times: usize,
}

/// The errors of a log with the lines around them, and the `tail` lines before its last error, in
/// about `room` characters. What there is no room for is left out by its distance from an error.
pub(super) fn relevant(log: &str, tail: usize, room: usize) -> Shown {
    let (lines, all) = folded(log);
    let mut wanted = ranked(&lines, tail);
    wanted.sort_by_key(|(rank, at)| (*rank, *at));
    let mut chosen = BTreeSet::new();
    let mut left = room;
    for (_, at) in wanted {
        // A gap before it takes a line, too.
        let length = shown(&lines[at]).chars().count() + 30;
        if length <= left && chosen.insert(at) {
            left -= length;
        }
    }
    let mut text = String::new();
    let mut counted = 0;
    let mut next = 0;
    for at in chosen {
        gap(&mut text, &lines[next..at]);
        let _ = writeln!(text, "{}", shown(&lines[at]));
        counted += lines[at].times;
        next = at + 1;
    }
    gap(&mut text, &lines[next..]);
    Shown {
        text: text.trim_end().to_owned(),
        lines: counted,
        all,
    }
}

/// Says that these lines are left out.
fn gap(text: &mut String, lines: &[Line]) {
    let count: usize = lines.iter().map(|line| line.times).sum();
    if count > 0 {
        let _ = writeln!(text, "[{count} lines left out]");
    }
}

fn shown(line: &Line) -> String {
    match line.times {
        1 => line.text.clone(),
        times => format!("{} [{times} times]", line.text),
    }
}

/// The lines as a person sees them, without the time that Actions puts before each, and repeated
/// ones as one; and how many there were.
fn folded(log: &str) -> (Vec<Line>, usize) {
    let mut lines: Vec<Line> = Vec::new();
    let mut all = 0;
    for line in log.lines() {
        let line = without_time(line.trim_start_matches('\u{feff}'));
        // A progress bar writes over its line; its last state is what remains.
        let line = line.trim_end();
        let line = line.rsplit('\r').next().unwrap_or(line);
        let text = shorten(visible(line).text.trim_end(), LINE_LIMIT);
        all += 1;
        match lines.last_mut() {
            Some(last) if last.text == text => last.times += 1,
            _ => lines.push(Line { text, times: 1 }),
        }
    }
    (lines, all)
}

/// Without a time such as `2026-11-20T08:00:00.1234567Z `.
fn without_time(line: &str) -> &str {
    let (time, rest) = line.split_once(' ').unwrap_or((line, ""));
    if is_time(time) { rest } else { line }
}

fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    (20..=30).contains(&bytes.len())
        && bytes[10] == b'T'
        && text.ends_with('Z')
        && bytes[..10].iter().all(|b| b.is_ascii_digit() || *b == b'-')
        && bytes[11..bytes.len() - 1]
            .iter()
            .all(|b| b.is_ascii_digit() || matches!(b, b':' | b'.'))
}

/// Which lines may be shown, each with its rank; the lower goes first. An error has the rank 0, and
/// what is around it its distance. The tail has the ranks of the lines around an error.
fn ranked(lines: &[Line], tail: usize) -> Vec<(usize, usize)> {
    let marked = |line: &Line| line.text.contains(MARK);
    let end = lines
        .iter()
        .rposition(marked)
        .map_or(lines.len(), |at| at + 1);
    let mut ranked: Vec<(usize, usize)> = Vec::new();
    for (distance, at) in (0..end).rev().take(tail).enumerate() {
        ranked.push((1 + distance * AROUND / tail.max(1), at));
    }
    let errors = (0..end).filter(|at| marked(&lines[*at]) || has_sign(&lines[*at].text));
    for error in errors.take(ERRORS) {
        ranked.push((0, error));
        for distance in 1..=AROUND {
            if let Some(before) = error.checked_sub(distance) {
                ranked.push((distance, before));
            }
            if error + distance < end {
                ranked.push((distance, error + distance));
            }
        }
    }
    ranked
}

fn has_sign(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    SIGNS.iter().any(|sign| lower.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::{self, Random};

    fn log(lines: &[&str]) -> String {
        let line = |line: &&str| format!("2026-11-20T08:00:00.1234567Z {line}\r\n");
        format!("\u{feff}{}", lines.iter().map(line).collect::<String>())
    }

    #[test]
    fn times_colours_and_repetitions_are_left_out() {
        let text = log(&[
            "##[group]Run cargo test",
            "\u{1b}[1;31merror\u{1b}[0m: it broke",
            "10%\r50%\r100%",
            "waiting",
            "waiting",
            "waiting",
            "",
            "##[error]Process completed with exit code 1.",
        ]);
        let shown = relevant(&text, 40, 10_000);
        assert_eq!(
            shown.text,
            "##[group]Run cargo test\nerror: it broke\n100%\nwaiting [3 times]\n\n\
             ##[error]Process completed with exit code 1."
        );
        assert_eq!((shown.lines, shown.all), (8, 8));
    }

    #[test]
    fn a_line_that_only_looks_like_a_time_stays() {
        for line in [
            "2026-11-20 08:00:00 x",
            "2026-11-20T08:00:00.12Zx y",
            "abcd-ef-ghTij:kl:mn.opZ x",
            "éééééééééééééééé x",
            "x",
        ] {
            assert_eq!(without_time(line), line);
        }
        assert_eq!(without_time("2026-11-20T08:00:00Z x y"), "x y");
        assert_eq!(without_time("2026-11-20T08:00:00.1234567Z"), "");
    }

    #[test]
    fn what_is_far_from_an_error_is_left_out_and_counted() {
        let mut lines: Vec<String> = (0..1000).map(|n| format!("line {n}")).collect();
        lines[300] = "src/a.rs:5: error: no such thing".to_owned();
        lines[700] = "##[error]Process completed with exit code 1.".to_owned();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let shown = relevant(&log(&lines), 5, 50_000);
        let text: Vec<&str> = shown.text.lines().collect();
        assert_eq!(text[0], "[280 lines left out]");
        assert_eq!(text[1], "line 280");
        assert_eq!(text[21], "src/a.rs:5: error: no such thing");
        assert_eq!(text[41], "line 320");
        assert_eq!(text[42], "[359 lines left out]");
        assert_eq!(text[43], "line 680");
        // What comes after the error that ended the job is cleaning up.
        assert_eq!(text[63], "##[error]Process completed with exit code 1.");
        assert_eq!(text[64..], ["[299 lines left out]"]);
        assert_eq!((shown.lines, shown.all), (62, 1000));
    }

    #[test]
    fn the_tail_is_as_long_as_asked_for() {
        let lines: Vec<String> = (0..1000).map(|n| format!("line {n}")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        for (tail, first) in [(0, "[1000 lines left out]"), (30, "[970 lines left out]")] {
            let shown = relevant(&log(&lines), tail, 50_000);
            assert_eq!(shown.text.lines().next().unwrap(), first);
            assert_eq!(shown.lines, tail);
        }
    }

    #[test]
    fn no_log_makes_it_panic_or_say_more_than_there_is_room_for() {
        let mut random = Random::new(7);
        let words = [
            "2026-11-20T08:00:00.1234567Z ",
            "error: x",
            "##[error]",
            "\r",
            "\n",
            "\r\n",
            "é",
            "\u{1b}[31m",
            "\u{1b}",
            "\u{202e}",
            "\u{feff}",
            " ",
            "same\nsame\nsame\n",
            "Z",
        ];
        for _ in 0..fuzz::CASES / 5 {
            let count = random.below(60);
            let log: String = (0..count)
                .map(|_| words[random.below(words.len())])
                .collect();
            let (tail, room) = (random.below(20), random.below(600));
            let shown = relevant(&log, tail, room);
            assert!(shown.text.chars().count() <= room + 60, "{log:?}");
            assert!(
                shown.lines <= shown.all && shown.all == log.lines().count(),
                "{log:?}"
            );
        }
    }

    #[test]
    fn there_is_never_more_than_there_is_room_for_and_errors_go_first() {
        let mut lines = vec!["x".repeat(2000); 3000];
        for (at, line) in lines.iter_mut().enumerate() {
            line.push_str(&at.to_string());
            line.insert_str(0, &at.to_string());
        }
        lines[1500] = "error: the cause".to_owned();
        lines[2900] = "##[error]the end".to_owned();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let text = log(&lines);
        for room in [200, 1_000, 5_000, 50_000] {
            let shown = relevant(&text, 100, room).text;
            assert!(shown.chars().count() <= room + 60, "{room}");
            assert!(shown.contains("error: the cause"), "{room}");
            assert!(shown.contains("##[error]the end"), "{room}");
        }
        assert_eq!(relevant(&text, 100, 0).text, "[3000 lines left out]");
        assert_eq!(relevant("", 100, 1000).text, "");
    }
}
