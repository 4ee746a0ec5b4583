//! Opaque tokens: threat 109.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;

impl World {
    /// What its issuer says of the token `CANARY-opaque`.
    fn says(&self, answer: Value) {
        let mut active = self.issuer.served.active.lock().unwrap();
        active.insert("CANARY-opaque".to_owned(), answer);
    }

    fn introspected(&self) -> usize {
        self.issuer.served.introspected.lock().unwrap().len()
    }
}

fn active(changes: &Value) -> Value {
    let answer = json!({ "active": true, "sub": "ada", "aud": RESOURCE, "exp": NOW + 3_600 });
    changed(answer, changes)
}

#[tokio::test]
async fn the_issuer_is_asked_as_our_client_about_an_opaque_token() {
    let world = World::with(introspecting).await;
    world.says(active(&json!({})));
    assert!(world.accepts("CANARY-opaque").await);
    let asked = world.issuer.served.introspected.lock().unwrap().clone();
    let [(authorization, form)] = asked.as_slice() else {
        panic!("{asked:?}")
    };
    let basic = STANDARD.encode("rs%3A1:CANARY%2B%2F%25");
    assert_eq!(
        authorization.as_deref(),
        Some(format!("Basic {basic}").as_str())
    );
    assert_eq!(form["token"], "CANARY-opaque");
    assert_eq!(form["token_type_hint"], "access_token");
    assert!(!format!("{:?}", world.server).contains("CANARY"));
}

#[tokio::test]
async fn what_the_issuer_says_is_checked_like_the_claims_of_a_jwt() {
    let cases = [
        (json!({}), true),
        (json!({ "exp": null }), true),
        (json!({ "aud": [RESOURCE, "https://other.example"] }), true),
        (json!({ "active": false }), false),
        (json!({ "active": "true" }), false),
        (json!({ "active": 1 }), false),
        (json!({ "active": null }), false),
        (json!({ "aud": null }), false),
        (json!({ "aud": "https://other.example" }), false),
        (json!({ "sub": null }), false),
        (json!({ "sub": 1 }), false),
        (json!({ "iss": "https://other.example" }), false),
        (json!({ "exp": NOW - 120 }), false),
        (json!({ "exp": "never" }), false),
        (json!({ "nbf": NOW + 120 }), false),
        (json!({ "cnf": { "jkt": "x" } }), false),
    ];
    for (changes, good) in cases {
        let world = World::with(introspecting).await;
        world.says(active(&changes));
        assert_eq!(world.accepts("CANARY-opaque").await, good, "{changes}");
    }
    let world = World::with(|entry| {
        introspecting(entry);
        entry.scopes = Some(scopes());
    })
    .await;
    world.says(active(&json!({ "scope": "mcp:read" })));
    assert!(!world.verify("CANARY-opaque").await.unwrap().allows_write());
}

/// Threat 109.
#[tokio::test]
async fn a_withdrawn_token_is_refused_within_a_minute() {
    let world = World::with(introspecting).await;
    world.says(active(&json!({})));
    for _ in 0..10 {
        assert!(world.accepts("CANARY-opaque").await);
    }
    assert_eq!(world.introspected(), 1);
    world.says(json!({ "active": false }));
    world.advance(59);
    assert!(world.accepts("CANARY-opaque").await);
    world.advance(1);
    assert!(!world.accepts("CANARY-opaque").await);
}

#[tokio::test]
async fn an_answer_is_not_kept_beyond_the_tokens_end() {
    let world = World::with(introspecting).await;
    world.says(active(&json!({ "exp": NOW + 10 })));
    assert!(world.accepts("CANARY-opaque").await);
    world.advance(9);
    assert!(world.accepts("CANARY-opaque").await);
    assert_eq!(world.introspected(), 1);
    world.says(json!({ "active": false }));
    world.advance(1);
    assert!(!world.accepts("CANARY-opaque").await);
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_is_not_a_bad_token() {
    let world = World::with(introspecting).await;
    for status in [401, 500, 302] {
        world.says(json!({ "status": status }));
        let refusal = world.verify("CANARY-opaque").await.unwrap_err();
        assert_eq!(refusal, Refusal::Unavailable);
        assert_eq!(refusal.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    world.says(active(&json!({})));
    assert!(world.accepts("CANARY-opaque").await);
}

#[tokio::test]
async fn nobody_is_asked_about_a_jwt_nor_about_anything_without_introspection() {
    let world = World::with(introspecting).await;
    let forged = Signer::es256().token(&world.header(), &world.issuer.claims().to_string());
    let unsigned = world.signed(&json!({ "alg": "none" }), &world.issuer.claims());
    let foreign = world.token(&json!({ "iss": "https://other.example" }));
    for token in [forged, unsigned, foreign] {
        assert!(!world.accepts(&token).await, "{token}");
    }
    assert_eq!(world.introspected(), 0);
    let world = World::new().await;
    world.says(active(&json!({})));
    assert!(!world.accepts("CANARY-opaque").await);
    assert_eq!(world.introspected(), 0);
}
