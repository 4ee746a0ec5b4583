//! TLS: a provider whose certificate nobody vouches for gets no request.

use std::io::Read;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, Stream};
use valetkey::http::Http;

/// For `localhost` and 127.0.0.1, signed by itself, valid for a hundred years.
const CERTIFICATE: &[u8] = include_bytes!("fixtures/tls/self-signed.pem");
const KEY: &[u8] = include_bytes!("fixtures/tls/key.pem");

/// A server for one connection; what it was sent is the thread's result.
fn server() -> (u16, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(CERTIFICATE).unwrap()],
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

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_ends_the_connection_before_a_request_is_sent() {
    let http = Http::new();
    for host in ["localhost", "127.0.0.1"] {
        let (port, received) = server();
        let request = http.client().post(format!("https://{host}:{port}/token"));
        let sent = request.body("client_secret=canary").send().await;
        assert!(sent.is_err());
        assert_eq!(received.join().unwrap(), b"");
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
    let (port, received) = server();
    let request = careless.post(format!("https://localhost:{port}/token"));
    request
        .body("client_secret=canary")
        .send()
        .await
        .unwrap_err();
    assert!(!received.join().unwrap().is_empty());
}
