//! Signatures and keys: threats 89, 90, 94.

use super::*;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

#[tokio::test]
async fn each_type_of_key_verifies_its_own_signatures_and_no_changed_token() {
    for signer in [Signer::es256(), Signer::ed25519(), Signer::rs256()] {
        let mut world = World::new().await;
        world.issuer.serve(&[signer.jwk("k1")]);
        world.signer = signer;
        let token = world.token(&json!({}));
        assert!(world.accepts(&token).await, "{}", world.signer.algorithm());
        let other = world.token(&json!({ "sub": "bob" }));
        let (start, signature) = token.rsplit_once('.').unwrap();
        let (others_start, _) = other.rsplit_once('.').unwrap();
        for changed in [
            format!("{others_start}.{signature}"),
            format!("{start}."),
            format!("{start}.{}", &signature[4..]),
            format!("{token}."),
            format!(".{token}"),
        ] {
            assert!(!world.accepts(&changed).await, "{changed}");
        }
    }
}

/// Threat 89.
#[tokio::test]
async fn a_token_whose_algorithm_is_not_that_of_the_key_is_refused() {
    let world = World::new().await;
    let (ec, ed, rsa) = (Signer::es256(), Signer::ed25519(), Signer::rs256());
    let only_ps256 = changed(rsa.jwk("ps"), &json!({ "alg": "PS256" }));
    let for_encryption = changed(rsa.jwk("enc"), &json!({ "use": "enc" }));
    let shared = b"CANARY-shared-secret-of-32-bytes";
    let symmetric = json!({ "kty": "oct", "kid": "oct", "k": URL_SAFE_NO_PAD.encode(shared) });
    world.issuer.serve(&[
        ec.jwk("ec"),
        ed.jwk("ed"),
        rsa.jwk("rsa"),
        only_ps256,
        for_encryption,
        symmetric,
    ]);
    let claims = world.issuer.claims().to_string();
    let header = |alg: &str, kid: &str| json!({ "typ": "at+jwt", "alg": alg, "kid": kid });
    assert!(
        world
            .accepts(&rsa.token(&header("RS256", "rsa"), &claims))
            .await
    );
    assert!(
        world
            .accepts(&ed.token(&header("EdDSA", "ed"), &claims))
            .await
    );

    let mut bad = vec![
        ec.token(&header("ES256", "rsa"), &claims),
        rsa.token(&header("RS256", "ec"), &claims),
        ed.token(&header("EdDSA", "ec"), &claims),
        ec.token(&header("EdDSA", "ec"), &claims),
        ec.token(&header("ES384", "ec"), &claims),
        rsa.token(&header("PS256", "rsa"), &claims),
        rsa.token(&header("RS256", "ps"), &claims),
        rsa.token(&header("RS256", "enc"), &claims),
    ];
    // Without a signature.
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let token = ec.token(&header(alg, "ec"), &claims);
        let (start, _) = token.rsplit_once('.').unwrap();
        bad.extend([format!("{start}."), start.to_owned(), token]);
    }
    // With a public key, or a key that the issuer shares with somebody, as the secret of an HMAC.
    let jwk = rsa.jwk("rsa");
    let modulus = jwk["n"].as_str().unwrap();
    let secrets = [
        (URL_SAFE_NO_PAD.decode(modulus).unwrap(), "rsa"),
        (modulus.as_bytes().to_vec(), "rsa"),
        (jwk.to_string().into_bytes(), "rsa"),
        (shared.to_vec(), "oct"),
    ];
    for (secret, kid) in secrets {
        let token = ec.token(&header("HS256", kid), &claims);
        let (start, _) = token.rsplit_once('.').unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let tag = hmac::sign(&key, start.as_bytes());
        bad.push(format!("{start}.{}", URL_SAFE_NO_PAD.encode(tag)));
    }
    for token in bad {
        assert!(!world.accepts(&token).await, "{token}");
    }
}

/// Threat 90.
#[tokio::test]
async fn a_thousand_unknown_keys_cost_one_request_in_thirty_seconds() {
    let world = World::new().await;
    assert!(world.accepts(&world.token(&json!({}))).await);
    assert_eq!(world.issuer.jwks_asked(), 1);
    let unknown = |n: usize| {
        let header = json!({ "typ": "at+jwt", "alg": "ES256", "kid": format!("../{n}") });
        world.signed(&header, &world.issuer.claims())
    };
    for n in 0..1_000 {
        assert!(!world.accepts(&unknown(n)).await);
    }
    assert_eq!(world.issuer.jwks_asked(), 2);
    world.advance(29);
    assert!(!world.accepts(&unknown(1_000)).await);
    assert_eq!(world.issuer.jwks_asked(), 2);
    world.advance(1);
    assert!(!world.accepts(&unknown(1_001)).await);
    assert_eq!(world.issuer.jwks_asked(), 3);
}

/// Threat 90.
#[tokio::test]
async fn a_key_that_the_token_brings_or_points_to_is_not_looked_at() {
    let world = World::new().await;
    let mine = Signer::es256();
    let elsewhere = FakeIssuer::with_keys(&[mine.jwk("k1")]).await;
    let claims = world.issuer.claims().to_string();
    for brought in [
        json!({ "jku": format!("{}/jwks", elsewhere.url) }),
        json!({ "x5u": format!("{}/jwks", elsewhere.url) }),
        json!({ "jwk": mine.jwk("k1") }),
        json!({ "x5c": ["AAAA"] }),
    ] {
        let header = changed(world.header(), &brought);
        assert!(
            !world.accepts(&mine.token(&header, &claims)).await,
            "{brought}"
        );
        // They do no harm either when the signature is the issuer's.
        assert!(
            world.accepts(&world.signer.token(&header, &claims)).await,
            "{brought}"
        );
    }
    assert_eq!(elsewhere.jwks_asked(), 0);
    for refused in [json!({ "crit": ["exp"] }), json!({ "zip": "DEF" })] {
        let header = changed(world.header(), &refused);
        assert!(
            !world.accepts(&world.signer.token(&header, &claims)).await,
            "{refused}"
        );
    }
}

#[tokio::test]
async fn a_token_without_kid_is_verified_by_the_one_key_of_its_algorithm() {
    let world = World::new().await;
    let header = json!({ "typ": "at+jwt", "alg": "ES256" });
    let token = |sub: &str| {
        let claims = changed(world.issuer.claims(), &json!({ "jti": sub }));
        world.signed(&header, &claims)
    };
    assert!(world.accepts(&token("1")).await);
    let keys = [world.signer.jwk("k1"), Signer::es256().jwk("k2")];
    world.issuer.serve(&keys);
    world.advance(600);
    assert!(!world.accepts(&token("2")).await, "which one is not said");
}

/// Threat 94.
#[tokio::test]
async fn a_new_key_works_after_one_request_and_a_withdrawn_one_ends_with_the_lifetime() {
    let mut world = World::new().await;
    let old = world.token(&json!({}));
    assert!(world.accepts(&old).await);
    world.signer = Signer::es256();
    world.issuer.serve(&[world.signer.jwk("k2")]);
    let header = json!({ "typ": "at+jwt", "alg": "ES256", "kid": "k2" });
    let new = world.signed(&header, &world.issuer.claims());
    assert!(world.accepts(&new).await);
    assert_eq!(world.issuer.jwks_asked(), 2);
    world.advance(60);
    assert!(!world.accepts(&old).await, "its key is gone");
}

/// Threat 94.
#[tokio::test]
async fn kept_keys_work_on_through_an_outage_and_no_broken_document_replaces_them() {
    let world = World::new().await;
    let mut tried = 0;
    let mut token = || {
        tried += 1;
        world.token(&json!({ "jti": tried.to_string(), "exp": NOW + 1_000_000 }))
    };
    assert!(world.accepts(&token()).await);
    let asked = world.issuer.jwks_asked();
    let key = world.signer.jwk("k1");
    let documents = [
        json!({ "keys": [] }).to_string(),
        json!({ "keys": "none" }).to_string(),
        json!({ "keys": [{ "kty": "oct", "k": "AAAA", "kid": "k1" }, 1, null] }).to_string(),
        json!([key]).to_string(),
        "{\"keys\": [".to_owned(),
        "<html>Welcome</html>".to_owned(),
        format!(
            "{{\"pad\": \"{}\", \"keys\": [{key}]}}",
            "x".repeat(512 * 1024)
        ),
        String::new(),
    ];
    for (n, document) in documents.iter().enumerate() {
        world.issuer.serve_text(document);
        world.advance(600);
        assert!(world.accepts(&token()).await, "{document:.60}");
        assert_eq!(world.issuer.jwks_asked(), asked + n + 1);
    }
    for status in [500, 503, 404, 302] {
        world.issuer.keys_fail_with(status);
        world.advance(3_600);
        assert!(world.accepts(&token()).await, "{status}");
        assert!(world.accepts(&token()).await, "{status}");
    }
    assert_eq!(world.issuer.jwks_asked(), asked + documents.len() + 4);
    assert!(world.issuer.served.strayed.lock().unwrap().is_empty());
    // Not for ever.
    world.advance(24 * 3_600);
    let refusal = world.verify(&token()).await.unwrap_err();
    assert_eq!(refusal, Refusal::Unavailable);
    world.issuer.keys_fail_with(0);
    world.issuer.serve(&[key]);
    world.advance(2);
    assert!(world.accepts(&token()).await);
}

#[tokio::test]
async fn a_hundred_first_calls_at_once_ask_for_the_keys_once() {
    let world = World::new().await;
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..100 {
        let headers = bearer(&world.token(&json!({ "jti": n.to_string() })));
        let server = world.server.clone();
        calls.spawn(async move { server.verify(&headers).await });
    }
    while let Some(verified) = calls.join_next().await {
        verified.unwrap().unwrap();
    }
    assert_eq!(world.issuer.jwks_asked(), 1);
    assert_eq!(world.issuer.served.metadata_asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_call_that_is_given_up_does_not_undo_the_request_for_keys() {
    let world = World::new().await;
    let headers = bearer(&world.token(&json!({})));
    let mut call = Box::pin(world.server.verify(&headers));
    // Polled once, so that it has begun.
    std::future::poll_fn(|context| {
        let _ = call.as_mut().poll(context);
        std::task::Poll::Ready(())
    })
    .await;
    drop(call);
    world.server.verify(&headers).await.unwrap();
    assert_eq!(world.issuer.jwks_asked(), 1);
}
