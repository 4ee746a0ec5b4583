//! Every request has an id: in its answer, and on the lines of the log that are about it.

use reqwest::Response;
use serde_json::Value;

use crate::host::search;
use crate::http::server::HttpServer;

async fn call(server: &HttpServer, given: &[&'static str]) -> Response {
    let mut request = server.message("", "tools/call", &search());
    for id in given {
        request = request.header("x-request-id", *id);
    }
    request.send().await.unwrap()
}

fn id_of(reply: &Response) -> &str {
    reply.headers()["x-request-id"].to_str().unwrap()
}

#[tokio::test]
async fn the_log_line_of_a_call_has_the_id_that_its_answer_has() {
    let server = HttpServer::local().await;
    let first = call(&server, &[]).await;
    let second = call(&server, &[]).await;
    let nowhere = server.client.get(format!("{}/nowhere", server.url));
    let nowhere = nowhere.send().await.unwrap();
    let ids = [&first, &second, &nowhere].map(|reply| id_of(reply).to_owned());
    assert!(ids[0] != ids[1] && ids.iter().all(|id| id.len() == 32));
    let log = server.finish();
    let log: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    // The last is what a page of the browser's side logs.
    let messages = [
        (&ids[0], "tool call"),
        (&ids[1], "tool call"),
        (&ids[2], "http.refused"),
        (&ids[2], "consent.request"),
    ];
    for (id, message) in messages {
        let is_its =
            |line: &Value| line["span"]["request.id"] == **id && line["message"] == message;
        assert!(log.iter().any(is_its), "no {message} of {id} in {log:#?}");
    }
}

#[tokio::test]
async fn an_id_from_outside_is_taken_from_a_trusted_proxy_only() {
    let server = HttpServer::local().await;
    assert_eq!(id_of(&call(&server, &["edge-7f3c"]).await).len(), 32);
    let server = HttpServer::with("  trusted_proxies: [127.0.0.1]\n").await;
    assert_eq!(id_of(&call(&server, &["edge-7f3c"]).await), "edge-7f3c");
    for strange in [&["edge 7 \"}"][..], &["a", "b"]] {
        assert_eq!(id_of(&call(&server, strange).await).len(), 32);
    }
}
