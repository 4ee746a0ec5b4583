//! A team on one server, each with tokens of their issuer: a link is its person's, and what it brings
//! is, too (threats 1, 35, 36, 96, 112, 116).

use serde_json::{Value, json};
use valetkey::clock::Clock;
use valetkey::demo::browser::{Journey, Person};

use crate::host::{assert_finished, link_of, retry, search, text_of};
use crate::http::server::{HttpServer, message_of};
use crate::issuer::{CLIENT_ID, CLIENT_SECRET, TestIssuer};
use crate::peers::write_private;

struct Team {
    server: HttpServer,
    issuer: TestIssuer,
}

impl Team {
    async fn new() -> Self {
        let issuer = TestIssuer::start(Clock::system()).await;
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        write_private(&secret, CLIENT_SECRET);
        let auth = format!(
            "  auth:\n    issuers:\n      - issuer: {}\n        \
             scopes: {{ read: r, write: w }}\n        \
             login: {{ client_id: {CLIENT_ID}, client_secret: \"${{file:{}}}\" }}\n",
            issuer.identifier(),
            secret.display()
        );
        Self {
            server: HttpServer::with(&auth).await,
            issuer,
        }
    }

    fn token(&self, user: &str, scope: &str) -> String {
        let audience = format!("{}/mcp", self.server.url);
        let scope = json!({ "scope": scope });
        self.issuer.access_token(user, &audience, &scope)
    }

    async fn call(&self, user: &str, params: &Value) -> Value {
        self.server.call(&self.token(user, "w"), params).await
    }

    /// Opens a link in the browser of somebody who is signed in at the issuer.
    async fn follow(&self, user: &str, link: &str) -> Journey {
        let mut person = Person::new();
        person.open(self.issuer.as_user(user)).await.unwrap();
        person.follow(link).await.unwrap()
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
async fn a_kept_result_is_read_by_its_own_user_only() {
    let team = Team::new().await;
    for user in ["ada", "bob"] {
        let asked = team.call(user, &search()).await;
        team.follow(user, &link_of(&asked)).await;
    }
    let guess = json!({ "name": "result_read", "arguments": { "handle": "r-000000000000" } });
    let listed = json!({ "name": "connections_list", "arguments": {} });
    let unknown = team.call("bob", &guess).await;
    assert_eq!(unknown["result"]["isError"], true, "{unknown}");
    for user in ["ada", "bob"] {
        let answer = team.call(user, &listed).await;
        let items = answer["result"]["structuredContent"]["items"].as_array();
        assert_eq!(items.map(Vec::len), Some(1), "{answer}");
        assert!(text_of(&answer).contains("GitHub"), "{answer}");
    }
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
