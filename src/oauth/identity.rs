//! Asks a provider whose account was connected.

use reqwest::header::ACCEPT;
use secrecy::SecretString;
use url::Url;

use crate::http::Http;
use crate::oauth::provider::{Kind, Provider};
use crate::oauth::token::{Identity, OAuthError};
use crate::oauth::wire::{self, Answer, read};
use crate::oauth::{custom, github, slack, template};

/// An account's name longer than this is cut: it is shown in one line.
const LONGEST_LABEL: usize = 200;

impl Provider {
    /// Asks who was connected. A custom provider without a user info endpoint cannot be asked: its
    /// one account is `default`.
    pub async fn identity(
        &self,
        http: &Http,
        access_token: &SecretString,
    ) -> Result<Identity, OAuthError> {
        let Some(url) = &self.endpoints.user_info else {
            return match self.kind() {
                Kind::Custom => Ok(Identity {
                    id: "default".to_owned(),
                    label: self.title().to_owned(),
                    verified_email: None,
                }),
                _ => Err(self.lacks(self.user_info_key())),
            };
        };
        let settings = &self.entry.user_info_request;
        let values = [("client_id", self.entry.client_id.as_str())];
        let parameters: Vec<_> = settings
            .params
            .iter()
            .map(|(name, value)| (name, template::fill(value, &values)))
            .collect();
        let default = if self.kind() == Kind::Slack {
            "POST"
        } else {
            "GET"
        };
        let mut request = match settings.method.as_deref().unwrap_or(default) {
            "POST" => http.client_for_tokens().post(url.clone()).form(&parameters),
            _ => http.client_for_tokens().get(url.clone()).query(&parameters),
        };
        if self.kind() == Kind::GitHub {
            request = request
                .header(ACCEPT, "application/vnd.github+json")
                .header("X-GitHub-Api-Version", "2022-11-28");
        }
        let request = request.bearer_auth(read(access_token));
        let answer = wire::send(self, http, request).await?;
        self.identified(url, &answer)
    }

    /// Reads the answer.
    pub(super) fn identified(&self, url: &Url, answer: &Answer) -> Result<Identity, OAuthError> {
        let body = answer.object(self.entry.user_info_request.form_response);
        if matches!(answer.status.as_u16(), 401 | 403) {
            return Err(self.refused("invalid_token"));
        }
        self.check(url, answer.status, body.as_ref())?;
        let body = body.ok_or_else(|| self.malformed())?;
        let identity = match self.kind() {
            Kind::Slack => slack::identity(&body),
            Kind::GitHub => github::identity(&body),
            Kind::Google | Kind::Custom => custom::identity(self, &body),
        }
        .ok_or_else(|| self.malformed())?;
        Ok(Identity {
            label: one_line(&identity.label),
            ..identity
        })
    }
}

/// The label goes to pages, terminals and models: no control characters, and not endless.
fn one_line(label: &str) -> String {
    label
        .chars()
        .filter(|c| !c.is_control())
        .take(LONGEST_LABEL)
        .collect()
}
