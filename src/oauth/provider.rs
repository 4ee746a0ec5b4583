//! A provider entry with the built-in facts of its kind, ready to speak the protocol.

use std::collections::BTreeSet;

use secrecy::SecretString;
use sha2::{Digest, Sha256};
use url::Url;

use crate::config::provider::{AuthMethod, ProviderEntry, Request};
use crate::oauth::scopes::Restriction;
use crate::oauth::token::OAuthError;
use crate::oauth::{custom, github, google, slack};

/// The kinds of provider that have quirks of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Google, `google`.
    Google,
    /// Slack, `slack`.
    Slack,
    /// GitHub, `github`, also GitHub Enterprise Server.
    GitHub,
    /// Anything else that speaks RFC 6749.
    Custom,
}

/// One OAuth client registration at one provider.
#[derive(Clone, Debug)]
pub struct Provider {
    pub(super) entry: ProviderEntry,
    pub(super) endpoints: Endpoints,
    kind: Kind,
}

/// Where a provider is. What neither the entry nor the built-in facts say is missing.
#[derive(Clone, Debug)]
pub(super) struct Endpoints {
    pub(super) authorization: Option<Url>,
    pub(super) token: Option<Url>,
    pub(super) refresh: Option<Url>,
    pub(super) revocation: Option<Url>,
    pub(super) user_info: Option<Url>,
    api: Option<Url>,
    files: Vec<Url>,
}

/// What is built in about a kind of provider. An entry's settings go first.
pub(super) struct Facts {
    pub(super) title: &'static str,
    pub(super) authorization: Option<&'static str>,
    pub(super) token: Option<&'static str>,
    pub(super) revocation: Endpoint,
    pub(super) user_info: Endpoint,
    pub(super) api: Option<&'static str>,
    /// Further origins that take the token, because files are kept there.
    pub(super) files: &'static [&'static str],
    /// The `iss` of its authorization responses (RFC 9207).
    pub(super) issuer: Option<&'static str>,
    pub(super) pkce: bool,
    /// The parameter of the authorize URL that takes the scopes, and what stands between them.
    pub(super) scope_parameter: &'static str,
    pub(super) scope_delimiter: &'static str,
    /// Whether commas, too, separate the scopes of a token response.
    pub(super) commas_in_responses: bool,
    pub(super) base_scopes: &'static [&'static str],
    pub(super) auth_method: AuthMethod,
    /// Why a grant dies, and what to do.
    pub(super) why_grants_die: &'static str,
    /// Scopes and what they allow, in words that follow "it may".
    pub(super) scopes: &'static [(&'static str, &'static str)],
    /// Scopes that take away what others give.
    pub(super) restrictions: &'static [Restriction],
}

/// Where a call beside the protocol's core is, when the entry does not say.
pub(super) enum Endpoint {
    None,
    At(&'static str),
    /// Below the base URL of the API; `{client_id}` is the entry's.
    BelowApi(&'static [&'static str]),
}

/// What an authorize URL is made of (RFC 6749 §4.1.1).
#[derive(Clone, Debug)]
pub struct AuthorizeRequest<'a> {
    /// Our callback, byte for byte as registered.
    pub redirect_uri: &'a Url,
    /// The `state`.
    pub state: &'a SecretString,
    /// The PKCE verifier whose S256 challenge is sent; none when the provider cannot do PKCE.
    pub verifier: Option<&'a SecretString>,
    /// The scopes to ask for.
    pub scopes: &'a BTreeSet<String>,
    /// The scopes that the connection already has; empty for a new one.
    pub existing_scopes: &'a BTreeSet<String>,
    /// The account to preselect, when known (`login_hint` and its relatives).
    pub login_hint: Option<&'a str>,
    /// Whether we hold a refresh token for this connection.
    pub holds_refresh_token: bool,
}

impl Provider {
    /// Adds the built-in facts to an entry. Never fails: what is missing is told by
    /// [`Provider::unusable`].
    pub fn new(mut entry: ProviderEntry) -> Self {
        let kind = match entry.provider_id.as_deref() {
            Some("google") => Kind::Google,
            Some("slack") => Kind::Slack,
            Some("github") => Kind::GitHub,
            _ => Kind::Custom,
        };
        let endpoints = Endpoints::new(&entry, facts(kind));
        // A refresh is made like the exchange, as far as the entry says nothing else about it.
        let (token, refresh) = (&entry.token_request, &mut entry.refresh_request);
        refresh.auth_method = refresh.auth_method.or(token.auth_method);
        if refresh.endpoint.is_none() {
            refresh.json_body |= token.json_body;
            refresh.form_response |= token.form_response;
        }
        if refresh.response_map.is_empty() {
            refresh.response_map.clone_from(&token.response_map);
        }
        Self {
            entry,
            endpoints,
            kind,
        }
    }

    /// A digest of what makes two entries act for the same client of the same provider: its id, its
    /// secret, and every place that they send something to.
    pub fn fingerprint(&self) -> [u8; 32] {
        let entry = &self.entry;
        let requests = [
            &entry.authorization_request,
            &entry.token_request,
            &entry.refresh_request,
            &entry.revocation_request,
            &entry.user_info_request,
            &entry.introspection_request,
        ];
        let endpoints = requests.map(|request| request.endpoint.as_ref());
        let urls = endpoints
            .iter()
            .copied()
            .chain([self.api_base_url()])
            .chain(self.file_origins().iter().map(Some))
            .map(|url| url.map_or("", Url::as_str));
        #[expect(
            clippy::disallowed_methods,
            reason = "the text goes into the hash only"
        )]
        let secret = entry
            .client_secret
            .as_ref()
            .map_or("", secrecy::ExposeSecret::expose_secret);
        let texts = [self.name(), &entry.client_id, secret];
        let mut hash = Sha256::new();
        for part in texts.into_iter().chain(urls) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }

    /// The entry's id, which names the callback path.
    pub fn id(&self) -> &str {
        &self.entry.id
    }

    /// The kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// `google`, `slack`, `github`, or the custom entry's `provider_id` or id: what a toolkit
    /// names as its provider. A `provider_id` of `custom` names nobody.
    pub fn name(&self) -> &str {
        match self.entry.provider_id.as_deref() {
            None | Some("custom") => &self.entry.id,
            Some(name) => name,
        }
    }

    /// What a person calls it: "Google", "Slack", "GitHub", or the entry's description or id.
    pub fn title(&self) -> &str {
        match self.kind {
            Kind::Custom => self.entry.description.as_deref().unwrap_or(&self.entry.id),
            _ => self.facts().title,
        }
    }

    /// Why this entry cannot be connected, if so: a missing endpoint.
    pub fn unusable(&self) -> Option<String> {
        let Endpoints {
            authorization,
            token,
            user_info,
            ..
        } = &self.endpoints;
        let mut missing = Vec::new();
        if authorization.is_none() {
            missing.push(AUTHORIZATION);
        }
        if token.is_none() {
            missing.push(TOKEN);
        }
        if user_info.is_none() && self.kind != Kind::Custom {
            missing.push(self.user_info_key());
        }
        (!missing.is_empty()).then(|| {
            format!(
                "Provider entry `{}` cannot be connected: it has no {}. Add what is missing to the \
                 configuration.",
                self.entry.id,
                missing.join(" and no ")
            )
        })
    }

    /// Why this redirect URI cannot work with this provider, with what to do: Slack takes only
    /// https, or localhost for PKCE apps.
    pub fn redirect_problem(&self, redirect_uri: &Url) -> Option<String> {
        match self.kind {
            Kind::Slack => slack::redirect_problem(self, redirect_uri),
            Kind::Google | Kind::GitHub | Kind::Custom => None,
        }
    }

    /// Whether a flow needs a PKCE verifier.
    pub fn pkce(&self) -> bool {
        self.entry.pkce.unwrap_or(self.facts().pkce)
    }

    /// The scopes that identify the user and are always asked for (`openid email` at Google), and
    /// the fixed ones of the entry.
    pub fn base_scopes(&self) -> BTreeSet<String> {
        let facts = self.facts();
        let params = &self.entry.authorization_request.params;
        let fixed = params
            .get(facts.scope_parameter)
            .map_or("", String::as_str)
            .split([' ', ','])
            .filter(|word| !word.is_empty() && !word.contains("{{"));
        let built_in = facts.base_scopes.iter().copied();
        built_in.chain(fixed).map(str::to_owned).collect()
    }

    /// What a scope allows, in plain words; the scope itself when we have none.
    pub fn describe_scope(&self, scope: &str) -> String {
        let known = self.facts().scopes.iter().find(|(name, _)| *name == scope);
        known.map_or(scope, |(_, words)| words).to_owned()
    }

    /// The issuer that a callback's `iss` must equal (RFC 9207). `Some` and no `iss` in the
    /// callback is a mismatch only when `iss_required`. A built-in issuer holds for the built-in
    /// authorization endpoint only.
    pub fn issuer(&self) -> Option<&str> {
        let facts = self.facts();
        let moved = moved(
            self.entry.authorization_request.endpoint.as_ref(),
            facts.authorization,
        );
        let built_in = facts.issuer.filter(|_| !moved);
        self.entry.issuer.as_deref().or(built_in)
    }

    /// Whether the provider always sends `iss`
    /// (`authorization_response_iss_parameter_supported`): when the entry names the issuer. Google
    /// and GitHub send it without announcing it, and not always.
    pub fn iss_required(&self) -> bool {
        self.entry.issuer.is_some()
    }

    /// The origin that tokens go to, with the path prefix of the API. None: the entry can be
    /// connected, its tools cannot run.
    pub fn api_base_url(&self) -> Option<&Url> {
        self.endpoints.api.as_ref()
    }

    /// The further origins that tokens go to, because the provider keeps files there.
    pub fn file_origins(&self) -> &[Url] {
        &self.endpoints.files
    }

    pub(super) fn facts(&self) -> &'static Facts {
        facts(self.kind)
    }

    /// How the client authenticates in a request, if it has a secret: as the entry says for it or
    /// for the token request, else as the kind does.
    pub(super) fn auth_method(&self, request: &Request) -> AuthMethod {
        request
            .auth_method
            .or(self.entry.token_request.auth_method)
            .unwrap_or(self.facts().auth_method)
    }

    /// [`OAuthError::Unusable`] about this entry.
    pub(super) fn lacks(&self, what: &'static str) -> OAuthError {
        OAuthError::Unusable {
            entry: self.entry.id.clone(),
            what,
        }
    }

    /// [`OAuthError::Malformed`] about this provider.
    pub(super) fn malformed(&self) -> OAuthError {
        OAuthError::Malformed {
            provider: self.title().to_owned(),
        }
    }

    /// [`OAuthError::Unreachable`] about this provider.
    pub(super) fn unreachable(&self, url: &Url, cause: &'static str) -> OAuthError {
        OAuthError::Unreachable {
            provider: self.title().to_owned(),
            host: url.host_str().unwrap_or_default().to_owned(),
            cause,
        }
    }

    /// The key whose absence leaves us without the user's identity.
    pub(super) fn user_info_key(&self) -> &'static str {
        match self.facts().user_info {
            Endpoint::BelowApi(_) => "api.base_url",
            Endpoint::At(_) | Endpoint::None => "oauth2.user_info_request.endpoint",
        }
    }
}

pub(super) const AUTHORIZATION: &str = "oauth2.authorization_request.endpoint";
pub(super) const TOKEN: &str = "oauth2.token_request.endpoint";

fn facts(kind: Kind) -> &'static Facts {
    match kind {
        Kind::Google => &google::FACTS,
        Kind::Slack => &slack::FACTS,
        Kind::GitHub => &github::FACTS,
        Kind::Custom => &custom::FACTS,
    }
}

fn built_in(url: &'static str) -> Url {
    Url::parse(url).expect("the built-in URLs are well-formed")
}

/// Whether an entry's endpoint is somewhere else than the built-in one.
fn moved(endpoint: Option<&Url>, default: Option<&'static str>) -> bool {
    match (endpoint, default) {
        (Some(endpoint), Some(default)) => endpoint.origin() != built_in(default).origin(),
        _ => false,
    }
}

impl Endpoints {
    /// With a token endpoint elsewhere (GitHub Enterprise, an emulator) no built-in address is
    /// used at all: tokens that were issued there must not be sent to the public service.
    fn new(entry: &ProviderEntry, facts: &Facts) -> Self {
        let elsewhere = moved(entry.token_request.endpoint.as_ref(), facts.token);
        let or_built_in = |said: &Option<Url>, default: Option<&'static str>| {
            said.clone()
                .or_else(|| default.filter(|_| !elsewhere).map(built_in))
        };
        let api = or_built_in(&entry.api_base_url, facts.api);
        // Files are where the API is: a token for another one is not the public file host's.
        let files = match &entry.file_origins {
            Some(origins) => origins.clone(),
            None if elsewhere || moved(entry.api_base_url.as_ref(), facts.api) => Vec::new(),
            None => facts.files.iter().copied().map(built_in).collect(),
        };
        let beside = |said: &Option<Url>, default: &Endpoint| match default {
            Endpoint::None => said.clone(),
            Endpoint::At(url) => or_built_in(said, Some(url)),
            Endpoint::BelowApi(path) => said
                .clone()
                .or_else(|| api.as_ref().map(|api| below(api, path, &entry.client_id))),
        };
        let token = or_built_in(&entry.token_request.endpoint, facts.token);
        Self {
            authorization: or_built_in(&entry.authorization_request.endpoint, facts.authorization),
            refresh: entry.refresh_request.endpoint.clone().or(token.clone()),
            token,
            revocation: beside(&entry.revocation_request.endpoint, &facts.revocation),
            user_info: beside(&entry.user_info_request.endpoint, &facts.user_info),
            api,
            files,
        }
    }
}

fn below(api: &Url, path: &[&str], client_id: &str) -> Url {
    let mut url = api.clone();
    url.path_segments_mut()
        .expect("an http URL has a path")
        .pop_if_empty()
        .extend(path.iter().map(|segment| match *segment {
            "{client_id}" => client_id,
            segment => segment,
        }));
    url
}
