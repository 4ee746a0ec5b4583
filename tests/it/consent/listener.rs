//! The callback port, over real connections.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use valetkey::demo::browser::Person;

use super::Site;
use crate::world::{READ, World};

impl Site {
    fn serve(&mut self) {
        let listeners = self.listeners.take().unwrap();
        tokio::spawn(valetkey::consent::listener::serve(
            self.broker.clone(),
            listeners,
        ));
    }

    fn port(&self) -> u16 {
        self.broker.public_url().port().unwrap()
    }
}

async fn is_listening(address: impl Into<SocketAddr>) -> bool {
    TcpStream::connect(address.into()).await.is_ok()
}

#[tokio::test]
async fn the_way_ends_at_an_address_without_code_or_state_and_the_link_is_over() {
    let world = World::new().await;
    let process = world.process();
    let link = process.consent(&[READ]).await.link;
    let mut person = Person::new();
    let journey = person.follow(link.as_str()).await.unwrap();
    let end = journey.last();
    assert_eq!(
        end.url.path(),
        link.path().replace("/connect/", "/connected/")
    );
    assert_eq!((end.status.as_u16(), end.url.query()), (200, None));
    assert!(
        end.body.contains("Connected as ada@example.test."),
        "{}",
        end.body
    );
    for (mut somebody, path, status) in [
        (person.clone(), link.path(), 410),
        (Person::new(), link.path(), 410),
        (person, end.url.path(), 200),
        (Person::new(), end.url.path(), 404),
    ] {
        let page = somebody.open(link.join(path).unwrap()).await.unwrap();
        assert_eq!(page.last().status.as_u16(), status, "{path}");
    }
}

#[tokio::test]
async fn the_port_is_open_on_loopback_only_while_a_link_is() {
    let mut site = Site::new();
    site.serve();
    let port = site.port();
    let loopback = (Ipv4Addr::LOCALHOST, port);
    assert!(!is_listening(loopback).await, "no link is open yet");

    let link = site.link().await;
    assert!(is_listening(loopback).await);
    assert!(!is_listening((Ipv4Addr::new(127, 0, 0, 2), port)).await);

    let mut browser = site.browser();
    let state = browser.go_to_provider(&link).await;
    let query = format!("state={state}&error=access_denied");
    browser.get(&format!("/oauth/callback/acme?{query}")).await;
    let closes = async {
        while is_listening(loopback).await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(20), closes).await;
    assert!(in_time.is_ok(), "no link is open any more");

    site.link_to("other").await;
    assert!(is_listening(loopback).await, "another link opens it again");
}

#[tokio::test]
async fn a_request_with_another_host_or_a_huge_one_is_refused_on_the_wire() {
    let mut site = Site::new();
    site.serve();
    let link = site.link().await;
    let host = site.host();
    let long = "a".repeat(64 * 1024);
    for (request, status) in [
        (
            format!("GET {link} HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
            "421",
        ),
        (
            format!("GET http://evil.example{link} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            "421",
        ),
        (format!("GET {link} HTTP/1.0\r\n\r\n"), "421"),
        (
            format!("GET {link}?{long} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            "414",
        ),
        (
            format!("GET {link} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            "200",
        ),
        (
            format!("HEAD /oauth/callback/acme HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            "405",
        ),
    ] {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, site.port()))
            .await
            .unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.unwrap();
        let first = String::from_utf8(first.to_vec()).unwrap();
        assert_eq!(&first[9..], status, "{request:.60}");
    }
}
