//! Curing a damaged database: what can be read of it goes into a new one.
//!
//! | step | after which |
//! |---|---|
//! | the journal says that a cure begins | a process that dies on the way is followed by one that goes on |
//! | the database is moved to `corrupt-<time>` | the evidence is as it was found, and stays |
//! | a copy of it is read row by row, once with its snapshot and once without | each row that opens with its key is kept, of the reading that went further |
//! | what is missing is taken from the last daily copy ([`crate::store::backup`]) | |
//! | a new database is made of them and put in its place | the store is sound |
//! | the journal says how it went | it can be told once |
//!
//! Damage is noticed when sled cannot open the database, when it cannot read a page of it, and when
//! the end of its log is gone ([`crate::store::tally`]). It is not noticed in what nobody reads. No
//! row is ever wrong: each one opens with its key and in its place only, or counts as lost.

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sled::Db;

use crate::seal::keyring::Keyring;
use crate::store::error::StoreError;
use crate::store::open::{self, DATABASE};
use crate::store::salvage::{self, Found, Rows};
use crate::store::space::{self, Reserve};
use crate::store::{backup, files, rows, tally, threads};

/// What this module knows of the last cure; beside the database, absent when there was none.
const JOURNAL: &str = "cure.json";

/// Where the damaged database is kept: `corrupt-` and the time.
const EVIDENCE: &str = "corrupt-";
const MOST_EVIDENCE: usize = 3;

/// The copy that is read, and the database that is made.
const COPY: &str = "sled.cure";
const NEW: &str = "sled.cured";

/// So many processes may die over reading the damaged database before it is left alone, and so many
/// over the rest before nothing is tried any more.
const READINGS: u32 = 3;
const TRIES: u32 = 6;

/// sled has been seen to hang on damaged files. This long for opening, longer than a lock is waited
/// for.
const LIMIT: Duration = Duration::from_secs(20);

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Journal {
    /// Reading found damage; the next opening has to cure it.
    Wanted { cause: String },
    /// A cure has begun.
    Curing {
        cause: String,
        evidence: String,
        tries: u32,
    },
    /// The last cure is over, and nobody was told yet.
    Cured { notice: String },
}

impl Journal {
    /// None also when it cannot be understood: then there is nothing to go on with.
    fn read(dir: &Path) -> Result<Option<Self>, StoreError> {
        let text = files::read(&dir.join(JOURNAL), |_| Ok(()))?;
        Ok(text.and_then(|text| serde_json::from_slice(&text).ok()))
    }

    fn write(&self, dir: &Path) -> Result<(), StoreError> {
        let text = serde_json::to_vec(self).expect("names and sentences");
        files::write_atomically(&dir.join(JOURNAL), &text)
    }
}

/// Why a database does not open.
pub(super) enum Fault {
    /// It is damaged; how, in our words.
    Damage(&'static str),
    /// Something else is wrong: the disk, the permissions, the limits of this process.
    Other(StoreError),
}

/// Opens the database of the store in `dir`, after a cure if it needs one.
pub(super) fn open(dir: &Path, keyring: &Keyring, now: Timestamp) -> Result<Db, StoreError> {
    threads::check(dir)?;
    let home = dir.join(DATABASE);
    let (cause, evidence, tries) = match Journal::read(dir)? {
        None | Some(Journal::Cured { .. }) => match try_to_open(dir, &home) {
            Ok(db) => return Ok(db),
            Err(Fault::Other(error)) => return Err(error),
            Err(Fault::Damage(cause)) => (cause.to_owned(), None, 0),
        },
        Some(Journal::Wanted { cause }) => (cause, None, 0),
        Some(Journal::Curing {
            cause,
            evidence,
            tries,
        }) => (cause, Some(evidence), tries),
    };
    let evidence = evidence.unwrap_or_else(|| unused_name(dir, now));
    if tries >= TRIES {
        return Err(StoreError::damaged(
            dir,
            "the database is damaged and could not be replaced",
        ));
    }
    let kept = dir.join(&evidence);
    let size = size(&home)?.max(size(&kept)?);
    space::check(dir, dir, 2 * size + Reserve::USUAL.begin)?;
    let journal = Journal::Curing {
        cause: cause.clone(),
        evidence,
        tries: tries + 1,
    };
    journal.write(dir)?;
    tracing::error!(
        vault.damage = cause,
        vault.copy = %kept.display(),
        "the vault is damaged and is being repaired"
    );
    let notice = cure(dir, &home, &kept, keyring, tries < READINGS)?;
    let db = match try_to_open(dir, &home) {
        Ok(db) => db,
        Err(Fault::Other(error)) => return Err(error),
        Err(Fault::Damage(_)) => {
            return Err(StoreError::damaged(
                dir,
                "the database is damaged, and so was the new one in its place",
            ));
        }
    };
    let notice = format!(
        "The vault at {} was damaged ({cause}) and was repaired: {notice} The damaged files are \
         kept in {}.",
        dir.display(),
        kept.display()
    );
    tracing::warn!("{notice}");
    Journal::Cured { notice }.write(dir)?;
    Ok(db)
}

/// Notes damage that reading found, so that the next opening cures it.
pub(super) fn note_damage(dir: &Path, error: &sled::Error) {
    let Some(cause) = damage(error).filter(|_| !is_wanted(dir)) else {
        return;
    };
    let cause = cause.to_owned();
    if let Err(error) = (Journal::Wanted { cause }).write(dir) {
        tracing::error!(%error, "the damage of the vault could not be noted");
    }
}

/// Whether damage is noted that the next opening has to cure.
pub(super) fn is_wanted(dir: &Path) -> bool {
    matches!(Journal::read(dir), Ok(Some(Journal::Wanted { .. })))
}

/// How the last cure went, for a person; only once.
pub(super) fn notice(dir: &Path) -> Result<Option<String>, StoreError> {
    let Some(Journal::Cured { notice }) = Journal::read(dir)? else {
        return Ok(None);
    };
    let path = dir.join(JOURNAL);
    fs::remove_file(&path).map_err(|error| StoreError::io(&path, "cannot be removed", &error))?;
    Ok(Some(notice))
}

/// Puts a sound database in the place of the damaged one. What became of the rows, in a sentence.
fn cure(
    dir: &Path,
    home: &Path,
    kept: &Path,
    keyring: &Keyring,
    read: bool,
) -> Result<String, StoreError> {
    let failed = |error| StoreError::io(dir, "is damaged and cannot be repaired", &error);
    let evidence = kept.join(DATABASE);
    if !evidence.exists() {
        drop_old_evidence(dir).map_err(failed)?;
        files::create_directory(kept)?;
        fs::rename(home, &evidence).map_err(failed)?;
        files::secure_tree(kept)?;
        files::sync_directory(dir).map_err(failed)?;
    }
    let (copy, new) = (dir.join(COPY), dir.join(NEW));
    remove(&copy).map_err(failed)?;
    remove(&new).map_err(failed)?;
    let mut found = Found::default();
    if read {
        for with_snapshot in [true, false] {
            salvage::copy(&evidence, &copy, with_snapshot).map_err(failed)?;
            found = found.or_better(salvage::read(&copy, keyring));
            remove(&copy).map_err(failed)?;
        }
    }
    let found = found.with_copies(tally::noted(dir), backup::newest(dir), keyring);
    make(dir, &new, &found.rows)?;
    remove(home).map_err(failed)?;
    fs::rename(&new, home).map_err(failed)?;
    files::sync_directory(dir).map_err(failed)?;
    Ok(found.in_words())
}

/// Makes a database of these rows, durably.
fn make(dir: &Path, new: &Path, rows: &Rows) -> Result<(), StoreError> {
    files::create_directory(new)?;
    let failed = |error| StoreError::sled(dir, &error);
    let db = open::settings(new).open().map_err(failed)?;
    for ((tree, key), value) in rows {
        let tree = db.open_tree(tree).map_err(failed)?;
        tree.insert(key, value.as_slice()).map_err(failed)?;
    }
    tally::take_up(dir, &db).map_err(failed)?;
    db.flush().map_err(failed)?;
    drop(db);
    files::secure_tree(new)
}

/// Opens sled in a thread of its own, and its trees.
fn try_to_open(dir: &Path, home: &Path) -> Result<Db, Fault> {
    files::create_directory(home).map_err(Fault::Other)?;
    let (sender, receiver) = channel();
    let (dir, home) = (dir.to_owned(), home.to_owned());
    let store = dir.clone();
    let opening = thread::Builder::new().spawn(move || {
        let opened = catch_unwind(AssertUnwindSafe(|| open_trees(&dir, &home)));
        let opened = opened.unwrap_or(Err(Fault::Damage(
            "the database could not be read to its end",
        )));
        let _ = sender.send(opened);
    });
    opening.map_err(|error| Fault::Other(threads::none_left(&store, &error)))?;
    receiver.recv_timeout(LIMIT).unwrap_or_else(|_| {
        let cause = "the database did not open within 20 seconds";
        Err(Fault::Other(StoreError::damaged(&store, cause)))
    })
}

fn open_trees(dir: &Path, home: &Path) -> Result<Db, Fault> {
    let db = open::open_database(dir, home)?;
    for name in rows::SEALED {
        db.open_tree(name).map_err(|error| Fault::of(dir, &error))?;
    }
    db.flush().map_err(|error| Fault::of(dir, &error))?;
    let counted = tally::counted(&db).map_err(|error| Fault::of(dir, &error))?;
    if counted < tally::noted(dir) {
        return Err(Fault::Damage("what was saved last is not in it"));
    }
    Ok(db)
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Other(error)
    }
}

impl Fault {
    pub(super) fn of(dir: &Path, error: &sled::Error) -> Self {
        match damage(error) {
            Some(cause) => Self::Damage(cause),
            None => Self::Other(StoreError::sled(dir, error)),
        }
    }
}

/// How the database is damaged, if that is what sled says.
fn damage(error: &sled::Error) -> Option<&'static str> {
    match error {
        sled::Error::Corruption { .. } => Some("a part of the database cannot be read"),
        sled::Error::Unsupported(_) => Some("the settings of the database are not its own"),
        sled::Error::ReportableBug(_) => Some("the database contradicts itself"),
        sled::Error::CollectionNotFound(_) => Some("a part of the database is missing"),
        sled::Error::Io(error) => match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::InvalidData
            | io::ErrorKind::InvalidInput => Some("the database ends too early"),
            _ => None,
        },
    }
}

fn unused_name(dir: &Path, now: Timestamp) -> String {
    let time = now.strftime("%Y%m%dT%H%M%S.%3fZ").to_string();
    let first = format!("{EVIDENCE}{time}");
    let more = (2..).map(|n| format!("{EVIDENCE}{time}-{n}"));
    std::iter::once(first)
        .chain(more)
        .find(|name| !dir.join(name).exists())
        .expect("numbers do not end")
}

/// The damaged databases that are kept, oldest first.
pub(super) fn evidence(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let is_evidence = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default();
        name.to_string_lossy().starts_with(EVIDENCE)
    };
    let mut evidence: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(is_evidence)
        .collect();
    evidence.sort();
    evidence
}

/// Makes room for one more.
fn drop_old_evidence(dir: &Path) -> io::Result<()> {
    let evidence = evidence(dir);
    let spare = (evidence.len() + 1).saturating_sub(MOST_EVIDENCE);
    evidence
        .iter()
        .take(spare)
        .try_for_each(|path| remove(path))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// The bytes of all files below `path`.
fn size(path: &Path) -> Result<u64, StoreError> {
    fn of(path: &Path) -> io::Result<u64> {
        let mut size = 0;
        let entries = match fs::read_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let found = entry.metadata()?;
            size += if found.is_dir() {
                of(&entry.path())?
            } else {
                found.len()
            };
        }
        Ok(size)
    }
    of(path).map_err(|error| StoreError::io(path, "cannot be read", &error))
}
