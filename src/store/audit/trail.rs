//! The tree of the audit log: how a record is appended, how the oldest are removed, how they are
//! read.
//!
//! | key | value, sealed |
//! |---|---|
//! | number, 8 bytes big-endian | the record's hash, 32 bytes, and the record as JSON |
//! | `head` | the [`Point`] of the last record |
//! | `anchor` | the [`Point`] of the last record that was removed for want of room |
//! | `key` | 32 random bytes, under which callers and arguments are hashed |

use std::collections::{HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use sled::Tree;
use sled::transaction::{ConflictableTransactionError, TransactionalTree};
use zeroize::Zeroizing;

use crate::seal::keyring::Keyring;
use crate::store::audit::{AuditOutcome, AuditPage, AuditQuery, AuditRecord, Hex, Point};
use crate::store::cure;
use crate::store::error::StoreError;
use crate::store::rows::AUDIT;

pub(super) const HEAD: &[u8] = b"head";
pub(super) const ANCHOR: &[u8] = b"anchor";
pub(super) const KEY: &[u8] = b"key";

/// One transaction removes no more than this, so that no call waits long for it.
const REMOVED_AT_ONCE: u64 = 2_000;

/// A page's records, as JSON, end near this many bytes.
const PAGE_BYTES: usize = 500_000;

/// The most records of a page, and the most that are looked at for one.
const PAGE_RECORDS: usize = 500;
const PAGE_LOOKS: usize = 5_000;

/// The requests of this many last records are remembered, so that a repeated one is noticed.
const REMEMBERED: usize = 512;

type Refused = ConflictableTransactionError<StoreError>;

/// What makes two records the same: the request, and whether it is of the start.
type Identity = ([u8; 16], bool);

/// The audit log of an open store.
pub(in crate::store) struct Trail {
    dir: PathBuf,
    pub(super) tree: Tree,
    /// The key of the hashes of callers and arguments.
    hash_key: Zeroizing<[u8; 32]>,
    /// Loaded with the first append.
    recent: Mutex<Option<Recent>>,
}

#[derive(Default)]
struct Recent {
    order: VecDeque<Identity>,
    known: HashSet<Identity>,
}

/// Where the next record goes.
#[derive(Clone)]
pub(in crate::store) struct Pen {
    head: Point,
    anchor: Point,
    written: Vec<Identity>,
}

/// A row of the log.
pub(super) struct Row {
    pub(super) hash: [u8; 32],
    pub(super) record: AuditRecord,
    /// The record's bytes, as they were hashed.
    pub(super) bytes: Vec<u8>,
}

impl Trail {
    /// Opens the log, or begins it. What it writes is durable only when the caller makes it so.
    pub(in crate::store) fn open(
        dir: PathBuf,
        tree: Tree,
        keyring: &Keyring,
    ) -> Result<Self, StoreError> {
        let mut trail = Self {
            dir,
            tree,
            hash_key: Zeroizing::new([0; 32]),
            recent: Mutex::default(),
        };
        let stored = trail.opened(keyring, KEY)?;
        if let Some(key) = stored
            .as_deref()
            .and_then(|bytes| bytes.first_chunk::<32>())
        {
            trail.hash_key.copy_from_slice(key);
            return Ok(trail);
        }
        getrandom::fill(&mut *trail.hash_key)
            .expect("the operating system's random numbers are available");
        let empty = trail.tree.is_empty();
        let mut rows = sled::Batch::default();
        rows.insert(KEY, keyring.seal_row(AUDIT, KEY, &*trail.hash_key));
        if empty {
            for name in [HEAD, ANCHOR] {
                rows.insert(name, sealed_point(keyring, name, Point::START));
            }
        }
        trail.tree.apply_batch(rows).map_err(|e| trail.failed(&e))?;
        Ok(trail)
    }

    /// The tree, for transactions.
    pub(in crate::store) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The key of the hashes of callers and arguments.
    pub(in crate::store) fn hash_key(&self) -> Zeroizing<[u8; 32]> {
        self.hash_key.clone()
    }

    /// Where to append. Only one write at a time may hold this.
    pub(in crate::store) fn pen(&self, keyring: &Keyring) -> Result<Pen, StoreError> {
        let last = self.last_number()?;
        let head = match self.point(keyring, HEAD)? {
            Some(head) => head,
            // The row was tampered with. The number after the last one is left out, so that the
            // walk along the chain will find it for as long as the records around it are kept.
            None => Point {
                number: last + 1,
                hash: self
                    .row(keyring, last)?
                    .map_or(Point::START.hash, |row| Hex(row.hash)),
            },
        };
        let anchor = self.point(keyring, ANCHOR)?;
        self.remember(keyring, head.number)?;
        Ok(Pen {
            head,
            anchor: anchor.unwrap_or(Point {
                number: self.first_number()?.saturating_sub(1),
                hash: Point::START.hash,
            }),
            written: Vec::new(),
        })
    }

    /// Puts the record after the last one, unless it is there already, and removes the oldest ones
    /// when there are more than `keep`.
    pub(in crate::store) fn append(
        &self,
        keyring: &Keyring,
        rows: &TransactionalTree,
        pen: &mut Pen,
        record: &AuditRecord,
        keep: u64,
    ) -> Result<(), Refused> {
        let identity = identity(record);
        if pen.written.contains(&identity) || self.recalls(&identity) {
            return Ok(());
        }
        let number = pen.head.number + 1;
        let record = AuditRecord {
            number,
            ..record.clone()
        };
        let bytes = serde_json::to_vec(&record).expect("a struct of strings and numbers is JSON");
        let hash = chained(&pen.head.hash.0, &bytes);
        let key = number.to_be_bytes();
        let row = keyring.seal_row(AUDIT, &key, &[&hash[..], &bytes].concat());
        rows.insert(&key, row)?;
        make_room(keyring, rows, pen, number, keep)?;
        pen.head = Point {
            number,
            hash: Hex(hash),
        };
        rows.insert(HEAD, sealed_point(keyring, HEAD, pen.head))?;
        pen.written.push(identity);
        Ok(())
    }

    /// Notes what became durable.
    pub(in crate::store) fn written(&self, pen: Pen) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = recent.get_or_insert_default();
        for identity in pen.written {
            recent.add(identity);
        }
    }

    /// A page of the records that fit, the newest first.
    pub(in crate::store) fn page(
        &self,
        keyring: &Keyring,
        query: &AuditQuery,
    ) -> Result<AuditPage, StoreError> {
        let mut page = AuditPage::default();
        let limit = query.limit.clamp(1, PAGE_RECORDS);
        let Some(newest) = query.before.unwrap_or(u64::MAX).checked_sub(1) else {
            return Ok(page);
        };
        let mut bytes = 0;
        let range = 0_u64.to_be_bytes()..=newest.to_be_bytes();
        for (looked, found) in self.tree.range(range).rev().enumerate() {
            let (key, value) = found.map_err(|error| self.failed(&error))?;
            let Some(number) = number_of(&key) else {
                continue;
            };
            if page.records.len() == limit || bytes > PAGE_BYTES || looked == PAGE_LOOKS {
                page.next = Some(number + 1);
                break;
            }
            match read(keyring, number, &value) {
                Some(row) if query.fits(&row.record) => {
                    bytes += row.bytes.len();
                    page.records.push(row.record);
                }
                Some(_) => {}
                None => page.unreadable += 1,
            }
        }
        Ok(page)
    }

    /// The row of a record; none if it is missing or was altered.
    pub(super) fn row(&self, keyring: &Keyring, number: u64) -> Result<Option<Row>, StoreError> {
        let row = self.tree.get(number.to_be_bytes());
        let row = row.map_err(|error| self.failed(&error))?;
        Ok(row.and_then(|row| read(keyring, number, &row)))
    }

    /// One of the two rows that say where the log begins and ends; none if it was altered.
    pub(super) fn point(
        &self,
        keyring: &Keyring,
        name: &[u8],
    ) -> Result<Option<Point>, StoreError> {
        let bytes = self.opened(keyring, name)?;
        Ok(bytes.and_then(|bytes| parse(&bytes)))
    }

    /// The number of the newest row, 0 if there is none.
    pub(super) fn last_number(&self) -> Result<u64, StoreError> {
        // The other rows' keys are in between only once there are 2^62 records.
        let mut newest = self
            .tree
            .range(..=[0x3f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        let newest = newest.next_back().transpose();
        let newest = newest.map_err(|error| self.failed(&error))?;
        Ok(newest.and_then(|(key, _)| number_of(&key)).unwrap_or(0))
    }

    /// The number of the oldest row, 1 if there is none.
    pub(super) fn first_number(&self) -> Result<u64, StoreError> {
        let oldest = self.tree.first().map_err(|error| self.failed(&error))?;
        Ok(oldest.and_then(|(key, _)| number_of(&key)).unwrap_or(1))
    }

    fn opened(
        &self,
        keyring: &Keyring,
        key: &[u8],
    ) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let row = self.tree.get(key).map_err(|error| self.failed(&error))?;
        Ok(row.and_then(|row| keyring.open_row(AUDIT, key, &row)))
    }

    fn recalls(&self, identity: &Identity) -> bool {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent
            .as_ref()
            .is_some_and(|recent| recent.known.contains(identity))
    }

    /// Learns the requests of the last records: a record may come again that an earlier process
    /// wrote and could not acknowledge.
    fn remember(&self, keyring: &Keyring, head: u64) -> Result<(), StoreError> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.is_some() {
            return Ok(());
        }
        let mut loaded = Recent::default();
        for number in head.saturating_sub(REMEMBERED as u64) + 1..=head {
            if let Some(row) = self.row(keyring, number)? {
                loaded.add(identity(&row.record));
            }
        }
        *recent = Some(loaded);
        Ok(())
    }

    pub(super) fn failed(&self, error: &sled::Error) -> StoreError {
        cure::note_damage(&self.dir, error);
        StoreError::sled(&self.dir, error)
    }
}

impl Recent {
    fn add(&mut self, identity: Identity) {
        if self.known.insert(identity) {
            self.order.push_back(identity);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

/// Removes the oldest tenth when there is one record more than `keep`.
fn make_room(
    keyring: &Keyring,
    rows: &TransactionalTree,
    pen: &mut Pen,
    number: u64,
    keep: u64,
) -> Result<(), Refused> {
    let kept = number.saturating_sub(pen.anchor.number);
    let Some(surplus) = kept.checked_sub(keep).filter(|surplus| *surplus > 0) else {
        return Ok(());
    };
    let remove = surplus.max(keep / 10).clamp(1, REMOVED_AT_ONCE);
    let mut last = (pen.anchor.number + remove).min(number - 1);
    // The log begins after a record whose hash is known; a damaged one has none.
    let hash = loop {
        let key = last.to_be_bytes();
        let row = rows.get(key)?.and_then(|row| read(keyring, last, &row));
        match row {
            Some(row) => break Hex(row.hash),
            None if last + 1 < number => last += 1,
            None => break pen.head.hash,
        }
    };
    for old in pen.anchor.number + 1..=last {
        rows.remove(&old.to_be_bytes())?;
    }
    pen.anchor = Point { number: last, hash };
    rows.insert(ANCHOR, sealed_point(keyring, ANCHOR, pen.anchor))?;
    Ok(())
}

/// The hash of a record after the one with `previous`.
pub(super) fn chained(previous: &[u8; 32], bytes: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update(previous)
        .chain_update(bytes)
        .finalize()
        .into()
}

pub(super) fn number_of(key: &[u8]) -> Option<u64> {
    key.try_into().ok().map(u64::from_be_bytes)
}

/// The row's content; none if it was altered or belongs elsewhere.
pub(super) fn read(keyring: &Keyring, number: u64, sealed: &[u8]) -> Option<Row> {
    let plain = keyring.open_row(AUDIT, &number.to_be_bytes(), sealed)?;
    let (hash, bytes) = plain.split_first_chunk()?;
    let record: AuditRecord = parse(bytes)?;
    (record.number == number).then(|| Row {
        hash: *hash,
        record,
        bytes: bytes.to_vec(),
    })
}

fn sealed_point(keyring: &Keyring, name: &[u8], point: Point) -> Vec<u8> {
    let bytes = serde_json::to_vec(&point).expect("a struct of strings and numbers is JSON");
    keyring.seal_row(AUDIT, name, &bytes)
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}

fn identity(record: &AuditRecord) -> Identity {
    (record.request.0, record.outcome == AuditOutcome::Started)
}
