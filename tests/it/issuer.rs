//! An OIDC provider for tests: its users have no password, its tokens are signed (ES256), and it
//! can be told to get things wrong.
//!
//! A browser that opened [`TestIssuer::as_user`] is signed in there as that user, so that an
//! authorization request is answered at once; any other gets a page that asks who it is.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::extract::{Path, RawForm, RawQuery, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use url::{Url, form_urlencoded};
use valetkey::clock::Clock;

/// The one client that is registered.
pub(crate) const CLIENT_ID: &str = "valetkey-login";
/// Its secret. The characters need their encoding (RFC 6749 §2.3.1).
pub(crate) const CLIENT_SECRET: &str = "login secret+%";

const KEY_ID: &str = "test-key";
const COOKIE_NAME: &str = "issuer_user";

/// A running issuer. It ends with the value.
pub(crate) struct TestIssuer {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    identifier: String,
    clock: Clock,
    key: EcdsaKeyPair,
    state: Mutex<Inside>,
}

/// Changes the claims of the next ID tokens, or the parameters of the next answers.
type Changed<T> = Option<fn(&mut T)>;

#[derive(Default)]
struct Inside {
    codes: HashMap<String, Asked>,
    unverified: Vec<String>,
    change_claims: Changed<Value>,
    change_answer: Changed<Vec<(String, String)>>,
    change_metadata: Changed<Value>,
    /// What introspection says of opaque tokens.
    opaque: HashMap<String, Value>,
    requests: Vec<&'static str>,
}

/// An authorization request that was answered with a code.
struct Asked {
    user: String,
    redirect_uri: String,
    nonce: String,
    challenge: String,
}

type Parameters = HashMap<String, String>;

fn parameters(text: &[u8]) -> Parameters {
    form_urlencoded::parse(text).into_owned().collect()
}

impl TestIssuer {
    /// Starts on a port of its own. `clock` is what `iat` and `exp` are counted from.
    pub(crate) async fn start(clock: Clock) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let identifier = format!("http://{}", listener.local_addr().unwrap());
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let key = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let shared = Arc::new(Shared {
            identifier,
            clock,
            key: EcdsaKeyPair::from_pkcs8(algorithm, key.as_ref(), &random).unwrap(),
            state: Mutex::default(),
        });
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/.well-known/oauth-authorization-server", get(metadata))
            .route("/jwks", get(jwks))
            .route("/as/{user}", get(become_user))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/introspect", post(introspect))
            .with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { shared, task }
    }

    /// Its identifier, for the configuration: no slash at the end.
    pub(crate) fn identifier(&self) -> &str {
        &self.shared.identifier
    }

    /// The page that signs a browser in as this user.
    pub(crate) fn as_user(&self, user: &str) -> Url {
        Url::parse(&format!("{}/as/{user}", self.identifier())).unwrap()
    }

    /// The user's e-mail address.
    pub(crate) fn email(user: &str) -> String {
        format!("{user}@example.test")
    }

    /// Did not verify this user's address.
    pub(crate) fn does_not_verify(&self, user: &str) {
        self.state().unverified.push(user.to_owned());
    }

    /// Changes the claims of all ID tokens from now on; none: leaves them as they are.
    pub(crate) fn change_claims(&self, change: Changed<Value>) {
        self.state().change_claims = change;
    }

    /// Changes the parameters with which browsers are sent back from now on.
    pub(crate) fn change_answer(&self, change: Changed<Vec<(String, String)>>) {
        self.state().change_answer = change;
    }

    /// Changes its metadata from now on; none: leaves them as they are.
    pub(crate) fn change_metadata(&self, change: Changed<Value>) {
        self.state().change_metadata = change;
    }

    /// An opaque access token of `user` for the resource `audience` (RFC 7662).
    pub(crate) fn opaque_token(&self, user: &str, audience: &str) -> String {
        let token = format!("opaque-token-of-{user}");
        let now = self.shared.clock.now().as_second();
        let claims = json!({ "active": true, "iss": self.identifier(), "sub": user,
                             "aud": audience, "exp": now + 3_600 });
        self.state().opaque.insert(token.clone(), claims);
        token
    }

    /// Withdraws all opaque tokens.
    pub(crate) fn withdraw(&self) {
        self.state().opaque.clear();
    }

    /// How many requests came to an endpoint: `authorize`, `token`, `jwks`, `metadata`.
    pub(crate) fn count(&self, endpoint: &str) -> usize {
        let state = self.state();
        state
            .requests
            .iter()
            .filter(|one| **one == endpoint)
            .count()
    }

    /// An access token of `user` for the resource `audience` (RFC 9068), with `changes` to its
    /// claims; a claim that is changed to null is left out.
    pub(crate) fn access_token(&self, user: &str, audience: &str, changes: &Value) -> String {
        let now = self.shared.clock.now().as_second();
        let mut claims = json!({
            "iss": self.identifier(),
            "sub": user,
            "aud": audience,
            "client_id": "mcp-client",
            "jti": format!("{user}-{now}"),
            "iat": now,
            "exp": now + 300,
            "email": Self::email(user),
            "email_verified": true,
        });
        let map = claims.as_object_mut().unwrap();
        for (name, value) in changes.as_object().into_iter().flatten() {
            map.insert(name.clone(), value.clone());
        }
        map.retain(|_, value| !value.is_null());
        self.shared.sign("at+jwt", &claims)
    }

    fn state(&self) -> MutexGuard<'_, Inside> {
        self.shared.state.lock().unwrap()
    }
}

impl Drop for TestIssuer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    /// A signed token (RFC 7515).
    fn sign(&self, kind: &str, claims: &Value) -> String {
        let header = json!({ "alg": "ES256", "kid": KEY_ID, "typ": kind });
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(&header), part(claims));
        let signature = self.key.sign(&SystemRandom::new(), text.as_bytes());
        let signature = BASE64_URL_SAFE_NO_PAD.encode(signature.unwrap());
        format!("{text}.{signature}")
    }
}

async fn metadata(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let at = |path: &str| format!("{}/{path}", shared.identifier);
    let mut inside = shared.state.lock().unwrap();
    inside.requests.push("metadata");
    let mut metadata = json!({
        "issuer": shared.identifier,
        "authorization_endpoint": at("authorize"),
        "token_endpoint": at("token"),
        "jwks_uri": at("jwks"),
        "introspection_endpoint": at("introspect"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
    });
    if let Some(change) = inside.change_metadata {
        change(&mut metadata);
    }
    Json(metadata)
}

async fn introspect(State(shared): State<Arc<Shared>>, RawForm(form): RawForm) -> Json<Value> {
    let given = parameters(&form);
    let mut inside = shared.state.lock().unwrap();
    inside.requests.push("introspect");
    let known = given
        .get("token")
        .and_then(|token| inside.opaque.get(token));
    Json(known.cloned().unwrap_or_else(|| json!({ "active": false })))
}

async fn jwks(State(shared): State<Arc<Shared>>) -> Json<Value> {
    shared.state.lock().unwrap().requests.push("jwks");
    // An uncompressed point: 4, then both coordinates (SEC 1 §2.3.3).
    let (x, y) = shared.key.public_key().as_ref()[1..].split_at(32);
    let encoded = |bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    Json(json!({ "keys": [{
        "kty": "EC",
        "crv": "P-256",
        "x": encoded(x),
        "y": encoded(y),
        "use": "sig",
        "alg": "ES256",
        "kid": KEY_ID,
    }] }))
}

async fn become_user(Path(user): Path<String>) -> Response {
    let cookie = format!("{COOKIE_NAME}={user}; Path=/; HttpOnly; SameSite=Lax");
    ([(SET_COOKIE, cookie)], Html("You are signed in here.")).into_response()
}

fn signed_in_user(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get(COOKIE)?.to_str().ok()?;
    let mut pairs = cookies.split("; ").filter_map(|pair| pair.split_once('='));
    let (_, user) = pairs.find(|(name, _)| *name == COOKIE_NAME)?;
    Some(user.to_owned())
}

async fn authorize(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let asked = parameters(query.unwrap_or_default().as_bytes());
    let mut inside = shared.state.lock().unwrap();
    inside.requests.push("authorize");
    let get = |name: &str| asked.get(name).cloned().unwrap_or_default();
    let is_good = get("client_id") == CLIENT_ID
        && get("response_type") == "code"
        && get("code_challenge_method") == "S256"
        && get("code_challenge").len() == 43
        && get("scope").split(' ').any(|scope| scope == "openid")
        && get("redirect_uri").ends_with("/login/callback");
    if !is_good {
        return (StatusCode::BAD_REQUEST, "not a request of OpenID Connect").into_response();
    }
    let Some(user) = signed_in_user(&headers) else {
        return Html("<!doctype html><title>Issuer</title><h1>Who are you?</h1>").into_response();
    };
    let code = format!("code-{}", inside.requests.len());
    let mut answer = vec![
        ("code".to_owned(), code.clone()),
        ("state".to_owned(), get("state")),
        ("iss".to_owned(), shared.identifier.clone()),
    ];
    if let Some(change) = inside.change_answer {
        change(&mut answer);
    }
    let mut back = Url::parse(&get("redirect_uri")).unwrap();
    back.query_pairs_mut().extend_pairs(answer);
    let asked = Asked {
        user,
        redirect_uri: get("redirect_uri"),
        nonce: get("nonce"),
        challenge: get("code_challenge"),
    };
    inside.codes.insert(code, asked);
    let location = HeaderValue::try_from(back.as_str()).unwrap();
    (StatusCode::FOUND, [(LOCATION, location)]).into_response()
}

async fn token(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    RawForm(form): RawForm,
) -> Response {
    let given = parameters(&form);
    let mut inside = shared.state.lock().unwrap();
    inside.requests.push("token");
    let encoded =
        |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
    let client = format!("{}:{}", encoded(CLIENT_ID), encoded(CLIENT_SECRET));
    let expected = format!("Basic {}", BASE64_STANDARD.encode(client));
    if headers.get(AUTHORIZATION).is_none_or(|it| it != &*expected) {
        return refused(StatusCode::UNAUTHORIZED, "invalid_client");
    }
    let code = given.get("code").map(String::as_str).unwrap_or_default();
    let Some(asked) = inside.codes.remove(code) else {
        return refused(StatusCode::BAD_REQUEST, "invalid_grant");
    };
    let verifier = given.get("code_verifier").map(String::as_str);
    let challenge = Sha256::digest(verifier.unwrap_or_default());
    let is_good = given
        .get("grant_type")
        .is_some_and(|it| it == "authorization_code")
        && given.get("redirect_uri") == Some(&asked.redirect_uri)
        && BASE64_URL_SAFE_NO_PAD.encode(challenge) == asked.challenge;
    if !is_good {
        return refused(StatusCode::BAD_REQUEST, "invalid_grant");
    }
    let now = shared.clock.now().as_second();
    let mut claims = json!({
        "iss": shared.identifier,
        "sub": asked.user,
        "aud": CLIENT_ID,
        "iat": now,
        "exp": now + 300,
        "nonce": asked.nonce,
        "email": TestIssuer::email(&asked.user),
        "email_verified": !inside.unverified.contains(&asked.user),
        "name": asked.user,
    });
    if let Some(change) = inside.change_claims {
        change(&mut claims);
    }
    Json(json!({
        "access_token": "CANARY-issuer-access",
        "refresh_token": "CANARY-issuer-refresh",
        "token_type": "Bearer",
        "expires_in": 300,
        "id_token": shared.sign("JWT", &claims),
    }))
    .into_response()
}

fn refused(status: StatusCode, error: &str) -> Response {
    let body = json!({ "error": error }).to_string();
    (status, [(CONTENT_TYPE, "application/json")], body).into_response()
}
