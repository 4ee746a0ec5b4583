use std::collections::BTreeSet;

use axum::body::to_bytes;
use jiff::Timestamp;

use super::*;
use crate::broker::{
    Activity, BrokerError, ConnectionId, ConnectionState, ConnectionView, Disconnected,
};

fn page() -> ConnectPage {
    let line = |text: &str, scope: &str| ScopeLine {
        text: text.to_owned(),
        scope: scope.to_owned(),
        new: true,
    };
    ConnectPage {
        provider: "Google".to_owned(),
        account: None,
        scopes: vec![
            line("Read your mail", "https://mail.example/readonly"),
            line("Send mail as you", "https://mail.example/send"),
        ],
        client_name: Some("Claude Code".to_owned()),
        reconnect: false,
    }
}

/// The user of this computer.
fn me() -> Visitor {
    Visitor {
        caller: Caller::local(),
        email: None,
    }
}

fn connected(missing: &[&str]) -> Ending {
    Ending::Connected {
        provider: "Google".to_owned(),
        account: "alice@example.com".to_owned(),
        missing: missing.iter().map(|scope| (*scope).to_owned()).collect(),
    }
}

fn failed(again: bool) -> Ending {
    Ending::Failed {
        provider: "Google".to_owned(),
        reason: "Google could not be reached.".to_owned(),
        again,
    }
}

fn other(account: &str) -> Ending {
    Ending::OtherAccount {
        provider: "Google".to_owned(),
        account: account.to_owned(),
        expected: "ada@example.com".to_owned(),
    }
}

fn settled(kept: bool) -> Ending {
    Ending::Settled {
        provider: "Google".to_owned(),
        account: "bob@example.com".to_owned(),
        kept,
        expected: "ada@example.com".to_owned(),
    }
}

/// A connection whose names somebody else chose.
fn view(name: &str) -> ConnectionView {
    ConnectionView {
        id: ConnectionId([7; 8]),
        provider_id: "google".to_owned(),
        provider: name.to_owned(),
        account_id: "1".to_owned(),
        account: name.to_owned(),
        alias: None,
        is_default: true,
        asked: BTreeSet::new(),
        scopes: BTreeSet::from([name.to_owned()]),
        state: ConnectionState::NeedsReconnect {
            reason: name.to_owned(),
        },
        expires_at: None,
        refreshable: true,
        connected_at: Timestamp::UNIX_EPOCH,
    }
}

fn taken_back(name: &str) -> Disconnected {
    Disconnected {
        connection: view(name),
        revoked: Ok(true),
    }
}

/// The page of a person's own, with a connection and a call.
fn own_page(visitor: &Visitor, name: &str) -> Response {
    let call = serde_json::json!({
        "number": 1,
        "at": "2026-11-23T12:00:00Z",
        "kind": "call",
        "outcome": "finished",
        "request": "0".repeat(32),
        "user": "0".repeat(32),
        "client": name,
        "tool": name,
        "account": name,
    });
    let connections = [view(name)];
    let activity = Activity {
        calls: vec![serde_json::from_value(call).unwrap()],
        ..Activity::default()
    };
    let shown = own::Shown {
        visitor,
        connections: &connections,
        activity: &activity,
        providers: &[],
        offers: &[],
    };
    own::page(&shown, "csrf")
}

/// Every page there is, under a name.
fn all() -> Vec<(&'static str, Response)> {
    let declined = Ending::Declined {
        provider: "Google".to_owned(),
    };
    let mut more = page();
    more.account = Some("alice@example.com".to_owned());
    more.scopes[0].new = false;
    let mut again = page();
    again.reconnect = true;
    again.client_name = None;
    let mut bare = page();
    bare.scopes.clear();
    let mut pages = vec![
        ("connect", connect(&page(), &me(), "csrf")),
        ("connect-more", connect(&more, &me(), "csrf")),
        ("connect-again", connect(&again, &me(), "csrf")),
        ("connect-bare", connect(&bare, &me(), "csrf")),
        ("connected", ending(&connected(&[]), "link", "csrf", false)),
        (
            "connected-partly",
            ending(&connected(&["Send mail as you"]), "link", "csrf", false),
        ),
        ("declined", ending(&declined, "link", "csrf", false)),
        (
            "other-account",
            ending(&other("bob@example.com"), "link", "csrf", false),
        ),
        ("kept", ending(&settled(true), "link", "csrf", false)),
        ("not-kept", ending(&settled(false), "link", "csrf", false)),
        ("failed", ending(&failed(false), "link", "csrf", false)),
        ("failed-again", ending(&failed(true), "link", "csrf", false)),
        ("unfinished", unfinished("link")),
        ("unknown", unknown_link()),
        ("gone", link_refused(&LinkError::Gone)),
        (
            "broken",
            link_refused(&LinkError::Broker(BrokerError::TooManyFlows)),
        ),
        ("not-ours", not_from_our_page()),
        ("misdirected", misdirected()),
        ("refused", refused(StatusCode::BAD_REQUEST)),
        ("own", own_page(&me(), "ada")),
        ("disconnect", own::ask_disconnect(&view("ada"), "csrf")),
        ("disconnected", own::disconnected(&taken_back("ada"))),
        ("not-connected", own::not_connected()),
        ("not-an-alias", own::not_an_alias("An alias is short.")),
        ("not-from-own-page", own::not_from_our_page()),
        ("not-connectable", own::failed(&BrokerError::TooManyFlows)),
        ("sign-in", sign_in::offer(&["https://id.example", "static"])),
        ("other-person", link_refused(&LinkError::OtherPerson)),
        ("sign-in-over", sign_in::over()),
        ("sign-in-unknown", sign_in::unknown()),
        ("sign-in-not-ours", sign_in::not_ours()),
        ("sign-in-other-issuer", sign_in::other_issuer()),
        ("sign-in-declined", sign_in::declined()),
        ("sign-in-unavailable", sign_in::unavailable()),
        ("sign-in-not-accepted", sign_in::not_accepted()),
    ];
    pages.extend(
        [
            ("callback-unknown", CallbackError::UnknownState),
            ("callback-expired", CallbackError::Expired),
            ("callback-used", CallbackError::Used),
            ("callback-other-browser", CallbackError::OtherBrowser),
            ("callback-other-provider", CallbackError::OtherProvider),
            ("callback-other-issuer", CallbackError::OtherIssuer),
            ("callback-no-code", CallbackError::NoCode),
        ]
        .map(|(name, error)| (name, callback_refused(&error))),
    );
    pages
}

async fn text(response: Response) -> String {
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn every_page_is_plain_accessible_html_without_scripts_or_foreign_resources() {
    for (name, response) in all() {
        let html = text(response).await;
        for needed in [
            "<!doctype html>\n<html lang=\"en\">",
            "<title>",
            "<main>",
            "<h1>",
        ] {
            assert_eq!(html.matches(needed).count(), 1, "{name}: {needed}");
        }
        for banned in [
            "<script",
            "javascript:",
            "style=",
            "src=",
            " on",
            "http:",
            "url(",
            "//",
        ] {
            let body = html.replace("https://mail.example/", "");
            let body = body.split("</style>").last().unwrap();
            let found = match banned {
                " on" => body.contains(" onclick") || body.contains(" onload"),
                _ => body.contains(banned),
            };
            assert!(!found, "{name}: {banned}");
        }
    }
}

#[tokio::test]
async fn the_policy_allows_the_style_sheet_as_it_stands_in_the_page_and_nothing_else() {
    let html = text(unknown_link()).await;
    let (_, rest) = html.split_once("<style>").unwrap();
    let (style, _) = rest.split_once("</style>").unwrap();
    let hash = BASE64_STANDARD.encode(Sha256::digest(style));
    let expected = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; frame-ancestors 'none'; base-uri 'none'"
    );
    assert_eq!(CONNECT_POLICY.to_str().unwrap(), expected);
    assert_eq!(
        POLICY.to_str().unwrap(),
        format!("{expected}; form-action 'self'")
    );
    for banned in ["url(", "@import", "<"] {
        assert!(!style.contains(banned), "{banned}");
    }
}

#[tokio::test]
async fn what_others_chose_is_escaped_everywhere() {
    const PAYLOAD: &str = "<img src=x>\"'&";
    let mut page = page();
    page.provider = PAYLOAD.to_owned();
    page.account = Some(PAYLOAD.to_owned());
    page.client_name = Some(PAYLOAD.to_owned());
    page.scopes[0].text = PAYLOAD.to_owned();
    page.scopes[0].scope = PAYLOAD.to_owned();
    let endings = [
        Ending::Connected {
            provider: PAYLOAD.to_owned(),
            account: PAYLOAD.to_owned(),
            missing: vec![PAYLOAD.to_owned()],
        },
        Ending::OtherAccount {
            provider: PAYLOAD.to_owned(),
            account: PAYLOAD.to_owned(),
            expected: PAYLOAD.to_owned(),
        },
        Ending::Settled {
            provider: PAYLOAD.to_owned(),
            account: PAYLOAD.to_owned(),
            kept: true,
            expected: PAYLOAD.to_owned(),
        },
        Ending::Declined {
            provider: PAYLOAD.to_owned(),
        },
        Ending::Failed {
            provider: PAYLOAD.to_owned(),
            reason: PAYLOAD.to_owned(),
            again: false,
        },
    ];
    let visitor = Visitor {
        caller: Caller::verified("https://id.example", PAYLOAD),
        email: None,
    };
    let mut pages = vec![
        connect(&page, &visitor, "csrf"),
        own_page(&visitor, PAYLOAD),
        own::ask_disconnect(&view(PAYLOAD), "csrf"),
        own::disconnected(&taken_back(PAYLOAD)),
    ];
    pages.extend(endings.iter().map(|one| ending(one, "link", "csrf", false)));
    for response in pages {
        let html = text(response).await;
        assert!(!html.contains("<img"), "{html}");
        assert!(!html.contains("x>\"'&"), "{html}");
    }
}

#[tokio::test]
async fn the_connect_page_says_who_asks_for_what_and_for_whom() {
    let html = text(connect(&page(), &me(), "CSRF-TOKEN")).await;
    for needed in [
        "Connect Google to Valetkey",
        "An app calling itself “<bdi>Claude Code</bdi>”",
        "you, on this computer (local:",
        "Read your mail",
        "Send mail as you",
        "<code>https://mail.example/send</code>",
        "value=\"CSRF-TOKEN\"",
        "If you did not ask for this, close this page.",
    ] {
        assert!(html.contains(needed), "{needed}");
    }
    assert!(!html.contains("(new)"), "all are new: a mark says nothing");
}

#[tokio::test]
async fn new_permissions_are_marked_in_words_next_to_old_ones() {
    let mut page = page();
    page.reconnect = true;
    page.scopes[0].new = false;
    let html = text(connect(&page, &me(), "csrf")).await;
    assert_eq!(html.matches("<strong>(new)</strong>").count(), 1);
    assert!(html.contains("Send mail as you <strong>(new)</strong>"));
}

#[tokio::test]
async fn the_result_page_names_the_account_and_what_was_not_granted() {
    let html = text(ending(
        &connected(&["Send mail as you"]),
        "link",
        "csrf",
        false,
    ))
    .await;
    for needed in [
        "Connected as alice@example.com.",
        "You did not grant",
        "Send mail as you",
    ] {
        assert!(html.contains(needed), "{needed}");
    }
    assert!(
        !text(ending(&connected(&[]), "link", "csrf", false))
            .await
            .contains("You did not grant")
    );
}

#[tokio::test]
async fn the_page_about_another_account_names_both_and_offers_both_ways() {
    let html = text(ending(
        &other("bob@example.com"),
        "TOKEN",
        "CSRF-TOKEN",
        false,
    ))
    .await;
    for needed in [
        "as <strong><bdi>bob@example.com</bdi></strong>, but <strong><bdi>ada@example.com</bdi>",
        "value=\"CSRF-TOKEN\"",
        "value=\"keep\">Keep <bdi>bob@example.com</bdi> as a further account</button>",
        "value=\"drop\" class=\"second\">Do not keep it</button>",
    ] {
        assert!(html.contains(needed), "{needed}: {html}");
    }
    for kept in [true, false] {
        let html = text(ending(&settled(kept), "TOKEN", "csrf", false)).await;
        assert!(html.contains("ada@example.com is what your app still waits for"));
        assert!(html.contains("href=\"/connect/TOKEN\""), "the link goes on");
        let said = "bob@example.com is connected as a further account";
        assert_eq!(html.contains(said), kept, "{html}");
    }
}

#[tokio::test]
async fn a_failure_that_can_be_tried_again_leads_back_to_the_connect_page() {
    assert!(
        text(ending(&failed(true), "TOKEN", "csrf", false))
            .await
            .contains("href=\"/connect/TOKEN\"")
    );
    assert!(
        !text(ending(&failed(false), "TOKEN", "csrf", false))
            .await
            .contains("href")
    );
}

#[tokio::test]
async fn pages_for_links_that_are_over_or_unknown_name_nobody() {
    for response in [unknown_link(), link_refused(&LinkError::Gone)] {
        let html = text(response).await;
        assert!(
            !html.contains("local:") && !html.contains("Google"),
            "{html}"
        );
    }
}

#[tokio::test]
async fn a_problem_inside_is_not_told_to_the_browser() {
    let error = BrokerError::Unusable("CANARY".to_owned());
    assert!(!text(broken(&error)).await.contains("CANARY"));
}

#[test]
fn a_clients_name_is_one_line_of_visible_characters_that_cannot_leave_its_quotes() {
    let long = "x".repeat(61);
    let cut = format!("{}…", "x".repeat(59));
    let fits = "x".repeat(60);
    let cases = [
        ("Claude Code", Some("Claude Code")),
        ("  Claude\r\n\tCode  ", Some("Claude Code")),
        ("Gemini\u{202e}CLI\u{200b}", Some("GeminiCLI")),
        ("日本語 アプリ", Some("日本語 アプリ")),
        ("App” for your bank “x", Some("App for your bank x")),
        ("\"quoted\"", Some("quoted")),
        ("tag\u{e0041}\u{e0042}", Some("tag")),
        ("<b>bold</b>", Some("<b>bold</b>")),
        ("\u{3164}\u{115f}", None),
        (" \n ", None),
        ("", None),
        (&long, Some(cut.as_str())),
        (&fits, Some(fits.as_str())),
    ];
    for (name, shown) in cases {
        assert_eq!(printable(name).as_deref(), shown, "{name:?}");
    }
}

#[test]
fn a_redirect_is_always_303_and_debug_output_does_not_show_where_to() {
    let response = see_other("https://id.example/authorize?state=CANARY");
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert!(!format!("{response:?}").contains("CANARY"));
}
