//! The endpoint of `valetkey http` in the test's own process, for what takes minutes: its clock is
//! the test's.

use std::net::TcpListener;
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;
use valetkey::broker::{Broker, Settings};
use valetkey::cli::app::App;
use valetkey::clock::Clock;
use valetkey::consent::{self, People};
use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::{Sandbox, SandboxSettings};
use valetkey::http::Http;
use valetkey::mcp::handler::Shared;
use valetkey::mcp::http::{Endpoint, Gate};
use valetkey::resource_server::ResourceServer;
use valetkey::serve::Port;

use crate::frames::modern;
use crate::host::urls;
use crate::http::server::message_of;
use crate::issuer::{CLIENT_ID, CLIENT_SECRET, TestIssuer};
use crate::peers::write_private;
use crate::world::{free_port, load};

/// A server whose users have tokens of an issuer. All end with the value.
pub(super) struct Inside {
    pub(super) clock: Clock,
    pub(super) issuer: TestIssuer,
    pub(super) url: String,
    _sandbox: Sandbox,
    _home: TempDir,
    _port: Port,
}

impl Inside {
    pub(super) async fn new() -> Self {
        let clock = Clock::standing_at("2026-11-23T12:00:00Z".parse().unwrap());
        let issuer = TestIssuer::start(clock.clone()).await;
        let settings = SandboxSettings {
            clock: clock.clone(),
            ..SandboxSettings::default()
        };
        let sandbox = Sandbox::start(settings).await.unwrap();
        let home = TempDir::new().unwrap();
        let listener = TcpListener::bind(("127.0.0.1", free_port())).unwrap();
        listener.set_nonblocking(true).unwrap();
        let bind = listener.local_addr().unwrap();
        let secret = home.path().join("secret");
        write_private(&secret, CLIENT_SECRET);
        let client = format!(
            "{{ client_id: {CLIENT_ID}, client_secret: \"${{file:{}}}\" }}",
            secret.display()
        );
        let rest = format!(
            "server:\n  bind: {bind}\n  auth:\n    issuers:\n      - issuer: {}\n        \
             login: {client}\n        introspection: {client}\n",
            issuer.identifier()
        );
        let config = sandbox.write_config(home.path(), &rest).unwrap();
        let config = load(&config, home.path()).of_http_server(bind);
        let mut app = App::with(config);
        let (broker, _) = Broker::new(Settings {
            config: Arc::clone(&app.config),
            http: app.http.clone(),
            clock: clock.clone(),
        });
        app.broker = broker;
        app.clock = clock.clone();
        let server = &app.config.server;
        let resource = server.public_url.join("mcp").unwrap();
        let auth = server.auth.as_ref().unwrap();
        let resource = ResourceServer::new(auth, resource, app.http.clone(), clock.clone());
        let people = People::SignIn(resource.clone());
        let shared = Arc::new(Shared::new(app.toolbox()));
        let gate = Gate::Bearer(resource);
        let endpoint = Endpoint::new(shared, gate, &server.public_url, &server.listen);
        let pages = consent::server_router(app.broker.clone(), people, Vec::new());
        let port = Port::new(Arc::new(endpoint).router(pages, &server.listen), 64);
        port.listen(listener).unwrap();
        Self {
            clock,
            issuer,
            url: format!("http://{bind}"),
            _sandbox: sandbox,
            _home: home,
            _port: port,
        }
    }

    /// The answer to a call of protocol 2026-07-28.
    pub(super) async fn call(&self, user: &str, params: &Value) -> Value {
        let audience = format!("{}/mcp", self.url);
        let token = self.issuer.access_token(user, &audience, &json!({}));
        message_of(self.ask(&token, params).await).await
    }

    /// The same with this token, whatever it is.
    pub(super) async fn ask(&self, token: &str, params: &Value) -> reqwest::Response {
        let name = params["name"].as_str().unwrap();
        let params = modern(params.clone(), &urls(), "test");
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        let request = Http::new().client().post(format!("{}/mcp", self.url));
        let request = request
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "tools/call")
            .header("mcp-name", name)
            .bearer_auth(token)
            .json(&body);
        request.send().await.unwrap()
    }

    /// Has `user` follow a link to its end.
    pub(super) async fn connect(&self, user: &str, link: &str) {
        let mut person = Person::new();
        person.open(self.issuer.as_user(user)).await.unwrap();
        let journey = person.follow(link).await.unwrap();
        assert_eq!(journey.last().status, 200, "{}", journey.last().body);
    }
}
