//! A team on one server, each with tokens of their issuer: a link is its person's, and what it brings
//! is, too (threats 1, 35, 36, 96, 112, 116).

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use valetkey::clock::Clock;
use valetkey::demo::browser::{Journey, Person};
use valetkey::demo::sandbox::Site;
use valetkey::demo::sandbox::faults::Endpoint;

use crate::host::{assert_finished, link_of, retry, search, text_of};
use crate::http::server::{HttpServer, message_of};
use crate::issuer::{CLIENT_ID, CLIENT_SECRET, TestIssuer};
use crate::peers::write_private;
use crate::results::{MAILS, WORD, cut, long, mail, read};

/// A server whose users have tokens of an issuer, and sign in there.
pub(super) struct Team {
    pub(super) server: HttpServer,
    pub(super) issuer: TestIssuer,
    /// What the configuration names.
    _secrets: TempDir,
}

impl Team {
    pub(super) async fn new() -> Self {
        Self::with("").await
    }

    /// `more` are lines of the configuration, first those of `server`.
    pub(super) async fn with(more: &str) -> Self {
        let issuer = TestIssuer::start(Clock::system()).await;
        let secrets = tempfile::tempdir().unwrap();
        let secret = secrets.path().join("secret");
        write_private(&secret, CLIENT_SECRET);
        let auth = format!(
            "  auth:\n    issuers:\n      - issuer: {}\n        \
             scopes: {{ read: r, write: w }}\n        \
             login: {{ client_id: {CLIENT_ID}, client_secret: \"${{file:{}}}\" }}\n{more}",
            issuer.identifier(),
            secret.display()
        );
        Self {
            server: HttpServer::with(&auth).await,
            issuer,
            _secrets: secrets,
        }
    }

    pub(super) fn token(&self, user: &str, scope: &str) -> String {
        let audience = format!("{}/mcp", self.server.url);
        let scope = json!({ "scope": scope });
        self.issuer.access_token(user, &audience, &scope)
    }

    pub(super) async fn call(&self, user: &str, params: &Value) -> Value {
        self.server.call(&self.token(user, "w"), params).await
    }

    /// The answer of a call whose user follows the link that it may come with.
    pub(super) async fn finish(&self, user: &str, params: &Value) -> Value {
        let answer = self.call(user, params).await;
        if answer["result"]["inputRequests"].is_null() {
            return answer;
        }
        let journey = self.follow(user, &link_of(&answer)).await;
        assert_eq!(journey.last().status, 200, "{}", journey.last().body);
        self.call(user, &retry(params, &answer, "accept")).await
    }

    /// Opens a link in the browser of somebody who is signed in at the issuer.
    pub(super) async fn follow(&self, user: &str, link: &str) -> Journey {
        self.follow_with(user, link, Person::new()).await
    }

    /// The same with an account of its own at the provider: bob's is Grace's.
    pub(super) async fn connect(&self, user: &str, params: &Value) -> Value {
        let asked = self.call(user, params).await;
        let account = if user == "bob" { "grace" } else { "ada" };
        let person = Person::new().account(&format!("{account}@example.test"));
        let journey = self.follow_with(user, &link_of(&asked), person).await;
        assert_eq!(journey.last().status, 200, "{}", journey.last().body);
        self.call(user, &retry(params, &asked, "accept")).await
    }

    async fn follow_with(&self, user: &str, link: &str, mut person: Person) -> Journey {
        person.open(self.issuer.as_user(user)).await.unwrap();
        person.follow(link).await.unwrap()
    }

    /// Runs a command of the binary, which asks the server if it runs.
    pub(super) async fn command(&self, arguments: &[&str]) -> (i32, String) {
        let ended = tokio::process::Command::new(env!("CARGO_BIN_EXE_valetkey"))
            .env_clear()
            .env("HOME", self.server.home.path())
            .arg("--config")
            .arg(self.server.home.path().join("valetkey.yaml"))
            .args(arguments)
            .output()
            .await
            .unwrap();
        let said = String::from_utf8([ended.stdout, ended.stderr].concat()).unwrap();
        (ended.status.code().unwrap(), said)
    }
}

#[tokio::test]
async fn a_link_that_is_handed_on_connects_nobody_and_still_works_for_its_own_person() {
    let team = Team::new().await;
    let asked = team.call("ada", &search()).await;
    let link = link_of(&asked);
    let journey = team.follow("bob", &link).await;
    assert_eq!(journey.last().status, 403, "{}", journey.last().body);
    for user in ["ada", "bob"] {
        link_of(&team.call(user, &search()).await);
    }
    let journey = team.follow("ada", &link).await;
    assert_eq!(journey.last().status, 200, "{}", journey.last().body);
    assert_finished(&team.call("ada", &retry(&search(), &asked, "accept")).await);
    link_of(&team.call("bob", &search()).await);
    // By name neither.
    let mut named = search();
    named["arguments"]["account"] = json!("ada-lovelace");
    let answer = team.call("bob", &named).await;
    assert_ne!(answer["result"]["isError"], false, "{answer}");
    let log = team.server.finish();
    assert!(!log.contains("canary"), "{log}");
}

#[tokio::test]
async fn what_a_client_keeps_for_us_opens_no_call_of_another_user_tool_or_argument() {
    let team = Team::new().await;
    let asked = team.call("ada", &search()).await;
    let again = retry(&search(), &asked, "accept");
    let mut other_arguments = again.clone();
    other_arguments["arguments"]["repo"] = json!("lovelace-labs/other");
    let mut other_tool = again.clone();
    other_tool["name"] = json!("github_get_file");
    for (user, params) in [
        ("bob", &again),
        ("ada", &other_arguments),
        ("ada", &other_tool),
    ] {
        let answer = team.call(user, params).await;
        assert_eq!(answer["error"]["code"], -32602, "{user}: {answer}");
    }
}

#[tokio::test]
async fn a_token_that_may_only_read_is_told_what_writing_needs() {
    let team = Team::new().await;
    let write = json!({ "name": "github_create_issue", "arguments": {
        "repo": "lovelace-labs/engine", "title": "The bell is too loud" } });
    let token = team.token("ada", "r");
    let answer = team
        .server
        .message(&token, "tools/call", &write)
        .send()
        .await;
    let answer = answer.unwrap();
    assert_eq!(answer.status(), 403);
    let challenge = answer.headers()["www-authenticate"].to_str().unwrap();
    assert!(
        challenge.contains("error=\"insufficient_scope\""),
        "{challenge}"
    );
    assert!(challenge.contains("scope=\"r w\""), "{challenge}");
    // Reading goes on, and who may write may read.
    for scope in ["r", "w"] {
        let token = team.token("ada", scope);
        link_of(&team.server.call(&token, &search()).await);
    }
    let none = team.token("ada", "other");
    let answer = team
        .server
        .message(&none, "tools/list", &json!({}))
        .send()
        .await;
    assert_eq!(answer.unwrap().status(), 403);
}

#[tokio::test]
async fn a_message_that_names_two_tools_calls_neither_and_two_methods_are_none() {
    let team = Team::new().await;
    let meta = crate::frames::modern(json!({}), &crate::host::urls(), "test");
    let meta = meta["_meta"].to_string();
    let write = r#""name":"github_create_issue""#;
    let rest =
        format!(r#""arguments":{{"repo":"lovelace-labs/engine","title":"x"}},"_meta":{meta}"#);
    let call = r#""method":"tools/call""#;
    let head = r#"{"jsonrpc":"2.0","id":1,"#;
    let read = r#""name":"github_search_issues""#;
    for body in [
        format!(r#"{head}{call},"params":{{{read},{write},{rest}}}}}"#),
        format!(r#"{head}{call},"params":{{{write},{read},{write},{rest}}}}}"#),
        format!(r#"{head}"method":"tools/list",{call},"params":{{{write},{rest}}}}}"#),
        format!(r#"{head}{call},"params":{{{read}}},"params":{{{write},{rest}}}}}"#),
        format!(r#"[{head}{call},"params":{{{write},{rest}}}}}]"#),
    ] {
        let request = team.server.request(Method::POST, &team.token("ada", "r"));
        let answer = request
            .header("content-type", "application/json")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "tools/call")
            .header("mcp-name", "github_create_issue")
            .body(body.clone())
            .send()
            .await
            .unwrap();
        assert!(answer.status().is_client_error(), "{body}");
        let said = answer.text().await.unwrap();
        assert!(!said.contains("/connect/"), "it was called: {body}: {said}");
    }
}

#[tokio::test]
async fn each_user_sees_the_connections_of_their_own_only() {
    let team = Team::new().await;
    let listed = json!({ "name": "connections_list", "arguments": {} });
    let count = async |user: &str| {
        let answer = team.call(user, &listed).await;
        let items = &answer["result"]["structuredContent"]["items"];
        items.as_array().unwrap_or_else(|| panic!("{answer}")).len()
    };
    assert_finished(&team.finish("ada", &search()).await);
    assert_eq!((count("ada").await, count("bob").await), (1, 0));
    assert_finished(&team.finish("bob", &search()).await);
    assert_eq!((count("ada").await, count("bob").await), (1, 1));
}

#[tokio::test]
async fn a_kept_result_is_read_by_its_own_user_only() {
    let team = Team::new().await;
    for number in 0..MAILS {
        let sent = team.finish("ada", &mail(number)).await;
        assert_eq!(sent["result"]["isError"], false, "{sent}");
    }
    let (handle, _) = cut(&team.finish("ada", &long()).await);
    let own = team.call("ada", &read(&json!({ "handle": handle }))).await;
    assert!(text_of(&own).contains(WORD), "{own}");
    let other = team.call("bob", &read(&json!({ "handle": handle }))).await;
    assert_eq!(other["result"]["isError"], true, "{other}");
    // As if it had never been.
    let mut altered = handle.clone();
    let last = altered.pop().unwrap();
    altered.push(if last == 'A' { 'B' } else { 'A' });
    let unknown = team.call("bob", &read(&json!({ "handle": altered }))).await;
    assert_eq!(text_of(&other), text_of(&unknown));
    let uri = json!({ "uri": format!("result://{handle}") });
    for (user, found) in [("ada", true), ("bob", false)] {
        let token = team.token(user, "w");
        let answer = team.server.message(&token, "resources/read", &uri);
        let answer = message_of(answer.send().await.unwrap()).await;
        assert_eq!(answer["result"].is_object(), found, "{user}: {answer}");
    }
}

#[tokio::test]
async fn a_send_that_is_held_when_the_server_ends_is_not_sent_and_is_on_record() {
    let mut team = Team::new().await;
    let mut held = mail(0);
    assert_finished(&team.finish("ada", &held).await);
    held["arguments"]["delay_seconds"] = json!(120);
    let token = team.token("ada", "w");
    let call = tokio::spawn(team.server.message(&token, "tools/call", &held).send());
    // Nothing outside tells that it is held; one that is not would be answered meanwhile.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!call.is_finished());
    team.server.terminate();
    assert!(team.server.wait().success());
    call.await.unwrap().ok();
    assert_eq!(
        team.server
            .sandbox
            .count(Site::Google, Endpoint::Api("gmail.users.messages.send")),
        1
    );
    let (_, records) = team.command(&["audit", "--json"]).await;
    assert!(records.contains("cancelled"), "{records}");
}

#[tokio::test]
async fn in_a_session_of_ones_own_the_token_may_change_and_the_user_may_not() {
    let team = Team::new().await;
    let session = team.server.open_session(&team.token("ada", "w")).await;
    let list = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" });
    let renewed = team.token("ada", "r w");
    let answer = team
        .server
        .in_session(&renewed, &session, &list)
        .send()
        .await;
    let answer = message_of(answer.unwrap()).await;
    assert!(answer["result"]["tools"].is_array(), "{answer}");
    let other = team.token("bob", "w");
    let answer = team.server.in_session(&other, &session, &list).send().await;
    assert_eq!(answer.unwrap().status(), 404);
}
