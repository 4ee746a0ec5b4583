//! The walk along the chain of the audit log.

use crate::seal::keyring::Keyring;
use crate::store::audit::trail::{ANCHOR, HEAD, Trail, chained, number_of, read};
use crate::store::audit::{Fault, Point, Verdict};
use crate::store::error::StoreError;

impl Trail {
    /// Walks from the anchor to the head. Records may be appended and removed meanwhile.
    ///
    /// `noted` is a head that was written down elsewhere. The log must still have that record; one
    /// before the anchor cannot be compared any more.
    pub(in crate::store) fn verify(
        &self,
        keyring: &Keyring,
        noted: Option<Point>,
    ) -> Result<Verdict, StoreError> {
        loop {
            let Some(anchor) = self.point(keyring, ANCHOR)? else {
                return Ok(broken(self.first_number()?, Fault::AnchorLost));
            };
            let verdict = self.walk(keyring, anchor, noted)?;
            let whole = matches!(verdict, Verdict::Whole { .. });
            // Who removed the oldest records meanwhile did no harm.
            if whole || self.point(keyring, ANCHOR)? == Some(anchor) {
                return Ok(verdict);
            }
        }
    }

    fn walk(
        &self,
        keyring: &Keyring,
        anchor: Point,
        noted: Option<Point>,
    ) -> Result<Verdict, StoreError> {
        let first = self.first_number()?;
        if first <= anchor.number && self.last_number()? >= first {
            return Ok(broken(first, Fault::BeforeAnchor));
        }
        // In this order: what is appended in between is covered by the head.
        let last = self.last_number()?;
        let Some(head) = self.point(keyring, HEAD)? else {
            return Ok(broken(last, Fault::HeadLost));
        };
        if noted.is_some_and(|noted| noted.number == anchor.number && noted.hash != anchor.hash) {
            return Ok(broken(anchor.number, Fault::NotAsNoted));
        }
        let mut at = anchor;
        let range = (anchor.number + 1).to_be_bytes()..=head.number.to_be_bytes();
        for found in self.tree.range(range) {
            let (key, value) = found.map_err(|error| self.failed(&error))?;
            let expected = at.number + 1;
            if number_of(&key) != Some(expected) {
                return Ok(broken(expected, Fault::Missing));
            }
            let Some(row) = read(keyring, expected, &value) else {
                return Ok(broken(expected, Fault::Altered));
            };
            if row.hash != chained(&at.hash.0, &row.bytes) {
                return Ok(broken(expected, Fault::NotChained));
            }
            at.number = expected;
            at.hash.0 = row.hash;
            if noted.is_some_and(|noted| noted.number == at.number && noted.hash != at.hash) {
                return Ok(broken(expected, Fault::NotAsNoted));
            }
        }
        if at.number < head.number {
            return Ok(broken(at.number + 1, Fault::Missing));
        }
        if at.hash != head.hash {
            return Ok(broken(at.number, Fault::NotChained));
        }
        if last > head.number {
            return Ok(broken(head.number + 1, Fault::AfterHead));
        }
        if noted.is_some_and(|noted| noted.number > head.number) {
            return Ok(broken(head.number + 1, Fault::NotAsNoted));
        }
        Ok(Verdict::Whole { anchor, head })
    }
}

fn broken(number: u64, fault: Fault) -> Verdict {
    Verdict::Broken { number, fault }
}
