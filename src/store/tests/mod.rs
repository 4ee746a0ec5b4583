//! The store as its users see it, on real files.

mod audit;
mod damage;
mod durability;
mod master_key;
mod opening;
mod privacy;
mod rotation;
mod rows;
mod vacuum;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use jiff::Timestamp;
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::caller::Caller;
use crate::clock::Clock;
use crate::config::MasterKeySource;
use crate::store::error::StoreError;
use crate::store::records::{
    Connection, ConnectionId, ConnectionState, Flow, FlowId, FlowStatus, Grant,
};
use crate::store::sled::Store;

/// A place for a store and its key, removed at the end of the test.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
        }
    }

    fn dir(&self) -> PathBuf {
        self.folder.path().join("data/vault")
    }

    fn key_file(&self) -> PathBuf {
        self.folder.path().join("config/master.key")
    }

    async fn open(&self) -> Result<Store, StoreError> {
        open_in(self.folder.path()).await
    }

    /// The closed store's database, as someone with the files can open it.
    fn sled(&self) -> sled::Db {
        loop {
            // A store that was just closed may still be ending its threads.
            match crate::store::open::settings(&self.dir().join("sled")).open() {
                Err(sled::Error::Io(_)) => std::thread::yield_now(),
                opened => break opened.unwrap(),
            }
        }
    }
}

/// Opens the store of a [`Place`].
async fn open_in(folder: &Path) -> Result<Store, StoreError> {
    let key = MasterKeySource::File(folder.join("config/master.key"));
    Store::open(&folder.join("data/vault"), &key, Clock::system()).await
}

fn second(n: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + n).unwrap()
}

/// A connection whose tokens start with `token`.
pub(super) fn connection(version: u64, caller: &Caller, id: u8, token: &str) -> Connection {
    Connection {
        version,
        id: ConnectionId([id; 8]),
        caller: caller.clone(),
        provider_id: "google-work".to_owned(),
        account_id: format!("account-{id}"),
        account: "ada@example.com".to_owned(),
        alias: None,
        is_default: false,
        asked: BTreeSet::new(),
        grant: Grant {
            access_token: SecretString::from(format!("{token}-access")),
            refresh_token: Some(SecretString::from(format!("{token}-refresh"))),
            obtained_at: second(0),
            expires_at: Some(second(3600)),
            scopes: BTreeSet::from(["mail.read".to_owned()]),
            refreshing_since: None,
            restored_from: None,
        },
        state: ConnectionState::Connected,
        connected_at: second(i64::from(id)),
    }
}

pub(super) fn flow(version: u64, id: u8, status: FlowStatus) -> Flow {
    Flow {
        version,
        id: FlowId([id; 32]),
        link_token: SecretString::from("canary-link-token"),
        caller: Caller::local(),
        provider_id: "google-work".to_owned(),
        connection: None,
        expected_account_id: None,
        account_hint: None,
        alias: None,
        scopes: BTreeSet::new(),
        new_scopes: BTreeSet::new(),
        client_name: None,
        elicitation_declined: false,
        status,
        created_at: second(0),
        expires_at: second(600),
        ended_at: None,
    }
}

/// Waiting for the `state` whose digest is `state` 32 times.
fn at_provider(state: u8) -> FlowStatus {
    FlowStatus::AtProvider {
        state_digest: [state; 32],
        browser_digest: [0; 32],
        verifier: Some(SecretString::from("canary-verifier")),
    }
}

fn access_token(connection: &Connection) -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "the test compares what came back"
    )]
    secrecy::ExposeSecret::expose_secret(&connection.grant.access_token).to_owned()
}

/// SHA-256 of every file below `folder` by path, to see that nothing was touched.
fn digests(folder: &Path) -> BTreeMap<PathBuf, [u8; 32]> {
    files(folder)
        .into_iter()
        .map(|path| {
            let digest = Sha256::digest(fs::read(&path).unwrap()).into();
            (path, digest)
        })
        .collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Names a folder to the copy of a test that [`copy_of_test`] runs.
const COPY: &str = "VALETKEY_TEST_FOLDER";

/// This test again, in a process of its own that finds `folder` by [`folder_of_copy`].
fn copy_of_test(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", &format!("store::tests::{name}"), "--nocapture"])
        .env(COPY, folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command
}

/// Where the copy of a test works; none in the test itself.
fn folder_of_copy() -> Option<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        reason = "how a test tells its copy that it is one"
    )]
    std::env::var_os(COPY).map(PathBuf::from)
}
