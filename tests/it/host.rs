//! A host program around a server in a process of its own, and the person in front of it.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::runtime::Runtime;
use valetkey::demo::browser::{Journey, Person};
use valetkey::demo::sandbox::SandboxSettings;

use crate::frames::Server;
use crate::world::World;

/// Occurs in every credential of the sandbox.
pub(crate) const MARKER: &str = "canary";

/// A world whose sandbox answers while the test waits for frames.
pub(crate) struct Host {
    pub(crate) world: World,
    runtime: Runtime,
}

impl Host {
    /// `more` are lines of the configuration, first those of `server`.
    pub(crate) fn new(more: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let settings = SandboxSettings {
            marker: MARKER.to_owned(),
            ..SandboxSettings::default()
        };
        let world = runtime.block_on(World::in_real_time(settings, more));
        Self { world, runtime }
    }

    /// Starts a server. Several may run, one after the other.
    pub(crate) fn server(&self) -> Server {
        let path = self.world.config.to_str().unwrap();
        Server::start(
            self.world.home(),
            &["--config", path],
            &[("VALETKEY_LOG", "trace")],
        )
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
