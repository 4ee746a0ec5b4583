//! The resource server against an issuer on loopback. Each test named for a row of the list of
//! threats says which attack it stands for.

mod claims;
mod id_token;
mod introspection;
mod issuers;
mod signatures;
mod signer;
mod tokens;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Form;
use axum::Router;
use axum::extract::State;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use crate::caller::Caller;
use crate::clock::Clock;
use crate::config::auth::{Auth, Introspection, LoginClient, Scopes, TokenType, TrustedIssuer};
use crate::http::Http;
use crate::resource_server::{Refusal, ResourceServer, Verified};
use signer::Signer;

const RESOURCE: &str = "https://mcp.example.com/mcp";

/// The time in these tests.
const NOW: i64 = 1_800_000_000;

/// An issuer on loopback: what it serves can be changed, and what it is asked is counted.
struct FakeIssuer {
    url: String,
    served: Arc<Served>,
}

#[derive(Default)]
struct Served {
    metadata: Mutex<Value>,
    jwks: Mutex<String>,
    /// The status of the document of keys; 0 for 200.
    jwks_status: AtomicU16,
    metadata_asked: AtomicUsize,
    jwks_asked: AtomicUsize,
    /// Paths that nobody should ask for.
    strayed: Mutex<Vec<String>>,
    /// What introspection answers, by token.
    active: Mutex<HashMap<String, Value>>,
    introspected: Mutex<Vec<Introspected>>,
}

impl FakeIssuer {
    async fn with_keys(keys: &[Value]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let served = Arc::new(Served::default());
        *served.metadata.lock().unwrap() = json!({
            "issuer": url,
            "jwks_uri": format!("{url}/jwks"),
            "authorization_endpoint": format!("{url}/authorize"),
            "token_endpoint": format!("{url}/token"),
            "introspection_endpoint": format!("{url}/introspect"),
            "authorization_response_iss_parameter_supported": true,
        });
        let this = Self {
            url,
            served: Arc::clone(&served),
        };
        this.serve(keys);
        let app = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/jwks", get(jwks))
            .route("/introspect", post(introspect))
            .fallback(stray)
            .with_state(served);
        tokio::spawn(async move { axum::serve(listener, app).await });
        this
    }

    fn serve(&self, keys: &[Value]) {
        self.serve_text(&json!({ "keys": keys }).to_string());
    }

    fn serve_text(&self, text: &str) {
        text.clone_into(&mut self.served.jwks.lock().unwrap());
    }

    fn keys_fail_with(&self, status: u16) {
        self.served.jwks_status.store(status, Ordering::SeqCst);
    }

    fn jwks_asked(&self) -> usize {
        self.served.jwks_asked.load(Ordering::SeqCst)
    }

    /// How it is trusted when nothing else is said.
    fn entry(&self) -> TrustedIssuer {
        TrustedIssuer {
            issuer: self.url.clone(),
            audience: RESOURCE.to_owned(),
            user_claim: "sub".to_owned(),
            token_type: TokenType::AtJwt,
            scopes: None,
            introspection: None,
            login: None,
        }
    }

    /// The claims of a good access token for Ada.
    fn claims(&self) -> Value {
        json!({
            "iss": self.url,
            "sub": "ada",
            "aud": RESOURCE,
            "exp": NOW + 3_600,
            "iat": NOW,
            "client_id": "a-client",
            "jti": "1",
        })
    }
}

async fn metadata(State(served): State<Arc<Served>>) -> String {
    served.metadata_asked.fetch_add(1, Ordering::SeqCst);
    served.metadata.lock().unwrap().to_string()
}

async fn jwks(State(served): State<Arc<Served>>) -> Response {
    served.jwks_asked.fetch_add(1, Ordering::SeqCst);
    let body = served.jwks.lock().unwrap().clone();
    match served.jwks_status.load(Ordering::SeqCst) {
        0 => body.into_response(),
        302 => (StatusCode::FOUND, [("location", "/elsewhere")]).into_response(),
        status => (StatusCode::from_u16(status).unwrap(), body).into_response(),
    }
}

async fn introspect(
    State(served): State<Arc<Served>>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    let authorization = headers.get(AUTHORIZATION);
    let authorization = authorization.map(|value| value.to_str().unwrap().to_owned());
    let answer = served.active.lock().unwrap().get(&form["token"]).cloned();
    served
        .introspected
        .lock()
        .unwrap()
        .push((authorization, form));
    let answer = answer.unwrap_or(json!({ "active": false }));
    match answer["status"].as_u64() {
        Some(status) => StatusCode::from_u16(u16::try_from(status).unwrap())
            .unwrap()
            .into_response(),
        None => answer.to_string().into_response(),
    }
}

async fn stray(State(served): State<Arc<Served>>, uri: Uri) -> StatusCode {
    // Looked for before `openid-configuration`.
    if uri.path() != "/.well-known/oauth-authorization-server" {
        served.strayed.lock().unwrap().push(uri.to_string());
    }
    StatusCode::NOT_FOUND
}

/// The `Authorization` header and the form of a question to introspection.
type Introspected = (Option<String>, HashMap<String, String>);

/// An issuer with one key, and a resource server that trusts it.
struct World {
    issuer: FakeIssuer,
    signer: Signer,
    server: ResourceServer,
    clock: Clock,
}

impl World {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut TrustedIssuer)) -> Self {
        let signer = Signer::es256();
        let issuer = FakeIssuer::with_keys(&[signer.jwk("k1")]).await;
        let mut entry = issuer.entry();
        change(&mut entry);
        let clock = Clock::standing_at(Timestamp::from_second(NOW).unwrap());
        Self {
            server: server(vec![entry], &clock),
            issuer,
            signer,
            clock,
        }
    }

    /// A good token for Ada with some claims changed; those that are null are left out.
    fn token(&self, changes: &Value) -> String {
        self.signed(&self.header(), &changed(self.issuer.claims(), changes))
    }

    fn header(&self) -> Value {
        json!({ "typ": "at+jwt", "alg": self.signer.algorithm(), "kid": "k1" })
    }

    fn signed(&self, header: &Value, claims: &Value) -> String {
        self.signer.token(header, &claims.to_string())
    }

    async fn verify(&self, token: &str) -> Result<Verified, Refusal> {
        self.server.verify(&bearer(token)).await
    }

    async fn accepts(&self, token: &str) -> bool {
        match self.verify(token).await {
            Ok(verified) => {
                assert_eq!(verified.caller, Caller::verified(&self.issuer.url, "ada"));
                true
            }
            Err(refusal) => {
                assert_eq!(refusal, Refusal::InvalidToken);
                false
            }
        }
    }

    fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

fn server(issuers: Vec<TrustedIssuer>, clock: &Clock) -> ResourceServer {
    let auth = Auth {
        issuers,
        static_tokens: Vec::new(),
        static_login: None,
    };
    let resource = Url::parse(RESOURCE).unwrap();
    ResourceServer::new(&auth, resource, Http::new(), clock.clone())
}

fn changed(mut claims: Value, changes: &Value) -> Value {
    let all = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            all.remove(name);
        } else {
            all.insert(name.clone(), value.clone());
        }
    }
    claims
}

fn bearer(token: &str) -> HeaderMap {
    let value = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
    HeaderMap::from_iter([(AUTHORIZATION, value)])
}

fn scopes() -> Scopes {
    Scopes {
        read: "mcp:read".to_owned(),
        write: "mcp:write".to_owned(),
    }
}

fn secret(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}

fn client() -> LoginClient {
    LoginClient {
        client_id: "web".to_owned(),
        client_secret: Some(secret("CANARY-login")),
        is_s256_known: false,
    }
}

fn introspecting(entry: &mut TrustedIssuer) {
    entry.introspection = Some(Introspection {
        client_id: "rs:1".to_owned(),
        client_secret: secret("CANARY+/%"),
        endpoint: None,
    });
}
