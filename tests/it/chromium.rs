//! The way through the browser in Chromium itself, whose rules for cookies, redirects and policies
//! are the ones that count.

use std::fs;
use std::path::Path;

use serde_json::json;
use url::Url;
use valetkey::broker::{Access, Requirement};
use valetkey::caller::Caller;
use valetkey::demo::sandbox::SandboxSettings;

use crate::peers::{Peer, node};
use crate::world::{READ, World, google};

#[tokio::test]
#[cfg_attr(
    not(feature = "peers"),
    ignore = "needs Node.js packages and Chromium: run tests/run"
)]
async fn clicks_lead_from_the_link_through_another_origin_back_to_connected() {
    let world = World::in_real_time(SandboxSettings::default(), "").await;
    let process = world.process();
    let link = process.consent(&[READ]).await.link;
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
    fs::create_dir_all(&pictures).unwrap();

    let mut command = node("click.mjs");
    command.arg(link.as_str()).arg(&pictures);
    let mut browser = Peer::start(command);
    let end = browser.line().await;
    browser.finish().await;

    assert_eq!(end["complaints"], json!([]), "{end}");
    assert_eq!(end["heading"], "Google is connected");
    let url = Url::parse(end["url"].as_str().unwrap()).unwrap();
    assert_eq!(url.origin(), link.origin());
    assert_eq!((url.query(), url.fragment()), (None, None), "{url}");
    let provider = world.sandbox.base_url().origin().ascii_serialization();
    let ours = link.origin().ascii_serialization();
    assert_eq!(end["origins"], json!([ours, provider]));
    assert_eq!(
        process.granted(&[READ]).await.account,
        "ada@example.test",
        "the browser came back with a grant"
    );
}

#[tokio::test]
#[cfg_attr(
    not(feature = "peers"),
    ignore = "needs Node.js packages and Chromium: run tests/run"
)]
async fn a_click_decides_about_another_account_and_leads_on_to_the_first_page() {
    let world = World::in_real_time(SandboxSettings::default(), "").await;
    let process = world.process();
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
    fs::create_dir_all(&pictures).unwrap();
    let cases = [
        ("Do not keep it", "ada@example.test was not kept", 0),
        (
            "as a further account",
            "ada@example.test is connected as a further account",
            1,
        ),
    ];
    for (button, heading, connections) in cases {
        let requirement = Requirement {
            account: Some("grace@example.test".to_owned()),
            ..google(&[READ])
        };
        let access = process.broker.access(&Caller::local(), &requirement).await;
        let Ok(Access::Consent(consent)) = access else {
            panic!("{access:?}");
        };
        let mut command = node("click.mjs");
        command.arg(consent.link.as_str()).arg(&pictures);
        command.args(["--account", "ada@example.test", "--button", button]);
        let mut browser = Peer::start(command);
        let end = browser.line().await;
        browser.finish().await;

        assert_eq!(end["complaints"], json!([]), "{end}");
        assert_eq!(end["heading"], heading);
        assert_eq!(process.connections().await.len(), connections);
    }
}
