//! Twenty users of two issuers do what users do, in any order and at the same time, against a model
//! of what each of them has (threat 115).

use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::RwLock;
use tokio::task::JoinSet;
use valetkey::clock::Clock;
use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::faults::{Endpoint, Fault, Times};
use valetkey::demo::sandbox::{Sandbox, SandboxSettings, Site};

use crate::host::{link_of, retry};
use crate::http::server::HttpServer;
use crate::isolation::Random;
use crate::issuer::{CLIENT_ID, CLIENT_SECRET, TestIssuer};
use crate::peers::write_private;
use crate::rounds::rounds;
use crate::world::free_port;

const USERS: usize = 20;
/// Each has its own users, and does one thing after the other.
const WORKERS: usize = 4;

/// A server that trusts two issuers, where people sign in, too.
pub(super) struct TwoIssuers {
    pub(super) server: HttpServer,
    pub(super) issuers: [TestIssuer; 2],
    /// Held while tokens end: one that ends within a sign-in, or twice within a call, ends that.
    ending: RwLock<()>,
    _secrets: TempDir,
}

impl TwoIssuers {
    pub(super) async fn new() -> Self {
        let issuers = [
            TestIssuer::start(Clock::system()).await,
            TestIssuer::start(Clock::system()).await,
        ];
        let secrets = TempDir::new().unwrap();
        let secret = secrets.path().join("secret");
        write_private(&secret, CLIENT_SECRET);
        let entries = issuers.each_ref().map(|issuer| {
            format!(
                "      - issuer: {}\n        login: {{ client_id: {CLIENT_ID}, client_secret: \
                 \"${{file:{}}}\" }}\n",
                issuer.identifier(),
                secret.display()
            )
        });
        let entries = entries.concat();
        let more = format!("  calls_per_minute: 0\n  auth:\n    issuers:\n{entries}");
        let home = TempDir::new().unwrap();
        let sandbox = Sandbox::start(SandboxSettings::default()).await.unwrap();
        let started = move || HttpServer::start(home, sandbox, free_port(), &more);
        Self {
            server: tokio::task::spawn_blocking(started).await.unwrap(),
            issuers,
            ending: RwLock::default(),
            _secrets: secrets,
        }
    }

    /// What a user of an issuer gets.
    pub(super) async fn call(&self, issuer: usize, sub: &str, params: &Value) -> Value {
        let audience = format!("{}/mcp", self.server.url);
        let token = self.issuers[issuer].access_token(sub, &audience, &json!({}));
        self.server.call(&token, params).await
    }
}

/// One user: what they have, as the model says, and their browser.
struct User {
    issuer: usize,
    sub: String,
    /// Several have connected the same account, each by themselves.
    account: &'static str,
    connection: Option<String>,
    browser: Person,
}

fn labels() -> Value {
    json!({ "name": "gmail_list_labels", "arguments": {} })
}

impl User {
    async fn new(team: &TwoIssuers, number: usize) -> Self {
        // The same subject at both issuers is two users.
        let (issuer, sub) = (number % 2, format!("user-{}", number / 2));
        let account = ["ada@example.test", "grace@example.test"][number / 2 % 2];
        let mut browser = Person::new().account(account);
        let signed_in = team.issuers[issuer].as_user(&sub);
        browser.open(signed_in).await.unwrap();
        let login = format!("{}/login/{issuer}", team.server.url);
        browser.open(login.parse().unwrap()).await.unwrap();
        Self {
            issuer,
            sub,
            account,
            connection: None,
            browser,
        }
    }

    async fn call(&self, team: &TwoIssuers, params: &Value) -> Value {
        team.call(self.issuer, &self.sub, params).await
    }

    /// Calls a tool: it acts with what the model says, or asks for it.
    async fn act(&self, team: &TwoIssuers) -> Value {
        let answer = self.call(team, &labels()).await;
        if self.connection.is_some() {
            assert_eq!(answer["result"]["isError"], false, "{}: {answer}", self.sub);
            let account = &answer["result"]["structuredContent"]["account"];
            assert_eq!(account, self.account, "{}: {answer}", self.sub);
        } else {
            link_of(&answer);
        }
        answer
    }

    async fn connect(&mut self, team: &TwoIssuers) {
        let asked = self.act(team).await;
        if self.connection.is_some() {
            return;
        }
        let journey = self.browser.follow(&link_of(&asked)).await.unwrap();
        assert_eq!(journey.last().status, 200, "{}", journey.last().body);
        let done = self.call(team, &retry(&labels(), &asked, "accept")).await;
        assert_eq!(done["result"]["isError"], false, "{done}");
        let listed = self.list(team).await;
        assert_eq!(listed.len(), 1, "{listed:?}");
        self.connection = Some(listed[0].0.clone());
    }

    /// The connections and their accounts.
    async fn list(&self, team: &TwoIssuers) -> Vec<(String, String)> {
        let params = json!({ "name": "connections_list", "arguments": {} });
        let answer = self.call(team, &params).await;
        let items = answer["result"]["structuredContent"]["items"].as_array();
        let items = items.unwrap_or_else(|| panic!("{answer}")).iter();
        let text = |item: &Value, key: &str| item[key].as_str().unwrap().to_owned();
        items
            .map(|item| (text(item, "connection"), text(item, "account")))
            .collect()
    }

    async fn check_list(&self, team: &TwoIssuers) {
        let expected = self.connection.iter();
        let expected: Vec<_> = expected
            .map(|id| (id.clone(), self.account.to_owned()))
            .collect();
        assert_eq!(self.list(team).await, expected, "{}", self.sub);
    }

    /// Opens the page that ends `connection`, and presses the button if there is one.
    async fn disconnect(&mut self, team: &TwoIssuers, connection: &str) -> bool {
        let page = format!("{}/disconnect/{connection}", team.server.url);
        let mut page = self.browser.open(page.parse().unwrap()).await.unwrap();
        if page.last().status == 404 {
            return false;
        }
        assert_eq!(page.last().status, 200, "{}", page.last().body);
        self.browser.submit(&mut page, &[]).await.unwrap();
        assert_eq!(page.last().status, 200, "{}", page.last().body);
        true
    }
}

/// One worker's users do so many things. Returns how many of each kind.
async fn work(team: Arc<TwoIssuers>, worker: usize, operations: usize) -> [usize; 5] {
    let mut random = Random(0x5EED_0F15_01A7_1011 + worker as u64);
    let mut users = Vec::new();
    for number in (worker..USERS).step_by(WORKERS) {
        users.push(User::new(&team, number).await);
    }
    let mut done = [0; 5];
    for _ in 0..operations {
        let at = random.below(users.len());
        let kind = match random.below(1_000) {
            0..30 => 0,
            30..45 => 1,
            45..50 => 2,
            50..150 => 3,
            _ => 4,
        };
        done[kind] += 1;
        if kind == 2 {
            // The next call of everyone at Google refreshes.
            let _alone = team.ending.write().await;
            team.server.sandbox.end_access_tokens(Site::Google);
            continue;
        }
        let _beside_others = team.ending.read().await;
        match kind {
            0 => users[at].connect(&team).await,
            // By an id of one's own; somebody else's is unknown.
            1 => {
                let other = (at + 1 + random.below(users.len() - 1)) % users.len();
                if let Some(id) = users[other].connection.clone() {
                    let ended = users[at].disconnect(&team, &id).await;
                    assert!(
                        !ended,
                        "{} ended what {} has",
                        users[at].sub, users[other].sub
                    );
                }
                if let Some(id) = users[at].connection.take() {
                    assert!(users[at].disconnect(&team, &id).await);
                }
            }
            3 => users[at].check_list(&team).await,
            _ => drop(users[at].act(&team).await),
        }
    }
    let _beside_others = team.ending.read().await;
    for user in &users {
        user.act(&team).await;
        user.check_list(&team).await;
    }
    done
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_calls_and_clicks_of_twenty_users_never_mix_what_they_have() {
    let team = Arc::new(TwoIssuers::new().await);
    // Google ends all grants of an account with the first that is given back; these users share two.
    let kept = Fault::Status(503);
    let sandbox = &team.server.sandbox;
    sandbox.fault(Site::Google, Endpoint::Revoke, kept, Times::Always);
    let operations = rounds(10_000, 100_000) / WORKERS;
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        workers.spawn(work(Arc::clone(&team), worker, operations));
    }
    let done = workers.join_all().await;
    let done: Vec<usize> = (0..5)
        .map(|kind| done.iter().map(|counts| counts[kind]).sum())
        .collect();
    assert!(done.iter().all(|count| *count > 20), "{done:?}");
    assert!(sandbox.count(Site::Google, Endpoint::Refresh) > 20);
}
