//! `github_get_file`: the lines of a file, or what is in a folder, as text.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::Api;
use crate::error::{ErrorCode, ToolError};
use crate::github::refusal::Asked;
use crate::github::repository::Repository;
use crate::github::{fetch, get, place};
use crate::sanitize::{shorten, snippet};

const DEFAULT_CHARS: usize = 20_000;
const MAX_CHARS: usize = 50_000;

/// GitHub lists at most this many entries of a folder here.
const FOLDER_LIMIT: usize = 1000;

/// Read a file of a GitHub repository by line range, or list a folder.
///
/// A header says which `start_line` goes on when there is more.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// `owner/name`, or its address on github.com.
    repo: String,
    /// The owner, if `repo` does not name it.
    #[serde(default)]
    owner: Option<String>,
    /// The path within the repository; empty for its top folder.
    #[serde(default)]
    path: String,
    /// A branch, tag or commit (default: the default branch).
    #[serde(default, rename = "ref")]
    reference: Option<String>,
    /// The first line to read (default 1).
    #[serde(default)]
    #[schemars(range(min = 1))]
    start_line: Option<usize>,
    /// The last line to read (default: the last).
    #[serde(default)]
    #[schemars(range(min = 1))]
    end_line: Option<usize>,
    /// How many characters at most (default 20000, at most 50000).
    #[serde(default)]
    #[schemars(range(min = 1, max = 50000))]
    max_chars: Option<usize>,
}

/// The media type `object` of "Get repository content" in GitHub's REST documentation.
#[derive(Deserialize)]
struct Wire {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    sha: String,
    #[serde(default)]
    html_url: Option<String>,
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    encoding: Option<String>,
    #[serde(default)]
    target: Option<String>,
    #[serde(default)]
    submodule_git_url: Option<String>,
    #[serde(default)]
    entries: Vec<WireEntry>,
}

#[derive(Deserialize)]
struct WireEntry {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default)]
    size: u64,
}

/// Runs the tool.
pub(super) async fn run(api: Api, arguments: Arguments) -> Result<String, ToolError> {
    let repository = Repository::read(&api, arguments.owner.as_deref(), &arguments.repo)?;
    let reference = arguments.reference.as_deref();
    let reference = reference
        .map(|text| place::reference("ref", text))
        .transpose()?;
    let (start, end) = (arguments.start_line.unwrap_or(1), arguments.end_line);
    if start == 0 || end.is_some_and(|end| end < start) {
        return Err(ToolError::invalid_arguments(
            "`start_line` begins at 1 and `end_line` is not before it.",
        ));
    }
    let limit = arguments
        .max_chars
        .unwrap_or(DEFAULT_CHARS)
        .clamp(1, MAX_CHARS);
    let mut path = vec!["repos", &repository.owner, &repository.name, "contents"];
    path.extend(place::path(&arguments.path)?);
    let shown = path[4..].join("/");
    let asked = Asked {
        thing: format!(
            "`{}` in {repository}{}",
            shorten(&shown, 100),
            reference.map(|it| format!(" at {it}")).unwrap_or_default()
        ),
        permission: "Contents: read",
        hint: "Correct the path or the ref and call again.",
    };
    let request = |accept: &str| {
        let request = get(&api, &path).header("accept", accept);
        match reference {
            Some(reference) => request.query("ref", reference),
            None => request,
        }
    };
    let wire: Wire = fetch::json(request("application/vnd.github.object+json"), &asked).await?;

    let mut head = format!("{repository}: /{shown}");
    if let Some(reference) = reference {
        write!(head, " at {reference}").expect("a string takes every write");
    }
    match wire.kind.as_str() {
        "dir" => Ok(folder(&head, &wire, limit)),
        "submodule" => Ok(format!(
            "{head}\nA submodule: commit {} of {}",
            snippet(&wire.sha, 64),
            snippet(wire.submodule_git_url.as_deref().unwrap_or("?"), 300)
        )),
        "symlink" if wire.content.is_none() => Ok(format!(
            "{head}\nA symbolic link to {}",
            snippet(wire.target.as_deref().unwrap_or("?"), 300)
        )),
        _ => {
            let bytes = if let Some(bytes) = decoded(&wire)? {
                bytes
            } else {
                // From 1 MB on GitHub leaves the content out, unless it is asked for raw.
                let request = request("application/vnd.github.raw+json");
                fetch::answer(request, &asked).await?.body
            };
            write!(
                head,
                "\n{} bytes, blob {}",
                wire.size,
                snippet(&wire.sha, 64)
            )
            .expect("a string takes every write");
            if let Some(url) = &wire.html_url {
                write!(head, ", {}", snippet(url, 500)).expect("a string takes every write");
            }
            text(head, &bytes, start, end, limit)
        }
    }
}

/// The content, if the answer has it.
fn decoded(wire: &Wire) -> Result<Option<Vec<u8>>, ToolError> {
    let content = wire.content.as_deref().unwrap_or_default();
    match wire.encoding.as_deref() {
        Some("base64") => {
            let packed: String = content.split_whitespace().collect();
            STANDARD.decode(packed).map(Some).map_err(|_| {
                ToolError::new(
                    ErrorCode::BadResponse,
                    "GitHub's answer could not be understood.",
                    "Call again.",
                )
            })
        }
        _ => Ok(None),
    }
}

fn folder(head: &str, wire: &Wire, limit: usize) -> String {
    let mut text = format!("{head}\nA folder with {} entries", wire.entries.len());
    if wire.entries.len() >= FOLDER_LIMIT {
        text.push_str("; GitHub lists no more here: use `github_get_tree` for the rest");
    }
    text.push_str("\n---");
    let mut left = limit;
    for (number, entry) in wire.entries.iter().enumerate() {
        let name = snippet(&entry.name, 300);
        let line = match entry.kind.as_str() {
            "dir" => format!("\n{name}/"),
            "file" => format!("\n{name}  {} bytes", entry.size),
            kind => format!("\n{name}  {}", snippet(kind, 20)),
        };
        let Some(rest) = left.checked_sub(line.chars().count()) else {
            let hidden = wire.entries.len() - number;
            write!(text, "\n[{hidden} more entries: use `github_get_tree`]")
                .expect("a string takes every write");
            break;
        };
        left = rest;
        text.push_str(&line);
    }
    text
}

/// The lines from `start` to `end`, up to `limit` characters, after `head`.
fn text(
    mut head: String,
    bytes: &[u8],
    start: usize,
    end: Option<usize>,
    limit: usize,
) -> Result<String, ToolError> {
    let Ok(content) = std::str::from_utf8(bytes) else {
        head.push_str("\nNot shown: the file is not UTF-8 text.");
        return Ok(head);
    };
    if content.contains('\0') {
        head.push_str("\nNot shown: the file is binary.");
        return Ok(head);
    }
    if content.starts_with("version https://git-lfs.github.com/spec/") {
        head.push_str("\nThis is a pointer: the file itself is in Git LFS.");
    }
    let lines: Vec<&str> = content.lines().collect();
    let all = lines.len();
    if start > all.max(1) {
        return Err(ToolError::invalid_arguments(format!(
            "`start_line` is beyond the file, which has {all} lines."
        )));
    }
    let end = end.unwrap_or(all).min(all);
    let mut shown = String::new();
    let mut left = limit;
    let mut last = start - 1;
    let mut cut = None;
    for line in lines.get(start - 1..end).unwrap_or_default() {
        let length = line.chars().count() + 1;
        if length <= left {
            left -= length;
            shown.push_str(line);
            shown.push('\n');
        } else if shown.is_empty() {
            // A line longer than the limit, as minified files have them.
            shown.extend(line.chars().take(limit));
            shown.push('\n');
            cut = Some(last + 1);
            left = 0;
        } else {
            break;
        }
        last += 1;
    }
    write!(head, "\nLines {start} to {last} of {all}").expect("a string takes every write");
    if let Some(line) = cut {
        write!(head, "; line {line} is cut after {limit} characters")
            .expect("a string takes every write");
    }
    if last < end {
        write!(head, "; go on with start_line={}", last + 1).expect("a string takes every write");
    }
    Ok(format!("{head}\n---\n{shown}"))
}
