//! Without authorization: the local user, on loopback.

use std::process::Command;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::{Sandbox, SandboxSettings};

use crate::host::{assert_finished, link_of, retry, search, text_of};
use crate::http::server::{HttpServer, command, message_of};

/// Waits for the answer while the person follows the link of the first one.
async fn connect(server: &HttpServer, params: &Value) -> Value {
    let asked = server.call("", params).await;
    let journey = Person::new().follow(&link_of(&asked)).await.unwrap();
    assert!(
        journey.last().status.is_success(),
        "{}",
        journey.last().body
    );
    server.call("", &retry(params, &asked, "accept")).await
}

#[tokio::test]
async fn a_call_is_answered_with_a_link_of_the_same_port_and_its_retry_finishes() {
    let server = HttpServer::local().await;
    let asked = server.call("", &search()).await;
    assert!(link_of(&asked).starts_with(&server.url), "{asked}");
    let connection = &asked["result"]["inputRequests"]["connect"]["params"];
    assert_eq!(connection.get("elicitationId"), None, "{asked}");
    assert_finished(&connect(&server, &search()).await);
    assert_finished(&server.call("", &search()).await);
    let log = server.finish();
    assert!(!log.contains("canary"), "{log}");
}

#[tokio::test]
async fn in_a_session_the_question_comes_on_the_stream_of_the_call_which_then_finishes() {
    let server = HttpServer::local().await;
    let session = server.open_session("").await;
    let body = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": search() });
    let call = server.in_session("", &session, &body).send().await;
    let mut call = call.unwrap();
    assert_eq!(call.headers()["content-type"], "text/event-stream");
    let mut seen = String::new();
    let asked = loop {
        let chunk = call.chunk().await.unwrap().expect("the stream goes on");
        seen.push_str(std::str::from_utf8(&chunk).unwrap());
        let data = seen.lines().filter_map(|line| line.strip_prefix("data:"));
        let mut messages = data.filter_map(|data| serde_json::from_str::<Value>(data).ok());
        if let Some(asked) = messages.find(|message| message["method"] == "elicitation/create") {
            break asked;
        }
    };
    let said = json!({ "jsonrpc": "2.0", "id": asked["id"], "result": { "action": "accept" } });
    let said = server.in_session("", &session, &said).send().await.unwrap();
    assert_eq!(said.status(), 202);
    let link = asked["params"]["url"].as_str().unwrap();
    Person::new().follow(link).await.unwrap();
    let answer = message_of(call).await;
    assert_eq!(answer["id"], 7);
    assert_finished(&answer);
}

#[tokio::test]
async fn a_call_that_waits_for_its_person_is_answered_when_the_server_is_told_to_end() {
    let mut server = HttpServer::local().await;
    let asked = server.call("", &search()).await;
    let again = retry(&search(), &asked, "accept");
    let waiting = tokio::spawn(server.message("", "tools/call", &again).send());
    // Nothing outside tells that it is held; a call that is not would be answered meanwhile.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!waiting.is_finished());
    server.terminate();
    let answer = message_of(waiting.await.unwrap().unwrap()).await;
    assert_eq!(link_of(&answer), link_of(&asked));
    assert!(server.wait().success());
}

#[tokio::test]
async fn the_next_server_goes_on_with_the_link_of_the_last() {
    let mut server = HttpServer::local().await;
    let asked = server.call("", &search()).await;
    server.terminate();
    server.wait();
    let port = server.url.rsplit(':').next().unwrap().parse().unwrap();
    let home = std::mem::replace(&mut server.home, tempfile::TempDir::new().unwrap());
    let sandbox = Sandbox::start(SandboxSettings::default()).await.unwrap();
    let next = HttpServer::start(home, sandbox, port, "");
    Person::new().follow(&link_of(&asked)).await.unwrap();
    assert_finished(&next.call("", &retry(&search(), &asked, "accept")).await);
}

#[test]
fn the_vaults_of_the_local_user_and_of_an_http_server_are_not_mixed() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(HttpServer::local());
    let home = server.home.path().to_owned();
    let config = home.join("valetkey.yaml");
    let text = std::fs::read_to_string(&config).unwrap();
    // The HTTP server's vault, named in a file that stdio reads.
    let store = home.join(".local/state/valetkey/http-store");
    assert!(store.exists());
    let shared = home.join("shared.yaml");
    let text = format!("{text}store: \"sled:{}\"\n", store.display());
    std::fs::write(&shared, &text).unwrap();
    let ended = Command::new(env!("CARGO_BIN_EXE_valetkey"))
        .env("HOME", &home)
        .arg("--config")
        .arg(&shared)
        .arg("stdio")
        .output()
        .unwrap();
    assert_ne!(ended.status.code(), Some(0));
    assert!(ended.stdout.is_empty());
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(said.contains("belongs to an HTTP server"), "{said}");
    // The local user's vault, named in a file that `http` reads.
    let local = home.join("local");
    std::fs::create_dir(&local).unwrap();
    std::fs::write(local.join("keyring"), "").unwrap();
    std::fs::write(
        &shared,
        text.replace(store.to_str().unwrap(), local.to_str().unwrap()),
    )
    .unwrap();
    let mut command = command(&home, &shared);
    let ended = command.args(["--bind", "127.0.0.1:0"]).output().unwrap();
    assert_ne!(ended.status.code(), Some(0));
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(
        said.contains("belongs to the user of this machine"),
        "{said}"
    );
    assert!(!local.join("sled").exists());
}

#[tokio::test]
async fn whoever_may_be_asked_from_elsewhere_must_ask_who_asks() {
    let server = HttpServer::local().await;
    let config = server.home.path().join("valetkey.yaml");
    let text = std::fs::read_to_string(&config).unwrap();
    for (bind, auth, problem) in [
        ("0.0.0.0:0", "", "Configure server.auth"),
        ("[::]:0", "", "Configure server.auth"),
        // A proxy on this machine would let everyone in.
        (
            "127.0.0.1:0",
            "  public_url: https://mcp.example.com\n",
            "remove server.public_url",
        ),
        (
            "0.0.0.0:0",
            "  auth: { issuers: [{ issuer: 'https://id.example' }] }\n",
            "server.public_url",
        ),
    ] {
        let open = server.home.path().join("open.yaml");
        let from = text.find("  bind: ").unwrap();
        let to = from + text[from..].find('\n').unwrap() + 1;
        let line = format!("  bind: \"{bind}\"\n{auth}");
        std::fs::write(&open, [&text[..from], &line, &text[to..]].concat()).unwrap();
        let ended = command(server.home.path(), &open).output().unwrap();
        assert_eq!(ended.status.code(), Some(2), "{bind}");
        let said = String::from_utf8(ended.stderr).unwrap();
        assert!(said.contains(problem), "{said}");
    }
}

#[tokio::test]
async fn a_server_without_authorization_asks_for_none_and_names_no_issuer() {
    let server = HttpServer::local().await;
    let listed = server.message("", "tools/list", &json!({})).send().await;
    let listed = message_of(listed.unwrap()).await;
    assert_eq!(listed["result"]["cacheScope"], "private");
    let metadata = format!("{}/.well-known/oauth-protected-resource", server.url);
    let metadata = server.client.get(metadata).send().await.unwrap();
    assert_eq!(metadata.status(), 404);
    let answer = server
        .call("", &json!({ "name": "connections_list", "arguments": {} }))
        .await;
    assert!(
        text_of(&answer).contains("Nothing is connected"),
        "{answer}"
    );
    let get = server.request(Method::GET, "").send().await.unwrap();
    assert_eq!(get.status(), 400, "a stream belongs to a session");
}

#[tokio::test]
async fn a_session_that_its_client_ends_is_gone() {
    let server = HttpServer::local().await;
    let session = server.open_session("").await;
    let end = server.request(Method::DELETE, "");
    let end = end
        .header("mcp-session-id", &session)
        .header("mcp-protocol-version", "2025-11-25");
    assert_eq!(end.send().await.unwrap().status(), 204);
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    let list = server.in_session("", &session, &list).send().await;
    assert_eq!(list.unwrap().status(), 404);
}
