//! The GitHub tools through the whole server, against the sandbox, with no more scopes than each
//! call turns out to need.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use valetkey::demo::sandbox::SandboxSettings;

use crate::frames::Server;
use crate::host::{Host, assert_clean, call, link_of, retry};
use crate::session::{self, Era};

const PUBLIC: &str = "lovelace-labs/engine";
const PRIVATE: &str = "lovelace-labs/plans";

/// One person's session, which allows whatever is asked for.
struct Session {
    host: Host,
    server: Server,
    id: i64,
    links: usize,
}

impl Session {
    fn new(settings: SandboxSettings) -> Self {
        let host = Host::with(settings, "");
        let server = host.server();
        Self {
            host,
            server,
            id: 0,
            links: 0,
        }
    }

    /// The result of a call, after every link that it needs.
    fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        let params = json!({ "name": tool, "arguments": arguments });
        self.id += 1;
        let mut answer = call(&mut self.server, self.id, params.clone());
        while answer["result"]["inputRequests"].is_object() {
            self.links += 1;
            assert!(self.links < 9, "{tool} asks without end");
            self.host.connect(&link_of(&answer));
            self.id += 1;
            let params = retry(&params, &answer, "accept");
            answer = call(&mut self.server, self.id, params);
        }
        answer["result"].clone()
    }

    fn good(&mut self, tool: &str, arguments: &Value) -> Value {
        let result = self.call(tool, arguments);
        assert_eq!(result["isError"], false, "{tool}: {result}");
        result
    }

    fn scopes(&self) -> BTreeSet<String> {
        let ended = self.host.wait(crate::cli::run(
            &self.host.world,
            &["connections", "--json"],
        ));
        let json = ended.json();
        let permissions = json[0]["permissions"].as_array().unwrap().iter();
        permissions
            .filter(|line| line["granted"] == true)
            .map(|line| line["scope"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn sandbox() -> SandboxSettings {
    SandboxSettings {
        marker: "canary".to_owned(),
        ..SandboxSettings::default()
    }
}

/// Reads of one repository.
fn reads(repo: &str) -> Vec<(&'static str, Value)> {
    vec![
        (
            "github_get_file",
            json!({ "repo": repo, "path": "README.md" }),
        ),
        ("github_get_file", json!({ "repo": repo, "path": "" })),
        ("github_get_tree", json!({ "repo": repo })),
        ("github_list_commits", json!({ "repo": repo, "limit": 1 })),
        (
            "github_get_issue",
            json!({ "repo": repo, "issue_number": 1 }),
        ),
        (
            "github_list_workflow_runs",
            json!({ "repo": repo, "failures": true }),
        ),
        (
            "github_get_failed_logs",
            json!({ "repo": repo, "run_id": 3 }),
        ),
    ]
}

#[test]
fn a_link_that_asks_for_no_scope_does_not_list_any() {
    for era in [Era::Text, Era::Retry] {
        let host = Host::new("");
        let mut session = session::Session::open(&host, era);
        let asked = session.ask(&json!({ "name": "github_whoami", "arguments": {} }));
        let told = asked.message.to_string();
        assert!(
            told.contains("Connect your GitHub. GitHub shows what is asked for."),
            "{told}"
        );
        assert!(!told.contains(": ."), "{told}");
        session.server.kill();
    }
}

#[test]
fn public_repositories_are_read_without_a_scope_and_private_ones_ask_for_theirs() {
    let mut session = Session::new(sandbox());
    session.good("github_whoami", &json!({}));
    for (tool, arguments) in reads(PUBLIC) {
        session.good(tool, &arguments);
    }
    let found = session.good(
        "github_search_repositories",
        &json!({ "query": "lovelace" }),
    );
    let repositories = found["structuredContent"]["items"].as_array().unwrap();
    let names: Vec<&Value> = repositories.iter().map(|it| &it["repo"]).collect();
    assert_eq!(
        names,
        [PUBLIC],
        "private ones are not found without a scope"
    );
    let log = session.good(
        "github_get_failed_logs",
        &json!({ "repo": PUBLIC, "job_id": 7 }),
    );
    let log = log["content"][0]["text"].as_str().unwrap();
    assert!(
        log.contains("\nturning [2 times]\nerror: the handle broke\n"),
        "{log}"
    );
    let pull = json!({ "repo": PUBLIC, "pull_number": 6 });
    session.good("github_get_pull_request", &pull);
    session.good("github_get_pull_request_diff", &pull);
    assert_eq!(session.links, 1, "one link without any scope was enough");
    assert_eq!(session.scopes(), BTreeSet::new());

    for (tool, arguments) in reads(PRIVATE) {
        session.good(tool, &arguments);
    }
    assert_eq!(session.links, 2, "the first private one asked for `repo`");
    assert!(session.scopes().contains("repo"));
    assert_clean(session.server);
}

#[test]
fn a_change_goes_from_a_commit_to_a_reviewed_pull_request_with_public_repo_alone() {
    let mut session = Session::new(sandbox());
    let changes = json!([
        { "op": "update", "path": "src/mill.rs", "content": "fn mill() {\n    whisper();\n}\n" },
        { "op": "rename", "path": "docs/holes.md", "from": "docs/cards.md" },
        { "op": "create", "path": "NEWS.md", "content": "Quieter.\n" },
    ]);
    let committed = session.good(
        "github_commit_files",
        &json!({ "repo": PUBLIC, "branch": "quiet", "create_branch_from": "main",
                 "message": "Whisper", "changes": changes }),
    );
    let file = session.good(
        "github_get_file",
        &json!({ "repo": PUBLIC, "path": "src/mill.rs", "ref": "quiet", "start_line": 2, "end_line": 2 }),
    );
    let text = file["content"][0]["text"].as_str().unwrap();
    assert!(text.ends_with("---\n    whisper();\n"), "{text}");
    assert!(!text.contains("token=") && file["structuredContent"].is_null());

    let opened = session.good(
        "github_create_pull_request",
        &json!({ "repo": PUBLIC, "head": "quiet", "title": "Whisper", "closes": [2] }),
    );
    let opened = &opened["structuredContent"]["pull_request"];
    assert_eq!(opened["head_sha"], committed["structuredContent"]["commit"]);
    assert_eq!(opened["changed_files"], 4);
    let number = opened["number"].clone();
    let pull = json!({ "repo": PUBLIC, "pull_number": number });
    let diff = session.good("github_get_pull_request_diff", &pull);
    let diff = diff["content"][0]["text"].as_str().unwrap();
    assert!(diff.contains("    2 +    whisper();"), "{diff}");

    let comments = json!([{ "path": "src/mill.rs", "line": 2, "body": "Louder?" }]);
    let mut review = json!({ "repo": PUBLIC, "pull_number": number, "event": "comment",
                             "comments": comments });
    session.good("github_submit_review", &review);
    review["comments"][0]["line"] = json!(90);
    let refused = session.call("github_submit_review", &review);
    assert_eq!(refused["isError"], true);
    review["event"] = json!("approve");
    review["comments"] = json!([]);
    let own = session.call("github_submit_review", &review);
    assert_eq!(own["isError"], true, "{own}");
    let read = session.good("github_get_pull_request", &pull);
    let read = &read["structuredContent"];
    assert_eq!(read["reviews"][0]["state"], "commented");
    assert_eq!(read["checks"]["passed"], 1);

    let said = json!({ "repo": PUBLIC, "issue_number": 2, "body": "Fixed." });
    session.good("github_add_comment", &said);
    let issue = session.good(
        "github_get_issue",
        &json!({ "repo": PUBLIC, "issue_number": 2 }),
    );
    let comments = issue["structuredContent"]["comments"].as_array().unwrap();
    assert_eq!(
        (comments.len(), &comments[0]["body"]),
        (8, &json!("Fixed."))
    );
    assert_eq!(session.links, 1);
    assert_eq!(session.scopes(), BTreeSet::from(["public_repo".to_owned()]));

    let private = json!({ "repo": PRIVATE, "issue_number": 1, "body": "More cake." });
    session.good("github_add_comment", &private);
    assert_eq!(session.links, 2, "a private repository needs `repo`");
    assert!(session.scopes().contains("repo"));
    assert_clean(session.server);
}

#[test]
fn a_search_of_code_asks_for_private_repositories_before_it_misses_them() {
    let mut session = Session::new(sandbox());
    let found = session.good(
        "github_search_code",
        &json!({ "query": "bell", "limit": 1 }),
    );
    let found = &found["structuredContent"];
    assert_eq!(
        found["page"]["total_estimate"], 2,
        "the private one included"
    );
    assert_eq!(found["items"][0]["path"], "src/mill.rs");
    assert!(found["page"]["next_cursor"].is_string());
    assert!(session.scopes().contains("repo"));
    assert_clean(session.server);
}

#[test]
fn a_github_apps_connection_is_never_asked_for_scopes_twice() {
    let mut session = Session::new(SandboxSettings {
        github_app: true,
        ..sandbox()
    });
    for (tool, arguments) in reads(PRIVATE) {
        session.good(tool, &arguments);
    }
    let missing = json!({ "repo": "lovelace-labs/nothing", "path": "README.md" });
    let answer = session.call("github_get_file", &missing);
    assert_eq!(answer["isError"], true);
    assert!(answer.to_string().contains("installed on it"), "{answer}");
    assert_eq!(session.links, 1);
    assert_clean(session.server);
}
