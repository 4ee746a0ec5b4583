//! The sandbox keeps the rules of the providers it plays: were it kinder, tests against it would
//! prove nothing.

mod api;
mod faults;
mod mail;
mod oauth;
mod repository;
mod slack;

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};
use url::Url;

use super::*;
use crate::demo::browser::{Journey, Person};
use crate::http::Http;

const GMAIL: &str = "https://www.googleapis.com/auth/gmail.readonly";
const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters-it-is";

/// A sandbox with a clock in the test's hands, and a client of it.
struct Trial {
    sandbox: Sandbox,
    clock: Clock,
    http: Http,
}

impl Trial {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut SandboxSettings)) -> Self {
        let start: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let clock = Clock::standing_at(start);
        let mut settings = SandboxSettings {
            marker: "CANARY".to_owned(),
            clock: clock.clone(),
            ..SandboxSettings::default()
        };
        change(&mut settings);
        Self {
            sandbox: Sandbox::start(settings).await.unwrap(),
            clock,
            http: Http::new(),
        }
    }

    fn authorize_url(&self, site: Site, scopes: &str, more: &[(&str, &str)]) -> Url {
        let (path, scope) = match site {
            Site::Google => ("o/oauth2/v2/auth", "scope"),
            Site::Slack => ("oauth/v2/authorize", "user_scope"),
            Site::GitHub => ("login/oauth/authorize", "scope"),
            Site::Custom => ("authorize", "scope"),
        };
        let mut url = self.sandbox.url(site, path);
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &client_id(site))
            .append_pair("redirect_uri", &redirect(site))
            .append_pair("state", "the-state")
            .append_pair(scope, scopes)
            .extend_pairs(more);
        url
    }

    /// Where the consent page sends this person, with PKCE.
    async fn consent(
        &self,
        site: Site,
        scopes: &str,
        person: Person,
        more: &[(&str, &str)],
    ) -> Url {
        let challenge = grants::s256(VERIFIER);
        let mut parameters = vec![
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        parameters.extend_from_slice(more);
        let url = self.authorize_url(site, scopes, &parameters);
        let journey = person
            .stop_before_callback()
            .follow(url.as_str())
            .await
            .unwrap();
        journey.stopped_before.expect("the sandbox redirects back")
    }

    async fn code(&self, site: Site, scopes: &str) -> String {
        let more = [("access_type", "offline")];
        let back = self.consent(site, scopes, Person::new(), &more).await;
        parameter(&back, "code").expect("the sandbox gives a code")
    }

    async fn post(&self, site: Site, form: &[(&str, &str)]) -> (u16, Value) {
        let path = match site {
            Site::Google | Site::Custom => "token",
            Site::Slack => "api/oauth.v2.access",
            Site::GitHub => "login/oauth/access_token",
        };
        let request = self.http.client().post(self.sandbox.url(site, path));
        let response = request
            .header("accept", "application/json")
            .form(form)
            .send()
            .await
            .unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    async fn exchange(&self, site: Site, code: &str, verifier: &str) -> (u16, Value) {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &redirect(site)),
            ("client_id", &client_id(site)),
            ("client_secret", &self.sandbox.client_secret(site)),
            ("code_verifier", verifier),
        ];
        self.post(site, &form).await
    }

    async fn refresh(&self, site: Site, token: &str) -> (u16, Value) {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("client_id", &client_id(site)),
            ("client_secret", &self.sandbox.client_secret(site)),
        ];
        self.post(site, &form).await
    }

    /// The token part of an exchange by Ada.
    async fn tokens(&self, site: Site, scopes: &str) -> Value {
        let code = self.code(site, scopes).await;
        let (_, answer) = self.exchange(site, &code, VERIFIER).await;
        user_part(site, answer)
    }

    async fn access(&self, site: Site, scopes: &str) -> String {
        text(&self.tokens(site, scopes).await["access_token"])
    }

    async fn get(&self, site: Site, path: &str, token: &str) -> (u16, Value) {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut url = self.sandbox.url(site, path);
        url.set_query(Some(query));
        let request = self.http.client().get(url).bearer_auth(token);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    async fn post_json(&self, site: Site, path: &str, token: &str, body: &Value) -> (u16, Value) {
        let request = self.http.client().post(self.sandbox.url(site, path));
        let response = request
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .json(body)
            .send()
            .await
            .unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// Who the site says a token belongs to: status and answer.
    async fn identity(&self, site: Site, token: &str) -> (u16, Value) {
        let path = match site {
            Site::Google => "v1/userinfo",
            Site::Slack => "api/auth.test",
            Site::GitHub => "api/user",
            Site::Custom => "userinfo",
        };
        self.get(site, path, token).await
    }
}

/// A scope that the site knows.
fn scope(site: Site) -> &'static str {
    match site {
        Site::Google => "openid https://www.googleapis.com/auth/gmail.readonly",
        Site::Slack => "channels:history,channels:read",
        Site::GitHub => "repo",
        Site::Custom => "read write",
    }
}

fn redirect(site: Site) -> String {
    format!("http://localhost:8419/oauth/callback/{site}")
}

fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

fn user_part(site: Site, mut answer: Value) -> Value {
    match site {
        Site::Slack if answer["authed_user"].is_object() => answer["authed_user"].take(),
        _ => answer,
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("the answer has this text").to_owned()
}
