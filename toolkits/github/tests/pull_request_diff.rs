//! `github_get_pull_request_diff`.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::pull_request::pull;
use super::{assert_refused_unsent, assert_steps_up, page};
use crate::fake::{Provider, Seen, run};

const TOOL: &str = "github_get_pull_request_diff";

fn file(name: &str, lines: usize) -> Value {
    let added: Vec<String> = (0..lines).map(|n| format!("\n+line {n}")).collect();
    let added = added.concat();
    json!({
        "sha": "b", "filename": name, "status": "modified", "additions": lines, "deletions": 0,
        "changes": lines, "raw_url": "https://github.com/raw?token=SECRET",
        "patch": format!("@@ -1,1 +1,{} @@\n context{added}", lines + 1),
    })
}

/// A pull request of these files, which GitHub lists up to 3,000 of.
async fn github(files: Vec<Value>) -> Provider {
    Provider::start(move |request: &Seen, _| -> Response {
        if !request.path.ends_with("/files") {
            let mut pull = pull();
            pull["changed_files"] = json!(files.len());
            return Json(pull).into_response();
        }
        assert_eq!(request.query("per_page"), "100");
        let number: usize = request.query("page").parse().unwrap();
        let listed = &files[..files.len().min(3000)];
        let items: Vec<_> = listed.iter().skip((number - 1) * 100).take(100).collect();
        page(&json!(items), number * 100 < listed.len())
    })
    .await
}

async fn read(provider: &Provider, more: Value) -> String {
    let mut arguments = json!({ "repo": "octo/app", "pull_number": 12 });
    for (name, value) in more.as_object().unwrap() {
        arguments[name] = value.clone();
    }
    let output = run(provider, TOOL, arguments).await.unwrap();
    assert!(output.structured.is_none());
    output.text
}

fn cursor(text: &str) -> Option<&str> {
    let head = text.split_once("\n---").unwrap().0;
    head.lines()
        .find_map(|line| line.strip_prefix("More: cursor="))
}

/// All parts, each within the limit; their bodies.
async fn all(provider: &Provider, arguments: Value, limit: usize) -> Vec<String> {
    let mut text = read(provider, arguments.clone()).await;
    let mut bodies = Vec::new();
    loop {
        assert!(
            text.chars().count() <= limit + 600,
            "{}",
            text.chars().count()
        );
        assert!(!text.contains("[truncated"));
        bodies.push(text.split_once("\n---").unwrap().1.to_owned());
        let Some(cursor) = cursor(&text) else {
            return bodies;
        };
        let mut next = arguments.clone();
        next["cursor"] = json!(cursor);
        text = read(provider, next).await;
    }
}

#[tokio::test]
async fn a_small_diff_is_shown_whole_with_the_numbers_of_its_lines() {
    let mut renamed = file("src/new.rs", 0);
    renamed["status"] = json!("renamed");
    renamed["previous_filename"] = json!("src/old.rs");
    let mut image = file("logo.png", 0);
    image["status"] = json!("added");
    image["patch"] = Value::Null;
    let mut changed = file("src/a.rs", 0);
    changed["patch"] = json!("@@ -4,2 +5,2 @@ fn x()\n a\n-b \u{202e}\"\n+c");
    let provider = github(vec![changed, renamed, image, file("Cargo.lock", 900)]).await;
    let text = read(&provider, json!({})).await;
    assert_eq!(
        text.split_once("\n---\n").unwrap().1,
        "=== M +0 -0 src/a.rs\n      @@ -4,2 +5,2 @@ fn x()\n    5  a\n      -b \"\n    6 +c\n\
         === R +0 -0 src/old.rs -> src/new.rs\n      @@ -1,1 +1,1 @@\n    1  context\n\
         === A +0 -0 logo.png (no lines: binary or too large)\n\
         === M +900 -0 Cargo.lock (not shown: generated)"
    );
    assert!(text.contains("octo/app#12 at 4ead: 4 files changed, +3 -1"));
    assert!(!text.contains("SECRET") && cursor(&text).is_none());
}

#[tokio::test]
async fn a_large_diff_comes_as_a_list_of_files_first() {
    let provider = github((0..60).map(|n| file(&format!("src/{n}.rs"), 200)).collect()).await;
    let text = read(&provider, json!({})).await;
    assert!(text.contains("view=patch"));
    assert!(text.ends_with("\nM +200 -0 src/59.rs"));
    assert!(!text.contains("=== "));
    let text = read(&provider, json!({ "view": "patch", "paths": "src/7.rs" })).await;
    assert!(
        text.contains("=== M +200 -0 src/7.rs") && text.ends_with("  201 +line 199"),
        "{text}"
    );
}

#[tokio::test]
async fn a_diff_of_five_thousand_files_comes_in_parts_within_the_cap() {
    let files: Vec<Value> = (0..5000)
        .map(|n| file(&format!("folder/of/files/number-{n}.rs"), 20))
        .collect();
    let provider = github(files).await;
    let text = read(&provider, json!({})).await;
    assert!(
        text.contains("5000 files changed") && text.contains("lists the first 3000 files only")
    );
    for (arguments, limit) in [
        (json!({}), 40_000),
        (json!({ "view": "patch", "max_chars": 55_000 }), 55_000),
    ] {
        let bodies = all(&provider, arguments, limit).await;
        let joined = bodies.concat();
        for number in 0..3000 {
            let name = format!("number-{number}.rs");
            assert_eq!(
                joined.matches(&name).count()
                    - joined.matches(&format!("{name} (continued)")).count(),
                1,
                "{name}"
            );
        }
    }
    assert!(
        provider
            .seen()
            .iter()
            .all(|seen| !seen.path.contains("evil"))
    );
}

#[tokio::test]
async fn one_huge_patch_is_read_in_parts_without_a_gap() {
    let provider = github(vec![file("a.rs", 9000), file("b.min.js", 1)]).await;
    let arguments = json!({ "view": "patch", "max_chars": 5000 });
    let joined = all(&provider, arguments, 5000).await.concat();
    let numbers: Vec<usize> = joined
        .lines()
        .filter_map(|line| line.split_once("+line ")?.1.parse().ok())
        .collect();
    assert_eq!(numbers, (0..9000).collect::<Vec<_>>());

    let mut long = file("x.js", 1);
    long["patch"] = json!(format!("@@ -0,0 +1 @@\n+{}", "y".repeat(100_000)));
    let provider = github(vec![long]).await;
    let text = read(&provider, json!({ "view": "patch", "max_chars": 2000 })).await;
    assert!(text.ends_with("yyy…") && cursor(&text).is_none());
}

#[tokio::test]
async fn a_filter_that_fits_late_goes_on_with_a_cursor_and_a_new_head_is_told() {
    let mut files: Vec<Value> = (0..2000).map(|n| file(&format!("{n}.rs"), 1)).collect();
    files.push(file("late.md", 1));
    let provider = github(files).await;
    let before = provider.seen().len();
    let text = read(&provider, json!({ "paths": "*.md", "view": "patch" })).await;
    assert!(text.contains("None of the files so far"));
    assert!(
        provider.seen().len() - before <= 9,
        "a call asks for a few pages"
    );
    let bodies = all(
        &provider,
        json!({ "paths": "*.md", "view": "patch" }),
        40_000,
    )
    .await;
    assert!(bodies.concat().contains("late.md"));

    let old = crate::cursor::wrap(&json!({ "view": "patch", "file": 0, "line": 0, "head": "01d" }));
    let text = read(&provider, json!({ "cursor": old })).await;
    assert!(text.contains("Warning: its head has changed"));
}

#[tokio::test]
async fn what_does_not_fit_is_refused_unsent_and_private_ones_ask_for_their_scope() {
    let good = json!({ "repo": "octo/app", "pull_number": 12 });
    let far = crate::cursor::wrap(&json!({ "view": "stat", "file": 3000, "line": 0, "head": "x" }));
    let wrong = [
        ("view", json!("raw")),
        ("cursor", json!("x")),
        ("cursor", json!(far)),
    ];
    assert_refused_unsent(TOOL, &good, &wrong).await;
    assert_steps_up(TOOL, &good).await;
}
