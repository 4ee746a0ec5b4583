//! What an operator does with an open store: new keys, a vacuum; see [`crate::store::export`] for
//! exports.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::seal::keyring::DataKeyInfo;
use crate::seal::master::MasterKey;
use crate::store::database::Database;
use crate::store::database::rotation::Progress;
use crate::store::error::StoreError;
use crate::store::key_place::KeyPlace;
use crate::store::sled::{Inner, Store, run, run_alone};

/// The keys of a store. None of this is secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyIds {
    /// The master key's name, 16 hex digits.
    pub master_key: String,
    /// Where it is kept: a variable, a file.
    pub kept_in: String,
    /// The data keys, oldest first.
    pub data_keys: Vec<DataKeyInfo>,
    /// How often the store was opened and exported.
    pub generation: u64,
}

/// What a new master key changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MasterKeyRotated {
    /// The new key's name.
    pub master_key: String,
    /// The old one's.
    pub replaced: String,
    /// Where the new one is kept.
    pub kept_in: String,
    /// Where the old one is kept now; none if Valetkey never kept it.
    pub old_kept_in: Option<String>,
}

/// What a vacuum did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vacuumed {
    /// How many bytes the database took on the disk.
    pub before: u64,
    /// How many it takes now.
    pub after: u64,
}

impl Store {
    /// The names of the keys.
    pub async fn key_ids(&self) -> Result<KeyIds, StoreError> {
        let generation = self.on_disk(Database::generation).await?;
        let keyring = self.0.keys.keyring();
        Ok(KeyIds {
            master_key: keyring.master_key_id().to_string(),
            kept_in: self.0.keys.place().name(),
            data_keys: keyring.data_keys(),
            generation,
        })
    }

    /// Makes a new data key, which seals everything from now on, and seals the rows anew with it in
    /// the background; when the process ends before that, the next opening of the store goes on.
    /// Does nothing if `replacing` is not the data key that seals, so that it can be repeated.
    pub async fn rotate_key(&self, replacing: String) -> Result<(), StoreError> {
        let now = self.0.clock.now();
        let inner = Arc::clone(&self.0);
        self.alone(move |slot| {
            let database = slot.as_ref().ok_or_else(|| inner.closed())?;
            database.rotate_key(&replacing, now)
        })
        .await?;
        self.go_on_resealing();
        Ok(())
    }

    /// Wraps the data keys under another master key: `new`, or one made now if the place where the
    /// key is kept can take it. Does nothing if `replacing` is not the master key, so that it can be
    /// repeated.
    pub async fn rotate_master_key(
        &self,
        replacing: String,
        new: Option<&SecretString>,
    ) -> Result<MasterKeyRotated, StoreError> {
        let place = self.0.keys.place();
        let new = match (new, place) {
            (Some(text), _) => MasterKey::parse(text).map_err(|error| {
                StoreError::Key(format!("VALETKEY_NEW_MASTER_KEY cannot be used: {error}."))
            })?,
            (None, KeyPlace::Environment(_)) => {
                return Err(StoreError::Key(
                    "the master key is kept in VALETKEY_MASTER_KEY, which Valetkey cannot change. \
                     Make a key with `head -c 32 /dev/urandom | base64`, set \
                     VALETKEY_NEW_MASTER_KEY to it, and run this again."
                        .to_owned(),
                ));
            }
            (None, _) => MasterKey::generate(),
        };
        let old = self.0.keys.keyring().master_key_id();
        let replaced = replacing.clone();
        self.on_disk(move |database| database.rotate_master_key(&replacing, &new))
            .await?;
        let now = self.0.keys.keyring().master_key_id();
        Ok(MasterKeyRotated {
            master_key: now.to_string(),
            kept_in: place.name(),
            old_kept_in: (old != now).then(|| place.name_of_old(old)).flatten(),
            replaced,
        })
    }

    /// How often the store was opened and exported. It only grows: a store whose generation is
    /// smaller than that of an export was put back from a copy.
    pub async fn generation(&self) -> Result<u64, StoreError> {
        self.on_disk(Database::generation).await
    }

    /// Whether the database is so much larger than its rows that a [`Store::vacuum`] is worth it.
    pub async fn wants_vacuum(&self) -> Result<bool, StoreError> {
        self.on_disk(Database::wants_vacuum).await
    }

    /// Rewrites the database, so that it takes no more space than its rows need and nothing of
    /// what they once were is left in any file. Everything else waits meanwhile.
    pub async fn vacuum(&self) -> Result<Vacuumed, StoreError> {
        let (inner, now) = (Arc::clone(&self.0), self.0.clock.now());
        self.alone(move |slot| {
            let database = slot.as_ref().ok_or_else(|| inner.closed())?;
            let before = database.size()?;
            database.copy_rows()?;
            // From here on a failure leaves the slot empty, and the store has to be opened anew.
            let database = slot.take().ok_or_else(|| inner.closed())?.swap(now)?;
            let after = database.size()?;
            *slot = Some(database);
            tracing::debug!(before, after, "vault.vacuum");
            Ok(Vacuumed { before, after })
        })
        .await
    }

    async fn alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Option<Database>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let done = run_alone(Arc::clone(&self.0), work).await;
        done.unwrap_or_else(|_| Err(StoreError::interrupted(&self.0.dir)))
    }

    /// Drops keys that no handle needs any more.
    pub async fn drop_expired_keys(&self) -> Result<(), StoreError> {
        let now = self.0.clock.now();
        self.on_disk(move |database| database.drop_expired_keys(now))
            .await
    }

    /// Seals rows anew in the background, if an older key sealed them.
    pub(super) fn go_on_resealing(&self) {
        if self.0.keys.keyring().is_resealing() {
            tokio::spawn(reseal(Arc::downgrade(&self.0)));
        }
    }
}

/// Seals rows anew until none is left or the store is closed: it does not keep the store open.
async fn reseal(store: Weak<Inner>) {
    let mut progress = Progress::default();
    loop {
        let started = Instant::now();
        match reseal_some(&store, progress).await {
            Some(Ok((true, _))) => {
                tracing::debug!("every row of the vault is sealed with the new key");
                return;
            }
            Some(Ok((false, reached))) => progress = reached,
            Some(Err(error)) => {
                tracing::warn!(%error, "rows were not sealed anew; the next start goes on");
                return;
            }
            None => return,
        }
        // Half of the time belongs to the others.
        tokio::time::sleep(started.elapsed().max(Duration::from_millis(1))).await;
    }
}

/// Seals some rows anew and tells whether that was all. None if the store is closed.
async fn reseal_some(
    store: &Weak<Inner>,
    mut progress: Progress,
) -> Option<Result<(bool, Progress), StoreError>> {
    let work = run(store.upgrade()?, move |database| {
        let all = database.reseal_some(&mut progress)?;
        Ok((all, progress))
    });
    let (all, progress) = match work.await.ok()? {
        Ok(done) => done,
        Err(error) => return Some(Err(error)),
    };
    if !all {
        return Some(Ok((false, progress)));
    }
    let inner = store.upgrade()?;
    let closed = inner.closed();
    let work = run_alone(inner, move |slot| {
        let database = slot.as_ref().ok_or(closed)?;
        Ok((database.finish_resealing(&progress)?, progress))
    });
    work.await.ok()
}
