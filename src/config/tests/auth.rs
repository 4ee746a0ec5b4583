//! `server.auth`.

use secrecy::ExposeSecret;

use super::mistakes::Mistake;
use super::mistakes::Part::File;
use super::*;
use crate::config::auth::{Scopes, StaticToken, TokenType};

pub(super) const MISTAKES: &[Mistake] = &[
    (
        File,
        "server:\n  auth: {}\n",
        &[":2: server.auth lets nobody in"],
    ),
    (
        File,
        "server:\n  auth: { issuers: [] }\n",
        &[":2: server.auth lets nobody in"],
    ),
    (
        File,
        "server:\n  auth:\n    issuer: CANARY\n",
        &[":3: ", "`issuer`", "`issuers`"],
    ),
    (
        File,
        "server:\n  auth:\n    issuers: https://CANARY.example\n",
        &[":3: a list is expected"],
    ),
    (
        File,
        "server:\n  auth:\n    issuers:\n      - audience: CANARY\n",
        &[":4: server.auth.issuers has no issuer"],
    ),
    (
        File,
        "server:\n  auth:\n    issuers:\n      - issuer: http://CANARY.example\n",
        &[":4: server.auth.issuers.issuer must be an https:// URL"],
    ),
    (
        File,
        "server:\n  auth:\n    issuers:\n      - issuer: https://id.example/?CANARY\n",
        &[":4: server.auth.issuers.issuer must not have a ?query"],
    ),
    (
        File,
        "server:\n  auth:\n    issuers:\n      - issuer: https://id.example/#CANARY\n",
        &[":4: server.auth.issuers.issuer must not have a #fragment"],
    ),
    (
        File,
        "server:\n  auth:\n    issuers:\n      - issuer: https://id.example.com\n        issuer: CANARY\n",
        &[":5: ", "second time"],
    ),
    (
        File,
        "server:\n  auth:\n    issuers:\n      - issuer: https://id.example.com\n      - issuer: https://id.example.com\n",
        &[":5: server.auth.issuers.issuer is the issuer of an earlier entry"],
    ),
    (
        File,
        "server:\n  auth:\n    issuers:\n      - issuer: https://id.example.com\n        audience: ''\n",
        &[":5: server.auth.issuers.audience is empty"],
    ),
    (
        File,
        "server:\n  auth:\n    issuers:\n      - issuer: https://id.example.com\n        user_claim: ${env:EMPTY}\n",
        &[":5: server.auth.issuers.user_claim is empty"],
    ),
    (
        File,
        "server:\n  auth:\n    issuers:\n      - issuer: https://id.example.com\n        token_type: CANARY\n",
        &[":5: server.auth.issuers.token_type must be at+jwt or any"],
    ),
    (
        File,
        "server:\n  auth:\n    issuers:\n      - issuer: https://id.example.com\n        scopes: CANARY\n",
        &[":5: keys with values"],
    ),
    (
        File,
        "server:\n  auth:\n    issuers:\n      - issuer: https://id.example.com\n        scopes: { read: CANARY }\n",
        &[":5: server.auth.issuers.scopes has no write"],
    ),
    (
        File,
        "server:\n  auth:\n    issuers:\n      - issuer: https://id.example.com\n        scopes: { write: CANARY }\n",
        &[":5: server.auth.issuers.scopes has no read"],
    ),
    (
        File,
        "server:\n  auth:\n    issuers:\n      - issuer: https://id.example.com\n        scopes: { read: 'CANARY x', write: y }\n",
        &[":5: server.auth.issuers.scopes.read must be one scope"],
    ),
    (
        File,
        "server:\n  auth:\n    issuers:\n      - issuer: https://id.example.com\n        scopes: { read: x, write: 'CANARY\"' }\n",
        &[":5: server.auth.issuers.scopes.write must be one scope"],
    ),
    (
        File,
        "server:\n  auth:\n    issuers:\n      - issuer: https://id.example.com\n        scopes: { read: offline_access, write: y }\n",
        &[":5: server.auth.issuers.scopes.read says nothing about this server"],
    ),
    (
        File,
        "server:\n  auth:\n    issuers:\n      - issuer: https://id.example.com\n        introspection: { client_id: x }\n",
        &[":5: server.auth.issuers.introspection has no client_secret"],
    ),
    (
        File,
        "server:\n  auth:\n    issuers:\n      - issuer: https://id.example.com\n        introspection: { client_secret: '${env:A}' }\n",
        &[":5: server.auth.issuers.introspection has no client_id"],
    ),
    (
        File,
        "server:\n  auth:\n    issuers:\n      - issuer: https://id.example.com\n        introspection: { client_id: x, client_secret: CANARY }\n",
        &[
            ":5: server.auth.issuers.introspection.client_secret is a secret",
            "${env:NAME}",
        ],
    ),
    (
        File,
        "server:\n  auth:\n    issuers:\n      - issuer: https://id.example.com\n        introspection: { client_id: x, client_secret: '${env:A}', endpoint: 'http://CANARY.example' }\n",
        &[":5: server.auth.issuers.introspection.endpoint must be an https:// URL"],
    ),
    (
        File,
        "server:\n  auth:\n    issuers:\n      - issuer: https://id.example.com\n        login: { client_secret: '${env:A}' }\n",
        &[":5: server.auth.issuers.login has no client_id"],
    ),
    (
        File,
        "server:\n  auth:\n    issuers:\n      - issuer: https://id.example.com\n        login:\n          client_id: x\n          client_secret: CANARY\n",
        &[":7: server.auth.issuers.login.client_secret is a secret"],
    ),
    (
        File,
        "server:\n  auth:\n    issuers:\n      - issuer: https://id.example.com\n        login: { client_id: x, code_challenge_method: plain }\n",
        &[":5: server.auth.issuers.login.code_challenge_method must be S256"],
    ),
    (
        File,
        "server:\n  auth:\n    issuers:\n      - issuer: https://id.example.com\n        login: { client_id: x, redirect_uri: CANARY }\n",
        &[":5: ", "`redirect_uri`"],
    ),
    (
        File,
        "server:\n  auth:\n    static_tokens: ${file:/nowhere/tokens}\n",
        &[
            ":3: server.auth.static_tokens",
            "/nowhere/tokens",
            "cannot be read",
        ],
    ),
    (
        File,
        "server:\n  auth:\n    static_tokens: ada CANARY\n",
        &[
            ":3: server.auth.static_tokens must have a user and the SHA-256 of a token in its line 1",
            "sha256sum",
        ],
    ),
    (
        File,
        "server:\n  auth:\n    static_tokens: \"\\n# CANARY\\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa -\\n\"\n",
        &[":3: server.auth.static_tokens must have", "in its line 3"],
    ),
    (
        File,
        "server:\n  auth:\n    static_tokens: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\n",
        &[":3: server.auth.static_tokens must have"],
    ),
    (
        File,
        "server:\n  auth:\n    static_tokens: \"ada aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\\nbob AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\\n\"\n",
        &[":3: server.auth.static_tokens has a token for the second time in its line 2"],
    ),
    (
        File,
        "server:\n  auth:\n    static_tokens: '# CANARY'\n",
        &[":3: server.auth.static_tokens has no token"],
    ),
    (
        File,
        "server:\n  auth:\n    static_login: { issuer: https://id.example, client_id: x, user_claim: sub }\n",
        &[":3: server.auth.static_login is for the users of server.auth.static_tokens"],
    ),
    (
        File,
        "server:\n  auth:\n    static_tokens: ada aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n    static_login: { issuer: https://id.example, client_id: x }\n",
        &[":4: server.auth.static_login has no user_claim"],
    ),
    (
        File,
        "server:\n  auth:\n    static_tokens: ada aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n    static_login: { client_id: x, user_claim: sub }\n",
        &[":4: server.auth.static_login has no issuer"],
    ),
    (
        File,
        "server:\n  auth:\n    static_tokens: ada aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n    static_login: { issuer: 'http://CANARY.example', client_id: x, user_claim: sub }\n",
        &[":4: server.auth.static_login.issuer must be an https:// URL"],
    ),
    (
        File,
        "server:\n  auth:\n    static_tokens: ada aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n    static_login: { issuer: https://id.example, user_claim: sub }\n",
        &[":4: server.auth.static_login has no client_id"],
    ),
    (
        File,
        "server:\n  auth:\n    static_tokens: ada aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n    static_login: { issuer: https://id.example, user_claim: sub, client_id: x, client_secret: CANARY }\n",
        &[":4: server.auth.static_login.client_secret is a secret"],
    ),
    (
        File,
        "server:\n  auth:\n    issuers:\n      - { issuer: https://a.example, introspection: { client_id: x, client_secret: '${env:A}' } }\n      - { issuer: https://b.example, introspection: { client_id: x, client_secret: '${env:A}' } }\n",
        &[":5: server.auth.issuers.introspection can be set for one issuer only"],
    ),
];

#[test]
fn every_key_of_server_auth_is_taken_over() {
    let home = Home::with_file(
        "server:
  public_url: https://mcp.example.com
  auth:
    issuers:
      - issuer: https://id.example.com/
        audience: api://mcp
        user_claim: oid
        token_type: any
        scopes: { read: 'mcp:read', write: 'mcp:write' }
        introspection: { client_id: rs, client_secret: '${env:RS}', endpoint: 'https://id.example.com/introspect' }
        login: { client_id: web, client_secret: '${env:WEB}', code_challenge_method: S256 }
      - issuer: http://127.0.0.1:4202
        login: { client_id: public }
    static_tokens: ${file:~/tokens}
    static_login: { issuer: https://login.example.com, client_id: st, client_secret: '${env:ST}', user_claim: preferred_username }
",
    )
    .variable("RS", "CANARY-rs")
    .variable("WEB", "CANARY-web")
    .variable("ST", "CANARY-st");
    home.write(
        "tokens",
        &format!(
            "# who: what\n\nada {}\nada, {}\n  Bob B ,\t{}\n",
            "00".repeat(32),
            "0F".repeat(32),
            "a5".repeat(32)
        ),
    );
    let config = home.load().unwrap();
    let auth = config.server.auth.as_ref().unwrap();
    let [first, second] = auth.issuers.as_slice() else {
        panic!("not two issuers")
    };
    assert_eq!(first.issuer, "https://id.example.com/");
    assert_eq!(first.audience, "api://mcp");
    assert_eq!(first.user_claim, "oid");
    assert_eq!(first.token_type, TokenType::Any);
    let scopes = Scopes {
        read: "mcp:read".to_owned(),
        write: "mcp:write".to_owned(),
    };
    assert_eq!(first.scopes, Some(scopes));
    let introspection = first.introspection.as_ref().unwrap();
    assert_eq!(introspection.client_id, "rs");
    assert_eq!(told_secret(&introspection.client_secret), "CANARY-rs");
    let endpoint = introspection.endpoint.as_ref().map(Url::as_str);
    assert_eq!(endpoint, Some("https://id.example.com/introspect"));
    let login = first.login.as_ref().unwrap();
    assert_eq!(login.client_id, "web");
    assert_eq!(
        told_secret(login.client_secret.as_ref().unwrap()),
        "CANARY-web"
    );
    assert_eq!(second.issuer, "http://127.0.0.1:4202", "as written");
    assert_eq!(second.audience, "https://mcp.example.com/mcp");
    assert_eq!(second.user_claim, "sub");
    assert_eq!(second.token_type, TokenType::AtJwt);
    assert_eq!(second.scopes, None);
    assert!(second.introspection.is_none());
    assert!(login.is_s256_known);
    let login = second.login.as_ref().unwrap();
    assert!(login.client_secret.is_none() && !login.is_s256_known);
    let token = |user: &str, byte| StaticToken {
        user: user.to_owned(),
        sha256: [byte; 32],
    };
    let tokens = [token("ada", 0), token("ada", 0x0f), token("Bob B", 0xa5)];
    assert_eq!(auth.static_tokens, tokens);
    let login = auth.static_login.as_ref().unwrap();
    assert_eq!(login.issuer, "https://login.example.com");
    assert_eq!(login.client.client_id, "st");
    assert_eq!(
        told_secret(login.client.client_secret.as_ref().unwrap()),
        "CANARY-st"
    );
    assert_eq!(login.user_claim, "preferred_username");
    assert!(!format!("{config:?}").contains("CANARY"));
}

#[expect(clippy::disallowed_methods, reason = "what was read is compared")]
fn told_secret(secret: &SecretString) -> &str {
    secret.expose_secret()
}
