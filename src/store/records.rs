//! The rows that the store keeps.
//!
//! Every row carries a `version`. A put states the version it replaces (0 for a new row); a put
//! over any other version is a conflict, so that a loser never overwrites a winner.

use std::collections::BTreeSet;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::caller::Caller;
use crate::store::alias::{Alias, shown};

/// Names a connection, also to people (`valetkey disconnect <connection>`). Random.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ConnectionId(pub [u8; 8]);

/// Names a flow: SHA-256 of its link token. Safe to show and to log.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FlowId(pub [u8; 32]);

/// Caller × provider × account: what a person has connected.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Connection {
    /// Version of the row; see the module.
    pub version: u64,
    /// The name of the connection.
    pub id: ConnectionId,
    /// Whose it is.
    pub caller: Caller,
    /// The id of the provider entry.
    pub provider_id: String,
    /// Stable id of the account at the provider.
    pub account_id: String,
    /// What a person calls the account.
    pub account: String,
    /// The short name that the person gave it. No two connections of a caller with the same
    /// provider have the same.
    #[serde(default)]
    pub alias: Option<Alias>,
    /// Whether reads use it when several accounts fit and none is named. At most one of a caller's
    /// connections with the same provider is.
    #[serde(default)]
    pub is_default: bool,
    /// Every scope that was asked for so far; a row of an older version does not say.
    #[serde(default)]
    pub asked: BTreeSet<String>,
    /// What we hold.
    pub grant: Grant,
    /// Whether the grant works.
    pub state: ConnectionState,
    /// When it was first made.
    pub connected_at: Timestamp,
}

/// Whether a connection's grant works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionState {
    /// As far as we know it works.
    Connected,
    /// The provider refused it; the person has to consent again.
    NeedsReconnect {
        /// Why, for the person.
        reason: String,
    },
}

/// What we hold for a connection.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Grant {
    /// The access token (RFC 6749 §1.4).
    #[serde(with = "crate::seal::secret")]
    pub access_token: SecretString,
    /// The refresh token (RFC 6749 §1.5), if the provider gave one.
    #[serde(with = "crate::seal::optional_secret")]
    pub refresh_token: Option<SecretString>,
    /// When the access token was issued.
    pub obtained_at: Timestamp,
    /// When the access token ends; none if the provider did not say.
    pub expires_at: Option<Timestamp>,
    /// The scopes granted, as far as the provider says; as requested otherwise.
    pub scopes: BTreeSet<String>,
    /// Set durably before the provider is asked to refresh, cleared with the new tokens: a row that
    /// still has it after a restart was interrupted, and a rotating refresh token may be used up.
    pub refreshing_since: Option<Timestamp>,
    /// When the export was made that it was restored from, cleared with the next tokens: a rotating
    /// refresh token may have been replaced since, which the first refusal then explains.
    #[serde(default)]
    pub restored_from: Option<Timestamp>,
}

/// One pending authorization, from the moment its link is minted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Flow {
    /// Version of the row; see the module.
    pub version: u64,
    /// The name of the flow.
    pub id: FlowId,
    /// The last segment of the link, kept so that the same link can be given again.
    #[serde(with = "crate::seal::secret")]
    pub link_token: SecretString,
    /// Who asked.
    pub caller: Caller,
    /// The id of the provider entry.
    pub provider_id: String,
    /// The connection to renew or extend, if there is one.
    pub connection: Option<ConnectionId>,
    /// The account that must come back, when one is named or renewed.
    pub expected_account_id: Option<String>,
    /// What a person calls that account; also the login hint.
    pub account_hint: Option<String>,
    /// The short name that the connection will get.
    #[serde(default)]
    pub alias: Option<Alias>,
    /// All scopes that will be asked for.
    pub scopes: BTreeSet<String>,
    /// Those of them that the connection does not have yet.
    pub new_scopes: BTreeSet<String>,
    /// The program that asked, as it calls itself.
    pub client_name: Option<String>,
    /// The client said `decline` to the elicitation: hand out the link as text from now on.
    pub elicitation_declined: bool,
    /// Where it stands.
    pub status: FlowStatus,
    /// When it was minted.
    pub created_at: Timestamp,
    /// When its link stops working.
    pub expires_at: Timestamp,
    /// When it was completed, declined or failed.
    pub ended_at: Option<Timestamp>,
}

/// Where a flow stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowStatus {
    /// The link is out; nobody posted the page.
    Pending,
    /// The page was posted: the browser is at the provider.
    AtProvider {
        /// SHA-256 of the `state` that must come back. The store finds the flow by it.
        state_digest: [u8; 32],
        /// SHA-256 of the cookie of the browser that posted.
        browser_digest: [u8; 32],
        /// The PKCE verifier (RFC 7636), if the provider does PKCE.
        #[serde(with = "crate::seal::optional_secret")]
        verifier: Option<SecretString>,
    },
    /// The callback came and the code is being exchanged. A row found like this after a restart
    /// was interrupted: the code is used up, the link works again.
    Exchanging {
        /// SHA-256 of the cookie of the browser that posted.
        browser_digest: [u8; 32],
    },
    /// The person signed in as another account than the expected one, and has not said yet whether
    /// to keep it. No call can use what came of it. The link works.
    OtherAccount {
        /// The account and what it granted.
        other: Box<OtherAccount>,
        /// SHA-256 of the cookie of the browser that was there, which may decide.
        browser_digest: [u8; 32],
    },
    /// The person has decided about another account. The link works, for the expected one.
    Settled {
        /// What a person calls the other account.
        account: String,
        /// It was stored as a connection of its own.
        kept: bool,
        /// SHA-256 of the cookie of the browser that decided.
        browser_digest: [u8; 32],
    },
    /// The grant is stored.
    Completed {
        /// Where.
        connection: ConnectionId,
        /// SHA-256 of the cookie of the browser that finished, which may see the result page.
        browser_digest: [u8; 32],
    },
    /// The person said no at the provider.
    Declined {
        /// SHA-256 of the cookie of the browser that declined.
        browser_digest: [u8; 32],
    },
    /// It ended without a grant.
    Failed {
        /// Why, for the person.
        reason: String,
        /// The link still works: the person may try again, and calls go on waiting.
        again: bool,
        /// SHA-256 of the cookie of the browser that was there.
        browser_digest: [u8; 32],
    },
}

/// An account that somebody signed in with in place of the expected one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OtherAccount {
    /// Stable id of the account at the provider.
    pub account_id: String,
    /// What a person calls the account.
    pub account: String,
    /// What came of the sign-in.
    pub grant: Grant,
}

impl Connection {
    /// Its name for people and models; see [`shown`].
    pub fn shown(&self) -> String {
        shown(self.alias.as_ref(), &self.account)
    }

    /// Whether a call that says `name` means this connection; see [`is_called`].
    pub fn is_called(&self, name: &str) -> bool {
        let alias = self.alias.as_ref();
        is_called(name, self.id, alias, (&self.account_id, &self.account))
    }
}

/// Whether `name` means this connection of an account with this id and label: by the connection's
/// id, its alias, the account, or all of it as [`shown`] writes it.
pub fn is_called(
    name: &str,
    id: ConnectionId,
    alias: Option<&Alias>,
    (account_id, account): (&str, &str),
) -> bool {
    let name = name.trim();
    id.to_string() == name
        || alias.is_some_and(|alias| alias.is(name))
        || is_account(account_id, account, name)
        || shown(alias, account).eq_ignore_ascii_case(name)
}

/// Whether `name` means the account with this id and label: the id, the label, or one of the two
/// parts of a label `name @ workspace`.
pub fn is_account(id: &str, label: &str, name: &str) -> bool {
    let name = name.trim();
    id == name
        || label.eq_ignore_ascii_case(name)
        || label.split_once(" @ ").is_some_and(|(user, workspace)| {
            user.eq_ignore_ascii_case(name) || workspace.eq_ignore_ascii_case(name)
        })
}

/// How far a clock may be set back before flows that were made after its new time count as over.
const SET_BACK: SignedDuration = SignedDuration::from_mins(1);

impl Flow {
    /// The link's time is over by the wall clock: it has come to an end, or was set back so far
    /// that it cannot tell any more.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.expires_at <= now || now < self.created_at - SET_BACK
    }

    /// The link may still lead to a grant.
    pub fn is_open(&self) -> bool {
        match self.status {
            FlowStatus::Pending
            | FlowStatus::AtProvider { .. }
            | FlowStatus::Exchanging { .. }
            | FlowStatus::OtherAccount { .. }
            | FlowStatus::Settled { .. }
            | FlowStatus::Failed { again: true, .. } => true,
            FlowStatus::Completed { .. }
            | FlowStatus::Declined { .. }
            | FlowStatus::Failed { again: false, .. } => false,
        }
    }
}

impl ConnectionId {
    /// Reads the form that [`fmt::Display`] writes: 16 hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        parse_hex(text).map(Self)
    }
}

impl FlowId {
    /// Reads the form that [`fmt::Display`] writes: 64 hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        parse_hex(text).map(Self)
    }
}

impl From<[u8; 32]> for FlowId {
    fn from(digest: [u8; 32]) -> Self {
        Self(digest)
    }
}

pub(super) fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let digits = text.as_bytes();
    if digits.len() != 2 * N || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

pub(super) fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Display for FlowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for FlowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}
