//! Flows as the browser's side sees them. It is the owner's alone: it has the callback port.

use secrecy::SecretString;
use url::Url;

use crate::broker::{Broker, Callback, CallbackError, ConnectPage, Ending, LinkError};
use crate::caller::Caller;

impl Broker {
    /// What the connect page shows to `person`. Changes nothing.
    pub async fn page(
        &self,
        link_token: &SecretString,
        person: &Caller,
    ) -> Result<ConnectPage, LinkError> {
        self.owner().await?.page(link_token, person).await
    }

    /// Who vouches for the caller that a link was made for: where the person signs in who opens it.
    pub async fn issuer_of(&self, link_token: &SecretString) -> Result<String, LinkError> {
        self.owner().await?.issuer_of(link_token).await
    }

    /// `person` posted the page in the browser that holds `cookie`: where to send it. Posting again,
    /// also from another browser, starts over: only the last one can come back.
    pub async fn begin(
        &self,
        link_token: &SecretString,
        cookie: &SecretString,
        person: &Caller,
    ) -> Result<Url, LinkError> {
        self.owner().await?.begin(link_token, cookie, person).await
    }

    /// The browser came back. Checks in the order of the errors of [`CallbackError`], and only then
    /// exchanges. Returns the link's token, which leads to the result page.
    ///
    /// A refusal leaves the flow as it is, so that a forged callback cannot end a live one.
    pub async fn callback(&self, callback: Callback) -> Result<SecretString, CallbackError> {
        self.owner().await?.callback(callback).await
    }

    /// How the flow ended, for `person` at the browser that holds `cookie`. None while it is open.
    pub async fn ending(
        &self,
        link_token: &SecretString,
        cookie: &SecretString,
        person: &Caller,
    ) -> Result<Option<Ending>, LinkError> {
        self.owner().await?.ending(link_token, cookie, person).await
    }

    /// `person`, at the browser that holds `cookie`, keeps or drops an account that signed in in
    /// place of the expected one ([`Ending::OtherAccount`]). A second decision changes nothing.
    pub async fn settle(
        &self,
        link_token: &SecretString,
        cookie: &SecretString,
        person: &Caller,
        keep: bool,
    ) -> Result<(), LinkError> {
        let owner = self.owner().await?;
        owner.settle(link_token, cookie, person, keep).await
    }
}
