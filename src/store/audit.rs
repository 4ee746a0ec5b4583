//! The audit log: who did what when, as the vault keeps it. Each record is chained to the one before
//! it by SHA-256, so that no record can be changed, removed or moved unnoticed.

pub(super) mod trail;
mod verify;

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::store::records::{parse_hex, write_hex};

/// Bytes that are shown and stored as hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hex<const N: usize>(pub [u8; N]);

/// One record. It holds no argument, no result, no credential and, but for the account's name, no
/// text of a third party.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Counts from 1, without a gap. The store assigns it.
    pub number: u64,
    /// When it ended, or for [`AuditOutcome::Started`] when it began.
    pub at: Timestamp,
    /// What was tried.
    pub kind: AuditKind,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// Names the request, at random. The start and the end of a write share it, and a record that
    /// comes twice with the same one is kept once.
    pub request: Hex<16>,
    /// The caller, hashed with a key of this vault: the same caller has the same hash, and nobody
    /// without the vault can try out whose it is.
    pub user: Hex<16>,
    /// The program that asked, as it calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The provider's name, for example `google`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The connection that acted, or that it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<Hex<8>>,
    /// What a person calls its account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The scopes that were needed, granted or given up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// The arguments, hashed like the caller: the same arguments have the same hash, and short ones
    /// cannot be guessed without the vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Hex<32>>,
    /// Why it did not go well: a code of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The size of the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// How long it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}

/// What was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditKind {
    /// A call of a tool.
    Call,
    /// A sign-in at a provider: its end.
    Connect,
    /// The client's question whether to open a link, when the answer was no.
    Elicitation,
    /// A refresh of a connection's tokens.
    Refresh,
    /// A connection taken back.
    Disconnect,
    /// All that a user had, taken back. The connections have records of their own.
    RevokeUser,
    /// Every connection written to a file.
    Export,
    /// The connections of such a file brought back.
    Import,
    /// A new data key.
    RotateKey,
    /// A new master key.
    RotateMasterKey,
    /// The database rewritten, by a person or by itself.
    Vacuum,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditOutcome {
    /// It did not end yet. Only writes, and only when records are required; another record with the
    /// same request says how it ended.
    Started,
    /// It did what it was asked to.
    Finished,
    /// It did not, for the reason in `error`.
    Failed,
    /// A link was given: the person has to consent first.
    Consent,
    /// The rules say no.
    Denied,
    /// The person, or their client, said no.
    Declined,
    /// Valetkey itself could not go on.
    Broken,
    /// The client left before the end.
    Cancelled,
}

impl AuditKind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Call,
        Self::Connect,
        Self::Elicitation,
        Self::Refresh,
        Self::Disconnect,
        Self::RevokeUser,
        Self::Export,
        Self::Import,
        Self::RotateKey,
        Self::RotateMasterKey,
        Self::Vacuum,
    ];

    /// As it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Connect => "connect",
            Self::Elicitation => "elicitation",
            Self::Refresh => "refresh",
            Self::Disconnect => "disconnect",
            Self::RevokeUser => "revoke_user",
            Self::Export => "export",
            Self::Import => "import",
            Self::RotateKey => "rotate_key",
            Self::RotateMasterKey => "rotate_master_key",
            Self::Vacuum => "vacuum",
        }
    }
}

impl AuditOutcome {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Started,
        Self::Finished,
        Self::Failed,
        Self::Consent,
        Self::Denied,
        Self::Declined,
        Self::Broken,
        Self::Cancelled,
    ];

    /// As it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Consent => "consent",
            Self::Denied => "denied",
            Self::Declined => "declined",
            Self::Broken => "broken",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A place in the chain: a record's number and its hash. Number 0 is before the first record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// The record's number.
    pub number: u64,
    /// SHA-256 of the hash before it and of the record.
    pub hash: Hex<32>,
}

impl Point {
    /// Before the first record.
    pub const START: Self = Self {
        number: 0,
        hash: Hex([0; 32]),
    };

    /// Reads the form that [`fmt::Display`] writes: the number, a colon, 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, hash) = text.split_once(':')?;
        Some(Self {
            number: number.parse().ok()?,
            hash: Hex(parse_hex(hash)?),
        })
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.number, self.hash)
    }
}

/// Which records are wanted. What is none fits all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditQuery {
    /// Only records before this number: [`AuditPage::next`] of the page before.
    pub before: Option<u64>,
    /// This many of them, the newest. A page may have fewer; it has never more than 500.
    pub limit: usize,
    /// What was tried.
    #[serde(default)]
    pub kind: Option<AuditKind>,
    /// The tool's name.
    pub tool: Option<String>,
    /// The account's name, or the connection's id.
    pub account: Option<String>,
    /// The provider's name.
    pub provider: Option<String>,
    /// How it ended.
    pub outcome: Option<AuditOutcome>,
    /// Whose it is.
    #[serde(default)]
    pub user: Option<Hex<16>>,
    /// Not before this time.
    pub since: Option<Timestamp>,
}

impl AuditQuery {
    /// Whether the record is wanted.
    pub fn fits(&self, record: &AuditRecord) -> bool {
        let is = |wanted: &Option<String>, found: &Option<String>| {
            let same = |wanted: &String| {
                let found = found.as_ref();
                found.is_some_and(|found| found.eq_ignore_ascii_case(wanted))
            };
            wanted.as_ref().is_none_or(same)
        };
        let connection = record.connection.map(|id| id.to_string());
        is(&self.tool, &record.tool)
            && (is(&self.account, &record.account) || is(&self.account, &connection))
            && is(&self.provider, &record.provider)
            && self.user.is_none_or(|user| user == record.user)
            && self.kind.is_none_or(|kind| kind == record.kind)
            && self.outcome.is_none_or(|outcome| outcome == record.outcome)
            && self.since.is_none_or(|since| since <= record.at)
    }
}

/// A page of records, below 1 MB.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditPage {
    /// The newest first.
    pub records: Vec<AuditRecord>,
    /// Where to go on; none at the end. A page may be empty and still have a next one.
    pub next: Option<u64>,
    /// How many records were met that cannot be read. [`Verdict`] tells more.
    pub unreadable: u64,
}

/// What a walk along the chain found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verdict {
    /// Every record is as it was written.
    Whole {
        /// The record before the first one that is kept.
        anchor: Point,
        /// The last record.
        head: Point,
    },
    /// Something was changed.
    Broken {
        /// The first record that does not fit.
        number: u64,
        /// What is wrong with it.
        fault: Fault,
    },
}

/// What is wrong with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// It is not there.
    Missing,
    /// Its row was altered, or comes from another place.
    Altered,
    /// It does not follow from the record before it.
    NotChained,
    /// It comes before the first one that should be there.
    BeforeAnchor,
    /// It comes after the last one that should be there.
    AfterHead,
    /// The row that says which record is the last was altered or is gone.
    HeadLost,
    /// The row that says where the log begins was altered or is gone.
    AnchorLost,
    /// It is not the one that was noted.
    NotAsNoted,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "is missing",
            Self::Altered => "was altered, or moved here from another place",
            Self::NotChained => "does not follow from the record before it",
            Self::BeforeAnchor => "was removed before and is there again",
            Self::AfterHead => "comes after the last record that was written",
            Self::HeadLost => {
                "should be the last one, but the row that says so was altered or removed"
            }
            Self::AnchorLost => {
                "should be the first one, but the row that says so was altered or removed"
            }
            Self::NotAsNoted => "is not the one that was noted: the log was put back or rewritten",
        })
    }
}

impl<const N: usize> fmt::Display for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl<const N: usize> fmt::Debug for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl<const N: usize> Serialize for Hex<N> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Hex<N> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        parse_hex(&text)
            .map(Self)
            .ok_or_else(|| de::Error::custom("not as many hexadecimal digits as expected"))
    }
}
