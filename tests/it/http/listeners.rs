//! Where `valetkey http` listens, under which names it answers there, and where it connects to itself
//! (threats 10, 26 to 28, 84, 98, 99).

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use axum::Router;
use reqwest::Method;
use reqwest::header::{HOST, ORIGIN};
use serde_json::{Value, json};
use tempfile::TempDir;
use valetkey::clock::Clock;
use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::{Sandbox, SandboxSettings};
use valetkey::serve::Port;

use crate::host::{assert_finished, link_of, retry, search};
use crate::http::server::{HttpServer, command};
use crate::http::team::Team;
use crate::issuer::{CLIENT_ID, CLIENT_SECRET, TestIssuer};
use crate::peers::write_private;
use crate::world::free_port;

/// The end of a server that does not start. The test's issuer answers meanwhile.
async fn output(command: Command) -> (i32, String) {
    let mut command = tokio::process::Command::from(command);
    let ended = command.kill_on_drop(true).output();
    let ended = tokio::time::timeout(Duration::from_secs(20), ended).await;
    let Output { status, stderr, .. } = ended.expect("it started").unwrap();
    (status.code().unwrap(), String::from_utf8(stderr).unwrap())
}

/// The rows of this process's listening sockets: the address and the port.
fn listening(id: u32) -> Vec<(String, u16)> {
    let open = fs::read_dir(format!("/proc/{id}/fd")).unwrap();
    let links = open.map(|entry| fs::read_link(entry.unwrap().path()).unwrap_or_default());
    let own: Vec<_> = links
        .filter_map(|link| {
            let text = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
            Some(text.to_owned())
        })
        .collect();
    let mut found = Vec::new();
    for table in ["tcp", "tcp6"] {
        let table = fs::read_to_string(format!("/proc/{id}/net/{table}")).unwrap_or_default();
        for line in table.lines().skip(1) {
            let fields: Vec<_> = line.split_whitespace().collect();
            // 0A is LISTEN.
            if fields[3] == "0A" && own.iter().any(|inode| inode == fields[9]) {
                let (address, port) = fields[1].rsplit_once(':').unwrap();
                found.push((address.to_owned(), u16::from_str_radix(port, 16).unwrap()));
            }
        }
    }
    found
}

#[tokio::test]
async fn no_listener_answers_under_a_foreign_name_whatever_is_asked_and_nothing_changes() {
    let team = Team::with("  operator_bind: 127.0.0.1:0\n").await;
    let server = &team.server;
    let asked = team.call("ada", &search()).await;
    let link = link_of(&asked);
    let path = link.strip_prefix(&server.url).unwrap();
    // Everything that a rebound page could send, as far as the genuine browser had got.
    let mut person = Person::new().stop_before_callback();
    person.open(team.issuer.as_user("ada")).await.unwrap();
    let journey = person.follow(&link).await.unwrap();
    let callback = journey.stopped_before.unwrap();
    let back = &callback[url::Position::BeforePath..];
    let port = server.url.rsplit(':').next().unwrap();
    let operator = server.operator_address();
    let operator_port = operator.rsplit(':').next().unwrap();
    let public = [
        (Method::GET, path),
        (Method::POST, path),
        (Method::GET, back),
        (Method::GET, "/"),
        (Method::GET, "/login/0"),
        (Method::GET, "/login/callback?state=a&code=b"),
        (Method::POST, "/sign-out"),
        (Method::POST, "/mcp"),
        (Method::GET, "/mcp"),
        (Method::DELETE, "/mcp"),
        (Method::OPTIONS, "/mcp"),
    ];
    let of_operator = ["/metrics", "/healthz", "/readyz"].map(|path| (Method::GET, path));
    for (address, port, requests) in [
        (server.url.clone(), port, &public[..]),
        (format!("http://{operator}"), operator_port, &of_operator),
    ] {
        for host in [
            format!("evil.example:{port}"),
            "evil.example".to_owned(),
            format!("localhost.evil.example:{port}"),
            format!("127.0.0.1.nip.io:{port}"),
            format!("LOCALHOST.:{port}"),
            "127.0.0.1:1".to_owned(),
        ] {
            for (method, path) in requests {
                let request = server
                    .client
                    .request(method.clone(), format!("{address}{path}"));
                let request = request
                    .header(HOST, &host)
                    .bearer_auth(team.token("ada", "w"));
                let answer = request.send().await.unwrap();
                assert_eq!(answer.status(), 421, "{method} {path:.20} of {host}");
                assert!(answer.headers().get("set-cookie").is_none());
                assert!(answer.headers().get("location").is_none());
            }
        }
    }
    // The genuine way is as open as it was.
    let journey = person.open(callback).await.unwrap();
    assert_eq!(journey.last().status, 200, "{}", journey.last().body);
    assert_finished(&team.call("ada", &retry(&search(), &asked, "accept")).await);
}

#[tokio::test]
async fn no_other_origin_may_read_the_browsers_side_also_where_one_may_call() {
    let server = HttpServer::with_users("  allowed_origins: ['https://app.example']\n").await;
    for path in [
        "/",
        "/login/0",
        "/connect/x",
        "/oauth/callback/github",
        "/healthz",
    ] {
        for method in [Method::GET, Method::OPTIONS] {
            let request = server
                .client
                .request(method, format!("{}{path}", server.url));
            let request = request
                .header(ORIGIN, "https://app.example")
                .header("access-control-request-method", "GET");
            let answer = request.send().await.unwrap();
            let allowed = answer.headers().get("access-control-allow-origin");
            assert_eq!(allowed, None, "{path}");
        }
    }
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn the_links_and_the_callback_are_on_the_one_listener_and_no_other_is_opened() {
    for more in ["", "  operator_bind: 127.0.0.1:0\n"] {
        // The port of stdio is configured, and it stays closed.
        let unused = free_port();
        let server = HttpServer::with(&format!("{more}  callback_port: {unused}\n")).await;
        let port: u16 = server.url.rsplit(':').next().unwrap().parse().unwrap();
        // 127.0.0.1, as the kernel writes it.
        let loopback = "0100007F".to_owned();
        let mut expected = vec![(loopback.clone(), port)];
        if !more.is_empty() {
            let operator = server.operator_address();
            let operator = operator.rsplit(':').next().unwrap().parse().unwrap();
            expected.push((loopback, operator));
        }
        expected.sort();
        let now = || {
            let mut now = listening(server.id());
            now.sort();
            now
        };
        assert_eq!(now(), expected, "idle");
        let asked = server.call("", &search()).await;
        assert_eq!(now(), expected, "with a flow");
        let mut person = Person::new().stop_before_callback();
        let journey = person.follow(&link_of(&asked)).await.unwrap();
        assert_eq!(now(), expected, "with the browser at the provider");
        let callback = journey.stopped_before.unwrap();
        assert_eq!(callback.port(), Some(port));
        person.open(callback).await.unwrap();
        assert_finished(&server.call("", &retry(&search(), &asked, "accept")).await);
        assert_eq!(now(), expected, "connected");
    }
}

#[tokio::test]
async fn an_address_that_somebody_has_ends_the_start_with_its_name_before_anything_is_written() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = (taken.local_addr().unwrap(), taken);
    let free = free_port();
    for (lines, key) in [
        (format!("  bind: {}\n", taken.0), "server.bind"),
        (
            format!("  bind: 127.0.0.1:{free}\n  operator_bind: {}\n", taken.0),
            "server.operator_bind",
        ),
    ] {
        let home = TempDir::new().unwrap();
        let sandbox = Sandbox::start(SandboxSettings::default()).await.unwrap();
        let config = sandbox
            .write_config(home.path(), &format!("server:\n{lines}"))
            .unwrap();
        let (code, said) = output(command(home.path(), &config)).await;
        assert_eq!(code, 1, "{said}");
        assert!(
            said.contains(&taken.0.to_string()) && said.contains(key),
            "{said}"
        );
        assert!(!said.contains("http.listening"), "{said}");
        assert!(!home.path().join(".local").exists(), "{said}");
    }
}

/// A configuration whose people sign in at `issuer`.
fn with_login(home: &TempDir, sandbox: &Sandbox, issuer: &TestIssuer, more: &str) -> PathBuf {
    let secret = home.path().join("secret");
    if !secret.exists() {
        write_private(&secret, CLIENT_SECRET);
    }
    let rest = format!(
        "server:\n  bind: 127.0.0.1:{}\n  auth:\n    issuers:\n      - issuer: {}\n        \
         login: {{ client_id: {CLIENT_ID}, client_secret: \"${{file:{}}}\"{more} }}\n",
        free_port(),
        issuer.identifier(),
        secret.display()
    );
    sandbox.write_config(home.path(), &rest).unwrap()
}

#[tokio::test]
async fn with_an_issuer_whose_metadata_have_no_s256_the_server_does_not_start_and_names_the_field()
{
    let sandbox = Sandbox::start(SandboxSettings::default()).await.unwrap();
    let issuer = TestIssuer::start(Clock::system()).await;
    let home = TempDir::new().unwrap();
    let changes: [fn(&mut Value); 4] = [
        |metadata| {
            let field = "code_challenge_methods_supported";
            metadata.as_object_mut().unwrap().remove(field);
        },
        |metadata| metadata["code_challenge_methods_supported"] = json!(["plain"]),
        |metadata| metadata["code_challenge_methods_supported"] = json!([]),
        |metadata| metadata["code_challenge_methods_supported"] = json!("S256"),
    ];
    for change in changes {
        issuer.change_metadata(Some(change));
        let config = with_login(&home, &sandbox, &issuer, "");
        let (code, said) = output(command(home.path(), &config)).await;
        assert_eq!(code, 2, "{said}");
        for part in [
            "code_challenge_methods_supported",
            "S256",
            issuer.identifier(),
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(!said.contains("http.listening"), "{said}");
    }
    // The operator knows better; and one that says so needs no word of the operator.
    let config = with_login(&home, &sandbox, &issuer, ", code_challenge_method: S256");
    assert!(starts(&home, config).await);
    issuer.change_metadata(None);
    let config = with_login(&home, &sandbox, &issuer, "");
    assert!(starts(&home, config).await);
}

/// Whether a server with this configuration gets as far as to listen.
async fn starts(home: &TempDir, config: PathBuf) -> bool {
    let mut command = command(home.path(), &config);
    let started = tokio::task::spawn_blocking(move || {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let lines = std::io::BufReader::new(child.stderr.take().unwrap());
        let mut lines = std::io::BufRead::lines(lines).map_while(Result::ok);
        let listens = lines.any(|line| line.contains("http.listening"));
        child.kill().unwrap();
        child.wait().unwrap();
        listens
    });
    started.await.unwrap()
}

#[tokio::test]
async fn a_proxy_variable_of_the_environment_changes_no_way() {
    let trap = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", trap.local_addr().unwrap());
    trap.set_nonblocking(true).unwrap();
    let caught = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&caught);
    let count = async move || {
        counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    };
    let port = Port::new(Router::new().fallback(count), 8);
    port.listen(trap).unwrap();
    let names = [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
    ];
    let server = HttpServer::with_environment(names.map(|name| (name, proxy.clone())).to_vec());
    let server = server.await;
    let asked = server.call("", &search()).await;
    Person::new().follow(&link_of(&asked)).await.unwrap();
    assert_finished(&server.call("", &retry(&search(), &asked, "accept")).await);
    assert_eq!(caught.load(std::sync::atomic::Ordering::SeqCst), 0);
}
