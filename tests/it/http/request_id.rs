//! Every request has an id: in its answer, and on the lines of the log that are about it.

use super::watched::{HttpServer, Reply, call};
use crate::host::{Host, search};

fn id_of(reply: &Reply) -> &str {
    reply.headers["x-request-id"].to_str().unwrap()
}

#[test]
fn the_log_line_of_a_call_has_the_id_that_its_answer_has() {
    let host = Host::new("");
    let server = HttpServer::start(&host);
    let first = server.post(&call(&search()), &[]);
    let second = server.post(&call(&search()), &[]);
    let refused = server.get("/nowhere");
    let ids = [&first, &second, &refused].map(|reply| id_of(reply).to_owned());
    assert!(
        ids[0] != ids[1] && ids.iter().all(|id| id.len() == 32),
        "{ids:?}"
    );
    let log = server.stop();
    for (id, message) in ids.iter().zip(["tool call", "tool call", "http.refused"]) {
        let line = log
            .iter()
            .find(|line| line["span"]["request.id"] == *id && line["message"] == message);
        assert!(line.is_some(), "no {message} of {id} in {log:#?}");
    }
    // What a page logs in the browser's side is the request's, too.
    let page = log.iter().find(|line| line["message"] == "consent.request");
    assert_eq!(page.unwrap()["span"]["request.id"], *ids[2]);
}

#[test]
fn an_id_from_outside_is_taken_from_a_trusted_proxy_only() {
    let given = [("x-request-id", "edge-7f3c2b1a")];
    let host = Host::new("");
    let server = HttpServer::start(&host);
    assert_ne!(
        id_of(&server.post(&call(&search()), &given)),
        "edge-7f3c2b1a"
    );
    drop(server);
    let host = Host::new("  trusted_proxies: [127.0.0.1]\n");
    let server = HttpServer::start(&host);
    assert_eq!(
        id_of(&server.post(&call(&search()), &given)),
        "edge-7f3c2b1a"
    );
    let strange = [("x-request-id", "edge 7 \"}")];
    assert_eq!(id_of(&server.post(&call(&search()), &strange)).len(), 32);
}
