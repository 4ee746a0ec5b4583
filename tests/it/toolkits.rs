//! A user's own toolkits: the README's example word by word, and what becomes of broken ones.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use url::Url;
use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::{SandboxSettings, Site};

use crate::cli::run;
use crate::host::{Host, assert_clean, text_of};
use crate::session::{Era, Session};
use crate::world::World;

const README: &str = include_str!("../../README.md");

/// The first YAML block after a heading, without its indent.
fn yaml_below(heading: &str) -> String {
    let (_, section) = README.split_once(&format!("\n## {heading}\n")).unwrap();
    let (before, block) = section.split_once("```yaml\n").unwrap();
    let indent = before.len() - before.trim_end_matches(' ').len();
    let (block, _) = block.split_once("```").unwrap();
    let lines = block.lines();
    lines
        .map(|line| line.get(indent..).unwrap_or_default().to_owned() + "\n")
        .collect()
}

/// Writes a toolkit where a home's are.
fn write(home: &Path, folder: &str, text: &str) -> PathBuf {
    let folder = home.join(".config/valetkey/toolkits").join(folder);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("toolkit.yaml"), text).unwrap();
    folder
}

#[test]
fn whoever_follows_the_readme_has_a_tool_that_asks_for_its_grant_and_works() {
    let toolkit = yaml_below("Write a toolkit of your own");
    let entry = yaml_below("Configuration");
    assert!(
        entry.contains("- id: acme "),
        "the entry that the toolkit names"
    );
    for era in Era::ALL {
        let host = Host::new("");
        let folder = write(host.world.home(), "acme", &toolkit);
        // The sandbox's entry in the place of the README's, whose addresses are examples.
        let config = fs::read_to_string(&host.world.config).unwrap();
        let config = config.replace("- id: custom\n", "- id: acme\n");
        fs::write(&host.world.config, config).unwrap();
        let callback = format!("http://localhost:{}/oauth/callback/acme", host.world.port);
        let callback = Url::parse(&callback).unwrap();
        host.world
            .sandbox
            .register_redirect_uri(Site::Custom, &callback);
        let checked = host.wait(run(
            &host.world,
            &["toolkit", "check", folder.to_str().unwrap()],
        ));
        assert_eq!(
            (checked.code, &*checked.stderr),
            (0, ""),
            "{}",
            checked.stdout
        );

        let mut session = Session::open(&host, era);
        let params = json!({ "name": "acme_list_notes", "arguments": { "limit": 5 } });
        let asked = session.ask(&params);
        let link = asked.link.clone();
        host.connect(&link.unwrap_or_else(|| panic!("no link: {}", asked.message)));
        let answer = session.go_on(&params, &asked);

        let result = &answer["result"];
        assert_eq!(result["isError"], false, "{answer}");
        let notes = &result["structuredContent"]["notes"];
        assert_eq!(*notes, json!([{ "id": 1, "text": "Water the plants" }]));
        let text = text_of(&answer);
        assert!(text.contains("Water the plants"), "{text}");
        assert!(text.contains("ada@example.test"), "{text}");
        session.alone(&params);
        assert_clean(session.server);
    }
}

const SMALL: &str = "provider: google
toolkit: small
tools:
  - name: small_list_labels
    title: List labels
    description: List labels.
    scopes: [https://www.googleapis.com/auth/gmail.labels]
    method: GET
    path: /gmail/v1/users/me/labels
    keep: [{from: labels, each: [id, name]}]
";

async fn world(more: &str) -> World {
    World::in_real_time(SandboxSettings::default(), more).await
}

/// Without Valetkey's own, which are of no toolkit.
fn names(tools: &Value) -> Vec<&str> {
    let rows = tools.as_array().unwrap().iter();
    let names = rows.map(|row| row["name"].as_str().unwrap());
    let is_own = |name: &&str| name.starts_with("connections_") || *name == "result_read";
    names.filter(|name| !is_own(name)).collect()
}

#[tokio::test]
async fn a_broken_toolkit_is_left_out_with_the_reason_and_takes_nothing_down() {
    let built_in = valetkey_toolkits::all().len();
    let open = |path: &Path| {
        fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
    };
    for (case, reason) in [
        ("mistake", "toolkit.yaml:9:11: `path` is a whole address"),
        ("syntax", "toolkit.yaml:1:"),
        ("open file", "Everyone can change it. Run: chmod o-w"),
        ("open folder", "Everyone can change it. Run: chmod o-w"),
        ("built-in name", "There is a toolkit `gmail` already"),
        ("twice", "There is a toolkit `small` already"),
        ("no file", "The file cannot be read"),
        ("a pipe", "not a regular file"),
    ] {
        let world = world("").await;
        write(world.home(), "a-good-one", &SMALL.replace("small", "good"));
        let folder = write(world.home(), "broken", SMALL);
        let file = folder.join("toolkit.yaml");
        match case {
            "mistake" => {
                let text = SMALL.replace("path: /", "path: https://evil.example/");
                fs::write(&file, text).unwrap();
            }
            "syntax" => fs::write(&file, "{").unwrap(),
            "open file" => open(&file),
            "open folder" => {
                fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
            }
            "built-in name" => fs::write(&file, SMALL.replace("small", "gmail")).unwrap(),
            "twice" => drop(write(world.home(), "another", SMALL)),
            "no file" => {
                fs::remove_file(&file).unwrap();
                std::os::unix::fs::symlink("/nowhere", &file).unwrap();
            }
            _ => {
                fs::remove_file(&file).unwrap();
                let made = std::process::Command::new("mkfifo").arg(&file).status();
                assert!(made.unwrap().success());
            }
        }
        let listed = run(&world, &["tools", "--json"]).await;
        assert_eq!(listed.code, 0, "{case}: {}", listed.stderr);
        assert!(listed.stderr.contains(reason), "{case}: {}", listed.stderr);
        let mut own = vec!["good_list_labels"];
        own.extend((case == "twice").then_some("small_list_labels"));
        assert_eq!(names(&listed.json())[built_in..], own, "{case}");
        let text = run(&world, &["tools"]).await.stdout;
        assert!(text.contains(reason), "{case}: {text}");
        let called = run(&world, &["call", "small_list_labels", "[]"]).await;
        assert_eq!(called.code, 2, "{case}");
    }
}

#[test]
fn a_server_starts_with_a_broken_toolkit_and_says_so_in_its_log() {
    let host = Host::new("");
    write(host.world.home(), "broken", "tools: 5\n");
    write(host.world.home(), "small", SMALL);
    let mut session = Session::open(&host, Era::Request);
    let listed = session.server.request(7, "tools/list", &json!({}));
    let tools = &listed["result"]["tools"];
    assert!(names(tools).contains(&"small_list_labels"), "{listed}");
    assert!(names(tools).contains(&"gmail_search"), "{listed}");
    let (_, log) = session.server.finish();
    assert!(
        log.contains("toolkit.yaml:1:1: `provider` is missing"),
        "{log}"
    );
}

#[tokio::test]
async fn paths_name_toolkits_and_folders_of_them_and_what_is_not_there_is_told() {
    let world = world("toolkits: { paths: [~/one, ~/many, ~/gone] }\n").await;
    write(world.home(), "unnamed", SMALL);
    let at = |path: &str, name: &str| {
        let folder = world.home().join(path);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("toolkit.yaml"), SMALL.replace("small", name)).unwrap();
    };
    at("one", "one");
    at("many/b", "second");
    at("many/a", "first");
    fs::create_dir(world.home().join("many/empty")).unwrap();
    let listed = run(&world, &["tools", "--json"]).await;
    let tools = listed.json();
    let own = &names(&tools)[valetkey_toolkits::all().len()..];
    assert_eq!(
        own,
        ["one_list_labels", "first_list_labels", "second_list_labels"]
    );
    assert!(
        listed.stderr.contains("/gone: The folder cannot be read"),
        "{}",
        listed.stderr
    );
}

#[tokio::test]
async fn new_writes_a_toolkit_without_mistakes_and_overwrites_nothing() {
    let world = world("").await;
    let folder = world.home().join("Some/My Tools 2");
    let folder = folder.to_str().unwrap();
    let made = run(&world, &["toolkit", "new", folder]).await;
    assert_eq!(made.code, 0, "{}", made.stderr);
    let checked = run(&world, &["toolkit", "check", folder, "--json"]).await;
    assert_eq!(checked.code, 0, "{}", checked.stdout);
    assert_eq!(
        checked.json(),
        json!({ "ok": true, "tools": ["mytools2_list_releases"], "mistakes": [] })
    );
    let file = Path::new(folder).join("toolkit.yaml");
    fs::write(&file, "mine").unwrap();
    let again = run(&world, &["toolkit", "new", folder]).await;
    assert_eq!(again.code, 2);
    assert!(again.stderr.contains("stays as it is"), "{}", again.stderr);
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    let taken = world.home().join("gmail");
    run(&world, &["toolkit", "new", taken.to_str().unwrap()]).await;
    let text = fs::read_to_string(taken.join("toolkit.yaml")).unwrap();
    assert!(text.contains("toolkit: mytools\n"), "{text}");
}

#[tokio::test]
async fn check_tells_every_mistake_with_file_line_and_remedy() {
    let world = world("").await;
    let text = SMALL
        .replace("title:", "titel:")
        .replace("method: GET", "method: FETCH");
    let folder = write(world.home(), "broken", &text);
    let file = folder.join("toolkit.yaml");
    let folder = folder.to_str().unwrap();
    let checked = run(&world, &["toolkit", "check", folder]).await;
    assert_eq!(checked.code, 1);
    for (line, part) in [
        (4, "`title` is missing here. Write"),
        (5, "`titel`"),
        (8, "`FETCH`"),
    ] {
        let place = format!("{}:{line}:", file.display());
        let told = |text: &str| text.starts_with(&place) && text.contains(part);
        assert!(
            checked.stdout.lines().any(told),
            "{part}: {}",
            checked.stdout
        );
    }
    assert!(
        checked.stdout.ends_with("3 mistakes.\n"),
        "{}",
        checked.stdout
    );
    let json = run(&world, &["toolkit", "check", folder, "--json"]).await;
    assert_eq!(json.code, 1);
    let mistakes = json.json()["mistakes"].clone();
    assert_eq!(mistakes.as_array().unwrap().len(), 3);
    assert_eq!(mistakes[0]["line"], 4);
    assert_eq!(mistakes[0]["file"], file.to_str().unwrap());

    let gone = run(&world, &["toolkit", "check", "/nowhere"]).await;
    assert_eq!(gone.code, 2);
    // A toolkit can be checked before there is a configuration, or a provider in it.
    write(world.home(), "broken", &SMALL.replace("google", "hooli"));
    let noted = run(&world, &["toolkit", "check", folder]).await;
    assert_eq!(noted.code, 0, "{}", noted.stdout);
    assert!(
        noted.stderr.contains("no provider entry `hooli`"),
        "{}",
        noted.stderr
    );
    fs::write(&world.config, "nonsense: true\n").unwrap();
    let unconfigured = run(&world, &["toolkit", "check", folder]).await;
    assert_eq!(unconfigured.code, 0, "{}", unconfigured.stderr);
}

const WRITING: &str = "provider: google
toolkit: own
tools:
  - name: own_create_label
    title: Create a label
    description: Creates a label.
    scopes: [https://www.googleapis.com/auth/gmail.labels]
    method: POST
    path: /gmail/v1/users/me/labels
    parameters:
      - { name: name, in: body, type: string, required: true, description: Its name. }
    constants: { body: { labelListVisibility: labelShow } }
    keep: [id, name]
  - name: own_call_api
    kind: api
    title: Call Gmail
    description: Sends a request.
    scopes: [https://www.googleapis.com/auth/gmail.labels]
    allow: [GET /gmail/v1/users/me/labels, POST /gmail/v1/users/me/labels]
";

#[test]
fn a_dry_run_of_a_declared_tool_binds_the_call_to_the_request_it_showed() {
    let free = |body: Value| {
        json!({ "name": "own_call_api", "arguments": {
            "method": "POST", "path": "/gmail/v1/users/me/labels", "body": body } })
    };
    let named = |name: &str| json!({ "name": "own_create_label", "arguments": { "name": name } });
    let with = |mut params: Value, name: &str, value: Value| {
        params["arguments"][name] = value;
        params
    };
    let host = Host::new("");
    write(host.world.home(), "own", WRITING);
    let mut session = Session::open(&host, Era::Retry);
    let list = json!({ "name": "own_call_api", "arguments": {
        "method": "GET", "path": "/gmail/v1/users/me/labels" } });
    let labels = |answer: &Value| {
        let answer = &answer["result"]["structuredContent"]["answer"];
        answer["labels"].as_array().unwrap().len()
    };
    let before = labels(&session.with(&list, Person::new()).0);
    let mut ids = Vec::new();
    for (call, other) in [
        (named("Bees"), named("Bee")),
        (
            free(json!({ "name": "Wasps" })),
            free(json!({ "name": "Wasp" })),
        ),
    ] {
        let shown = session.alone(&with(call.clone(), "dry_run", true.into()));
        let structured = &shown["result"]["structuredContent"];
        assert_eq!(structured["would_send"]["method"], "POST", "{shown}");
        let body = &structured["would_send"]["body"];
        for (name, value) in body.as_object().unwrap() {
            let line = format!("\"{name}\": {value}");
            assert!(text_of(&shown).contains(&line), "{line}: {shown}");
        }
        let id = structured["preview_id"].clone();
        assert!(text_of(&shown).ends_with(&format!("preview_id: {}", id.as_str().unwrap())));
        let refused = session.alone(&with(other, "preview_id", id.clone()));
        let code = &refused["result"]["structuredContent"]["error"]["code"];
        assert_eq!(code, "preview_changed", "{refused}");
        ids.push((call, id));
    }
    let (call, id) = &ids[0];
    let keyed = with(
        with(call.clone(), "preview_id", id.clone()),
        "idempotency_key",
        "bees".into(),
    );
    let first = session.alone(&keyed);
    assert_eq!(
        first["result"]["structuredContent"]["name"], "Bees",
        "{first}"
    );
    let again = session.alone(&keyed);
    assert_eq!(
        again["result"]["structuredContent"]["id"],
        first["result"]["structuredContent"]["id"]
    );
    assert_eq!(labels(&session.alone(&list)), before + 1);
    assert_clean(session.server);

    // The same arguments are another request when the file has changed.
    let changed = WRITING.replace("labelShow", "labelHide");
    write(host.world.home(), "own", &changed);
    let mut session = Session::open(&host, Era::Retry);
    let refused = session.alone(&with(call.clone(), "preview_id", id.clone()));
    let code = &refused["result"]["structuredContent"]["error"]["code"];
    assert_eq!(code, "preview_changed", "{refused}");
    let (call, id) = &ids[1];
    let done = session.alone(&with(call.clone(), "preview_id", id.clone()));
    assert_eq!(done["result"]["isError"], false, "{done}");
    assert_clean(session.server);
}
