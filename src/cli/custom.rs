//! A user's own toolkits: folders with a `toolkit.yaml`, found in `toolkits.paths` and read at start.
//!
//! One that cannot be used is left out with its reasons, and takes nothing else down. What a file
//! declares can only reach its provider's own address, but it can delete there: so it must not be a
//! file that somebody else can change.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{File, Metadata, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::Serialize;
use valetkey_toolkits::declared;
use valetkey_toolkits::tool::Tool;

/// The file that makes a folder a toolkit.
pub const FILE: &str = "toolkit.yaml";

/// More than a hundred tools need; keeps a wrong path from filling the memory.
const FILE_LIMIT: u64 = 512 * 1024;

/// What `toolkits.paths` has.
#[derive(Debug)]
pub struct Custom {
    /// In the order of the paths, then of the folders' names.
    pub tools: Vec<Tool>,
    /// What cannot be used.
    pub left_out: Vec<LeftOut>,
}

/// A toolkit that cannot be used.
#[derive(Clone, Debug)]
pub struct LeftOut {
    /// Its folder.
    pub folder: PathBuf,
    /// At least one.
    pub complaints: Vec<Complaint>,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let folder = self.folder.display();
        write!(f, "The toolkit in {folder} is left out.")?;
        if let Some(first) = self.complaints.first() {
            write!(f, " {first}")?;
        }
        write!(f, " See all with: valetkey toolkit check '{folder}'")
    }
}

/// Why a toolkit cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Complaint {
    /// The file, or the folder where there is none.
    pub file: PathBuf,
    /// The line, counted from 1; none when the file as a whole is meant.
    pub line: Option<u64>,
    /// The column, counted from 1.
    pub column: Option<u64>,
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub fix: String,
}

impl Complaint {
    fn of(file: &Path, problem: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: None,
            column: None,
            problem: problem.into(),
            fix: fix.into(),
        }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, "{line}:{column}:")?;
        }
        write!(f, " {} {}", self.problem, self.fix)
    }
}

/// Reads every toolkit of `paths`: a folder with a `toolkit.yaml`, or one with such folders in it.
pub fn load(paths: &[PathBuf]) -> Custom {
    let mut custom = Custom {
        tools: Vec::new(),
        left_out: Vec::new(),
    };
    let mut taken = built_in();
    for path in paths {
        let folders = folders(path).unwrap_or_else(|complaint| {
            custom.left_out.push(LeftOut {
                folder: path.clone(),
                complaints: vec![complaint],
            });
            Vec::new()
        });
        for folder in folders {
            match check(&folder, &taken) {
                Ok(tools) => {
                    taken.extend(tools.first().map(|tool| tool.toolkit.to_string()));
                    custom.tools.extend(tools);
                }
                Err(complaints) => custom.left_out.push(LeftOut { folder, complaints }),
            }
        }
    }
    custom
}

/// The names of the built-in toolkits.
pub fn built_in() -> BTreeSet<String> {
    let tools = valetkey_toolkits::all().into_iter();
    tools.map(|tool| tool.toolkit.into_owned()).collect()
}

/// The folders of toolkits at a path, in the order of their names.
pub fn folders(path: &Path) -> Result<Vec<PathBuf>, Complaint> {
    if there(&path.join(FILE)) {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable = |error: std::io::Error| {
        let problem = format!("The folder cannot be read ({}).", error.kind());
        Complaint::of(path, problem, "Make it, or correct `toolkits.paths`.")
    };
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let folder = entry.map_err(unreadable)?.path();
        if there(&folder.join(FILE)) {
            folders.push(folder);
        }
    }
    folders.sort();
    Ok(folders)
}

/// A link that leads nowhere is there, so that somebody hears of it.
fn there(file: &Path) -> bool {
    file.symlink_metadata().is_ok()
}

/// The tools of a folder, or everything that is wrong with it. `taken` are the names of toolkits
/// that there are already.
///
/// A tool's name begins with its toolkit's, so that no two toolkits can have a tool of one name.
pub fn check(folder: &Path, taken: &BTreeSet<String>) -> Result<Vec<Tool>, Vec<Complaint>> {
    let file = folder.join(FILE);
    let text = read(folder, &file).map_err(|complaint| vec![complaint])?;
    let tools = declared::tools(&text).map_err(|mistakes| {
        let mistakes = mistakes.into_iter();
        mistakes
            .map(|mistake| Complaint {
                line: Some(mistake.line),
                column: Some(mistake.column),
                ..Complaint::of(&file, mistake.problem, mistake.fix)
            })
            .collect::<Vec<_>>()
    })?;
    let name = tools.first().map_or("", |tool| &tool.toolkit);
    if taken.contains(name) {
        let line = text.lines().position(|line| line.starts_with("toolkit:"));
        let problem =
            format!("There is a toolkit `{name}` already, so its tools' names are taken.");
        let fix = "Choose another name for `toolkit`, and begin the tools' names with it.";
        return Err(vec![Complaint {
            line: line.map(|line| line as u64 + 1),
            column: line.map(|_| 1),
            ..Complaint::of(&file, problem, fix)
        }]);
    }
    Ok(tools)
}

/// Reads a file that nobody else can change, nor put another one in its place.
fn read(folder: &Path, file: &Path) -> Result<String, Complaint> {
    let unreadable = |error: std::io::Error| {
        let problem = format!("The file cannot be read ({}).", error.kind());
        Complaint::of(
            file,
            problem,
            "Make it readable, or run: valetkey toolkit new <dir>",
        )
    };
    // Without NONBLOCK, opening a named pipe would wait for a writer for ever.
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut options = OpenOptions::new();
    let opened = options.read(true).custom_flags(nonblocking).open(file);
    let mut opened: File = opened.map_err(unreadable)?;
    // Of the opened file, so that nothing can be exchanged between the check and the reading.
    let metadata = opened.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        let problem = "This is not a regular file.";
        return Err(Complaint::of(file, problem, "Put a file in its place."));
    }
    trusted(file, &metadata)?;
    let place = folder.metadata().map_err(unreadable)?;
    trusted(folder, &place)?;
    if metadata.len() > FILE_LIMIT {
        let problem = "The file is larger than 512 KiB.";
        return Err(Complaint::of(
            file,
            problem,
            "Split it into several toolkits.",
        ));
    }
    let mut text = String::new();
    opened.read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}

fn trusted(path: &Path, metadata: &Metadata) -> Result<(), Complaint> {
    let shown = path.display();
    if metadata.mode() & 0o002 != 0 {
        let fix = format!("Run: chmod o-w '{shown}'");
        return Err(Complaint::of(path, "Everyone can change it.", fix));
    }
    if ![0, rustix::process::getuid().as_raw()].contains(&metadata.uid()) {
        let fix = "Give it to the user who runs valetkey, or copy it.";
        return Err(Complaint::of(path, "It belongs to another user.", fix));
    }
    Ok(())
}
