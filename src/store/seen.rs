//! How far a vault had come, remembered outside of it: so that an older copy that is put in its
//! place is noticed.
//!
//! Nothing in the vault can tell that all of it is old. So its owner notes the generation, which
//! grows with each opening, in a file of its own in the user's state directory, one for each vault
//! by a name that its copies share and other vaults do not. It is written once for each opening,
//! not with each write: a copy that was made and put back while the vault was not opened anew in
//! between is not noticed. Nor is one where the notes were put back too.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::store::audit::Hex;
use crate::store::error::StoreError;
use crate::store::files;
use crate::store::sled::Store;

/// So long it is told that an older copy was put back.
const TOLD_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What is remembered of a vault.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// An older copy took the place of the vault in the last 30 days.
    pub put_back: Option<PutBack>,
    /// Why nothing can be remembered, with the next step.
    pub problem: Option<String>,
}

/// An older copy that took the place of a vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutBack {
    /// The generation that had been seen.
    pub seen: u64,
    /// The one that was found, with the opening that found it.
    pub found: u64,
    /// When it was found.
    pub at: Timestamp,
}

/// The file of a vault.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Note {
    generation: u64,
    put_back: Option<PutBack>,
}

impl Store {
    /// Compares the generation of this opening with the one in `folder`, and notes it there. Warns
    /// in the log when the vault is older than it was. Nothing fails because of this.
    pub async fn remember(&self, folder: &Path) -> Memory {
        let done = self.compare(folder).await;
        done.unwrap_or_else(|error| {
            tracing::debug!(%error, "the vault's generation is not noted outside of it");
            Memory {
                put_back: None,
                problem: Some(error.to_string()),
            }
        })
    }

    async fn compare(&self, folder: &Path) -> Result<Memory, StoreError> {
        let name = self.keyed_hash("valetkey vault: name", &[]);
        let name = Hex(*name.first_chunk::<16>().expect("16 of 32 bytes"));
        let (folder, dir, now) = (folder.to_owned(), self.0.dir.clone(), self.0.clock.now());
        self.on_disk(move |database| {
            if folder.starts_with(&dir) {
                return Err(StoreError::Unsafe(format!(
                    "{} is in the vault's own directory, where a copy of the one takes the other \
                     along. Set `store` to another directory.",
                    folder.display()
                )));
            }
            let generation = database.generation()?;
            files::create_directory(&folder)?;
            let path = folder.join(name.to_string());
            let bytes = files::read(&path, |_| Ok(()))?;
            // One that cannot be read knows nothing.
            let note = bytes.and_then(|bytes| serde_json::from_slice::<Note>(&bytes).ok());
            let put_back = next(note.unwrap_or_default(), generation, now);
            let note = Note {
                generation,
                put_back: put_back.clone(),
            };
            let json = serde_json::to_vec(&note).expect("numbers and a time");
            files::write_atomically(&path, &json)?;
            if let Some(put_back) = &put_back
                && put_back.found == generation
            {
                tracing::warn!(
                    event.kind = "security",
                    vault.seen = put_back.seen,
                    vault.found = put_back.found,
                    "the vault is older than it was: an older copy was put in its place; see \
                     `valetkey doctor`"
                );
            }
            Ok(Memory {
                put_back,
                problem: None,
            })
        })
        .await
    }
}

/// What is to be told once a vault of this generation was opened.
fn next(note: Note, generation: u64, now: Timestamp) -> Option<PutBack> {
    // Each opening adds one before it looks here.
    if generation <= note.generation {
        return Some(PutBack {
            seen: note.generation,
            found: generation,
            at: now,
        });
    }
    // A clock that was set back does not make it longer.
    let told = |put_back: &PutBack| now.duration_since(put_back.at).abs() < TOLD_FOR;
    note.put_back.filter(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opening_that_was_seen_before_is_of_an_older_copy_and_is_told_for_30_days() {
        let day = |number: i64| Timestamp::from_second(1_800_000_000 + number * 86_400).unwrap();
        let put_back = |found| PutBack {
            seen: 7,
            found,
            at: day(0),
        };
        let note = |generation, put_back| Note {
            generation,
            put_back,
        };
        let cases = [
            (note(0, None), 1, day(0), None),
            (note(7, None), 8, day(0), None),
            (note(7, None), 12, day(0), None),
            (note(7, None), 7, day(0), Some(put_back(7))),
            (note(7, None), 3, day(0), Some(put_back(3))),
            (note(3, Some(put_back(3))), 4, day(29), Some(put_back(3))),
            (note(3, Some(put_back(3))), 4, day(30), None),
            (note(3, Some(put_back(3))), 4, day(-31), None),
        ];
        for (note, generation, now, expected) in cases {
            let told = format!("{note:?} {generation}");
            assert_eq!(next(note, generation, now), expected, "{told}");
        }
    }
}
