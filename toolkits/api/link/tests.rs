//! Where a link may lead.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::IntoResponse;
use reqwest::Method;
use reqwest::dns::{Name, Resolve};
use secrecy::SecretString;
use url::Url;

use super::{LinkClient, PublicNames, is_public};
use crate::api::{Api, ApiSettings, Keep};
use crate::error::ErrorCode;
use crate::fake::{Provider, client, raw, settings};

/// An API that is not on loopback.
fn public() -> Api {
    Api::new(settings(
        &Url::parse("https://api.provider.example/").unwrap(),
    ))
}

#[test]
fn a_link_leads_to_a_public_name_over_https_or_is_refused() {
    for good in [
        "https://storage.example/logs/1?sig=x%2By&se=2",
        "https://storage.example:443/logs/1",
    ] {
        assert!(public().link(Method::GET, good).is_ok(), "{good}");
    }
    for bad in [
        "",
        "/logs/1",
        "logs",
        "http://storage.example/logs/1",
        "https://storage.example:8443/logs/1",
        "https://user@storage.example/logs/1",
        "https://user:word@storage.example/logs/1",
        "https://169.254.169.254/latest/meta-data",
        "https://8.8.8.8/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://017700000001/",
        "http://127.0.0.1/",
        "http://localhost/",
        "file:///etc/passwd",
        "data:text/plain,x",
        "ftp://storage.example/",
    ] {
        let error = public().link(Method::GET, bad).unwrap_err();
        assert_eq!(error.code, ErrorCode::BadResponse, "{bad}");
        let told = format!("{error:?}");
        assert!(bad.is_empty() || !told.contains(bad), "{told}");
    }
}

#[tokio::test]
async fn an_api_on_loopback_may_hand_out_links_to_loopback_and_to_no_other_private_host() {
    let provider = Provider::start(|_, _| "{}").await;
    let api = provider.api();
    let here = provider.url.join("/logs/1").unwrap();
    assert!(api.link(Method::GET, here.as_str()).is_ok());
    for bad in [
        "http://storage.example/",
        "http://10.0.0.1/",
        "https://10.0.0.1/",
        "http://user@127.0.0.1/",
        "ftp://127.0.0.1/",
    ] {
        assert!(api.link(Method::GET, bad).is_err(), "{bad}");
    }
}

#[test]
fn every_special_address_is_told_from_a_public_one() {
    for public in [
        "8.8.8.8",
        "140.82.121.4",
        "100.63.255.255",
        "100.128.0.0",
        "172.32.0.1",
        "198.20.0.1",
        "2606:50c0:8000::153",
        "2a00:1450:4001:81b::200e",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
    ] {
        assert!(is_public(public.parse::<IpAddr>().unwrap()), "{public}");
    }
    for special in [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.8.8.8",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:a00:1::1",
        "2002:7f00:1::",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ] {
        assert!(!is_public(special.parse::<IpAddr>().unwrap()), "{special}");
    }
}

#[tokio::test]
async fn a_name_that_leads_to_loopback_is_not_found() {
    for name in ["localhost", "localhost."] {
        let name: Name = name.parse().unwrap();
        assert!(PublicNames.resolve(name).await.is_err());
    }
}

#[tokio::test]
async fn a_link_by_a_name_of_loopback_gets_no_connection() {
    let (url, count) = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec()).await;
    let made = Arc::new(AtomicUsize::new(0));
    let counted = made.clone();
    let api = Api::new(ApiSettings {
        links: Arc::new(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            // As the server makes it.
            LinkClient::Direct(links())
        }),
        ..settings(&Url::parse("https://api.provider.example/").unwrap())
    });
    let mut link = api.link(Method::GET, "https://localhost/x").unwrap();
    link.0.url = Url::parse(&format!("http://localhost:{}/", url.port().unwrap())).unwrap();
    let error = link.follow().await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Unreachable);
    assert!(error.message.contains("could not be reached"), "{error}");
    assert_eq!(made.load(Ordering::SeqCst), 1);
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

#[expect(
    clippy::disallowed_methods,
    reason = "the server's own client lives in the other package"
)]
fn links() -> reqwest::Client {
    drop(client(Duration::from_secs(1)));
    reqwest::Client::builder()
        .dns_resolver(PublicNames)
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_proxy_is_asked_for_names_that_nobody_here_knows_and_for_none_that_leads_inside() {
    let refusal = b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n".to_vec();
    let (proxy, count) = raw(refusal).await;
    drop(client(Duration::from_secs(1)));
    #[expect(
        clippy::disallowed_methods,
        reason = "the server's own client lives in the other package"
    )]
    let client = reqwest::Client::builder()
        .proxy(reqwest::Proxy::all(proxy.as_str()).unwrap())
        .build()
        .unwrap();
    let api = Api::new(ApiSettings {
        links: Arc::new(move || LinkClient::Proxied(client.clone())),
        ..settings(&Url::parse("https://api.provider.example/").unwrap())
    });
    for (address, asked) in [
        ("https://localhost/x", 0),
        // A name that never has an address (RFC 6761 §6.4).
        ("https://storage.invalid/x", 1),
    ] {
        let link = api.link(Method::GET, address).unwrap();
        let error = link.follow().await.unwrap_err();
        assert_eq!(error.code, ErrorCode::Unreachable);
        assert_eq!(count.load(Ordering::SeqCst), asked, "{address}");
    }
}

#[tokio::test]
async fn the_token_never_arrives_where_a_link_leads() {
    let storage = Provider::start(|_, _| "the log").await;
    let api = Api::new(ApiSettings {
        access_token: SecretString::from("CANARY"),
        ..settings(&Provider::start(|_, _| "{}").await.url)
    });
    let place = storage.url.join("/logs/1?sig=SIGNED").unwrap();
    let link = api.link(Method::GET, place.as_str()).unwrap();
    assert!(!format!("{link:?}").contains("SIGNED"));
    assert_eq!(link.follow().await.unwrap().body, b"the log");
    let link = api.link(Method::POST, place.as_str()).unwrap();
    let link = link.body("application/octet-stream", b"bytes".to_vec());
    link.follow().await.unwrap();
    let seen = storage.seen();
    assert_eq!(seen[0].query("sig"), "SIGNED");
    assert_eq!(seen[1].body, "bytes".as_bytes());
    for request in seen {
        assert!(!format!("{request:?}").contains("CANARY"));
        for name in ["authorization", "cookie", "referer"] {
            assert_eq!(request.header(name), "", "{name}");
        }
    }
}

#[tokio::test]
async fn a_link_is_followed_once_and_leads_no_further() {
    let further = Provider::start(|_, _| "secret").await;
    let to = further.url.to_string();
    let storage = Provider::start(move |request, _| match request.path.as_str() {
        "/moved" => (StatusCode::FOUND, [("location", to.clone())]).into_response(),
        "/gone" => (StatusCode::GONE, "SIGNED is over").into_response(),
        "/limited" => StatusCode::TOO_MANY_REQUESTS.into_response(),
        _ => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    })
    .await;
    let api = storage.api();
    for (path, status) in [
        ("/moved", "302"),
        ("/gone", "410"),
        ("/limited", "429"),
        ("/", "503"),
    ] {
        let place = storage.url.join(&format!("{path}?sig=SIGNED")).unwrap();
        let link = api.link(Method::GET, place.as_str()).unwrap();
        let error = link.follow().await.unwrap_err();
        assert_eq!(error.code, ErrorCode::Unreachable);
        let told = format!("{error:?}");
        assert!(told.contains(status), "{told}");
        assert!(!told.contains("SIGNED") && !told.contains("127.0.0.1"));
    }
    assert_eq!(storage.seen().len(), 4);
    assert!(further.seen().is_empty());
}

#[tokio::test]
async fn only_the_end_of_a_long_answer_is_kept_where_that_is_asked_for() {
    const KEPT: usize = 100_000;
    let lines: Vec<String> = (0..200_000)
        .map(|number| format!("line {number}"))
        .collect();
    let whole = lines.join(
        "
",
    );
    let served = whole.clone();
    let storage = Provider::start(move |_, _| served.clone()).await;
    let link = |keep| {
        let link = storage.api().link(Method::GET, storage.url.as_str());
        link.unwrap().keep(keep).follow()
    };
    let end = link(Keep::End(KEPT)).await.unwrap();
    assert!(whole.as_bytes().ends_with(&end.body));
    assert!(
        (KEPT..=2 * KEPT).contains(&end.body.len()),
        "{}",
        end.body.len()
    );
    assert_eq!(end.left_out + end.body.len() as u64, whole.len() as u64);
    let error = link(Keep::All(KEPT)).await.unwrap_err();
    assert!(error.message.contains("more than can be read"), "{error}");
}
