//! Several users of one server: nobody sees, uses or ends what is another's (threats 101, 110).

use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

use crate::http::server::{ADA, BOB, HttpServer, message_of};

#[tokio::test]
async fn a_session_is_unknown_to_everyone_but_its_user() {
    let server = HttpServer::with_users("").await;
    let session = server.open_session(ADA).await;
    let list = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" });
    let guessed = "00000000-0000-4000-8000-000000000000";
    let mut answers = Vec::new();
    for (token, session) in [(BOB, session.as_str()), (BOB, guessed), (ADA, guessed)] {
        let answer = server.in_session(token, session, &list).send().await;
        let answer = answer.unwrap();
        answers.push((answer.status(), answer.text().await.unwrap()));
        for method in [Method::GET, Method::DELETE] {
            let request = server
                .request(method, token)
                .header("mcp-session-id", session);
            request.send().await.unwrap();
        }
    }
    assert_eq!(answers[0].0, 404);
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    // Nobody else could end it.
    let answer = server.in_session(ADA, &session, &list).send().await;
    let answer = message_of(answer.unwrap()).await;
    assert!(answer["result"]["tools"].is_array(), "{answer}");
}

#[tokio::test]
async fn calls_with_the_same_id_at_the_same_time_each_get_their_own_answer() {
    let server = HttpServer::with_users("").await;
    let mut calls = JoinSet::new();
    for number in 0..200 {
        let (token, user) = if number % 2 == 0 {
            (ADA, "ada")
        } else {
            (BOB, "bob")
        };
        let name = format!("no_tool_of_{user}_{number}");
        let params = json!({ "name": name, "arguments": {} });
        let request = server.message(token, "tools/call", &params);
        calls.spawn(async move { (name, message_of(request.send().await.unwrap()).await) });
    }
    for (name, answer) in calls.join_all().await {
        assert_eq!(answer["id"], 1);
        let said = answer["error"]["message"].as_str().unwrap();
        assert!(said.contains(&format!("{name}.")), "{name}: {said}");
    }
}
