//! The browser's side through its router: the broker and the store are real, browsers are made up.

mod flow;
mod guard;
mod listener;

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{COOKIE, HOST, HeaderMap, LOCATION, SET_COOKIE};
use axum::http::{HeaderValue, Request, StatusCode};
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::sync::mpsc::UnboundedReceiver;
use tower::ServiceExt;
use url::Url;
use valetkey::broker::{Access, Broker, Requirement, Settings};
use valetkey::caller::Caller;
use valetkey::clock::Clock;
use valetkey::config::Config;
use valetkey::http::Http;

/// A key for the vault: 32 zero bytes.
const MASTER_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

const PROVIDERS: &str = r#"
auth:
  providers:
    - id: acme
      description: Acme
      type: oauth2
      client_id: client
      client_secret: ${env:ACME_SECRET}
      oauth2:
        authorization_request: { endpoint: "https://acme.example/authorize" }
        token_request: { endpoint: "https://acme.example/token" }
      api: { base_url: "https://api.acme.example" }
    - id: other
      type: oauth2
      client_id: client
      client_secret: ${env:ACME_SECRET}
      oauth2:
        authorization_request: { endpoint: "https://other.example/authorize" }
        token_request: { endpoint: "https://other.example/token" }
      api: { base_url: "https://api.other.example" }
"#;

/// The routes over a broker with a vault of its own.
struct Site {
    broker: Broker,
    router: Router,
    clock: Clock,
    home: TempDir,
    /// What the broker binds; taken when it is served.
    listeners: Option<UnboundedReceiver<TcpListener>>,
}

impl Site {
    /// At a loopback address, with two providers.
    fn new() -> Self {
        Self::with(PROVIDERS, None)
    }

    fn with(providers: &str, public_url: Option<&str>) -> Self {
        let home = tempfile::tempdir().unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .unwrap()
            .port();
        let public_url =
            public_url.map_or_else(|| format!("http://127.0.0.1:{port}"), str::to_owned);
        let file = home.path().join("valetkey.yaml");
        let yaml = format!(
            "{providers}\nserver: {{ public_url: \"{public_url}\", callback_port: {port} }}\n"
        );
        std::fs::write(&file, yaml).unwrap();
        let directory = home.path().to_owned();
        let config = Config::load_with(Some(&file), &|name| match name {
            "HOME" => Some(directory.clone().into()),
            "VALETKEY_MASTER_KEY" => Some(MASTER_KEY.into()),
            "ACME_SECRET" => Some("secret".into()),
            _ => None,
        })
        .unwrap();
        let clock = Clock::standing_at(Timestamp::UNIX_EPOCH + Duration::from_hours(500_000));
        let (broker, listeners) = Broker::new(Settings {
            config: Arc::new(config),
            http: Http::new(),
            clock: clock.clone(),
        });
        Self {
            router: valetkey::consent::router(broker.clone()),
            broker,
            clock,
            home,
            listeners: Some(listeners),
        }
    }

    /// What browsers write in `Host`.
    fn host(&self) -> String {
        self.origin().split_once("://").unwrap().1.to_owned()
    }

    fn origin(&self) -> String {
        self.broker.public_url().origin().ascii_serialization()
    }

    fn browser(&self) -> Browser<'_> {
        Browser {
            site: self,
            cookie: None,
        }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    /// A request with the right host.
    async fn request(&self, method: &str, path: &str) -> Answer {
        self.send(self.builder(method, path).body(Body::empty()).unwrap())
            .await
    }

    fn builder(&self, method: &str, path: &str) -> axum::http::request::Builder {
        Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.host())
    }

    fn requirement(provider: &str) -> Requirement {
        Requirement {
            toolkit: String::new(),
            provider: provider.to_owned(),
            account: None,
            scopes: vec![vec!["read".to_owned()]],
            read_only: true,
            client_name: Some("Test <b>client</b>".to_owned()),
        }
    }

    /// A call needs the provider: its link, and whether its page was posted.
    async fn link_to(&self, provider: &str) -> (Url, bool) {
        let requirement = Self::requirement(provider);
        match self.broker.access(&Caller::local(), &requirement).await {
            Ok(Access::Consent(consent)) => (consent.link, consent.posted),
            other => panic!("{other:?}"),
        }
    }

    /// The path of the link to `acme`.
    async fn link(&self) -> String {
        self.link_to("acme").await.0.path().to_owned()
    }

    async fn is_posted(&self) -> bool {
        self.link_to("acme").await.1
    }
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().map(|value| value.to_str().unwrap());
        assert!(values.next().is_none(), "{name} came twice");
        value
    }

    fn location(&self) -> &str {
        self.header(LOCATION.as_str()).unwrap()
    }

    /// The hidden field of the connect page.
    fn csrf(&self) -> String {
        let (_, rest) = self.body.split_once("name=\"csrf\" value=\"").unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    }
}

/// A browser with its one cookie.
struct Browser<'a> {
    site: &'a Site,
    cookie: Option<String>,
}

impl Browser<'_> {
    async fn get(&mut self, path: &str) -> Answer {
        let mut request = self.site.builder("GET", path);
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie);
        }
        let answer = self.site.send(request.body(Body::empty()).unwrap()).await;
        if let Some(set) = answer.header(SET_COOKIE.as_str()) {
            self.cookie = Some(set.split(';').next().unwrap().to_owned());
        }
        answer
    }

    /// Posts the form as browsers do from a page with `no-referrer`.
    async fn post(&self, path: &str, csrf: &str) -> Answer {
        let headers = [("origin", "null"), ("sec-fetch-site", "same-origin")];
        self.post_with(path, &format!("csrf={csrf}"), &headers)
            .await
    }

    async fn post_with(&self, path: &str, form: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = self
            .site
            .builder("POST", path)
            .header("content-type", "application/x-www-form-urlencoded");
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie);
        }
        for (name, value) in headers {
            request = request.header(*name, HeaderValue::from_str(value).unwrap());
        }
        self.site
            .send(request.body(Body::from(form.to_owned())).unwrap())
            .await
    }

    /// Opens the link and presses the button: the `state` that the provider got.
    async fn go_to_provider(&mut self, link: &str) -> String {
        let page = self.get(link).await;
        let answer = self.post(link, &page.csrf()).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        let url = Url::parse(answer.location()).unwrap();
        let state = url.query_pairs().find(|(name, _)| name == "state").unwrap();
        state.1.into_owned()
    }
}
