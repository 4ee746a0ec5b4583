//! Reads a token endpoint's answer into the form of RFC 6749 §5.1, or tells why it is none.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::{Map, Value, json};
use url::Url;

use crate::config::provider::Request;
use crate::oauth::codes::{self, Meaning};
use crate::oauth::provider::{Kind, Provider};
use crate::oauth::token::OAuthError;
use crate::oauth::wire::Answer;
use crate::oauth::{google, response_map, slack};

impl Provider {
    /// A success in the RFC's form: names, nesting, types and the scopes' delimiter.
    pub(super) fn token_response(
        &self,
        url: &Url,
        settings: &Request,
        answer: &Answer,
    ) -> Result<Value, OAuthError> {
        let body = answer.object(settings.form_response);
        self.check(url, answer.status, body.as_ref())?;
        let body = body.ok_or_else(|| self.malformed())?;
        let part = match self.kind() {
            Kind::Slack if settings.response_map.is_empty() => slack::user_part(&body),
            _ => Some(&body),
        }
        .ok_or_else(|| self.malformed())?;
        let value = |name: &str| match settings.response_map.get(name) {
            Some(path) => response_map::find(path, &body),
            None => part.get(name).cloned(),
        };
        let text = |name: &str| match value(name) {
            Some(Value::String(text)) if is_token(&text) => Some(text),
            _ => None,
        };
        // RFC 6749 §7.1: a token of a type that we do not understand must not be used.
        let unusable_type = ["mac", "pop", "dpop"];
        let token_type = text("token_type").unwrap_or_default().to_ascii_lowercase();
        let access_token = text("access_token")
            .filter(|_| !unusable_type.contains(&token_type.as_str()))
            .ok_or_else(|| self.malformed())?;
        let scopes = value("scope").map_or_else(BTreeSet::new, |scope| self.scopes(&scope));
        let mut response = json!({
            "access_token": access_token,
            "token_type": "bearer",
            "refresh_token": text("refresh_token"),
            "expires_in": value("expires_in").as_ref().and_then(seconds),
        });
        if !scopes.is_empty() {
            response["scope"] = Vec::from_iter(scopes).join(" ").into();
        }
        Ok(response)
    }

    /// An error if the answer is one: an error code in the body whatever the status (GitHub and
    /// Slack send them with 200), or a status other than success.
    pub(super) fn check(
        &self,
        url: &Url,
        status: StatusCode,
        body: Option<&Map<String, Value>>,
    ) -> Result<(), OAuthError> {
        let error = body.and_then(|body| body.get("error"));
        let code = match error {
            None | Some(Value::Null | Value::Bool(false)) => "",
            Some(Value::String(code)) => code.as_str(),
            Some(_) => "unknown_error",
        };
        let not_ok = body.and_then(|body| body.get("ok")) == Some(&Value::Bool(false));
        if code.is_empty() && status.is_success() && !not_ok {
            return Ok(());
        }
        let (code, meaning) = codes::look_up(code);
        Err(match meaning {
            Meaning::Grant => OAuthError::GrantRefused {
                provider: self.title().to_owned(),
                code,
                hint: self.facts().why_grants_die,
            },
            Meaning::Client => self.client_refused(),
            Meaning::Later => self.unreachable(url, "it says that it cannot answer now"),
            Meaning::Other => self.refused(code),
        })
    }

    /// [`OAuthError::ClientRefused`] about this entry.
    pub(super) fn client_refused(&self) -> OAuthError {
        OAuthError::ClientRefused {
            provider: self.title().to_owned(),
            entry: self.entry.id.clone(),
        }
    }

    /// [`OAuthError::Refused`] with one of our codes.
    pub(super) fn refused(&self, code: &'static str) -> OAuthError {
        OAuthError::Refused {
            provider: self.title().to_owned(),
            code,
        }
    }

    /// Splits a `scope`, a text or a list of texts, into the names that are asked for.
    pub(super) fn scopes(&self, scope: &Value) -> BTreeSet<String> {
        let commas =
            self.facts().commas_in_responses || self.entry.scope_delimiter.as_deref() == Some(",");
        let texts = match scope {
            Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
            Value::String(text) => vec![text.as_str()],
            _ => Vec::new(),
        };
        texts
            .iter()
            .flat_map(|text| text.split(|c: char| c.is_whitespace() || (commas && c == ',')))
            .filter(|scope| is_token(scope))
            .map(|scope| match self.kind() {
                Kind::Google => google::scope_as_requested(scope).into_owned(),
                _ => scope.to_owned(),
            })
            .collect()
    }
}

/// Visible ASCII and not empty: what tokens and scopes are made of (RFC 6749 appendix A), and what
/// can stand in a header and on a page.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())
}

/// `expires_in`, which some send as text or with a fraction. 0 is what some say who mean "never";
/// beyond ten years nobody means it.
pub(super) fn seconds(value: &Value) -> Option<u64> {
    const TEN_YEARS: f64 = 315_360_000.0;
    let seconds = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and ten years in seconds"
    )]
    (1.0..=TEN_YEARS)
        .contains(&seconds)
        .then_some(seconds as u64)
}
