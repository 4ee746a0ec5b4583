//! What a test works with: a sandbox provider, a home of its own, and Valetkey on top of them.

use std::ffi::OsString;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use secrecy::SecretString;
use tempfile::TempDir;
use valetkey::broker::{
    Access, Broker, Callback, ConnectionView, Consent, Granted, Requirement, Settings, Visitor,
};
use valetkey::caller::Caller;
use valetkey::clock::Clock;
use valetkey::config::Config;
use valetkey::consent;
use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::{Sandbox, SandboxSettings};
use valetkey::http::Http;

use crate::frames::contents;

/// A scope of the sandbox's Google that `gmail_search` needs.
pub(crate) const READ: &str = "https://www.googleapis.com/auth/gmail.readonly";
/// A scope of the sandbox's Google that `gmail_send_email` needs.
pub(crate) const SEND: &str = "https://www.googleapis.com/auth/gmail.send";

/// Follows a link as its caller, whom the callback port does not know.
pub(crate) async fn sign_in(broker: &Broker, caller: &Caller, link: &str) {
    visit(broker, caller, link, Person::new()).await;
}

/// The same with another account at the provider than the usual one.
pub(crate) async fn sign_in_as(broker: &Broker, caller: &Caller, link: &str, account: &str) {
    visit(broker, caller, link, Person::new().account(account)).await;
}

async fn visit(broker: &Broker, caller: &Caller, link: &str, person: Person) {
    let token = link.rsplit_once('/').unwrap().1;
    let (link, cookie) = (SecretString::from(token), SecretString::from("cookie"));
    let provider = broker.begin(&link, &cookie, caller).await.unwrap();
    let mut person = person.stop_before_callback();
    let journey = person.follow(provider.as_str()).await.unwrap();
    let back = journey.stopped_before.unwrap();
    let parameter = |name: &str| {
        let value = back.query_pairs().find(|(key, _)| key == name);
        value.map(|(_, value)| value.into_owned())
    };
    let callback = Callback {
        provider_id: "google".to_owned(),
        cookie: Some(cookie),
        visitor: Some(Visitor {
            caller: caller.clone(),
            email: None,
        }),
        state: parameter("state").map(SecretString::from),
        code: parameter("code").map(SecretString::from),
        error: None,
        iss: parameter("iss"),
    };
    broker.callback(callback).await.unwrap();
}

/// A sandbox and a home directory. Brokers and servers made from it share both, as processes do.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) clock: Clock,
    pub(crate) port: u16,
    pub(crate) config: PathBuf,
    home: TempDir,
}

impl World {
    /// With the sandbox's usual tokens, and a clock that stands still.
    pub(crate) async fn new() -> Self {
        Self::with(SandboxSettings::default(), "").await
    }

    /// With other tokens, or more lines in the configuration.
    pub(crate) async fn with(settings: SandboxSettings, more: &str) -> Self {
        let clock = Clock::standing_at("2026-11-23T12:00:00Z".parse().unwrap());
        let settings = SandboxSettings {
            clock: clock.clone(),
            ..settings
        };
        Self::at(clock, settings, more, TempDir::new().unwrap()).await
    }

    /// With the home directory on this disk.
    pub(crate) async fn on(disk: &Path, settings: SandboxSettings) -> Self {
        let clock = Clock::standing_at("2026-11-23T12:00:00Z".parse().unwrap());
        let settings = SandboxSettings {
            clock: clock.clone(),
            ..settings
        };
        Self::at(clock, settings, "", TempDir::new_in(disk).unwrap()).await
    }

    /// In the time of the system, for servers in processes of their own.
    pub(crate) async fn in_real_time(settings: SandboxSettings, more: &str) -> Self {
        Self::at(Clock::system(), settings, more, TempDir::new().unwrap()).await
    }

    async fn at(clock: Clock, settings: SandboxSettings, more: &str, home: TempDir) -> Self {
        let sandbox = Sandbox::start(settings).await.unwrap();
        let port = free_port();
        let rest = format!(
            "server:\n  public_url: http://localhost:{port}\n  callback_port: {port}\n{more}"
        );
        let config = sandbox.write_config(home.path(), &rest).unwrap();
        Self {
            sandbox,
            clock,
            port,
            config,
            home,
        }
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// The configuration as a process with this home would load it.
    pub(crate) fn load(&self) -> Config {
        load(&self.config, self.home())
    }

    /// A broker with its browser's side, as one process has them. Ends with the value.
    pub(crate) fn process(&self) -> Process {
        Process::start(self.load(), self.clock.clone())
    }

    /// The same after another one was dropped: its tasks let go of the store in their own time.
    pub(crate) async fn next_process(&self) -> Process {
        let process = self.process();
        while process.broker.connections(&Caller::local()).await.is_err() {
            tokio::task::yield_now().await;
        }
        process
    }

    /// Whether anybody listens on the callback port.
    pub(crate) fn listens(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port)).is_ok()
    }

    /// Every file under the home directory with what is in it, by path. One that is gone meanwhile
    /// is empty.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let paths = contents(self.home()).into_iter();
        let paths = paths.map(|path| self.home().join(path));
        paths
            .filter(|path| !path.is_dir())
            .map(|path| (path.clone(), fs::read(&path).unwrap_or_default()))
            .collect()
    }
}

/// One process's worth of Valetkey, in this process.
pub(crate) struct Process {
    pub(crate) broker: Broker,
    browser: tokio::task::JoinHandle<()>,
}

impl Process {
    pub(crate) fn start(config: Config, clock: Clock) -> Self {
        let (broker, listeners) = Broker::new(Settings {
            config: Arc::new(config),
            http: Http::new(),
            clock,
        });
        let browser = tokio::spawn(consent::listener::serve(broker.clone(), listeners));
        Self { broker, browser }
    }

    /// What the local user's call of a Google tool with these scopes gets.
    pub(crate) async fn access(&self, scopes: &[&str]) -> Access {
        let requirement = google(scopes);
        self.broker
            .access(&Caller::local(), &requirement)
            .await
            .unwrap()
    }

    /// The same where a link is expected.
    pub(crate) async fn consent(&self, scopes: &[&str]) -> Consent {
        match self.access(scopes).await {
            Access::Consent(consent) => consent,
            other => panic!("expected a link, got {other:?}"),
        }
    }

    /// The same where a token is expected.
    pub(crate) async fn granted(&self, scopes: &[&str]) -> Granted {
        match self.access(scopes).await {
            Access::Granted(granted) => granted,
            other => panic!("expected a token, got {other:?}"),
        }
    }

    /// Connects Ada's Google account with these scopes.
    pub(crate) async fn connect(&self, scopes: &[&str]) {
        let link = self.consent(scopes).await.link;
        Person::new().follow(link.as_str()).await.unwrap();
        self.granted(scopes).await;
    }

    /// The same for an account that is named, whatever else is connected.
    pub(crate) async fn connect_account(&self, email: &str, scopes: &[&str]) -> Granted {
        let requirement = Requirement {
            account: Some(email.to_owned()),
            ..google(scopes)
        };
        let me = Caller::local();
        let link = match self.broker.access(&me, &requirement).await.unwrap() {
            Access::Consent(consent) => consent.link,
            other => panic!("expected a link, got {other:?}"),
        };
        let mut person = Person::new().account(email);
        person.follow(link.as_str()).await.unwrap();
        match self.broker.access(&me, &requirement).await.unwrap() {
            Access::Granted(granted) => granted,
            other => panic!("expected a token, got {other:?}"),
        }
    }

    /// The local user's connections.
    pub(crate) async fn connections(&self) -> Vec<ConnectionView> {
        self.broker.connections(&Caller::local()).await.unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.browser.abort();
    }
}

/// A configuration as a process with this home would load it.
pub(crate) fn load(config: &Path, home: &Path) -> Config {
    let home = OsString::from(home);
    Config::load_with(Some(config), &|name| (name == "HOME").then(|| home.clone())).unwrap()
}

/// What a Google tool with these scopes requires.
pub(crate) fn google(scopes: &[&str]) -> Requirement {
    Requirement {
        toolkit: "gmail".to_owned(),
        provider: "google".to_owned(),
        account: None,
        scopes: scopes
            .iter()
            .map(|scope| vec![(*scope).to_owned()])
            .collect(),
        read_only: true,
        client_name: Some("test".to_owned()),
    }
}

/// A port for a callback, outside of the range that the kernel gives to outgoing connections.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let offset = u16::try_from(std::process::id() % 97).unwrap() * 100;
    loop {
        let port = 20_000 + offset + NEXT.fetch_add(1, Ordering::SeqCst) % 2_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
