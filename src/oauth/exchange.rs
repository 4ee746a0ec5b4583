//! The two requests to the token endpoint: a code (RFC 6749 §4.1.3) or a refresh token (§6) for an
//! access token.
//!
//! The `oauth2` crate writes the requests and reads the answers, which are put into the RFC's form
//! first: it accepts status 200 and JSON only. Its `RequestTokenError` is never formatted, since it
//! carries the raw body.

use std::pin::Pin;

use oauth2::basic::{BasicClient, BasicTokenResponse};
use oauth2::{
    AsyncHttpClient, AuthType, AuthorizationCode, ClientId, ClientSecret, EndpointNotSet,
    EndpointSet, HttpRequest, HttpResponse, PkceCodeVerifier, RedirectUrl, RefreshToken,
    RequestTokenError, TokenResponse, TokenUrl,
};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use secrecy::SecretString;
use serde_json::Value;
use url::{Url, form_urlencoded};

use crate::config::provider::{AuthMethod, Introspection, Request};
use crate::http::Http;
use crate::oauth::provider::{Provider, TOKEN};
use crate::oauth::template;
use crate::oauth::token::{OAuthError, TokenSet};
use crate::oauth::wire::{self, read};

type Client =
    BasicClient<EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

impl Provider {
    /// Exchanges an authorization code (RFC 6749 §4.1.3).
    pub async fn exchange(
        &self,
        http: &Http,
        code: &SecretString,
        redirect_uri: &Url,
        verifier: Option<&SecretString>,
    ) -> Result<TokenSet, OAuthError> {
        let settings = &self.entry.token_request;
        let url = self.endpoints.token.as_ref();
        let url = url.ok_or_else(|| self.lacks(TOKEN))?;
        let client = self
            .client(url, settings)
            .set_redirect_uri(RedirectUrl::from_url(redirect_uri.clone()));
        let mut request = client.exchange_code(AuthorizationCode::new(read(code).to_owned()));
        if let Some(verifier) = verifier {
            let verifier = PkceCodeVerifier::new(read(verifier).to_owned());
            request = request.set_pkce_verifier(verifier);
        }
        let values = [
            ("client_id", self.entry.client_id.as_str()),
            ("redirect_uri", redirect_uri.as_str()),
            ("authorization_code", read(code)),
        ];
        for (name, value) in &settings.params {
            request = request.add_extra_param(name, template::fill(value, &values));
        }
        let endpoint = TokenEndpoint {
            provider: self,
            http,
            url,
            settings,
        };
        let response = request.request_async(&endpoint).await;
        let tokens = self.token_set(response)?;
        let wanted = self.introspection().on_token_grant;
        Ok(self.introspected(http, tokens, wanted).await)
    }

    /// Refreshes (RFC 6749 §6). [`OAuthError::GrantRefused`] only when the provider says in so many
    /// words that the refresh token is dead; whatever is doubtful is [`OAuthError::Unreachable`].
    pub async fn refresh(
        &self,
        http: &Http,
        refresh_token: &SecretString,
    ) -> Result<TokenSet, OAuthError> {
        let settings = &self.entry.refresh_request;
        let url = self.endpoints.refresh.as_ref();
        let url = url.ok_or_else(|| self.lacks(TOKEN))?;
        let client = self.client(url, settings);
        let token = RefreshToken::new(read(refresh_token).to_owned());
        let mut request = client.exchange_refresh_token(&token);
        let values = [
            ("client_id", self.entry.client_id.as_str()),
            ("refresh_token", read(refresh_token)),
        ];
        for (name, value) in &settings.params {
            request = request.add_extra_param(name, template::fill(value, &values));
        }
        let endpoint = TokenEndpoint {
            provider: self,
            http,
            url,
            settings,
        };
        let response = request.request_async(&endpoint).await;
        let tokens = self.token_set(response).map_err(|error| match error {
            OAuthError::Malformed { .. }
            | OAuthError::Refused {
                code: "unknown_error",
                ..
            } => self.unreachable(url, "its answer was not understood"),
            other => other,
        })?;
        let wanted = self.introspection().on_token_refresh;
        Ok(self.introspected(http, tokens, wanted).await)
    }

    fn introspection(&self) -> &Introspection {
        &self.entry.introspection_request.introspection
    }

    fn client(&self, url: &Url, settings: &Request) -> Client {
        let method = self.auth_method(settings);
        let client = BasicClient::new(ClientId::new(self.entry.client_id.clone()))
            .set_token_uri(TokenUrl::from_url(url.clone()))
            .set_auth_type(match method {
                AuthMethod::ClientSecretBasic => AuthType::BasicAuth,
                _ => AuthType::RequestBody,
            });
        match &self.entry.client_secret {
            Some(secret) if method != AuthMethod::None => {
                client.set_client_secret(ClientSecret::new(read(secret).to_owned()))
            }
            _ => client,
        }
    }

    fn token_set<T: oauth2::ErrorResponse + 'static>(
        &self,
        response: Result<BasicTokenResponse, RequestTokenError<OAuthError, T>>,
    ) -> Result<TokenSet, OAuthError> {
        let response = response.map_err(|error| match error {
            RequestTokenError::Request(error) => error,
            _ => self.malformed(),
        })?;
        #[expect(
            clippy::disallowed_methods,
            reason = "moved from the crate's types into ours"
        )]
        let tokens = TokenSet {
            access_token: response.access_token().secret().clone().into(),
            refresh_token: response
                .refresh_token()
                .map(|token| token.secret().clone().into()),
            expires_in: response.expires_in(),
            scopes: response
                .scopes()
                .map(|scopes| scopes.iter().map(|scope| scope.to_string()).collect()),
        };
        Ok(tokens)
    }
}

/// Sends what the `oauth2` crate wrote, and hands it an answer in the form that it reads.
struct TokenEndpoint<'a> {
    provider: &'a Provider,
    http: &'a Http,
    url: &'a Url,
    settings: &'a Request,
}

impl<'c> AsyncHttpClient<'c> for TokenEndpoint<'_> {
    type Error = OAuthError;
    // Boxed: with an opaque type the compiler cannot see that the exchange is `Send`.
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, OAuthError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.ask(request))
    }
}

impl TokenEndpoint<'_> {
    async fn ask(&self, mut request: HttpRequest) -> Result<HttpResponse, OAuthError> {
        if let Some(credentials) = request.headers_mut().get_mut(AUTHORIZATION) {
            credentials.set_sensitive(true);
        }
        if self.settings.json_body {
            let pairs = form_urlencoded::parse(request.body()).into_owned();
            let json = Value::Object(wire::object(pairs)).to_string().into_bytes();
            *request.body_mut() = json;
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(CONTENT_TYPE, json);
        }
        let request = reqwest::Request::try_from(request).map_err(|_| self.provider.malformed())?;
        let answer = wire::execute(self.provider, self.http, request).await?;
        let response = self
            .provider
            .token_response(self.url, self.settings, &answer)?;
        Ok(HttpResponse::new(response.to_string().into_bytes()))
    }
}
