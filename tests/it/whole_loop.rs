//! One call through the whole loop: a link, a person, and the same call's result, in every era and
//! with every provider; and after a restart without anybody.

use serde_json::{Value, json};
use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::Site;
use valetkey::demo::sandbox::faults::Endpoint;

use crate::host::{Host, assert_clean, assert_finished, create, search, text_of};
use crate::session::{Era, Session, find_mail, post_message, read_channel, send_mail};
use crate::world::{READ, SEND};

/// Asserts that the tool has done its job as somebody.
fn assert_done(answer: &Value) {
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    let account = answer["result"]["structuredContent"]["account"].as_str();
    let account = account.unwrap_or_else(|| panic!("nobody acted: {answer}"));
    assert!(account.starts_with("ada"), "{account}");
    assert!(text_of(answer).contains(account), "{answer}");
}

#[test]
fn in_every_era_a_search_finishes_in_the_same_call_and_after_a_restart_without_a_link() {
    for era in Era::ALL {
        let host = Host::new("");
        let mut session = Session::open(&host, era);
        let asked = session.ask(&find_mail());
        assert_eq!(host.world.sandbox.count(Site::Google, Endpoint::AnyApi), 0);
        host.connect(asked.link.as_deref().unwrap());
        let answer = session.go_on(&find_mail(), &asked);
        assert_finished(&answer);
        assert!(text_of(&answer).contains("Go for launch"), "{answer}");
        assert_clean(session.server);

        let mut session = Session::open(&host, era);
        assert_finished(&session.alone(&find_mail()));
        assert_eq!(
            host.world.sandbox.count(Site::Google, Endpoint::Authorize),
            1,
            "{era:?}"
        );
        assert_clean(session.server);
    }
}

#[test]
fn in_every_era_sending_after_searching_asks_once_more_and_only_for_that() {
    for era in Era::ALL {
        let host = Host::new("");
        let mut session = Session::open(&host, era);
        assert_finished(&session.with(&find_mail(), Person::new()).0);
        let asked = session.ask(&send_mail());
        let shown = asked.message.to_string();
        assert!(shown.contains("Allow more for your Google"), "{shown}");
        host.connect(asked.link.as_deref().unwrap());
        assert_done(&session.go_on(&send_mail(), &asked));
        assert_eq!(host.world.sandbox.sent_mail().len(), 1, "{era:?}");

        let log = host.world.sandbox.log();
        let mut authorize = log
            .iter()
            .filter(|request| request.endpoint == Endpoint::Authorize);
        let scopes = |query: &str| {
            let (_, scope) = url::form_urlencoded::parse(query.as_bytes())
                .find(|(name, _)| name == "scope")
                .unwrap();
            scope.into_owned()
        };
        let first = scopes(&authorize.next().unwrap().query);
        assert!(first.contains(READ) && !first.contains(SEND), "{first}");
        let second = scopes(&authorize.next().unwrap().query);
        assert!(second.contains(SEND) && !second.contains(READ), "{second}");
        assert!(authorize.next().is_none());
        // The connection has both now.
        assert_finished(&session.alone(&find_mail()));
        assert_clean(session.server);
    }
}

#[test]
fn slack_and_github_go_the_same_way_and_every_provider_gets_pkce() {
    let host = Host::new("");
    let mut session = Session::open(&host, Era::Retry);
    assert_done(&session.with(&read_channel(), Person::new()).0);
    assert_done(&session.with(&post_message(), Person::new()).0);
    assert_finished(&session.with(&search(), Person::new()).0);
    assert_eq!(session.alone(&create())["result"]["isError"], false);
    assert_finished(&session.with(&find_mail(), Person::new()).0);

    for request in host.world.sandbox.log() {
        let (carrier, needed) = match request.endpoint {
            Endpoint::Authorize => (request.query, "code_challenge_method=S256"),
            Endpoint::Exchange => (String::from_utf8(request.body).unwrap(), "code_verifier="),
            _ => continue,
        };
        assert!(carrier.contains(needed), "{}", request.site);
        if request.site == Site::Slack && request.endpoint == Endpoint::Authorize {
            // Slack takes no other address without TLS.
            assert!(carrier.contains("redirect_uri=http%3A%2F%2Flocalhost%3A"));
        }
    }
    assert_clean(session.server);
}

#[test]
fn several_accounts_at_one_provider_act_by_name_and_never_by_chance() {
    let host = Host::new("");
    let mut session = Session::open(&host, Era::Text);
    session.with(&find_mail(), Person::new());
    let mut as_grace = find_mail();
    as_grace["arguments"]["query"] = json!("compiler");
    as_grace["arguments"]["account"] = json!("grace@example.test");
    let grace = Person::new().account("grace@example.test");
    let (answer, _) = session.with(&as_grace, grace);
    assert_eq!(
        answer["result"]["structuredContent"]["account"], "grace@example.test",
        "{answer}"
    );
    let unclear = session.alone(&find_mail());
    let error = &unclear["result"]["structuredContent"]["error"];
    assert_eq!(error["code"], "ambiguous_account", "{unclear}");
    for account in ["ada@example.test", "grace@example.test"] {
        assert!(text_of(&unclear).contains(account), "{unclear}");
        assert!(error.to_string().contains(account), "{unclear}");
    }
    assert_clean(session.server);
}
