//! TLS: a provider that does not prove who it is gets no request.

use std::io::Read;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, Stream};
use valetkey::http::Http;

#[cfg(target_os = "linux")]
use crate::copy;

/// For `localhost` and 127.0.0.1, signed by itself, valid for a hundred years.
const SELF_SIGNED: &[u8] = include_bytes!("fixtures/tls/self-signed.pem");
/// What `fixtures/tls/make` makes: issued by a root of ours, with nothing wrong.
const VALID: &[u8] = include_bytes!("fixtures/tls/valid.pem");
/// The same, but it ended in 2001.
const EXPIRED: &[u8] = include_bytes!("fixtures/tls/expired.pem");
/// The same, but for `elsewhere.example` and 127.0.0.2.
pub(crate) const OTHER_NAME: &[u8] = include_bytes!("fixtures/tls/other-name.pem");
/// The key of all of them.
const KEY: &[u8] = include_bytes!("fixtures/tls/key.pem");

/// Who issued all of them but the first.
#[cfg(target_os = "linux")]
pub(crate) const ROOT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/it/fixtures/tls/root.pem"
);

const HOSTS: [&str; 2] = ["localhost", "127.0.0.1"];

/// A server for one connection; what it was sent is the thread's result.
pub(crate) fn server(certificate: &[u8]) -> (u16, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(certificate).unwrap()],
            PrivateKeyDer::from_pem_slice(KEY).unwrap(),
        )
        .unwrap();
    let thread = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut tls = ServerConnection::new(Arc::new(config)).unwrap();
        let mut received = vec![0; 1024];
        let read = Stream::new(&mut tls, &mut socket).read(&mut received);
        received.truncate(read.unwrap_or(0));
        received
    });
    (port, thread)
}

/// Posts a secret to a server with this certificate. What the server got of it.
async fn post(client: &reqwest::Client, host: &str, certificate: &[u8]) -> Vec<u8> {
    let (port, received) = server(certificate);
    let request = client.post(format!("https://{host}:{port}/token"));
    // The server closes the connection without an answer, so it is an error in any case.
    let sent = request.body("client_secret=canary").send().await;
    assert!(sent.is_err());
    received.join().unwrap()
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_ends_the_connection_before_a_request_is_sent() {
    let http = Http::new();
    for (what, certificate) in [("self-signed", SELF_SIGNED), ("unknown root", VALID)] {
        for host in HOSTS {
            let received = post(&http.client(), host, certificate).await;
            assert_eq!(received, b"", "{what}, {host}");
        }
    }

    // The same server, to one who does not look: the test can tell the difference.
    #[expect(
        clippy::disallowed_methods,
        reason = "what the process's client must never be"
    )]
    let careless = reqwest::Client::builder()
        .tls_danger_accept_invalid_certs(true)
        .build()
        .unwrap();
    assert_ne!(post(&careless, "localhost", SELF_SIGNED).await, b"");
}

/// The copy of the test has our root among the system's, so that each certificate has one fault
/// only. Where the roots of a system are not files, they cannot be added to like this.
#[tokio::test]
#[cfg(target_os = "linux")]
async fn an_expired_certificate_and_one_for_another_name_get_no_request_either() {
    if copy::about().is_none() {
        let name = "tls::an_expired_certificate_and_one_for_another_name_get_no_request_either";
        let copy = copy::of(name, "roots").env("SSL_CERT_FILE", ROOT).output();
        let copy = copy.unwrap();
        assert!(
            copy.status.success(),
            "{}",
            String::from_utf8_lossy(&copy.stdout)
        );
        return;
    }
    let http = Http::new();
    for host in HOSTS {
        let received = post(&http.client(), host, VALID).await;
        assert!(
            received.starts_with(b"POST /token"),
            "{host}: the root is trusted"
        );
        for (what, certificate) in [("expired", EXPIRED), ("another name", OTHER_NAME)] {
            let received = post(&http.client(), host, certificate).await;
            assert_eq!(received, b"", "{what}, {host}");
        }
    }
}
