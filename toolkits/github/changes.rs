//! The changes of one commit, and the entries of the tree that they make.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::ToolError;
use crate::github::{get_tree, place};
use crate::sanitize::{shorten, snippet};

const MAX_CHANGES: usize = 100;

/// All contents together, in bytes.
const CONTENT_LIMIT: usize = 5 * 1024 * 1024;

/// A change of one file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    /// `create` and `update` take `content`, `rename` takes `from` and perhaps `content`.
    op: Op,
    /// The file's path within the repository.
    path: String,
    /// The whole new text.
    #[serde(default)]
    content: Option<String>,
    /// The path before the renaming.
    #[serde(default)]
    from: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Op {
    Create,
    Update,
    Delete,
    Rename,
}

/// An entry of a new tree ("Create a tree" in GitHub's REST documentation).
#[derive(Debug, Serialize)]
pub(super) struct NewEntry<'a> {
    path: &'a str,
    mode: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    content: Content<'a>,
}

/// A null `sha` deletes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Content<'a> {
    Content(&'a str),
    Sha(Option<&'a str>),
}

/// Whether the changes fit by themselves.
pub(super) fn check(changes: &[Change]) -> Result<(), ToolError> {
    if changes.is_empty() || changes.len() > MAX_CHANGES {
        return Err(ToolError::invalid_arguments(format!(
            "`changes` must be 1 to {MAX_CHANGES} changes."
        )));
    }
    let sizes = changes.iter().filter_map(|change| change.content.as_ref());
    if sizes.map(String::len).sum::<usize>() > CONTENT_LIMIT {
        return Err(ToolError::invalid_arguments(
            "`changes` are more than 5 MiB together; make several commits.",
        ));
    }
    let mut touched = BTreeSet::new();
    for (number, change) in changes.iter().enumerate() {
        let wrong =
            |what: &str| ToolError::invalid_arguments(format!("`changes[{number}]`: {what}"));
        let (needs_content, needs_from) = match change.op {
            Op::Create | Op::Update => (Some(true), false),
            Op::Delete => (Some(false), false),
            Op::Rename => (None, true),
        };
        if needs_content.is_some_and(|needed| needed != change.content.is_some()) {
            return Err(wrong(
                "`create` and `update` need `content`, `delete` has none.",
            ));
        }
        if needs_from != change.from.is_some() {
            return Err(wrong("`rename` needs `from`, the others have none."));
        }
        for path in std::iter::once(&change.path).chain(&change.from) {
            let clean = place::file(path)?;
            if &clean != path {
                return Err(wrong("a path has no slash at its ends."));
            }
            if clean
                .split('/')
                .any(|part| part.eq_ignore_ascii_case(".git"))
            {
                return Err(wrong("Git keeps `.git` for itself."));
            }
            if !touched.insert(clean) {
                return Err(wrong("the path is in another change too."));
            }
        }
    }
    Ok(())
}

/// The entries of the new tree, if the changes fit the present one.
pub(super) fn entries<'a>(
    changes: &'a [Change],
    tree: &'a get_tree::Wire,
) -> Result<Vec<NewEntry<'a>>, ToolError> {
    let mut entries = Vec::new();
    for change in changes {
        let found = |path: &str| {
            let blobs = tree.tree.iter().filter(|entry| entry.kind == "blob");
            let mut blobs = blobs.filter(|entry| entry.path == path);
            blobs.next()
        };
        let existing = found(&change.path);
        let path = shorten(&change.path, 200);
        let missing = |path: &str| {
            let why = if tree.truncated {
                "the repository is too large to look it up"
            } else {
                "there is no such file"
            };
            ToolError::invalid_arguments(format!("`{}`: {why} on this branch.", shorten(path, 200)))
        };
        let entry = |path, mode, content| NewEntry {
            path,
            mode,
            kind: "blob",
            content,
        };
        match (change.op, existing, &change.content) {
            (Op::Create | Op::Rename, Some(_), _) => {
                return Err(ToolError::invalid_arguments(format!(
                    "`{path}` exists already on this branch; use `update`."
                )));
            }
            (Op::Create, None, Some(content)) => {
                entries.push(entry(&change.path, "100644", Content::Content(content)));
            }
            // The mode stays: a script stays executable.
            (Op::Update, Some(old), Some(content)) => {
                entries.push(entry(&change.path, &old.mode, Content::Content(content)));
            }
            (Op::Delete, Some(old), _) => {
                entries.push(entry(&change.path, &old.mode, Content::Sha(None)));
            }
            (Op::Rename, None, content) => {
                let from = change.from.as_deref().unwrap_or_default();
                let old = found(from).ok_or_else(|| missing(from))?;
                let content = match content {
                    Some(content) => Content::Content(content),
                    None => Content::Sha(Some(&old.sha)),
                };
                entries.push(entry(from, &old.mode, Content::Sha(None)));
                entries.push(entry(&change.path, &old.mode, content));
            }
            _ => return Err(missing(&change.path)),
        }
    }
    Ok(entries)
}

impl Change {
    /// Whether it concerns a workflow, for which OAuth apps need a scope of its own.
    pub(super) fn is_workflow(&self) -> bool {
        let below = |path: &str| path.starts_with(".github/workflows/");
        below(&self.path) || self.from.as_deref().is_some_and(below)
    }

    /// The change in short.
    pub(super) fn line(&self) -> String {
        let path = snippet(&self.path, 400);
        let size = self.content.as_ref().map(String::len).unwrap_or_default();
        match self.op {
            Op::Create => format!("create {path} ({size} bytes)"),
            Op::Update => format!("update {path} ({size} bytes)"),
            Op::Delete => format!("delete {path}"),
            Op::Rename => {
                let from = snippet(self.from.as_deref().unwrap_or_default(), 400);
                format!("rename {from} to {path}")
            }
        }
    }
}
