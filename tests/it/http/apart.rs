//! Users of one server at the same time and with each other's handles: nothing crosses (threats 102,
//! 110, 111, 112, 116).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use valetkey::demo::sandbox::Site;
use valetkey::demo::sandbox::faults::Endpoint;

use crate::host::{assert_finished, create, link_of, search, text_of};
use crate::http::server::message_of;
use crate::http::team::Team;
use crate::rounds::rounds;
use crate::sends::{code, with};
use crate::session::{find_mail, send_mail};

const UNLIMITED: &str = "  calls_per_minute: 0\n";

/// Both are connected, ada as Ada and bob as Grace.
async fn team() -> Team {
    let team = Team::with(UNLIMITED).await;
    for user in ["ada", "bob"] {
        team.connect(user, &send_mail()).await;
        team.connect(user, &find_mail()).await;
    }
    team
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_calls_of_two_users_with_the_same_ids_get_their_own_answers_round_after_round()
{
    let team = Team::with(UNLIMITED).await;
    let mut users = Vec::new();
    for user in ["ada", "bob"] {
        let link = link_of(&team.call(user, &find_mail()).await);
        users.push((user, team.token(user, "w"), link));
    }
    assert_ne!(users[0].2, users[1].2);
    for round in 0..rounds(20, 2_000) {
        let mut calls = JoinSet::new();
        for number in 0..200 {
            let (user, token, link) = &users[number % 2];
            // Each id is in use by both, and by several calls of each.
            let id = number / 2 % 10;
            // One answer says which call it is of, the other whose.
            let name = format!("no_tool_of_{user}_{round}_{number}");
            let (params, told) = if number % 4 < 2 {
                let params = json!({ "name": name, "arguments": {} });
                (params, format!("{name}."))
            } else {
                (find_mail(), link.clone())
            };
            let body = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call",
                "params": crate::frames::modern(params.clone(), &crate::host::urls(), "test") });
            let request = team
                .server
                .message(token, "tools/call", &params)
                .json(&body);
            calls.spawn(async move { (id, told, message_of(request.send().await.unwrap()).await) });
        }
        for (id, told, answer) in calls.join_all().await {
            assert_eq!(answer["id"], id);
            assert!(answer.to_string().contains(&told), "{told}: {answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_both_find_at_the_same_time_with_the_same_ids_is_in_their_own_account() {
    let team = team().await;
    for _ in 0..rounds(3, 300) {
        let mut calls = JoinSet::new();
        for number in 0..50 {
            let (user, account) =
                [("ada", "ada@example.test"), ("bob", "grace@example.test")][number % 2];
            let request = team
                .server
                .message(&team.token(user, "w"), "tools/call", &find_mail());
            calls.spawn(async move { (account, message_of(request.send().await.unwrap()).await) });
        }
        for (account, answer) in calls.join_all().await {
            assert_eq!(
                answer["result"]["structuredContent"]["account"], account,
                "{answer}"
            );
            assert!(text_of(&answer).contains(&format!("Account: {account}")));
        }
    }
}

#[tokio::test]
async fn naming_the_account_of_another_finds_nothing_and_sends_nothing_with_it() {
    let team = Team::with(UNLIMITED).await;
    team.connect("ada", &send_mail()).await;
    team.connect("ada", &find_mail()).await;
    let listed = team
        .call(
            "ada",
            &json!({ "name": "connections_list", "arguments": {} }),
        )
        .await;
    let items = listed["result"]["structuredContent"]["items"]
        .as_array()
        .unwrap();
    let id = items[0]["connection"].clone();
    assert!(id.is_string(), "{listed}");
    let before = team.server.sandbox.count(Site::Google, Endpoint::AnyApi);
    let names = [
        json!("ada@example.test"),
        json!("ADA@EXAMPLE.TEST"),
        json!("ada"),
        id,
    ];
    for params in [find_mail(), send_mail()] {
        for name in &names {
            let answer = team
                .call("bob", &with(params.clone(), "account", name.clone()))
                .await;
            let asked = answer["result"]["inputRequests"].is_object();
            assert!(
                asked || answer["result"]["isError"] == true,
                "{name}: {answer}"
            );
        }
    }
    assert_eq!(
        team.server.sandbox.count(Site::Google, Endpoint::AnyApi),
        before
    );
    assert_finished(&team.call("ada", &find_mail()).await);
}

#[tokio::test]
async fn a_cursor_or_an_attachment_of_another_users_result_shows_nothing_of_it() {
    let team = team().await;
    let file = STANDARD.encode("the plans of the island");
    let attached = with(
        with(send_mail(), "to", json!("ada@example.test")),
        "attachments",
        json!([{ "filename": "plans.txt", "mime_type": "text/plain", "content_b64": file }]),
    );
    let sent = team.call("ada", &attached).await;
    assert_eq!(sent["result"]["isError"], false, "{sent}");
    let message = sent["result"]["structuredContent"]["message_id"].clone();
    for number in 0..3 {
        let mail = with(
            with(send_mail(), "to", json!("ada@example.test")),
            "subject",
            json!(format!("Zanzibar {number}")),
        );
        assert_eq!(team.call("ada", &mail).await["result"]["isError"], false);
    }
    let page = json!({ "name": "gmail_search", "arguments": {
        "query": "Zanzibar", "group_by": "message", "limit": 1 } });
    let first = team.call("ada", &page).await;
    let cursor = first["result"]["structuredContent"]["page"]["next_cursor"].clone();
    assert!(cursor.is_string(), "{first}");
    let next = json!({ "name": "gmail_search", "arguments": { "cursor": cursor } });
    let own = team.call("ada", &next).await;
    assert!(text_of(&own).contains("Zanzibar 1"), "{own}");
    let cursor = cursor.as_str().unwrap();
    let sealed = URL_SAFE_NO_PAD.decode(cursor).unwrap();
    assert!(!String::from_utf8_lossy(&sealed).contains("Zanzibar"));
    // Altered at either end, plain as the tools write them, and anything else.
    let plain = URL_SAFE_NO_PAD.encode(r#"{"query":"Zanzibar","page":"1"}"#);
    let altered = [
        format!("{cursor}A"),
        cursor[..cursor.len() - 4].to_owned(),
        format!("B{}", &cursor[1..]),
        plain,
        String::new(),
        "A".repeat(100_000),
    ];
    let mut tries = vec![
        ("bob", next.clone()),
        (
            "ada",
            with(
                json!({ "name": "gmail_list_drafts", "arguments": {} }),
                "cursor",
                json!(cursor),
            ),
        ),
    ];
    tries.extend(altered.map(|cursor| ("ada", with(next.clone(), "cursor", json!(cursor)))));
    assert_finished(
        &team
            .call(
                "ada",
                &json!({ "name": "gmail_list_drafts", "arguments": {} }),
            )
            .await,
    );
    let before = team.server.sandbox.count(Site::Google, Endpoint::AnyApi);
    for (user, params) in tries {
        let other = team.call(user, &params).await;
        let error = &other["result"]["structuredContent"]["error"];
        assert_eq!(
            error["code"], "invalid_arguments",
            "{user} {params}: {other}"
        );
        assert!(text_of(&other).contains("Unknown `cursor`"), "{other}");
        assert!(!other.to_string().contains("Zanzibar"), "{other}");
    }
    let after = team.server.sandbox.count(Site::Google, Endpoint::AnyApi);
    assert_eq!(after, before, "nothing was sent");

    let read = json!({ "name": "gmail_read_message", "arguments": { "message_id": message } });
    let own = team.call("ada", &read).await;
    assert_eq!(own["result"]["isError"], false, "{own}");
    let part = json!({ "name": "gmail_get_attachment", "arguments": {
        "message_id": message, "filename": "plans.txt" } });
    let own = team.call("ada", &part).await;
    assert!(own.to_string().contains("the plans"), "{own}");
    for params in [&read, &part] {
        let other = team.call("bob", params).await;
        assert_eq!(other["result"]["isError"], true, "{other}");
        assert!(!other.to_string().contains("the plans"), "{other}");
    }
}

#[tokio::test]
async fn a_key_or_a_preview_of_another_user_gives_nothing_of_the_first_and_spares_nothing() {
    let team = team().await;
    let before = team.server.sandbox.sent_mail().len();
    let keyed = with(send_mail(), "idempotency_key", json!("tuesday"));
    let first = team.call("ada", &keyed).await;
    let second = team.call("bob", &keyed).await;
    let id = |answer: &Value| {
        assert_eq!(answer["result"]["isError"], false, "{answer}");
        answer["result"]["structuredContent"]["message_id"].clone()
    };
    assert_ne!(id(&first), id(&second), "bob's was sent, too");
    assert_eq!(
        second["result"]["structuredContent"]["account"],
        "grace@example.test"
    );
    assert!(
        !second.to_string().contains("nothing was done again"),
        "{second}"
    );
    assert_eq!(
        id(&team.call("ada", &keyed).await),
        id(&first),
        "the key is ada's"
    );
    assert_eq!(team.server.sandbox.sent_mail().len(), before + 2);

    let dry = with(send_mail(), "dry_run", json!(true));
    let shown = team.call("ada", &dry).await;
    let preview = shown["result"]["structuredContent"]["preview_id"].clone();
    assert!(preview.is_string(), "{shown}");
    let agreed = with(send_mail(), "preview_id", preview);
    assert_eq!(code(&team.call("bob", &agreed).await), "preview_changed");
    assert_eq!(team.server.sandbox.sent_mail().len(), before + 2);
    id(&team.call("ada", &agreed).await);
    assert_eq!(team.server.sandbox.sent_mail().len(), before + 3);
}

#[tokio::test]
async fn a_list_of_tools_is_its_callers_and_a_header_that_names_another_tool_runs_neither() {
    let team = Team::new().await;
    team.connect("ada", &create()).await;
    let created = Endpoint::Api("issues/create");
    let before = team.server.sandbox.count(Site::GitHub, created);
    let token = team.token("ada", "w");
    let list = team
        .server
        .message(&token, "tools/list", &json!({}))
        .send()
        .await
        .unwrap();
    assert_eq!(list.headers()["cache-control"], "no-store");
    assert_eq!(message_of(list).await["result"]["cacheScope"], "private");
    for name in [
        "github_search_issues",
        "=?base64?Z2l0aHViX3NlYXJjaF9pc3N1ZXM=?=",
        "",
    ] {
        let request = team.server.message(&token, "tools/call", &create());
        let mut request = request.build().unwrap();
        request
            .headers_mut()
            .insert("mcp-name", name.parse().unwrap());
        let answer = team.server.client.execute(request).await.unwrap();
        assert_eq!(answer.status(), 400, "{name}");
        assert_eq!(message_of(answer).await["error"]["code"], -32020, "{name}");
    }
    // The same tool, encoded, is the same tool.
    let request = team.server.message(&token, "tools/call", &search());
    let mut request = request.build().unwrap();
    let encoded = "=?base64?Z2l0aHViX3NlYXJjaF9pc3N1ZXM=?=".parse().unwrap();
    request.headers_mut().insert("mcp-name", encoded);
    let answer = team.server.client.execute(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(team.server.sandbox.count(Site::GitHub, created), before);
}
