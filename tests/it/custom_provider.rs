//! A custom provider, as `oidc-provider` plays it: tokens of seconds, refresh tokens that rotate,
//! and a reused one that ends all of its family (RFC 9700 §4.14.2).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use reqwest::StatusCode;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::sleep;
use url::Url;
use valetkey::broker::{Access, BrokerError, Consent, ConsentReason, Granted, Requirement};
use valetkey::caller::Caller;
use valetkey::clock::Clock;
use valetkey::demo::browser::Person;
use valetkey::http::Http;

use crate::peers::{Peer, node, write_private};
use crate::world::{Process, free_port, load};

/// How long an access token lives.
const LIFETIME: Duration = Duration::from_secs(2);

/// The provider, and the home of a Valetkey that is configured for it.
struct Acme {
    peer: Peer,
    issuer: String,
    /// Of each process, one after the other.
    folder: TempDir,
}

impl Acme {
    async fn start() -> Self {
        let port = free_port();
        let public_url = format!("http://localhost:{port}");
        let mut command = node("custom-provider.mjs");
        command
            .arg(format!("{public_url}/oauth/callback/acme"))
            .arg(LIFETIME.as_secs().to_string());
        let mut peer = Peer::start(command);
        let issuer = peer.line().await["issuer"].as_str().unwrap().to_owned();
        let folder = TempDir::new().unwrap();
        let secret = folder.path().join("acme-secret");
        write_private(&secret, "acme-secret");
        let yaml = format!(
            "auth:
  providers:
    - id: acme
      description: Acme
      client_id: acme-client
      client_secret: ${{file:{secret}}}
      oauth2:
        issuer: {issuer}
        authorization_request:
          endpoint: {issuer}/auth
          params: {{ scope: openid email offline_access, prompt: consent }}
        token_request: {{ endpoint: {issuer}/token, auth_method: client_secret_basic }}
        revocation_request: {{ endpoint: {issuer}/token/revocation }}
        user_info_request: {{ endpoint: {issuer}/me }}
      api: {{ base_url: {issuer}/ }}
server:
  public_url: {public_url}
  callback_port: {port}
",
            secret = secret.display(),
        );
        write_private(&folder.path().join("valetkey.yaml"), &yaml);
        fs::create_dir(folder.path().join("home")).unwrap();
        Self {
            peer,
            issuer,
            folder,
        }
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// A process with this home.
    fn process(&self, home: &Path) -> Process {
        let config = load(&self.folder.path().join("valetkey.yaml"), home);
        Process::start(config, Clock::system())
    }

    /// How the next refresh ended.
    async fn refresh(&mut self) -> Value {
        self.peer.line().await["refresh"].take()
    }

    /// What the provider says to a token.
    #[expect(
        clippy::disallowed_methods,
        reason = "the API of a provider without tools is called by hand"
    )]
    async fn user_info(&self, granted: &Granted) -> StatusCode {
        let http = Http::new();
        let request = http.client().get(format!("{}/me", self.issuer));
        let token = granted.access_token.expose_secret();
        let answer = request.bearer_auth(token).send().await.unwrap();
        answer.status()
    }
}

async fn access(process: &Process) -> Access {
    let requirement = Requirement {
        toolkit: String::new(),
        provider: "acme".to_owned(),
        account: None,
        scopes: vec![vec!["openid".to_owned()]],
        read_only: true,
        client_name: None,
    };
    loop {
        match process.broker.access(&Caller::local(), &requirement).await {
            // The process before lets go of the store in its own time.
            Err(BrokerError::Store(_)) => sleep(Duration::from_millis(20)).await,
            access => return access.unwrap(),
        }
    }
}

async fn granted(process: &Process) -> Granted {
    match access(process).await {
        Access::Granted(granted) => granted,
        other => panic!("expected a token, got {other:?}"),
    }
}

async fn consent(process: &Process) -> Consent {
    match access(process).await {
        Access::Consent(consent) => consent,
        other => panic!("expected a link, got {other:?}"),
    }
}

/// Follows a link, signs in as Ada, and consents.
async fn connect(consent: &Consent) {
    let mut person = Person::new();
    let link = Url::parse(consent.link.as_str()).unwrap();
    let mut journey = person.open(link).await.unwrap();
    person.submit(&mut journey, &[]).await.unwrap();
    let sign_in = [("login", "ada"), ("password", "any")];
    person.submit(&mut journey, &sign_in).await.unwrap();
    person.submit(&mut journey, &[]).await.unwrap();
    let page = &journey.last().body;
    assert!(page.contains("ada@example.com"), "{page}");
}

#[tokio::test]
#[cfg_attr(
    not(feature = "peers"),
    ignore = "needs Node.js packages: run tests/run"
)]
async fn short_lived_tokens_are_refreshed_with_rotation_across_restarts() {
    let mut acme = Acme::start().await;
    let mut process = acme.process(&acme.home());
    connect(&consent(&process).await).await;
    let mut last = granted(&process).await;
    assert_eq!(last.account, "ada@example.com");
    assert_eq!(acme.user_info(&last).await, StatusCode::OK);

    for _ in 0..3 {
        sleep(LIFETIME + Duration::from_millis(100)).await;
        assert_eq!(acme.user_info(&last).await, StatusCode::UNAUTHORIZED);
        drop(process);
        process = acme.process(&acme.home());

        last = granted(&process).await;

        assert_eq!(acme.refresh().await, "granted");
        assert_eq!(acme.user_info(&last).await, StatusCode::OK);
    }

    assert_eq!(acme.peer.finish().await, Vec::<String>::new());
}

#[tokio::test]
#[cfg_attr(
    not(feature = "peers"),
    ignore = "needs Node.js packages: run tests/run"
)]
async fn a_reused_refresh_token_needs_one_reconnect_and_never_loops() {
    let mut acme = Acme::start().await;
    let process = acme.process(&acme.home());
    connect(&consent(&process).await).await;
    granted(&process).await;
    drop(process);
    // As after a restore from a backup: what the copy holds is used up by the original.
    let restored = acme.folder.path().join("restored");
    copy(&acme.home(), &restored);
    sleep(LIFETIME + Duration::from_millis(100)).await;
    let process = acme.process(&acme.home());
    granted(&process).await;
    assert_eq!(acme.refresh().await, "granted");
    drop(process);

    let process = acme.process(&restored);
    let asked = consent(&process).await;

    assert_eq!(acme.refresh().await, "invalid_grant");
    let needs_reconnect = matches!(asked.reason, ConsentReason::NeedsReconnect(_));
    assert!(needs_reconnect, "{:?}", asked.reason);
    assert_eq!(asked.account.as_deref(), Some("ada@example.com"));
    for _ in 0..10 {
        assert_eq!(consent(&process).await.link, asked.link);
    }
    connect(&asked).await;
    let granted = granted(&process).await;
    assert_eq!(acme.user_info(&granted).await, StatusCode::OK);
    assert_eq!(acme.peer.finish().await, Vec::<String>::new());
}

/// Copies a folder with its permissions.
fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(status.unwrap().success());
}
