//! The Git objects of a repository: enough for reading files and history and for new commits.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::demo::sandbox::issues::user;

/// A file in a tree: its mode and its blob.
type Entry = (String, String);

/// Everything by its id; branches by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Git {
    blobs: BTreeMap<String, String>,
    trees: BTreeMap<String, BTreeMap<String, Entry>>,
    commits: BTreeMap<String, Commit>,
    pub(super) branches: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
pub(super) struct Commit {
    pub(super) tree: String,
    parents: Vec<String>,
    message: String,
    author: String,
    date: Timestamp,
}

fn id(parts: &[&str]) -> String {
    let digest = Sha256::digest(parts.join("\0"));
    let mut hex = String::new();
    for byte in &digest[..20] {
        write!(hex, "{byte:02x}").expect("a string takes every write");
    }
    hex
}

impl Git {
    /// A repository whose branch `main` has these files, and a branch for each further set.
    pub(super) fn start(
        branches: &[(&str, &[(&str, &str)])],
        author: &str,
        date: Timestamp,
    ) -> Self {
        let mut git = Self::default();
        let mut parents = Vec::new();
        for (branch, files) in branches {
            let mut tree = BTreeMap::new();
            for (path, content) in *files {
                let blob = git.blob(content);
                tree.insert((*path).to_owned(), ("100644".to_owned(), blob));
            }
            let tree = git.tree(tree);
            let message = format!("Files of {branch}");
            let commit = git.commit(tree, parents.clone(), &message, author, date);
            if parents.is_empty() {
                parents.push(commit.clone());
            }
            git.branches.insert((*branch).to_owned(), commit);
        }
        git
    }

    fn blob(&mut self, content: &str) -> String {
        let id = id(&["blob", content]);
        self.blobs.insert(id.clone(), content.to_owned());
        id
    }

    fn tree(&mut self, files: BTreeMap<String, Entry>) -> String {
        let id = id(&["tree", &format!("{files:?}")]);
        self.trees.insert(id.clone(), files);
        id
    }

    fn commit(
        &mut self,
        tree: String,
        parents: Vec<String>,
        message: &str,
        author: &str,
        date: Timestamp,
    ) -> String {
        let id = id(&["commit", &tree, &parents.join(" "), message, author]);
        let commit = Commit {
            tree,
            parents,
            message: message.to_owned(),
            author: author.to_owned(),
            date,
        };
        self.commits.insert(id.clone(), commit);
        id
    }

    /// The commit that a branch, `HEAD` or an id names.
    pub(super) fn resolve(&self, name: &str) -> Option<String> {
        let name = if name == "HEAD" { "main" } else { name };
        let branch = self.branches.get(name).cloned();
        branch.or_else(|| self.commits.contains_key(name).then(|| name.to_owned()))
    }

    fn files(&self, name: &str) -> Option<(&String, &BTreeMap<String, Entry>)> {
        let commit = self.resolve(name).and_then(|id| self.commits.get(&id));
        let id = commit.map_or(name, |commit| commit.tree.as_str());
        self.trees.get_key_value(id)
    }

    /// The content of a file.
    pub(super) fn read(&self, name: &str, path: &str) -> Option<&str> {
        let (_, blob) = self.files(name)?.1.get(path)?;
        self.blobs.get(blob).map(String::as_str)
    }

    /// The paths of the files.
    pub(super) fn paths(&self, name: &str) -> Vec<&str> {
        let files = self.files(name).map(|(_, files)| files);
        files
            .into_iter()
            .flat_map(BTreeMap::keys)
            .map(String::as_str)
            .collect()
    }

    /// "Get a tree", always recursive.
    pub(super) fn show_tree(&self, name: &str) -> Option<Value> {
        let (id, files) = self.files(name)?;
        let mut entries = BTreeMap::new();
        for (path, (mode, blob)) in files {
            for (at, _) in path.match_indices('/') {
                let folder = &path[..at];
                let entry = json!({"path": folder, "mode": "040000", "type": "tree", "sha": id});
                entries.insert(folder.to_owned(), entry);
            }
            let size = self.blobs[blob].len();
            let entry =
                json!({"path": path, "mode": mode, "type": "blob", "sha": blob, "size": size});
            entries.insert(path.clone(), entry);
        }
        let entries: Vec<Value> = entries.into_values().collect();
        Some(json!({"sha": id, "tree": entries, "truncated": false}))
    }

    /// A commit of the Git Data API.
    pub(super) fn show_commit(&self, id: &str) -> Option<Value> {
        let commit = self.commits.get(id)?;
        Some(json!({
            "sha": id,
            "message": commit.message,
            "tree": {"sha": commit.tree},
            "parents": commit.parents.iter().map(|id| json!({"sha": id})).collect::<Vec<_>>(),
            "author": {"name": commit.author, "date": commit.date},
            "html_url": format!("https://github.example.test/commit/{id}"),
        }))
    }

    /// The history, newest first, as "List commits" shows it.
    pub(super) fn history(&self, name: &str) -> Option<Vec<Value>> {
        let mut next = Some(self.resolve(name)?);
        let mut history = Vec::new();
        while let Some(id) = next {
            let commit = &self.commits[&id];
            let shown = self.show_commit(&id).unwrap_or_default();
            history.push(
                json!({"sha": id, "commit": shown, "author": user(&commit.author),
                                "parents": shown["parents"]}),
            );
            next = commit.parents.first().cloned();
        }
        Some(history)
    }

    /// "Create a tree". None: a parent or a blob is not there.
    pub(super) fn new_tree(&mut self, body: &Value) -> Option<String> {
        let mut files = match body["base_tree"].as_str() {
            Some(base) => self.trees.get(base)?.clone(),
            None => BTreeMap::new(),
        };
        for entry in body["tree"].as_array()? {
            let path = entry["path"].as_str()?;
            let mode = entry["mode"].as_str()?.to_owned();
            if let Some(content) = entry["content"].as_str() {
                let blob = self.blob(content);
                files.insert(path.to_owned(), (mode, blob));
            } else if let Some(blob) = entry["sha"].as_str() {
                self.blobs.get(blob)?;
                files.insert(path.to_owned(), (mode, blob.to_owned()));
            } else {
                files.remove(path)?;
            }
        }
        Some(self.tree(files))
    }

    /// "Create a commit". None: its tree or a parent is not there.
    pub(super) fn new_commit(
        &mut self,
        body: &Value,
        author: &str,
        date: Timestamp,
    ) -> Option<String> {
        let tree = body["tree"].as_str()?.to_owned();
        self.trees.get(&tree)?;
        let mut parents = Vec::new();
        for parent in body["parents"].as_array()? {
            let parent = parent.as_str()?.to_owned();
            self.commits.get(&parent)?;
            parents.push(parent);
        }
        Some(self.commit(tree, parents, body["message"].as_str()?, author, date))
    }

    /// Whether `new` follows `old`, so that a branch may move without force.
    pub(super) fn follows(&self, new: &str, old: &str) -> bool {
        let mut next = Some(new.to_owned());
        while let Some(id) = next {
            if id == old {
                return true;
            }
            let commit = self.commits.get(&id);
            next = commit.and_then(|commit| commit.parents.first().cloned());
        }
        false
    }

    /// "List pull requests files" between two branches: each file as one hunk.
    pub(super) fn diff(&self, base: &str, head: &str) -> Vec<Value> {
        let mut paths = [self.paths(base), self.paths(head)].concat();
        paths.sort_unstable();
        paths.dedup();
        let changed = paths.into_iter().filter_map(|path| {
            let (old, new) = (self.read(base, path), self.read(head, path));
            if old == new {
                return None;
            }
            let (before, after) = (old.unwrap_or_default(), new.unwrap_or_default());
            let (removed, added) = (before.lines().count(), after.lines().count());
            let start = |count: usize| usize::from(count > 0);
            let mut patch = format!(
                "@@ -{},{removed} +{},{added} @@",
                start(removed),
                start(added)
            );
            for line in before.lines() {
                write!(patch, "\n-{line}").expect("a string takes every write");
            }
            for line in after.lines() {
                write!(patch, "\n+{line}").expect("a string takes every write");
            }
            let status = match (old, new) {
                (None, _) => "added",
                (_, None) => "removed",
                _ => "modified",
            };
            Some(
                json!({"sha": id(&["blob", after]), "filename": path, "status": status,
                        "additions": added, "deletions": removed, "changes": added + removed,
                        "patch": patch}),
            )
        });
        changed.collect()
    }
}
