//! The resource server with tokens of an authorization server that is not ours: `oidc-provider`.

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use url::Url;
use valetkey::caller::Caller;
use valetkey::clock::Clock;
use valetkey::config::auth::{Auth, Introspection, Scopes, TokenType, TrustedIssuer};
use valetkey::demo::browser::Person;
use valetkey::http::Http;
use valetkey::resource_server::{Access, Refusal, ResourceServer};

use crate::peers::{Peer, authorize, node};

const CALLBACK: &str = "http://127.0.0.1/oauth/callback/client";
const RESOURCE: &str = "http://127.0.0.1:8418/mcp";
const OTHER: &str = "http://127.0.0.1:9999/mcp";
const OPAQUE: &str = "http://127.0.0.1:8418/opaque";
const NONCE: &str = "a-nonce";

struct AuthorizationServer {
    peer: Peer,
    issuer: String,
}

impl AuthorizationServer {
    async fn start() -> Self {
        let mut command = node("authorization-server.mjs");
        command.args([CALLBACK, RESOURCE, OTHER, OPAQUE]);
        let mut peer = Peer::start(command);
        let issuer = peer.line().await["issuer"].as_str().unwrap().to_owned();
        Self { peer, issuer }
    }

    /// What Ada's client gets for `resource`, after she signed in and agreed.
    async fn tokens(&self, resource: &str, scope: &str) -> Value {
        let verifier = "0123456789-0123456789-0123456789-0123456789";
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
        let mut url = Url::parse(&format!("{}/auth", self.issuer)).unwrap();
        url.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", "mcp-client"),
            ("redirect_uri", CALLBACK),
            ("scope", scope),
            ("resource", resource),
            ("nonce", NONCE),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        let journey = authorize(Person::new().stop_before_callback(), url.as_str()).await;
        let callback = journey.stopped_before.unwrap();
        let code = callback.query_pairs().find(|(name, _)| name == "code");
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", "mcp-client"),
            ("redirect_uri", CALLBACK),
            ("code_verifier", verifier),
            ("code", &code.unwrap().1),
        ];
        self.post("token", &form).await
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Value {
        let http = Http::new();
        let request = http.client().post(format!("{}/{path}", self.issuer));
        let answer = request.form(form).send().await.unwrap();
        let status = answer.status();
        let body = answer.text().await.unwrap();
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap_or_default()
    }

    /// A resource server of ours that trusts it.
    fn protects(&self, resource: &str, clock: &Clock) -> ResourceServer {
        let auth = Auth {
            issuers: vec![TrustedIssuer {
                issuer: self.issuer.clone(),
                audience: resource.to_owned(),
                user_claim: "sub".to_owned(),
                token_type: TokenType::AtJwt,
                scopes: Some(Scopes {
                    read: "mcp:read".to_owned(),
                    write: "mcp:write".to_owned(),
                }),
                introspection: Some(Introspection {
                    client_id: "resource-server".to_owned(),
                    client_secret: SecretString::from("resource-secret"),
                    endpoint: None,
                }),
                login: None,
            }],
            static_tokens: Vec::new(),
            static_login: None,
        };
        let resource = Url::parse(resource).unwrap();
        ResourceServer::new(&auth, resource, Http::new(), clock.clone())
    }
}

fn bearer(tokens: &Value, name: &str) -> HeaderMap {
    let token = tokens[name].as_str().unwrap_or_else(|| panic!("{tokens}"));
    let value = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
    HeaderMap::from_iter([(AUTHORIZATION, value)])
}

fn clock() -> Clock {
    Clock::standing_at(Clock::system().now())
}

#[tokio::test]
#[cfg_attr(
    not(feature = "peers"),
    ignore = "needs Node.js packages: run tests/run"
)]
async fn a_jwt_that_oidc_provider_made_for_us_is_taken_and_one_for_others_is_not() {
    let issuer = AuthorizationServer::start().await;
    let server = issuer.protects(RESOURCE, &clock());

    let tokens = issuer.tokens(RESOURCE, "openid mcp:read mcp:write").await;
    let verified = server.verify(&bearer(&tokens, "access_token")).await;

    let verified = verified.unwrap();
    assert_eq!(verified.caller, Caller::verified(&issuer.issuer, "ada"));
    assert_eq!(verified.access, Access::Write);
    // The ID token that came with it is none, but says who she is.
    let refusal = server.verify(&bearer(&tokens, "id_token")).await;
    assert_eq!(refusal.unwrap_err(), Refusal::InvalidToken);
    let id_token = SecretString::from(tokens["id_token"].as_str().unwrap());
    let known = server.issuer(&issuer.issuer).unwrap();
    let claims = known.verify_id_token(&id_token, "mcp-client", NONCE).await;
    assert_eq!(claims.unwrap().caller, verified.caller);

    let read_only = issuer.tokens(RESOURCE, "openid mcp:read").await;
    let verified = server.verify(&bearer(&read_only, "access_token")).await;
    assert_eq!(verified.unwrap().access, Access::Read);
    let others = issuer.tokens(OTHER, "openid mcp:write").await;
    let refusal = server.verify(&bearer(&others, "access_token")).await;
    assert_eq!(refusal.unwrap_err(), Refusal::InvalidToken);
    // For whom it was made, it is good.
    let other = issuer.protects(OTHER, &clock());
    other
        .verify(&bearer(&others, "access_token"))
        .await
        .unwrap();
    assert_eq!(issuer.peer.finish().await, Vec::<String>::new());
}

#[tokio::test]
#[cfg_attr(
    not(feature = "peers"),
    ignore = "needs Node.js packages: run tests/run"
)]
async fn an_opaque_token_of_oidc_provider_is_good_until_it_is_revoked() {
    let issuer = AuthorizationServer::start().await;
    let clock = clock();
    let server = issuer.protects(OPAQUE, &clock);
    let tokens = issuer.tokens(OPAQUE, "openid mcp:read").await;
    let headers = bearer(&tokens, "access_token");
    assert!(!tokens["access_token"].as_str().unwrap().contains('.'));

    let verified = server.verify(&headers).await.unwrap();

    assert_eq!(verified.caller, Caller::verified(&issuer.issuer, "ada"));
    assert_eq!(verified.access, Access::Read);
    let elsewhere = issuer.protects(RESOURCE, &clock);
    let refusal = elsewhere.verify(&headers).await;
    assert_eq!(refusal.unwrap_err(), Refusal::InvalidToken);

    let token = tokens["access_token"].as_str().unwrap();
    let form = [("client_id", "mcp-client"), ("token", token)];
    issuer.post("token/revocation", &form).await;
    clock.advance(std::time::Duration::from_mins(1));
    let refusal = server.verify(&headers).await;
    assert_eq!(refusal.unwrap_err(), Refusal::InvalidToken);
    assert_eq!(issuer.peer.finish().await, Vec::<String>::new());
}
