//! A person in front of a browser: follows a link of ours, answers the consent page, comes back.
//!
//! It keeps the rules of real browsers that a sign-in depends on: cookies with their path,
//! `SameSite`, `Secure` and `__Host-`; `Origin: null` from pages with `no-referrer`;
//! `Sec-Fetch-Site`; and a page's `form-action`, which Chromium applies to every redirect that
//! follows the form.

mod cookies;
mod initiator;

#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use reqwest::header::{ACCEPT, COOKIE, HeaderMap, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Method, StatusCode};
use url::Url;

use crate::demo::browser::cookies::Jar;
use crate::demo::browser::initiator::{Initiator, fetch_site};
use crate::demo::form::{Field, Form, Kind, forms};

/// Redirects in one navigation before a browser gives up.
const MAX_REDIRECTS: usize = 20;

/// One page takes less than this.
const PATIENCE: Duration = Duration::from_mins(1);

/// Pages on the way from a link to its end.
const MAX_PAGES: usize = 8;

/// A person and their browser. Cookies last as long as it does.
#[derive(Clone, Debug)]
pub struct Person {
    http: reqwest::Client,
    cookies: Jar,
    account: Option<String>,
    unticked: Vec<String>,
    denies: bool,
    stops_before_callback: bool,
}

/// One request and its answer.
#[derive(Clone, Debug)]
pub struct Hop {
    /// The method.
    pub method: Method,
    /// The address.
    pub url: Url,
    /// The status.
    pub status: StatusCode,
    /// The headers of the answer.
    pub headers: HeaderMap,
    /// The body of the answer.
    pub body: String,
}

/// Everything that happened on the way, in order.
#[derive(Clone, Debug, Default)]
pub struct Journey {
    /// Every request.
    pub hops: Vec<Hop>,
    /// The callback that was not followed, if the person was told to stop before it.
    pub stopped_before: Option<Url>,
}

/// Why a journey broke off. Names hosts only: paths and queries carry secrets.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    /// No answer.
    #[error("{host} did not answer ({cause}).")]
    Unreachable {
        /// The host and port.
        host: String,
        /// What went wrong.
        cause: &'static str,
    },
    /// A redirect without a usable `Location`, or too many of them.
    #[error("{host} redirected in a way that no browser follows.")]
    BadRedirect {
        /// The host and port.
        host: String,
    },
    /// The page's Content-Security-Policy does not let its form go there.
    #[error("The page's form-action policy blocks the way to {host}.")]
    FormActionBlocked {
        /// The host and port.
        host: String,
    },
    /// The page has no form to go on with.
    #[error("The page of {host} has no form to send.")]
    NoForm {
        /// The host and port.
        host: String,
    },
}

impl Default for Person {
    fn default() -> Self {
        Self::new()
    }
}

impl Person {
    /// Somebody with an empty browser who allows everything, as the account that is preselected.
    #[expect(
        clippy::disallowed_methods,
        reason = "a person's browser is not our client: it goes to loopback past any proxy, and \
                  carries no token of ours"
    )]
    pub fn new() -> Self {
        // Fails only when a provider is installed already, which is as good.
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(PATIENCE)
            .build()
            .expect("the settings are constant");
        Self {
            http,
            cookies: Jar::default(),
            account: None,
            unticked: Vec::new(),
            denies: false,
            stops_before_callback: false,
        }
    }

    /// Chooses this account on the consent page.
    #[must_use]
    pub fn account(mut self, email: &str) -> Self {
        self.account = Some(email.to_owned());
        self
    }

    /// Unticks this scope on the consent page.
    #[must_use]
    pub fn untick(mut self, scope: &str) -> Self {
        self.unticked.push(scope.to_owned());
        self
    }

    /// Denies on the consent page.
    #[must_use]
    pub fn deny(mut self) -> Self {
        self.denies = true;
        self
    }

    /// Stops where the provider sends the browser to a path of `/oauth/callback/`.
    #[must_use]
    pub fn stop_before_callback(mut self) -> Self {
        self.stops_before_callback = true;
        self
    }

    /// Follows a link to its end: sends the connect page's form, answers the consent page and comes
    /// back. Ends at the first page after that, or at the first one without a form.
    pub async fn follow(&mut self, link: &str) -> Result<Journey, BrowserError> {
        let mut journey = Journey::default();
        let url = Url::parse(link).map_err(|_| BrowserError::Unreachable {
            host: "the link".to_owned(),
            cause: "it is not a URL",
        })?;
        self.navigate(&mut journey, Method::GET, url, None, None)
            .await?;
        let mut answered = false;
        for _ in 0..MAX_PAGES {
            let form = journey.last().post_form();
            let Some(form) = form.filter(|_| !answered && journey.stopped_before.is_none()) else {
                break;
            };
            answered = form.has("decision");
            let sent = self.fill(&form);
            self.send(&mut journey, &form, &sent).await?;
        }
        Ok(journey)
    }

    /// Opens an address as if it were typed, and follows its redirects.
    pub async fn open(&mut self, url: Url) -> Result<Journey, BrowserError> {
        let mut journey = Journey::default();
        self.navigate(&mut journey, Method::GET, url, None, None)
            .await?;
        Ok(journey)
    }

    /// Sends the first form of the page that `journey` ends with, with `changes` to its fields, and
    /// goes on with the journey.
    pub async fn submit(
        &mut self,
        journey: &mut Journey,
        changes: &[(&str, &str)],
    ) -> Result<(), BrowserError> {
        let page = journey.last();
        let form = page.post_form().ok_or_else(|| BrowserError::NoForm {
            host: host(&page.url),
        })?;
        let mut sent = self.fill(&form);
        for (name, value) in changes {
            sent.retain(|(key, _)| key != name);
            sent.push(((*name).to_owned(), (*value).to_owned()));
        }
        self.send(journey, &form, &sent).await
    }

    /// What would be sent: the form as it stands, with this person's choices.
    fn fill(&self, form: &Form) -> Vec<(String, String)> {
        let wanted = |field: &Field| match field.kind {
            Kind::Text => true,
            Kind::Radio => match (&self.account, field.name.as_str()) {
                (Some(account), "account") => field.value == *account,
                _ => field.checked,
            },
            Kind::Checkbox => field.checked && !self.unticked.contains(&field.value),
            Kind::Button => false,
        };
        let mut sent: Vec<(String, String)> = form
            .fields
            .iter()
            .filter(|field| !field.name.is_empty() && !field.disabled && wanted(field))
            .map(|field| (field.name.clone(), field.value.clone()))
            .collect();
        let denies = |field: &&Field| (field.value == "deny") == self.denies;
        let mut buttons = form.fields.iter().filter(|it| it.kind == Kind::Button);
        let clicked = if form.has("decision") {
            buttons.find(denies)
        } else {
            buttons.next()
        };
        if let Some(button) = clicked.filter(|button| !button.name.is_empty()) {
            sent.push((button.name.clone(), button.value.clone()));
        }
        sent
    }

    async fn send(
        &mut self,
        journey: &mut Journey,
        form: &Form,
        fields: &[(String, String)],
    ) -> Result<(), BrowserError> {
        let page = journey.last();
        let target = page.url.join(&form.action);
        let target = target.map_err(|_| BrowserError::NoForm {
            host: host(&page.url),
        })?;
        let initiator = Initiator::of(page);
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.navigate(journey, Method::POST, target, Some(body), Some(initiator))
            .await
    }

    async fn navigate(
        &mut self,
        journey: &mut Journey,
        mut method: Method,
        mut url: Url,
        mut body: Option<String>,
        initiator: Option<Initiator>,
    ) -> Result<(), BrowserError> {
        let mut chain = Vec::new();
        for _ in 0..MAX_REDIRECTS {
            if let Some(initiator) = &initiator {
                initiator.check_form_action(&url)?;
            }
            chain.push(url.clone());
            let hop = self
                .request(&method, &url, body.as_deref(), initiator.as_ref(), &chain)
                .await?;
            let next = hop.redirect();
            let see_other = !matches!(hop.status.as_u16(), 307 | 308);
            let redirected = hop.status.is_redirection();
            journey.hops.push(hop);
            if !redirected {
                return Ok(());
            }
            url = next.ok_or_else(|| BrowserError::BadRedirect { host: host(&url) })?;
            if see_other {
                method = Method::GET;
                body = None;
            }
            if self.stops_before_callback && url.path().starts_with("/oauth/callback/") {
                journey.stopped_before = Some(url);
                return Ok(());
            }
        }
        Err(BrowserError::BadRedirect { host: host(&url) })
    }

    async fn request(
        &mut self,
        method: &Method,
        url: &Url,
        body: Option<&str>,
        initiator: Option<&Initiator>,
        chain: &[Url],
    ) -> Result<Hop, BrowserError> {
        let mut request = self
            .http
            .request(method.clone(), url.clone())
            .header(ACCEPT, "text/html,application/xhtml+xml")
            .header("sec-fetch-mode", "navigate")
            .header("sec-fetch-dest", "document")
            .header("sec-fetch-site", fetch_site(initiator, chain));
        let cookies = self.cookies.header(method, url, initiator);
        if !cookies.is_empty() {
            request = request.header(COOKIE, cookies);
        }
        if let Some(body) = body {
            let redirected = chain.len() > 1;
            let origin = initiator.map_or("null".to_owned(), |it| it.origin(redirected));
            request = request
                .header(ORIGIN, origin)
                .header("content-type", "application/x-www-form-urlencoded")
                .body(body.to_owned());
        }
        let failed = |error: reqwest::Error| BrowserError::Unreachable {
            host: host(url),
            cause: if error.is_connect() {
                "no connection"
            } else if error.is_timeout() {
                "no answer in time"
            } else {
                "the connection broke"
            },
        };
        let response = request.send().await.map_err(failed)?;
        let (status, headers) = (response.status(), response.headers().clone());
        for value in headers.get_all(SET_COOKIE) {
            if let Ok(cookie) = value.to_str() {
                self.cookies.keep(url, cookie);
            }
        }
        Ok(Hop {
            method: method.clone(),
            url: url.clone(),
            status,
            headers,
            body: response.text().await.map_err(failed)?,
        })
    }
}

impl Hop {
    /// Where it redirects to, if it does.
    pub fn redirect(&self) -> Option<Url> {
        if !self.status.is_redirection() {
            return None;
        }
        let location = self.headers.get(LOCATION)?.to_str().ok()?;
        self.url.join(location).ok()
    }

    fn post_form(&self) -> Option<Form> {
        forms(&self.body)
            .into_iter()
            .find(|form| form.method == "post")
    }
}

impl Journey {
    /// The page it ended with.
    pub fn last(&self) -> &Hop {
        self.hops.last().expect("a journey has at least one hop")
    }

    /// The request to our callback.
    pub fn callback(&self) -> Option<&Hop> {
        self.hops
            .iter()
            .find(|hop| hop.url.path().starts_with("/oauth/callback/"))
    }
}

impl fmt::Display for Journey {
    /// The way without paths and queries, which carry secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for hop in &self.hops {
            writeln!(f, "{} {} {}", hop.method, host(&hop.url), hop.status)?;
        }
        Ok(())
    }
}

fn host(url: &Url) -> String {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or("the link").to_owned(),
    }
}
