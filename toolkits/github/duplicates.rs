//! Issues that look like the one about to be created.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;

use crate::api::Api;
use crate::error::ToolError;
use crate::github::issue::{Issue, Wire};
use crate::github::repository::Repository;
use crate::github::{allowed, get};

/// A search that takes longer is given up: creating the issue matters more.
const PATIENCE: Duration = Duration::from_secs(5);

/// GitHub refuses a search with more than five `OR`.
const SEARCHED_WORDS: usize = 6;

const SHOWN: usize = 3;

/// Words that say nothing about what an issue is about.
const FILLERS: &[&str] = &[
    "and", "are", "but", "can", "cannot", "does", "for", "from", "get", "has", "have", "how",
    "into", "its", "not", "now", "off", "out", "should", "than", "that", "the", "then", "there",
    "this", "was", "what", "when", "where", "which", "while", "why", "will", "with", "would",
    "you",
];

#[derive(Deserialize)]
struct Answer {
    items: Vec<Wire>,
}

/// Up to three issues of `repository` whose titles are like `title`, the most alike first. None:
/// the search failed.
pub(super) async fn find(api: &Api, repository: &Repository, title: &str) -> Option<Vec<Issue>> {
    let wanted = words(title);
    let mut longest: Vec<&String> = wanted.iter().collect();
    longest.sort_by_key(|word| std::cmp::Reverse(word.chars().count()));
    longest.truncate(SEARCHED_WORDS);
    if longest.is_empty() {
        return Some(Vec::new());
    }
    let any: Vec<&str> = longest.iter().map(|word| word.as_str()).collect();
    let query = format!("({}) in:title repo:{repository} is:issue", any.join(" OR "));
    let found = tokio::time::timeout(PATIENCE, search(api, &query))
        .await
        .ok()?
        .ok()?;
    let mut alike: Vec<(f64, Wire)> = found
        .into_iter()
        .filter(|wire| allowed::shows(api, wire))
        .map(|wire| (likeness(&wanted, &words(&wire.title)), wire))
        .filter(|(likeness, _)| *likeness >= 0.6)
        .collect();
    alike.sort_by(|a, b| b.0.total_cmp(&a.0));
    Some(
        alike
            .iter()
            .take(SHOWN)
            .map(|(_, wire)| Issue::of(wire, api, false))
            .collect(),
    )
}

async fn search(api: &Api, query: &str) -> Result<Vec<Wire>, ToolError> {
    let response = get(api, &["search", "issues"])
        .query("q", query)
        .query("per_page", 20)
        .query("advanced_search", true)
        .once()
        .send()
        .await?;
    Ok(response.json::<Answer>()?.items)
}

/// The words of a title that tell it from others, in lower case.
fn words(title: &str) -> BTreeSet<String> {
    title
        .split(|c: char| !c.is_alphanumeric())
        .map(str::to_lowercase)
        .filter(|word| word.chars().count() >= 3 && !FILLERS.contains(&word.as_str()))
        .collect()
}

/// Dice's coefficient: 1 when all words are shared, 0 when none is. `crash` and `crashes` are one.
fn likeness(a: &BTreeSet<String>, b: &BTreeSet<String>) -> f64 {
    let same = |x: &str, y: &str| {
        let shorter = x.chars().count().min(y.chars().count());
        x == y || (shorter >= 4 && (x.starts_with(y) || y.starts_with(x)))
    };
    let shared = |of: &BTreeSet<String>, with: &BTreeSet<String>| {
        of.iter()
            .filter(|word| with.iter().any(|other| same(word, other)))
            .count()
    };
    let all = a.len() + b.len();
    if all == 0 {
        return 0.0;
    }
    let shared = u32::try_from(shared(a, b) + shared(b, a)).unwrap_or(u32::MAX);
    let all = u32::try_from(all).unwrap_or(u32::MAX);
    f64::from(shared) / f64::from(all)
}

#[cfg(test)]
mod tests {
    use super::{likeness, words};

    #[test]
    fn titles_about_the_same_are_alike_and_others_are_not() {
        for (a, b, alike) in [
            (
                "App crashes on start",
                "The app crashes when starting up",
                true,
            ),
            ("App crashes on start", "App crash on Start!", true),
            ("Login fails with OAuth", "login FAILS (oauth)", true),
            ("App crashes on start", "App icon is blurry", false),
            ("Bug", "Bug in the export of large files to disk", false),
            ("", "", false),
            ("漢字の表示が壊れる", "漢字の表示が壊れる", true),
        ] {
            let likeness = likeness(&words(a), &words(b));
            assert_eq!(likeness >= 0.6, alike, "{a} / {b}: {likeness}");
        }
    }
}
