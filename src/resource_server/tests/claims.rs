//! What a signed token may say: threats 87, 88, 91, 92, 93, 96.

use super::*;
use crate::resource_server::Access;

/// Each change of a good token, and whether it is still taken.
async fn check(world: &World, cases: &[(Value, bool)]) {
    for (changes, good) in cases {
        let token = world.token(changes);
        assert_eq!(world.accepts(&token).await, *good, "{changes}");
    }
}

/// Threat 87.
#[tokio::test]
async fn only_a_token_made_for_this_server_is_taken() {
    let cases = [
        (json!({ "aud": RESOURCE }), true),
        (json!({ "aud": ["https://other.example", RESOURCE] }), true),
        (json!({ "aud": null }), false),
        (json!({ "aud": "" }), false),
        (json!({ "aud": [] }), false),
        (json!({ "aud": "https://other.example/mcp" }), false),
        (json!({ "aud": "https://mcp.example.com" }), false),
        (json!({ "aud": "https://mcp.example.com/" }), false),
        (json!({ "aud": "https://mcp.example.com/mcp/" }), false),
        (json!({ "aud": "https://mcp.example.com/mcp2" }), false),
        (json!({ "aud": "HTTPS://mcp.example.com/mcp" }), false),
        (
            json!({ "aud": format!("{RESOURCE} https://other.example") }),
            false,
        ),
        (json!({ "aud": [RESOURCE, 1] }), false),
        (json!({ "aud": { RESOURCE: true } }), false),
        (json!({ "aud": true }), false),
        (json!({ "aud": null, "resource": RESOURCE }), false),
    ];
    check(&World::new().await, &cases).await;
}

/// Threat 88.
#[tokio::test]
async fn only_the_issuer_itself_byte_for_byte_is_taken() {
    let world = World::new().await;
    let issuer = world.issuer.url.clone();
    let cases = [
        (json!({}), true),
        (json!({ "iss": null }), false),
        (json!({ "iss": "https://evil.example" }), false),
        (json!({ "iss": format!("{issuer}/") }), false),
        (json!({ "iss": issuer.to_uppercase() }), false),
        (json!({ "iss": [issuer] }), false),
        (json!({ "iss": 1 }), false),
    ];
    check(&world, &cases).await;
}

/// Threat 88: of two trusted issuers, one signs tokens in the name of the other.
#[tokio::test]
async fn an_issuer_cannot_sign_for_another_one() {
    let (ours, theirs) = (Signer::es256(), Signer::es256());
    let a = FakeIssuer::with_keys(&[ours.jwk("k1")]).await;
    let b = FakeIssuer::with_keys(&[theirs.jwk("k1")]).await;
    let clock = Clock::standing_at(Timestamp::from_second(NOW).unwrap());
    let server = server(vec![a.entry(), b.entry()], &clock);
    let header = json!({ "typ": "at+jwt", "alg": "ES256", "kid": "k1" });
    let good = theirs.token(&header, &b.claims().to_string());
    let forged = theirs.token(&header, &a.claims().to_string());
    let verified = server.verify(&bearer(&good)).await.unwrap();
    assert_eq!(verified.caller, Caller::verified(&b.url, "ada"));
    let refusal = server.verify(&bearer(&forged)).await.unwrap_err();
    assert_eq!(refusal, Refusal::InvalidToken);
}

/// Threat 113.
#[tokio::test]
async fn the_same_subject_of_two_issuers_is_two_callers() {
    let (first, second) = (World::new().await, World::new().await);
    let issuers = vec![first.issuer.entry(), second.issuer.entry()];
    let server = server(issuers, &first.clock);
    let mut callers = Vec::new();
    for world in [&first, &second] {
        let headers = bearer(&world.token(&json!({})));
        callers.push(server.verify(&headers).await.unwrap().caller);
    }
    assert_ne!(callers[0], callers[1]);
    assert_ne!(callers[0].digest(), callers[1].digest());
}

/// Threat 91.
#[tokio::test]
async fn a_jwt_that_does_not_say_that_it_is_an_access_token_is_refused() {
    let strict = World::new().await;
    let any = World::with(|entry| entry.token_type = TokenType::Any).await;
    let cases = [
        (json!({ "typ": "at+jwt" }), true, true),
        (json!({ "typ": "AT+JWT" }), true, true),
        (json!({ "typ": "application/at+jwt" }), true, true),
        (json!({ "typ": "JWT" }), false, true),
        (json!({ "typ": null }), false, true),
        // Those have another purpose and say so (RFC 8725 §3.11).
        (json!({ "typ": "logout+jwt" }), false, false),
        (json!({ "typ": "dpop+jwt" }), false, false),
        (json!({ "typ": "" }), false, false),
        (json!({ "typ": ["at+jwt"] }), false, false),
    ];
    for (changes, when_strict, when_any) in cases {
        for (world, good) in [(&strict, when_strict), (&any, when_any)] {
            let header = changed(world.header(), &changes);
            let token = world.signed(&header, &world.issuer.claims());
            assert_eq!(world.accepts(&token).await, good, "{changes}");
        }
    }
}

/// Threat 92.
#[tokio::test]
async fn a_claim_of_the_wrong_type_is_not_the_same_as_none() {
    let world = World::new().await;
    let later = NOW + 100;
    let cases = [
        (json!({ "exp": null }), false),
        (json!({ "exp": "never" }), false),
        (json!({ "exp": later.to_string() }), false),
        (json!({ "exp": [later] }), false),
        (json!({ "exp": true }), false),
        (json!({ "exp": -1 }), false),
        (json!({ "exp": 1_800_000_100.5 }), true),
        (json!({ "nbf": "9999999999" }), false),
        (json!({ "nbf": "0" }), false),
        (json!({ "nbf": 0 }), true),
        (json!({ "iat": "0" }), false),
        (json!({ "iat": null }), true),
        (json!({ "sub": null }), false),
        (json!({ "sub": "" }), false),
        (json!({ "sub": 7 }), false),
        (json!({ "sub": ["ada"] }), false),
        // Bound to a key that the client would have to prove (RFC 9449 §7.1).
        (json!({ "cnf": { "jkt": "abc" } }), false),
    ];
    check(&world, &cases).await;
    let with = |exp: &str| {
        let claims = changed(world.issuer.claims(), &json!({ "exp": 0 })).to_string();
        let claims = claims.replace("\"exp\":0", &format!("\"exp\":{exp}"));
        world.signer.token(&world.header(), &claims)
    };
    assert!(world.accepts(&with("1800000100")).await);
    for exp in ["1e400", "null", "NaN", "Infinity", "{}", "1e", "0"] {
        assert!(!world.accepts(&with(exp)).await, "{exp}");
    }
    for payload in ["", "[]", "null", "{", "\"ada\"", &"[".repeat(5_000)] {
        let token = world.signer.token(&world.header(), payload);
        assert!(!world.accepts(&token).await, "{payload:.20}");
    }
}

/// Threat 93.
#[tokio::test]
async fn clocks_may_differ_by_a_minute() {
    let cases = [
        (json!({ "exp": NOW + 1 }), true),
        (json!({ "exp": NOW - 30 }), true),
        (json!({ "exp": NOW - 59 }), true),
        (json!({ "exp": NOW - 60 }), false),
        (json!({ "exp": NOW - 120 }), false),
        (json!({ "nbf": NOW + 60 }), true),
        (json!({ "nbf": NOW + 120 }), false),
        (json!({ "iat": NOW + 60 }), true),
        (json!({ "iat": NOW + 3_600 }), false),
    ];
    check(&World::new().await, &cases).await;
}

#[tokio::test]
async fn a_token_that_is_remembered_ends_when_it_ends() {
    let world = World::new().await;
    let token = world.token(&json!({ "exp": NOW - 30 }));
    assert!(world.accepts(&token).await);
    world.advance(29);
    assert!(world.accepts(&token).await);
    world.advance(1);
    assert!(!world.accepts(&token).await);
}

/// Threat 96.
#[tokio::test]
async fn scopes_allow_reading_or_all_and_lacking_ones_are_named_at_once() {
    let world = World::with(|entry| entry.scopes = Some(scopes())).await;
    let cases = [
        (json!({ "scope": "mcp:read" }), Some(Access::Read)),
        (json!({ "scope": "openid mcp:write" }), Some(Access::Write)),
        (
            json!({ "scope": "mcp:read mcp:write" }),
            Some(Access::Write),
        ),
        (json!({ "scp": "mcp:write" }), Some(Access::Write)),
        (json!({ "scp": ["openid", "mcp:read"] }), Some(Access::Read)),
        (json!({ "scope": "openid", "scp": "mcp:write" }), None),
        (json!({}), None),
        (json!({ "scope": "" }), None),
        (json!({ "scope": "mcp:reading MCP:READ xmcp:read" }), None),
        (json!({ "scope": "mcp:read,mcp:write" }), None),
    ];
    let named = "Bearer resource_metadata=\"https://mcp.example.com/.well-known/oauth-protected-resource/mcp\", \
                 scope=\"mcp:read mcp:write\", error=\"insufficient_scope\"";
    for (changes, access) in cases {
        let refusal = match (world.verify(&world.token(&changes)).await, access) {
            (Ok(verified), Some(access)) => {
                assert_eq!(verified.access, access, "{changes}");
                assert_eq!(verified.allows_write(), access == Access::Write);
                // Of a tool that writes.
                verified.insufficient()
            }
            (Err(refusal), None) => refusal,
            (verified, _) => panic!("{changes}: {verified:?}"),
        };
        assert_eq!(refusal.status(), StatusCode::FORBIDDEN);
        assert_eq!(world.server.challenge(&refusal), named);
    }
    for scope in [json!(1), json!([["mcp:write"]]), json!({ "mcp:write": 1 })] {
        assert!(
            !world
                .accepts(&world.token(&json!({ "scope": scope })))
                .await
        );
    }
}

#[tokio::test]
async fn without_scopes_in_the_configuration_every_token_allows_all() {
    let world = World::new().await;
    assert!(
        world
            .verify(&world.token(&json!({})))
            .await
            .unwrap()
            .allows_write()
    );
}

#[tokio::test]
async fn the_claim_that_names_the_user_can_be_another_one() {
    let world = World::with(|entry| entry.user_claim = "oid".to_owned()).await;
    let token = world.token(&json!({ "oid": "ada", "sub": "pairwise-1" }));
    assert!(world.accepts(&token).await);
    for lacking in [
        json!({}),
        json!({ "oid": 1 }),
        json!({ "oid": "ada", "sub": null }),
    ] {
        assert!(!world.accepts(&world.token(&lacking)).await, "{lacking}");
    }
}
