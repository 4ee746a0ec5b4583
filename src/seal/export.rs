//! The text of an export: a header line and one sealed line a record.
//!
//! Every export has a key of its own, wrapped under the master key. Each line is bound to the
//! header, to its place in the file and to whether it is the last: a line of another export, a line
//! at another place and a file without its end do not open.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::seal::cipher::Cipher;
use crate::seal::master::{MasterKey, MasterKeyId};

/// The format of exports. A change that this program's earlier versions would misread raises it.
pub const FORMAT: u64 = 1;

/// The first line, JSON. It holds no secret in the clear.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`] of the program that wrote it; its name tells what the file is.
    pub valetkey_export: u64,
    /// The store's generation when it was written.
    pub generation: u64,
    /// When it was written.
    pub made_at: Timestamp,
    /// The [`MasterKeyId`] of the master key that it was written under, base64.
    master_key: String,
    /// The key of the lines, sealed under the master key; base64.
    wrapped_key: String,
}

/// Why an export is not read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// There is no header.
    #[error("it is not an export of Valetkey")]
    NotAnExport,
    /// A later version of this program wrote it.
    #[error("it has format {found}, and this program knows formats up to {FORMAT}")]
    NewerFormat {
        /// The file's.
        found: u64,
    },
    /// None of the keys at hand is the one that it was written under.
    #[error("it was written under the master key {0}, which is not here")]
    OtherMasterKey(MasterKeyId),
    /// A line was changed, moved, lost or added, or comes from another export.
    #[error("it is damaged: it was altered, or is not complete")]
    Damaged,
}

/// What was sealed into one line.
pub type Record = Zeroizing<Vec<u8>>;

/// Binds the lines of one export together.
struct Lines {
    cipher: Cipher,
    header: [u8; 32],
}

/// The text of an export of `records`.
pub fn seal(master: &MasterKey, generation: u64, made_at: Timestamp, records: &[Record]) -> String {
    let mut key = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *key).expect("the operating system's random numbers are available");
    let wrapped = master.wrapping_exports().seal(&[], &*key);
    let header = Header {
        valetkey_export: FORMAT,
        generation,
        made_at,
        master_key: BASE64_STANDARD.encode(master.id().0),
        wrapped_key: BASE64_STANDARD.encode(wrapped),
    };
    let mut text = serde_json::to_string(&header).expect("a struct of strings and numbers is JSON");
    let lines = Lines::new(&key, &text);
    text.push('\n');
    for (place, record) in records.iter().enumerate() {
        text.push_str(&lines.seal(place, false, record));
        text.push('\n');
    }
    text.push_str(&lines.seal(records.len(), true, &[]));
    text.push('\n');
    text
}

/// The header and the records of an export, opened with the master key that `find` has. Nothing is
/// returned of a file that is not whole.
pub fn open(
    text: &str,
    find: impl FnOnce(MasterKeyId) -> Option<MasterKey>,
) -> Result<(Header, Vec<Record>), ExportError> {
    let mut rest = text.lines();
    let first = rest.next().unwrap_or_default();
    let head: serde_json::Value =
        serde_json::from_str(first).map_err(|_| ExportError::NotAnExport)?;
    match head["valetkey_export"].as_u64() {
        Some(known) if known <= FORMAT => {}
        Some(found) => return Err(ExportError::NewerFormat { found }),
        None => return Err(ExportError::NotAnExport),
    }
    let header: Header = serde_json::from_value(head).map_err(|_| ExportError::Damaged)?;
    let id = decode(&header.master_key)?;
    let id = MasterKeyId(id.try_into().map_err(|_| ExportError::Damaged)?);
    let master = find(id).ok_or(ExportError::OtherMasterKey(id))?;
    let opened = master
        .wrapping_exports()
        .open(&[], &decode(&header.wrapped_key)?)
        .filter(|key| key.len() == 32)
        .ok_or(ExportError::Damaged)?;
    let mut key = Zeroizing::new([0; 32]);
    key.copy_from_slice(&opened);

    let lines = Lines::new(&key, first);
    let mut sealed = rest.enumerate().peekable();
    let mut records = Vec::new();
    while let Some((place, line)) = sealed.next() {
        let last = sealed.peek().is_none();
        let record = lines.open(place, last, line)?;
        if last {
            return Ok((header, records));
        }
        records.push(record);
    }
    Err(ExportError::Damaged)
}

impl Lines {
    fn new(key: &[u8; 32], header: &str) -> Self {
        Self {
            cipher: Cipher::derive(key, "valetkey export: lines"),
            header: Sha256::digest(header).into(),
        }
    }

    fn seal(&self, place: usize, last: bool, record: &[u8]) -> String {
        let place = (place as u64).to_be_bytes();
        let sealed = self
            .cipher
            .seal(&[&self.header, &place, &[u8::from(last)]], record);
        BASE64_STANDARD.encode(sealed)
    }

    fn open(&self, place: usize, last: bool, line: &str) -> Result<Record, ExportError> {
        let place = (place as u64).to_be_bytes();
        self.cipher
            .open(&[&self.header, &place, &[u8::from(last)]], &decode(line)?)
            .ok_or(ExportError::Damaged)
    }
}

fn decode(base64: &str) -> Result<Vec<u8>, ExportError> {
    BASE64_STANDARD
        .decode(base64)
        .map_err(|_| ExportError::Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(names: &[&str]) -> Vec<Record> {
        names
            .iter()
            .map(|name| Zeroizing::new(name.as_bytes().to_vec()))
            .collect()
    }

    fn export(master: &MasterKey, names: &[&str]) -> String {
        seal(master, 7, Timestamp::UNIX_EPOCH, &records(names))
    }

    fn read(text: &str, master: &MasterKey) -> Result<Vec<Record>, ExportError> {
        let opened = open(text, |id| (id == master.id()).then(|| master.clone()));
        opened.map(|(_, records)| records)
    }

    #[test]
    fn an_export_reads_back_under_its_own_master_key_only_and_shows_nothing() {
        let master = MasterKey::generate();
        for names in [&[][..], &["canary-one"], &["canary-one", "canary-two", ""]] {
            let text = export(&master, names);
            assert!(!text.contains("canary"));
            assert_eq!(read(&text, &master).unwrap(), records(names));
            let (header, _) = open(&text, |_| Some(master.clone())).unwrap();
            assert_eq!(header.generation, 7);
            let other = MasterKey::generate();
            assert_eq!(
                read(&text, &other).unwrap_err(),
                ExportError::OtherMasterKey(master.id())
            );
            let forced = open(&text, |_| Some(other)).map(|_| ()).unwrap_err();
            assert_eq!(forced, ExportError::Damaged);
        }
    }

    #[test]
    fn a_file_that_was_cut_reordered_mixed_or_altered_does_not_open() {
        let master = MasterKey::generate();
        let text = export(&master, &["one", "two", "three"]);
        let lines: Vec<&str> = text.lines().collect();
        let other = export(&master, &["one", "two", "three"]);
        let other: Vec<&str> = other.lines().collect();
        let altered = lines[0].replace("\"generation\":7", "\"generation\":8");
        let cases = [
            ("no end", lines[..4].to_vec()),
            ("header only", lines[..1].to_vec()),
            ("a line lost", [&lines[..2], &lines[3..]].concat()),
            ("a line twice", [&lines[..2], &lines[1..]].concat()),
            (
                "reordered",
                vec![lines[0], lines[2], lines[1], lines[3], lines[4]],
            ),
            (
                "a line of another export",
                vec![lines[0], other[1], lines[2], lines[3], lines[4]],
            ),
            ("another's header", [&other[..1], &lines[1..]].concat()),
            ("more after the end", [&lines[..], &lines[4..]].concat()),
            ("the header altered", [&[&*altered], &lines[1..]].concat()),
        ];
        for (what, lines) in cases {
            let refused = read(&lines.join("\n"), &master).unwrap_err();
            assert_eq!(refused, ExportError::Damaged, "{what}");
        }
        for cut in lines[0].len() + 1..text.len() - 1 {
            assert!(read(&text[..cut], &master).is_err(), "{cut} bytes");
        }
    }

    #[test]
    fn other_files_and_later_formats_are_told_apart() {
        let master = MasterKey::generate();
        for text in ["", "\n", "{}", "[1]", "hello", "{\"format\": 1}"] {
            assert_eq!(read(text, &master).unwrap_err(), ExportError::NotAnExport);
        }
        let later = "{\"valetkey_export\": 2, \"more\": 1}\n";
        let found = ExportError::NewerFormat { found: 2 };
        assert_eq!(read(later, &master).unwrap_err(), found);
    }
}
