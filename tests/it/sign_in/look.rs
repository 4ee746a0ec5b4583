//! Every page in Chromium: how it looks on a phone and on a desk, by day and by night, and whether
//! axe-core finds anything that keeps somebody out.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use valetkey::audit::AuditOutcome;
use valetkey::demo::sandbox::Site;

use super::House;
use crate::peers::{Peer, node};

#[tokio::test]
#[cfg_attr(
    not(feature = "peers"),
    ignore = "needs Node.js packages and Chromium: run tests/run"
)]
async fn every_page_can_be_read_and_used_by_everybody() {
    let house = House::new().await;
    house.connect("ada").await;
    let ada = house.caller("ada");
    house.sandbox.end_grants(Site::Google);
    house.clock.advance(Duration::from_hours(2));
    for (tool, outcome) in [
        ("gmail_search", AuditOutcome::Finished),
        ("gmail_send_email", AuditOutcome::Declined),
        ("slack_read_channel", AuditOutcome::Consent),
    ] {
        house.record(&ada, tool, outcome).await;
    }
    let link = house.link("ada").await;
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
    fs::create_dir_all(&pictures).unwrap();
    let mut command = node("look.mjs");
    let base = house.url.origin().ascii_serialization();
    command.arg(base).arg(link.as_str());
    for user in ["ada", "bob"] {
        command.arg(house.issuer.as_user(user).as_str());
    }
    command.arg(&pictures);
    let mut browser = Peer::start(command);
    let seen = browser.line().await;
    browser.finish().await;
    assert_eq!(seen["violations"], json!([]), "{seen:#}");
    assert_eq!(seen["complaints"], json!([]), "{seen:#}");
    let pages = seen["pages"].as_array().unwrap();
    assert_eq!(pages.len(), 12, "{seen:#}");
    assert!(house.connections("ada").await.is_empty());
}
