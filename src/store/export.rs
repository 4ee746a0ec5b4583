//! Exports: every connection in one file that only the master key reads.
//!
//! They are made by the open store, never by copying its files, which change while they are copied.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::seal::export::{self, ExportError, Header, Record};
use crate::store::error::StoreError;
use crate::store::records::Connection;
use crate::store::rows::LIMIT;
use crate::store::sled::Store;
use crate::store::{files, key_file};

/// What was exported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exported {
    /// How many connections.
    pub connections: u64,
    /// The store's generation, which the file has too.
    pub generation: u64,
    /// The name of the master key that reads it.
    pub master_key: String,
}

/// An export that was read.
#[derive(Clone, Debug)]
pub struct Export {
    /// Its generation.
    pub generation: u64,
    /// When it was written.
    pub made_at: Timestamp,
    /// The connections, of all callers.
    pub connections: Vec<Connection>,
}

impl Store {
    /// Writes every connection, of all callers, to a new file.
    pub async fn export(&self, path: &Path) -> Result<Exported, StoreError> {
        let (path, made_at) = (path.to_owned(), self.0.clock.now());
        let keyring = self.0.keys.keyring();
        self.on_disk(move |database| {
            if path.symlink_metadata().is_ok() {
                return Err(StoreError::Export(format!(
                    "{} is there already, and an export overwrites nothing. Choose another name.",
                    path.display()
                )));
            }
            let generation = database.grow_older()?;
            let connections = database.all_connections()?;
            let records: Vec<_> = connections.iter().map(plaintext).collect();
            let text = export::seal(keyring.master_key(), generation, made_at, &records);
            files::create_atomically(&path, text.as_bytes())
                .map_err(|error| failed("The export", error))?;
            Ok(Exported {
                connections: connections.len() as u64,
                generation,
                master_key: keyring.master_key_id().to_string(),
            })
        })
        .await
    }

    /// Reads an export. Its master key is the store's, one that was the store's before, or the one
    /// in `key_file`.
    pub async fn read_export(
        &self,
        path: &Path,
        key_file: Option<&Path>,
    ) -> Result<Export, StoreError> {
        let (path, key_file) = (path.to_owned(), key_file.map(Path::to_owned));
        let keys = Arc::clone(&self.0.keys);
        self.on_disk(move |_| {
            let given = match key_file {
                None => None,
                Some(path) => Some(key_file::read(&path)?.ok_or_else(|| {
                    StoreError::Key(format!("there is no master key at {}.", path.display()))
                })?),
            };
            let text = std::fs::read_to_string(&path).map_err(|error| {
                failed(
                    "The export",
                    StoreError::io(&path, "cannot be read", &error),
                )
            })?;
            let mut problem = None;
            let find = |id| match given {
                Some(key) => (key.id() == id).then_some(key),
                None => keys.place().find(id).unwrap_or_else(|error| {
                    problem = Some(error);
                    None
                }),
            };
            let opened = export::open(&text, find);
            match problem {
                Some(problem) => Err(problem),
                None => opened
                    .and_then(|(header, records)| read(&header, &records))
                    .map_err(|error| unreadable(&path, &error)),
            }
        })
        .await
    }
}

/// The connection as a record of the file.
fn plaintext(connection: &Connection) -> Record {
    // A buffer that does not grow leaves no copy of a secret behind.
    let mut plaintext = Zeroizing::new(Vec::with_capacity(LIMIT));
    serde_json::to_writer(&mut *plaintext, connection)
        .expect("a record that came from the store can be written again");
    plaintext
}

fn read(header: &Header, records: &[Record]) -> Result<Export, ExportError> {
    // The lines are authentic, so it is only a later version's record that is not understood.
    let connections = records
        .iter()
        .map(|record| serde_json::from_slice(record).map_err(|_| ExportError::Damaged))
        .collect::<Result<_, _>>()?;
    Ok(Export {
        generation: header.generation,
        made_at: header.made_at,
        connections,
    })
}

fn unreadable(path: &Path, error: &ExportError) -> StoreError {
    let fix = match error {
        ExportError::NotAnExport => "Name a file that `valetkey export` wrote.",
        ExportError::NewerFormat { .. } => "Import it with that newer Valetkey.",
        ExportError::OtherMasterKey(_) => {
            "Put the file with that key somewhere and name it with --key-file."
        }
        ExportError::Damaged => "Use another export.",
    };
    let path = path.display();
    StoreError::Export(format!(
        "{path} cannot be imported: {error}. {fix} Nothing was changed."
    ))
}

/// A failure of another file than the vault's.
fn failed(what: &str, error: StoreError) -> StoreError {
    match error {
        StoreError::Failed { path, cause, fix } => {
            let cause = cause.strip_prefix("it ").unwrap_or(&cause);
            StoreError::Export(format!("{what} {path} {cause}. {fix}"))
        }
        other => other,
    }
}
