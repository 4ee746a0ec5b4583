//! Several users of one server: nobody sees, uses or ends what is another's (threat 101).

use reqwest::Method;
use serde_json::json;

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
