//! What comes out of the protocol: token sets, identities, and errors without secrets in them.

use std::collections::BTreeSet;
use std::time::Duration;

use secrecy::SecretString;

/// What a token endpoint gave us (RFC 6749 §5.1).
#[derive(Clone, Debug)]
pub struct TokenSet {
    /// `access_token`.
    pub access_token: SecretString,
    /// `refresh_token`; on a refresh, none means that the old one stays valid.
    pub refresh_token: Option<SecretString>,
    /// `expires_in`; none when the provider does not say, which means until it says no.
    pub expires_in: Option<Duration>,
    /// `scope`, split; none when absent or empty, which means as requested.
    pub scopes: Option<BTreeSet<String>>,
}

/// Who was connected, as the provider says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Stable id of the account at the provider, for example Google's `sub`.
    pub id: String,
    /// What a person calls it: an e-mail address, `name @ workspace`, a login.
    pub label: String,
    /// The account's e-mail address, if the provider says that it verified it.
    pub verified_email: Option<String>,
}

/// Why the provider's side failed. Carries no text of the provider: its bodies echo secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OAuthError {
    /// The grant is dead: `invalid_grant` and its relatives. Only a new consent helps.
    #[error("{provider} no longer accepts this connection ({code}). {hint}")]
    GrantRefused {
        /// The provider's title.
        provider: String,
        /// The error code, from our list of known codes.
        code: &'static str,
        /// Why that happens with this provider, and what to do.
        hint: &'static str,
    },
    /// The client id, the secret or the redirect URI is wrong: only the operator can help.
    #[error(
        "{provider} refused the client of provider entry `{entry}`. Check its client_id and client_secret, and that the redirect URI is registered."
    )]
    ClientRefused {
        /// The provider's title.
        provider: String,
        /// The id of the configuration entry.
        entry: String,
    },
    /// Any other refusal with a known error code.
    #[error("{provider} refused the request ({code}).")]
    Refused {
        /// The provider's title.
        provider: String,
        /// The error code, from our list of known codes, or `unknown_error`.
        code: &'static str,
    },
    /// No answer: connection, TLS, time limit, 5xx or 429. Trying again later can help.
    #[error("{provider} could not be reached at {host} ({cause}). Try again in a moment.")]
    Unreachable {
        /// The provider's title.
        provider: String,
        /// The host that was asked.
        host: String,
        /// What went wrong, in our words.
        cause: &'static str,
    },
    /// The answer was not a token response.
    #[error("{provider} sent an unexpected token response.")]
    Malformed {
        /// The provider's title.
        provider: String,
    },
    /// The entry lacks an endpoint that is needed.
    #[error("provider entry `{entry}` has no {what}. Add it to the configuration.")]
    Unusable {
        /// The id of the configuration entry.
        entry: String,
        /// What is missing.
        what: &'static str,
    },
}

impl OAuthError {
    /// One word for programs, stable across versions.
    pub fn code(&self) -> &'static str {
        match self {
            Self::GrantRefused { code, .. } | Self::Refused { code, .. } => code,
            Self::ClientRefused { .. } => "client_refused",
            Self::Unreachable { .. } => "unreachable",
            Self::Malformed { .. } => "bad_response",
            Self::Unusable { .. } => "unusable_provider",
        }
    }
}
