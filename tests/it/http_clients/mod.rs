//! `valetkey http` with clients made by others. The person's browser is Chromium.

mod inspector;
mod sdks;

use serde_json::{Value, json};
use tempfile::TempDir;
use valetkey::demo::sandbox::{Sandbox, SandboxSettings};

use crate::http::server::HttpServer;
use crate::peers::{Peer, node, write_private};
use crate::world::free_port;

/// A server that `oidc-provider` protects. Both end with the value.
struct Protected {
    server: HttpServer,
    _issuer: Peer,
    /// What the configuration names.
    _secret: TempDir,
}

impl Protected {
    async fn new() -> Self {
        let port = free_port();
        let own = format!("http://127.0.0.1:{port}");
        let mut command = node("authorization-server.mjs");
        command.args([format!("{own}/login/callback"), format!("{own}/mcp")]);
        let mut issuer = Peer::start(command);
        let found = issuer.line().await;
        let secret = TempDir::new().unwrap();
        let file = secret.path().join("login");
        write_private(&file, "login-secret");
        let auth = format!(
            "  auth:
    issuers:
      - issuer: {}
        scopes: {{ read: mcp:read, write: mcp:write }}
        login: {{ client_id: valetkey, client_secret: \"${{file:{}}}\" }}
",
            found["issuer"].as_str().unwrap(),
            file.display()
        );
        let sandbox = Sandbox::start(SandboxSettings::default()).await.unwrap();
        Self {
            server: HttpServer::start(TempDir::new().unwrap(), sandbox, port, &auth),
            _issuer: issuer,
            _secret: secret,
        }
    }
}

/// Opens a link in a browser of its own, and allows what it asks for: the heading of the last page.
/// Where people sign in, as this user.
async fn open(link: &str, user: Option<&str>) -> Value {
    let pictures = TempDir::new().unwrap();
    let mut command = node("click.mjs");
    command.arg(link).arg(pictures.path());
    if let Some(user) = user {
        command.args(["--as", user]);
    }
    let mut browser = Peer::start(command);
    let mut end = browser.line().await;
    browser.finish().await;
    end["heading"].take()
}

async fn connect(link: &str, user: Option<&str>) {
    assert_eq!(open(link, user).await, json!("Google is connected"));
}

fn assert_found(answer: &Value) {
    assert_ne!(answer["isError"], true, "{answer}");
    assert_eq!(answer["structuredContent"]["account"], "ada@example.test");
}
