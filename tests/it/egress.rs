//! The way out through a proxy: whatever leaves this machine, and nothing that does not.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use valetkey::config::Config;
use valetkey::config::egress::EgressProxy;
use valetkey::http::Http;
use valetkey_toolkits::api::LinkClient;

use crate::cli::run;
use crate::world::{World, load};

/// What the proxies of these tests want to be told.
const CREDENTIALS: &str = "http://ada:S3cret-canary@";
/// `ada:S3cret-canary` (RFC 7617).
const BASIC: &str = "Basic YWRhOlMzY3JldC1jYW5hcnk=";

/// A proxy that takes every name for this machine.
struct Proxy {
    address: SocketAddr,
    /// The lines of each request, the first one before the others.
    asked: Arc<Mutex<Vec<Vec<String>>>>,
}

impl Proxy {
    /// Leads to `port`; without one, it refuses.
    async fn start(port: Option<u16>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, Arc::clone(&heard), port));
            }
        });
        Self { address, asked }
    }

    /// The first lines of what it was asked since the last time. All had the credentials.
    fn asked(&self) -> Vec<String> {
        let asked = std::mem::take(&mut *self.asked.lock().unwrap());
        let first = asked.into_iter().map(|mut lines| {
            let given = |line: &String| {
                let (name, value) = line.split_once(": ").unwrap();
                name.eq_ignore_ascii_case("proxy-authorization") && value == BASIC
            };
            assert!(lines[1..].iter().any(given), "{lines:?}");
            lines.remove(0)
        });
        first.collect()
    }
}

async fn serve(socket: TcpStream, heard: Arc<Mutex<Vec<Vec<String>>>>, port: Option<u16>) {
    let mut socket = BufReader::new(socket);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        socket.read_line(&mut line).await.unwrap();
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    heard.lock().unwrap().push(lines);
    let Some(port) = port else {
        let refusal = b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n";
        socket.write_all(refusal).await.ok();
        return;
    };
    socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    let mut there = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .await
        .unwrap();
    copy_bidirectional(&mut socket, &mut there).await.ok();
}

/// What a file with the address of this proxy, in a file of its own, is read as.
fn configured(home: &Path, proxy: SocketAddr) -> Config {
    use std::os::unix::fs::PermissionsExt;
    let secret = home.join("proxy");
    fs::write(&secret, format!("{CREDENTIALS}{proxy}\n")).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let file = home.join("valetkey.yaml");
    let text = format!("server:\n  egress_proxy: ${{file:{}}}\n", secret.display());
    fs::write(&file, text).unwrap();
    load(&file, home)
}

fn by_proxy(config: &Config) -> Http {
    let proxy = config.server.egress_proxy.as_ref();
    Http::through(proxy.map(EgressProxy::proxy))
}

fn clients(http: &Http) -> [reqwest::Client; 3] {
    let (LinkClient::Direct(links) | LinkClient::Proxied(links)) = http.client_for_links();
    [http.client(), http.client_for_tokens(), links]
}

#[tokio::test]
async fn every_client_leaves_by_the_proxy_and_reaches_this_machine_without_it() {
    let home = TempDir::new().unwrap();
    let proxy = Proxy::start(None).await;
    let config = configured(home.path(), proxy.address);
    let http = by_proxy(&config);
    assert!(matches!(http.client_for_links(), LinkClient::Proxied(_)));
    for client in clients(&http) {
        assert!(
            client
                .get("https://provider.invalid/")
                .send()
                .await
                .is_err()
        );
        assert_eq!(proxy.asked(), ["CONNECT provider.invalid:443 HTTP/1.1"]);
        for host in ["127.0.0.1", "localhost"] {
            let port = Proxy::start(None).await.address.port();
            let here = client.get(format!("http://{host}:{port}/"));
            assert_eq!(here.send().await.unwrap().status(), 502, "reached");
        }
        assert_eq!(proxy.asked(), [""; 0]);
    }
    assert!(matches!(
        Http::new().client_for_links(),
        LinkClient::Direct(_)
    ));
    for told in [format!("{config:?}"), format!("{http:?}")] {
        assert!(!told.contains("S3cret") && !told.contains("YWRh"), "{told}");
    }
}

/// The name is nowhere but in the certificate and at the proxy.
#[test]
#[cfg(target_os = "linux")]
fn a_provider_whose_name_only_the_proxy_knows_proves_itself_through_it() {
    use crate::copy;
    use crate::tls::{OTHER_NAME, ROOT, server};

    if copy::about().is_none() {
        let name = "egress::a_provider_whose_name_only_the_proxy_knows_proves_itself_through_it";
        let copy = copy::of(name, "roots").env("SSL_CERT_FILE", ROOT).output();
        let copy = copy.unwrap();
        let told = String::from_utf8_lossy(&copy.stdout);
        assert!(copy.status.success(), "{told}");
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        for (host, arrives) in [("elsewhere.example", true), ("impostor.example", false)] {
            let (port, received) = server(OTHER_NAME);
            let home = TempDir::new().unwrap();
            let proxy = Proxy::start(Some(port)).await;
            let http = by_proxy(&configured(home.path(), proxy.address));
            let sent = http.client().get(format!("https://{host}/mail")).send();
            assert!(sent.await.is_err(), "the server closes without an answer");
            let asked = proxy.asked();
            assert_eq!(asked, [format!("CONNECT {host}:443 HTTP/1.1")]);
            let received = received.join().unwrap();
            assert_eq!(received.starts_with(b"GET /mail"), arrives, "{host}");
        }
    });
}

#[tokio::test]
async fn doctor_names_the_proxy_and_no_credentials() {
    let world = World::new().await;
    let text = fs::read_to_string(&world.config).unwrap();
    let secret = world.home().join("proxy");
    fs::write(&secret, format!("{CREDENTIALS}proxy.example:3128")).unwrap();
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let key = format!("server:\n  egress_proxy: ${{file:{}}}\n", secret.display());
    assert!(text.contains("server:\n"), "{text}");
    fs::write(&world.config, text.replacen("server:\n", &key, 1)).unwrap();
    let looked = run(&world, &["doctor", "--json"]).await;
    let report: Value = serde_json::from_str(&looked.stdout).unwrap();
    let told = looked.stdout + &looked.stderr;
    assert!(told.contains("http://proxy.example:3128"), "{report:#}");
    assert!(!told.contains("S3cret"), "{told}");
}
