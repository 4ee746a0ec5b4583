//! What is recorded: who did what when, without any text of theirs.
//!
//! An [`Event`] is what a part of this program knows; the owner of the vault makes a record of it,
//! in which the caller and the arguments are hashes under a key of the vault. Where the record
//! belongs to rows that change, it is part of their transaction.

mod canonical;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use crate::audit::canonical::digest;
use crate::caller::Caller;
pub use crate::store::audit::{
    AuditKind, AuditOutcome, AuditPage, AuditQuery, AuditRecord, Hex, Point, Verdict,
};
use crate::store::records::ConnectionId;
use crate::store::sled::{Change, Store};

/// The longest texts of a record, in characters, and the most bytes that its scopes take.
const NAME: usize = 64;
const ACCOUNT: usize = 128;
const SCOPES: usize = 4_000;

/// What happened, before it is a record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    /// See [`AuditRecord::at`].
    pub at: Timestamp,
    /// See [`AuditRecord::kind`].
    pub kind: AuditKind,
    /// See [`AuditRecord::outcome`].
    pub outcome: AuditOutcome,
    /// See [`AuditRecord::request`].
    pub request: Hex<16>,
    /// On whose behalf.
    pub caller: Caller,
    /// See [`AuditRecord::client`].
    pub client: Option<String>,
    /// See [`AuditRecord::tool`].
    pub tool: Option<String>,
    /// See [`AuditRecord::provider`].
    pub provider: Option<String>,
    /// The connection and what a person calls its account.
    pub account: Option<(ConnectionId, String)>,
    /// See [`AuditRecord::scopes`].
    pub scopes: Vec<String>,
    /// The [`digest`] of the arguments.
    pub arguments: Option<Hex<32>>,
    /// See [`AuditRecord::error`].
    pub error: Option<String>,
    /// See [`AuditRecord::bytes`].
    pub bytes: Option<u64>,
    /// See [`AuditRecord::duration_ms`].
    pub duration_ms: Option<u64>,
}

impl Event {
    /// An event with a new request and nothing else known.
    pub fn new(kind: AuditKind, outcome: AuditOutcome, caller: &Caller, at: Timestamp) -> Self {
        let mut request = [0; 16];
        getrandom::fill(&mut request).expect("the operating system's random numbers are available");
        Self {
            at,
            kind,
            outcome,
            request: Hex(request),
            caller: caller.clone(),
            client: None,
            tool: None,
            provider: None,
            account: None,
            scopes: Vec::new(),
            arguments: None,
            error: None,
            bytes: None,
            duration_ms: None,
        }
    }

    /// The same, of a provider.
    #[must_use]
    pub fn provider(mut self, name: &str) -> Self {
        self.provider = Some(name.to_owned());
        self
    }

    /// The same, of a connection.
    #[must_use]
    pub fn account(mut self, id: ConnectionId, label: &str) -> Self {
        self.account = Some((id, label.to_owned()));
        self
    }

    /// The same, with the code of an error of ours.
    #[must_use]
    pub fn error(mut self, code: &str) -> Self {
        self.error = Some(code.to_owned());
        self
    }

    /// The same, with how long it took.
    #[must_use]
    pub fn took(mut self, duration: Duration) -> Self {
        self.duration_ms = Some(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// The change that appends its record to the log of `store`, which keeps `keep` records.
    pub fn recorded(self, store: &Store, keep: u64) -> Change {
        let (connection, account) = self.account.unzip();
        let record = AuditRecord {
            number: 0,
            at: self.at,
            kind: self.kind,
            outcome: self.outcome,
            request: self.request,
            user: user(store, &self.caller),
            client: self.client.map(|name| plain(&name, NAME)),
            tool: self.tool.map(|name| plain(&name, NAME)),
            provider: self.provider.map(|name| plain(&name, NAME)),
            connection: connection.map(|id| Hex(id.0)),
            account: account.map(|label| plain(&label, ACCOUNT)),
            scopes: scopes(self.scopes),
            arguments: self
                .arguments
                .map(|digest| Hex(store.keyed_hash("valetkey audit: arguments", &digest.0))),
            error: self.error.map(|code| plain(&code, NAME)),
            bytes: self.bytes,
            duration_ms: self.duration_ms,
        };
        Change::AppendAudit {
            record: Box::new(record),
            keep,
        }
    }
}

/// The hash that stands for the caller in records and in the log.
pub fn user(store: &Store, caller: &Caller) -> Hex<16> {
    let hash = store.keyed_hash("valetkey audit: user", &caller.digest());
    Hex(*hash.first_chunk().expect("16 of 32 bytes"))
}

/// A name as it may be shown: on one line, without control and invisible characters, cut.
fn plain(text: &str, limit: usize) -> String {
    let shown = |c: &char| {
        !c.is_control()
            && !matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
    };
    text.chars().filter(shown).take(limit).collect()
}

/// As many scopes as have room. They are ASCII without spaces (RFC 6749 §3.3).
fn scopes(all: Vec<String>) -> Vec<String> {
    let mut room = SCOPES;
    all.into_iter()
        .map(|scope| scope.chars().filter(char::is_ascii_graphic).collect())
        .take_while(|scope: &String| {
            let fits = scope.len() <= room;
            room = room.saturating_sub(scope.len());
            fits
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn object(value: Value) -> serde_json::Map<String, Value> {
        let Value::Object(object) = value else {
            panic!("an object")
        };
        object
    }

    #[test]
    fn the_same_arguments_have_the_same_digest_and_others_another() {
        let arguments = digest(&object(json!({ "a": 1, "b": ["x", { "c": null }] })));
        let same = serde_json::from_str(r#"{ "b": ["x", { "c": null }], "a": 1.0 }"#).unwrap();
        assert_eq!(digest(&same), arguments);
        for other in [
            json!({}),
            json!({ "a": 1 }),
            json!({ "a": "1", "b": ["x", { "c": null }] }),
            json!({ "a": 1, "b": [{ "c": null }, "x"] }),
        ] {
            assert_ne!(digest(&object(other.clone())), arguments, "{other}");
        }
    }

    #[test]
    fn names_are_cut_and_have_nothing_that_steers_a_terminal_or_hides() {
        assert_eq!(
            plain("Claude\u{1b}[2J\n\u{202e}X\u{e0041}", 64),
            "Claude[2JX"
        );
        assert_eq!(plain(&"é".repeat(300), 64).chars().count(), 64);
    }

    #[test]
    fn scopes_end_where_the_room_ends() {
        let long = "s".repeat(1_500);
        let kept = scopes(vec![
            "a b\u{1b}".to_owned(),
            long.clone(),
            long.clone(),
            long,
        ]);
        assert_eq!(kept.len(), 3);
        assert_eq!(kept[0], "ab");
    }
}
