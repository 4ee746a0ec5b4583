//! New keys for an open store: one that seals, and one that wraps those.

use std::sync::Arc;

use jiff::Timestamp;
use sled::{IVec, Tree};

use crate::seal::keyring::MOST_KEYS;
use crate::seal::master::MasterKey;
use crate::store::database::{Database, Refused};
use crate::store::error::StoreError;
use crate::store::keys::refused;
use crate::store::{backup, rows, space};

/// How many rows are sealed anew in one transaction, while other writes wait.
const BATCH: usize = 32;

/// How far the rows have been sealed anew.
#[derive(Debug, Default)]
pub(in crate::store) struct Progress {
    /// The key that they are sealed with. When another takes over, everything starts over.
    key: Option<[u8; 8]>,
    /// The trees that are not done, the current one last.
    trees: Vec<IVec>,
    /// The last row of the current one that is done.
    after: Option<IVec>,
}

impl Database {
    /// Makes a new data key, which seals from now on, unless `replacing` does no longer: then that
    /// has happened already. Nobody reads or writes meanwhile.
    pub(in crate::store) fn rotate_key(
        &self,
        replacing: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.check_writable()?;
        let keyring = self.keyring();
        let keyring = match keyring.without_expired(now) {
            Some(shorter) => Arc::new(shorter),
            None => keyring,
        };
        let keys = keyring.data_keys();
        if keys.last().is_none_or(|sealing| sealing.id != replacing) {
            return Ok(());
        }
        space::check(&self.dir, &self.dir, self.reserve.begin)?;
        if keys.len() >= MOST_KEYS {
            return Err(StoreError::Key(format!(
                "{MOST_KEYS} data keys are in use, because the key was rotated so often within ten \
                 minutes. Wait ten minutes, then rotate it again."
            )));
        }
        self.keys.replace(keyring.rotated(now))
    }

    /// Seals some more rows with the newest key. True once every row is.
    ///
    /// A row keeps its plaintext and so its version. What was written since the key took over is
    /// sealed with it already.
    pub(in crate::store) fn reseal_some(
        &self,
        progress: &mut Progress,
    ) -> Result<bool, StoreError> {
        let keyring = self.keyring();
        if progress.key != Some(keyring.sealing_key()) {
            *progress = Progress {
                key: Some(keyring.sealing_key()),
                trees: self.db.tree_names(),
                after: None,
            };
        }
        let Some(name) = progress.trees.last() else {
            return Ok(true);
        };
        let tree = self
            .db
            .open_tree(name)
            .map_err(|error| self.unreadable(&error))?;
        let name = String::from_utf8_lossy(name).into_owned();
        let found = self.older_rows(&tree, progress)?;
        match found.last() {
            None => {
                progress.trees.pop();
                progress.after = None;
            }
            Some(last) => {
                self.reseal(&tree, &name, &found)?;
                progress.after = Some(last.clone());
            }
        }
        Ok(false)
    }

    /// Once every row is sealed with the newest key: the older ones are no longer for rows. False if
    /// another one has taken over since. Nobody reads or writes meanwhile.
    pub(in crate::store) fn finish_resealing(
        &self,
        progress: &Progress,
    ) -> Result<bool, StoreError> {
        self.check_writable()?;
        let keyring = self.keyring();
        let finished = progress.key == Some(keyring.sealing_key());
        if finished {
            // The daily copies are sealed with the older keys; the next one is made soon.
            backup::forget(&self.dir)?;
            self.keys.replace(keyring.rows_moved())?;
        }
        Ok(finished)
    }

    /// The keys of the next rows that an older key sealed.
    fn older_rows(&self, tree: &Tree, progress: &Progress) -> Result<Vec<IVec>, StoreError> {
        let keyring = self.keyring();
        let rows = match &progress.after {
            Some(after) => {
                use std::ops::Bound::{Excluded, Unbounded};
                tree.range::<&[u8], _>((Excluded(&after[..]), Unbounded))
            }
            None => tree.iter(),
        };
        let older = |row: &sled::Result<(IVec, IVec)>| match row {
            Ok((_, value)) => keyring.names_older_key(value),
            Err(_) => true,
        };
        rows.filter(older)
            .take(BATCH)
            .map(|row| match row {
                Ok((key, _)) => Ok(key),
                Err(error) => Err(self.unreadable(&error)),
            })
            .collect()
    }

    /// Seals these rows anew, as they are by now. One that does not open reads as absent, and is
    /// left as it is.
    fn reseal(&self, tree: &Tree, name: &str, keys: &[IVec]) -> Result<(), StoreError> {
        let _writing = self.writing.lock();
        self.check_writable()?;
        let needed = self.reserve.begin + space::of_rows(keys.len());
        space::check(&self.dir, &self.dir, needed)?;
        let keyring = self.keyring();
        let applied = tree.transaction(|tree| {
            for key in keys {
                if let Some(value) = tree.get(key)?
                    && let Some(value) = keyring.reseal_row(name, key, &value)
                {
                    tree.insert(key, value)?;
                }
            }
            Ok::<(), Refused>(())
        });
        self.written(applied)
    }

    /// Wraps the data keys under `new` and makes it the master key, unless `replacing` is not the
    /// master key any more: then that has happened already.
    ///
    /// Each step is durable before the next: both keys are kept by their names, the keyring is
    /// wrapped anew, the new key takes the place of the old one. Whatever step is the last one
    /// before a crash, the key that the keyring needs is there.
    pub(in crate::store) fn rotate_master_key(
        &self,
        replacing: &str,
        new: &MasterKey,
    ) -> Result<(), StoreError> {
        let _writing = self.writing.lock();
        self.check_writable()?;
        let (keyring, place) = (self.keyring(), self.keys.place());
        if keyring.master_key_id().to_string() != replacing {
            return Ok(());
        }
        if keyring.master_key_id() == new.id() {
            return Err(StoreError::Key(
                "the new master key is the one in use. Make another one with: \
                 head -c 32 /dev/urandom | base64"
                    .to_owned(),
            ));
        }
        let rewrapped = keyring
            .rewrapped(new)
            .map_err(|error| refused(&self.dir, &error))?;
        space::check(&self.dir, &self.dir, self.reserve.begin)?;
        place.prepare(keyring.master_key(), new)?;
        let done = self
            .keys
            .replace(rewrapped)
            .and_then(|()| place.promote(new));
        done.inspect_err(|_| {
            // If this fails too, the file may be wrapped under the new key, which stays beside the
            // old one and is found there.
            let back = keyring.rewrapped(keyring.master_key());
            if back.is_ok_and(|back| self.keys.replace(back).is_ok())
                && let Err(error) = place.give_up(new)
            {
                tracing::warn!(%error, "a master key that was not used is still there");
            }
        })
    }

    /// Drops data keys that are not needed for anything any more.
    pub(in crate::store) fn drop_expired_keys(&self, now: Timestamp) -> Result<(), StoreError> {
        let _writing = self.writing.lock();
        self.check_writable()?;
        match self.keyring().without_expired(now) {
            Some(keyring) => self.keys.replace(keyring),
            None => Ok(()),
        }
    }

    /// How often the store was opened and exported.
    pub(in crate::store) fn generation(&self) -> Result<u64, StoreError> {
        let found = self.read(&self.meta, rows::META, rows::GENERATION)?;
        Ok(found.unwrap_or(0))
    }

    /// Adds one to the generation, durably, and returns it.
    pub(in crate::store) fn grow_older(&self) -> Result<u64, StoreError> {
        let _writing = self.writing.lock();
        self.check_writable()?;
        let generation = self.generation()? + 1;
        let row = rows::seal(&self.keyring(), rows::META, rows::GENERATION, &generation);
        let row = self.row(row)?;
        let inserted = self.meta.insert(rows::GENERATION, row);
        let inserted = inserted.map(|_| ()).map_err(Into::into);
        self.written(inserted)?;
        Ok(generation)
    }
}
