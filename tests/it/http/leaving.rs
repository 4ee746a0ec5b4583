//! A user who leaves: `valetkey revoke-user` beside the running server (threat 120).

use serde_json::{Value, json};
use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::Site;
use valetkey::demo::sandbox::faults::Endpoint;

use crate::host::{assert_finished, link_of, retry, search};
use crate::http::server::message_of;
use crate::http::team::Team;
use crate::session::{find_mail, read_channel};

#[tokio::test(flavor = "multi_thread")]
async fn all_that_a_user_had_is_given_back_what_waits_ends_and_nobody_else_notices() {
    let team = Team::with("  operator_bind: 127.0.0.1:0\n").await;
    for user in ["ada", "bob"] {
        assert_eq!(
            team.connect(user, &search()).await["result"]["isError"],
            false
        );
    }
    assert_finished(&team.finish("ada", &find_mail()).await);
    // Both have a flow, and a call that waits for it.
    let mut waiting = Vec::new();
    let mut links = Vec::new();
    for user in ["ada", "bob"] {
        let asked = team.call(user, &read_channel()).await;
        links.push(link_of(&asked));
        let again = retry(&read_channel(), &asked, "accept");
        let request = team
            .server
            .message(&team.token(user, "w"), "tools/call", &again);
        waiting.push(tokio::spawn(request.send()));
    }
    until_waiting(&team, 2).await;

    let issuer = team.issuer.identifier().to_owned();
    let (code, said) = team
        .command(&["revoke-user", &issuer, "ada", "--json"])
        .await;

    assert_eq!(code, 0, "{said}");
    let done: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(done["sign_ins_dropped"], 1, "{done}");
    let connections = done["connections"].as_array().unwrap();
    assert_eq!(connections.len(), 2, "{done}");
    assert!(
        connections.iter().all(|one| one["revoked"] == true),
        "{done}"
    );
    let sandbox = &team.server.sandbox;
    for (site, revocations) in [(Site::GitHub, 1), (Site::Google, 1), (Site::Slack, 0)] {
        assert_eq!(sandbox.count(site, Endpoint::Revoke), revocations, "{site}");
    }

    // The call that waited is answered with the link of a new flow, which is there.
    let answer = message_of(waiting.remove(0).await.unwrap().unwrap()).await;
    let renewed = link_of(&answer);
    assert_ne!(renewed, links[0]);
    let mut person = Person::new();
    person.open(team.issuer.as_user("ada")).await.unwrap();
    let journey = person.follow(&links[0]).await.unwrap();
    assert!(
        journey.last().status.is_client_error(),
        "{}",
        journey.last().body
    );
    let page = person.open(renewed.parse().unwrap()).await.unwrap();
    assert_eq!(page.last().status, 200, "{}", page.last().body);
    // The token is the issuer's and still good; there is nothing left that it opens.
    let listed = json!({ "name": "connections_list", "arguments": {} });
    let items = team.call("ada", &listed).await;
    assert_eq!(
        items["result"]["structuredContent"]["items"],
        json!([]),
        "{items}"
    );
    let before = sandbox.count(Site::GitHub, Endpoint::AnyApi);
    for params in [search(), find_mail(), read_channel()] {
        let link = link_of(&team.call("ada", &params).await);
        assert_ne!(link, links[0]);
    }
    assert_eq!(sandbox.count(Site::GitHub, Endpoint::AnyApi), before);

    assert!(!waiting[0].is_finished(), "bob's call waits on");
    let done = team.call("bob", &search()).await;
    assert_eq!(done["result"]["isError"], false, "{done}");
    assert_eq!(link_of(&team.call("bob", &read_channel()).await), links[1]);
    // A new start is possible.
    assert_finished(&team.finish("ada", &search()).await);
}

/// Waits until so many calls wait for their person.
async fn until_waiting(team: &Team, calls: usize) {
    let series = format!("valetkey_waiting_calls {calls}");
    for _ in 0..1_000 {
        let metrics = team.server.operator("/metrics").await.text().await.unwrap();
        if metrics.lines().any(|line| line == series) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{calls} calls do not wait");
}
