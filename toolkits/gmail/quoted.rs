//! What a reply repeats of the mail before it.

/// So many quoted lines are an excerpt that the answer below needs.
const EXCERPT: usize = 3;

/// Programs that do not mark the lines put one of these above what they repeat.
const ORIGINALS: &[&str] = &[
    "-----Original Message-----",
    "-----Ursprüngliche Nachricht-----",
    "-----Message d'origine-----",
    "-----Mensaje original-----",
];

/// The text with what it repeats of earlier mails replaced by a line that says how much it was.
///
/// Short quotations that are followed by an answer stay, and so does a forwarded mail.
pub(super) fn collapse(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let end = lines
        .iter()
        .enumerate()
        .position(|(at, line)| begins_original(line, &lines[at + 1..]))
        .unwrap_or(lines.len());
    let mut kept: Vec<String> = Vec::new();
    let mut at = 0;
    while at < end {
        let run = lines[at..end]
            .iter()
            .take_while(|line| line.starts_with('>'))
            .count();
        let answered = lines[at + run..end]
            .iter()
            .any(|line| !line.trim().is_empty());
        if run > EXCERPT || (run > 0 && !answered) {
            kept.push(note(run));
        } else if run > 0 {
            kept.extend(lines[at..at + run].iter().map(|line| (*line).to_owned()));
        } else {
            kept.push(lines[at].to_owned());
        }
        at += run.max(1);
    }
    if end < lines.len() {
        kept.push(note(lines.len() - end));
    }
    kept.join("\n").trim_end().to_owned()
}

fn note(lines: usize) -> String {
    let s = if lines == 1 { "" } else { "s" };
    format!("[{lines} quoted line{s} left out]")
}

/// Whether the mail before this one follows, headed by its header fields.
fn begins_original(line: &str, below: &[&str]) -> bool {
    let line = line.trim();
    if ORIGINALS.contains(&line) {
        return true;
    }
    let has = |names: &[&str]| {
        below.iter().take(6).any(|line| {
            names
                .iter()
                .any(|name| line.trim_start_matches('*').starts_with(name))
        })
    };
    let is_from = |line: &str| {
        let line = line.trim_start_matches('*');
        line.starts_with("From:") || line.starts_with("Von:") || line.starts_with("De :")
    };
    let rule = !line.is_empty() && line.len() >= 20 && line.chars().all(|c| c == '_');
    (is_from(line) || (rule && below.iter().take(2).any(|line| is_from(line.trim()))))
        && has(&["Sent:", "Gesendet:", "Envoyé :"])
        && has(&["Subject:", "Betreff:", "Objet :"])
}

#[cfg(test)]
mod tests {
    use super::collapse;

    #[test]
    fn what_a_reply_repeats_is_counted_and_not_shown() {
        for (text, expected) in [
            (
                "Yes.\n\nOn Monday, Ada wrote:\n> a\n> b",
                "Yes.\n\nOn Monday, Ada wrote:\n[2 quoted lines left out]",
            ),
            ("> a\n> b\n\nYes.\n> c\nNo.", "> a\n> b\n\nYes.\n> c\nNo."),
            (
                "> a\n> b\n> c\n> d\nYes.",
                "[4 quoted lines left out]\nYes.",
            ),
            (
                "Yes.\n\n-----Original Message-----\nFrom: x\nhello",
                "Yes.\n\n[3 quoted lines left out]",
            ),
            (
                "Yes.\n________________________________\nFrom: A <a@x>\nSent: Monday\nTo: B\nSubject: c\n\nold",
                "Yes.\n[7 quoted lines left out]",
            ),
            (
                "Yes.\nFrom: A\nSent: Monday\nTo: B\nSubject: c\nold",
                "Yes.\n[5 quoted lines left out]",
            ),
            ("From: my heart\nthanks", "From: my heart\nthanks"),
            (
                "---------- Forwarded message ---------\nFrom: A\nDate: x\nSubject: y\n\nold",
                "---------- Forwarded message ---------\nFrom: A\nDate: x\nSubject: y\n\nold",
            ),
            ("> a", "[1 quoted line left out]"),
            ("", ""),
        ] {
            assert_eq!(collapse(text), expected, "{text}");
        }
    }
}
