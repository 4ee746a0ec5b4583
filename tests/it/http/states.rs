//! `requestState` over HTTP: what opens no call, what opens one once, and what is not in it (threats
//! 34 to 44).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::Site;
use valetkey::demo::sandbox::faults::Endpoint;

use crate::frames::modern;
use crate::host::{assert_finished, create, link_as_text, link_of, retry, search, text_of};
use crate::http::inside::Inside;
use crate::http::server::{HttpServer, message_of};
use crate::http::team::Team;
use crate::results::mail;
use crate::session::send_mail;

const CREATED: Endpoint = Endpoint::Api("issues/create");
/// These tests make more calls than people do.
const UNLIMITED: &str = "  calls_per_minute: 0\n";

fn state_of(asked: &Value) -> String {
    let state = asked["result"]["requestState"].as_str();
    state.unwrap_or_else(|| panic!("{asked}")).to_owned()
}

fn with_state(params: &Value, state: &str) -> Value {
    let mut params = params.clone();
    params["requestState"] = json!(state);
    params
}

fn assert_refused(answer: &Value, reason: &str, case: &str) {
    assert_eq!(answer["error"]["code"], -32602, "{case}: {answer}");
    assert_eq!(answer["error"]["data"]["reason"], reason, "{case}");
    assert!(answer.get("result").is_none(), "{case}: a new question");
}

/// Every bit of every byte turned, every length but the right one, and what one might try by hand.
fn altered(state: &str) -> Vec<String> {
    let bytes = URL_SAFE_NO_PAD.decode(state).unwrap();
    let mut all = Vec::new();
    for bit in 0..bytes.len() * 8 {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        all.push(URL_SAFE_NO_PAD.encode(bytes));
    }
    all.extend((0..state.len()).map(|length| state[..length].to_owned()));
    let (first, second) = state.split_at(state.len() / 2);
    all.extend([
        format!("{second}{first}"),
        format!("{state}-TAMPERED"),
        format!("{state}A"),
        format!("{state}="),
        format!(" {state}"),
        format!("{state}{state}"),
        state.to_lowercase(),
        "A".repeat(1 << 20),
        "{\"flow\":1}".to_owned(),
    ]);
    all
}

#[tokio::test]
async fn a_state_that_was_altered_is_an_error_and_no_question_and_nothing_runs() {
    let team = Team::with(UNLIMITED).await;
    let asked = team.call("ada", &create()).await;
    team.follow("ada", &link_of(&asked)).await;
    let good = retry(&create(), &asked, "accept");
    let cases = altered(&state_of(&asked));
    assert!(cases.len() > 500, "{}", cases.len());
    let token = team.token("ada", "w");
    for some in cases.chunks(64) {
        let mut calls = JoinSet::new();
        for state in some {
            let params = with_state(&good, state);
            let request = team.server.message(&token, "tools/call", &params);
            let case = format!("{state:.200}");
            calls.spawn(async move { (case, message_of(request.send().await.unwrap()).await) });
        }
        for (case, answer) in calls.join_all().await {
            assert_refused(&answer, "invalid", &case);
        }
    }
    assert_eq!(team.server.sandbox.count(Site::GitHub, CREATED), 0);
    assert_finished(&team.call("ada", &good).await);
    assert_eq!(team.server.sandbox.count(Site::GitHub, CREATED), 1);
}

#[tokio::test]
async fn a_state_opens_no_call_of_another_user_tool_or_argument_although_all_are_connected() {
    let team = Team::with(UNLIMITED).await;
    let asked = team.call("ada", &create()).await;
    for user in ["ada", "bob"] {
        assert_finished(&team.finish(user, &search()).await);
    }
    assert_finished(&team.finish("bob", &create()).await);
    team.finish("ada", &send_mail()).await;
    let sandbox = &team.server.sandbox;
    let before = sandbox.count(Site::GitHub, Endpoint::AnyApi);
    let mails = sandbox.sent_mail().len();
    let mut title = create();
    title["arguments"]["title"] = json!("The bell is too quiet");
    let mut more = create();
    more["arguments"]["body"] = json!("");
    let mut less = create();
    less["arguments"].as_object_mut().unwrap().remove("title");
    for (case, user, params) in [
        ("another user", "bob", create()),
        ("another title", "ada", title),
        ("one argument more", "ada", more),
        ("one argument less", "ada", less),
        ("a read", "ada", search()),
        ("a mail", "ada", send_mail()),
        ("another user's mail", "bob", send_mail()),
    ] {
        let answer = team.call(user, &retry(&params, &asked, "accept")).await;
        assert_refused(&answer, "invalid", case);
    }
    assert_eq!(sandbox.count(Site::GitHub, Endpoint::AnyApi), before);
    assert_eq!(sandbox.sent_mail().len(), mails);
}

#[tokio::test]
async fn a_state_ends_with_its_link() {
    let inside = Inside::new().await;
    let asked = inside.call("ada", &search()).await;
    let again = retry(&search(), &asked, "accept");
    inside.connect("ada", &link_of(&asked)).await;
    inside.clock.advance(std::time::Duration::from_secs(599));
    assert_finished(&inside.call("ada", &again).await);
    inside.clock.advance(std::time::Duration::from_secs(2));
    assert_refused(&inside.call("ada", &again).await, "expired", "601 s");
    // Without it the call is a new one.
    assert_finished(&inside.call("ada", &search()).await);
}

#[tokio::test]
async fn ten_replays_of_a_send_at_the_same_time_send_once() {
    let team = Team::with(UNLIMITED).await;
    let asked = team.call("ada", &send_mail()).await;
    let again = retry(&send_mail(), &asked, "accept");
    let token = team.token("ada", "w");
    let mut replays = JoinSet::new();
    for _ in 0..10 {
        let request = team.server.message(&token, "tools/call", &again);
        replays.spawn(async move { message_of(request.send().await.unwrap()).await });
    }
    team.follow("ada", &link_of(&asked)).await;
    let answers = replays.join_all().await;
    let done = answers
        .iter()
        .filter(|one| one["result"]["isError"] == false);
    assert_eq!(done.count(), 1, "{answers:?}");
    let used = answers.iter().filter(|one| one.get("error").is_some());
    used.for_each(|answer| assert_refused(answer, "used", "a replay"));
    assert_refused(&team.call("ada", &again).await, "used", "a later replay");
    assert_eq!(team.server.sandbox.sent_mail().len(), 1);
}

#[tokio::test]
async fn a_state_outlives_a_new_key_and_that_of_another_deployment_is_refused() {
    let server = HttpServer::local().await;
    let other = HttpServer::local().await;
    let asked = server.call("", &search()).await;
    let foreign = other.call("", &search()).await;
    let rotated = tokio::process::Command::new(env!("CARGO_BIN_EXE_valetkey"))
        .env_clear()
        .env("HOME", server.home.path())
        .arg("--config")
        .arg(server.home.path().join("valetkey.yaml"))
        .args(["key", "rotate"])
        .output()
        .await
        .unwrap();
    assert!(rotated.status.success(), "{rotated:?}");
    let answer = server.call("", &retry(&search(), &foreign, "accept")).await;
    assert_refused(&answer, "invalid", "of another deployment");
    Person::new().follow(&link_of(&asked)).await.unwrap();
    assert_finished(&server.call("", &retry(&search(), &asked, "accept")).await);
}

#[tokio::test]
async fn nothing_can_be_read_in_a_state() {
    let team = Team::new().await;
    let mut params = search();
    params["arguments"]["query"] = json!("c4n4ry");
    let first = team.call("ada", &params).await;
    let second = team.call("ada", &params).await;
    let link = link_of(&first);
    assert_eq!(link, link_of(&second), "one flow");
    assert_ne!(state_of(&first), state_of(&second));
    let token = link.rsplit('/').next().unwrap();
    let raw = URL_SAFE_NO_PAD.decode(token).unwrap();
    for asked in [&first, &second] {
        let bytes = URL_SAFE_NO_PAD.decode(state_of(asked)).unwrap();
        let text = format!("{}{}", state_of(asked), String::from_utf8_lossy(&bytes));
        for told in [
            "ada", "c4n4ry", "github", "lovelace", "sandbox", "http", token,
        ] {
            assert!(!text.contains(told), "{told}: {text}");
        }
        assert!(!bytes.windows(8).any(|part| part == &raw[..8]));
    }
}

#[tokio::test]
async fn who_only_said_accept_is_asked_again_and_nothing_runs() {
    let team = Team::with("  hold_s: 0\n").await;
    let asked = team.call("ada", &create()).await;
    let again = team.call("ada", &retry(&create(), &asked, "accept")).await;
    assert_eq!(link_of(&again), link_of(&asked));
    let again = team.call("ada", &retry(&create(), &again, "accept")).await;
    assert_eq!(link_of(&again), link_of(&asked));
    let sandbox = &team.server.sandbox;
    assert_eq!(sandbox.count(Site::GitHub, Endpoint::AnyApi), 0);
    team.follow("ada", &link_of(&asked)).await;
    assert_finished(&team.call("ada", &retry(&create(), &again, "accept")).await);
    assert_eq!(sandbox.count(Site::GitHub, CREATED), 1);
}

#[tokio::test]
async fn a_client_that_cannot_show_links_gets_the_link_as_text_and_no_request_for_input() {
    let team = Team::new().await;
    let token = team.token("ada", "w");
    for capabilities in [
        json!({}),
        json!({ "elicitation": {} }),
        json!({ "elicitation": { "form": {} } }),
        json!({ "sampling": {}, "roots": {} }),
    ] {
        let params = modern(search(), &capabilities, "test");
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        let request = team.server.message(&token, "tools/call", &search());
        let answer = request.json(&body).send().await.unwrap();
        let answer = message_of(answer).await;
        let link = link_as_text(&answer);
        assert!(link.starts_with(&team.server.url), "{link}");
        assert!(text_of(&answer).contains(&link));
        for key in ["inputRequests", "requestState"] {
            assert_eq!(answer["result"].get(key), None, "{capabilities}: {answer}");
        }
    }
}

#[tokio::test]
async fn links_are_never_asked_for_in_forms_and_a_form_asks_for_a_decision_only() {
    let team = Team::with("policy: { confirm_sends: always }\n").await;
    let (mut links, mut forms) = (0, 0);
    for params in [search(), send_mail(), mail(1), create()] {
        let mut answer = team.call("ada", &params).await;
        while let Some(requests) = answer["result"]["inputRequests"].as_object() {
            assert_eq!(requests.len(), 1, "{answer}");
            let (name, request) = requests.iter().next().unwrap();
            assert_eq!(request["method"], "elicitation/create", "{answer}");
            let asked = &request["params"];
            let mut next = params.clone();
            next["requestState"] = answer["result"]["requestState"].clone();
            if asked["mode"] == "url" {
                links += 1;
                assert_eq!(asked.get("requestedSchema"), None, "{asked}");
                let journey = team.follow("ada", asked["url"].as_str().unwrap()).await;
                assert_eq!(journey.last().status, 200, "{}", journey.last().body);
                next["inputResponses"] = json!({ name: { "action": "accept" } });
            } else {
                forms += 1;
                let schema = &asked["requestedSchema"];
                let names: Vec<_> = schema["properties"].as_object().unwrap().keys().collect();
                assert_eq!(names, ["decision"], "{asked}");
                let words = &schema["properties"]["decision"];
                let is_choice = words.get("enum").or(words.get("oneOf")).is_some();
                assert!(is_choice, "nothing can be typed into it: {asked}");
                let decided = json!({ "action": "accept", "content": { "decision": "send" } });
                next["inputResponses"] = json!({ name: decided });
            }
            answer = team.call("ada", &next).await;
        }
        assert_eq!(answer["result"]["isError"], false, "{answer}");
    }
    assert_eq!((links, forms), (2, 3));
}
