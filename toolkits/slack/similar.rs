//! How well a name fits what was asked for.

/// How a name fits, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// It is the name.
    Same,
    /// It begins the name, or a word of it.
    Begins,
    /// It is within the name.
    Within,
    /// It may be a slip for the name.
    Slip,
}

/// How `wanted` fits `name`, both in lower case; none: not at all.
pub(super) fn fit(wanted: &str, name: &str) -> Option<Fit> {
    if wanted == name {
        return Some(Fit::Same);
    }
    let mut words = name.split(|c: char| !c.is_alphanumeric());
    if name.starts_with(wanted) || words.any(|word| word.starts_with(wanted)) {
        return Some(Fit::Begins);
    }
    if name.contains(wanted) {
        return Some(Fit::Within);
    }
    is_slip(wanted, name).then_some(Fit::Slip)
}

/// Sorts what was found, the best fit first, and drops slips where there is anything better.
pub(super) fn keep_best<T>(found: &mut Vec<(Fit, T)>) {
    found.sort_by_key(|(fit, _)| *fit);
    if found.first().is_some_and(|(fit, _)| *fit < Fit::Slip) {
        found.retain(|(fit, _)| *fit < Fit::Slip);
    }
}

/// Whether `a` may be a slip for `b`: one holds the other, or two letters differ at most.
pub(super) fn is_similar(a: &str, b: &str) -> bool {
    (is_long(a) && b.contains(a)) || (is_long(b) && a.contains(b)) || is_slip(a, b)
}

fn is_slip(a: &str, b: &str) -> bool {
    is_long(a) && a.chars().count().abs_diff(b.chars().count()) <= 2 && distance(a, b) <= 2
}

fn is_long(text: &str) -> bool {
    text.chars().count() >= 3
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::{Fit, fit, keep_best};

    #[test]
    fn a_name_fits_in_one_of_four_ways_or_not_at_all() {
        for (wanted, name, expected) in [
            ("ada", "ada", Some(Fit::Same)),
            ("ada", "ada lovelace", Some(Fit::Begins)),
            ("love", "ada lovelace", Some(Fit::Begins)),
            ("launch", "team-launch", Some(Fit::Begins)),
            ("lace", "ada lovelace", Some(Fit::Within)),
            ("generl", "general", Some(Fit::Slip)),
            ("ad", "bd", None),
            ("grace", "ada", None),
        ] {
            assert_eq!(fit(wanted, name), expected, "{wanted} {name}");
        }
    }

    #[test]
    fn the_best_come_first_and_slips_only_alone() {
        let mut found = vec![(Fit::Slip, 1), (Fit::Within, 2), (Fit::Same, 3)];
        keep_best(&mut found);
        assert_eq!(found, [(Fit::Same, 3), (Fit::Within, 2)]);
        let mut found = vec![(Fit::Slip, 1)];
        keep_best(&mut found);
        assert_eq!(found.len(), 1);
    }
}
