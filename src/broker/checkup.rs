//! What `valetkey doctor` asks: of the owner of the vault, and of this process.

use std::io;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::broker::owner::redirect_uri;
use crate::broker::socket::message::{Answer, Operation};
use crate::broker::{Broker, BrokerError, OwnerError};
use crate::oauth::provider::Provider;
use crate::store::facts::Facts;
use crate::store::seen::Memory;
use crate::store::upkeep::KeyIds;

/// How the owner and its vault do. None of this is secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Checkup {
    /// The process that has the vault open.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// The vault's keys.
    pub keys: KeyIds,
    /// The vault's numbers.
    pub facts: Facts,
    /// Whether an older copy of the vault was put in its place.
    pub memory: Memory,
    /// Sign-ins that wait for a person.
    pub pending_flows: usize,
    /// Whether it listens on its callback port.
    pub listens: bool,
    /// Its callback port.
    pub callback_port: u16,
    /// Each provider entry as the owner has it: id and
    /// [`crate::oauth::provider::Provider::fingerprint`].
    pub providers: Vec<(String, [u8; 32])>,
}

impl Broker {
    /// How the process that has the vault does, and the vault. Reads all of it.
    pub async fn checkup(&self) -> Result<Checkup, BrokerError> {
        match self.perform(|| Operation::Checkup).await? {
            Answer::Checkup(checkup) => Ok(*checkup),
            _ => Err(OwnerError::Unsteady.into()),
        }
    }

    /// Whether the callback port could be had now, by this process. Takes nothing.
    pub fn callback_port_is_free(&self) -> io::Result<()> {
        self.0.seats.port().is_free()
    }

    /// Why an entry cannot be connected, with the next step: an endpoint is missing, or the
    /// provider does not take our redirect URI.
    pub fn problem_of(&self, provider: &Provider) -> Option<String> {
        let problem = || provider.redirect_problem(&self.redirect_uri(provider));
        provider.unusable().or_else(problem)
    }

    /// The redirect URI to register for an entry.
    pub fn redirect_uri(&self, provider: &Provider) -> Url {
        redirect_uri(self.public_url(), provider)
    }
}
