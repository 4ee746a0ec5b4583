//! A host program around a server in a process of its own, and the person in front of it.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::runtime::Runtime;
use valetkey::demo::browser::{Journey, Person};
use valetkey::demo::sandbox::SandboxSettings;

use crate::frames::{Server, modern};
use crate::world::World;

/// Occurs in every credential of the sandbox.
const MARKER: &str = "canary";

/// A world whose sandbox answers while the test waits for frames.
pub(crate) struct Host {
    pub(crate) world: World,
    runtime: Runtime,
}

impl Host {
    /// `more` are lines of the configuration, first those of `server`.
    pub(crate) fn new(more: &str) -> Self {
        let settings = SandboxSettings {
            marker: MARKER.to_owned(),
            ..SandboxSettings::default()
        };
        Self::with(settings, more)
    }

    /// The same with a sandbox that behaves otherwise.
    pub(crate) fn with(settings: SandboxSettings, more: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let world = runtime.block_on(World::in_real_time(settings, more));
        Self { world, runtime }
    }

    /// Starts a server. Several may run.
    pub(crate) fn server(&self) -> Server {
        let path = self.world.config.to_str().unwrap();
        Server::start(
            self.world.home(),
            &["--config", path],
            &[("VALETKEY_LOG", "trace")],
        )
    }

    /// The vault's directory.
    pub(crate) fn vault(&self) -> PathBuf {
        self.world.home().join(".local/state/valetkey/store")
    }

    /// The process that has the vault, as its lock's file says; none while nobody signed it.
    pub(crate) fn owner(&self) -> Option<u32> {
        let text = fs::read_to_string(self.vault().join("owner.lock")).ok()?;
        text.trim().parse().ok()
    }

    /// Lets `person` follow a link to its end.
    pub(crate) fn follow(&self, mut person: Person, link: &str) -> Journey {
        self.wait(person.follow(link)).unwrap()
    }

    /// The sandbox's person allows everything.
    pub(crate) fn connect(&self, link: &str) {
        let journey = self.follow(Person::new(), link);
        assert!(
            journey.last().status.is_success(),
            "{}",
            journey.last().body
        );
    }

    /// The same, as soon as somebody listens there.
    pub(crate) fn connect_when_open(&self, link: &str) {
        let start = Instant::now();
        while !self.world.listens() {
            assert!(start.elapsed().as_secs() < 20, "nobody listens");
            thread::sleep(Duration::from_millis(5));
        }
        self.connect(link);
    }

    /// Does what only a runtime can.
    pub(crate) fn wait<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }
}

/// `params` of a read that needs GitHub.
pub(crate) fn search() -> Value {
    json!({ "name": "github_search_issues", "arguments": { "repo": "lovelace-labs/engine" } })
}

/// `params` of a write that needs GitHub.
pub(crate) fn create() -> Value {
    json!({ "name": "github_create_issue", "arguments": {
        "repo": "lovelace-labs/engine", "title": "The bell is too loud" } })
}

pub(crate) fn urls() -> Value {
    json!({ "elicitation": { "form": {}, "url": {} } })
}

/// A call of protocol 2026-07-28.
pub(crate) fn call(server: &mut Server, id: i64, params: Value) -> Value {
    server.request(id, "tools/call", &modern(params, &urls(), "test"))
}

/// The retry of a call that was answered with an elicitation.
pub(crate) fn retry(params: &Value, asked: &Value, action: &str) -> Value {
    let mut params = params.clone();
    params["requestState"] = asked["result"]["requestState"].clone();
    params["inputResponses"] = json!({ "connect": { "action": action } });
    params
}

pub(crate) fn link_of(asked: &Value) -> String {
    let elicitation = &asked["result"]["inputRequests"]["connect"]["params"];
    elicitation["url"]
        .as_str()
        .unwrap_or_else(|| panic!("no link in {asked}"))
        .to_owned()
}

pub(crate) fn text_of(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"]
        .as_str()
        .unwrap_or_else(|| panic!("no text in {answer}"))
}

/// Asserts that the answer is the link as text, in both forms, and returns the link.
pub(crate) fn link_as_text(answer: &Value) -> String {
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    let required = &answer["result"]["structuredContent"]["authorization_required"];
    let link = required["url"]
        .as_str()
        .unwrap_or_else(|| panic!("no link in {answer}"));
    assert!(text_of(answer).contains(link), "{answer}");
    assert!(
        required["message"].as_str().unwrap().contains(link),
        "{answer}"
    );
    assert_eq!(required["provider"], "GitHub");
    assert_eq!(
        required["scopes"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|scope| *scope == "repo")
            .count(),
        1
    );
    assert!(
        required["expires_at"].is_string() && required["flow"].is_string(),
        "{answer}"
    );
    link.to_owned()
}

pub(crate) fn assert_finished(answer: &Value) {
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    assert_eq!(answer["result"]["_meta"]["valetkey/trust"], "untrusted");
    let account = answer["result"]["structuredContent"]["account"].as_str();
    let account = account.unwrap_or_else(|| panic!("nobody acted: {answer}"));
    assert!(account.starts_with("ada"), "{account}");
    assert!(
        text_of(answer).contains(&format!("Account: {account}")),
        "{answer}"
    );
}

/// No credential of the sandbox in what the client or the log got.
pub(crate) fn assert_clean(server: Server) {
    let (raw, log) = server.finish();
    for line in raw.iter().map(String::as_str).chain(log.lines()) {
        assert!(!line.contains(MARKER), "a credential leaked: {line}");
    }
}
