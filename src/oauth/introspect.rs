//! Token introspection (RFC 7662), for custom providers whose token response does not say when a
//! token ends or what it may.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::config::provider::{AuthMethod, Request};
use crate::http::Http;
use crate::oauth::provider::Provider;
use crate::oauth::response::seconds;
use crate::oauth::token::{OAuthError, TokenSet};
use crate::oauth::wire::{self, Answer, read};
use crate::oauth::{response_map, template};

impl Provider {
    /// Adds to `tokens` what introspection says, if `wanted`. It never loses them: the code or the
    /// refresh token that they were bought with is spent.
    pub(super) async fn introspected(
        &self,
        http: &Http,
        mut tokens: TokenSet,
        wanted: bool,
    ) -> TokenSet {
        if !wanted {
            return tokens;
        }
        match self.introspect(http, &tokens).await {
            Ok((answer, body)) => {
                let settings = &self.entry.introspection_request;
                let value = |name: &str, default: &str| match settings.response_map.get(name) {
                    Some(path) => response_map::find(path, &body),
                    None => body.get(default).cloned(),
                };
                if let Some(expiry) = value("expires_in", "exp") {
                    tokens.expires_in = lifetime(settings, &answer, &expiry).or(tokens.expires_in);
                }
                let scopes = value("scope", "scope").map(|scope| self.scopes(&scope));
                tokens.scopes = scopes.filter(|scopes| !scopes.is_empty()).or(tokens.scopes);
            }
            Err(error) => {
                tracing::warn!(provider.id = self.id(), error = %error, "introspection failed");
            }
        }
        tokens
    }

    async fn introspect(
        &self,
        http: &Http,
        tokens: &TokenSet,
    ) -> Result<(Answer, Map<String, Value>), OAuthError> {
        let settings = &self.entry.introspection_request;
        let Some(url) = &settings.endpoint else {
            return Err(self.lacks("oauth2.token_introspection_request.endpoint"));
        };
        let token = read(&tokens.access_token);
        let bearer = settings.auth_method == Some(AuthMethod::BearerAccessToken);
        let values = [
            ("client_id", self.entry.client_id.as_str()),
            ("access_token", token),
        ];
        let mut parameters: Vec<_> = settings
            .params
            .iter()
            .map(|(name, value)| (name.clone(), template::fill(value, &values)))
            .collect();
        if settings.params.is_empty() && !bearer {
            parameters.push(("token".to_owned(), token.to_owned()));
        }
        let mut request = if settings.method.as_deref() == Some("GET") {
            http.client_for_tokens().get(url.clone()).query(&parameters)
        } else {
            self.authenticated_post(http, url, settings, parameters)
        };
        if bearer {
            request = request.bearer_auth(token);
        }
        let answer = wire::send(self, http, request).await?;
        let body = answer.object(settings.form_response);
        self.check(url, answer.status, body.as_ref())?;
        let body = body.ok_or_else(|| self.malformed())?;
        Ok((answer, body))
    }
}

/// How long the token lives from now on. A point in time is compared with the provider's own clock,
/// the `Date` of its answer; without one it says nothing.
fn lifetime(settings: &Request, answer: &Answer, expiry: &Value) -> Option<Duration> {
    if settings.introspection.relative_expiration {
        return seconds(expiry).map(Duration::from_secs);
    }
    let expiry = match expiry {
        Value::Number(number) => number.as_i64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    let left = expiry.checked_sub(answer.date?.as_second())?;
    seconds(&left.into()).map(Duration::from_secs)
}
