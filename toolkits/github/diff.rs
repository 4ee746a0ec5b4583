//! The files of a pull request and their patches, line by line.

use serde::Deserialize;

/// A file of "List pull requests files" in GitHub's REST documentation.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct File {
    pub(super) filename: String,
    pub(super) status: String,
    #[serde(default)]
    pub(super) additions: u64,
    #[serde(default)]
    pub(super) deletions: u64,
    #[serde(default)]
    pub(super) previous_filename: Option<String>,
    /// Not there for binary and very large files.
    #[serde(default)]
    pub(super) patch: Option<String>,
}

/// A line of a patch, with its number in the file before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) text: &'a str,
    pub(super) old: Option<u64>,
    pub(super) new: Option<u64>,
}

/// The lines of a patch (unified format): hunk headers have no numbers.
pub(super) fn lines(patch: &str) -> Vec<Line<'_>> {
    let (mut old, mut new) = (0_u64, 0_u64);
    patch
        .lines()
        .map(|text| {
            let mut line = Line {
                text,
                old: None,
                new: None,
            };
            if let Some((from, to)) = hunk(text) {
                (old, new) = (from, to);
                return line;
            }
            let (removed, added) = (text.starts_with('-'), text.starts_with('+'));
            if text.starts_with('\\') {
                return line;
            }
            if !added {
                line.old = Some(old);
                old = old.saturating_add(1);
            }
            if !removed {
                line.new = Some(new);
                new = new.saturating_add(1);
            }
            line
        })
        .collect()
}

/// Where a hunk begins before and after: `@@ -12,3 +14,4 @@`.
fn hunk(text: &str) -> Option<(u64, u64)> {
    let mut words = text.strip_prefix("@@ -")?.split([' ', ',']);
    let old = words.next()?.parse().ok()?;
    let new = words
        .find_map(|word| word.strip_prefix('+'))?
        .parse()
        .ok()?;
    Some((old, new))
}

/// Whether people read past it: lock files, bundles, vendored and generated code.
pub(super) fn is_generated(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let folders = [
        "dist",
        "vendor",
        "node_modules",
        "third_party",
        "__snapshots__",
    ];
    let names = [
        "package-lock.json",
        "pnpm-lock.yaml",
        "go.sum",
        "npm-shrinkwrap.json",
    ];
    let endings = [
        ".lock", ".min.js", ".min.css", ".map", ".pb.go", "_pb2.py", ".g.dart", ".snap", ".lockb",
    ];
    path.split('/')
        .rev()
        .skip(1)
        .any(|folder| folders.contains(&folder))
        || names.contains(&name)
        || endings.iter().any(|ending| name.ends_with(ending))
}

/// Whether `path` is `pattern`, is below it, or fits it where `*` stands for anything.
pub(super) fn fits(pattern: &str, path: &str) -> bool {
    let pattern = pattern.trim().trim_start_matches('/');
    if !pattern.contains('*') {
        let folder = pattern.trim_end_matches('/');
        let rest = path.strip_prefix(folder);
        return rest
            .is_some_and(|rest| folder.is_empty() || rest.is_empty() || rest.starts_with('/'));
    }
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = path.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let (last, between) = parts
        .split_last()
        .expect("a pattern with a star has two parts");
    for part in between {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::{fits, is_generated, lines};

    #[test]
    fn lines_are_numbered_before_and_after() {
        let patch = "@@ -10,3 +10,4 @@ fn x() {\n a\n-b\n+c\n+d\n e\n\\ No newline at end of file\n\
                     @@ -1 +2 @@\n-x\n+y";
        let numbers: Vec<_> = lines(patch).iter().map(|it| (it.old, it.new)).collect();
        assert_eq!(
            numbers,
            [
                (None, None),
                (Some(10), Some(10)),
                (Some(11), None),
                (None, Some(11)),
                (None, Some(12)),
                (Some(12), Some(13)),
                (None, None),
                (None, None),
                (Some(1), None),
                (None, Some(2)),
            ]
        );
    }

    #[test]
    fn paths_are_chosen_by_name_folder_or_star() {
        for (pattern, path, expected) in [
            ("src/a.rs", "src/a.rs", true),
            ("src", "src/a.rs", true),
            ("src/", "src/a.rs", true),
            ("/src", "src/a.rs", true),
            ("sr", "src/a.rs", false),
            ("*.rs", "src/a.rs", true),
            ("src/*.md", "src/a.rs", false),
            ("*/tests/*", "a/tests/b.rs", true),
            ("a*a", "a", false),
        ] {
            assert_eq!(fits(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn what_nobody_writes_by_hand_is_known() {
        for path in ["Cargo.lock", "a/package-lock.json", "dist/x.js", "x.min.js"] {
            assert!(is_generated(path), "{path}");
        }
        for path in ["src/lock.rs", "distance/x.js", "dist", "vendor.rs"] {
            assert!(!is_generated(path), "{path}");
        }
    }
}
