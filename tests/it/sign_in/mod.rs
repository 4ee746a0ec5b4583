//! HTTP with authorization, as browsers see it: who opens a link signs in first, and everyone sees
//! what is their own. The issuer and the provider are real servers.

mod cookies;
mod links;
mod login;
mod look;
mod matching_email;
mod own_page;

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use url::Url;
use valetkey::audit::{AuditKind, AuditOutcome, Event, Hex};
use valetkey::broker::{Access, Broker, ConnectionView, Consent, Requirement, Settings};
use valetkey::caller::Caller;
use valetkey::clock::Clock;
use valetkey::config::Config;
use valetkey::consent::{self, People};
use valetkey::demo::browser::{Hop, Journey, Person};
use valetkey::demo::sandbox::faults::Endpoint;
use valetkey::demo::sandbox::{Sandbox, SandboxSettings, Site};
use valetkey::http::Http;
use valetkey::resource_server::ResourceServer;

use crate::issuer::{CLIENT_ID, CLIENT_SECRET, TestIssuer};
use crate::peers::write_private;
use crate::world::{READ, free_port, google, load};

/// A server with its issuer and its provider. All end with the value.
struct House {
    sandbox: Sandbox,
    issuer: TestIssuer,
    settings: Settings,
    broker: Broker,
    clock: Clock,
    url: Url,
    router: Router,
    people: People,
    home: TempDir,
    serving: JoinHandle<()>,
}

/// What a configuration may differ in.
struct Plan<'a> {
    /// `login` of the issuer is configured.
    login: bool,
    /// `server.auth.static_login` is.
    static_login: bool,
    /// Nobody signs in: loopback without authorization.
    local: bool,
    /// `server.public_url`; default: where it listens.
    public_url: Option<&'a str>,
    /// More sections.
    more: &'a str,
    clock: Clock,
}

impl Default for Plan<'_> {
    fn default() -> Self {
        Self {
            login: true,
            static_login: false,
            local: false,
            public_url: None,
            more: "",
            clock: Clock::standing_at("2026-11-23T12:00:00Z".parse().unwrap()),
        }
    }
}

impl House {
    async fn new() -> Self {
        Self::with(Plan::default()).await
    }

    async fn with(plan: Plan<'_>) -> Self {
        let clock = plan.clock.clone();
        let settings = SandboxSettings {
            clock: clock.clone(),
            ..SandboxSettings::default()
        };
        let sandbox = Sandbox::start(settings).await.unwrap();
        let issuer = TestIssuer::start(clock.clone()).await;
        let home = TempDir::new().unwrap();
        let listener = TcpListener::bind(("127.0.0.1", free_port())).unwrap();
        let port = listener.local_addr().unwrap().port();
        let own = format!("http://localhost:{port}");
        let public_url = plan.public_url.unwrap_or(&own).to_owned();
        let config = write_config(&plan, &sandbox, &issuer, &home, &public_url);
        let config = load(&config, home.path());
        let people = people(&config, &clock);
        // The callback port is never served: this server's own listener has the callback.
        let settings = Settings {
            config: Arc::new(config),
            http: Http::new(),
            clock: clock.clone(),
        };
        let (broker, _) = Broker::new(settings.clone());
        let offers = broker.providers().iter().map(|entry| Requirement {
            toolkit: String::new(),
            provider: entry.id().to_owned(),
            account: None,
            scopes: match entry.name() {
                "google" => vec![vec![READ.to_owned()]],
                _ => Vec::new(),
            },
            read_only: true,
            client_name: None,
        });
        let router = consent::server_router(broker.clone(), people.clone(), offers.collect());
        listener.set_nonblocking(true).unwrap();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let serving = {
            let router = router.clone();
            tokio::spawn(async move { axum::serve(listener, router).await.unwrap() })
        };
        Self {
            sandbox,
            issuer,
            settings,
            broker,
            clock,
            url: Url::parse(&own).unwrap(),
            router,
            people,
            home,
            serving,
        }
    }

    /// The same routes in another process, which has the vault from this one.
    fn elsewhere(&self) -> Router {
        let (broker, _) = Broker::new(self.settings.clone());
        consent::server_router(broker, self.people.clone(), Vec::new())
    }

    /// A user of the issuer, as the MCP endpoint knows them.
    fn caller(&self, user: &str) -> Caller {
        Caller::verified(self.issuer.identifier(), user)
    }

    /// A browser whose person is signed in at the issuer.
    async fn browser_of(&self, user: &str) -> Person {
        let mut person = Person::new();
        person.open(self.issuer.as_user(user)).await.unwrap();
        person
    }

    async fn access(&self, caller: &Caller) -> Access {
        let access = self.broker.access(caller, &google(&[READ])).await;
        access.unwrap()
    }

    /// A call of this caller lacks a grant: its link.
    async fn link_for(&self, caller: &Caller) -> Consent {
        match self.access(caller).await {
            Access::Consent(consent) => consent,
            other => panic!("expected a link, got {other:?}"),
        }
    }

    async fn link(&self, user: &str) -> Url {
        self.link_for(&self.caller(user)).await.link
    }

    /// Connects the account `{user}@example.test`.
    async fn connect(&self, user: &str) -> ConnectionView {
        let link = self.link(user).await;
        let person = self.browser_of(user).await;
        let mut person = person.account(&TestIssuer::email(user));
        let journey = person.follow(link.as_str()).await.unwrap();
        assert_eq!(journey.last().status, 200, "{}", journey.last().body);
        self.connections(user).await.remove(0)
    }

    async fn connections(&self, user: &str) -> Vec<ConnectionView> {
        let caller = self.caller(user);
        self.broker.connections(&caller).await.unwrap()
    }

    fn exchanges(&self) -> usize {
        self.sandbox.count(Site::Google, Endpoint::Exchange)
    }

    fn at(&self, path: &str) -> Url {
        self.url.join(path).unwrap()
    }

    /// A call that is on record.
    async fn record(&self, caller: &Caller, tool: &str, outcome: AuditOutcome) {
        let event = Event {
            client: Some("Test client".to_owned()),
            tool: Some(tool.to_owned()),
            arguments: Some(Hex([7; 32])),
            ..Event::new(AuditKind::Call, outcome, caller, self.clock.now())
        };
        self.broker.record(event).await.unwrap();
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn write_config(
    plan: &Plan<'_>,
    sandbox: &Sandbox,
    issuer: &TestIssuer,
    home: &TempDir,
    public_url: &str,
) -> PathBuf {
    let file = |name: &str, text: &str| {
        let path = home.path().join(name);
        write_private(&path, text);
        format!("\"${{file:{}}}\"", path.display())
    };
    let secret = file("login.secret", CLIENT_SECRET);
    let client = format!("client_id: {CLIENT_ID}, client_secret: {secret}");
    let at = issuer.identifier();
    let login = if plan.login {
        format!("        login: {{ {client} }}\n")
    } else {
        String::new()
    };
    let static_login = if plan.static_login {
        format!("    static_login: {{ issuer: {at}, {client}, user_claim: name }}\n")
    } else {
        String::new()
    };
    let tokens = file("tokens", &format!("ada {}\n", "0".repeat(64)));
    let mut auth = format!(
        "  auth:\n    issuers:\n      - issuer: {at}\n{login}    static_tokens: {tokens}\n{static_login}"
    );
    if plan.local {
        auth.clear();
    }
    let port = free_port();
    let rest = format!(
        "server:\n  public_url: {public_url}\n  callback_port: {port}\n{auth}{}",
        plan.more
    );
    sandbox.write_config(home.path(), &rest).unwrap()
}

fn people(config: &Config, clock: &Clock) -> People {
    let resource = config.server.public_url.join("/mcp").unwrap();
    match &config.server.auth {
        None => People::Local(Caller::local()),
        Some(auth) => {
            let server = ResourceServer::new(auth, resource, Http::new(), clock.clone());
            People::SignIn(server)
        }
    }
}

/// The page that a journey ended with, its first form being the one with this text in it.
fn with_form(journey: &Journey, text: &str) -> Journey {
    let mut journey = journey.clone();
    let page = journey.hops.last_mut().unwrap();
    let form = page
        .body
        .split_inclusive("</form>")
        .find(|part| part.contains(text))
        .unwrap_or_else(|| panic!("no form has {text:?}: {}", page.body));
    let (_, form) = form.rsplit_once("<form").unwrap();
    page.body = format!("<form{form}");
    journey
}

/// What a page says, without its style sheet.
fn body(hop: &Hop) -> &str {
    let (_, body) = hop.body.rsplit_once("</style>").unwrap();
    body
}

/// The requests of a journey that came to this origin.
fn hops_at<'a>(journey: &'a Journey, url: &Url) -> Vec<&'a Hop> {
    let hops = journey.hops.iter();
    hops.filter(|hop| hop.url.origin() == url.origin())
        .collect()
}
