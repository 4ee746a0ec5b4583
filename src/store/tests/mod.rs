//! The store as its users see it, on real files.

mod durability;
mod opening;
mod privacy;
mod rows;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use secrecy::SecretString;
use tempfile::TempDir;

use crate::caller::Caller;
use crate::clock::Clock;
use crate::config::MasterKeySource;
use crate::store::records::{
    Connection, ConnectionId, ConnectionState, Flow, FlowId, FlowStatus, Grant,
};
use crate::store::sled::{Store, StoreError};

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
        open(&self.dir(), &self.key_file()).await
    }
}

async fn open(dir: &Path, key_file: &Path) -> Result<Store, StoreError> {
    let key = MasterKeySource::File(key_file.to_owned());
    Store::open(dir, &key, Clock::system()).await
}

fn second(n: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + n).unwrap()
}

/// A connection whose tokens start with `token`.
fn connection(version: u64, caller: &Caller, id: u8, token: &str) -> Connection {
    Connection {
        version,
        id: ConnectionId([id; 8]),
        caller: caller.clone(),
        provider_id: "google-work".to_owned(),
        account_id: format!("account-{id}"),
        account: "ada@example.com".to_owned(),
        grant: Grant {
            access_token: SecretString::from(format!("{token}-access")),
            refresh_token: Some(SecretString::from(format!("{token}-refresh"))),
            obtained_at: second(0),
            expires_at: Some(second(3600)),
            scopes: BTreeSet::from(["mail.read".to_owned()]),
            refreshing_since: None,
        },
        state: ConnectionState::Connected,
        connected_at: second(i64::from(id)),
    }
}

fn flow(version: u64, id: u8, status: FlowStatus) -> Flow {
    Flow {
        version,
        id: FlowId([id; 32]),
        link_token: SecretString::from("canary-link-token"),
        caller: Caller::local(),
        provider_id: "google-work".to_owned(),
        connection: None,
        expected_account_id: None,
        account_hint: None,
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
