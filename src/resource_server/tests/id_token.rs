//! ID tokens of the sign-in with a browser.

use super::*;
use crate::config::auth::StaticLogin;
use crate::resource_server::issuer::{IdClaims, Issuer, IssuerError};

fn id_claims(issuer: &FakeIssuer) -> Value {
    json!({
        "iss": issuer.url,
        "sub": "ada",
        "aud": "web",
        "exp": NOW + 300,
        "iat": NOW,
        "nonce": "n-1",
        "email": "ada@example.com",
        "email_verified": true,
        "name": "Ada",
    })
}

async fn check(issuer: &Issuer, token: &str, nonce: &str) -> Result<IdClaims, IssuerError> {
    issuer.verify_id_token(&secret(token), "web", nonce).await
}

#[tokio::test]
async fn an_id_token_for_our_client_and_our_request_says_who_signed_in() {
    let world = World::new().await;
    let issuer = world.server.issuer(&world.issuer.url).unwrap();
    let header = json!({ "alg": "ES256", "kid": "k1" });
    let token =
        |changes: &Value| world.signed(&header, &changed(id_claims(&world.issuer), changes));
    let found = check(issuer, &token(&json!({})), "n-1").await;
    let ada = IdClaims {
        caller: Caller::verified(&world.issuer.url, "ada"),
        email: Some("ada@example.com".to_owned()),
        email_verified: true,
        name: Some("Ada".to_owned()),
    };
    assert_eq!(found, Ok(ada));
    for good in [
        json!({ "aud": ["web", "other"], "azp": "web" }),
        json!({ "aud": ["web"] }),
        json!({ "exp": NOW - 30 }),
    ] {
        assert!(check(issuer, &token(&good), "n-1").await.is_ok(), "{good}");
    }
    let unsure = json!({ "email_verified": "true", "name": null });
    let found = check(issuer, &token(&unsure), "n-1").await.unwrap();
    assert!(!found.email_verified && found.name.is_none());
    for bad in [
        json!({ "nonce": "n-2" }),
        json!({ "nonce": null }),
        json!({ "nonce": 1 }),
        json!({ "aud": "other" }),
        json!({ "aud": RESOURCE }),
        json!({ "aud": ["web", "other"] }),
        json!({ "aud": "web", "azp": "other" }),
        json!({ "aud": "web", "azp": 1 }),
        json!({ "iss": "https://evil.example" }),
        json!({ "iss": null }),
        json!({ "exp": NOW - 120 }),
        json!({ "exp": null }),
        json!({ "iat": null }),
        json!({ "iat": NOW + 3_600 }),
        json!({ "sub": null }),
    ] {
        let found = check(issuer, &token(&bad), "n-1").await;
        assert!(
            matches!(found, Err(IssuerError::Refused(_))),
            "{bad}: {found:?}"
        );
    }
    // An empty nonce is none at all.
    assert!(
        check(issuer, &token(&json!({ "nonce": "" })), "")
            .await
            .is_err()
    );
}

#[tokio::test]
async fn an_access_token_or_an_unsigned_or_forged_one_is_no_id_token() {
    let world = World::new().await;
    let issuer = world.server.issuer(&world.issuer.url).unwrap();
    let claims = id_claims(&world.issuer);
    let plain = json!({ "alg": "ES256", "kid": "k1", "typ": "JWT" });
    assert!(
        check(issuer, &world.signed(&plain, &claims), "n-1")
            .await
            .is_ok()
    );
    for bad in [
        world.signed(&world.header(), &claims),
        world.signed(&json!({ "alg": "none" }), &claims),
        Signer::es256().token(&plain, &claims.to_string()),
        "CANARY".to_owned(),
    ] {
        let error = check(issuer, &bad, "n-1").await.unwrap_err();
        assert!(matches!(error, IssuerError::Refused(_)), "{error}");
        assert!(!error.to_string().contains(&bad));
    }
}

#[tokio::test]
async fn who_signs_in_for_a_static_token_becomes_that_user() {
    let world = World::new().await;
    let auth = Auth {
        issuers: vec![world.issuer.entry()],
        static_tokens: Vec::new(),
        static_login: Some(StaticLogin {
            issuer: world.issuer.url.clone(),
            client: client(),
            user_claim: "preferred_username".to_owned(),
        }),
    };
    let resource = Url::parse(RESOURCE).unwrap();
    let server = ResourceServer::new(&auth, resource, Http::new(), world.clock.clone());
    let named = changed(
        id_claims(&world.issuer),
        &json!({ "preferred_username": "ada.l" }),
    );
    let token = world.signed(&json!({ "alg": "ES256", "kid": "k1" }), &named);
    let found = check(server.issuer("static").unwrap(), &token, "n-1")
        .await
        .unwrap();
    assert_eq!(found.caller, Caller::verified("static", "ada.l"));
    let found = check(server.issuer(&world.issuer.url).unwrap(), &token, "n-1")
        .await
        .unwrap();
    assert_eq!(found.caller, Caller::verified(&world.issuer.url, "ada"));
}
