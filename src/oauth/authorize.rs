//! The authorize URL (RFC 6749 §4.1.1, RFC 7636 §4.3).

use std::collections::BTreeSet;

use oauth2::{PkceCodeChallenge, PkceCodeVerifier};
use url::Url;

use crate::oauth::provider::{AUTHORIZATION, AuthorizeRequest, Kind, Provider};
use crate::oauth::token::OAuthError;
use crate::oauth::wire::read;
use crate::oauth::{custom, github, google, template};

impl Provider {
    /// The URL at the provider that the connect page sends the browser to.
    pub fn authorize_url(&self, request: &AuthorizeRequest<'_>) -> Result<Url, OAuthError> {
        let url = self.endpoints.authorization.as_ref();
        let mut url = url.ok_or_else(|| self.lacks(AUTHORIZATION))?.clone();
        let mut parameters = Parameters(vec![
            ("response_type".to_owned(), "code".to_owned()),
            ("client_id".to_owned(), self.entry.client_id.clone()),
            ("redirect_uri".to_owned(), request.redirect_uri.to_string()),
            ("state".to_owned(), read(request.state).to_owned()),
        ]);
        if let Some(verifier) = request.verifier {
            let verifier = PkceCodeVerifier::new(read(verifier).to_owned());
            let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
            parameters.set("code_challenge", challenge.as_str().to_owned());
            parameters.set("code_challenge_method", "S256".to_owned());
        }
        let special = match self.kind() {
            Kind::Google => google::authorize_parameters(self, request),
            Kind::GitHub => github::authorize_parameters(request),
            Kind::Slack => Vec::new(),
            Kind::Custom => custom::authorize_parameters(request),
        };
        for (name, value) in special {
            parameters.set(name, value);
        }
        self.add_entry_parameters(request, &mut parameters);
        url.query_pairs_mut().extend_pairs(&parameters.0);
        Ok(url)
    }

    /// The entry's own parameters, and the scopes in the one that takes them.
    fn add_entry_parameters(&self, request: &AuthorizeRequest<'_>, parameters: &mut Parameters) {
        let params = &self.entry.authorization_request.params;
        let scope_parameter = self.facts().scope_parameter;
        let spaced = |scopes: &BTreeSet<String>| {
            let scopes: Vec<_> = scopes.iter().map(String::as_str).collect();
            scopes.join(" ")
        };
        let (scopes, existing) = (spaced(request.scopes), spaced(request.existing_scopes));
        let values = [
            ("client_id", self.entry.client_id.as_str()),
            ("redirect_uri", request.redirect_uri.as_str()),
            ("scopes", &scopes),
            ("existing_scopes", &existing),
        ];
        let takes_scopes = |value: &str| value.contains("scopes}}");
        let elsewhere = params
            .iter()
            .any(|(name, value)| name != scope_parameter && takes_scopes(value));
        if !elsewhere {
            let fixed = params.get(scope_parameter).map_or("", String::as_str);
            // A fixed list is the least that is asked for, never the most.
            let all = format!("{} {scopes}", template::fill(fixed, &values));
            parameters.set(scope_parameter, self.joined(&all));
        }
        for (name, value) in params {
            if name == scope_parameter && !elsewhere {
                continue;
            }
            let filled = template::fill(value, &values);
            if takes_scopes(value) {
                parameters.set(name, self.joined(&filled));
            } else {
                parameters.set(name, filled);
            }
        }
    }

    /// Each scope once, with the provider's delimiter.
    fn joined(&self, scopes: &str) -> String {
        let delimiter = self.entry.scope_delimiter.as_deref();
        let delimiter = delimiter.unwrap_or(self.facts().scope_delimiter);
        let scopes: BTreeSet<_> = scopes
            .split(|c: char| c.is_whitespace() || delimiter.contains(c))
            .filter(|scope| !scope.is_empty())
            .collect();
        Vec::from_iter(scopes).join(delimiter)
    }
}

/// Parameters in order, each name once (RFC 6749 §3.1).
struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Sets a parameter. An empty value removes it, which means the same (RFC 6749 §3.1).
    fn set(&mut self, name: &str, value: String) {
        self.0.retain(|(known, _)| known != name);
        if !value.is_empty() {
            self.0.push((name.to_owned(), value));
        }
    }
}
