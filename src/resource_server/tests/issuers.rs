//! The metadata of issuers.

use super::*;
use crate::resource_server::issuer::IssuerError;

#[tokio::test]
async fn the_metadata_of_an_issuer_are_kept_for_an_hour() {
    let world = World::new().await;
    let url = &world.issuer.url;
    let issuer = world.server.issuer(url).unwrap();
    for _ in 0..3 {
        let found = issuer.discovered().await.unwrap();
        let endpoint = found.token_endpoint.as_ref().map(Url::to_string);
        assert_eq!(endpoint, Some(format!("{url}/token")));
        assert!(found.sends_iss);
    }
    let asked = || world.issuer.served.metadata_asked.load(Ordering::SeqCst);
    assert_eq!(asked(), 1);
    world.advance(3_600);
    issuer.discovered().await.unwrap();
    assert_eq!(asked(), 2);
}

#[tokio::test]
async fn an_issuer_whose_metadata_name_another_one_lets_nobody_in() {
    let world = World::new().await;
    let other = format!("{}/", world.issuer.url);
    world.issuer.served.metadata.lock().unwrap()["issuer"] = json!(other);
    let token = world.token(&json!({}));
    assert_eq!(
        world.verify(&token).await.unwrap_err(),
        Refusal::Unavailable
    );
    assert_eq!(world.issuer.jwks_asked(), 0);
    let issuer = world.server.issuer(&world.issuer.url).unwrap();
    let Err(IssuerError::Unavailable { cause, .. }) = issuer.discovered().await else {
        panic!("it was taken")
    };
    assert_eq!(cause, "its metadata are those of another issuer");
}

#[tokio::test]
async fn an_issuer_that_is_down_at_the_start_is_asked_again_after_two_seconds() {
    let world = World::new().await;
    world.issuer.keys_fail_with(503);
    let token = world.token(&json!({}));
    for _ in 0..10 {
        assert_eq!(
            world.verify(&token).await.unwrap_err(),
            Refusal::Unavailable
        );
    }
    assert_eq!(world.issuer.jwks_asked(), 1);
    world.issuer.keys_fail_with(0);
    world.advance(2);
    assert!(world.accepts(&token).await);
}
