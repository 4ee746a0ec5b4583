//! A make-believe Google, Slack and GitHub, and a custom provider, on one loopback port.
//!
//! Each has an authorization server of its own kind and as much of its API as the tools use. All
//! state is in memory and ends with the [`Sandbox`]; nothing is ever asked of a network. In reading
//! order: `server` takes a request, counts it, applies a fault and sends it to `authorize`, `token`
//! or the site's API; `grants` is what was issued, `data` what the accounts start with.

mod authorize;
mod configuration;
mod custom;
mod data;
pub mod faults;
mod git;
mod github;
mod gmail;
mod gmail_changes;
mod google;
mod grants;
mod issues;
mod line;
mod mailbox;
mod mailquery;
mod mime;
mod page;
mod repository;
mod server;
mod slack;
mod slack_chat;
mod slack_files;
mod slack_search;
mod token;
mod workspace;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

use crate::clock::Clock;
use crate::demo::sandbox::authorize::Requests;
use crate::demo::sandbox::faults::{Endpoint, Fault, Faults, Received, Times};
use crate::demo::sandbox::grants::Grants;
use crate::demo::sandbox::issues::Repository;
use crate::demo::sandbox::line::{Line, Lines};
use crate::demo::sandbox::mailbox::Mailbox;
use crate::demo::sandbox::workspace::Workspace;

/// The providers that the sandbox plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Site {
    /// Google: authorization and Gmail, under `/google/`.
    Google,
    /// Slack, under `/slack/`.
    Slack,
    /// GitHub: authorization and the REST API, under `/github/`.
    GitHub,
    /// A provider as the RFCs have it (6749, 7636, 7009, 9207), under `/custom/`.
    Custom,
}

impl Site {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Google, Self::Slack, Self::GitHub, Self::Custom];

    /// The first segment of its paths, and the id of its entry in the configuration.
    pub fn id(self) -> &'static str {
        match self {
            Self::Google => "google",
            Self::Slack => "slack",
            Self::GitHub => "github",
            Self::Custom => "custom",
        }
    }

    /// What its pages call it: never just the real one's name.
    pub fn title(self) -> &'static str {
        match self {
            Self::Google => "Sandbox Google",
            Self::Slack => "Sandbox Slack",
            Self::GitHub => "Sandbox GitHub",
            Self::Custom => "Sandbox Provider",
        }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// How a site's tokens live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// How long an access token works (`expires_in`); none: for good, and nothing is said.
    pub lifetime: Option<Duration>,
    /// Its refresh tokens.
    pub refresh: RefreshTokens,
}

/// What a site does with refresh tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshTokens {
    /// It gives none.
    None,
    /// One per consent, which stays (Google).
    Lasting,
    /// Each refresh gives the next one; a reused one ends the family (RFC 9700 §4.14.2).
    Rotating,
}

/// How the sandbox behaves.
#[derive(Clone, Debug)]
pub struct SandboxSettings {
    /// Occurs in every code, token and client secret: a test looks for it where none may be.
    pub marker: String,
    /// What tells the time for codes, tokens and new data.
    pub clock: Clock,
    /// Default: an hour, lasting refresh tokens, as Google has it.
    pub google: Tokens,
    /// Default: no expiry, as Slack has it without token rotation.
    pub slack: Tokens,
    /// Default: no expiry, as GitHub has it for OAuth apps.
    pub github: Tokens,
    /// Default: an hour, rotating.
    pub custom: Tokens,
    /// The GitHub client is a GitHub App: `scope` is ignored and always empty in answers.
    pub github_app: bool,
    /// A request without PKCE is refused, at every site.
    pub require_pkce: bool,
}

impl Default for SandboxSettings {
    fn default() -> Self {
        let hour = Some(Duration::from_hours(1));
        let endless = Tokens {
            lifetime: None,
            refresh: RefreshTokens::None,
        };
        Self {
            marker: "sandbox".to_owned(),
            clock: Clock::system(),
            google: Tokens {
                lifetime: hour,
                refresh: RefreshTokens::Lasting,
            },
            slack: endless,
            github: endless,
            custom: Tokens {
                lifetime: hour,
                refresh: RefreshTokens::Rotating,
            },
            github_app: false,
            require_pkce: false,
        }
    }
}

impl SandboxSettings {
    fn tokens(&self, site: Site) -> Tokens {
        match site {
            Site::Google => self.google,
            Site::Slack => self.slack,
            Site::GitHub => self.github,
            Site::Custom => self.custom,
        }
    }
}

/// A running sandbox. Dropping it closes its port and its connections.
#[derive(Debug)]
pub struct Sandbox {
    world: Arc<World>,
    _running: DropGuard,
}

impl Sandbox {
    /// Starts one on a free port of 127.0.0.1. Fails only when there is no port to be had.
    pub async fn start(settings: SandboxSettings) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let base_url = format!("http://{}/", listener.local_addr()?);
        let base_url = Url::parse(&base_url).expect("a socket address makes a URL");
        let world = Arc::new(World::new(settings, base_url));
        let stop = CancellationToken::new();
        let lines = Lines {
            listener,
            all: stop.clone(),
        };
        let router = Router::new()
            .fallback(server::answer)
            .with_state(world.clone())
            .into_make_service_with_connect_info::<Line>();
        let stopped = stop.clone().cancelled_owned();
        tokio::spawn(async move {
            let serve = std::future::IntoFuture::into_future(axum::serve(lines, router));
            tokio::select! {
                () = stopped => {}
                // It has no way to fail: a failed accept is tried again.
                _ = serve => {}
            }
        });
        Ok(Self {
            world,
            _running: stop.drop_guard(),
        })
    }

    /// `http://127.0.0.1:{port}/`.
    pub fn base_url(&self) -> &Url {
        &self.world.base_url
    }

    /// The address of `path` at a site.
    pub fn url(&self, site: Site, path: &str) -> Url {
        self.world.url(site, path)
    }

    /// The registered client's id.
    pub fn client_id(&self, site: Site) -> String {
        client_id(site)
    }

    /// The registered client's secret.
    pub fn client_secret(&self, site: Site) -> String {
        self.world.client_secret(site)
    }

    /// Registers one more redirect URI. From the start those of an entry named like the site are
    /// registered: `/oauth/callback/{id}` on 127.0.0.1 and localhost, with any port (RFC 8252
    /// §7.3).
    pub fn register_redirect_uri(&self, site: Site, uri: &Url) {
        self.world.lock().redirect_uris.push((site, uri.clone()));
    }

    /// Sets a fault. Several on one endpoint come one after the other.
    pub fn fault(&self, site: Site, endpoint: Endpoint, fault: Fault, times: Times) {
        self.world.lock().faults.add(site, endpoint, fault, times);
    }

    /// Takes all faults back.
    pub fn clear_faults(&self) {
        self.world.lock().faults.clear();
    }

    /// How many requests came to this endpoint.
    pub fn count(&self, site: Site, endpoint: Endpoint) -> usize {
        self.world.lock().faults.count(site, endpoint)
    }

    /// The latest requests, oldest first.
    pub fn log(&self) -> Vec<Received> {
        self.world.lock().faults.log()
    }

    /// Waits until at least `count` requests have come to this endpoint.
    pub async fn received(&self, site: Site, endpoint: Endpoint, count: usize) {
        loop {
            let mut arrival = std::pin::pin!(self.world.arrival.notified());
            arrival.as_mut().enable();
            if self.count(site, endpoint) >= count {
                return;
            }
            arrival.await;
        }
    }

    /// All access tokens of the site stop working before their time; refresh tokens go on.
    pub fn end_access_tokens(&self, site: Site) {
        self.world.lock().grants.end_access_tokens(site);
    }

    /// All grants of the site are gone, as when the account's owner removes the app there.
    pub fn end_grants(&self, site: Site) {
        self.world.lock().grants.end_grants(site);
    }

    /// Every mail that was sent, raw as it came (RFC 5322), oldest first.
    pub fn sent_mail(&self) -> Vec<Vec<u8>> {
        self.world.lock().mail.sent()
    }
}

/// What the handlers share.
#[derive(Debug)]
struct World {
    settings: SandboxSettings,
    base_url: Url,
    arrival: Notify,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    redirect_uris: Vec<(Site, Url)>,
    requests: Requests,
    grants: Grants,
    faults: Faults,
    mail: Mailbox,
    workspace: Workspace,
    repositories: Vec<Repository>,
}

impl World {
    fn new(settings: SandboxSettings, base_url: Url) -> Self {
        let now = settings.clock.now();
        let redirect_uris = Site::ALL
            .into_iter()
            .flat_map(|site| {
                ["127.0.0.1", "localhost"].map(|host| {
                    let uri = format!("http://{host}/oauth/callback/{site}");
                    (site, Url::parse(&uri).expect("a constant URL"))
                })
            })
            .collect();
        let (mail, workspace, repositories) = data::start(now);
        let state = State {
            redirect_uris,
            requests: Requests::default(),
            grants: Grants::new(settings.marker.clone()),
            faults: Faults::default(),
            mail,
            workspace,
            repositories,
        };
        Self {
            settings,
            base_url,
            arrival: Notify::new(),
            state: Mutex::new(state),
        }
    }

    /// A panic in one request is that test's failure, not the next request's.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn url(&self, site: Site, path: &str) -> Url {
        self.base_url
            .join(&format!("{site}/{}", path.trim_start_matches('/')))
            .expect("paths of the sandbox are valid")
    }

    fn client_secret(&self, site: Site) -> String {
        format!("secret-{}-of-{site}", self.settings.marker)
    }
}

fn client_id(site: Site) -> String {
    format!("valetkey-at-{site}")
}
