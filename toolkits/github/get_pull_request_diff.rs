//! `github_get_pull_request_diff`: the changes of a pull request as text, in parts that fit.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::Api;
use crate::arguments::OneOrMany;
use crate::cursor;
use crate::error::ToolError;
use crate::github::diff::{self, File};
use crate::github::get_pull_request::asked;
use crate::github::pull::Wire;
use crate::github::refusal::Asked;
use crate::github::repository::Repository;
use crate::github::{fetch, get};
use crate::sanitize::{shorten, snippet};

const DEFAULT_CHARS: usize = 40_000;
const MIN_CHARS: usize = 2_000;
const MAX_CHARS: usize = 55_000;

/// GitHub lists 100 files a page, and no more than 3,000 of a pull request.
const PAGE: u64 = 100;
const REACH: u64 = 3_000;

/// Pages that one call asks for at most.
const PAGES: u64 = 8;

/// A line of a minified file is cut here, in characters.
const LINE_LIMIT: usize = 1_000;

/// Read the changes of a GitHub pull request as text.
///
/// Large ones come as a list of files first; get patches with `view=patch` and `paths`, and the rest
/// with `cursor`. The number before a line is its line in the new file, for `github_submit_review`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// `owner/name`, or its address on github.com.
    repo: String,
    /// The owner, if `repo` does not name it.
    #[serde(default)]
    owner: Option<String>,
    /// The pull request's number.
    #[schemars(range(min = 1))]
    pull_number: u64,
    /// `stat` lists files, `patch` shows lines, `auto` shows lines if all fit (default).
    #[serde(default)]
    view: Option<View>,
    /// Only these files, folders or patterns such as `*.rs`.
    #[serde(default)]
    paths: OneOrMany,
    /// Leave out the lines of lock files, bundles and vendored code (default true).
    #[serde(default)]
    exclude_generated: Option<bool>,
    /// How many characters at most (2000 to 55000, default 40000).
    #[serde(default)]
    #[schemars(range(min = 2000, max = 55000))]
    max_chars: Option<usize>,
    /// The cursor that the previous part names; the other arguments stay the same.
    #[serde(default)]
    cursor: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum View {
    Auto,
    Stat,
    Patch,
}

/// Where a part begins.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct At {
    view: View,
    /// Files before it.
    file: u64,
    /// Lines of that file's patch before it.
    line: usize,
    /// The head that the earlier parts are of.
    head: String,
}

/// Runs the tool.
pub(super) async fn run(api: Api, arguments: Arguments) -> Result<String, ToolError> {
    let repository = Repository::read(&api, arguments.owner.as_deref(), &arguments.repo)?;
    let cursor = arguments.cursor.as_deref();
    let at: Option<At> = cursor.map(cursor::unwrap).transpose()?;
    if at.as_ref().is_some_and(|at| at.file >= REACH) {
        return Err(ToolError::invalid_arguments(
            "`cursor` is beyond what GitHub lists of a pull request.",
        ));
    }
    let number = arguments.pull_number.to_string();
    let asked = asked(&repository, arguments.pull_number);
    let base = [
        "repos",
        &repository.owner,
        &repository.name,
        "pulls",
        &number,
    ];
    let pull: Wire = fetch::json(get(&api, &base), &asked).await?;
    let listed_at = [&base[..], &["files"]].concat();
    let mut files = Files {
        api: &api,
        path: &listed_at,
        asked: &asked,
        page: None,
        asked_for: 0,
    };

    let limit = arguments
        .max_chars
        .unwrap_or(DEFAULT_CHARS)
        .clamp(MIN_CHARS, MAX_CHARS);
    let (view, file, line) = match &at {
        Some(at) => (at.view, at.file, at.line),
        None => (arguments.view.unwrap_or(View::Auto), 0, 0),
    };
    let fits = match view {
        View::Auto if pull.changed_files <= PAGE => {
            arguments.size(&files.page(1).await?.files) <= limit
        }
        _ => false,
    };
    let patch = view == View::Patch || fits;

    let mut head = format!(
        "{repository}#{number} at {}: {} files changed, +{} -{}",
        snippet(&pull.head.sha, 64),
        pull.changed_files,
        pull.additions,
        pull.deletions
    );
    if at.as_ref().is_some_and(|at| at.head != pull.head.sha) {
        head.push_str(
            "\nWarning: its head has changed since the previous part; begin again for one picture.",
        );
    }
    if pull.changed_files > REACH {
        write!(
            head,
            "\nWarning: GitHub lists the first {REACH} files only."
        )
        .expect("a string takes every write");
    }
    if view == View::Auto && !patch {
        head.push_str(
            "\nThe files only, because their lines do not fit: get these with view=patch and paths.",
        );
    }
    let mut part = Part {
        text: String::new(),
        left: limit,
    };
    let stop = arguments
        .fill(&mut files, &mut part, patch, file, line)
        .await?;
    if let Some((file, line)) = stop {
        let next = At {
            view: if patch { View::Patch } else { View::Stat },
            file,
            line,
            head: snippet(&pull.head.sha, 64),
        };
        write!(head, "\nMore: cursor={}", cursor::wrap(&next)).expect("a string takes every write");
    }
    if part.text.is_empty() {
        part.text.push_str(if stop.is_some() {
            "\nNone of the files so far fits `paths`."
        } else {
            "\nNo more files."
        });
    }
    Ok(format!("{head}\n---{}", part.text))
}

/// One page of files.
struct Paged {
    number: u64,
    files: Vec<File>,
    more: bool,
}

/// The files of the pull request, page by page.
struct Files<'a> {
    api: &'a Api,
    path: &'a [&'a str],
    asked: &'a Asked,
    page: Option<Paged>,
    asked_for: u64,
}

impl Files<'_> {
    async fn page(&mut self, number: u64) -> Result<&Paged, ToolError> {
        if self.page.as_ref().is_none_or(|page| page.number != number) {
            let request = get(self.api, self.path)
                .query("per_page", PAGE)
                .query("page", number);
            let (mut files, more) = fetch::list::<File>(request, self.asked).await?;
            files.truncate(usize::try_from(PAGE).expect("a page is 100"));
            self.asked_for += 1;
            self.page = Some(Paged {
                number,
                files,
                more,
            });
        }
        Ok(self.page.as_ref().expect("it was read just now"))
    }
}

/// The text of this part.
struct Part {
    text: String,
    left: usize,
}

impl Part {
    /// Adds a line, if it fits.
    fn add(&mut self, line: &str) -> bool {
        let length = line.chars().count() + 1;
        if length > self.left {
            return false;
        }
        self.left -= length;
        self.text.push('\n');
        self.text.push_str(line);
        true
    }
}

impl Arguments {
    /// Fills `part` from that file and line on. Where the next part begins, if there is one.
    async fn fill(
        &self,
        files: &mut Files<'_>,
        part: &mut Part,
        patch: bool,
        mut file: u64,
        mut line: usize,
    ) -> Result<Option<(u64, usize)>, ToolError> {
        loop {
            let number = file / PAGE + 1;
            let known = files
                .page
                .as_ref()
                .is_some_and(|page| page.number == number);
            if !known && files.asked_for >= PAGES {
                return Ok(Some((file, 0)));
            }
            let page = files.page(number).await?;
            let skipped = usize::try_from(file % PAGE).expect("a page is 100");
            for wire in page.files.iter().skip(skipped) {
                if self.chooses(wire)
                    && let Some(line) = self.show(wire, part, patch, line)
                {
                    return Ok(Some((file, line)));
                }
                line = 0;
                file += 1;
            }
            if !page.more || number * PAGE >= REACH {
                return Ok(None);
            }
            file = number * PAGE;
        }
    }

    /// Adds a file from that line of its patch on; the line at which there was no more room.
    fn show(&self, file: &File, part: &mut Part, patch: bool, line: usize) -> Option<usize> {
        let mut title = summary(file);
        let hidden = self.hides(file);
        match (&file.patch, patch) {
            (_, true) if hidden => title.push_str(" (not shown: generated)"),
            (_, false) if hidden => title.push_str(" (generated)"),
            (None, _) if file.additions + file.deletions > 0 || file.status == "added" => {
                title.push_str(" (no lines: binary or too large)");
            }
            _ => {}
        }
        if !patch {
            return (!part.add(&title)).then_some(0);
        }
        if line > 0 {
            title.push_str(" (continued)");
        }
        if !part.add(&format!("=== {title}")) {
            return Some(line);
        }
        let patch = file
            .patch
            .as_deref()
            .filter(|_| !hidden)
            .unwrap_or_default();
        for (at, text) in diff::lines(patch).iter().enumerate().skip(line) {
            if !part.add(&numbered(text)) {
                return Some(at);
            }
        }
        None
    }

    fn chooses(&self, file: &File) -> bool {
        let patterns = &self.paths.0;
        patterns.is_empty() || patterns.iter().any(|it| diff::fits(it, &file.filename))
    }

    /// Who names a file wants to see it.
    fn hides(&self, file: &File) -> bool {
        self.exclude_generated.unwrap_or(true)
            && !self.paths.0.contains(&file.filename)
            && diff::is_generated(&file.filename)
    }

    /// How many characters the patches of `files` take.
    fn size(&self, files: &[File]) -> usize {
        let shown = files.iter().filter(|file| self.chooses(file));
        shown
            .map(|file| {
                let patch = file.patch.as_deref().filter(|_| !self.hides(file));
                let lines = patch.map(diff::lines).unwrap_or_default();
                let lines = lines.iter().map(|line| numbered(line).chars().count() + 1);
                lines.sum::<usize>() + summary(file).chars().count() + 64
            })
            .sum()
    }
}

/// `M +3 -1 src/main.rs`.
fn summary(file: &File) -> String {
    let letter = match file.status.as_str() {
        "added" => "A",
        "removed" => "D",
        "renamed" => "R",
        "copied" => "C",
        _ => "M",
    };
    let name = snippet(&file.filename, 400);
    let before = file.previous_filename.as_deref();
    let before = before.map(|name| format!("{} -> ", snippet(name, 400)));
    format!(
        "{letter} +{} -{} {}{name}",
        file.additions,
        file.deletions,
        before.unwrap_or_default()
    )
}

fn numbered(line: &diff::Line<'_>) -> String {
    let text = shorten(line.text, LINE_LIMIT);
    match line.new {
        Some(number) => format!("{number:>5} {text}"),
        None => format!("{:5} {text}", ""),
    }
}
