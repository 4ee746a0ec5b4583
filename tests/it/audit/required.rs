//! What becomes of a call that cannot be recorded.

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::Value;
use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::Site;
use valetkey::demo::sandbox::faults::Endpoint;

use crate::audit::{records, told};
use crate::frames::Server;
use crate::host::{Host, assert_finished, create, search, text_of};
use crate::session::{Era, Session};

/// Lets the server write no file any more, or again.
fn limit(server: &Server, bytes: Option<u64>) {
    let pid = Pid::from_raw(server.id().cast_signed()).unwrap();
    let limit = Rlimit {
        current: bytes,
        maximum: None,
    };
    prlimit(Some(pid), Resource::Fsize, limit).unwrap();
}

fn limitable(host: &Host) -> Server {
    let path = host.world.config.to_str().unwrap();
    let arguments = ["--config", path];
    Server::start_limitable(host.world.home(), &arguments, &[("VALETKEY_LOG", "warn")])
}

fn code(answer: &Value) -> &Value {
    &answer["result"]["structuredContent"]["error"]["code"]
}

#[test]
fn with_required_no_write_begins_and_no_answer_leaves_that_cannot_be_recorded() {
    let host = Host::new("  hold_s: 1\n  hold_text_s: 0\naudit: { required: true }\n");
    let count = |name| host.world.sandbox.count(Site::GitHub, Endpoint::Api(name));
    let mut session = Session::around(&host, Era::Text, limitable(&host));
    session.with(&search(), Person::new());
    assert_finished(&session.alone(&create()));
    assert_eq!(count("issues/create"), 1);

    limit(&session.server, Some(0));
    let answer = session.alone(&create());
    assert_eq!(code(&answer), "not_recorded", "{answer}");
    assert!(text_of(&answer).contains("Nothing was done"), "{answer}");
    assert!(text_of(&answer).contains("audit.required"), "{answer}");
    assert_eq!(count("issues/create"), 1, "the provider was not asked");

    limit(&session.server, None);
    assert_finished(&session.alone(&search()));
    let searched = count("search/issues-and-pull-requests");
    limit(&session.server, Some(0));
    let answer = session.alone(&search());
    assert_eq!(code(&answer), "not_recorded", "{answer}");
    assert!(text_of(&answer).contains("withheld"), "{answer}");
    assert!(!answer.to_string().contains("Account: ada"), "{answer}");
    assert_eq!(count("search/issues-and-pull-requests"), searched + 1);

    limit(&session.server, None);
    assert_finished(&session.alone(&create()));
    let found = records(&host, &["--tool", "github_create_issue"]);
    let [started, finished] = [0, 1].map(|n| &found[n]);
    assert_eq!(
        told(&found)[..2],
        [
            "call github_create_issue started",
            "call github_create_issue finished"
        ]
    );
    assert_eq!(started["request"], finished["request"]);
    assert_eq!(started["account"], finished["account"]);
    assert_eq!(started["arguments"], finished["arguments"]);
    let ends = |word: &str| {
        told(&found)
            .iter()
            .filter(|told| told.ends_with(word))
            .count()
    };
    assert_eq!(
        (ends("started"), ends("finished")),
        (2, 2),
        "{:?}",
        told(&found)
    );
}

#[test]
fn without_required_the_answer_leaves_and_the_log_warns() {
    let host = Host::new("  hold_s: 1\n  hold_text_s: 0\n");
    let mut session = Session::around(&host, Era::Text, limitable(&host));
    session.with(&search(), Person::new());

    limit(&session.server, Some(0));
    assert_finished(&session.alone(&search()));
    limit(&session.server, None);
    assert_finished(&session.alone(&search()));

    let (_, log) = session.server.finish();
    assert!(log.contains("a call could not be recorded"), "{log}");
}
