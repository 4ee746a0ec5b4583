//! The header lines of a received message, each fact on a line of its own.

use std::fmt::Write;

use jiff::tz::TimeZone;

use super::content::FileInfo;
use super::line::Lines;
use super::summary::{Person, arrived, decoded, people};
use super::wire::Message;

/// More people than this are counted, not named.
const MAX_PEOPLE: usize = 20;

/// Subject, people, time and checks.
pub(super) fn header(message: &Message, zone: &TimeZone) -> String {
    let mut text = fields(message, zone);
    add(&mut text, "Checks", &checks(message));
    text
}

/// Subject, people and time.
pub(super) fn fields(message: &Message, zone: &TimeZone) -> String {
    let mut lines = Lines::default();
    let mut text = String::new();
    let subject = lines.line(&decoded(message.header("Subject").unwrap_or_default()), 500);
    let subject = match subject.as_str() {
        "" => "(no subject)",
        subject => subject,
    };
    add(&mut text, "Subject", subject);
    let from = people(message.header("From"), &mut lines);
    add(&mut text, "From", &named(&from));
    for name in ["Reply-To", "To", "Cc", "Bcc"] {
        let list = people(message.header(name), &mut lines);
        if name != "Reply-To" || list != from {
            add(&mut text, name, &named(&list));
        }
    }
    add(
        &mut text,
        "Date",
        &arrived(message, zone).unwrap_or_default(),
    );
    text
}

/// The lines of the attached files.
pub(super) fn attachments(files: &[FileInfo]) -> String {
    let mut text = String::new();
    for file in files {
        add(&mut text, "Attachment", &file.to_string());
    }
    text
}

/// Adds `name: value`, unless there is no value.
pub(super) fn add(text: &mut String, name: &str, value: &str) {
    if !value.is_empty() {
        writeln!(text, "{name}: {value}").expect("a string takes every write");
    }
}

pub(super) fn named(people: &[Person]) -> String {
    let names: Vec<String> = people
        .iter()
        .take(MAX_PEOPLE)
        .map(ToString::to_string)
        .collect();
    let more = people.len().saturating_sub(MAX_PEOPLE);
    let names = names.join(", ");
    match more {
        0 => names,
        more => format!("{names} and {more} more"),
    }
}

/// What Gmail found out about the sender (RFC 8601): the results of SPF, DKIM and DMARC. Only the
/// topmost field is Gmail's; anybody can write the others.
fn checks(message: &Message) -> String {
    let Some(field) = message.header("Authentication-Results") else {
        return String::new();
    };
    let mut results = field.split(';').map(str::trim);
    if results.next() != Some("mx.google.com") {
        return String::new();
    }
    let found: Vec<String> = results
        .filter_map(|result| {
            let (method, rest) = result.split_once('=')?;
            let value: String = rest.chars().take_while(char::is_ascii_alphabetic).collect();
            let method = ["spf", "dkim", "dmarc"]
                .into_iter()
                .find(|known| *known == method.trim())?;
            (!value.is_empty() && value.len() <= 10).then(|| format!("{method} {value}"))
        })
        .collect();
    found.join(", ")
}
