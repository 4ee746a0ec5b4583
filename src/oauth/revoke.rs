//! Revocation: RFC 7009, or the provider's own call.

use secrecy::SecretString;

use crate::http::Http;
use crate::oauth::provider::{Kind, Provider};
use crate::oauth::token::OAuthError;
use crate::oauth::wire::{self, read};
use crate::oauth::{github, slack, template};

impl Provider {
    /// Revokes the grant (RFC 7009 or the provider's own call). `Ok(false)`: the provider has no
    /// way to revoke.
    pub async fn revoke(
        &self,
        http: &Http,
        access_token: &SecretString,
        refresh_token: Option<&SecretString>,
    ) -> Result<bool, OAuthError> {
        match self.kind() {
            Kind::Slack => slack::revoke(self, http, access_token).await,
            Kind::GitHub => github::revoke(self, http, access_token).await,
            Kind::Google | Kind::Custom => {
                self.revoke_token(http, access_token, refresh_token).await
            }
        }
    }

    /// RFC 7009 §2.1. The refresh token where there is one: its end is the end of the grant.
    async fn revoke_token(
        &self,
        http: &Http,
        access_token: &SecretString,
        refresh_token: Option<&SecretString>,
    ) -> Result<bool, OAuthError> {
        let Some(url) = &self.endpoints.revocation else {
            return Ok(false);
        };
        let settings = &self.entry.revocation_request;
        let values = [
            ("client_id", self.entry.client_id.as_str()),
            ("access_token", read(access_token)),
            ("refresh_token", refresh_token.map_or("", read)),
        ];
        let mut parameters: Vec<_> = settings
            .params
            .iter()
            .map(|(name, value)| (name.clone(), template::fill(value, &values)))
            .collect();
        if !settings.params.contains_key("token") {
            let token = read(refresh_token.unwrap_or(access_token)).to_owned();
            parameters.push(("token".to_owned(), token));
        }
        let request = match self.kind() {
            // Google takes the token alone:
            // <https://developers.google.com/identity/protocols/oauth2/web-server#tokenrevoke>.
            Kind::Google => http.client_for_tokens().post(url.clone()).form(&parameters),
            _ => self.authenticated_post(http, url, settings, parameters),
        };
        let answer = wire::send(self, http, request).await?;
        let body = answer.object(settings.form_response);
        match self.check(url, answer.status, body.as_ref()) {
            Ok(()) => Ok(true),
            // Google's word for a token that was revoked before, where RFC 7009 §2.2 says 200. An
            // access token may merely have expired, and the grant live on.
            Err(OAuthError::Refused {
                code: "invalid_token",
                ..
            }) if refresh_token.is_some() => Ok(true),
            Err(error) => Err(error),
        }
    }
}
