//! What the operator sees of a team: neither who calls nor what they say (threats 70, 148).

use serde_json::{Map, Value, json};

use crate::audit::privacy::{CANARY, filled};
use crate::host::{assert_finished, create, retry, search};
use crate::http::server::message_of;
use crate::http::team::Team;
use crate::http::traces::Collector;
use crate::session::{find_mail, read_channel, send_mail};

/// Every tool with the canary in all of its arguments, and in each by itself beside those it needs.
async fn calls(team: &Team) -> Vec<Value> {
    let list = team
        .server
        .message(&team.token("ada", "w"), "tools/list", &json!({}));
    let listed = message_of(list.send().await.unwrap()).await;
    let mut calls = Vec::new();
    for tool in listed["result"]["tools"].as_array().unwrap() {
        let schema = tool["inputSchema"]["properties"].as_object().unwrap();
        let required = tool["inputSchema"]["required"].as_array();
        let needed = |name: &str| required.is_some_and(|names| names.contains(&json!(name)));
        let with = |wanted: &dyn Fn(&str) -> bool| {
            let wanted = schema.iter().filter(|(name, _)| wanted(name));
            let filled = wanted.map(|(name, schema)| (name.clone(), filled(schema)));
            json!({ "name": tool["name"], "arguments": filled.collect::<Map<_, _>>() })
        };
        calls.push(with(&|_| true));
        for name in schema.keys() {
            calls.push(with(&|other| other == name || needed(other)));
        }
    }
    calls
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_log_nor_metrics_nor_spans_name_a_person_or_what_was_said() {
    let (collector, endpoint, _port) = Collector::start();
    let more = format!(
        "  hold_s: 0\n  hold_text_s: 0\n  calls_per_minute: 0\n  operator_bind: 127.0.0.1:0\n  \
         otlp_endpoint: http://{endpoint}\n"
    );
    let team = Team::with(&more).await;
    let all = calls(&team).await;
    assert!(all.len() > 200, "{}", all.len());
    let ask_all = async |user: &str| {
        let token = team.token(user, "w");
        for params in &all {
            let request = team.server.message(&token, "tools/call", params);
            let request = request
                .header("user-agent", CANARY)
                .header("x-forwarded-for", CANARY)
                .header("referer", format!("https://{CANARY}/"));
            request.send().await.unwrap();
        }
    };
    // Before anything is connected, and after.
    ask_all("bob").await;
    for params in [find_mail(), send_mail(), search(), create()] {
        let asked = team.call("ada", &params).await;
        if asked["result"]["inputRequests"].is_object() {
            let link = crate::host::link_of(&asked);
            // A stranger first, and one who guesses.
            assert_eq!(team.follow("bob", &link).await.last().status, 403);
            assert_eq!(team.follow("ada", &link).await.last().status, 200);
            assert_finished(&team.call("ada", &retry(&params, &asked, "accept")).await);
        } else {
            assert_finished(&asked);
        }
    }
    team.call("ada", &read_channel()).await;
    ask_all("ada").await;
    let bad = team.issuer.access_token(CANARY, CANARY, &json!({}));
    team.server
        .message(&bad, CANARY, &json!({}))
        .send()
        .await
        .unwrap();
    for path in [
        format!("/connect/{CANARY}"),
        format!("/{CANARY}"),
        format!("/login/callback?state={CANARY}"),
    ] {
        team.server
            .client
            .get(format!("{}{path}", team.server.url))
            .send()
            .await
            .unwrap();
    }

    let metrics = team.server.operator("/metrics").await.text().await.unwrap();
    let Team { server, issuer, .. } = team;
    let url = server.url.clone();
    let log = tokio::task::spawn_blocking(move || server.finish())
        .await
        .unwrap();
    let spans = collector.text();
    assert!(log.lines().count() > all.len() && spans.len() > 10_000);
    assert!(metrics.contains("valetkey_tool_calls_total"));
    let said = [
        "c4n4ry",
        "@example.test",
        "launch",
        "Grace",
        "ada",
        "bob",
        "lovelace",
        "too loud",
        "sandbox-",
    ];
    for (place, text) in [("log", &log), ("metrics", &metrics), ("spans", &spans)] {
        // The addresses that the operator configured are in the log.
        let text = text.replace(issuer.identifier(), "").replace(&url, "");
        for word in said {
            for (at, _) in text.match_indices(word) {
                let alone = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric());
                let before = text[..at].chars().next_back();
                let after = text[at + word.len()..].chars().next();
                // A hash may have the letters of a name in it.
                let named = word.len() > 3 || alone(before) && alone(after);
                assert!(
                    !named,
                    "{word} in the {place}: {:.200}",
                    &text[at.saturating_sub(100)..]
                );
            }
        }
    }
}
