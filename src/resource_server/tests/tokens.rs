//! How a token comes, and what is told to who has none: threats 85, 86, 95, 108.

use sha2::{Digest, Sha256};

use super::*;
use crate::config::auth::{StaticLogin, StaticToken};

/// Threat 85.
#[tokio::test]
async fn who_has_no_token_is_told_where_to_get_one_and_what_to_ask_for() {
    let world = World::with(|entry| entry.scopes = Some(scopes())).await;
    let basic = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("Basic YTpi"))]);
    for headers in [HeaderMap::new(), basic] {
        let refusal = world.server.verify(&headers).await.unwrap_err();
        assert_eq!(refusal.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(
            world.server.challenge(&refusal),
            "Bearer resource_metadata=\"https://mcp.example.com/.well-known/oauth-protected-resource/mcp\", \
             scope=\"mcp:read mcp:write\""
        );
    }
    let world = World::new().await;
    assert_eq!(
        world.server.challenge(&Refusal::NoToken),
        "Bearer resource_metadata=\"https://mcp.example.com/.well-known/oauth-protected-resource/mcp\""
    );
}

/// Threat 86.
#[tokio::test]
async fn the_metadata_name_this_resource_and_its_issuers_and_no_offline_access() {
    let clock = Clock::system();
    let (a, b) = (World::new().await, World::new().await);
    let mut entries = [a.issuer.entry(), b.issuer.entry()];
    assert_eq!(
        server(entries.to_vec(), &clock).metadata(),
        Some(json!({
            "resource": RESOURCE,
            "resource_name": "Valetkey",
            "authorization_servers": [a.issuer.url, b.issuer.url],
            "bearer_methods_supported": ["header"],
        }))
    );
    entries[0].scopes = Some(scopes());
    entries[1].scopes = Some(Scopes {
        read: "mcp:read".to_owned(),
        write: "admin".to_owned(),
    });
    let metadata = server(entries.to_vec(), &clock).metadata().unwrap();
    assert_eq!(
        metadata["scopes_supported"],
        json!(["mcp:read", "mcp:write", "admin"])
    );
    assert!(!metadata.to_string().contains("offline_access"));
}

/// Threat 95: a token counts in the header alone, which is all that is looked at, and there once.
#[tokio::test]
async fn a_token_comes_in_one_authorization_header_and_is_not_too_long() {
    let world = World::new().await;
    let token = world.token(&json!({}));
    let header = |value: String| HeaderValue::try_from(value).unwrap();
    for good in [
        format!("Bearer {token}"),
        format!("bearer {token}"),
        format!("BEARER   {token} "),
    ] {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, header(good))]);
        world.server.verify(&headers).await.unwrap();
    }
    let mut two = bearer(&token);
    two.append(AUTHORIZATION, header(format!("Bearer {token}")));
    let mut with_basic = bearer(&token);
    with_basic.append(AUTHORIZATION, HeaderValue::from_static("Basic YTpi"));
    let one = |value: String| HeaderMap::from_iter([(AUTHORIZATION, header(value))]);
    let bad = [
        two,
        with_basic,
        one("Bearer".to_owned()),
        one("Bearer ".to_owned()),
        one(format!("Bearer {token}, Bearer {token}")),
        one(format!("Bearer {token} {token}")),
        one(format!("Bearer \"{token}\"")),
        one(format!("Bearer {}", "x".repeat(16 * 1024 + 1))),
    ];
    for headers in bad {
        let refusal = world.server.verify(&headers).await.unwrap_err();
        assert_eq!(refusal, Refusal::InvalidToken);
    }
    let opaque = one(format!("Bearer {}", "\u{e9}"));
    assert_eq!(
        world.server.verify(&opaque).await.unwrap_err(),
        Refusal::InvalidToken
    );
    let elsewhere = [
        ("x-authorization", "Bearer"),
        ("cookie", "access_token="),
        ("access_token", ""),
    ];
    for (name, prefix) in elsewhere {
        let value = header(format!("{prefix} {token}"));
        let headers = HeaderMap::from_iter([(name.parse().unwrap(), value)]);
        assert_eq!(
            world.server.verify(&headers).await.unwrap_err(),
            Refusal::NoToken
        );
    }
}

/// Threat 108.
#[tokio::test]
async fn every_bad_token_gets_the_same_answer() {
    let world = World::with(introspecting).await;
    let good = world.token(&json!({}));
    let (start, _) = good.rsplit_once('.').unwrap();
    let bad = [
        "opaque-and-unknown".to_owned(),
        "a.b.c".to_owned(),
        format!("{start}.AAAA"),
        world.token(&json!({ "exp": NOW - 1_000 })),
        world.token(&json!({ "aud": "https://other.example" })),
        world.token(&json!({ "iss": "https://evil.example" })),
        world.token(&json!({ "sub": null })),
        world.signed(
            &json!({ "alg": "ES256", "kid": "k1" }),
            &world.issuer.claims(),
        ),
        world.signed(
            &json!({ "typ": "at+jwt", "alg": "ES256", "kid": "k9" }),
            &world.issuer.claims(),
        ),
        world.signed(
            &json!({ "typ": "at+jwt", "alg": "none" }),
            &world.issuer.claims(),
        ),
    ];
    for token in bad {
        let refusal = world.verify(&token).await.unwrap_err();
        assert_eq!(refusal, Refusal::InvalidToken, "{token}");
        assert_eq!(refusal.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(
            world.server.challenge(&refusal),
            "Bearer resource_metadata=\"https://mcp.example.com/.well-known/oauth-protected-resource/mcp\", \
             error=\"invalid_token\""
        );
    }
}

#[tokio::test]
async fn a_static_token_is_its_users_and_only_whole() {
    let sha256 = |token: &str| Sha256::digest(token).into();
    let entry = |user: &str, token: &str| StaticToken {
        user: user.to_owned(),
        sha256: sha256(token),
    };
    let auth = Auth {
        issuers: Vec::new(),
        static_tokens: vec![
            entry("ada", "CANARY-ada-1"),
            entry("ada", "CANARY-ada-2"),
            entry("bob", "CANARY-bob"),
        ],
        static_login: Some(StaticLogin {
            issuer: "https://login.example.com".to_owned(),
            client: client(),
            user_claim: "preferred_username".to_owned(),
        }),
    };
    let resource = Url::parse(RESOURCE).unwrap();
    let server = ResourceServer::new(&auth, resource, Http::new(), Clock::system());
    for (token, user) in [
        ("CANARY-ada-1", "ada"),
        ("CANARY-ada-2", "ada"),
        ("CANARY-bob", "bob"),
    ] {
        let verified = server.verify(&bearer(token)).await.unwrap();
        assert_eq!(verified.caller, Caller::verified("static", user));
        assert!(verified.allows_write());
    }
    let digest: [u8; 32] = sha256("CANARY-bob");
    let digest = digest
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    for token in ["CANARY-ada", "CANARY-ada-11", "canary-bob", "bob", &digest] {
        let refusal = server.verify(&bearer(token)).await.unwrap_err();
        assert_eq!(refusal, Refusal::InvalidToken);
    }
    // There is no authorization server that a client could go to.
    assert_eq!(server.metadata(), None);
    assert_eq!(
        server.challenge(&Refusal::NoToken),
        "Bearer realm=\"valetkey\""
    );
    let login = server.issuer("static").unwrap();
    assert_eq!(login.identifier(), "https://login.example.com");
    assert_eq!(login.login().unwrap().client_id, "web");
    assert!(server.issuer("https://login.example.com").is_none());
    assert!(!format!("{server:?}").contains("CANARY"));
}
