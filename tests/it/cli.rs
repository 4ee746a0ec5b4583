//! The commands as people and programs run them: the built binary, with the sandbox behind it.

use std::process::{Output, Stdio};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use url::Url;
use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::SandboxSettings;

use crate::world::{READ, SEND, World};

/// Occurs in every credential of the sandbox.
const MARKER: &str = "canary";

async fn world() -> World {
    let settings = SandboxSettings {
        marker: MARKER.to_owned(),
        ..SandboxSettings::default()
    };
    World::in_real_time(settings, "").await
}

pub(crate) fn command(world: &World, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_valetkey"));
    command
        .env_clear()
        .env("HOME", world.home())
        .arg("--config")
        .arg(&world.config)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// How a command ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }
}

pub(crate) fn ended(output: &Output, stderr: String) -> Ended {
    let ended = Ended {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout.clone()).unwrap(),
        stderr,
    };
    for text in [&ended.stdout, &ended.stderr] {
        assert!(!text.contains(MARKER), "{text}");
    }
    ended
}

pub(crate) async fn run(world: &World, arguments: &[&str]) -> Ended {
    let output = command(world, arguments).output().await.unwrap();
    ended(&output, String::from_utf8(output.stderr.clone()).unwrap())
}

/// A command that shows a link and waits.
struct Waiting {
    link: String,
    child: Child,
    stderr: JoinHandle<String>,
}

impl Waiting {
    async fn start(world: &World, arguments: &[&str]) -> Self {
        let mut child = command(world, arguments).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut told = String::new();
        let link = loop {
            let mut line = String::new();
            let read = stderr.read_line(&mut line).await.unwrap();
            assert_ne!(read, 0, "no link came: {told}");
            told.push_str(&line);
            if Url::parse(line.trim()).is_ok() {
                break line.trim().to_owned();
            }
        };
        let stderr = tokio::spawn(async move {
            stderr.read_to_string(&mut told).await.unwrap();
            told
        });
        Self {
            link,
            child,
            stderr,
        }
    }

    async fn end(self) -> Ended {
        let output = self.child.wait_with_output().await.unwrap();
        ended(&output, self.stderr.await.unwrap())
    }
}

#[tokio::test]
async fn an_account_is_connected_listed_and_taken_back() {
    let world = world().await;
    let scopes = format!("{READ},{SEND}");
    let connect = ["connect", "google", "--scopes", &scopes, "--json"];
    let waiting = Waiting::start(&world, &connect).await;
    let mut person = Person::new().untick(SEND);
    let journey = person.follow(&waiting.link).await.unwrap();
    let page = &journey.last().body;
    assert!(page.contains("Connected as ada@example.test."), "{page}");
    let connected = waiting.end().await;
    let expected = json!({
        "provider": "google",
        "account": "ada@example.test",
        "alias": null,
        "already": false,
        "missing_scopes": [SEND],
    });
    assert_eq!((connected.code, connected.json()), (0, expected));

    let again = run(&world, &["connect", "google", "--scopes", READ, "--json"]).await;
    assert_eq!(
        (again.code, &again.json()["already"]),
        (0, &json!(true)),
        "{}",
        again.stderr
    );

    let row = run(&world, &["connections", "--json"]).await.json()[0].clone();
    assert_eq!(row["account"], "ada@example.test");
    assert_eq!(row["state"], "connected");
    assert_eq!(row["refreshable"], true);

    let gone = run(&world, &["disconnect", "ADA@example.test", "--json"]).await;
    let outcome = gone.json();
    assert_eq!((gone.code, &outcome["revoked"]), (0, &json!(true)));
    assert_eq!(outcome["deleted"], true);
    assert_eq!(outcome["connection"]["id"], row["id"]);
    let left = run(&world, &["connections", "--json"]).await;
    assert_eq!((left.code, left.json()), (0, json!([])));
}

#[tokio::test]
async fn several_accounts_have_names_and_a_default_for_reads() {
    let world = world().await;
    for (alias, account) in [("work", "ada@example.test"), ("home", "grace@example.test")] {
        let connect = ["connect", "google", "--as", alias, "--json"];
        let waiting = Waiting::start(&world, &connect).await;
        let mut person = Person::new().account(account);
        person.follow(&waiting.link).await.unwrap();
        let connected = waiting.end().await;
        assert_eq!(connected.code, 0, "{}", connected.stderr);
        let connected = connected.json();
        assert_eq!(
            (&connected["alias"], &connected["account"]),
            (&json!(alias), &json!(account))
        );
        let again = run(&world, &connect).await;
        assert_eq!((again.code, &again.json()["already"]), (0, &json!(true)));
    }
    let search = async |account: Option<&str>| {
        let arguments = match account {
            Some(account) => json!({ "query": "launch", "account": account }),
            None => json!({ "query": "launch" }),
        };
        let arguments = arguments.to_string();
        run(&world, &["call", "gmail_search", &arguments, "--json"]).await
    };

    let ambiguous = search(None).await;
    assert_eq!((ambiguous.code, ambiguous.stdout.as_str()), (2, ""));
    let names = "work (ada@example.test), home (grace@example.test)";
    assert!(ambiguous.stderr.contains(names), "{}", ambiguous.stderr);
    let chosen = run(&world, &["default", "home", "--json"]).await;
    assert_eq!((chosen.code, &chosen.json()["default"]), (0, &json!(true)));
    for (named, account) in [
        (None, "home (grace@example.test)"),
        (Some("work"), "work (ada@example.test)"),
        (Some("ada@example.test"), "work (ada@example.test)"),
    ] {
        let found = search(named).await;
        assert_eq!(found.code, 0, "{}", found.stderr);
        assert_eq!(found.json()["account"], account);
    }
    let letter = r#"{"to": "a@example.test", "subject": "s", "body": "b"}"#;
    let send = run(&world, &["call", "gmail_send_email", letter]).await;
    assert_eq!(send.code, 2, "a write uses no default: {}", send.stdout);

    let taken = run(&world, &["alias", "home", "WORK"]).await;
    assert_eq!(taken.code, 2);
    assert!(
        taken.stderr.contains("already means Google work"),
        "{}",
        taken.stderr
    );
    let renamed = run(&world, &["alias", "home", "club", "--json"]).await;
    assert_eq!(
        (renamed.code, &renamed.json()["alias"]),
        (0, &json!("club"))
    );
    let unnamed = run(&world, &["alias", "work", "--none", "--json"]).await;
    assert_eq!((unnamed.code, &unnamed.json()["alias"]), (0, &Value::Null));
    let none = run(&world, &["default", "club", "--none"]).await;
    assert_eq!(none.code, 0, "{}", none.stderr);
    assert_eq!(search(None).await.code, 2);

    let list = run(&world, &["connections"]).await.stdout;
    assert!(list.contains("club (grace@example.test)  works"), "{list}");
    let works = list.lines().find(|line| line.contains("works: ")).unwrap();
    assert!(works.contains("gmail_search, "), "{list}");
    assert!(works.contains(", gmail_send_email"), "{list}");
    let rows = run(&world, &["connections", "--json"]).await.json();
    assert_eq!(
        rows[0]["tools"][0],
        json!({ "tool": "gmail_search", "works": true, "missing_scopes": [] })
    );
    let unlocks = rows[0]["permissions"].as_array().unwrap().iter();
    let unlocks: Vec<_> = unlocks.filter(|one| one["scope"] == SEND).collect();
    let tools = unlocks[0]["unlocks"].as_array().unwrap();
    assert!(tools.contains(&json!("gmail_send_email")), "{tools:?}");
    assert!(!tools.contains(&json!("gmail_search")), "{tools:?}");
}

#[tokio::test]
async fn a_call_without_a_connection_shows_the_link_and_finishes_after_it() {
    let world = world().await;
    let arguments = r#"{"query": "launch"}"#;
    let call = ["call", "gmail_search", arguments, "--json"];
    let waiting = Waiting::start(&world, &call).await;
    Person::new().follow(&waiting.link).await.unwrap();
    let finished = waiting.end().await;
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert_eq!(finished.json()["account"], "ada@example.test");

    let text = run(&world, &call[..3]).await;
    assert_eq!(text.code, 0, "{}", text.stderr);
    assert!(text.stdout.contains("ada@example.test"), "{}", text.stdout);
    assert_eq!(text.stderr, "");

    let wrong = run(
        &world,
        &["call", "gmail_search", r#"{"limit": "x"}"#, "--json"],
    )
    .await;
    assert_eq!(wrong.code, 1);
    assert_eq!(wrong.json()["error"]["code"], "invalid_arguments");
    assert!(wrong.stderr.contains("limit"), "{}", wrong.stderr);
}

#[tokio::test]
async fn a_refusal_at_the_provider_is_exit_code_3_and_its_page_still_loads() {
    let world = world().await;
    let waiting = Waiting::start(&world, &["connect", "google"]).await;
    let journey = Person::new().deny().follow(&waiting.link).await.unwrap();
    let page = &journey.last().body;
    assert!(page.contains("Google was not connected"), "{page}");
    let declined = waiting.end().await;
    assert_eq!((declined.code, declined.stdout.as_str()), (3, ""));
    assert!(
        declined.stderr.contains("You said no"),
        "{}",
        declined.stderr
    );
    let declined = [
        "audit",
        "--kind",
        "connect",
        "--outcome",
        "declined",
        "--json",
    ];
    let record = run(&world, &declined).await.json();
    assert_eq!(record["provider"], "google");
    assert_eq!(record["client"], "valetkey connect");
}

#[tokio::test]
async fn an_interrupt_ends_the_wait_and_the_next_command_gives_the_same_link() {
    let world = world().await;
    let waiting = Waiting::start(&world, &["connect", "google"]).await;
    let link = waiting.link.clone();
    let pid = i32::try_from(waiting.child.id().unwrap()).unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let stopped = waiting.end().await;
    assert_eq!((stopped.code, stopped.stdout.as_str()), (130, ""));
    let next = Waiting::start(&world, &["connect", "google"]).await;
    assert_eq!(next.link, link);
}

#[tokio::test]
async fn a_wrong_command_line_is_exit_code_2_and_says_what_to_do() {
    let world = world().await;
    for (arguments, hint) in [
        (&["connect", "nope"][..], "auth.providers"),
        (&["connect"], "Usage"),
        (&["disconnect", "nobody"], "valetkey connections"),
        (&["default", "nobody"], "valetkey connections"),
        (&["alias", "nobody", "work"], "valetkey connections"),
        (&["alias", "nobody"], "Usage"),
        (&["alias", "nobody", "my work"], "Example: work"),
        (&["connect", "google", "--as", "a@b"], "Example: work"),
        (&["call", "nope"], "valetkey tools"),
        (&["call", "gmail_search", "[]"], "JSON object"),
    ] {
        let ended = run(&world, arguments).await;
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (2, ""),
            "{arguments:?}"
        );
        assert!(
            ended.stderr.contains(hint),
            "{arguments:?}: {}",
            ended.stderr
        );
    }
    std::fs::write(&world.config, "nonsense: true\n").unwrap();
    let broken = run(&world, &["tools"]).await;
    assert_eq!(broken.code, 2);
    assert!(broken.stderr.contains("nonsense"), "{}", broken.stderr);
}

#[tokio::test]
async fn tools_lists_every_tool_with_scopes_annotations_and_schemas() {
    let world = world().await;
    let tools = run(&world, &["tools", "--json"]).await.json();
    let all = valetkey_toolkits::all();
    let ours: Vec<_> = tools.as_array().unwrap()[all.len()..].iter().collect();
    let names: Vec<_> = ours
        .iter()
        .map(|row| row["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["connections_list", "connections_connect", "result_read"]
    );
    for row in ours {
        assert_eq!(
            (&row["provider"], &row["scopes"]),
            (&json!(null), &json!([]))
        );
        assert_eq!(row["annotations"]["openWorldHint"], false);
    }
    for (row, tool) in tools.as_array().unwrap().iter().zip(&all) {
        assert_eq!(row["name"], *tool.name);
        assert_eq!(row["provider"], *tool.provider);
        assert_eq!(row["scopes"], json!(tool.scopes));
        let read_only = &row["annotations"]["readOnlyHint"];
        assert_eq!(read_only, tool.annotations.read_only, "{}", tool.name);
        assert_eq!(row["description"], tool.description);
        assert_eq!(row["input_schema"]["type"], "object");
        let schema = row["input_schema"].to_string();
        let told = [&*tool.name, &*tool.description, &schema];
        let told: usize = told.iter().map(|text| text.chars().count()).sum();
        assert_eq!(row["size"], told, "{}", tool.name);
    }
    let text = run(&world, &["tools"]).await.stdout;
    for tool in &all {
        assert!(text.contains(&*tool.name), "{}", tool.name);
    }
    assert_eq!(text.matches(" characters\n").count(), all.len() + 3);
    assert!(!text.contains('\u{1b}'), "no colours in a pipe");
}

#[tokio::test]
async fn the_version_tells_a_digest_of_the_list_of_tools_that_stays_the_same() {
    let world = world().await;
    let plain = run(&world, &["--version"]).await;
    let version = format!("valetkey {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!((plain.code, plain.stdout), (0, version));
    let first = run(&world, &["--version", "--json"]).await.json();
    assert_eq!(first["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(first["tools_sha256"].as_str().unwrap().len(), 64);
    assert_eq!(run(&world, &["-V", "--json"]).await.json(), first);

    let fewer =
        std::fs::read_to_string(&world.config).unwrap() + "toolkits: { enabled: [slack] }\n";
    std::fs::write(&world.config, fewer).unwrap();
    let other = run(&world, &["--version", "--json"]).await.json();
    assert_ne!(other["tools_sha256"], first["tools_sha256"]);
    assert_eq!(run(&world, &[]).await.code, 2, "without a command");
}
