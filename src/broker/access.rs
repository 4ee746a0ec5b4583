//! What a call needs, and what it gets.

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::store::records::{ConnectionId, FlowId};

/// What a call needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Requirement {
    /// The toolkit that asks (`gmail`): a configuration may say which entry serves it.
    pub toolkit: String,
    /// The provider's name (`google`) or an entry's id.
    pub provider: String,
    /// The account named by the call: an alias, an e-mail address, a login, a connection id.
    pub account: Option<String>,
    /// Every group must be covered by one of its scopes; the first is the one asked for.
    pub scopes: Vec<Vec<String>>,
    /// Reads may fall back on a default account, writes may not.
    pub read_only: bool,
    /// The program that asks, as it calls itself; shown on the connect page.
    pub client_name: Option<String>,
}

/// The broker's answer to a requirement.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Access {
    /// Go ahead.
    Granted(Granted),
    /// The person has to follow a link first.
    Consent(Consent),
    /// No, and a link would not help.
    Denied(Denied),
}

/// A usable access token and whose it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Granted {
    /// The connection that acts.
    pub connection: ConnectionId,
    /// The name of the connection for people and models: `work (ada@example.com)`.
    pub account: String,
    /// What the provider calls the account: an e-mail address, `name @ workspace`, a login.
    pub login: String,
    /// The access token. A refresh token never leaves the broker.
    #[serde(with = "crate::seal::secret")]
    pub access_token: SecretString,
    /// The origin that the token may go to, with the API's path prefix.
    pub api_base_url: Url,
    /// The further origins that it may go to, for files.
    #[serde(default)]
    pub file_origins: Vec<Url>,
}

/// A link that the person has to follow. Its flow is durable.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Consent {
    /// The flow.
    pub flow: FlowId,
    /// `{public_url}/connect/{token}`.
    pub link: Url,
    /// What a person calls the provider.
    pub provider: String,
    /// The account that has to consent, when it is a connected one. Never a call's argument.
    pub account: Option<String>,
    /// The scopes that will be asked for.
    pub scopes: Vec<String>,
    /// What they allow, in plain words, in the same order.
    pub scopes_in_words: Vec<String>,
    /// Why a link is needed.
    pub reason: ConsentReason,
    /// Why the sign-in before this one failed, in our words.
    pub last_failure: Option<String>,
    /// When the link stops working.
    pub expires_at: Timestamp,
    /// The page was posted: the person is at it.
    pub posted: bool,
    /// The client said `decline` to the elicitation before: give the link as text.
    pub elicitation_declined: bool,
}

/// Why a link is needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConsentReason {
    /// Nothing is connected.
    NotConnected,
    /// The connection stopped working, with the reason.
    NeedsReconnect(String),
    /// The connection lacks scopes.
    MissingScopes,
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Denied {
    /// Several accounts fit, none was named, and it is a write or no default is set.
    #[error("Several {provider} accounts are connected: {}. Say which one with `account`; ask the user when that is not clear. (`valetkey default <account>` chooses the one that reads use.)", accounts.join(", "))]
    AmbiguousAccount {
        /// What a person calls the provider.
        provider: String,
        /// Their names, with the alias where there is one: `work (ada@example.com)`.
        accounts: Vec<String>,
    },
    /// The account named cannot be an account's name.
    #[error(
        "`account` is not the name of a {provider} account. Leave it out, or use one that `valetkey connections` lists."
    )]
    NotAnAccount {
        /// What a person calls the provider.
        provider: String,
    },
    /// The caller could not prove at the connect page who they are.
    #[error(
        "{provider} cannot be connected for this user, so there is no link: {remedy}. Tell the user that whoever runs this server has to change that; tools that need no connection work."
    )]
    NoSignIn {
        /// What a person calls the provider.
        provider: String,
        /// What is missing in the configuration.
        remedy: String,
    },
    /// The person said no at the provider a moment ago.
    #[error(
        "The user declined to connect {provider} a moment ago. Do not ask again unless the user wants to; a call after {retry_after_s} s gets a new link."
    )]
    Declined {
        /// What a person calls the provider.
        provider: String,
        /// Seconds until a call gets a new link.
        retry_after_s: u64,
    },
}

impl Denied {
    /// One word for programs, stable across versions.
    pub fn code(&self) -> &'static str {
        match self {
            Self::AmbiguousAccount { .. } => "ambiguous_account",
            Self::NotAnAccount { .. } => "not_an_account",
            Self::NoSignIn { .. } => "no_sign_in",
            Self::Declined { .. } => "declined",
        }
    }
}

/// How a wait for a flow ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FlowOutcome {
    /// The grant is stored.
    Completed,
    /// Still open when the wait ended.
    Open,
    /// The person said no at the provider.
    Declined,
    /// The link's time is over, or the flow is unknown.
    Expired,
    /// It ended without a grant, with the reason.
    Failed(String),
}

impl Consent {
    /// One fixed sentence for the person: who is asked for what. Holds no argument of a call.
    pub fn sentence(&self) -> String {
        let account = match &self.account {
            Some(account) => format!(" account {account}"),
            None => String::new(),
        };
        let verb = match self.reason {
            ConsentReason::NotConnected => "Connect",
            ConsentReason::NeedsReconnect(_) => "Reconnect",
            ConsentReason::MissingScopes => "Allow more for",
        };
        let provider = &self.provider;
        if self.scopes_in_words.is_empty() {
            return format!("{verb} your {provider}{account}. {provider} shows what is asked for.");
        }
        let words = self.scopes_in_words.join("; ");
        format!("{verb} your {provider}{account} to allow: {words}.")
    }
}
