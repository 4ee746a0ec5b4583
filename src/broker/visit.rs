//! What passes between the broker and the browser.

use secrecy::SecretString;

use crate::caller::Caller;

/// Who is at the browser, as the browser's side has verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visitor {
    /// The person. A link made for another caller does not open.
    pub caller: Caller,
    /// The person's e-mail address, if the issuer says that it verified it.
    pub email: Option<String>,
}

/// What the connect page shows.
#[derive(Clone, Debug)]
pub struct ConnectPage {
    /// What a person calls the provider.
    pub provider: String,
    /// The account that has to consent, when one is known.
    pub account: Option<String>,
    /// What will be allowed, in plain words, and whether it is new.
    pub scopes: Vec<ScopeLine>,
    /// The program that asked.
    pub client_name: Option<String>,
    /// The connection stopped working, and this renews it.
    pub reconnect: bool,
}

/// One line of the list of scopes.
#[derive(Clone, Debug)]
pub struct ScopeLine {
    /// In plain words.
    pub text: String,
    /// The scope's own name.
    pub scope: String,
    /// The connection does not have it yet.
    pub new: bool,
}

/// What came with a request to the callback (RFC 6749 §4.1.2, RFC 9207). Parsed, still untrusted.
#[derive(Clone, Debug)]
pub struct Callback {
    /// The path's last segment.
    pub provider_id: String,
    /// The cookie's value.
    pub cookie: Option<SecretString>,
    /// Who is at the browser; none if nobody is signed in.
    pub visitor: Option<Visitor>,
    /// `state`.
    pub state: Option<SecretString>,
    /// `code`.
    pub code: Option<SecretString>,
    /// `error`.
    pub error: Option<String>,
    /// `iss`.
    pub iss: Option<String>,
}

/// What the result page tells the browser that was there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Connected.
    Connected {
        /// What a person calls the provider.
        provider: String,
        /// What a person calls the account.
        account: String,
        /// Scopes that were asked for and not granted, in plain words.
        missing: Vec<String>,
    },
    /// The person signed in with another account than the expected one, and is asked whether to
    /// keep it.
    OtherAccount {
        /// What a person calls the provider.
        provider: String,
        /// What a person calls the account that signed in.
        account: String,
        /// What a person calls the one that was expected.
        expected: String,
    },
    /// That is decided; the link works, for the expected account.
    Settled {
        /// What a person calls the provider.
        provider: String,
        /// What a person calls the account that had signed in.
        account: String,
        /// It is a connection of its own now.
        kept: bool,
        /// What a person calls the one that was expected.
        expected: String,
    },
    /// The person said no at the provider.
    Declined {
        /// What a person calls the provider.
        provider: String,
    },
    /// It did not work.
    Failed {
        /// What a person calls the provider.
        provider: String,
        /// Why and what to do, in our words.
        reason: String,
        /// The link still works: the person can try again from the connect page.
        again: bool,
    },
}
