//! Reading what can be read of a damaged database, whatever sled does over it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use crate::seal::keyring::Keyring;
use crate::store::open::{self, LOG};
use crate::store::{rows, tally};

/// sled has been seen to hang on damaged files. This long for opening, and for each row.
const LIMIT: Duration = Duration::from_secs(10);

/// Tree, key and sealed value of each row.
pub(super) type Rows = BTreeMap<(Vec<u8>, Vec<u8>), Vec<u8>>;

/// Copies the log and what belongs to it, but not the settings, which sled makes anew.
pub(super) fn copy(from: &Path, to: &Path, with_snapshot: bool) -> io::Result<()> {
    fs::create_dir(to)?;
    for file in fs::read_dir(from)? {
        let file = file?;
        let name = file.file_name();
        let wanted = name == LOG || (with_snapshot && name.to_string_lossy().starts_with("snap."));
        if wanted && file.file_type()?.is_file() {
            fs::copy(file.path(), to.join(name))?;
        }
    }
    let (blobs, copies) = (from.join("blobs"), to.join("blobs"));
    if blobs.is_dir() {
        fs::create_dir(&copies)?;
        for blob in fs::read_dir(blobs)? {
            let blob = blob?;
            fs::copy(blob.path(), copies.join(blob.file_name()))?;
        }
    }
    Ok(())
}

/// What was read of a damaged database.
#[derive(Default)]
pub(super) struct Found {
    pub(super) rows: Rows,
    /// How many of the rows are from a copy.
    copied: usize,
    /// Every tree was read to its end, and every row opened.
    whole: bool,
    /// How many transactions the database had counted.
    count: u64,
}

impl Found {
    /// Adds the connections of a copy that are not there, if something is lost: `noted` is how many
    /// transactions there were at least.
    pub(super) fn with_copies(mut self, noted: u64, copies: Rows, keyring: &Keyring) -> Self {
        if self.whole && self.count >= noted {
            return self;
        }
        for ((tree, key), value) in copies {
            if opens(keyring, &tree, &key, &value) {
                self.rows.entry((tree, key)).or_insert_with(|| {
                    self.copied += 1;
                    value
                });
            }
        }
        self
    }

    /// The one of the two that lost less.
    pub(super) fn or_better(self, other: Self) -> Self {
        let worth = |found: &Self| (found.count, found.whole, found.rows.len());
        if worth(&other) > worth(&self) {
            other
        } else {
            self
        }
    }

    pub(super) fn in_words(&self) -> String {
        let is_connection = |(tree, _): &&(Vec<u8>, Vec<u8>)| tree == rows::CONNECTIONS.as_bytes();
        let connections = self.rows.keys().filter(is_connection).count();
        let read = match connections - self.copied {
            0 => "no connection".to_owned(),
            1 => "one connection".to_owned(),
            more => format!("{more} connections"),
        };
        let copied = match self.copied {
            0 => String::new(),
            1 => ", and one is from a copy that is some days old at most".to_owned(),
            more => format!(", and {more} are from a copy that is some days old at most"),
        };
        let rest = if self.whole {
            "What was saved last may be missing; if a connection is, connect it again."
        } else {
            "Connect again what is missing."
        };
        format!("{read} could be read{copied}. {rest}")
    }
}

enum Reading {
    Row(Vec<u8>, Vec<u8>, Vec<u8>),
    Count(u64),
    /// Something could not be read.
    Gap,
    End,
}

/// Reads what can be read, whatever sled does: each step that panics ends alone, and a thread that
/// hangs is left behind.
pub(super) fn read(copy: &Path, keyring: &Keyring) -> Found {
    let (sender, receiver) = channel();
    let copy = copy.to_owned();
    thread::spawn(move || {
        // Nobody listens any more when this fails.
        let _ = catch_unwind(AssertUnwindSafe(|| send_rows(&copy, &sender)));
    });
    collect(&receiver, keyring)
}

fn collect(receiver: &Receiver<Reading>, keyring: &Keyring) -> Found {
    let mut found = Found {
        whole: true,
        ..Found::default()
    };
    loop {
        match receiver.recv_timeout(LIMIT) {
            Ok(Reading::Row(tree, key, value)) => {
                if opens(keyring, &tree, &key, &value) {
                    found.rows.insert((tree, key), value);
                } else {
                    found.whole = false;
                }
            }
            Ok(Reading::Count(count)) => found.count = count,
            Ok(Reading::Gap) => found.whole = false,
            Ok(Reading::End) => return found,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                found.whole = false;
                return found;
            }
        }
    }
}

/// Whether a row of one of the sealed trees opens with its key and in its place.
fn opens(keyring: &Keyring, tree: &[u8], key: &[u8], value: &[u8]) -> bool {
    let sealed = rows::SEALED.iter().find(|name| name.as_bytes() == tree);
    sealed.is_none_or(|name| keyring.open_row(name, key, value).is_some())
}

fn send_rows(copy: &Path, sender: &Sender<Reading>) {
    let Ok(db) = open::settings(copy).open() else {
        return;
    };
    if let Ok(Ok(count)) = catch_unwind(AssertUnwindSafe(|| tally::counted(&db))) {
        let _ = sender.send(Reading::Count(count));
    }
    for name in db.tree_names() {
        let tree = catch_unwind(AssertUnwindSafe(|| db.open_tree(&name)));
        let Ok(Ok(tree)) = tree else {
            let _ = sender.send(Reading::Gap);
            continue;
        };
        // From both ends to the first damage.
        if !send_tree(&name, sender, tree.iter()) {
            let _ = sender.send(Reading::Gap);
            send_tree(&name, sender, tree.iter().rev());
        }
    }
    let _ = sender.send(Reading::End);
}

/// False: there is more, and it cannot be read.
fn send_tree(
    name: &[u8],
    sender: &Sender<Reading>,
    found: impl Iterator<Item = sled::Result<(sled::IVec, sled::IVec)>>,
) -> bool {
    let sent = catch_unwind(AssertUnwindSafe(|| {
        for row in found {
            let Ok((key, value)) = row else { return false };
            let _ = sender.send(Reading::Row(name.to_vec(), key.to_vec(), value.to_vec()));
        }
        true
    }));
    sent.unwrap_or(false)
}
